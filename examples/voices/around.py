"""The same meetings, with their speakers in places around the microphones.

    harken synth CORPUS -o meetings --family meeting --per-family 400
    python around.py meetings -o around [--layout tetrahedron] [--rt60 0.3]
    harken eval "turns:MODEL?by=direction" around -o run --condition audio --condition swap
    python meetings.py run

Each speaker has one place, 60 degrees or more from those of the others, 1 to 2 m away. Words, turns
and levels are those of the meeting; with ``--rt60`` all is heard in a room of so long a
reverberation time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from harken.ask.speaker_turns import turns_in
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.space.decay import absorption_for
from harken.audio.space.place import Place, Room
from harken.hashing import digest
from harken.item import Item
from harken.progress import track
from harken.shards.read import read_items
from harken.shards.write import write_dataset

TETRAHEDRON = ((0.02, 0.02, 0.02), (0.02, -0.02, -0.02), (-0.02, 0.02, -0.02), (-0.02, -0.02, 0.02))
LAYOUTS = ("foa", "hoa2", "tetrahedron", "stereo", "binaural")
SIZE_M, AT_M = (6.0, 5.0, 3.0), (2.9, 2.4, 1.5)
"""Of the room, and where its microphones are."""


def around(item: Item, layout: str, inside: Room | None, seed: int) -> Item:
    """One meeting; the places depend on its id and the seed."""
    plan = item.clips[0].plan
    assert plan is not None and item.plan is not None
    names = [row["name"] for row in item.plan["values"]["scene"]["events"]]
    rng = np.random.default_rng([seed, int(digest(item.id, 8), 16)])
    places = dict(zip(dict.fromkeys(names), _places(len({*names}), rng), strict=True))
    parts = tuple(
        replace(part, path=(places[name],)) for part, name in zip(plan.parts, names, strict=True)
    )
    kind = "array" if layout == "tetrahedron" else layout
    mics = TETRAHEDRON if kind == "array" else ()
    length = round(plan.duration_s + (0.3 if inside else 0.0), 3)
    own = replace(plan, parts=parts, duration_s=length, layout=kind, mics=mics, room=inside)
    made = replace(item, clips=(Clip("plan", duration_s=length, plan=own),), plan={})
    return made.with_history("placed around the microphones", item.id)


def _places(count: int, rng: np.random.Generator) -> Iterator[Place]:
    turn = float(rng.uniform(-180, 180))
    for number in range(count):
        azimuth = turn + number * 120 + float(rng.uniform(-30, 30))
        height, distance = float(rng.uniform(-10, 20)), float(rng.uniform(1, 2))
        azimuth = (azimuth + 180) % 360 - 180
        yield Place(round(azimuth, 1), round(height, 1), round(distance, 2))


def _longer(item: Item) -> bool:
    """Whether a turn has more words than one."""
    return any(len(turn.words.split()) > 1 for turn in turns_in(item.answer))


def room(rt60_s: float) -> Room:
    """A room of 6 by 5 by 3 m."""
    wall = absorption_for(Place(0.0, 0.0, 1.5), SIZE_M, AT_M, rt60_s, RATE_HZ)
    return Room(SIZE_M, AT_M, wall, rt60_s)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("meetings", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--split", default="test")
    parser.add_argument("--layout", choices=LAYOUTS, default="foa")
    parser.add_argument("--rt60", type=float, default=0.0, help="seconds; 0: no room")
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--words", action="store_true", help="meetings of single words only")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    inside = room(given.rt60) if given.rt60 else None
    items = [
        item
        for item in read_items(given.meetings)
        if item.split == given.split and not (given.words and _longer(item))
    ]
    made = [
        around(item, given.layout, inside, given.seed)
        for item in track(items[: given.limit], "meetings")
    ]
    write_dataset(made, given.out, name=given.out.name)


if __name__ == "__main__":
    main()
