"""Training of a codec language model: what is drawn, falling loss, a resumed run, its settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stopped import stop_at_append
from tiny_codecs import tiny_codec

from harken.audio.clip import Clip
from harken.audio.load import write_wav
from harken.errors import ConfigError, DataError
from harken.models.codec_lm.model import CodecLanguageModel
from harken.runs import Run
from harken.train.codec_lm import CodecLMTraining, Lines, Utterance, train_codec_lm

TINY = CodecLMTraining(
    steps=24, batch=4, width=16, layers=1, heads=2, inner=32, context=200, max_s=0.02, lr=1e-2,
    watch_every=8, held_out=0.2, checkpoint_every=10, dropout=0.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("codec") / "codec"
    tiny_codec().save(folder)
    return str(folder)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    root = tmp_path_factory.mktemp("sounds")
    found = []
    for number in range(10):
        length = 200 + 40 * number  # 10 to 28 frames; 16 at most are trained on
        wave = 0.3 * np.sin(np.arange(length) * (0.2 if number % 2 else 0.8))
        write_wav(root / f"{number}.wav", wave.astype(np.float32), 16_000)
        clip = Clip("file", str(root / f"{number}.wav"), duration_s=length / 16_000)
        found.append(Utterance(clip, "low" if number % 2 else "high", ("ann", "")[number % 3 == 0]))
    return found


def lines_of(codec: str, said: list[Utterance], settings: CodecLMTraining) -> Lines:
    model = CodecLanguageModel.build(codec, ["low", "high", "ann: low"], settings.shape())
    model.voices = ("ann",)
    return Lines(model, said, [model.codes_of(one.clip) for one in said], settings)


def test_every_recording_is_drawn_once_an_epoch_and_held_out_ones_never(
    codec: str, said: list[Utterance]
) -> None:
    lines = lines_of(codec, said, replace(TINY, transcribe=0.0, unconditional=0.0, max_s=1.0))
    assert len(lines.held) == 2 and sorted([*lines.held, *lines.trained]) == list(range(10))
    drawn = [line for step in (0, 1) for line in lines.draw(step)]
    rows = sorted(line.rows.tobytes() for line in drawn)
    own = [lines.model.pattern.write(lines.codes[i]).tobytes() for i in lines.trained]
    assert rows == sorted(own)
    again = lines_of(codec, said, replace(TINY, transcribe=0.0, unconditional=0.0, max_s=1.0))
    assert [line.before for line in again.draw(5)] == [line.before for line in lines.draw(5)]
    told = {lines.model.tokenizer.plain(line.before) for line in drawn}
    assert any("ann: low" in text for text in told)


def test_the_kinds_of_lines_have_their_shares(codec: str, said: list[Utterance]) -> None:
    lines = lines_of(codec, said, replace(TINY, transcribe=0.3, unconditional=0.5, batch=8))
    drawn = [line for step in range(200) for line in lines.draw(step)]
    written = [line for line in drawn if line.after]
    plain = [line for line in drawn if not line.after and len(line.before) == 2]
    assert len(written) / len(drawn) == pytest.approx(0.3, abs=0.04)
    assert len(plain) / (len(drawn) - len(written)) == pytest.approx(0.5, abs=0.05)
    # Longer recordings are pieces of 16 frames without an end, others whole.
    pattern = lines.model.pattern
    ends = [bool((line.rows[:, 0] == pattern.none).any()) for line in drawn]
    assert all(end == (len(line.rows) != 16) for end, line in zip(ends, drawn, strict=True))
    assert 0 < sum(ends) < len(drawn)


def test_training_lowers_the_loss_and_a_stopped_one_ends_the_same(
    codec: str, said: list[Utterance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Run.open(tmp_path / "run", {"a": 1}) as run:
        model = train_codec_lm(codec, said, TINY, run)
        records = run.records("metrics")
    first, last = (np.mean([r["code"] for r in part if "code" in r])
                   for part in (records[:4], records[-4:]))  # fmt: skip
    assert last < 0.9 * first
    assert [r["step"] for r in records if "held_out_code" in r] == [7, 15, 23]
    assert all(len(r["books"]) == 3 for r in records if "code" in r)
    assert model.voices == ("ann",) and set(model.texts) == {"low", "high"}
    assert model.training["recordings"] == 8 and model.training["step"] == 23
    with monkeypatch.context() as patch, Run.open(tmp_path / "cut", {"a": 1}) as run:
        stop_at_append(patch, 15)
        with pytest.raises(KeyboardInterrupt):
            train_codec_lm(codec, said, TINY, run)
    with Run.open(tmp_path / "cut", {"a": 1}) as run:
        assert train_codec_lm(codec, said, TINY, run).identity() == model.identity()
        assert run.records("metrics") == records


def test_too_little_and_senseless_settings_are_told(
    codec: str, said: list[Utterance], tmp_path: Path
) -> None:
    with Run.open(tmp_path, {"a": 1}) as run, pytest.raises(DataError, match="fewer than two"):
        train_codec_lm(codec, said[:1], TINY, run)
    with pytest.raises(ConfigError, match=r"layers is 0 .*transcribe is 1.*max_s is 0"):
        CodecLMTraining(layers=0, transcribe=1.0, max_s=0)
