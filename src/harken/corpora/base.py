"""The types of a corpus: Entry, Recording, Reject, Corpus, Layout.

A layout says where a corpus has its files and what it states about them; it decodes nothing. One
module a layout, all of this structure::

    def matches(root: Path) -> bool: ...                      # cheap: file names, table headings
    def entries(root: Path) -> Iterator[Entry | Reject | str]: ...  # files, what is stated of them
    LAYOUT = Layout("name", "what it is, in a sentence", matches, entries)

`harken.corpora.read.read_corpus` probes every entry. A file that cannot be used becomes a `Reject`
with its reason, and reading goes on. A text among the entries is a note for people.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harken.audio.clip import Clip
from harken.audio.codec import open_regular
from harken.audio.container import AUDIO_SUFFIXES, OTHER_SUFFIXES, sniff
from harken.errors import AudioError

Kind = Literal["sound", "speech", "music"]

TRAITS = ("accent", "age", "emotion", "intent")
"""What a corpus may say of how, and by whom, something is said, besides the speaker's sex."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a corpus states about one file, before the file is opened.

    Attributes:
        path: relative to the corpus root, as the corpus gives it (absolute only if the corpus
            does so); probing checks that it is inside the root.
        id: source recording; empty: the path without its suffix.
        sha256: expected hash, if the corpus states one.
        start_s, length_s: the span of the file that is the recording; None: to its end.
        stated_s: length of the file in seconds, if the corpus states one.
        description: what its publisher writes about it, in any words.
        others: as in `Recording`.
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
    start_s: float = 0.0
    length_s: float | None = None
    stated_s: float | None = None
    captions: tuple[str, ...] = ()
    traits: tuple[tuple[str, str], ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """One labelled recording that can be decoded.

    Attributes:
        clip: the file, with absolute path, duration and hash.
        id: source recording (such as ``"freesound:100032"``); clips cut from one share it.
        kind: kind of audio.
        labels: sound or instrument classes (for single spoken words: the word), in lower case.
        transcript: what is said, if known.
        speaker: id of the speaker, if known.
        split: the corpus's own split, ``""`` if it has none.
        fold: official fold, if any.
        licence: short name such as ``"CC BY 3.0"``; ``""`` if not stated.
        onsets: (label, onset, offset) in seconds, if the corpus gives them.
        sex: of the speaker, ``"F"`` or ``"M"``, if the corpus gives it.
        rate_hz, channels: as found in the file.
        captions: sentences that describe it, if the corpus has them.
        traits: (one of `TRAITS`, its value in lower case) of speech, by name, if the corpus gives
            them.
        description: title, tags and description of its publisher, in any words: nobody compared
            them with the sound.
        sound: identity of the samples, whatever the bytes (`HeardSamples.sound` in
            `harken.audio.heard`); ``""`` if not known.
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
    sound: str = ""
    captions: tuple[str, ...] = ()
    traits: tuple[tuple[str, str], ...] = ()
    description: str = ""

    @property
    def heard(self) -> tuple[str, float, float | None]:
        """What is heard: the same for copies, byte for byte or in another format."""
        clip = self.clip
        known = f"sound:{self.sound}" if self.sound else clip.sha256 or clip.key
        return known, clip.start_s, clip.duration_s


@dataclass(frozen=True, slots=True)
class Reject:
    r"""A file (or a line of a manifest) that cannot be used.

    Attributes:
        path: relative to the root; always valid Unicode (undecodable bytes as ``\xNN``).
        reason: code, a key of `harken.audio.probe.REASONS`.
        found: explanation for people.
    """

    path: str
    reason: str
    found: str


@dataclass(frozen=True, slots=True, repr=False)
class Corpus:
    """A folder of recordings as it was read: usable recordings, rejects and notes."""

    name: str
    layout: str
    root: Path
    recordings: tuple[Recording, ...]
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """One line, whatever the corpus holds."""
        return (
            f"Corpus({self.name!r}, layout={self.layout!r}, recordings={len(self.recordings)}, "
            f"rejects={len(self.rejects)}, notes={len(self.notes)})"
        )


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout of files on disk: how it is recognised and read.

    Attributes:
        name: in the registry; `about`: which corpora it reads, in a sentence.
        matches: whether a folder has this layout; cheap.
        entries: the files, and what is stated of them.
        generic: it matches folders of any kind, so it is tried after all others.
    """

    name: str
    about: str
    matches: Callable[[Path], bool]
    entries: Callable[[Path], Iterator[Entry | Reject | str]]
    generic: bool = False


def printable(path: str) -> str:
    r"""`path` as valid Unicode: bytes that are not UTF-8 become ``\xNN``."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate from a JSON escape, not from a byte
        return path.encode("utf-8", "backslashreplace").decode()


OTHER_FILES = frozenset(
    {".bib", ".cfg", ".csv", ".gif", ".html", ".ini", ".ipynb", ".jpeg", ".jpg", ".json", ".jsonl"}
    | {".lab", ".lock", ".log", ".md", ".npy", ".npz", ".parquet", ".pdf", ".png", ".py", ".rst"}
    | {".sh", ".svg", ".textgrid", ".toml", ".trans", ".tsv", ".txt", ".xml", ".yaml", ".yml"}
)
"""Suffixes of files that stand beside recordings."""


def audio_paths(root: Path) -> Iterator[str | Reject]:
    """Relative paths of all files below `root` with an audio suffix, sorted.

    Links to folders are not followed (they may form cycles); one that leads outside is a reject.
    Rejects too are folders that cannot be listed, audio formats that are not read, audio under
    other suffixes, and audio in hidden files and folders (names that begin with a dot).
    """
    errors: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=errors.append):
        folders.sort()
        here = os.path.relpath(folder, root)
        hidden = here != "." and any(part.startswith(".") for part in Path(here).parts)
        names = [n for n in folders if os.path.splitext(n)[1].lower() in AUDIO_SUFFIXES]
        for name in sorted(files + names):
            path = name if here == "." else os.path.join(here, name)
            suffix = os.path.splitext(name)[1].lower()
            if (hidden or name.startswith(".")) and suffix in (*AUDIO_SUFFIXES, *OTHER_SUFFIXES):
                where = "a hidden folder" if hidden else "a hidden file"
                yield Reject(printable(path), "hidden", f"{where}: its name begins with a dot")
            elif suffix in AUDIO_SUFFIXES:
                yield path
            elif suffix in OTHER_SUFFIXES:
                found = f"{suffix} files are not read; convert to FLAC or WAV"
                yield Reject(printable(path), "unsupported", found)
            elif not hidden and suffix not in OTHER_FILES:
                yield from _audio_inside(root, path, suffix)
        for name in folders:
            path = os.path.join(folder, name)
            if os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(root):
                shown = printable(os.path.relpath(path, root))
                yield Reject(shown, "escapes-root", "a link to a folder outside the corpus")
    for error in errors:
        shown = printable(os.path.relpath(str(error.filename or root), root))
        yield Reject(shown, "unreadable", f"the folder cannot be listed: {error.strerror}")


def other_kinds(root: Path) -> Counter[str]:
    """Suffix -> number of files below `root` that are neither audio nor usual beside it."""
    known = {*AUDIO_SUFFIXES, *OTHER_SUFFIXES, *OTHER_FILES, ""}
    found: Counter[str] = Counter()
    for _, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        suffixes = [os.path.splitext(n)[1].lower() for n in files if not n.startswith(".")]
        found.update(printable(suffix) for suffix in suffixes if suffix not in known)
    return found


def _audio_inside(root: Path, path: str, suffix: str) -> Iterator[Reject]:
    """A reject if the file begins like audio, although its name does not say so."""
    try:
        with open_regular(root / path, root) as file:
            format = sniff(file.read(512))
    except (AudioError, OSError):
        return
    if format is not None:
        name = f"ends in {suffix}" if suffix else "has no suffix"
        found = f"the bytes are {format}, the name {name}; rename the file"
        yield Reject(printable(path), "unknown-suffix", found)
