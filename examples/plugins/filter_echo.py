"""A hygiene filter: questions that hold their own answer, word for word, are dropped.

Run: ``harken --plugin filter_echo.py clean items -o cleaned --filter "echo?letters=4"``
"""

from dataclasses import dataclass

from harken.clean.base import HygieneFilter, each
from harken.clean.load import FILTERS
from harken.item import Item


@dataclass(frozen=True)
class Echo:
    """Shorter answers are in many words by chance."""

    letters: int = 3


def test(item: Item, settings: Echo) -> tuple[str, str] | None:
    answer = item.answer.casefold()
    if len(answer) < settings.letters or answer not in item.question.casefold():
        return None
    return "a question that holds its answer", item.answer


FILTERS.add(HygieneFilter("echo", "drops questions that hold their own answer", each(test), Echo))
