"""The nouns of a corpus and reading one: Entry, Recording, Reject, Corpus, `read_corpus`.

A layout says where a corpus keeps its files and what it says of them; it decodes nothing. One
file a layout, all of one shape::

    def matches(root: Path) -> bool: ...                      # cheap: looks at names, reads headers
    def entries(root: Path) -> Iterator[Entry | Reject]: ...  # files and what is known of them
    LAYOUT = Layout("name", "what it is, in a sentence", matches, entries)

`read_corpus` probes every entry. A file that cannot be used becomes a `Reject` with its reason; it
never stops the reading.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harken.audio.clip import Clip
from harken.audio.container import AUDIO_SUFFIXES, OTHER_SUFFIXES

Kind = Literal["sound", "speech", "music"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a layout knows of one file before it is opened.

    Attributes:
        path: relative to the corpus root, as the corpus writes it (absolute only if the corpus
            says so); whether it stays inside the root is checked on probing.
        id: source recording; empty: the path without its suffix.
        sha256: expected hash, if the corpus states one.
        Others: as in `Recording`.
    """

    path: str
    id: str = ""
    kind: Kind = "sound"
    labels: tuple[str, ...] = ()
    transcript: str | None = None
    speaker: str | None = None
    split: str = ""
    fold: int | None = None
    licence: str = ""
    onsets: tuple[tuple[str, float, float], ...] = ()
    sex: str = ""
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One labelled recording that can be decoded.

    Attributes:
        clip: the file, with absolute path, duration and hash.
        id: source recording (such as ``"freesound:100032"``); clips cut from one share it.
        kind: what is heard.
        labels: sound or instrument classes (for single spoken words: the word), lower case words.
        transcript: what is said, if known.
        speaker: whose voice, if known.
        split: the split the corpus gives, ``""`` if it gives none.
        fold: official fold, if any.
        licence: short name such as ``"CC BY 3.0"``; ``""`` if not stated.
        onsets: (label, onset, offset) in seconds, if the corpus says when.
        sex: of the speaker, ``"F"`` or ``"M"``, if the corpus says so.
        rate_hz, channels: as found in the file.
    """

    clip: Clip
    id: str
    kind: Kind
    labels: tuple[str, ...] = ()
    transcript: str | None = None
    speaker: str | None = None
    split: str = ""
    fold: int | None = None
    licence: str = ""
    onsets: tuple[tuple[str, float, float], ...] = ()
    sex: str = ""
    rate_hz: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Reject:
    r"""A file (or a line of a manifest) that cannot be used.

    Attributes:
        path: relative to the root; always valid Unicode (undecodable bytes as ``\xNN``).
        reason: code, a key of `harken.audio.probe.REASONS`.
        found: the sentence for people.
    """

    path: str
    reason: str
    found: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a folder of recordings holds."""

    name: str
    layout: str
    root: Path
    recordings: tuple[Recording, ...]
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """How one kind of corpus lies on disk.

    Attributes:
        name: by which it is chosen.
        about: what corpora it reads, in a sentence.
        matches: whether a folder is laid out so; cheap.
        entries: the files, and what is known of them.
        generic: it fits folders that say nothing of themselves, so it is tried after all others.
    """

    name: str
    about: str
    matches: Callable[[Path], bool]
    entries: Callable[[Path], Iterator[Entry | Reject]]
    generic: bool = False


def printable(path: str) -> str:
    r"""`path` as valid Unicode: bytes that are not UTF-8 become ``\xNN``."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate that never was a byte, from a JSON escape
        return path.encode("utf-8", "backslashreplace").decode()


def audio_paths(root: Path) -> Iterator[str | Reject]:
    """Relative paths of everything below `root` that is audio by its name, sorted.

    Links to folders are not followed (they may circle): one that leads outside is a reject.
    Folders that cannot be listed and audio in formats that are not read are rejects as well.
    """
    errors: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=errors.append):
        folders.sort()
        here = os.path.relpath(folder, root)
        names = [n for n in folders if os.path.splitext(n)[1].lower() in AUDIO_SUFFIXES]
        for name in sorted(files + names):
            path = name if here == "." else os.path.join(here, name)
            suffix = os.path.splitext(name)[1].lower()
            if suffix in AUDIO_SUFFIXES:
                yield path
            elif suffix in OTHER_SUFFIXES:
                found = f"{suffix} files are not read; convert to FLAC or WAV"
                yield Reject(printable(path), "unsupported", found)
        for name in folders:
            path = os.path.join(folder, name)
            if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(root):
                shown = printable(os.path.relpath(path, root))
                yield Reject(shown, "escapes-root", "a link to a folder outside the corpus")
    for error in errors:
        shown = printable(os.path.relpath(str(error.filename or root), root))
        yield Reject(shown, "unreadable", f"the folder cannot be listed: {error.strerror}")
