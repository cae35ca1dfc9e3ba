"""Reading a corpus: recognise its layout, probe every file, give a reason for every reject."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from harken.audio.clip import Clip
from harken.audio.header import NOTES
from harken.audio.heard import HeardSamples
from harken.audio.probe import Probe, probe
from harken.corpora.base import Corpus, Entry, Layout, Recording, Reject, other_kinds, printable
from harken.corpora.copies import check_copies
from harken.corpora.fields import label_text, tidy
from harken.corpora.layouts.manifest import refuse_unread
from harken.corpora.splits import split_notes
from harken.errors import AudioError, DataError
from harken.files import real_path
from harken.listed import listed
from harken.progress import track
from harken.registry import PluginWarning, Registry

LAYOUTS: Registry[Layout] = Registry(
    "corpus layout",
    {
        # The order is that of recognition: what a folder says of itself goes before guesses.
        "starter": "harken.corpora.layouts.starter:LAYOUT",
        "fsd50k": "harken.corpora.layouts.fsd50k:LAYOUT",
        "clotho": "harken.corpora.layouts.clotho:LAYOUT",
        "audiocaps": "harken.corpora.layouts.audiocaps:LAYOUT",
        "audioset-strong": "harken.corpora.layouts.audioset_strong:LAYOUT",
        "wavcaps": "harken.corpora.layouts.wavcaps:LAYOUT",
        "common-voice": "harken.corpora.layouts.common_voice:LAYOUT",
        "crema-d": "harken.corpora.layouts.crema_d:LAYOUT",
        "ravdess": "harken.corpora.layouts.ravdess:LAYOUT",
        "gigaspeech": "harken.corpora.layouts.gigaspeech:LAYOUT",
        "manifest": "harken.corpora.layouts.manifest:LAYOUT",
        "esc": "harken.corpora.layouts.esc:LAYOUT",
        "fsdd": "harken.corpora.layouts.fsdd:LAYOUT",
        "librispeech": "harken.corpora.layouts.librispeech:LAYOUT",
        "ljspeech": "harken.corpora.layouts.ljspeech:LAYOUT",
        "soundfx": "harken.corpora.layouts.soundfx:LAYOUT",
        "sonicpi": "harken.corpora.layouts.sonicpi:LAYOUT",
        "table": "harken.corpora.layouts.table:LAYOUT",
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


def _recognised(root: Path) -> Layout:
    """`recognise`, but a list of recordings that cannot be read is not passed over."""
    found = recognise(root)
    if found.name in ("table", "folder"):
        refuse_unread(root)
    return found


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
    root = real_path(root)
    chosen = LAYOUTS.get(layout) if layout else _recognised(root)
    found = list(chosen.entries(root))
    rejects = [entry for entry in found if isinstance(entry, Reject)]
    entries = [entry for entry in found if isinstance(entry, Entry)]
    notes = [entry for entry in found if isinstance(entry, str)]
    if limit is not None and len(entries) > limit:
        notes.append(f"{limit} of {len(entries)} files were read, spread evenly")
        entries = [entries[i * len(entries) // limit] for i in range(limit)]
    recordings = []
    heard: dict[str, tuple[Probe, HeardSamples]] = {}
    odd: dict[str, list[str]] = {}
    for entry in track(entries, f"reading {root.name}"):
        try:
            recordings.append(recording(entry, root, heard))
        except AudioError as error:
            rejects.append(Reject(printable(entry.path), error.reason, error.found))
            continue
        for reason, text in _odd(entry, heard[entry.path][0]):
            odd.setdefault(reason, []).append(f"{printable(entry.path)}: {text}")
    recordings, contradictory, more = check_copies(recordings, root)
    rejects += contradictory
    notes += [*more, *split_notes(recordings)]
    notes += [
        f"{len(told)} files: {NOTES.get(reason, reason)} ({told[0]})"
        for reason, told in sorted(odd.items())
    ]
    kinds = other_kinds(root)
    if kinds:
        told = listed([f"{suffix} {n}" for suffix, n in sorted(kinds.items())])
        notes.append(f"files of other kinds, which are not read: {told}")
    bare = sum(not (r.labels or r.transcript or r.speaker or r.captions) for r in recordings)
    if bare:
        notes.append(
            f"{bare} recordings have no label, transcript, speaker or caption: no question is made "
            "of them"
        )
    rejects.sort(key=lambda reject: (reject.path, reject.reason))
    return Corpus(root.name, chosen.name, root, tuple(recordings), tuple(rejects), tuple(notes))


def _odd(entry: Entry, facts: Probe) -> list[tuple[str, str]]:
    """What is odd about a file that is read: (kind, what was found)."""
    found = [(note.reason, note.found) for note in facts.notes]
    length_s = facts.duration_s
    if entry.stated_s is not None and abs(entry.stated_s - length_s) > 0.05 * length_s + 0.1:
        text = f"{entry.stated_s:g} s are stated, the file has {length_s:g} s"
        found.append(("another length than the list states", text))
    return found


def recording(
    entry: Entry, root: Path, heard: dict[str, tuple[Probe, HeardSamples]] | None = None
) -> Recording:
    """Probe one entry; raises AudioError with its reason if it cannot be used.

    `heard` keeps the last file, since several entries in a row may be spans of one.
    """
    path = root / entry.path
    heard = {} if heard is None else heard
    if entry.path not in heard:
        heard.clear()
        samples = HeardSamples()
        heard[entry.path] = probe(path, root, heard=samples), samples
    facts, samples = heard[entry.path]
    where = printable(entry.path)
    if entry.sha256 is not None and entry.sha256 != facts.sha256:
        raise AudioError(
            "hash-mismatch",
            f"the manifest expects SHA-256 {entry.sha256[:12]}…, the file has {facts.sha256[:12]}…",
            where=where,
        )
    start_s, length_s = _span(entry, facts.duration_s)
    samples.require(start_s, length_s)
    _require_events(entry, facts.duration_s, samples)
    labels = tuple(dict.fromkeys(filter(None, map(label_text, entry.labels))))
    captions = tuple(dict.fromkeys(filter(None, map(tidy, entry.captions))))
    description = tidy(entry.description)
    traits = [(name, label_text(value)) for name, value in entry.traits]
    texts = [
        *labels,
        *captions,
        description,
        *(value for _, value in traits),
        entry.transcript or "",
        entry.speaker or "",
        entry.id,
        entry.licence,
    ]
    if any(printable(text) != text for text in texts):
        raise AudioError("bad-row", "a label or another text is not valid UTF-8", where=where)
    clip = Clip("file", str(path), start_s=start_s, duration_s=length_s, sha256=facts.sha256)
    return Recording(
        clip=clip,
        id=tidy(entry.id) or os.path.splitext(os.path.relpath(path, root))[0],
        kind=entry.kind,
        labels=labels,
        transcript=None if entry.transcript is None else tidy(entry.transcript) or None,
        speaker=tidy(entry.speaker) or None if entry.speaker else None,
        split=entry.split,
        fold=entry.fold,
        licence=tidy(entry.licence),
        onsets=tuple((label_text(name), onset, offset) for name, onset, offset in entry.onsets),
        sex=entry.sex,
        rate_hz=facts.rate_hz,
        channels=facts.channels,
        sound=samples.sound,
        captions=captions,
        description=description,
        traits=tuple(sorted((name, value) for name, value in traits if value)),
    )


def _span(entry: Entry, whole_s: float) -> tuple[float, float]:
    """Start and length in seconds of the recording in its file; raises AudioError ``bad-row``."""
    length_s = whole_s - entry.start_s if entry.length_s is None else entry.length_s
    if entry.start_s + length_s > whole_s + 0.05 or length_s <= 0:
        found = (
            f"it lasts from {entry.start_s:g} s to {entry.start_s + length_s:g} s "
            f"in a file of {whole_s:g} s"
        )
        raise AudioError("bad-row", found, where=printable(entry.path))
    if not entry.start_s and abs(length_s - whole_s) <= 0.05:
        return 0.0, whole_s
    return entry.start_s, min(length_s, whole_s - entry.start_s)


def _require_events(entry: Entry, whole_s: float, samples: HeardSamples) -> None:
    """Refuse events outside the file, and those in which nothing is heard; raises AudioError."""
    for name, onset, offset in entry.onsets:
        if offset > whole_s + 0.05:
            found = f"{name!r} ends at {offset:g} s in a recording of {whole_s:g} s"
            raise AudioError("bad-row", found, where=printable(entry.path))
        try:
            samples.require(onset, offset - onset)
        except AudioError as error:
            found = f"the event {name!r} at {onset:g} s: {error.found}"
            raise AudioError(error.reason, found, where=printable(entry.path)) from None
