"""The results of a study of an effect for people: a section in Markdown, and a plot as an SVG file.

The section stands between two comments of a page, so that it can be written again when more seeds
are done (`into_page`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from harken.errors import DataError
from harken.report.charts import Dot, PlotLine, chart
from harken.report.outline import PagePlot, tree
from harken.report.svg_file import standalone
from harken.report.words import points, signed

Json = Mapping[str, Any]
COLOURS = ("audio", "clip", "swap", "transcript", "none", "caption", "fragment", "silence")


def section(results: Json, plot: str = "") -> str:
    """What was run, a table of means, the claims with their verdicts, and the tasks.

    Args:
        results: what ``results.json`` of a study holds.
        plot: the address of its plot, relative to the page; empty: none.
    """
    parts = [_run(results), _means(results)]
    if plot:
        parts.append(f"![{results['title']}]({plot})")
    parts += [_claims(results), _tasks(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def into_page(page: str, name: str, text: str) -> str:
    """`page` with `text` between ``<!-- results: NAME -->`` and ``<!-- end -->``.

    Raises:
        DataError: the page has no such place.
    """
    place = re.compile(rf"(<!-- results: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(page):
        raise DataError(
            f"the page has no place for the results of {name}",
            hint=f"Write two lines where they belong: <!-- results: {name} --> and <!-- end -->.",
        )
    return place.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page, count=1)


def plot_file(results: Json) -> str:
    """An SVG file: a place for each arm, and a line for each exam and condition that is a share."""
    arms = [arm["name"] for arm in results["arms"] if results["seeds"][arm["name"]]]
    drawn = results.get("drawn")  # where there are too many exams for one plot
    rows = [
        row
        for row in results["means"]
        if not row["task"] and _is_share(results, row) and (not drawn or row["exam"] in drawn)
    ]
    places = list(dict.fromkeys((row["exam"], row["condition"]) for row in rows))
    step = 1 / max(len(arms) - 1, 1)
    lines, legend = [], []
    for at, place in enumerate(places):
        colour = COLOURS[at % len(COLOURS)]
        shift = 0.012 * (at - (len(places) - 1) / 2)
        dots = [
            Dot(arms.index(row["arm"]) * step + shift, row["value"], row["low"], row["high"])
            for row in rows
            if (row["exam"], row["condition"]) == place and row["value"] is not None
        ]
        lines.append(PlotLine(colour, dots, bool(results["joined"])))
        legend.append((colour, _place(results, *place)))
    ticks = [(at * step, name) for at, name in enumerate(arms)]
    says = f"{results['title']}: right answers, percent, by arm"
    made = tree(str(chart(lines, ticks, says, "arm; bars: 95 % over seeds and recordings")))
    node = made.elements()[0]
    title = f"{results['title']} ({results['paper']})"
    return standalone(PagePlot(results["study"], title, tuple(legend), (("", node, ""),)))


def text_of(results: Json) -> str:
    """The claims with their verdicts, for the terminal."""
    lines = [f"{results['title']}: {_seeds(results)}"]
    lines += [
        f"{claim['verdict']}: {claim['text']} [{_difference(claim)}]" for claim in results["claims"]
    ]
    return "\n".join(lines)


def _run(results: Json) -> str:
    exams = "; ".join(
        f"{exam['name']} ({exam['items']} items: {', '.join(exam['conditions'])})"
        for exam in results["exams"]
    )
    rows = [
        f"| `{arm['name']}` | {arm['about']} | {_lessons(arm['lessons'])} | "
        f"{len(results['seeds'][arm['name']])} |"
        for arm in results["arms"]
    ]
    split = _split(results.get("split", {}))
    return "\n".join(
        [
            f"Model `{results['model']}`, size {results['size']}; {_seeds(results)}. "
            f"Exams: {exams}.{split}",
            "",
            "| arm | what it is | stages (steps x examples, of items) | seeds done |",
            "|---|---|---|---|",
            *rows,
        ]
    )


def _split(split: Json) -> str:
    """How harken's own measurement divides what was made, where the study has one."""
    told = [
        f"of {sum(counts.values())} {made}, " + ", ".join(f"{n} {k}" for k, n in counts.items())
        for made, counts in split.items()
    ]
    return f" Measured: {'; '.join(told)}." if told else ""


def _lessons(lessons: Sequence[Json]) -> str:
    told = [
        f"{one['stage']} {one['steps']} x {one['examples']}, of {one['items']}" for one in lessons
    ]
    return "; ".join(told) or "–"


def _seeds(results: Json) -> str:
    counts = sorted({len(seeds) for seeds in results["seeds"].values()})
    if counts == [0]:
        return "not run yet"
    if len(counts) == 1:
        return f"{counts[0]} seed{'' if counts[0] == 1 else 's'}"
    return f"{counts[0]} to {counts[-1]} seeds: the run is not complete"


def _means(results: Json) -> str:
    """A row for each arm and a column for each exam and condition, or the other way round."""
    rows = [row for row in results["means"] if not row["task"]]
    places = list(dict.fromkeys((row["exam"], row["condition"]) for row in rows))
    if not places:
        return ""
    found = {(row["arm"], row["exam"], row["condition"]): row for row in rows}
    if len(places) > 2 * len(results["arms"]):  # a table is not to be wider than a page
        arms = [arm["name"] for arm in results["arms"]]
        lines = ["| exam | " + " | ".join(f"`{arm}`" for arm in arms) + " |"]
        lines.append("|---" * (len(arms) + 1) + "|")
        for place in places:
            cells = [_cell(results, found.get((arm, *place)), arm) for arm in arms]
            lines.append(f"| {_place(results, *place)} | {' | '.join(cells)} |")
        return "\n".join(lines)
    head = " | ".join(_place(results, *place) for place in places)
    lines = [f"| arm | {head} |", "|---" * (len(places) + 1) + "|"]
    for arm in results["arms"]:
        name = arm["name"]
        cells = [_cell(results, found.get((name, *place)), name) for place in places]
        lines.append(f"| `{arm['name']}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _place(results: Json, exam: str, condition: str) -> str:
    several = [c for row in results["exams"] if row["name"] == exam for c in row["conditions"]]
    return f"{exam}, {condition}" if len(several) > 1 else exam


def _is_share(results: Json, row: Json) -> bool:
    return str(row["exam"]) != "nats"


def _cell(results: Json, row: Json | None, arm: str) -> str:
    """The mean of an arm with its interval; a dash where it was run and takes no such exam."""
    if row is None or row["value"] is None:
        return "–" if row is None and results["seeds"][arm] else "not run"
    scale, digits = (100, 1) if _is_share(results, row) else (1, 2)
    if row["low"] is None:
        return f"{scale * row['value']:.{digits}f}"
    ends = [f"{scale * row[end]:.{digits}f}" for end in ("low", "high")]
    return f"{scale * row['value']:.{digits}f} ({ends[0]} to {ends[1]})"


def _claims(results: Json) -> str:
    lines = ["| claim | whose | measured | seeds that agree | verdict |", "|---|---|---|---|---|"]
    for claim in results["claims"]:
        bound, above = claim["bound"], claim["expected"] == "above"
        agree = sum((v > bound) if above else (v < bound) for v in claim["by_seed"])
        of = f"{agree} of {len(claim['by_seed'])}" if claim["by_seed"] else "–"
        lines.append(
            f"| {claim['text']} | {claim['source']} | {_difference(claim)} | {of} | "
            f"**{claim['verdict']}** |"
        )
    return "\n".join(lines)


def _difference(claim: Json) -> str:
    if claim["value"] is None:
        return "not run"
    write = points if claim["unit"] == "points" else signed
    if claim["low"] is None:
        return f"{write(claim['value'])} {claim['unit']}"
    ends = f"{write(claim['low'])} to {write(claim['high'])}"
    return f"{write(claim['value'])} ({ends}) {claim['unit']}"


def _tasks(results: Json) -> str:
    """The means by task, where an exam has several."""
    rows = [row for row in results["means"] if row["task"] and _is_share(results, row)]
    if not rows:
        return ""
    places = list(dict.fromkeys((row["exam"], row["task"], row["condition"]) for row in rows))
    found = {(row["arm"], row["exam"], row["task"], row["condition"]): row for row in rows}
    arms = [arm["name"] for arm in results["arms"]]
    lines = ["| exam, task | " + " | ".join(f"`{arm}`" for arm in arms) + " |"]
    lines.append("|---" * (len(arms) + 1) + "|")
    for exam, task, condition in places:
        cells = [_cell(results, found.get((arm, exam, task, condition)), arm) for arm in arms]
        lines.append(f"| {_place(results, exam, condition)}: {task} | {' | '.join(cells)} |")
    return "\n".join(lines)
