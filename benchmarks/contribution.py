"""Does `weak` mean weak? The paper's rule and ours, against a known truth and against pure chance.

Run: ``python benchmarks/contribution.py`` (about two minutes on one core; no audio, no network).

1. A made set, half leaky (the question's words give the answer away) and half audio-only (they say
   nothing). Precision and recall of `weak` for both rules over panels of three voters.
2. Only audio-only items and voters that know nothing: every `weak` is false. Three voters that
   guess afresh for every prompt; three with a taste of their own (always the same option of an
   item, wherever it is shown); three that share one taste; three at two options.

All intervals are 95 % Wilson intervals over items.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from zlib import crc32

import numpy as np

from harken import progress
from harken.ask.conditions.load import conditioned
from harken.ask.prompt import Rotations, make_prompt, rotations_of
from harken.ask.score import score, score_logprobs
from harken.audio.clip import Clip
from harken.curate.contribution import Ballot, best_quorum, settled, silence_vote
from harken.item import Item
from harken.models.base import Model, Prompt, Sampling
from harken.models.text_only.base import TextOnlyBaseline, Vector
from harken.models.text_only.constant import Constant
from harken.models.text_only.linear import Linear
from harken.models.text_only.longest import Longest
from harken.models.text_only.random import Random
from harken.stats.measures import wilson

_WORDS = """
cat, purring, whiskered
dog, barking, tail-wagging
rooster, crowing, combed
church bell, tolling, bronze
siren, wailing, emergency
violin, bowed, four-stringed
trumpet, brass, valved
snare drum, struck, wire-rattling
kettle, boiling, whistling
typewriter, clacking, inked
chainsaw, felling, petrol
owl, hooting, nocturnal
frog, croaking, amphibian
clock, ticking, two-handed
helicopter, hovering, rotor
steam train, puffing, coal-fired
rain, falling, cloud-borne
thunder, rumbling, lightning-born
door, creaking, hinged
bee, buzzing, honey-making
whale, singing, oceanic
harp, plucked, angelic
flute, blown, woodwind
crow, cawing, black-feathered
"""
THINGS = [tuple(line.split(", ")) for line in _WORDS.strip().splitlines()]
"""Name, and two words that give it away."""


def make_items(count: int, seed: int, leaky_share: float = 0.5, options: int = 4) -> list[Item]:
    """Questions of which the first `leaky_share` are leaky; golds are spread evenly."""
    rng = np.random.default_rng([seed, count, options])
    items = []
    for i in range(count):
        picks = rng.permutation(len(THINGS))[:options]
        names = tuple(THINGS[int(p)][0] for p in picks)
        gold = int(rng.integers(options))
        hint = THINGS[int(picks[gold])][1 + int(rng.integers(2))]
        leaky = i < leaky_share * count
        items.append(
            Item(
                question=f"Which {hint} thing makes this sound?" if leaky else "What is heard?",
                answer=names[gold],
                choices=names,
                clips=(Clip(path=f"clip-{i}.wav", duration_s=1.0),),
                tags=("leaky",) if leaky else (),
                recordings=(f"r{i}",),
            )
        )
    return items


class Reader(TextOnlyBaseline):
    """Reads the hint and knows what it means, `skill` of the time; else it guesses, and is sure."""

    def __init__(self, skill: float, seed: int) -> None:
        """One voter a seed."""
        self.skill, self.seed = skill, seed
        self.name = f"reader:{seed}"

    def chances(self, prompt: Prompt) -> Vector:
        """Mostly one option."""
        rng = np.random.default_rng([self.seed, crc32(prompt.item_id.encode())])
        knows = rng.random() < self.skill
        hinted = [
            n for n, a, b in THINGS if f" {a} " in prompt.question or f" {b} " in prompt.question
        ]
        found = [i for i, choice in enumerate(prompt.choices) if choice in hinted]
        order = crc32(repr((prompt.item_id, prompt.choices)).encode())
        guess = int(np.random.default_rng([self.seed, order]).integers(len(prompt.choices)))
        pick = found[0] if found and knows else guess
        out = np.full(len(prompt.choices), 0.2 / (len(prompt.choices) - 1))
        out[pick] = 0.8
        return out


class Taste(TextOnlyBaseline):
    """Prefers one option of each item, wherever it is shown, for no good reason."""

    def __init__(self, seed: int) -> None:
        """One taste a seed."""
        self.seed = seed
        self.name = f"taste:{seed}"

    def chances(self, prompt: Prompt) -> Vector:
        """Mostly one option."""
        rank = [
            crc32(f"{self.seed} {prompt.item_id} {choice}".encode()) for choice in prompt.choices
        ]
        out = np.full(len(rank), 0.1 / (len(rank) - 1))
        out[int(np.argmin(rank))] = 0.9
        return out


def cast(voter: Model, items: Sequence[Item], condition: str, rotations: Rotations) -> list[Ballot]:
    """Ballots without a run folder: 20,000 items and more in memory."""
    ballots = []
    for original, item in conditioned(items, condition):
        assert item is not None
        picks: list[int | None] = []
        rows = []
        for rotation in rotations_of(item, rotations):
            prompt = make_prompt(item, voter.style, rotation)
            prompt = Prompt(prompt.parts, prompt.question, prompt.choices, prompt.order,
                            prompt.style, original.id)  # fmt: skip
            (logprobs,) = voter.choice_logprobs([prompt])
            mark = score_logprobs(original, prompt, logprobs) if logprobs else None
            mark = mark or score(original, prompt, voter.generate([prompt], Sampling())[0])
            picks.append(original.choices.index(mark.parsed) if mark.parsed else None)
            row = np.zeros(len(prompt.order))
            row[list(prompt.order)] = np.exp(logprobs)
            rows.append(row)
        # A guesser with flat probabilities is judged by what it says, as the harshest case.
        flat = all(float(np.ptp(row)) < 1e-12 for row in rows)
        ballots.append(Ballot(tuple(picks), None if flat else tuple(np.mean(rows, axis=0))))
    return ballots


def paper(voters: Sequence[Model], items: Sequence[Item]) -> list[bool]:
    """Weak by the rule of AudioMCQ: one answer under 30 s of silence, 2 of 3 right."""
    votes = [cast(voter, items, "silence-30", 1) for voter in voters]
    return [
        silence_vote([vote[i].picks[0] == item.gold for vote in votes])
        for i, item in enumerate(items)
    ]


def ours(voters: Sequence[Model], items: Sequence[Item]) -> list[bool]:
    """Weak by the quorum over all rotations without audio."""
    votes = [cast(voter, items, "none", "all") for voter in voters]
    ballots = [[vote[i] for vote in votes] for i in range(len(items))]
    found = best_quorum(ballots, [item.gold for item in items], len(items[0].choices))
    held = [[settled(vote, found.mass) for vote in row] for row in ballots]
    print(f"    quorum: {[[voters[i].name for i in s] for s in found.sets]},"
          f" chance at most {found.bound:.2%}, measured: {found.measured}")  # fmt: skip
    return [found.weak(row, item.gold) for row, item in zip(held, items, strict=True)]


def line(what: str, hits: int, total: int) -> str:
    """``what 12.3 % [11.0, 13.7] of 4567``."""
    low, high = wilson(hits, total)
    share = hits / total if total else float("nan")
    return f"    {what:<22}{share:7.2%}  [{low:.2%}, {high:.2%}]  ({hits} of {total})"


def known_truth(count: int, seed: int) -> None:
    """Part 1."""
    items = make_items(count, seed)
    truth = ["leaky" in item.tags for item in items]
    panels: list[tuple[str, list[Model]]] = [
        ("three readers", [Reader(0.9, 1), Reader(0.85, 2), Reader(0.8, 3)]),
        ("reader, linear, longest", [Reader(0.9, 1), Linear(items), Longest()]),
        ("reader, linear, random", [Reader(0.9, 1), Linear(items), Random(5)]),
        ("linear, longest, constant", [Linear(items), Longest(), Constant(0)]),
    ]
    print(f"1. {count} items, half leaky, half audio-only, 4 options")
    for name, voters in panels:
        print(f"  {name}")
        for rule, label in (("paper", paper), ("ours", ours)):
            weak = label(voters, items)
            both = sum(w and t for w, t in zip(weak, truth, strict=True))
            print(line(f"{rule}: precision", both, sum(weak)))
            print(line(f"{rule}: recall", both, sum(truth)))
            print(line(f"{rule}: false weak", sum(weak) - both, len(truth) - sum(truth)))


def chance(count: int, seed: int) -> None:
    """Part 2."""
    cases: list[tuple[str, int, Callable[[], list[Model]]]] = [
        ("three that guess afresh, 4 options", 4, lambda: [Random(s) for s in (1, 2, 3)]),
        ("three tastes, 4 options", 4, lambda: [Taste(s) for s in (1, 2, 3)]),
        ("one shared taste, 4 options", 4, lambda: [Taste(1), Taste(1), Taste(1)]),
        ("three that guess afresh, 2 options", 2, lambda: [Random(s) for s in (1, 2, 3)]),
        ("five that guess afresh, 2 options", 2, lambda: [Random(s) for s in range(1, 6)]),
    ]
    print(f"2. {count} audio-only items, voters that know nothing: every weak is false")
    for name, options, make in cases:
        items = make_items(count, seed + options, 0.0, options)
        print(f"  {name}")
        print(line("paper: false weak", sum(paper(make(), items)), count))
        print(line("ours: false weak", sum(ours(make(), items)), count))


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=4000, help="items of part 1")
    parser.add_argument("--chance-items", type=int, default=20_000, help="items of part 2")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    progress.quiet()
    known_truth(asked.items, asked.seed)
    chance(asked.chance_items, asked.seed)


if __name__ == "__main__":
    main()
