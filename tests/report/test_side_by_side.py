"""Three runs and more on one page, and what they were not all asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harken.errors import DataError, RunError
from harken.report.gather import read_run_results, training_runs
from harken.report.html import write_report
from harken.report.side_by_side import left_out, shared_condition, side_by_side
from harken.runs import Run
from harken.stats.paired import compare
from scored_records import listens, make_items, make_records, make_run, page_data, text_only


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four runs on 24 items; two folders have the same last name."""
    root = tmp_path_factory.mktemp("runs")
    items = make_items(root, 24)
    made = []
    for at, (name, chance) in enumerate(
        [("a/mmau", text_only), ("b/mmau", listens), ("other", text_only), ("last", listens)]
    ):
        records = make_records(items, chance, seed=at)
        made.append(make_run(root / name, items, records, None, "one model"))
    return made


@pytest.mark.parametrize("count", [3, 4])
def test_every_run_has_a_row_a_column_and_answers(
    runs: list[Path], tmp_path: Path, count: int
) -> None:
    first, *others, last = runs[:count]
    page = write_report(tmp_path / "p.html", after=last, before=first, others=others).read_text(
        "utf-8"
    )
    table = page[page.index('id="run-table"') :]
    table = table[: table.index("</table>")]
    names = ["a/mmau", "b/mmau", "other", "last"][:count]
    assert re.findall(r'<tr><th scope="row">([^<]+)</th>', table) == names
    for folder in (first, *others, last):
        score = read_run_results(folder).results["overall"]["cells"]["audio"]["accuracy"]
        assert f'data-value="{score}"' in table
    tasks = page[page.index('id="run-task-table"') :]
    assert tasks[: tasks.index("</table>")].count('scope="col"') == count + 1
    headings = {a["heading"] for item in page_data(page)["items"] for a in item["answers"]}
    assert {"audio", "before audio", *(f"{name} audio" for name in names[1:-1])} <= headings


def test_changes_are_against_the_first_and_corrected_over_the_runs(runs: list[Path]) -> None:
    loaded = [read_run_results(folder) for folder in runs]
    found = side_by_side(loaded, "audio")
    assert found["runs"][0]["change"] is None and found["first"] == "a/mmau"
    plain = [compare(loaded[0].records, one.records, "audio")[0]["paired"] for one in loaded[1:]]
    for row, alone in zip(found["runs"][1:], plain, strict=True):
        assert row["change"]["difference"] == alone["difference"]
        assert row["change"]["p"] == alone["p"] <= row["change"]["p_holm"]
    smallest = min(alone["p"] for alone in plain)
    corrected = min(row["change"]["p_holm"] for row in found["runs"][1:])
    assert corrected == pytest.approx(min(1.0, 3 * smallest))


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_have_no_such_section(runs: list[Path], count: int) -> None:
    loaded = [read_run_results(folder) for folder in runs[:count]]
    assert side_by_side(loaded, "audio") == {}


@pytest.mark.parametrize(("kept", "told"), [(24, ()), (20, (4,)), (23, (1,))])
def test_items_that_not_all_were_asked_are_counted(
    tmp_path: Path, kept: int, told: tuple[int, ...]
) -> None:
    items = make_items(tmp_path, 24)
    for name, some in (("x", items), ("y", items[:kept])):
        make_run(tmp_path / name, some, make_records(some, listens), None, name)
    loaded = [read_run_results(tmp_path / name) for name in "xy"]
    lines = left_out(loaded, "audio")
    assert [int(line.split()[0]) for line in lines] == list(told)
    page = write_report(tmp_path / "p.html", after=tmp_path / "y", before=tmp_path / "x").read_text(
        "utf-8"
    )
    assert all(line in page for line in lines)


def test_runs_without_a_common_item_or_condition_are_refused(tmp_path: Path) -> None:
    items = make_items(tmp_path, 9)
    for name, some in (("a", items[:4]), ("b", items[5:]), ("c", items[:4])):
        make_run(tmp_path / name, some, make_records(some, listens), None, name)
    with pytest.raises(RunError, match="b shares no item with a"):
        write_report(
            tmp_path / "p.html", before=tmp_path / "a", others=[tmp_path / "b"],
            after=tmp_path / "c",
        )  # fmt: skip
    silent = [r for r in make_records(items[:4], listens) if r["condition"] == "silence"]
    make_run(tmp_path / "s", items[:4], silent, None, "s")
    audio = [r for r in make_records(items[:4], listens) if r["condition"] == "audio"]
    make_run(tmp_path / "t", items[:4], audio, None, "t")
    loaded = [read_run_results(tmp_path / name) for name in ("a", "s", "t")]
    with pytest.raises(RunError, match="share no condition"):
        shared_condition(loaded)
    assert shared_condition(loaded[:2]) == "silence"


def trained(folder: Path) -> None:
    with Run.open(folder, {"kind": "train"}) as run:
        run.append("metrics", [{"step": at, "loss": 2.0 - 0.1 * at} for at in range(5)])
        run.finish({})


@pytest.mark.parametrize(
    ("made", "given"),
    [
        (["sft"], "."),  # one stage: train sft items -o OUT
        (["training/sft", "training/grpo"], "."),  # a recipe
        (["training/sft", "training/grpo"], "training"),
        (["sft"], "sft"),
    ],
)
def test_curves_come_from_whatever_train_wrote(tmp_path: Path, made: list[str], given: str) -> None:
    for name in made:
        trained(tmp_path / "out" / name)
    (tmp_path / "out" / "model").mkdir()
    found = training_runs(tmp_path / "out" / given)
    assert sorted(found) == sorted(tmp_path / "out" / name for name in made)
    items = make_items(tmp_path, 6)
    make_run(tmp_path / "run", items, make_records(items, listens), None, "m")
    page = write_report(
        tmp_path / "p.html", after=tmp_path / "run", train=[tmp_path / "out" / given]
    ).read_text("utf-8")
    assert page.count("loss over 5 steps") >= len(made)


def test_a_folder_without_training_runs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(DataError, match="no training run"):
        training_runs(tmp_path)
