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
    assert after.clips[0].duration_s == 0.3
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
    path = lines(
        folder / "m.jsonl",
        row(*ask),
        row(*ask, custom={"_skipme": True}),
        row(*ask, _skipme=1),
        row(text("User", "R?"), ask[2], _skipme=False),
    )
    assert len(read(path, "nemo")) == 2
    assert any("2 of 4" in line and "_skipme" in line for line in told)


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


@pytest.mark.parametrize(
    ("given", "span"),
    [
        ({"duration": 0.2}, (0.0, 0.2)),
        ({"duration": 0.2, "offset": 0}, (0.0, 0.2)),
        ({"duration": 0.2, "offset": None}, (0.0, 0.2)),
        ({"offset": 0.1}, (0.1, None)),
        ({"offset": 0.1, "duration": None}, (0.1, None)),
        ({}, (0.0, None)),
    ],
)
def test_offset_and_duration_count_alone_and_together(
    folder: Path, given: dict[str, Any], span: tuple[float, float | None]
) -> None:
    turn = {"from": "User", "type": "audio", "value": "a.wav", **given}
    path = lines(folder / "m.jsonl", row(turn, text("User", "Q?"), text("Assistant", "x")))
    (item,) = read(path, "nemo")
    assert (item.clips[0].start_s, item.clips[0].duration_s) == span


@pytest.mark.parametrize(
    ("members", "asked", "number"),
    [
        (("x/a.wav", "a.wav"), "a.wav", 1),
        (("x/a.wav", "./a.wav"), "a.wav", 1),
        (("x/a.wav", "y/a.wav"), "y/a.wav", 1),
        (("y/b.wav", "x/a.wav"), "a.wav", 1),
    ],
)
def test_a_member_is_found_by_its_whole_name_first(
    folder: Path, members: tuple[str, ...], asked: str, number: int
) -> None:
    path = lines(
        folder / "manifest_0.jsonl", row(audio(asked), text("User", "Q?"), text("Assistant", "x"))
    )
    with tarfile.open(folder / "audio_0.tar", "w") as tar:
        for name in members:
            tar.add(folder / "a.wav", name)
    (item,) = read(path, "nemo")
    assert item.clips[0].row == number


def test_a_last_part_that_two_members_share_is_a_fault(folder: Path) -> None:
    path = lines(
        folder / "manifest_0.jsonl", row(audio("a.wav"), text("User", "Q?"), text("Assistant", "x"))
    )
    with tarfile.open(folder / "audio_0.tar", "w") as tar:
        for name in ("x/a.wav", "y/a.wav"):
            tar.add(folder / "a.wav", name)
    refused(path, "line 1", "2 members of audio_0.tar", "whole name")


def test_equal_names_in_two_archives_are_two_recordings(folder: Path) -> None:
    for number, name in enumerate(("a.wav", "b.wav", "a.wav")):
        ask = (audio("1.wav"), text("User", f"Q{number}?"), text("Assistant", "x"))
        lines(folder / "s" / f"manifest_{number}.jsonl", row(*ask))
        with tarfile.open(folder / "s" / f"audio_{number}.tar", "w") as tar:
            tar.add(folder / name, "1.wav")
    one, two, three = (item.recordings for item in read(folder / "s", "nemo"))
    assert one == three != two
    assert not {"1.wav"} & {*one, *two}


def test_a_damaged_archive_is_told_with_its_name(folder: Path) -> None:
    path = lines(
        folder / "manifest_0.jsonl", row(audio("a.wav"), text("User", "Q?"), text("Assistant", "x"))
    )
    with tarfile.open(folder / "audio_0.tar", "w") as tar:
        tar.add(folder / "a.wav", "a.wav")
        tar.add(folder / "b.wav", "b.wav")
    data = bytearray((folder / "audio_0.tar").read_bytes())
    at = data.rindex(b"ustar")
    data[at - 120 : at - 100] = b"\xff" * 20  # the sum of the second header
    (folder / "audio_0.tar").write_bytes(data)
    refused(path, "tar archive cannot be read", "audio_0.tar")
