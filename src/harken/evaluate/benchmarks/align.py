"""Replies without the release's keys: which item each belongs to, by what the row holds.

A row is matched only where exactly one item fits, and never over a row that names the item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harken.evaluate.benchmarks.formats import PLACE, PROMPT
from harken.evaluate.benchmarks.layout import ReleaseLayout
from harken.evaluate.benchmarks.predictions import Predictions, aligned
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import key_of, options_of, row_of
from harken.item import Item


def align(
    benchmark: ReleaseLayout,
    items: Sequence[Item],
    predictions: Predictions,
    left_out: Sequence[str],
) -> Predictions:
    """`predictions` with the items' keys, where a row's own key names none and its content does.

    Tried in order: the key that the benchmark makes of a row without one (`Benchmark.keyed`), the
    prompt (see `_by_prompts`), the question itself. What fits no item, or several, keeps its key
    and is reported as unknown by `scoring`.
    """
    known = {key_of(item) for item in items} | set(left_out)
    strange = [key for key in predictions.rows if key not in known]
    if not strange:
        return predictions
    taken = set(predictions.rows) & known
    made = _unique([(_made_key(benchmark, item, place), key_of(item))
                    for place, item in enumerate(items)])  # fmt: skip
    asked = _unique([(item.question.strip(), key_of(item)) for item in items])
    prompts = {key: row for key in strange
               if isinstance((row := predictions.raw.get(key, {})).get(PROMPT), str)}  # fmt: skip
    shown = _by_prompts(prompts, items) if prompts else {}
    renamed: dict[str, str] = {}
    for key in strange:
        found = made.get(key) or shown.get(key) or asked.get(key.strip())
        if found is not None and found not in taken:
            renamed[key] = found
            taken.add(found)
    return aligned(predictions, renamed, "without the release's key were matched by their content")


def _made_key(benchmark: ReleaseLayout, item: Item, place: int) -> str:
    """The key that the item's row would have had without its own; empty where there is none."""
    bare = {name: value for name, value in row_of(item).items() if name != benchmark.key}
    first, other = (benchmark.keyed(bare, n).get(benchmark.key) for n in (place, place + 1))
    # A number in the file is no content: another file may have its rows in another order.
    return str(first) if first is not None and first == other else ""


def _unique(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """What one item only has -> its key."""
    found: dict[str, str] = {}
    several: set[str] = set()
    for own, key in pairs:
        if own in found or not own:
            several.add(own)
        found.setdefault(own, key)
    return {own: key for own, key in found.items() if own not in several}


def _by_prompts(rows: Mapping[str, Row], items: Sequence[Item]) -> Mapping[str, str]:
    """Key of a row -> key of the item that its prompt asks.

    Several items can have one question and the same options about different clips. Where all rows
    that fit one item only stand at that item's place in the release (their ``doc_id``), the file
    is in its order, and the others are taken from theirs.
    """
    by_question: dict[str, list[Item]] = {}
    for item in items:
        by_question.setdefault(item.question.strip(), []).append(item)
    fits: dict[str, list[str]] = {}
    for key, row in rows.items():
        lines = dict.fromkeys(line.strip() for line in row[PROMPT].split("\n"))
        likely = [item for line in lines for item in by_question.get(line, ())]
        # All items are searched only for a question that is no line of its own.
        fits[key] = _fitting(row[PROMPT], likely or items)
    found = {key: own[0] for key, own in fits.items() if len(own) == 1}
    places = {key: _at(row, items) for key, row in rows.items()}
    if found and all(places[key] == own for key, own in found.items()):
        found |= {key: place for key, place in places.items() if place in fits[key]}
    return found


def _at(row: Row, items: Sequence[Item]) -> str:
    """The key of the item at the row's place in the data; empty where there is none."""
    place = row.get(PLACE)
    if not isinstance(place, int) or not 0 <= place < len(items):
        return ""
    return key_of(items[place])


def _fitting(prompt: str, items: Sequence[Item]) -> list[str]:
    """Keys of the items whose question and options are all in the prompt."""
    fits = [
        item
        for item in items
        if item.question.strip() in prompt and all(one in prompt for one in options_of(item))
    ]
    # A question that is the beginning of another one is in its prompt too: the longer one is meant.
    longest = max((len(item.question) for item in fits), default=0)
    return [key_of(item) for item in fits if len(item.question) == longest]
