"""Reading a corpus: recognise its layout, probe every file, give a reason for every reject."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from harken.audio.clip import Clip
from harken.audio.probe import probe
from harken.corpora.base import Corpus, Entry, Layout, Recording, Reject, printable
from harken.errors import AudioError, DataError
from harken.progress import track
from harken.registry import PluginWarning, Registry

LAYOUTS: Registry[Layout] = Registry(
    "corpus layout",
    {
        # The order is that of recognition: what a folder says of itself goes before guesses.
        "starter": "harken.corpora.layouts.starter:LAYOUT",
        "manifest": "harken.corpora.layouts.manifest:LAYOUT",
        "esc": "harken.corpora.layouts.esc:LAYOUT",
        "fsdd": "harken.corpora.layouts.fsdd:LAYOUT",
        "librispeech": "harken.corpora.layouts.librispeech:LAYOUT",
        "ljspeech": "harken.corpora.layouts.ljspeech:LAYOUT",
        "soundfx": "harken.corpora.layouts.soundfx:LAYOUT",
        "sonicpi": "harken.corpora.layouts.sonicpi:LAYOUT",
        "folder": "harken.corpora.layouts.folder:LAYOUT",
    },
    group="layouts",
    shape="harken.corpora.base:Layout",
)


def recognise(root: Path) -> Layout:
    """The first layout that matches `root`; ``folder`` matches every folder.

    Layouts from outside the package are tried before its own, and generic ones after all others. An
    outside layout that fails is reported by a warning and skipped.
    """
    layouts = [(LAYOUTS.is_built_in(one.name), one) for one in LAYOUTS.members()]
    for own, layout in sorted(layouts, key=lambda pair: (pair[1].generic, pair[0])):
        try:
            if layout.matches(root):
                return layout
        except Exception as error:
            if own:
                raise
            fault = f"{type(error).__name__}: {error} ({LAYOUTS.origin(layout.name)})"
            warnings.warn(
                f"the layout {layout.name!r} failed: {fault}", PluginWarning, stacklevel=2
            )
    return LAYOUTS.get("folder")


def read_corpus(root: Path, layout: str | None = None, limit: int | None = None) -> Corpus:
    """Read the corpus at `root`: all usable recordings, and all rejects with their reasons.

    Args:
        root: the folder. Files outside it (a link, ``../`` in a manifest) are rejected.
        layout: a name in `LAYOUTS`; None: recognised from the files.
        limit: most files to read, spread evenly over the corpus.

    Raises:
        DataError: `root` is not a folder that can be read.
        ConfigError: no layout has that name.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(
            f"{root} is not a folder", hint="Give the folder that holds the recordings."
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
    """Probe one entry; raises AudioError with its reason if it cannot be used."""
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
            found = f"{name!r} ends at {offset:g} s in a recording of {facts.duration_s:g} s"
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
