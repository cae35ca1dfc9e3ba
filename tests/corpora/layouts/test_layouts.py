"""Layouts: what each says of its files, on small corpora made here and on real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from broken_files import encoded

from harken.corpora.base import Entry, Recording, Reject
from harken.corpora.fields import label, licences, sole_licence, split_name
from harken.corpora.read import LAYOUTS, read_corpus, recognise
from harken.corpora.scan import scan
from harken.errors import ConfigError, DataError

_hz = iter(range(300, 8_000))


def put(root: Path, *paths: str) -> None:
    """Write a short good file at each path; no two alike."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        format = {"flac": "FLAC", "ogg": "OGG", "mp3": "MP3"}.get(path.rsplit(".", 1)[1], "WAV")
        subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(format, "PCM_16")
        (root / path).write_bytes(encoded(format, subtype, seconds=0.1, hz=float(next(_hz))))


def read(root: Path) -> dict[str, Recording]:
    """Recordings by path relative to the root."""
    corpus = read_corpus(root)
    assert corpus.rejects == ()
    return {str(Path(r.clip.path).relative_to(root.resolve())): r for r in corpus.recordings}


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_layout_has_the_same_structure(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS.get(name)
    assert layout.name == name
    assert layout.matches(tmp_path) == (name == "folder")
    assert all(isinstance(e, Entry | Reject) for e in LAYOUTS.get("folder").entries(tmp_path))


def test_a_folder_is_a_class_a_split_or_both(tmp_path: Path) -> None:
    put(tmp_path, "train/Dog_Bark/a.wav", "test/rain/b.flac", "animals/cat/c.wav", "top.wav")
    found = read(tmp_path)
    assert recognise(tmp_path).name == "folder"
    assert {p: (r.labels, r.split) for p, r in found.items()} == {
        "train/Dog_Bark/a.wav": (("dog bark",), "train"),
        "test/rain/b.flac": (("rain",), "test"),
        "animals/cat/c.wav": (("cat",), ""),
        "top.wav": ((), ""),
    }
    assert found["animals/cat/c.wav"].id == "animals/cat/c"


def test_a_flat_folder_is_labelled_by_the_words_that_names_share(tmp_path: Path) -> None:
    put(tmp_path, "bell_1.wav", "bell_2.wav", "gong.wav")
    (tmp_path / "README.md").write_text("https://creativecommons.org/publicdomain/zero/1.0/")
    found = read(tmp_path)
    assert [r.labels for r in found.values()] == [("bell",), ("bell",), ()]
    assert {r.licence for r in found.values()} == {"CC0"}


def test_transcriptions_make_a_folder_speech(tmp_path: Path) -> None:
    put(tmp_path, "a-1.wav", "a-2.wav")
    (tmp_path / "transcription").write_text("<s> hello there </s> (a-1)\n<s> good bye </s> (a-2)\n")
    found = read(tmp_path)
    assert {p: (r.kind, r.transcript, r.labels) for p, r in found.items()} == {
        "a-1.wav": ("speech", "hello there", ()),
        "a-2.wav": ("speech", "good bye", ()),
    }


def test_esc50_takes_class_fold_and_source_from_its_table(tmp_path: Path) -> None:
    put(tmp_path, "audio/1-100032-A-0.wav", "audio/5-9032-B-38.wav")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
        "5-9032-B-38.wav,5,38,clock_tick,False,9032,B\n"
        "2-77-A-1.wav,2,1,rooster,True,77,A\n"
    )
    corpus = read_corpus(tmp_path)
    assert corpus.layout == "esc"
    told = [(r.id, r.labels, r.fold, r.licence) for r in corpus.recordings]
    assert told == [
        ("freesound:100032", ("dog",), 1, "CC BY 3.0"),
        ("freesound:9032", ("clock tick",), 5, "CC BY-NC 3.0"),
    ]
    assert [(r.path, r.reason) for r in corpus.rejects] == [("audio/2-77-A-1.wav", "missing")]


def test_librispeech_as_published_has_transcripts_and_official_splits(tmp_path: Path) -> None:
    put(tmp_path, "train-clean-100/19/198/19-198-0000.flac", "dev-other/116/28/116-28-0003.flac")
    (tmp_path / "train-clean-100/19/198/19-198.trans.txt").write_text(
        "19-198-0000 NORTHANGER ABBEY\n"
    )
    (tmp_path / "SPEAKERS.TXT").write_text(";ID |SEX|\n19 | F | train-clean-100 | 25 | Kara\n")
    found = list(read(tmp_path).values())
    assert recognise(tmp_path).name == "librispeech"
    assert [(r.id, r.speaker, r.sex, r.split, r.transcript) for r in found] == [
        ("librispeech:116-28", "librispeech:116", "", "dev", None),
        ("librispeech:19-198", "librispeech:19", "F", "train", "northanger abbey"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_transcript_is_one_line_whatever_separators_it_holds(tmp_path: Path, end: str) -> None:
    put(tmp_path, "ls/train-clean-100/19/198/19-198-0000.flac", "lj/wavs/LJ001-0001.wav")
    (tmp_path / "ls/train-clean-100/19/198/19-198.trans.txt").write_bytes(
        f"19-198-0000 NORTHANGER\u2028ABBEY\x85END{end}19-198-0001 MORE{end}".encode()
    )
    (tmp_path / "lj/metadata.csv").write_bytes(f"LJ001-0001|x|one\u2028two\x85three{end}".encode())
    (words,) = [one.transcript for one in read(tmp_path / "ls").values()]
    assert words == "northanger abbey end"  # spaces, once it is whole
    (words,) = [one.transcript for one in read(tmp_path / "lj").values()]
    assert words == "one two three"


def test_a_csv_manifest_joins_lines_about_one_file(tmp_path: Path) -> None:
    put(tmp_path, "x/a.wav", "x/b.wav", "x/c.wav")
    (tmp_path / "manifest.csv").write_text(
        "file,label,onset,offset,speaker,split,license\n"
        "x/a.wav,Dog,0.01,0.02,,train,CC0\n"
        "x/a.wav,cat,0.03,0.05,,,\n"
        'x/b.wav,"rain;wind",,,ann,test,CC BY 4.0\n'
        "x/b.wav,,,,bob,,\n"
    )
    corpus = read_corpus(tmp_path)
    assert corpus.layout == "manifest"
    one, two = corpus.recordings
    assert one.labels == ("dog", "cat")
    assert one.onsets == (("dog", 0.01, 0.02), ("cat", 0.03, 0.05))
    assert (one.split, one.licence, one.speaker) == ("train", "CC0", None)
    assert (two.labels, two.speaker, two.split) == (("rain", "wind"), "ann", "test")
    assert [(r.path, r.reason) for r in corpus.rejects] == [
        ("manifest.csv:5", "bad-row"),
        ("x/c.wav", "unlisted"),
    ]


def test_an_event_after_the_end_of_its_recording_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.wav")
    row = {"path": "a.wav", "onsets": [["dog", 0.0, 5.0]]}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(row))
    assert [r.reason for r in read_corpus(tmp_path).rejects] == ["bad-row"]


def test_a_starter_folder_is_known_by_its_json(tmp_path: Path) -> None:
    put(tmp_path, "a.wav")
    (tmp_path / "starter.json").write_text("{}")
    row = {
        "path": "a.wav",
        "labels": ["violin"],
        "kind": "music",
        "id": "starter:1",
        "split": "dev",
        "plan": {"seed": 1},
    }
    (tmp_path / "manifest.jsonl").write_text(json.dumps(row))
    corpus = read_corpus(tmp_path)
    assert corpus.notes == ()
    (found,) = corpus.recordings
    assert (corpus.layout, found.kind, found.id, found.split) == (
        "starter",
        "music",
        "starter:1",
        "dev",
    )


def test_an_unknown_layout_or_folder_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="librispeech"):
        read_corpus(tmp_path, layout="librispech")
    with pytest.raises(DataError):
        read_corpus(tmp_path / "nothing")
    assert scan(tmp_path).clips == 0


def test_a_limit_takes_files_from_the_whole_corpus(tmp_path: Path) -> None:
    put(tmp_path, *(f"{c}/{i}.wav" for c in "abcd" for i in range(3)))
    corpus = read_corpus(tmp_path, limit=4)
    assert [r.labels[0] for r in corpus.recordings] == ["a", "b", "c", "d"]
    assert "4 of 12" in corpus.notes[0]


def test_links_to_folders_inside_are_not_read_twice(tmp_path: Path) -> None:
    put(tmp_path, "a/x.wav")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert list(read(tmp_path)) == ["a/x.wav"]


def test_words() -> None:
    assert label("001 - Dog bark") == "dog bark"
    assert label("clock_tick") == "clock tick"
    assert label("3") == "3"
    assert split_name("train-clean-100") == "train"
    assert split_name("Validation") == "dev"
    assert split_name("testimony") == ""
    both = (
        "http://creativecommons.org/licenses/by-nc/3.0/ creativecommons.org/publicdomain/zero/1.0"
    )
    assert licences(both) == {"CC BY-NC 3.0", "CC0"}
    assert sole_licence(both) == ""


@pytest.mark.parametrize(
    ("name", "layout", "clips", "labels", "speakers"),
    [
        ("esc10", "esc", 400, 10, 0),
        ("fsdd", "fsdd", 3000, 10, 6),
        ("librispeech", "librispeech", 151, 0, 106),
        ("ljspeech", "ljspeech", 32, 0, 1),
        ("librivox", "folder", 5, 0, 0),
        ("jfk", "folder", 1, 0, 0),
        ("sonicpi", "sonicpi", 195, 33, 0),
        ("soundfx", "soundfx", 67, 17, 0),
    ],
)
def test_real_corpora_are_read_whole(
    corpora_root: Path, name: str, layout: str, clips: int, labels: int, speakers: int
) -> None:
    if not (corpora_root / name).is_dir():
        pytest.skip(f"{name} is not among the real recordings")
    told = scan(corpora_root / name).to_json()
    assert (told["layout"], told["clips"], told["rejects"]) == (layout, clips, [])
    assert (len(told["labels"]), len(told["speakers"])) == (labels, speakers)
    if layout not in ("folder",):
        assert "not stated" not in told["licences"]
