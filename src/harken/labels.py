"""Short labels that tell runs apart: by the end of their path, their model, and their settings.

Two folders may have one last name (``a/mmau`` and ``b/mmau``), and two runs one model: a table of
runs says what differs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ELSEWHERE = ("model", "dataset", "items", "fingerprint", "harken", "kind")
"""Keys of a run's spec that are shown in other places, or say what was asked and not how."""
_LONGEST = 40  # letters of a value in a label


def tails(paths: Sequence[Path | str]) -> list[str]:
    """The shortest end of each path that no other one has; the same path twice is numbered."""
    parts = [Path(os.path.abspath(path)).parts for path in paths]
    found: list[str] = []
    for own in parts:
        others = [other for other in parts if other != own]
        size = next(
            (n for n in range(1, len(own)) if all(o[-n:] != own[-n:] for o in others)), len(own)
        )
        name = Path(*own[-size:]).as_posix()
        before = sum(other == own for other in parts[: len(found)])
        found.append(f"{name} ({before + 1})" if before else name)
    return found


def settings_apart(specs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each run those settings that not all runs have alike, by dotted key."""
    flat = [_flat(spec) for spec in specs]
    keys = dict.fromkeys(key for one in flat for key in one)
    apart = [key for key in keys if len({json.dumps(one.get(key)) for one in flat}) > 1]
    return [{key: one.get(key) for key in apart} for one in flat]


def run_labels(folders: Sequence[Path | str], specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """``path: model; setting value, …`` for each run, with the settings that differ."""
    lines = []
    for tail, spec, own in zip(tails(folders), specs, settings_apart(specs), strict=True):
        about = ", ".join(f"{key} {_brief(value)}" for key, value in own.items())
        lines.append(f"{tail}: {spec.get('model')}" + (f"; {about}" if about else ""))
    return lines


def _flat(value: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, own in value.items():
        if not under and key in _ELSEWHERE:
            continue
        if isinstance(own, Mapping):
            found |= _flat(own, f"{under}{key}.")
        else:
            found[f"{under}{key}"] = own
    return found


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
