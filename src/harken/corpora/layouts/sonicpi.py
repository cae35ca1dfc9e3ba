"""Sonic Pi's samples: drums, tabla, guitar, bass and ambiences, CC0.

The instrument is abbreviated in the file name (``bd_haus``, ``sn_dub``, ``drum_tom_hi_hard``) and
spelled out here. ``README.md`` names the Freesound recording that most samples come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.layouts.soundfx import source_id
from harken.corpora.tables import read_text

INSTRUMENTS = {
    # The longest matching prefix counts.
    "ambi": "ambience",
    "ambi_choir": "choir",
    "ambi_piano": "piano",
    "arovane": "drum loop",
    "bass": "synth bass",
    "bd": "bass drum",
    "drum_bass": "bass drum",
    "drum_cowbell": "cowbell",
    "drum_cymbal": "cymbal",
    "drum_heavy_kick": "bass drum",
    "drum_roll": "drum roll",
    "drum_snare": "snare drum",
    "drum_splash": "cymbal",
    "drum_tom": "tom drum",
    "elec": "electronic percussion",
    "elec_bell": "bell",
    "elec_chime": "chime",
    "elec_cymbal": "cymbal",
    "elec_triangle": "triangle",
    "glitch": "glitch",
    "guit": "guitar",
    "hat": "hi-hat",
    "loop": "drum loop",
    "loop_3d_printer": "3d printer",
    "loop_drone": "drone",
    "mehackit_phone": "telephone",
    "mehackit_robot": "robot",
    "misc_burp": "burp",
    "misc_cineboom": "boom",
    "misc_crow": "crow",
    "perc": "percussion",
    "perc_bell": "bell",
    "perc_door": "door",
    "perc_snap": "finger snap",
    "perc_swash": "swoosh",
    "perc_swoosh": "swoosh",
    "perc_till": "cash register",
    "ride": "ride cymbal",
    "sn": "snare drum",
    "tabla": "tabla",
    "vinyl": "vinyl record",
}
_SOUNDS = frozenset(
    {"ambience", "telephone", "robot", "burp", "boom", "crow", "door", "finger snap"}
    | {"swoosh", "cash register", "3d printer", "glitch", "vinyl record"}
)


def matches(root: Path) -> bool:
    """Two samples that are in every release."""
    return all((root / f"{name}.flac").is_file() for name in ("bd_haus", "ambi_choir"))


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every sample with its instrument and its Freesound recording."""
    sources = read_sources(root / "README.md")
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        stem = PurePath(path).stem
        matching = [name for name in INSTRUMENTS if re.match(rf"{name}(?![a-z])", stem)]
        label = INSTRUMENTS[max(matching, key=len)] if matching else ""
        yield Entry(
            path,
            id=sources.get(stem.replace("_", ""), f"sonicpi:{stem}"),
            kind="sound" if label in _SOUNDS else "music",
            labels=(label,) if label else (),
            licence="CC0",
        )


def read_sources(readme: Path) -> dict[str, str]:
    """Sample name without underscores -> Freesound id (the README writes ``perc_impact_1``)."""
    if not readme.is_file():
        return {}
    text = read_text(readme)
    found = re.findall(r"^\* `:(\w+)` - (\S*freesound\.org\S+)", text, re.MULTILINE)
    return {name.replace("_", ""): source_id(address) for name, address in found}


LAYOUT = Layout(
    "sonicpi", "Sonic Pi's samples: drums, tabla, guitar, bass and ambiences", matches, entries
)
