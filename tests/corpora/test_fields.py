"""Texts as they are stored: one spelling, one line, nothing invisible; files that are not read."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from broken_files import encoded
from hypothesis import given
from hypothesis import strategies as st

from harken.corpora.fields import label_text, tidy
from harken.corpora.read import read_corpus


@given(st.text())
def test_a_tidy_text_stays_as_it_is(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    assert label_text(label_text(text)) == label_text(text)
    assert len(once.splitlines()) <= 1
    assert "  " not in once


SAME = [
    ("café", "cafe\u0301"),
    ("café", "cafe\u200b\u0301"),
    ("dog bark", "dog\nbark"),
    ("dog bark", "\tdog \r\n  bark "),
    ("dog bark", "dog\u00a0bark"),
    ("dog bark", "dog\u2028bark"),
    ("dog bark", "dog\u3000bark"),
    ("dog bark", "\ufeffdog bark"),
    ("dog bark", "do\u200bg bark\u200e"),
    ("dog bark", "dog\u00ad bark"),
    ("dog bark", "dog\u200d bark\u200c"),
    ("dog bark", "dog\x0bbark\x00"),
    ("dog bark", "Dog BARK"),
    ("가", "\u1100\u1161"),
    ("å", "\u212b"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_label_however_it_is_written(one: str, other: str) -> None:
    assert label_text(other) == label_text(one) == unicodedata.normalize("NFC", one)
    assert tidy(other).lower() == tidy(one).lower()


def test_joiners_within_a_word_of_their_script_stay() -> None:
    assert tidy("می\u200cشود") == "می\u200cشود"
    assert tidy("👩\u200d🚒") == "👩\u200d🚒"


@pytest.mark.parametrize("layout", ["folder", "manifest", "esc"])
def test_labels_are_one_in_every_layout(tmp_path: Path, layout: str) -> None:
    names = ["café", "cafe\u0301", "cafe\u0301\u200b"]
    rows, esc = [], ["filename,fold,target,category,esc10"]
    for i, name in enumerate(names):
        folder = name if layout == "folder" else "audio"
        path = tmp_path / folder / f"1-{i}-A-0.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded("WAV", "PCM_16", seconds=0.1, hz=300.0 + i))
        rows.append(json.dumps({"path": f"{folder}/1-{i}-A-0.wav", "labels": [name, "a\nb"]}))
        esc.append(f"1-{i}-A-0.wav,1,0,{name},True")
    if layout == "manifest":
        (tmp_path / "manifest.jsonl").write_text("\n".join(rows))
    if layout == "esc":
        (tmp_path / "meta").mkdir()
        (tmp_path / "meta" / "esc50.csv").write_bytes("\r\n".join(esc).encode("utf-16"))
    corpus = read_corpus(tmp_path)
    assert corpus.layout == layout
    found = {r.labels for r in corpus.recordings}
    assert found == {("café", "a b") if layout == "manifest" else ("café",)}
    assert len(corpus.recordings) == 3


def test_texts_that_are_not_utf8_are_rejects_not_question_marks(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "audio").mkdir()
    sound = encoded("WAV", "PCM_16", seconds=0.1)
    (tmp_path / "audio" / "1-1-A-0.wav").write_bytes(sound)
    table = b"filename,category\n1-1-A-0.wav,caf\xe9\n"
    (tmp_path / "meta" / "esc50.csv").write_bytes(table)
    assert [r.reason for r in read_corpus(tmp_path).rejects] == ["bad-row"]


@pytest.mark.parametrize("heading", ["name,category", "filename,klass", "1-1-A-0.wav,dog"])
def test_an_esc_table_without_its_columns_is_refused(tmp_path: Path, heading: str) -> None:
    from harken.errors import DataError

    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text(heading + "\n1-1-A-0.wav,dog\n")
    with pytest.raises(DataError, match="no column"):
        read_corpus(tmp_path)


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_the_tables_of_published_corpora_in_other_encodings(tmp_path: Path, mark: str) -> None:
    """The first id of LJ Speech, the first speaker of the others, must not carry the mark."""
    sound = encoded("WAV", "PCM_16", seconds=0.1)
    flac = encoded("FLAC", "PCM_16", seconds=0.1)
    for path, data in {
        "lj/wavs/LJ001-0001.wav": sound,
        "lj/metadata.csv": "LJ001-0001|Dr. Who|Doctor Who\n".encode(mark),
        "ls/train/19-198-0000.flac": flac,
        "ls/SPEAKERS.TXT": "19 | F | train | 25 | Kara\n".encode(mark),
        "ls/train/19-198.trans.txt": "19-198-0000 NORTHANGER\n".encode(mark),
        "fs/recordings/7_jackson_32.wav": sound,
        "fs/speakers.csv": "speaker,gender\njackson,male\n".encode(mark),
        "fo/a-1.wav": sound,
        "fo/transcription": "<s> hello </s> (a-1)\n".encode(mark),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    found = {name: read_corpus(tmp_path / name) for name in ("lj", "ls", "fs", "fo")}
    assert {name: one.layout for name, one in found.items()} == {
        "lj": "ljspeech",
        "ls": "librispeech",
        "fs": "fsdd",
        "fo": "folder",
    }
    told = {name: one.recordings[0] for name, one in found.items()}
    assert told["lj"].transcript == "Doctor Who"
    assert (told["ls"].sex, told["ls"].transcript) == ("F", "northanger")
    assert told["fs"].sex == "M"
    assert told["fo"].transcript == "hello"
    assert all(one.rejects == () for one in found.values())


def test_hidden_files_and_audio_under_other_names_are_told(tmp_path: Path) -> None:
    wav, flac = encoded("WAV", "PCM_16"), encoded("FLAC", "PCM_16")
    for path, data in {
        "dog/a.wav": wav,
        ".trash/dog/b.wav": wav,
        "dog/.checkpoints/c.flac": flac,
        "dog/._a.wav": b"\0\5\x16\7" + bytes(100),
        ".d.wav": wav,
        "dog/e.bak": wav,
        "dog/f": flac,
        "dog/g.dat": encoded("OGG", "VORBIS"),
        "dog/notes.txt": b"RIFFxxxxWAVE",
        "dog/h.bin": bytes(500),
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    corpus = read_corpus(tmp_path)
    assert [Path(r.clip.path).name for r in corpus.recordings] == ["a.wav"]
    assert "files of other kinds, which are not read: .bak 1, .bin 1, .dat 1" in corpus.notes
    assert {(r.path, r.reason) for r in corpus.rejects} == {
        (".trash/dog/b.wav", "hidden"),
        ("dog/.checkpoints/c.flac", "hidden"),
        ("dog/._a.wav", "hidden"),
        (".d.wav", "hidden"),
        ("dog/e.bak", "unknown-suffix"),
        ("dog/f", "unknown-suffix"),
        ("dog/g.dat", "unknown-suffix"),
    }


def test_a_list_may_name_hidden_files(tmp_path: Path) -> None:
    (tmp_path / ".store").mkdir()
    (tmp_path / ".store" / "a.wav").write_bytes(encoded("WAV", "PCM_16"))
    (tmp_path / "manifest.csv").write_text("path,label\n.store/a.wav,dog\n")
    corpus = read_corpus(tmp_path)
    assert [r.labels for r in corpus.recordings] == [("dog",)]
    assert corpus.rejects == ()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (["beep", 0.0, 1e-5], "too-short"),
        (["beep", 0.5, 0.500002], "too-short"),
        (["beep", 0.6, 0.9], "silent"),
        (["beep", 0.51, 0.55], "silent"),
        (["beep", 0.0, 9.0], "bad-row"),
    ],
)
def test_events_in_which_nothing_is_heard_are_rejects(
    tmp_path: Path, event: list[object], reason: str
) -> None:
    import numpy as np
    import soundfile as sf

    t = np.arange(8000) / 16_000
    sound = np.concatenate([0.3 * np.sin(2 * np.pi * 500 * t), np.zeros(8000)])
    sf.write(tmp_path / "a.wav", sound, 16_000)
    for onsets, expected in (([event], [reason]), ([["beep", 0.1, 0.4]], [])):
        (tmp_path / "manifest.jsonl").write_text(json.dumps({"path": "a.wav", "onsets": onsets}))
        assert [r.reason for r in read_corpus(tmp_path).rejects] == expected


@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_joiners_are_kept_only_between_letters_that_they_shape(joiner: str) -> None:
    inner = f"\u0915\u094d{joiner}\u0937"
    assert tidy(inner) == inner
    for text in (f"{inner}{joiner}", f"{joiner}{inner}", f"{inner} {joiner}"):
        assert tidy(text) == inner  # invisible at an end
    assert tidy(f"dog{joiner}") == tidy(f"d{joiner}og") == "dog"
