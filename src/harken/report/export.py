"""Tables and plots of a page as files: CSV and LaTeX, SVG and, where a library can, PDF.

::

    <folder>/index.csv             every file, what it shows, and what its numbers are
    <folder>/<table>.csv, .tex     a table with the numbers behind it; the same, as shown
    <folder>/<plot>.svg, .pdf      a plot
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from harken.files import write_whole
from harken.report.outline import PageTable, found
from harken.report.svg_file import standalone

NO_PDF = "no PDF: no library here makes one of an SVG (pip install cairosvg)"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        tables: names of tables, each as ``.csv`` and ``.tex``.
        plots: names of plots, each as ``.svg``, and as ``.pdf`` unless `note` says why not.
        note: why there are no PDFs; empty if there are.
    """

    tables: tuple[str, ...]
    plots: tuple[str, ...]
    note: str


def write_tables(page: str, folder: Path) -> Exported:
    """Write every table and plot of a page into `folder`, which is made if it is not there."""
    tables, plots = found(page)
    folder.mkdir(parents=True, exist_ok=True)
    to_pdf = pdf_writer()
    index = [("file", "title", "what it holds")]
    for table in tables:
        write_whole(folder / f"{table.name}.csv", as_csv(table))
        write_whole(folder / f"{table.name}.tex", as_latex(table))
        index.append((f"{table.name}.csv", table.title, _NUMBERS))
        index.append((f"{table.name}.tex", table.title, "the table as the page shows it"))
    for plot in plots:
        drawn = standalone(plot)
        write_whole(folder / f"{plot.name}.svg", drawn)
        index.append((f"{plot.name}.svg", plot.title, "plot"))
        if to_pdf is not None:
            write_whole(folder / f"{plot.name}.pdf", to_pdf(drawn))
            index.append((f"{plot.name}.pdf", plot.title, "plot"))
    write_whole(folder / "index.csv", _lines(index))
    names = tuple(one.name for one in tables), tuple(one.name for one in plots)
    return Exported(*names, "" if to_pdf or not plots else NO_PDF)


_NUMBERS = (
    "numbers: shares and differences from 0 to 1, p-values and bits as they are; empty where there "
    "is none; an interval is two columns, low and high, to 0.001; a note is as the page shows it; "
    "a text that a spreadsheet would take for a formula has an apostrophe before it"
)
_INTERVAL = re.compile(r"([+−]?\d+\.\d)(?:–| to )([+−]?\d+\.\d)")
"""An interval as the page shows it, in percent or points."""


def pdf_writer() -> Callable[[str], bytes] | None:
    """SVG to PDF by an installed library (cairosvg); None where there is none."""
    if find_spec("cairosvg") is None:
        return None
    try:
        import cairosvg
    except OSError:  # installed, without the C library that it needs
        return None

    def write(svg: str) -> bytes:
        made: bytes = cairosvg.svg2pdf(bytestring=svg.encode())
        return made

    return write


def as_csv(table: PageTable) -> str:
    """The numbers behind a table; small print (an interval, a name) in columns of its own."""
    columns: list[list[str]] = []
    for at, name in enumerate(table.head):
        cells = [row[at] for row in table.rows]
        columns += _columns(
            name, [cell.value or ("" if cell.text == "–" else cell.text) for cell in cells]
        )
        if any(cell.small for cell in cells):
            columns += _columns(name, [cell.small for cell in cells], f"{name}: note")
    return _lines(list(zip(*columns, strict=True)))


def _columns(name: str, cells: Sequence[str], alone: str = "") -> list[list[str]]:
    """One column (headed `alone`, if not `name`), or low and high where the cells are intervals."""
    given = [_INTERVAL.fullmatch(cell) for cell in cells]
    if not any(given) or any(
        cell not in ("", "–") and not hit for cell, hit in zip(cells, given, strict=True)
    ):
        return [[alone or name, *cells]]
    ends = [
        [f"{float(hit[end].replace('−', '-')) / 100:.3f}" if hit else "" for hit in given]
        for end in (1, 2)
    ]
    return [[f"{name}: low", *ends[0]], [f"{name}: high", *ends[1]]]


def _lines(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_inert(cell) for cell in row] for row in rows)
    return out.getvalue()


def _inert(cell: str) -> str:
    """`cell` as a spreadsheet shows it, instead of computing it as a formula."""
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def as_latex(table: PageTable) -> str:
    """The table as shown, as a tabular of booktabs; its title as a comment."""
    lines = [
        f"% {latex(table.title)}; needs \\usepackage{{booktabs}}",
        f"\\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}",
        "\\toprule",
        " & ".join(map(latex, table.head)) + r" \\",
        "\\midrule",
    ]
    for row in table.rows:
        cells = [
            latex(cell.text) + (rf" {{\scriptsize {latex(cell.small)}}}" if cell.small else "")
            for cell in row
        ]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}",
    "−": "$-$", "–": "--", "→": r"$\rightarrow$", "≥": r"$\geq$", "≤": r"$\leq$",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


def latex(text: str) -> str:
    """`text` with every sign that LaTeX gives a meaning written so that it is shown."""
    plain = re.sub(r"\s+", " ", text)
    return "".join(_SIGNS.get(sign, sign) for sign in plain)
