"""One self-contained page of an evaluation: headline, plots, tables, and items to filter and play.

Nothing is fetched: style, script, plots and sound are in the file. A content security policy allows
only the style and script below, by hash, so that no string of a dataset, a model's name or a
reply could run even if it came through the escaping (Jinja autoescape for markup; JSON with
``< > &`` escaped for the script).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from markupsafe import Markup

import harken.report.content as content
import harken.report.words as words
from harken.files import write_whole
from harken.labels import tails
from harken.progress import track
from harken.report.cards import SoundBudget, card, choose, outcome
from harken.report.gather import (
    Found,
    curated,
    find_items,
    read_run_results,
    training_runs,
)
from harken.report.side_by_side import shared_condition

Json = dict[str, Any]


def write_report(
    path: Path | str,
    *,
    after: Path | str,
    before: Path | str | None = None,
    others: Sequence[Path | str] = (),
    title: str = "Does it listen?",
    dataset: Path | str | None = None,
    curate: Path | str | None = None,
    train: Sequence[Path | str] = (),
    max_items: int = 120,
) -> Path:
    """Write the page of the evaluation `after`, compared with `before` if that is given.

    Args:
        path: the HTML file to write.
        after: run folder of a finished evaluation.
        before: run folder of the evaluation it is compared with.
        others: further runs on the same items: all are shown side by side.
        title: shown above the headline.
        dataset: where the items are, if not where the run says.
        curate: folder of `harken curate`, for the contribution plots.
        train: training runs whose curves are drawn.
        max_items: items with sound, at most; see `harken.report.cards` for which.

    Raises:
        RunError: a folder is not a finished evaluation, or runs share no item or no condition.
        DataError: `curate` holds no measured items.
    """
    from harken.shards.read import audio_below

    new = read_run_results(after)
    old = read_run_results(before) if before is not None else None
    more = [read_run_results(folder) for folder in others]
    runs = [*([old] if old else []), *more, new]
    condition = shared_condition(runs)
    changes = content.compared(old, new, condition)
    flips = content.flips(changes[0]["paired"], old, new, condition) if old else {}
    records = new.by_item()
    groups = {
        item: (own[0]["task"], outcome(own, condition), flips.get(item, ""))
        for item, own in records.items()
    }
    chosen = choose(groups, max_items)
    with audio_below(new.audio_root):
        found = find_items(Path(dataset) if dataset is not None else new.dataset, chosen)
    names = tails([one.folder for one in runs])
    past = [
        ("before" if one is old else name, one)
        for name, one in zip(names[:-1], runs[:-1], strict=True)
    ]
    earlier = [(name, one.by_item()) for name, one in past]
    cards, sounds = item_cards(chosen, found, records, earlier, flips, condition)
    training = [run for folder in train for run in training_runs(Path(folder))]
    measured = curated(Path(curate)) if curate is not None else found.contributions
    drawn = content.drawings(runs, changes, measured, training, condition)
    page = rendered(
        "page.html.j2",
        {
            "title": title,
            **content.headline(new, old, changes, condition),
            "sections": content.sections(drawn),
            **content.tables(new, changes),
            "plots": drawn,
            **content.browser(cards, sounds, len(records), found.trouble),
            "sources": content.sources(runs, found),
        },
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page)
    return path


def item_cards(
    chosen: Sequence[str],
    found: Found,
    after: Mapping[str, list[Json]],
    earlier: Sequence[tuple[str, Mapping[str, list[Json]]]],
    flips: Mapping[str, str],
    condition: str,
) -> tuple[list[Json], SoundBudget]:
    """The cards of the chosen items, as many as the audio budget allows, sorted for reading."""
    sounds = SoundBudget()
    cards = []
    for one in track(chosen, "report: items"):
        item = found.items.get(one)
        clips = sounds.take(item) if item else []
        if clips is not None:
            passes = [(name, records.get(one, [])) for name, records in earlier]
            own = card(item, after[one], passes, flips.get(one, ""), clips, condition)
            cards.append(own)
    order = {name: at for at, name in enumerate(words.OUTCOMES)}
    cards.sort(key=lambda c: (c["task"], order.get(c["outcome"], 9), c["flip"], c["id"]))
    return cards, sounds


def script_json(value: Any) -> Markup:
    """JSON that cannot leave its script element, whatever its strings hold."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def rendered(template: str, context: Json) -> str:
    """A page of a template: with the style, the script, and a policy that allows only these."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    files = resources.files("harken.report")
    css, js = (files.joinpath(name).read_text("utf-8") for name in ("report.css", "report.js"))
    policy = (
        f"default-src 'none'; style-src {_hash(css)}; script-src {_hash(js)}; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FunctionLoader(lambda name: files.joinpath(name).read_text("utf-8")),
    )
    helpers = ("percent", "points", "signed", "p_value", "interval", "gain_interval")
    environment.globals.update({name: getattr(words, name) for name in helpers})
    safe = {"css": Markup(css), "js": Markup(js), "data": script_json(context["data"])}
    return environment.get_template(template).render(**{**context, **safe, "policy": policy})


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
