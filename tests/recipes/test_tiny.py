"""The recipe tiny: harken-tiny's curriculum for longer, on a dataset with practice."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_corpus import FAMILIES, job, made

from harken.errors import ConfigError, DataError
from harken.models.load import load_model
from harken.recipes.registry import RECIPES
from harken.recipes.tiny import FULL_MINUTES, plan
from harken.recipes.tiny_curriculum import MEASURED_MINUTES, tiny_plan
from harken.runs import read_run


@pytest.fixture(scope="module")
def practised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("tiny"), (*FAMILIES, "talk", "leaky"), 24)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_trains_in_four_stages_and_goes_on_where_it_stopped(
    practised: Path, tmp_path: Path
) -> None:
    learner = RECIPES.get("tiny").run(job("tiny", practised, tmp_path))
    assert load_model(str(tmp_path / "model")).identity() == learner.identity()
    runs = {name: read_run(tmp_path / "training" / name) for name in plan("", "smoke", 0)}
    assert [*runs] == ["drill", "text-warmup", "align", "sft"]
    assert all(run.done for run in runs.values())
    again = RECIPES.get("tiny").run(job("tiny", practised, tmp_path))
    assert again.identity() == learner.identity()


def test_it_takes_as_much_longer_as_it_says() -> None:
    short, full = tiny_plan(), plan("harken-tiny", "full", 0)
    for name, settings in full.items():
        assert settings.steps == round(short[name].steps * FULL_MINUTES / MEASURED_MINUTES)


def test_other_models_and_sets_without_practice_are_refused(
    practised: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="curriculum of harken-tiny"):
        RECIPES.get("tiny").run(job("tiny", practised, tmp_path, model="native:somewhere"))
    with pytest.raises(ConfigError, match="the size is 'huge'"):
        plan("harken-tiny", "huge", 0)
    bare = made(tmp_path / "bare", ("identify",), 6)
    with pytest.raises(DataError, match="stage drill needs: of the family talk"):
        RECIPES.get("tiny").run(job("tiny", bare, tmp_path / "out"))
