"""strict: the option that the reply names unmistakably, or the open answer word for word."""

from __future__ import annotations

from harken.ask.score import score
from harken.ask.scorers.base import Scorer

SCORER = Scorer(
    "strict",
    "the reply names the right option unmistakably, or gives the open answer word for word",
    score,
)
