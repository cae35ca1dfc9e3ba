"""The page of trainings: curves of all, stages in order, the card, and items with both answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import DataError
from harken.files import write_json
from harken.report.outline import found
from harken.report.training_content import audio_share, stage_rows
from harken.report.training_data import in_order, is_training, read_trainings
from harken.report.training_page import write_training_report
from harken.runs import Run
from harken.shards.jsonl import write_jsonl
from made_items import tone
from scored_records import EVIL, page_data, record
from tiny_audio import NAMES, named


def numbers(nats: float, reach: float | None = 0.1) -> dict[str, Any]:
    ends = (None, None) if reach is None else (nats - reach, nats + reach)
    return {"nats": nats, "low": ends[0], "high": ends[1], "items": 8, "tokens": 16}


def hearing(gap: float, reach: float | None = 0.1) -> dict[str, Any]:
    accuracy = {"right": 4, "items": 8, "share": 0.5, "low": 0.2, "high": 0.8, "tied": 0}
    conditions = ("audio", "swap", "silence")
    return {
        "items": 8,
        "loss": dict.fromkeys(conditions, numbers(1.0)),
        "gap": {"swap": numbers(gap, reach), "silence": numbers(gap, reach)},
        "accuracy": dict.fromkeys(conditions, accuracy),
        "gain": {},
        "left_out": {},
    }


def stage(folder: Path, start: str, end: str, gaps: list[float], stopped: str = "") -> Path:
    """A finished stage of ten steps for each evaluation after the first."""
    steps = 10 * (len(gaps) - 1)
    spec = {
        "kind": "train",
        "stage": "sft",
        "settings": {"name": folder.name, "steps": 40, "lr": 0.01, "groups": ["projector", "lm"]},
        "start": start,
        "hearing": {"min_gap": 0.1},
    }
    with Run.open(folder, spec) as run:
        for step in range(steps):
            own = {"stage": folder.name, "step": step, "loss": 2 - step / 40, "lr": 0.01}
            run.append("metrics", [{**own, "answer_tokens": 3, "audio_tokens": 9}])
        for at, gap in enumerate(gaps):
            own = {"stage": folder.name, "step": 10 * at, "stop": ""}
            run.append("evaluations", [{**own, "hearing": hearing(gap)}])
        more = {"stopped": stopped} if stopped else {}
        run.finish({"items": 5, "model": end, **more})
    return folder


CARD = {
    "items": 2,
    "source": "the split dev",
    "skills": [
        {
            "skill": "text-only",
            "items": 2,
            "measures": [
                {
                    "measure": "right",
                    "items": 2,
                    "before": 1.0,
                    "after": 0.0,
                    "difference": -1.0,
                    "low": -1.0,
                    "high": -0.5,
                    "p": 0.01,
                    "p_holm": 0.01,
                    "change": "worse",
                }
            ],
        }
    ],
    "forgotten": ["text-only"],
    "gained": [],
    "not_measured": ["words"],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of two stages with everything, and a deaf one."""
    root = tmp_path_factory.mktemp("world")
    stage(root / "good" / "training" / "b-first", "m0", "m1", [0.0, 0.05, 0.2])
    stage(root / "good" / "training" / "a-second", "m1", "m2", [0.2, 0.6])
    stage(root / "deaf" / "sft", "m0", "m9", [0.0, 0.0, 0.0], "stage sft does not use the audio")
    write_json(root / "good" / "card.json", CARD)
    items = [named(root / "sounds", name, 0, 0.2) for name in NAMES[:2]]
    for name, p_gold in (("before", 0.1), ("after", 0.9)):
        with Run.open(root / "good" / "held-out" / name, {"kind": "held-out"}) as run:
            made = [record(item, "audio", p_gold) for item in items]
            run.append("records", [{**one, "reply": f"{name} {EVIL}"} for one in made])
            write_jsonl(items, run.path("items.jsonl"))
            run.finish()
    tone(root / "empty" / "a.wav", 300)
    return root


@pytest.fixture(scope="module")
def page(world: Path) -> str:
    path = write_training_report(world / "page.html", [world / "deaf", world / "good"])
    return path.read_text("utf-8")


def test_stages_are_in_the_order_in_which_they_were_run(world: Path) -> None:
    folders = sorted((world / "good" / "training").iterdir())
    assert [one.name for one in in_order(folders)] == ["b-first", "a-second"]
    (training,) = read_trainings([world / "good"])
    assert [(one.name, one.before) for one in training.stages] == [("b-first", 0), ("a-second", 20)]
    assert [step for step, _ in training.heard] == [0, 10, 20, 20, 30]
    assert [row["ended"] for row in stage_rows(training)] == ["complete", "complete"]


def test_the_headline_is_of_the_last_evaluation(page: str, world: Path) -> None:
    assert "<h1>It listens.</h1>" in page and "After step 30" in page
    assert "+0.60 (+0.50 to +0.70)" in page
    path = write_training_report(world / "deaf.html", [world / "deaf"])
    text = path.read_text("utf-8")
    assert "It was stopped: it does not use the audio." in text
    assert "stopped: does not use the audio" in text and "20 of 40" in text
    assert "No held-out items" in text or "no held-out items" in text


def test_all_trainings_are_in_one_picture(page: str) -> None:
    plots = {plot.name: plot for plot in found(page)[1]}
    together = next(plot for name, plot in plots.items() if name.startswith("together-hearing-gap"))
    assert [name for _, name in together.legend] == ["deaf", "good"]
    (node,) = (node for _, node, _ in together.rows)
    lines = list(node.all("polyline"))
    assert len(lines) == 2 and len(list(node.all("polygon"))) == 2
    assert "stopped below 0.1" in node.text()
    for name in ("hearing-hearing-gap", "steps-learning-rate"):
        assert name in plots
    assert "steps-audio-tokens-per-token-of-audio-and-answers" in plots


def test_the_card_and_the_items_are_on_it(page: str) -> None:
    assert "Forgotten: text-only: right 100.0\u00a0% → 0.0\u00a0%" in page
    tables = {table.name: table for table in found(page)[0]}
    assert {"stage", "card"} <= set(tables)
    data = page_data(page)
    assert len(data["items"]) == 2 and len(data["sounds"]) == 2
    one = data["items"][0]
    assert one["flip"] == "gained" and one["outcome"] == "correct"
    assert [reply["said"].split()[0] for reply in one["replies"]] == ["after", "before"]
    assert "<script>alert" not in re.sub(r'<script type="application/json".*?</script>', "", page)


def test_what_is_not_a_training_is_told(world: Path) -> None:
    assert is_training(world / "good") and is_training(world / "deaf" / "sft")
    assert not is_training(world / "empty") and not is_training(world / "absent")
    assert not is_training(world / "good" / "held-out" / "after")
    with pytest.raises(DataError, match="no training run"):
        write_training_report(world / "none.html", [world / "empty"])


def test_a_training_without_evaluations_has_a_page(tmp_path: Path) -> None:
    with Run.open(tmp_path / "t" / "sft", {"kind": "train", "settings": {"name": "sft"}}) as run:
        run.append("metrics", [{"stage": "sft", "step": step, "loss": None} for step in range(3)])
    text = write_training_report(tmp_path / "p.html", [tmp_path / "t"]).read_text("utf-8")
    assert "Not known whether it listens." in text and "not complete" in text


@pytest.mark.parametrize(
    ("step", "share"),
    [
        ({"audio_tokens": 9, "answer_tokens": 3}, 0.75),
        ({"audio_tokens": 0, "answer_tokens": 3}, 0.0),
        ({"audio_tokens": 0, "answer_tokens": 0}, None),
        ({"loss": 1}, None),
    ],
)
def test_the_share_of_audio_tokens(step: dict[str, Any], share: float | None) -> None:
    assert audio_share(step) == share


def test_the_command_takes_trainings_and_refuses_a_mixture(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    runner = CliRunner()
    words = ["report", str(world / "deaf"), str(world / "good"), "-o", str(out)]
    assert runner.invoke(app, [*words, "--tables", str(tmp_path / "tables")]).exit_code == 0
    assert (tmp_path / "tables" / "hearing-hearing-gap.svg").is_file() and out.is_file()
    mixed = runner.invoke(
        app, ["report", str(world / "good"), str(world / "empty"), "-o", str(out)]
    )
    assert mixed.exit_code != 0 and "some of these are trainings" in str(mixed.exception)
    more = runner.invoke(app, [*words, "--dataset", str(world / "empty")])
    assert more.exit_code != 0 and "Leave them out" in str(more.exception)
