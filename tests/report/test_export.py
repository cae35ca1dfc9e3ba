"""Every table and plot of a page leaves it: CSV, LaTeX, SVG, and PDF where a library can."""

from __future__ import annotations

import csv
import json
import re
import sys
import types
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from full_run import make_full
from typer.testing import CliRunner

from harken.cli.main import app
from harken.report import export
from harken.report.export import as_csv, as_latex, latex, write_tables
from harken.report.html import write_report
from harken.report.outline import PageTable, TableCell, found
from scored_records import make_world


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Everything a page can show, with hostile names, of three runs, with training curves."""
    root = tmp_path_factory.mktemp("full")
    made, more = make_full(root), make_world(root / "world")
    path = write_report(
        root / "p.html", before=made["before"], others=[made["before"]], after=made["after"],
        train=[more["train"]],
    )  # fmt: skip
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def folder(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "new" / "tables"
    write_tables(page, out)
    return out


def test_every_table_and_every_plot_of_the_page_is_there(page: str, folder: Path) -> None:
    body = page[page.index("<main>") : page.index("</main>")]
    tables, plots = found(page)
    assert len(tables) == body.count("<table") > 8
    # A plot in rows is several drawings, one of them the axis.
    drawings = len(re.findall(r'<svg[^>]*class="plot"', body))
    axes = sum(len(plot.rows) > 1 for plot in plots)
    assert sum(len(plot.rows) for plot in plots) == drawings and axes >= 2
    for name in (one.name for one in tables):
        assert (folder / f"{name}.csv").is_file() and (folder / f"{name}.tex").is_file()
    for name in (one.name for one in plots):
        assert (folder / f"{name}.svg").is_file()
    names = {"task", "run", "run-task", "change", "order", "vote", "calibration", "outcome"}
    assert names <= {one.name for one in tables}
    listed = [row[0] for row in csv.reader((folder / "index.csv").open(encoding="utf-8"))][1:]
    assert sorted(listed) == sorted(p.name for p in folder.iterdir() if p.name != "index.csv")


def test_names_are_plain_whatever_a_task_is_called(folder: Path) -> None:
    for path in folder.iterdir():
        assert re.fullmatch(r"[a-z0-9-]+\.(csv|tex|svg|pdf)", path.name), path.name


def test_csv_holds_the_numbers_of_the_results(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    page = write_report(tmp_path / "p.html", after=world["after"], before=world["before"])
    write_tables(page.read_text("utf-8"), tmp_path / "t")
    results = json.loads((world["after"] / "results.json").read_text())
    rows = list(csv.DictReader((tmp_path / "t" / "task.csv").open(encoding="utf-8")))
    assert [row["task"] for row in rows] == ["all tasks", *(r["task"] for r in results["tasks"])]
    for row, own in zip(rows, [results["overall"], *results["tasks"]], strict=True):
        assert float(row["score"]) == own["cells"]["audio"]["accuracy"]
        assert int(row["items"]) == own["items"] and row["transcript"] == ""  # absent, not zero
        assert row["audio gain: note"].startswith("over ")
        name = row["audio gain: note"].removeprefix("over ")
        assert float(row["audio gain"]) == own["gains"][name]["difference"]
        assert float(row["bits"]) == own["gains"][name]["bits"]["mean"]
    outcomes = list(csv.DictReader((tmp_path / "t" / "outcome.csv").open(encoding="utf-8")))
    cell = results["overall"]["cells"]["audio"]
    assert int(outcomes[0]["failed"]) == cell["outcomes"]["failed"]
    assert float(outcomes[0]["bits of the true answer"]) == cell["gold_bits"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("50 % & more", r"50 \% \& more"),
        ("a_b#c$d", r"a\_b\#c\$d"),
        ("{x} ~ ^ \\", r"\{x\} \textasciitilde{} \textasciicircum{} \textbackslash{}"),
        ("−3.0 – +4", "$-$3.0 -- +4"),
        ("<script>|", r"\textless{}script\textgreater{}\textbar{}"),
        ("two\nlines", "two lines"),
        ("plain é 日本", "plain é 日本"),
    ],
)
def test_signs_of_latex_are_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert latex(text) == shown


def test_a_table_by_hand() -> None:
    rows = (
        (TableCell("all"), TableCell("50.0 %", "0.5", "40.0–60.0")),
        (TableCell('a, "b"'), TableCell("–")),
    )
    table = PageTable("t", "Score", ("task", "score"), rows)
    assert as_csv(table) == (
        'task,score,score: low,score: high\nall,0.5,0.400,0.600\n"a, ""b""",,,\n'
    )
    lines = as_latex(table).splitlines()
    assert lines[1] == r"\begin{tabular}{lr}" and lines[3] == r"task & score \\"
    assert lines[5] == r"all & 50.0 \% {\scriptsize 40.0--60.0} \\"
    assert lines[6] == r"a, \textquotedbl{}b\textquotedbl{} & -- \\"


@pytest.mark.parametrize(
    ("shown", "low", "high"),
    [
        ("−30.0 to +2.5", "-0.300", "0.025"),
        ("+0.0 to +100.0", "0.000", "1.000"),
        ("0.0–12.5", "0.000", "0.125"),
    ],
)
def test_intervals_are_numbers_in_the_unit_of_what_they_are_of(
    shown: str, low: str, high: str
) -> None:
    rows = ((TableCell("all"), TableCell(shown)), (TableCell("few"), TableCell("–")))
    table = PageTable("t", "Gain", ("task", "95 % interval"), rows)
    lines = list(csv.reader(as_csv(table).splitlines()))
    assert lines[0] == ["task", "95 % interval: low", "95 % interval: high"]
    assert lines[1:] == [["all", low, high], ["few", "", ""]]


@pytest.mark.parametrize("name", ["=1+1", "+x", "-1+2", "@SUM(A1)", "\t=1", "=cmd|'/c calc'!A1"])
def test_no_text_of_a_csv_is_a_formula(name: str) -> None:
    rows = ((TableCell(name, small=name), TableCell("−1.5", "-1.5")),)
    lines = list(csv.reader(as_csv(PageTable("t", name, (name, "bits"), rows)).splitlines()))
    assert lines[1] == [f"'{name}", f"'{name}", "-1.5"]  # a number stays a number
    assert not lines[0][0].startswith(name)


def test_every_row_of_latex_has_all_columns(folder: Path) -> None:
    for path in folder.glob("*.tex"):
        lines = path.read_text("utf-8").splitlines()
        columns = len(lines[1].rpartition("{")[2].rstrip("}"))
        body = [line for line in lines if line.endswith(r"\\")]
        assert len(body) > 1
        for line in body:
            assert len(re.findall(r"(?<!\\)&", line)) == columns - 1, (path.name, line)


def test_every_svg_stands_alone(folder: Path) -> None:
    for path in folder.glob("*.svg"):
        text = path.read_text("utf-8")
        root = ET.fromstring(text.encode())
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        assert width == 720 and height > 60
        assert "class=" not in text and "var(" not in text and "<script" not in text
        shapes = [e for e in root.iter() if e.tag.split("}")[1] in ("rect", "circle", "text")]
        for shape in shapes:
            assert shape.attrib.get("fill", "").startswith("#"), (path.name, shape.attrib)
        for line in (e for e in root.iter() if e.tag.endswith("}line")):
            assert line.attrib.get("stroke", "").startswith("#"), (path.name, line.attrib)
        for one in root.iter():
            for name in ("x", "x1", "x2", "cx"):
                if name in one.attrib:
                    assert -1 <= float(one.attrib[name]) <= 721


def test_legends_come_along(folder: Path) -> None:
    text = "".join(
        ET.fromstring((folder / "runs-right-answers-by-task-audio.svg").read_bytes()).itertext()
    )
    assert "before (2)" in text and "after" in text
    text = (folder / "calibration-right-over-confidence.svg").read_text("utf-8")
    assert ">audio</text>" in text and ">none</text>" in text


def test_pdf_is_made_where_a_library_can(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = types.ModuleType("cairosvg")
    fake.svg2pdf = lambda bytestring: b"%PDF " + bytestring[:5]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "cairosvg", fake)
    monkeypatch.setattr(export, "find_spec", lambda name: object())
    made = write_tables(page, tmp_path)
    assert made.note == ""
    for name in made.plots:
        assert (tmp_path / f"{name}.pdf").read_bytes() == b"%PDF <?xml"


def test_where_no_library_can_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    world = make_world(tmp_path)
    words = ["report", str(world["after"]), "-o", str(tmp_path / "p.html")]
    done = CliRunner().invoke(app, [*words, "--tables", str(tmp_path / "t")])
    assert done.exit_code == 0, done.output
    assert "no PDF: no library here" in done.stdout and "tables and" in done.stdout
    assert list((tmp_path / "t").glob("*.svg")) and not list((tmp_path / "t").glob("*.pdf"))
    found_json = json.loads(
        CliRunner().invoke(app, [*words, "--tables", str(tmp_path / "t"), "--json"]).stdout
    )
    assert set(found_json["tables"]) >= {"task", "outcome"} and found_json["note"]


def test_the_same_page_gives_the_same_bytes(page: str, folder: Path, tmp_path: Path) -> None:
    write_tables(page, tmp_path)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
