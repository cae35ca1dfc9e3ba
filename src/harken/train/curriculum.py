"""The order in which harken-tiny is taught, as plain values: which stage, how long, on which items.

Steps scale with the minutes asked for; rates do not. The counts of `warm` and `align` come from
runs on one core; those of `sft` and `grpo` are a first setting and were not measured. What was seen
(ESC-10, fold 5 held out, one seed, 60 questions of four choices) decides the shape:

- Naming is taught one question a line. With several in a line the later answers can be read from
  the earlier ones, and nothing is heard: 0.30 right of four choices after 320 such steps, against
  0.75 after 100 steps in which each clip is named once.
- The language model is taught along with the audio side, after a short warm-up on words.
- Many questions about one set of clips in one line pay off on words only (`warm`), where what is
  in a clip is certain and the question is what has to be understood.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harken.errors import ConfigError
from harken.item import Item
from harken.models.lalm_parts import GROUPS
from harken.train.align import AlignSettings
from harken.train.grpo import GrpoSettings
from harken.train.sft import SftSettings
from harken.train.warm import WarmSettings

MEASURED_MINUTES = 6.0
"""The time that the step counts below are meant for, on two cores."""


@dataclass(frozen=True, slots=True)
class Curriculum:
    """The settings of each stage, in the order in which they are called.

    Attributes:
        warm: on all items, as words.
        align: on `naming(items)`, with sound.
        sft: on all items.
        grpo: on items with choices.
    """

    warm: WarmSettings
    align: AlignSettings
    sft: SftSettings
    grpo: GrpoSettings


def curriculum(minutes: float = MEASURED_MINUTES, seed: int = 0, threads: int = 2) -> Curriculum:
    """The curriculum for about `minutes` of teaching.

    Raises:
        ConfigError: no time at all.
    """
    if minutes <= 0:
        raise ConfigError(f"minutes is {minutes}", mend="Give the time that teaching may take.")

    def steps(number: int) -> int:
        return max(1, round(number * minutes / MEASURED_MINUTES))

    return Curriculum(
        WarmSettings(steps=steps(200), batch=24, lr=2e-3, turns=8, seed=seed, threads=threads),
        AlignSettings(
            steps=steps(250),
            batch=24,
            lr=1e-3,
            turns=1,
            groups=GROUPS,
            seed=seed,
            threads=threads,
        ),
        SftSettings(steps=steps(200), batch=24, lr=1e-3, turns=1, seed=seed, threads=threads),
        GrpoSettings(steps=steps(30), lr=5e-5, seed=seed, threads=threads),
    )


def naming(items: Iterable[Item]) -> list[Item]:
    """The open items that ask for a name of each thing heard, once: what `align` is taught on.

    Questions about one of several clips are left out: the others would be encoded for nothing.
    """
    return [item for item in items if item.clips and not item.choices and _names_all(item)]


def _names_all(item: Item) -> bool:
    if item.task == "order" or "name" in item.tags:
        return True
    return "at" in item.tags and len(item.clips) == 1
