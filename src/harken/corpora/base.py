"""The nouns of a corpus and reading one: Entry, Recording, Reject, Corpus, `read_corpus`.

A layout says where a corpus keeps its files and what it says of them; it decodes nothing. One
file a layout, all of one shape::

    def matches(root: Path) -> bool: ...                      # cheap: looks at names, reads headers
    def entries(root: Path) -> Iterator[Entry | Reject]: ...  # files and what is known of them
    LAYOUT = Layout("name", matches, entries)

`read_corpus` probes every entry. A file that cannot be used becomes a `Reject` with its reason; it
never stops the reading.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from harken.audio import AUDIO_SUFFIXES, OTHER_SUFFIXES, Clip, probe
from harken.errors import AudioError, DataError
from harken.progress import track
from harken.registry import Registry

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
        reason: code, a key of `harken.audio.REASONS`.
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
    """How one kind of corpus lies on disk."""

    name: str
    matches: Callable[[Path], bool]
    entries: Callable[[Path], Iterator[Entry | Reject]]


LAYOUTS: Registry[Layout] = Registry(
    "corpus layout",
    {
        # The order is that of recognition: what a folder says of itself goes before guesses.
        "starter": "harken.corpora.starter:LAYOUT",
        "manifest": "harken.corpora.manifest:LAYOUT",
        "esc": "harken.corpora.esc:LAYOUT",
        "fsdd": "harken.corpora.fsdd:LAYOUT",
        "librispeech": "harken.corpora.librispeech:LAYOUT",
        "ljspeech": "harken.corpora.ljspeech:LAYOUT",
        "soundfx": "harken.corpora.soundfx:LAYOUT",
        "sonicpi": "harken.corpora.sonicpi:LAYOUT",
        "folder": "harken.corpora.folder:LAYOUT",
    },
)


def printable(path: str) -> str:
    r"""`path` as valid Unicode: bytes that are not UTF-8 become ``\xNN``."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate that never was a byte, from a JSON escape
        return path.encode("utf-8", "backslashreplace").decode()


def recognise(root: Path) -> Layout:
    """The first layout that fits `root`; ``folder`` fits every folder."""
    for name in LAYOUTS:
        layout = LAYOUTS.get(name)
        if layout.matches(root):
            return layout
    return LAYOUTS.get("folder")


def read_corpus(root: Path, layout: str | None = None, limit: int | None = None) -> Corpus:
    """Read the corpus at `root`: every usable recording, and every reject with its reason.

    Args:
        root: the folder. Files that lie outside it (a link, ``../`` in a manifest) are rejected.
        layout: a name in `LAYOUTS`; None: recognised.
        limit: at most so many files, spread evenly over the corpus.

    Raises:
        DataError: `root` is not a folder that can be read.
        ConfigError: no layout has that name.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(
            f"{root} is not a folder", mend="Give the folder that holds the recordings."
        )
    root = root.resolve()
    chosen = LAYOUTS.get(layout) if layout else recognise(root)
    found = list(chosen.entries(root))
    rejects = [entry for entry in found if isinstance(entry, Reject)]
    entries = [entry for entry in found if isinstance(entry, Entry)]
    notes = []
    if limit is not None and len(entries) > limit:
        notes.append(f"{limit} of {len(entries)} files were read, spread evenly")
        entries = [entries[i * len(entries) // limit] for i in range(limit)]
    recordings = []
    for entry in track(entries, f"reading {root.name}"):
        try:
            recordings.append(recording(entry, root))
        except AudioError as error:
            rejects.append(Reject(printable(entry.path), error.reason, error.found))
    copies = len(recordings) - len({r.clip.sha256 for r in recordings})
    if copies:
        notes.append(f"{copies} files are byte-identical copies of others; they share a split")
    rejects.sort(key=lambda reject: (reject.path, reject.reason))
    return Corpus(root.name, chosen.name, root, tuple(recordings), tuple(rejects), tuple(notes))


def recording(entry: Entry, root: Path) -> Recording:
    """Probe one entry; raises AudioError with its reason when it cannot be used."""
    path = root / entry.path
    facts = probe(path, root=root)
    if entry.sha256 is not None and entry.sha256 != facts.sha256:
        raise AudioError(
            "hash-mismatch",
            f"the manifest expects SHA-256 {entry.sha256[:12]}…, the file has {facts.sha256[:12]}…",
            where=printable(entry.path),
        )
    for name, _, offset in entry.onsets:
        if offset > facts.duration_s + 0.05:
            found = f"{name!r} lasts to {offset:g} s in a recording of {facts.duration_s:g} s"
            raise AudioError("bad-row", found, where=printable(entry.path))
    clip = Clip("file", str(path), duration_s=facts.duration_s, sha256=facts.sha256)
    return Recording(
        clip=clip,
        id=entry.id or os.path.splitext(os.path.relpath(path, root))[0],
        kind=entry.kind,
        labels=entry.labels,
        transcript=entry.transcript,
        speaker=entry.speaker,
        split=entry.split,
        fold=entry.fold,
        licence=entry.licence,
        onsets=entry.onsets,
        sex=entry.sex,
        rate_hz=facts.rate_hz,
        channels=facts.channels,
    )


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


def assign_splits(
    recordings: list[Recording] | tuple[Recording, ...],
    seed: int,
    test_share: float = 0.2,
    dev_share: float = 0.0,
) -> list[Recording]:
    """Give every recording a split; see `harken.corpora.splits`."""
    from harken.corpora.splits import splits_of

    names = splits_of(recordings, seed, test_share, dev_share)
    return [replace(r, split=name) for r, name in zip(recordings, names, strict=True)]
