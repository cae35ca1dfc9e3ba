"""Evaluations change no weight, and a training that is killed has the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_hearing_watch import trained

from harken.runs import Run
from harken.train.hearing_gap import HearingSettings
from made_items import contents


class Stop(Exception):
    """What a training is ended by in these tests."""


def test_how_often_it_is_evaluated_changes_no_weight(tmp_path: Path) -> None:
    sounds = tmp_path / "sounds"
    one, other, none = (
        trained(tmp_path / f"run{n}", sounds, HearingSettings(items=8), zeroed=False, **changes)
        for n, changes in enumerate(
            [{"evaluate_every": 4}, {"evaluate_every": 3}, {"evaluate_every": 0}]
        )
    )
    assert one[0].identity() == other[0].identity() == none[0].identity()
    last = [run.records("evaluations")[-1]["hearing"] for _, run in (one, other)]
    assert last[0] == last[1] and not none[1].records("evaluations")


@pytest.mark.slow
@pytest.mark.parametrize("zeroed", [False, True])
def test_stopped_at_any_write_it_has_the_same_evaluations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zeroed: bool
) -> None:
    """Killed before each evaluation is written, and after it; also one that is ended as deaf."""
    how = HearingSettings(min_gap=0.05 if zeroed else 0.0, patience=2, grace=0.25)
    more: dict[str, Any] = {"zeroed": zeroed, "checkpoint_every": 5, "steps": 12}
    learner, _ = trained(tmp_path / "whole", tmp_path / "sounds", how, **more)
    expected = contents(tmp_path / "whole")
    plain, left = Run.append, [0]

    def append(run: Run, name: str, *args: Any, **options: Any) -> None:
        if left[0] == 0:
            raise Stop
        left[0] -= 1
        plain(run, name, *args, **options)

    writes = 3 + 8 if zeroed else 4 + 12  # evaluations and steps
    for place in range(1, writes, 3):
        cut = tmp_path / f"cut{place}"
        left[0] = place
        with monkeypatch.context() as patched:
            patched.setattr(Run, "append", append)
            with pytest.raises(Stop):
                trained(cut, tmp_path / "sounds", how, **more)
        again, _ = trained(cut, tmp_path / "sounds", how, **more)
        assert again.identity() == learner.identity(), place
        assert contents(cut) == expected, place
