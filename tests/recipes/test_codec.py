"""Codecs from the command line: trained, files through it and back, what is lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_codecs import tiny_codec

from harken.audio.clip import Clip
from harken.audio.load import load
from harken.cli.artefacts import check_all
from harken.cli.main import main
from harken.errors import ConfigError, DataError
from harken.recipes.codec import decode_files, encode_files, read_codes, reconstruct, usage_row
from harken.runs import read_run
from tones import tones

SMALL = [
    f"codec.{setting}"
    for setting in (
        "steps=4", "batch=2", "strides=[8,5]", "channels=[4,8]", "dim=4", "codebooks=2", "size=8",
        "crop_s=0.1", "windows=[64]", "watch_every=2",
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    tones(root / "corpus")
    tiny_codec().save(root / "model")
    return root / "corpus"


def test_train_encode_decode_reconstruct(
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def harken(*words: str) -> dict[str, object]:
        monkeypatch.setattr(sys, "argv", ["harken", *words, "--json"])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code in (0, None)
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    monkeypatch.chdir(tmp_path)
    sets = [word for setting in SMALL for word in ("--set", setting)]
    made = harken("train-codec", str(corpus), "-o", "run", *sets)
    assert made["codebooks"] == 2 and made["steps"] == 4 and made["recordings"] == 30
    again = harken("train-codec", str(corpus), "-o", "run", *sets)
    assert again == made  # finished: opened, and not trained again
    assert read_run("run").done and not [one for one in check_all(Path("run")) if one.faults]
    sound = corpus / "tone" / "3.wav"
    harken("encode", "run/model", str(sound), "-o", "codes")
    harken("decode", "run/model", "codes/3.safetensors", "-o", "sounds")
    assert len(load(Clip("file", "sounds/3.wav"))) == len(load(Clip("file", str(sound))))
    found = harken("reconstruct", "run/model", str(corpus), "--limit", "3")
    assert found["recordings"] == 3 and len(found["levels"]) == 2  # type: ignore[arg-type]


def test_codes_in_files_are_those_of_the_codec(corpus: Path, tmp_path: Path) -> None:
    sounds = [corpus / "hum" / "0.wav", corpus / "tone" / "1.wav"]
    model = str(corpus.parent / "model")
    made = encode_files(model, sounds, tmp_path / "codes", codebooks=2)
    codec = tiny_codec()
    for path, row in zip(sounds, made["files"], strict=True):
        codes, head = read_codes(Path(row["file"]))
        samples = load(Clip("file", str(path)))
        assert np.array_equal(codes, codec.encode(samples, 2))
        assert head == {"codec": codec.identity(), "samples": len(samples)}
    one = tmp_path / "codes" / "0.safetensors"
    decode_files(model, [one], tmp_path / "sounds", codebooks=1)
    heard = load(Clip("file", str(tmp_path / "sounds" / "0.wav")))
    expected = codec.decode(codec.encode(load(Clip("file", str(sounds[0]))), 1), len(heard))
    assert np.allclose(heard, np.clip(expected, -1, 1), atol=1e-4)
    with pytest.raises(ConfigError, match="3 codebooks are asked for, and the file has 2"):
        decode_files(model, [one], tmp_path / "sounds", codebooks=3)
    before = one.read_bytes()
    encode_files(model, sounds, tmp_path / "codes", codebooks=2)
    assert one.read_bytes() == before


def test_codes_of_another_codec_and_other_files_are_refused(corpus: Path, tmp_path: Path) -> None:
    tiny_codec(seed=1).save(tmp_path / "other")
    made = encode_files(str(tmp_path / "other"), [corpus / "hum" / "0.wav"], tmp_path / "codes")
    with pytest.raises(DataError, match="codes of another codec"):
        decode_files(
            str(corpus.parent / "model"), [Path(made["files"][0]["file"])], tmp_path / "sounds"
        )
    with pytest.raises(DataError, match="no codes can be read"):
        read_codes(corpus / "hum" / "0.wav")


def test_two_recordings_of_one_name_are_refused(corpus: Path, tmp_path: Path) -> None:
    sounds = [corpus / "hum" / "0.wav", corpus / "tone" / "0.wav"]
    with pytest.raises(ConfigError, match="several inputs have the name 0"):
        encode_files(str(corpus.parent / "model"), sounds, tmp_path)


def test_use_of_codes_by_hand() -> None:
    assert usage_row(np.array([4, 4, 0, 0]))["perplexity"] == pytest.approx(2.0)
    assert usage_row(np.array([4, 4, 0, 0]))["used"] == 0.5
    assert usage_row(np.array([0, 0]))["used"] == 0.0


def test_a_split_without_recordings_is_told(corpus: Path) -> None:
    with pytest.raises(DataError, match="no recording in split 'nothing'"):
        reconstruct(str(corpus.parent / "model"), [corpus], split="nothing")
