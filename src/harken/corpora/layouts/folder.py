"""One folder a class: the most common layout of labelled recordings.

::

    corpus/dog bark/a.wav          label "dog bark"
    corpus/animals/cat/b.wav       label "cat" (the innermost folder)
    corpus/train/rain/c.wav        split "train", label "rain"
    corpus/bell_1.wav, bell_2.wav  no folders: the first word of the name, where files share it

A file ``transcription`` in the form ``<s> words </s> (name)`` gives transcripts (then no labels are
taken from file names). A licence is read from a LICENSE or README beside the files only if it has
the URL of exactly one Creative Commons licence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import label, sole_licence, split_name
from harken.corpora.tables import read_text
from harken.errors import DataError
from harken.listed import listed

_LISTS = (".csv", ".tsv", ".jsonl", ".ndjson", ".xlsx")
"""Suffixes of files that may say more of the recordings than their folders do."""


def matches(root: Path) -> bool:
    """Any folder; tried last."""
    return root.is_dir()


def entries(root: Path) -> Iterator[Entry | Reject | str]:
    """Every audio file, labelled by its folder or, at the top level, by its name."""
    found = list(audio_paths(root))
    paths = [path for path in found if isinstance(path, str)]
    transcripts = read_transcription(root / "transcription")
    licence = stated_licence(root)
    shared = Counter(first_word(path) for path in paths if "/" not in path)
    yield from (reject for reject in found if isinstance(reject, Reject))
    for path in paths:
        folders = list(PurePath(path).parts[:-1])
        split = next((s for s in map(split_name, folders) if s), "")
        classes = [folder for folder in folders if not split_name(folder)]
        transcript = transcripts.get(PurePath(path).stem)
        labels: tuple[str, ...] = ()
        if classes:
            labels = (label(classes[-1]),)
        elif not folders and not transcripts and shared[first_word(path)] > 1:
            labels = (first_word(path),)
        yield Entry(
            path,
            kind="speech" if transcript is not None else "sound",
            labels=labels,
            transcript=transcript,
            split=split,
            licence=licence,
        )
    lists = sorted(f.name for f in root.iterdir() if f.is_file() and f.suffix.lower() in _LISTS)
    if lists:
        yield (
            f"{listed(lists, 5)}: not read; a list of recordings has a column of paths, "
            "relative to this folder, under a heading such as path,label"
        )


def first_word(path: str) -> str:
    """``"tabla_ghe1.flac"`` -> ``"tabla"``; the letters at the start of a name."""
    match = re.match(r"[^\W\d_]+", PurePath(path).stem)
    return match[0].lower() if match else ""


def read_transcription(path: Path) -> dict[str, str]:
    """Lines ``<s> words </s> (name)`` as name -> words; empty when there is no such file."""
    if not path.is_file():
        return {}
    text = read_text(path)
    lines = re.findall(r"^\s*(?:<s>)?(.*?)(?:</s>)?\s*\(([^()\s]+)\)\s*$", text, re.MULTILINE)
    return {name: words.strip() for words, name in lines}


def stated_licence(root: Path) -> str:
    """The only licence named in LICENSE or README files in `root`, else ``""``."""
    text = ""
    for path in sorted(root.iterdir()):
        if re.match(r"(licen[cs]e|readme|copying)\b", path.name, re.IGNORECASE) and path.is_file():
            with suppress(DataError):  # a README.pdf is no text
                text += read_text(path, 1 << 20)
    return sole_licence(text)


LAYOUT = Layout(
    "folder",
    "a class a folder; fits every folder, so it is tried last",
    matches,
    entries,
    generic=True,
)
