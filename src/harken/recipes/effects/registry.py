"""Studies by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harken.registry import Registry

if TYPE_CHECKING:  # the command line needs their names, and nothing that trains
    from harken.recipes.effects.study import Study

STUDIES = {
    "mallm": "pairs of clips told apart: what joint training gives, and what it costs",
    "deafness": "plain rewards against rewards for what was heard",
    "audiomcq": "SFT and GRPO on weak and on strong questions, at equal steps",
    "time": "times as tokens and as text, with and without more weight in the loss",
    "duplicates": "a set with many copies, and what harken clean keeps of it, at equal steps",
    "compa": "a contrastive model with and without false captions as hard negatives",
}
"""The studies of the package, and what each compares."""

_MODULES = {"time": "onsets"}  # the others are in the module of their name

EFFECTS: Registry[Study] = Registry(
    "effect",
    {name: f"harken.recipes.effects.{_MODULES.get(name, name)}:STUDY" for name in STUDIES},
    shape="harken.recipes.effects.study:Study",
)
"""What `harken effect` can be told."""
