"""One self-contained page of what a codec language model says: figures, and players to hear it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import encode_flac, load
from harken.files import write_whole
from harken.report.html import rendered

MOST_SAMPLES = 3
"""Sounds of each text and kind on the page."""

JUDGES = {
    "probe_text": "linear probe: what",
    "probe_voice": "linear probe: whose voice",
    "recogniser_closed": "recogniser: which text",
    "recogniser": "recogniser: words",
}
EXAMS = {
    "reversed": "played backwards",
    "voice": "another voice from the middle on",
    "word": "another word from the middle on",
    "text": "another text before it",
}


@dataclass(frozen=True, slots=True)
class SpokenSample:
    """A sound of the page.

    Attributes:
        kind: ``natural``, ``codec`` or ``generated``.
        text, voice: what was asked for.
        file: the sound.
        heard: judge -> what it heard.
    """

    kind: str
    text: str
    voice: str
    file: str
    heard: Mapping[str, str] = field(default_factory=dict)


def write_speech_page(
    path: Path, result: Mapping[str, Any], samples: Sequence[SpokenSample]
) -> Path:
    """Write the page.

    Args:
        path: the HTML file.
        result: of `harken.recipes.speech_exam.exam`.
        samples: the sounds, of which the first `MOST_SAMPLES` of each text and kind are shown.

    Raises:
        AudioError: a sound that cannot be read.
    """
    model = result["model"]
    context = {
        "title": f"What {model['name']} says",
        "about": f"{model['parameters']:,} parameters, {model['pattern']} codes of "
        f"{model['codebooks']} codebooks, {model['frames_per_s']:g} frames a second",
        "groups": [
            (name, group["probe_fitted_to"], _rows(group))
            for name, group in result["groups"].items()
        ],
        "exams": [
            (EXAMS.get(name, name), share(row)) for name, row in result["likelihood"].items()
        ],
        "sounds": _sounds(samples),
        "sources": [
            ("model", result["identity"]),
            ("sampling", ", ".join(f"{k} {v:g}" for k, v in result["sampling"].items())),
            ("recogniser", result["asr"] or "none"),
            ("seed", str(result["seed"])),
        ],
        "data": {},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, rendered("speech.html.j2", context))
    return path


def share(row: Mapping[str, Any]) -> str:
    """A share with its interval: ``0.85 (85 of 100; 0.77 to 0.91)``."""
    low, high = row["interval"]
    return f"{row['right'] / row['n']:.2f} ({row['right']} of {row['n']}; {low:.2f} to {high:.2f})"


def _rows(group: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Judge, then the share of each kind, then chance."""
    return [
        (name, *(share(group[key][kind]) for kind in ("natural", "codec", "generated")),
         f"{group[key]['chance']:.2f}")
        for key, name in JUDGES.items()
        if key in group
    ]  # fmt: skip


def _sounds(
    samples: Sequence[SpokenSample],
) -> list[tuple[str, list[tuple[str, list[dict[str, str]]]]]]:
    """Text -> kind -> its players."""
    found: dict[str, dict[str, list[dict[str, str]]]] = {}
    for one in samples:
        row = found.setdefault(one.text, {}).setdefault(one.kind, [])
        if len(row) < MOST_SAMPLES:
            heard = ", ".join(f"{name}: {said or '–'}" for name, said in one.heard.items())
            data = base64.b64encode(encode_flac(load(Clip("file", one.file)), RATE_HZ)).decode()
            uri = f"data:audio/flac;base64,{data}"
            row.append({"uri": uri, "voice": one.voice, "heard": heard})
    return [(text, list(kinds.items())) for text, kinds in sorted(found.items())]
