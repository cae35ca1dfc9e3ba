"""How the score depends on the parser: one set of replies, read by every parser in use.

Each parser is ``(item, reply) -> (score, read)``: the expected score in 0..1 and whether it could
read the reply. Those that guess when they cannot read are here for comparison only: their guess
counts by its expectation, so the table is not random.

* ``harken``: the cascade strict -> lenient -> text match; never guesses;
* ``strict``: only its first rules: the whole reply is a letter, an option, or both;
* ``token-set``: MMAU and MMAR; ``exact``: equality without case (AudioMCQ's reward);
* ``letter-place``: MMSU and AIR-Bench: first, else last but one character;
* ``first-capital``: the first stand-alone capital letter (common for DCASE);
* ``substring``: the first option in order that occurs in the reply;
* ``letter-or-random``: `first-capital`, else a random option (VoiceBench);
* ``lmms-eval``: its own search for letters, else a random option (`lmms`);
* ``letter-or-first``: `first-capital`, else the first option.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.lmms import worth
from harken.evaluate.benchmarks.matching import letter_by_place, token_set_match
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.types import key_of, options_of
from harken.item import HIDDEN, Item
from harken.letters import letter
from harken.stats import measures as stats

Read = tuple[float, bool]
Parser = Callable[[Benchmark, Item, str], Read]

_STRICT = ("letter", "text", "letter-and-text", "logprob")


def _place(item: Item, place: int | None) -> Read:
    options = options_of(item)
    if place is None or place >= len(options):
        return 0.0, False
    return float(options[place] == item.answer), True


def _harken(benchmark: Benchmark, item: Item, text: str) -> Read:
    found = benchmark.understand(item, text)
    return float(found.choice == item.gold), found.choice is not None


def _strict(benchmark: Benchmark, item: Item, text: str) -> Read:
    found = benchmark.understand(item, text)
    read = found.choice is not None and found.rule in _STRICT
    return float(read and found.choice == item.gold), read


def _tokens(benchmark: Benchmark, item: Item, text: str) -> Read:
    return float(token_set_match(item.answer, text, options_of(item))), bool(text.strip())


def _exact(benchmark: Benchmark, item: Item, text: str) -> Read:
    plain = text.strip().casefold()
    read = bool(plain) and plain in [one.strip().casefold() for one in options_of(item)]
    return float(plain == item.answer.strip().casefold()), read


def _by_place(benchmark: Benchmark, item: Item, text: str) -> Read:
    bare = text.strip().replace("\n", "")
    name = letter_by_place(bare) if bare else None
    return _place(item, None if name is None else "ABCD".index(name))


def _capital(benchmark: Benchmark, item: Item, text: str) -> Read:
    names = [letter(place) for place in range(min(26, len(options_of(item))))]
    hit = re.search(rf"\b([{''.join(names)}])\b", text) if names else None
    return _place(item, names.index(hit.group(1)) if hit else None)


def _substring(benchmark: Benchmark, item: Item, text: str) -> Read:
    plain = text.casefold()
    options = enumerate(options_of(item))
    hits = [i for i, one in options if one.strip() and one.casefold() in plain]
    return _place(item, hits[0] if hits else None)


def _or_random(benchmark: Benchmark, item: Item, text: str) -> Read:
    value, read = _capital(benchmark, item, text)
    options = options_of(item)
    return (value, True) if read else (options.count(item.answer) / len(options), False)


def _or_first(benchmark: Benchmark, item: Item, text: str) -> Read:
    value, read = _capital(benchmark, item, text)
    return (value, True) if read else (float(options_of(item)[0] == item.answer), False)


def _lmms(benchmark: Benchmark, item: Item, text: str) -> Read:
    return worth(benchmark.name, item, text)


PARSERS: Mapping[str, Parser] = {
    "harken": _harken,
    "strict": _strict,
    "token-set": _tokens,
    "exact": _exact,
    "letter-place": _by_place,
    "first-capital": _capital,
    "substring": _substring,
    "letter-or-random": _or_random,
    "lmms-eval": _lmms,
    "letter-or-first": _or_first,
}


def parse_report(
    benchmark: Benchmark, items: Sequence[Item], predictions: Predictions | Mapping[str, Any]
) -> dict[str, Any]:
    """Each parser's score on the same replies; choice questions only, fixed denominator.

    A reply that is missing or not text is read as the empty text by every parser (official scripts
    differ there; see `scoring`). ``differ`` counts the items whose score differs from ``harken``'s.
    """
    given = Predictions.of(predictions)
    closed_ended = [item for item in items if len(item.choices) > 1 and HIDDEN not in item.tags]
    texts = [given.text(key_of(item)) for item in closed_ended]
    results = {
        name: [
            parser(benchmark, item, text) for item, text in zip(closed_ended, texts, strict=True)
        ]
        for name, parser in PARSERS.items()
    }
    table = {}
    for name, own in results.items():
        values = [value for value, _ in own]
        low, high = stats.wilson(sum(values), len(values))
        table[name] = {
            "accuracy": sum(values) / len(values) if values else None,
            "low": low,
            "high": high,
            "parsed": sum(read for _, read in own) / len(own) if own else None,
            "differ": sum(a[0] != b[0] for a, b in zip(own, results["harken"], strict=True)),
        }
    scores = [row["accuracy"] for row in table.values() if row["accuracy"] is not None]
    return {
        "benchmark": benchmark.name,
        "n": len(closed_ended),
        "replies": sum(bool(text.strip()) for text in texts),
        "parsers": table,
        "spread": max(scores) - min(scores) if scores else None,
    }
