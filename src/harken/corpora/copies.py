"""The same sound more than once in a corpus: counted, and held against what is said of it.

Copies are recordings with equal samples: copies of a file byte for byte, and the same sound in
another format. Copies whose labels differ are told; copies whose words or speakers contradict each
other cannot be asked about, and are rejects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harken.corpora.base import Recording, Reject, printable
from harken.listed import listed

SHOWN = 3
"""Most examples in one note."""


def check_copies(
    recordings: Sequence[Recording], root: Path
) -> tuple[list[Recording], list[Reject], list[str]]:
    """The recordings that can be used, a reject for every other one, and notes."""
    groups: dict[tuple[str, float, float | None], list[Recording]] = {}
    for recording in recordings:
        groups.setdefault(recording.heard, []).append(recording)
    several = [group for group in groups.values() if len(group) > 1]
    rejects: list[Reject] = []
    bad: set[int] = set()
    for group in several:
        for what, values in (
            ("transcript", _values(group, lambda r: _words(r.transcript))),
            ("speaker", _values(group, lambda r: r.speaker or "")),
        ):
            if len(values) > 1:
                rejects += [_contradiction(what, r, group, root) for r in group]
                bad |= {id(recording) for recording in group}
                break
    notes = _counted(several)
    kept = [group for group in several if id(group[0]) not in bad]
    differ = [group for group in kept if len({frozenset(r.labels) for r in group}) > 1]
    if differ:
        named = [
            listed(
                [f"{_path(r, root)} ({', '.join(r.labels) or 'no label'})" for r in group],
                4,
                between=" and ",
            )
            for group in differ
        ]
        notes.append(
            f"{len(differ)} sounds have other labels in other files: "
            f"{listed(named, SHOWN, between='; ')}; all of their labels are taken as true"
        )
    return [r for r in recordings if id(r) not in bad], rejects, notes


def _counted(several: Sequence[Sequence[Recording]]) -> list[str]:
    """Notes on how many recordings are copies."""
    bytes_too = sum(len(g) - len({r.clip.sha256 for r in g}) for g in several)
    others = sum(len({r.clip.sha256 for r in g}) - 1 for g in several)
    notes = []
    if bytes_too:
        notes.append(f"{bytes_too} files are byte-identical copies of others")
    if others:
        notes.append(f"{others} files have the same samples as others, in other bytes")
    return notes


def _values(group: Sequence[Recording], value: Callable[[Recording], str]) -> set[str]:
    """What the copies say, where they say something."""
    return {value(recording) for recording in group} - {""}


def _words(transcript: str | None) -> str:
    """Letters and digits in lower case: how a transcript is written does not matter."""
    kept = "".join(c if c.isalnum() else " " for c in (transcript or "").casefold())
    return " ".join(kept.split())


def _contradiction(
    what: str, recording: Recording, group: Sequence[Recording], root: Path
) -> Reject:
    own = getattr(recording, what)
    other = next(
        (r for r in group if _words(getattr(r, what)) not in ("", _words(own))),
        group[0] if group[0] is not recording else group[1],
    )
    found = (
        f"the same sound as {_path(other, root)}, and the {what} is {own!r} here, "
        f"{getattr(other, what)!r} there"
    )
    return Reject(_path(recording, root), "contradiction", found)


def _path(recording: Recording, root: Path) -> str:
    path = Path(recording.clip.path)
    return printable(str(path.relative_to(root) if path.is_relative_to(root) else path))
