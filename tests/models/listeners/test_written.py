"""A listener whose words are in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harken.audio.clip import Clip, silence
from harken.audio.load import write_wav
from harken.audio.probe import file_sha256
from harken.audio.single import span
from harken.errors import ConfigError, DataError
from harken.models.base import Prompt, Reply, Sampling
from harken.models.load import load_model


def sound(folder: Path, name: str, seed: int, seconds: float = 1.0) -> Clip:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.random.default_rng(seed).normal(0, 0.1, round(8000 * seconds)).astype(np.float32)
    write_wav(path, wave, 8000)
    return Clip(path=str(path), duration_s=seconds, sha256=file_sha256(path))


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def heard(model: Any, *clips: Clip) -> list[Reply]:
    prompts = [Prompt((clip, "What?"), "What?") for clip in clips]
    return list(model.generate(prompts, Sampling()))


def test_a_clip_is_known_by_hash_path_name_or_stem(tmp_path: Path) -> None:
    clips = [sound(tmp_path, f"a/{n}.wav", n) for n in range(5)]
    file = lines(
        tmp_path / "said.jsonl",
        {"sha256": clips[0].sha256, "transcript": "by hash"},
        {"path": "a/1.wav", "transcript": "by path"},
        {"file": "2.wav", "transcript": "by name"},
        {"recording": "3", "transcript": "by stem"},
    )
    model = load_model(f"written:{file}")
    replies = heard(model, *clips)
    assert [reply.text for reply in replies] == ["by hash", "by path", "by name", "by stem", ""]
    assert [reply.stop for reply in replies] == ["end"] * 4 + ["failed"]
    assert "no text for 4.wav" in (replies[4].error or "")
    assert model.choice_logprobs([Prompt((clips[0],), "")]) == [None]


def test_a_path_is_of_that_file_only_and_equal_names_are_distinguished(tmp_path: Path) -> None:
    one, two = sound(tmp_path, "a/x.wav", 1), sound(tmp_path, "b/x.wav", 2)
    by_path = load_model(f"written:{lines(tmp_path / 'p.jsonl', {'path': 'a/x.wav', 'text': 'A'})}")
    assert [reply.text for reply in heard(by_path, one, two)] == ["A", ""]
    both = lines(tmp_path / "n.jsonl", {"id": "x", "text": "A"}, {"id": "x", "text": "B"})
    assert "2 rows with different texts" in (
        heard(load_model(f"written:{both}"), one)[0].error or ""
    )


def test_texts_of_the_whole_are_not_those_of_a_part(tmp_path: Path) -> None:
    clip = sound(tmp_path, "x.wav", 1, 2.0)
    whole = load_model(f"written:{lines(tmp_path / 'w.jsonl', {'id': 'x', 'text': 'all of it'})}")
    parts = [clip, span(clip, 0.0, 2.0), span(clip, 1.0, 1.0), span(clip, 0.0, 1.0)]
    assert [reply.text for reply in heard(whole, *parts)] == ["all of it", "all of it", "", ""]
    assert "not for this span" in (heard(whole, parts[2])[0].error or "")
    unsized = Clip(path=clip.path)
    assert heard(whole, unsized)[0].text == "all of it"
    rows = [{"id": "x", "text": "late", "start_s": 1.0, "duration_s": 1.0},
            {"key": parts[3].key, "text": "early"}]  # fmt: skip
    some = load_model(f"written:{lines(tmp_path / 's.jsonl', *rows)}")
    assert [reply.text for reply in heard(some, *parts)] == ["", "", "late", "early"]


def test_silence_has_an_empty_text_and_two_clips_are_too_many(tmp_path: Path) -> None:
    clip = sound(tmp_path, "x.wav", 1)
    model = load_model(f"written:{lines(tmp_path / 'w.jsonl', {'id': 'x', 'text': 'rain'})}")
    (quiet,) = heard(model, silence(3.0))
    assert quiet == Reply("")
    (two,) = model.generate([Prompt((clip, clip), "")], Sampling())
    assert two.stop == "failed" and "2 clips" in (two.error or "")


@pytest.mark.parametrize(
    ("name", "text", "writes"),
    [
        ("c.csv", "file,caption\nx.wav,rain\n", "caption"),
        ("c.tsv", "id\ttranscription\nx\train\n", "transcript"),
        ("c.json", '{"x": "rain"}', "caption"),
        ("c.json", '[{"audio": "x.wav", "transcript": "rain"}]', "transcript"),
        ("c.jsonl", '{"audio": "x.wav", "caption": "rain"}\n', "caption"),
    ],
)
def test_many_kinds_of_file(tmp_path: Path, name: str, text: str, writes: str) -> None:
    clip = sound(tmp_path, "x.wav", 1)
    (tmp_path / name).write_text(text)
    model: Any = load_model(f"written:{tmp_path / name}")
    assert heard(model, clip)[0].text == "rain" and model.writes == writes
    before = model.identity()
    (tmp_path / name).write_text(text.replace("rain", "hail"))
    assert load_model(f"written:{tmp_path / name}").identity() != before


def test_faults_are_reported_at_once(tmp_path: Path) -> None:
    rows = [{"id": "x"}, {"text": "rain"}, {"id": "y", "text": None}, {"id": "z", "text": "ok"},
            {"id": "v", "text": "w", "start_s": "soon"}]  # fmt: skip
    with pytest.raises(DataError) as refused:
        load_model(f"written:{lines(tmp_path / 'x.jsonl', *rows)}")
    told = refused.value.found
    assert "row 1: no text" in told and "row 2: no name" in told and "row 3: no text" in told
    assert "row 5: start_s" in told and "row 4" not in told
    for target, error in (("", ConfigError), ("nowhere.jsonl", DataError)):
        with pytest.raises(error):
            load_model(f"written:{target}")
    with pytest.raises(DataError, match="no row has a text"):
        load_model(f"written:{lines(tmp_path / 'y.jsonl', {'id': 'x'})}")
    (tmp_path / "z.jsonl").write_text('{"id": "x", "text": "a"}\nnonsense\n')
    with pytest.raises(DataError, match="line 2 is not JSON"):
        load_model(f"written:{tmp_path / 'z.jsonl'}")


def test_a_cascade_reads_what_is_written(tmp_path: Path) -> None:
    clips = [sound(tmp_path, f"{n}.wav", n) for n in range(2)]
    file = lines(tmp_path / "t.jsonl", {"id": "0", "transcript": 'say "A"'})
    cascade: Any = load_model(f"cascade:written:{file}+constant:1")
    assert cascade.kind == "transcript"
    (known, unknown) = cascade.generate(
        [Prompt((clip, "?"), "?", ("x", "y"), (0, 1)) for clip in clips], Sampling()
    )
    assert known.text == "B" and unknown.stop == "failed"
    assert "no text for 1.wav" in (unknown.error or "")


def test_words_with_line_separators_are_one_line_of_json(tmp_path: Path) -> None:
    clip = sound(tmp_path, "a.wav", 1)
    rows = [{"id": "a", "text": "one\u2028two"}, {"id": "b", "text": "x\x85y"}]
    file = tmp_path / "said.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    (reply,) = heard(load_model(f"written:{file}"), clip)
    assert "two" in reply.text
