"""Scorers by name."""

from __future__ import annotations

from harken.ask.scorers.base import Scorer
from harken.registry import Registry

STRICT = "strict"
"""The scorer of a run unless told otherwise."""

SCORERS: Registry[Scorer] = Registry(
    "scorer",
    {STRICT: "harken.ask.scorers.strict:SCORER"},
    shape="harken.ask.scorers.base:Scorer",
)
