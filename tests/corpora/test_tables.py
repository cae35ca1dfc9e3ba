"""Lists of recordings as they are found: read as they were meant, or refused with the reason."""

from __future__ import annotations

import codecs
import csv
import json
from pathlib import Path

import pytest
from broken_files import encoded

from harken.corpora.base import Corpus, Recording
from harken.corpora.read import read_corpus
from harken.corpora.tables import read_text
from harken.errors import DataError

LABELS = {"x/a.wav": "Dog", "x/b.wav": "café", "x/c.wav": "rain; wind"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three recordings in a folder whose name must never become their label."""
    (tmp_path / "x").mkdir()
    for i, path in enumerate(LABELS):
        data = encoded("WAV", "PCM_16", seconds=0.5, hz=300.0 + 50 * i)
        (tmp_path / path).write_bytes(data)
    return tmp_path


def table(separator: str = ",", heading: str = "path,label", end: str = "\n") -> str:
    rows = [heading.split(","), *([path, label] for path, label in LABELS.items())]
    quote = '"' if separator == ";" else ""
    return end.join(
        separator.join(f"{quote}{cell}{quote}" if ";" in cell else cell for cell in row)
        for row in rows
    )


def labels(corpus: Corpus) -> dict[str, tuple[str, ...]]:
    assert corpus.layout == "manifest"
    assert corpus.rejects == ()
    return {Path(r.clip.path).name: r.labels for r in corpus.recordings}


RIGHT = {"a.wav": ("dog",), "b.wav": ("café",), "c.wav": ("rain", "wind")}

ENCODINGS = {
    "utf-8": lambda text: text.encode(),
    "utf-8-sig": lambda text: text.encode("utf-8-sig"),
    "two marks": lambda text: codecs.BOM_UTF8 * 2 + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16-be, marked": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16-le, unmarked": lambda text: text.encode("utf-16-le"),
    "utf-16-be, unmarked": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: text.encode("utf-32"),
}


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_encoding_and_separator(root: Path, name: str, separator: str) -> None:
    (root / "manifest.csv").write_bytes(ENCODINGS[name](table(separator)))
    assert labels(read_corpus(root)) == RIGHT


@pytest.mark.parametrize("name", ENCODINGS)
def test_json_lines_in_any_encoding(root: Path, name: str) -> None:
    text = "\n".join(
        json.dumps({"path": p, "label": x}, ensure_ascii=False) for p, x in LABELS.items()
    )
    (root / "manifest.jsonl").write_bytes(ENCODINGS[name](text))
    assert labels(read_corpus(root)) == RIGHT


@pytest.mark.parametrize(
    "text",
    [
        table(end="\r\n"),
        table(end="\r"),
        "\n\n" + table(),
        "sep=,\n" + table(),
        '"sep=;"\r\n' + table(";", end="\r\n"),
        "# made by hand\n" + table(),
        table(heading="Path,Label"),
        table(heading=" FILE NAME , Class "),
        table(heading='"path","label"'),
        table(heading="audio_filepath,category"),
        table(heading="wav,sound class"),
        table(heading="#filename,tags"),
        ",path,label\n" + "\n".join(f"{i},{p},{x}" for i, (p, x) in enumerate(LABELS.items())),
    ],
)
def test_headings_and_lines_as_spreadsheets_write_them(root: Path, text: str) -> None:
    (root / "manifest.csv").write_text(text, newline="")
    assert labels(read_corpus(root)) == RIGHT


@pytest.mark.parametrize("name", ["manifest.json", "metadata.json"])
def test_json_is_a_list_or_lines(root: Path, name: str) -> None:
    rows = [{"audio_filepath": p, "label": x} for p, x in LABELS.items()]
    for text in (json.dumps(rows, indent=1), "\n".join(map(json.dumps, rows))):
        (root / name).write_text(text)
        assert labels(read_corpus(root)) == RIGHT
    (root / name).write_text(json.dumps({"title": "a corpus", "version": 3}))
    assert read_corpus(root).layout == "folder"  # no list of recordings


REFUSED = {
    "no heading": ("x/a.wav,dog\nx/b.wav,cat\n", "no column of paths"),
    "no heading, and a label like one": ("x/a.wav,audio\nx/b.wav,file\n", "no column of paths"),
    "strange names": ("Datei,Klasse\nx/a.wav,Hund\n", "no column of paths"),
    "strange separator": ("path:label\nx/a.wav:dog\n", "no column of paths"),
    "empty": ("", "empty"),
    "blank": ("\n \n", "empty"),
    "double heading": ("path,label,label\nx/a.wav,dog,cat\n", "two columns"),
    "double heading, other case": ("path,Label, label\nx/a.wav,dog,cat\n", "two columns"),
    "unclosed quote": ('path,label\nx/a.wav,"dog\nx/b.wav,cat\nx/c.wav,rain\n', "never closed"),
    "unclosed quote, last row": ('path,label\nx/a.wav,dog\nx/b.wav,"cat', "never closed"),
    "torn utf-16": (
        codecs.BOM_UTF16_LE + "path,label\nx/a.wav,dog".encode("utf-16-le") + b"x",
        "UTF-16",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("file", ["manifest.csv", "metadata.csv", "manifest.tsv"])
def test_what_cannot_be_read_is_refused_and_never_taken_for_folders(
    root: Path, name: str, file: str
) -> None:
    text, why = REFUSED[name]
    (root / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=why) as caught:
        read_corpus(root)
    assert file in str(caught.value)


def test_a_refused_list_can_be_left_aside_by_name(root: Path) -> None:
    (root / "metadata.csv").write_text("title,year\nsounds,2020\n")
    with pytest.raises(DataError, match="--layout folder"):
        read_corpus(root)
    corpus = read_corpus(root, layout="folder")
    assert {r.labels for r in corpus.recordings} == {("x",)}
    assert any("metadata.csv" in note for note in corpus.notes)


def test_a_bad_row_is_told_with_its_line_and_the_others_are_read(root: Path) -> None:
    rows = 'path,label\nx/a.wav,dog,too,many\nx/b.wav,"a"b"\n\nx/c.wav,rain\n'
    (root / "manifest.csv").write_text(rows)
    corpus = read_corpus(root)
    assert [r.labels for r in corpus.recordings] == [("rain",)]
    assert [(r.path, r.reason) for r in corpus.rejects][:2] == [
        ("manifest.csv:2", "bad-row"),
        ("manifest.csv:3", "bad-row"),
    ]
    (root / "manifest.csv").unlink()
    (root / "manifest.jsonl").write_text('{"path": "x/a.wav", "label": "dog", "label": "cat"}\n')
    assert "given twice" in read_corpus(root).rejects[0].found


def test_quotes_in_a_table_with_tabs_are_letters(root: Path) -> None:
    rows = 'path\tsentence\nx/a.wav\t"Stop" he said\nx/b.wav\t"open\nx/c.wav\tplain\n'
    (root / "manifest.tsv").write_text(rows)
    words = [r.transcript for r in read_corpus(root).recordings]
    assert words == ['"Stop" he said', '"open', "plain"]


def test_columns_that_are_not_read_are_told(root: Path) -> None:
    with (root / "manifest.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["filename", "category", "label", "salience", "Klasse"])
        out.writerow(["x/a.wav", "animal", "dog", "1", "Hund"])
    corpus = read_corpus(root)
    assert corpus.recordings[0].labels == ("dog",)  # the column of that very name
    (note,) = [note for note in corpus.notes if "not read" in note]
    assert all(name in note for name in ("category", "salience", "klasse"))


def test_another_list_beside_the_one_that_is_read_is_told(root: Path) -> None:
    (root / "manifest.jsonl").write_text('{"path": "x/a.wav", "label": "dog"}')
    (root / "metadata.csv").write_text(table())
    assert any("metadata.csv is not read" in note for note in read_corpus(root).notes)


def test_lists_one_folder_below_are_read_with_their_split(tmp_path: Path) -> None:
    for i, split in enumerate(("train", "test")):
        (tmp_path / split).mkdir()
        data = encoded("WAV", "PCM_16", seconds=0.3, hz=500.0 + i)
        (tmp_path / split / "a.wav").write_bytes(data)
        (tmp_path / split / "metadata.csv").write_text("file_name,label\na.wav,dog\nb.wav,cat\n")
    corpus = read_corpus(tmp_path)
    assert corpus.layout == "manifest"
    assert sorted((r.labels[0], r.split) for r in corpus.recordings) == [
        ("dog", "test"),
        ("dog", "train"),
    ]
    assert [r.path for r in corpus.rejects] == ["test/b.wav", "train/b.wav"]


NAN = float("nan")


@pytest.mark.parametrize(
    "row",
    [
        {"label": {"a": 1}},
        {"label": True},
        {"label": NAN},
        {"label": ["dog", NAN]},
        {"label": "dog", "speaker": NAN},
        {"label": "dog", "transcript": ["one"]},
        {"label": "dog", "id": {"a": 1}},
        {"label": "dog", "licence": False},
    ],
)
def test_what_is_no_text_is_not_taken_for_one(root: Path, row: dict[str, object]) -> None:
    rows = [{"path": "x/a.wav", **row}, {"path": "x/b.wav", "label": 7}]
    assert [r.labels for r in spans(root, *rows)] == [("7",)]
    told = {r.path: (r.reason, r.found) for r in read_corpus(root).rejects}
    assert told["manifest.json:1"][0] == "bad-row"
    assert "neither a text nor a number" in told["manifest.json:1"][1]


@pytest.mark.parametrize("name", ["x/a.wav", "x/./a.wav", " x/a.wav", "x/../x/a.wav"])
def test_a_file_in_a_bad_row_is_not_called_unlisted(root: Path, name: str) -> None:
    spans(root, {"path": name, "label": "dog", "onset": -1}, {"path": "x/b.wav", "label": "cat"})
    told = [(r.path, r.reason) for r in read_corpus(root).rejects]
    assert told == [("manifest.json:1", "bad-row"), ("x/c.wav", "unlisted")]


def spans(root: Path, *rows: dict[str, object]) -> list[Recording]:
    (root / "manifest.json").write_text("\n".join(json.dumps(row) for row in rows))
    return list(read_corpus(root).recordings)


def test_offset_and_duration_cut_a_recording_from_its_file(root: Path) -> None:
    found = spans(
        root,
        {"audio_filepath": "x/a.wav", "offset": 0.1, "duration": 0.2, "text": "one"},
        {"audio_filepath": "x/a.wav", "offset": 0.3, "duration": 0.1, "text": "two"},
        {"audio_filepath": "x/b.wav", "duration": 0.5, "text": "whole"},
        {"audio_filepath": "x/c.wav", "duration": 0.3, "text": "the beginning"},
    )
    told = [(r.transcript, r.clip.start_s, r.clip.duration_s, r.kind) for r in found]
    assert told == [
        ("one", 0.1, 0.2, "speech"),
        ("two", 0.3, 0.1, "speech"),
        ("whole", 0.0, 0.5, "speech"),
        ("the beginning", 0.0, 0.3, "speech"),
    ]
    assert found[0].id == found[1].id  # one source: never in two splits


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ({"offset": 0.4, "duration": 0.3}, "lasts from"),
        ({"offset": 9, "duration": 1}, "lasts from"),
        ({"duration": 2.0}, "lasts from"),
        ({"duration": 0}, "duration is 0"),
        ({"duration": -1}, "duration is -1"),
        ({"offset": -0.1, "duration": 0.2}, "offset is -0.1"),
        ({"offset": "soon", "duration": 0.2}, "not a number"),
        ({"duration": 0.001}, "less than 10 ms"),
    ],
)
def test_spans_outside_the_file_are_refused(root: Path, row: dict[str, object], found: str) -> None:
    assert spans(root, {"audio_filepath": "x/a.wav", "text": "a", **row}) == []
    assert any(found in reject.found for reject in read_corpus(root).rejects)


def test_a_duration_that_is_not_that_of_the_file_is_told(root: Path) -> None:
    (root / "manifest.csv").write_text("path,label,duration\nx/a.wav,dog,5\nx/b.wav,cat,0.5\n")
    corpus = read_corpus(root)
    assert [r.clip.duration_s for r in corpus.recordings] == [0.5, 0.5]
    assert any("1 files" in note and "x/a.wav: 5 s are stated" in note for note in corpus.notes)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_the_beginning_of_a_table_may_end_within_a_character(encoding: str, tmp_path: Path) -> None:
    """Of a long table the first bytes are read to find its heading."""
    words = "path,label\na.wav,\U0001f436\n" * 3
    data = words.encode(encoding)
    (tmp_path / "t.csv").write_bytes(data)
    for most in range(8, len(data)):
        found = read_text(tmp_path / "t.csv", most)
        kept = found.rstrip("".join(chr(0xDC80 + n) for n in range(128)))  # torn UTF-8
        assert words.startswith(kept) and len(kept) >= (most - 4) // 4 - 1
    assert read_text(tmp_path / "t.csv") == words


def listed(root: Path, name: str, text: str) -> Corpus:
    (root / name).write_text(text)
    return read_corpus(root)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "path,label\nx/a.wav,dog\n"),
        ("annotations.tsv", "filename\tcategory\nx/a.wav\tdog\n"),
        ("my list.CSV", "file_name;class\nx/none.wav;cat\nx/a.wav;dog\n"),
        ("clips.jsonl", '{"audio_filepath": "x/a.wav", "label": "dog"}\n'),
    ],
)
def test_a_table_of_any_name_that_lists_the_recordings_is_read(
    root: Path, name: str, text: str
) -> None:
    corpus = listed(root, name, text)
    assert corpus.layout == "table"
    assert [r.labels for r in corpus.recordings] == [("dog",)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("speakers.csv", "speaker,sex\njackson,M\n"),
        ("old.csv", "path,label\nelsewhere/a.wav,dog\n"),
        ("notes.jsonl", '{"text": "x/a.wav"}\n'),
        ("empty.csv", ""),
    ],
)
def test_a_table_that_lists_no_recording_here_is_told_and_folders_give_the_labels(
    root: Path, name: str, text: str
) -> None:
    corpus = listed(root, name, text)
    assert corpus.layout == "folder"
    assert any(name in note and "not read" in note for note in corpus.notes)


def test_two_tables_are_read_together_and_their_contradictions_are_rejects(root: Path) -> None:
    (root / "one.csv").write_text("path,label,split\nx/a.wav,dog,train\n")
    corpus = listed(root, "two.csv", "path,label,split\nx/a.wav,dog,test\n")
    assert [r.split for r in corpus.recordings] == ["train"]
    assert any(reject.reason == "bad-row" and "split" in reject.found for reject in corpus.rejects)


def test_a_table_of_recordings_that_cannot_be_read_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match="never closed"):
        listed(root, "labels.csv", 'path,label\n"x/a.wav,dog\n')
    assert read_corpus(root, "folder").recordings


def test_a_manifest_without_paths_is_refused_although_another_table_has_them(root: Path) -> None:
    (root / "manifest.csv").write_text("name,label\nx,dog\n")
    with pytest.raises(DataError, match="no column of paths"):
        listed(root, "labels.csv", "path,label\nx/a.wav,dog\n")


def test_a_table_is_read_although_its_first_recordings_are_not_here(root: Path) -> None:
    absent = "".join(f"elsewhere/{n}.wav,cat\n" for n in range(300))
    corpus = listed(root, "labels.csv", f"path,label\n{absent}x/a.wav,dog\n")
    assert [r.labels for r in corpus.recordings] == [("dog",)]
    assert sum(reject.path.startswith("elsewhere/") for reject in corpus.rejects) == 300
