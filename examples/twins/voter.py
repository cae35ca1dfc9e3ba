"""A voter that hears twins: harken-tiny-trained, deepened and taught what is heard when.

    harken synth CORPUS -o scenes --family when --family at-time ... --per-family 3000
    python voter.py practice scenes -o practice
    python voter.py deepen harken-tiny-trained -o start
    harken train sft practice --model start -o trained ...
    python voter.py hints scenes -o hints
    harken train sft hints --model trained/model -o reading ...
    harken curate twins -o votes --split test --voter reading/model ...

Two layers of a language model name sounds, and compare clips; what is heard after X, how often or
at 7.4 s is not in reach for them (docs/log.md). `deepen` adds layers that change nothing at first
(block expansion: `harken.models.composed.expand`), and an embedding of the absolute time of audio
tokens, zero at first too (TimeAudio, arXiv 2511.11039).
`practice` asks more of the same scenes, openly: what is heard in order, when each begins, what
comes before and after it, what is heard at a time, how often. All of it follows from the facts of
their clips, and says more per clip than one of four options does. One item in eight is asked again
without its audio.

With the audio nothing makes a model read what the text gives away, so contribution would be
measured against a voter that cannot read: `hints` asks every leaky question without its clips and
over silence, among others that it knows already.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.single import silenced
from harken.facts import SourceFacts
from harken.hashing import canonical, digest
from harken.item import Item
from harken.models.composed.expand import expanded
from harken.models.composed.model import ComposedModel
from harken.models.learner import load_learner
from harken.models.released import located
from harken.progress import track
from harken.recipes.steps import save_once
from harken.shards.read import read_items
from harken.shards.write import write_dataset
from harken.synth.families import at_time, before_after, count_events, say_when
from harken.synth.wording import NOUN, capital, named

IN_ORDER = ("Name all that is heard, in order.", "What is heard, from first to last?")
IN_TIME = ("What begins when?", "Name all that is heard, with the time at which it begins.")
OF_EACH = 1
"""Questions of a kind about a scene at most."""

DEAF = 16
"""Two of so many items are asked once more without audio."""


def practice(item: Item, seed: int) -> Iterator[Item]:
    """Open questions about the scene of one item; they depend on its clip and the seed alone."""
    (facts,) = item.facts
    events = facts.front
    rng = np.random.default_rng([seed, int(digest(canonical(item.clips[0].key), 8), 16)])
    kind = next(tag for tag in item.tags if tag in NOUN)
    names = [str(event.name) for event in events]

    def one(texts: Sequence[str]) -> str:
        return texts[int(rng.integers(len(texts)))]

    yield _asked(item, one(IN_ORDER), ", ".join(names))
    yield _asked(item, one(IN_TIME), ", ".join(f"{_time(e)} {e.name}" for e in events))
    once = [at for at, name in enumerate(names) if names.count(name) == 1]
    for at in _some(once, rng):
        x = named(kind, names[at])
        text = one(say_when.QUESTIONS).format(x=x, X=capital(x))
        yield _asked(item, text, f"at {_time(events[at])}")
    for at in _some([at for at in once if at + 1 < len(names)], rng):
        yield _asked(item, _beside("after", kind, names[at], rng), names[at + 1])
    for at in _some([at for at in once if at], rng):
        yield _asked(item, _beside("before", kind, names[at], rng), names[at - 1])
    for at in _some(range(len(names)), rng):
        begin, end = float(events[at].onset_s or 0), float(events[at].offset_s or 0)
        time = f"{rng.uniform(begin, end):.1f}"
        yield _asked(item, one(at_time.QUESTIONS).format(t=time), names[at])
    for name in _some(sorted(Counter(names)), rng):
        text = one(count_events.QUESTIONS[:4]).format(x=named(kind, name))
        yield _asked(item, text, str(names.count(name)))


def _beside(side: str, kind: str, name: str, rng: np.random.Generator) -> str:
    texts = before_after.QUESTIONS
    return texts[int(rng.integers(len(texts)))].format(way=side, x=named(kind, name))


def _time(event: SourceFacts) -> str:
    return f"{event.onset_s:.1f} s"


def _some(places: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    return [places[int(i)] for i in rng.permutation(len(places))[:OF_EACH]]


def _asked(item: Item, question: str, answer: str) -> Item:
    own = replace(item, question=question, answer=answer, choices=(), rationales=(), rejected="")
    own = replace(own, task="practice", need=None, twins="")
    return own.with_history("asked openly", item.id)


def deaf(item: Item, number: int) -> Item:
    """The item without its clips, or with as much silence; its answer is what it was.

    A voter must know what the text alone says. Modality dropout would teach it not to: there the
    answer is drawn from the options.
    """
    clips = () if number % 2 else tuple(silenced(clip) for clip in item.clips)
    own = item.with_clips(clips)
    return replace(own, recordings=(), speakers=()).with_history("without audio", item.id)


def with_hints(source: Path, out: Path, limit: int, seed: int) -> None:
    """Write all leaky training items of `source` without audio, and `limit` others as they are."""
    items = _training(source)
    leaky = [item for item in items if "leaky" in item.tags]
    made = {own.id: own for item in leaky for own in (deaf(item, 0), deaf(item, 1))}
    others = [item for item in items if "leaky" not in item.tags][:limit]
    made |= _practised(others, seed)
    write_dataset(made.values(), out, name="hints")
    print(f"{len(leaky)} leaky items twice without audio, {len(made) - 2 * len(leaky)} others")


def with_practice(source: Path, out: Path, limit: int, seed: int) -> None:
    """Write `limit` training items of `source`, and practice about the scenes of known times."""
    items = _training(source)[:limit]
    made = _practised(items, seed)
    write_dataset(made.values(), out, name="practice")
    print(f"{len(items)} items, {len(made) - len(items)} more about their scenes")


def _training(source: Path) -> list[Item]:
    found = (item for item in read_items(source) if item.split == "train")
    return sorted(found, key=lambda item: item.id)


def _practised(items: Sequence[Item], seed: int) -> dict[str, Item]:
    made: dict[str, Item] = {}
    for number, item in enumerate(track(items, "practice")):
        made[item.id] = item
        if number % DEAF < 2:
            without = deaf(item, number)
            made[without.id] = without
        facts = item.facts[0] if len(item.facts) == 1 else None
        if facts is not None and facts.timed and facts.names is not None:
            made |= {one.id: one for one in practice(item, seed)}
    return made


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    asking = verbs.add_parser("practice")
    asking.add_argument("scenes", type=Path)
    asking.add_argument("--limit", type=int, default=12_000)
    asking.add_argument("--seed", type=int, default=0)
    reading = verbs.add_parser("hints")
    reading.add_argument("scenes", type=Path)
    reading.add_argument("--limit", type=int, default=1_500)
    reading.add_argument("--seed", type=int, default=0)
    deepening = verbs.add_parser("deepen")
    deepening.add_argument("model")
    deepening.add_argument("--layers", type=int, default=6)
    deepening.add_argument("--times", type=int, default=128)
    for verb in (asking, reading, deepening):
        verb.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    if given.verb == "practice":
        with_practice(given.scenes, given.out, given.limit, given.seed)
        return
    if given.verb == "hints":
        with_hints(given.scenes, given.out, given.limit, given.seed)
        return
    model = load_learner(located(given.model))
    assert isinstance(model, ComposedModel), "only composed models can be deepened"
    save_once(expanded(model, given.layers, given.times), given.out)


if __name__ == "__main__":
    main()
