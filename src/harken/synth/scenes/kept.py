"""Plans of scenes that are kept in a folder: read again, and what making them will take."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from harken.audio.clip import ScenePlan
from harken.audio.codec import FLAC_CHANNELS, encode
from harken.audio.load import render
from harken.errors import DataError
from harken.files import damaged
from harken.parsing import load_json, parse_json
from harken.shards.schema import live_path, map_paths, stored_path
from harken.synth.scenes.levels import WHOLE_S
from harken.synth.scenes.planned import PlannedScene
from harken.synth.scenes.truth import truth_of

MARKER, PLANNED, BEGUN = "scenes.json", "planned.json", "begun.json"
TRUTH, PLANS = "truth.jsonl", "plans.jsonl"

SAMPLE = 8
"""Scenes that an estimate is measured on."""

WINDOW_S = 10.0
"""What is made of a long scene for it, in seconds."""


@dataclass(frozen=True, slots=True)
class KeptPlans:
    """The plans of a folder, read a unit of work at a time.

    Attributes:
        folder: where they are; absolute.
        unit: scenes in a unit.
        offsets: byte at which the plans of each unit begin.
    """

    folder: Path
    unit: int
    offsets: tuple[int, ...]

    @staticmethod
    def of(folder: Path, unit: int) -> KeptPlans:
        """The plans in a folder.

        Raises:
            DataError: there are none, or they are not those that were written.
        """
        sums = marked(folder)["files"]
        for name, why in damaged(folder, {PLANS: sums[PLANS]}).items():
            raise DataError(
                f"{name}: {why}", where=str(folder), hint="Draw the scenes again: --plan."
            )
        offsets, at = [], 0
        with (folder / PLANS).open("rb") as file:
            for number, line in enumerate(file):
                if number % unit == 0:
                    offsets.append(at)
                at += len(line)
        return KeptPlans(Path(os.path.abspath(folder)), unit, tuple(offsets))

    def scenes(self, start: int, stop: int) -> Iterator[PlannedScene]:
        """Scenes `start` to `stop`, with paths of recordings as they are from here."""
        first = start // self.unit
        with (self.folder / PLANS).open("rb") as file:
            file.seek(self.offsets[first] if self.offsets else 0)
            lines = islice(file, start - first * self.unit, stop - first * self.unit)
            for line in lines:
                scene = PlannedScene.from_dict(parse_json(line))
                yield with_paths(scene, self.folder, live=True)


def marked(folder: Path) -> dict[str, Any]:
    """What the marker of a folder of scenes, or of plans, says.

    Raises:
        DataError: there is none.
    """
    for name in (MARKER, PLANNED):
        if (folder / name).is_file():
            found: dict[str, Any] = load_json(folder / name)
            return found
    raise DataError(
        f"there is neither {PLANNED} nor {MARKER}",
        where=str(folder),
        hint="harken scene --plan makes such folders.",
    )


def job_of(folder: Path) -> dict[str, Any]:
    """All that the scenes of a folder depend on, as its marker has it.

    Raises:
        DataError: there is no marker.
    """
    return {key: value for key, value in marked(folder).items() if key not in ("seconds", "files")}


def with_paths(scene: PlannedScene, folder: Path, *, live: bool = False) -> PlannedScene:
    """The scene with paths relative to its folder, or with `live` as they are from here."""
    root = Path(os.path.abspath(folder))

    def change(path: str) -> str:
        return live_path(path, root) if live else stored_path(path, root)

    parts = tuple(replace(part, clip=map_paths(part.clip, change)) for part in scene.plan.parts)
    plan: ScenePlan = replace(scene.plan, parts=parts)
    return replace(scene, plan=plan)


@dataclass(frozen=True, slots=True)
class SceneCost:
    """What the scenes of kept plans are expected to take.

    Attributes:
        scenes: how many.
        seconds: of sound.
        bytes: of their clips.
        work_s: of one worker, with what the computer does now.
        sample: scenes that this was measured on.
    """

    scenes: int
    seconds: float
    bytes: int
    work_s: float
    sample: int


def cost_of(folder: Path) -> SceneCost:
    """Make a few of the scenes, evenly spread, or a window of long ones, and measure them.

    Raises:
        DataError: there are no plans.
        AudioError: a recording cannot be decoded.
    """
    known = marked(folder)
    count = known["count"]
    kept = KeptPlans.of(folder, 1)
    size, made_s, begin = 0, 0.0, time.perf_counter()
    chosen = range(0, count, max(1, count // SAMPLE))[:SAMPLE]
    for index in chosen:
        (scene,) = kept.scenes(index, index + 1)
        plan = scene.plan
        whole = plan.duration_s <= WHOLE_S
        length_s = plan.duration_s if whole else WINDOW_S
        start_s = 0.0 if whole else round((plan.duration_s - length_s) / 2)
        sound = render(plan, start_s, length_s, mono=plan.layout == "mono")
        wide = sound.ndim > 1 and sound.shape[0] > FLAC_CHANNELS
        size += len(encode(sound, plan.rate_hz, "WAV" if wide else "FLAC"))
        made_s += length_s
        if whole:
            truth_of(scene)
    took = time.perf_counter() - begin
    share = known["seconds"] / made_s
    return SceneCost(
        count, known["seconds"], round(size * share), round(took * share, 3), len(chosen)
    )
