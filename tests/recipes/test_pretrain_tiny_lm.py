"""The made-up recordings of the tiny language model have what its questions need."""

from __future__ import annotations

from harken.recipes.pretrain_tiny_lm import ASKED, made_up_recordings
from harken.synth.make import FAMILIES, draw
from harken.synth.pool import RecordingPool


def test_every_family_that_is_asked_can_be_drawn() -> None:
    pool = RecordingPool(made_up_recordings(0), "train")
    for family in ASKED:
        assert not FAMILIES.get(family).lacks(pool), family
        assert len(list(draw(pool, "train", family, 3, 0))) == 3
