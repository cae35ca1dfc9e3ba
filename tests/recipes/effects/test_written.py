"""The files of a study's results, and the command that writes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from harken.cli.main import app, main
from harken.errors import DataError
from harken.files import write_json
from harken.recipes.effects.registry import EFFECTS
from harken.recipes.effects.written import write_results
from harken.report.effect import plot_file, section
from harken.runs import Run

PLAN = {
    "study": "mallm", "title": "Pairs", "paper": "a paper", "size": "smoke",
    "model": "harken-mini", "joined": True,
    "arms": [{"name": name, "about": name, "lessons": []}
             for name in ("start", "single", "joint-64", "joint-512", "joint", "pairs-only")],
    "exams": [{"name": "single", "items": 2, "conditions": ["audio"]},
              {"name": "pairs", "items": 2, "conditions": ["audio", "swap"]}],
}  # fmt: skip


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A study with two finished runs of one arm, one of another, and one that is not done."""
    write_json_in(tmp_path / "mallm")
    for arm, seed, done in (
        ("single", 0, True), ("single", 1, True), ("joint", 0, True), ("joint", 1, False),
    ):  # fmt: skip
        folder = tmp_path / "mallm" / f"seed-{seed}" / arm
        with Run.open(folder, {"arm": arm, "seed": seed}) as run:
            run.append("lines", [line(i, arm == "joint" or i > 1) for i in range(3)])
            if done:
                run.finish()
    return tmp_path


def write_json_in(folder: Path) -> None:
    folder.mkdir(parents=True)
    write_json(folder / "plan.json", PLAN)


def line(number: int, right: bool) -> dict[str, object]:
    return {"exam": "pairs", "condition": "audio", "task": "same-sound", "item": f"i{number}",
            "group": f"r{number}", "right": float(right), "n": 1.0}  # fmt: skip


def test_only_finished_runs_are_summarised(out: Path) -> None:
    page = out / "page.md"
    page.write_text("# Page\n\n<!-- results: mallm -->\n<!-- end -->\n")
    words = ["effect", "mallm", "-o", str(out), "--summarise", "--page", str(page), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["seeds"]["single"] == [0, 1]
    assert found["seeds"]["joint"] == [0]
    (lifts, *others) = found["claims"]
    assert len(others) == len(EFFECTS.get("mallm").claims) - 1
    assert lifts["value"] == pytest.approx(2 / 3)
    assert lifts["verdict"] == "too few seeds"
    assert {c["verdict"] for c in others} <= {"not run", "too few seeds"}
    assert [Path(name).name for name in found["files"]] == [
        "results.json", "results.md", "plot.svg", "page.md", "mallm.json", "mallm.svg",
    ]  # fmt: skip
    assert "(page/mallm.svg)" in page.read_text()
    assert (out / "page" / "mallm.svg").read_text() == plot_file(found)
    assert json.loads((out / "page" / "mallm.json").read_text()) == {
        key: value for key, value in found.items() if key != "files"
    }


def test_a_page_without_a_place_is_refused_and_left_alone(out: Path) -> None:
    found = json.loads(
        CliRunner().invoke(app, ["effect", "mallm", "-o", str(out), "--summarise", "--json"]).stdout
    )
    page = out / "other.md"
    page.write_text("# Other\n")
    with pytest.raises(DataError, match="no place for the results of mallm"):
        write_results(found, out / "mallm", page)
    assert page.read_text() == "# Other\n"
    assert "not run" in section(found)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["mallm"], 2),  # no folder
        (["mallm", "-o", "new", "--summarise"], 6),  # never begun
        (["mallet", "-o", "new"], 2),
        (["mallm", "-o", "new", "--size", "huge"], 2),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    words: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["harken", "effect", *words])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == code
    assert not (tmp_path / "new" / "ground").exists()
