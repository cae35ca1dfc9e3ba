"""JSON lines written by hand: what they become, and every fault told at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harken.audio.clip import Clip
from harken.errors import DataError
from harken.shards.jsonl import read_jsonl
from made_items import tone


def test_hand_written_lines_become_items(tmp_path: Path) -> None:
    one, two = tone(tmp_path / "audio/a.wav", 300), tone(tmp_path / "audio/b.flac", 400)
    lines = [
        {"question": "Which?", "answer": "x", "choices": ["x", "y"], "audio": "audio/a.wav"},
        {
            "question": "Both?",
            "answer": "free text",
            "audio": ["audio/a.wav", {"path": "audio/b.flac", "start_s": 0.1, "duration_s": 0.2}],
            "task": "t",
            "recordings": ["r1"],
        },
        {"question": "Nothing to hear?", "answer": "no"},
    ]
    text = "\n\n".join(json.dumps(line) for line in lines)
    (tmp_path / "items.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    first, second, third = read_jsonl(tmp_path / "items.jsonl", probe=True)
    assert first.clips[0].sha256 == one.sha256 and first.clips[0].path == one.path
    assert first.recordings == ("audio/a.wav",)
    assert second.recordings == ("r1",)
    assert second.clips[1] == Clip(path=two.path, start_s=0.1, duration_s=0.2, sha256=two.sha256)
    assert third.clips == ()


def test_all_faults_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF0000nothing")
    good = {"question": "q", "answer": "a"}
    lines = [
        json.dumps(good),
        "{nonsense",
        "[1, 2]",
        json.dumps({"qestion": "q", "answer": "a"}),
        json.dumps({"question": "q", "answer": "B", "choices": ["dog", "cat"]}),
        json.dumps({**good, "audio": ["gone.wav", 7]}),
        json.dumps(good),
        json.dumps({**good, "choices": "dog"}),
        json.dumps({**good, "audio": "broken.wav"}),
        json.dumps({**good, "clips": [{"kind": "file", "pfad": "x"}]}),
        json.dumps({**good, "id": "0" * 16}),
        json.dumps({**good, "clips": ["a.wav", 3]}),
    ]
    (tmp_path / "bad.jsonl").write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        read_jsonl(tmp_path / "bad.jsonl", probe=True)
    told = str(caught.value)
    for fault in (
        "line 2: not JSON",
        "line 3: a list",
        "line 4: unknown key 'qestion'; did you mean 'question'?",
        "line 4: no 'question'",
        "line 5: the answer 'B' is not among the choices",
        "line 6: audio 'gone.wav': there is no such file [missing]",
        "line 6: audio is neither a path nor an object with a path: 7",
        "line 7: the same item as line 1",
        "line 8: 'choices' is not a list of texts",
        "line 9: audio 'broken.wav'",
        "line 10: not an item",
        "line 11: item 0000000000000000 has content that hashes to",
        "line 12: 'clips' holds 'a.wav', not an object; name paths under 'audio'",
        "line 12: 'clips' holds 3, not an object",
    ):
        assert fault in told
    assert "line 1:" not in told


def test_a_long_list_of_faults_is_cut_and_counted(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("x\n" * 1000)
    with pytest.raises(DataError, match="1000 faults") as caught:
        read_jsonl(tmp_path / "bad.jsonl")
    assert "and 950 more" in str(caught.value)


@pytest.mark.parametrize("clips", [["a.wav"], [{"path": "a.wav"}, "b.wav"], [None], [["a.wav"]]])
def test_paths_under_clips_are_told_to_stand_under_audio(
    tmp_path: Path, clips: list[object]
) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({"question": "Q?", "answer": "x", "clips": clips}))
    with pytest.raises(DataError, match="name paths under 'audio'"):
        list(read_jsonl(path))


def test_pairs_of_a_better_and_a_worse_answer(tmp_path: Path) -> None:
    """One better answer may stand against several worse ones; the better one is never rejected."""
    good = {"question": "What is heard?", "answer": "a dog"}
    lines = [good, {**good, "rejected": "a cat"}, {**good, "rejected": "nothing"}]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert [item.rejected for item in read_jsonl(tmp_path / "pairs.jsonl")] == [
        "",
        "a cat",
        "nothing",
    ]
    for wrong, words in (("a dog", "the answer itself"), (["a cat"], "'rejected' is not text")):
        (tmp_path / "bad.jsonl").write_text(json.dumps({**good, "rejected": wrong}))
        with pytest.raises(DataError, match=f"line 1: .*{words}"):
            read_jsonl(tmp_path / "bad.jsonl")
