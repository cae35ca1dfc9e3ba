"""A page as a tree, and the tables and plots in it: what is on the page can leave it.

They are found in the finished page, so that one that is added to the template is exported as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "link", "input", "img", "br"}


@dataclass(slots=True)
class Node:
    """One element with its attributes, texts and elements inside, in order."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    inside: list[Node | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Its classes."""
        return self.attributes.get("class", "").split()

    def elements(self) -> list[Node]:
        """The elements directly inside."""
        return [one for one in self.inside if isinstance(one, Node)]

    def all(self, name: str) -> Iterator[Node]:
        """Every element of a name inside, at any depth, in order."""
        for one in self.elements():
            if one.name == name:
                yield one
            yield from one.all(name)

    def text(self, without: str = "") -> str:
        """All text inside, spaces as one; elements named `without` are left out."""
        parts = [
            one if isinstance(one, str) else "" if one.name == without else one.text(without)
            for one in self.inside
        ]
        return " ".join("".join(parts).replace("\u00a0", " ").split())


@dataclass(frozen=True, slots=True)
class TableCell:
    """What a cell shows: the text, the number behind it where there is one, and the small print."""

    text: str
    value: str = ""
    small: str = ""


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table: its name (for files), title, headings, and rows of as many cells."""

    name: str
    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[TableCell, ...], ...]


@dataclass(frozen=True, slots=True)
class PagePlot:
    """A plot: its name (for files), title, legend (colour class, text), and its elements.

    `rows` are (name, plot, number): a single plot has one row without name and number.
    """

    name: str
    title: str
    legend: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, Node, str], ...]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("page")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(node)
        if tag not in _VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if any(node.name == tag for node in self.open[1:]):
            while self.open.pop().name != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def tree(page: str) -> Node:
    """The page as a tree."""
    builder = _Builder()
    builder.feed(page)
    builder.close()
    return builder.root


def found(page: str) -> tuple[list[PageTable], list[PagePlot]]:
    """Every table and every plot of a page, in order; no two have one name."""
    tables: list[PageTable] = []
    plots: list[PagePlot] = []
    taken: set[str] = set()
    for section in tree(page).all("section"):
        _walk(section, section.attributes.get("id", ""), [], tables, plots, taken)
    return tables, plots


def _walk(
    node: Node,
    section: str,
    above: list[Node],
    tables: list[PageTable],
    plots: list[PagePlot],
    taken: set[str],
) -> None:
    """Collect what is below `node`; `above` are its earlier siblings' titles and legends."""
    seen = list(above)
    for one in node.elements():
        if one.name in ("h2", "h3") or "legend" in one.classes:
            seen.append(one)
        elif one.name == "table":
            title = _title(seen)
            name = one.attributes.get("id", "").removesuffix("-table") or f"{section} {title}"
            tables.append(_table(one, _name(name, taken), title))
        elif one.name == "svg" and "plot" in one.classes:
            plots.append(_plot(section, seen, (("", one, ""),), taken))
        elif "rows" in one.classes:
            cells = one.elements()
            rows = tuple(
                (name.text(), next(plot.all("svg")), number.text())
                for name, plot, number in zip(cells[::3], cells[1::3], cells[2::3], strict=True)
                if any(True for _ in plot.all("svg"))
            )
            plots.append(_plot(section, seen, rows, taken))
        else:
            _walk(one, section, seen, tables, plots, taken)


def _plot(
    section: str, seen: list[Node], rows: tuple[tuple[str, Node, str], ...], taken: set[str]
) -> PagePlot:
    """A plot with the last legend above it, unless that belongs to an earlier title."""
    last = next((node for node in reversed(seen) if node.name == "ul"), None)
    legend = tuple(
        (swatch.attributes.get("class", ""), entry.text())
        for entry in (last.all("li") if last else ())
        for swatch in entry.all("rect")
    )
    title = _title(seen)
    said = title or section
    shown = rows[0][1].attributes.get("aria-label", "").partition(" over ")[0]
    detail = f" {shown}" if section == "training" else ""
    return PagePlot(_name(f"{section} {said}{detail}", taken), said, legend, rows)


def _title(seen: list[Node]) -> str:
    titles = [node for node in seen if node.name in ("h2", "h3")]
    return titles[-1].text() if titles else ""


def _table(node: Node, name: str, title: str) -> PageTable:
    head = tuple(cell.text() for cell in next(node.all("thead")).all("th"))
    rows = []
    for row in next(node.all("tbody")).all("tr"):
        cells = []
        for cell in row.elements():
            small = " ".join(one.text() for one in cell.all("small"))
            value = cell.attributes.get("data-value", "")
            cells.append(TableCell(cell.text(without="small"), value, small))
        rows.append(tuple(cells))
    return PageTable(name, title, head, tuple(rows))


def _name(words: str, taken: set[str]) -> str:
    """A file name of plain letters; whatever a task is called, no two are alike."""
    plain = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60].strip("-") or "table"
    name, number = plain, 1
    while name in taken:
        number += 1
        name = f"{plain}-{number}"
    taken.add(name)
    return name
