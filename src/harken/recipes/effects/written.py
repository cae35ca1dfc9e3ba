"""The files of a study's results: numbers, a page section, a plot; and the same in a given page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harken.files import write_json, write_whole
from harken.report.effect import into_page, plot_file, section


def write_results(results: Mapping[str, Any], folder: Path, page: Path | None = None) -> list[Path]:
    """Write results.json, results.md and plot.svg into `folder`; returns the paths.

    Args:
        results: of `harken.recipes.effects.run.results_of`.
        folder: of the study.
        page: a Markdown page with a place for them: the section is written there, and numbers and
            plot into a folder of the page's name beside it.

    Raises:
        DataError: the page has no place for the results.
    """
    written = [folder / "results.json", folder / "results.md", folder / "plot.svg"]
    write_json(written[0], results)
    write_whole(written[1], section(results, "plot.svg"))
    write_whole(written[2], plot_file(results))
    if page is not None:
        name, beside = str(results["study"]), page.with_suffix("")
        text = into_page(
            page.read_text("utf-8"), name, section(results, f"{beside.name}/{name}.svg")
        )
        beside.mkdir(exist_ok=True)
        write_json(beside / f"{name}.json", results)
        write_whole(beside / f"{name}.svg", plot_file(results))
        write_whole(page, text)
        written += [page, beside / f"{name}.json", beside / f"{name}.svg"]
    return written
