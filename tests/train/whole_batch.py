"""The batch of a step in one process, for tests."""

from __future__ import annotations

from typing import Any

from harken.models.learner import Learner
from harken.train.batch import Batch, draw_batch


def make_batch(learner: Learner, *how: Any) -> Batch:
    """What `draw_batch` draws, with its audio."""
    return Batch.of(learner, draw_batch(learner, *how))
