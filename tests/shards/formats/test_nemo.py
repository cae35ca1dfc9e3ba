"""NeMo's multimodal conversations: files beside the manifest, and tar archives of shards."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from harken.audio.load import load
from harken.item import Dialogue, Exchange
from made_sets import lines, names, read, refused, wavs

Turn = dict[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wavs(tmp_path, "a.wav", "b.wav")
    return tmp_path


def text(who: str, value: str) -> Turn:
    return {"from": who, "type": "text", "value": value}


def audio(value: str, **more: Any) -> Turn:
    return {"from": "User", "type": "audio", "value": value, "duration": 0.3, **more}


def row(*turns: Turn, **more: Any) -> dict[str, Any]:
    return {"id": "x", "conversations": list(turns), **more}


def test_turns_of_one_speaker_are_one_message(folder: Path) -> None:
    path = lines(
        folder / "manifest.jsonl",
        row(text("User", "Transcribe:"), audio("a.wav"), text("Assistant", "hello")),
        row(audio("a.wav"), text("User", "What is it?"), text("Assistant", "a tone")),
    )
    after, before = read(path, "nemo")
    assert (after.question, after.answer, names(after)) == ("Transcribe:", "hello", ["a.wav"])
    assert after.dialogue == Dialogue(places=((0, 11),))
    assert (before.question, before.dialogue) == ("What is it?", None)
    assert after.clips[0].duration_s is None
    assert before.plan == {"key": "x"}


def test_spoken_questions_and_earlier_turns(folder: Path) -> None:
    path = lines(
        folder / "m.jsonl",
        row(
            text("System", "S"),
            *(audio("a.wav"), text("Assistant", "one"), audio("b.wav"), text("Assistant", "two")),
        ),
    )
    first, second = read(path, "nemo")
    assert (first.question, first.answer) == ("", "one")
    assert first.dialogue == Dialogue("S", (), ((0, 0),))
    assert second.dialogue == Dialogue("S", (Exchange("", "one"),), ((0, 0), (1, 0)))


def test_an_offset_is_the_span_of_the_file(folder: Path) -> None:
    path = lines(
        folder / "m.jsonl",
        row(audio("a.wav", offset=0.1, duration=0.1), text("User", "Q?"), text("Assistant", "x")),
    )
    (item,) = read(path, "nemo")
    assert (item.clips[0].start_s, item.clips[0].duration_s) == (0.1, 0.1)


@pytest.mark.parametrize("archive", ["audio_1.tar", "manifest_1.tar"])
def test_shards_with_their_tar_archives(folder: Path, archive: str) -> None:
    shards = folder / "shards"
    ask = (text("User", "Q?"), text("Assistant", "x"))
    lines(shards / "manifest_0.jsonl", row(audio("../a.wav"), *ask))
    lines(shards / "manifest_1.jsonl", row(audio("b.wav"), text("User", "R?"), ask[1]))
    with tarfile.open(shards / archive, "w") as tar:
        tar.add(folder / "a.wav", "deep/a.wav")
        tar.add(folder / "b.wav", "deep/b.wav")
    plain, packed = read(shards, "nemo")
    assert (plain.question, plain.clips[0].kind) == ("Q?", "file")
    clip = packed.clips[0]
    assert (clip.kind, Path(clip.path).name, clip.row) == ("shard", archive, 1)
    (beside,) = read(
        lines(folder / "b.jsonl", row(audio("b.wav"), text("User", "R?"), ask[1])), "nemo"
    )
    assert beside.id == packed.id  # the same bytes are the same clip
    assert (load(clip) == load(beside.clips[0])).all()


def test_rows_to_be_skipped_are_skipped_as_nemo_does_and_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    ask = (audio("a.wav"), text("User", "Q?"), text("Assistant", "x"))
    path = lines(folder / "m.jsonl", row(*ask), row(*ask, custom={"_skipme": True}))
    assert len(read(path, "nemo")) == 1
    assert any("_skipme" in line for line in told)


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        ((text("User", "Q?"), {**audio("a.wav"), "from": "Assistant"}), "the assistant"),
        ((audio("gone.wav"), text("User", "Q?"), text("Assistant", "x")), "gone.wav"),
        ((audio("a.wav"), text("User", "Q?")), "nothing to teach"),
        ((audio("a.wav"), text("Narrator", "Q?"), text("Assistant", "x")), "'Narrator'"),
        (({**audio("a.wav"), "type": "video"}, text("Assistant", "x")), "'video'"),
        ((text("Assistant", "x"), text("User", "Q?"), text("Assistant", "x")), "must follow"),
    ],
)
def test_faults(folder: Path, turns: tuple[Turn, ...], told: str) -> None:
    good = row(audio("a.wav"), text("User", "Q?"), text("Assistant", "fine"))
    refused(lines(folder / "m.jsonl", good, row(*turns)), "1 fault", "line 2: ", told)


def test_a_member_that_the_archive_lacks_is_a_fault(folder: Path) -> None:
    good = row(audio("a.wav"), text("User", "Q?"), text("Assistant", "x"))
    path = lines(folder / "manifest_0.jsonl", good)
    with tarfile.open(folder / "audio_0.tar", "w") as tar:
        tar.add(folder / "b.wav", "b.wav")
    refused(path, "line 1", "no member of audio_0.tar")
