"""A codec language model from the command line: trained, says something, goes on, is judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_codec_lm import tiny_codec_lm
from tiny_codecs import tiny_codec

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load, write_wav
from harken.cli.main import main
from harken.corpora.base import Recording
from harken.errors import ConfigError
from harken.models.base import Prompt, Sampling, SpeechSampling
from harken.models.load import load_model
from harken.recipes.codec_lm import said_in
from harken.recipes.speak import speak_file, speak_stream
from harken.runs import read_run
from tones import tones

SMALL = [
    f"codec-lm.{setting}"
    for setting in ("steps=3", "batch=4", "width=16", "layers=1", "heads=2", "inner=32",
                    "max_s=0.03", "watch_every=2", "context=300")
]  # fmt: skip


def run(words: list[str], patch: pytest.MonkeyPatch, out: pytest.CaptureFixture[str]) -> Any:
    patch.setattr(sys, "argv", ["harken", *words, "--json"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (0, None)
    return json.loads(out.readouterr().out)


def test_train_speak_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tones(Path("corpus"))
    tiny_codec().save(Path("codec"))
    sets = [word for setting in SMALL for word in ("--set", setting)]
    words = ["train-codec-lm", "codec", "corpus", "-o", "run", *sets]
    made = run(words, monkeypatch, capsys)
    assert made["texts"] == 5 and made["recordings"] == 30 and made["codebooks"] == 3
    assert run(words, monkeypatch, capsys) == made  # finished: opened, and not trained again
    assert read_run("run").done
    words = ["speak", "run/model", "whistle", "-o", "a.wav", "--seconds", "0.05", "--guidance", "3"]
    said = run(words, monkeypatch, capsys)
    samples = load(Clip("file", "a.wav"))
    assert said["s"] == len(samples) / RATE_HZ <= 0.05 and said["frames"] == len(samples) / 20
    words = ["eval-speech", "run/model", "corpus", "-o", "exam", "--per-text", "2",
             "--seconds", "0.05"]  # fmt: skip
    found = run(words, monkeypatch, capsys)
    group = found["groups"]["sounds"]
    assert group["probe_text"]["natural"]["n"] == 10 and group["probe_text"]["chance"] == 0.2
    # Five tones are told apart by a linear probe; those of an untrained model are not.
    assert group["probe_text"]["natural"]["right"] >= 9
    assert found["likelihood"]["reversed"]["n"] == 10 == found["likelihood"]["text"]["n"]
    assert "voice" not in found["likelihood"], "nobody speaks"
    page = Path("exam/page.html").read_text()
    assert page.count("<audio") == 30 and "data:audio/flac;base64," in page
    assert len(list(Path("exam/sounds").iterdir())) == 30
    assert json.loads(Path("exam/results.json").read_text()) == found


def test_what_is_streamed_is_what_is_written(tmp_path: Path) -> None:
    tiny_codec_lm(tmp_path).save(tmp_path / "saved")
    write_wav(tmp_path / "a.wav", 0.3 * np.sin(np.arange(600) / 5).astype(np.float32), RATE_HZ)
    spec, sampling, chunks = str(tmp_path / "saved"), SpeechSampling(0.06), list[bytes]()
    more = {"voice": "ann", "goes_on": tmp_path / "a.wav", "seed": 3}
    made = speak_file(spec, "three", tmp_path / "b.wav", sampling, **more)  # type: ignore[arg-type]
    speak_stream(spec, "three", chunks.append, sampling, **more)  # type: ignore[arg-type]
    assert made["given_s"] == 600 / RATE_HZ and made["s"] > made["given_s"]
    heard = np.frombuffer(b"".join(chunks[1:]), "<i2").astype(int)
    whole = np.frombuffer((tmp_path / "b.wav").read_bytes()[44:], "<i2").astype(int)
    assert len(chunks) > 2 and len(heard) == len(whole) and np.abs(heard - whole).max() <= 1
    with pytest.raises(ConfigError, match="nothing to say"):
        speak_file(spec, " ", tmp_path / "c.wav", sampling)


def test_what_a_recording_says() -> None:
    clip = Clip("file", "a.wav")
    one = Recording(clip, "a", "speech", labels=("dog", "rain"), speaker="fsdd:theo")
    found = said_in(one)
    assert found is not None and (found.text, found.voice) == ("dog, rain", "theo")
    assert said_in(Recording(clip, "a", "speech")) is None


def test_it_is_asked_as_every_model(tmp_path: Path) -> None:
    tiny_codec_lm(tmp_path).save(tmp_path / "saved")
    write_wav(tmp_path / "a.wav", 0.3 * np.sin(np.arange(600) / 5).astype(np.float32), RATE_HZ)
    model = load_model(f"{tmp_path / 'saved'}?guidance=2")
    prompt = Prompt(
        (Clip("file", str(tmp_path / "a.wav")), "What is said?"), "", ("three", "seven")
    )
    nothing = Prompt(("What is said?",), "", ("three", "seven"))
    logs, none = model.choice_logprobs([prompt, nothing])
    assert logs is not None and np.exp(logs).sum() == pytest.approx(1) and none is None
    told, failed = model.generate([prompt, nothing], Sampling(max_tokens=4))
    assert told.error is None and failed.stop == "failed" and "no clip" in str(failed.error)
    with pytest.raises(ConfigError, match="guidance"):
        load_model(f"{tmp_path / 'saved'}?guidance=-2")
