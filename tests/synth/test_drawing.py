"""What chunks draw, put in order, is what one goes through one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_sounds import world, write_world

from harken.engines.local import LocalEngine
from harken.shards.build import Unit
from harken.synth import drawing
from harken.synth.drawing import Drawing, drawn, make_unit, plan_units
from harken.synth.make import FAMILIES
from harken.synth.pool import RecordingPool


def ids(units: list[Unit], own: Drawing) -> list[str]:
    return [item.id for unit in units for item in unit.make(own)]


@pytest.mark.parametrize("name", ["presence", "same-word", "order"])
def test_chunks_give_what_one_by_one_gives(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a small world most draws are taken already, and it is exhausted."""
    monkeypatch.setattr(drawing, "CHUNK", 32)
    kind, pool = FAMILIES.get(name), RecordingPool(write_world(tmp_path), "train")
    own = Drawing((kind,), (pool,), 5)
    for n in (1, 32, 33, 400):
        expected = [one.item.id for one in drawn(kind, pool, n, 5)]
        units, report = plan_units(own, n, LocalEngine())
        assert ids(units, own) == expected and report["counts"] == {f"{name}/train": len(expected)}
        assert (len(expected) < n) == bool(report["short"])


def test_two_workers_draw_what_one_draws() -> None:
    kinds = tuple(FAMILIES.get(name) for name in ("presence", "word", "talk"))
    own = Drawing(kinds, tuple(RecordingPool(world(), split) for split in ("train", "test")), 1)
    found = []
    for workers in (1, 2):
        with LocalEngine(workers) as engine:
            units, report = plan_units(own, 1100, engine)
        found.append(([(one.key, one.make.args, one.items) for one in units], report))
    assert found[0] == found[1]


def test_a_unit_makes_its_items_alone() -> None:
    own = Drawing((FAMILIES.get("presence"),), (RecordingPool(world(), "train"),), 1)
    units, _ = plan_units(own, 600, LocalEngine())
    whole = ids(units, own)
    assert ids(units[1:2], own) == whole[256:512]
    assert [item.id for item in make_unit(0, 0, 0, b"", own)] == []
