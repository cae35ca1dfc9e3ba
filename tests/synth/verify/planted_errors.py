"""300 true texts by the grammar and 300 with one planted error each, of six kinds; all from a seed.

Scenes are made up: two to four sources with times, sounds that repeat, voices. An error is made in
a text of the grammar, by one edit whose result is false by the scene.
`python tests/synth/verify/planted_errors.py` prints the table in docs/writing.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from harken.audio.clip import Clip
from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.synth.verify.described import TextRules, description_faults
from harken.synth.verify.faults import TextFault
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.truths import truth_faults
from harken.synth.verify.worded import wording_faults
from harken.synth.writing.load import TASKS
from harken.synth.writing.phrasing import sound_phrase

LABELS = (
    *("dog bark", "cat meow", "rooster crow", "rain", "sea waves", "thunder", "baby cry", "siren"),
    *("person sneeze", "laughter", "clock tick", "door knock", "helicopter", "train", "chainsaw"),
    *("hand saw", "church bells", "piano", "acoustic guitar", "flute", "frog croak", "bird chirp"),
)
WORDS = ("seven", "garden", "yellow", "letter", "river", "window")
LEXICON = Lexicon(LABELS)
KINDS = ("label", "count", "order", "time", "leak", "options")
EACH = 50

Rng = np.random.Generator


@dataclass(frozen=True)
class Planted:
    """A text and what is wrong with it; `kind` is empty for a true one."""

    kind: str
    text: str
    faults: tuple[TextFault, ...]


def scene(rng: Rng, repeat: bool = False) -> ClipFacts:
    """One to four sources, one after the other; `repeat`: one sound two or three times in a row."""
    names = [LABELS[i] for i in rng.permutation(len(LABELS))[: int(rng.integers(2, 4))]]
    if repeat:
        names[:1] = [names[0]] * int(rng.integers(2, 4))
    at, sources = float(rng.uniform(0.1, 0.8)), []
    for name in names:
        length = float(rng.uniform(0.8, 3.0))
        sources.append(SourceFacts("sound", name, round(at, 3), round(at + length, 3)))
        at += length + float(rng.uniform(0.6, 1.5))
    if not repeat and rng.random() < 0.3:
        word = WORDS[int(rng.integers(len(WORDS)))]
        sources.append(
            SourceFacts("speech", word, round(at, 3), round(at + 0.7, 3), transcript=word)
        )
        at += 1.3
    return ClipFacts(tuple(sources), round(at, 3), layout="mono")


def asked(facts: ClipFacts, rng: Rng, task: str) -> Item:
    """A question about the scene: identify (one sound of it is the answer) or first."""
    sounds = [s.label for s in facts.sources if s.label and s.kind == "sound"]
    absent = [name for name in LABELS if name not in sounds]
    if task == "first":
        choices, answer = sounds[:2], sounds[0]
    else:
        answer = sounds[int(rng.integers(len(sounds)))]
        choices = [answer, *(absent[i] for i in rng.permutation(len(absent))[:3])]
    order = rng.permutation(len(choices))
    wording = {"identify": "Which of these sounds do you hear?", "first": "What is heard first?"}
    return Item(
        wording[task],
        answer,
        tuple(choices[i] for i in order),
        (Clip("file", "a.wav", duration_s=facts.duration_s),),
        task,
        facts=(facts,),
    )


def caption(item: Item, rng: Rng, task: str) -> str:
    return str(TASKS.get(task).grammar(item, rng)["caption"])


def caption_faults(text: str, item: Item) -> tuple[TextFault, ...]:
    return tuple(description_faults(text, item.facts, LEXICON, TextRules(all_named=True)))


def names_in(text: str, facts: ClipFacts) -> list[tuple[str, str]]:
    """(as written, label) of the sounds of a scene in a text of the grammar."""
    found = []
    for label in dict.fromkeys(s.label for s in facts.sources if s.kind == "sound" and s.label):
        for form in (f'the sound "{label}"', sound_phrase(label)):
            if re.search(re.escape(form), text, re.I):
                found.append((form, label))
    return found


def swapped(text: str, one: str, other: str) -> str:
    """Two forms exchanged everywhere."""
    parts = re.split(f"({re.escape(one)}|{re.escape(other)})", text, flags=re.I)
    turn = {one.lower(): other, other.lower(): one}
    return "".join(turn.get(part.lower(), part) for part in parts)


def wrong_label(rng: Rng) -> tuple[str, tuple[TextFault, ...]] | None:
    """A sound of the text becomes one that is not in the scene."""
    item = asked(scene(rng), rng, "identify")
    text = caption(item, rng, ("caption-short", "caption-dense")[int(rng.integers(2))])
    form, _ = names_in(text, item.facts[0])[0]
    there = [s.label for s in item.facts[0].sources]
    other = [name for name in LABELS if name not in there][int(rng.integers(10))]
    text = re.sub(re.escape(form), sound_phrase(other), text, flags=re.I)
    return text, caption_faults(text, item)


def wrong_count(rng: Rng) -> tuple[str, tuple[TextFault, ...]] | None:
    """How often, or how many, becomes another number."""
    dense = rng.random() < 0.5
    item = asked(scene(rng, repeat=not dense), rng, "identify")
    text = caption(item, rng, "caption-dense" if dense else "caption-short")
    numbers = {"twice": "three times", "three times": "twice", "two sounds": "four sounds",
               "three sounds": "two sounds", "four sounds": "three sounds"}  # fmt: skip
    hit = re.search("|".join(numbers), text)
    if hit is None:
        return None
    text = text[: hit.start()] + numbers[hit.group()] + text[hit.end() :]
    return text, caption_faults(text, item)


def wrong_order(rng: Rng) -> tuple[str, tuple[TextFault, ...]] | None:
    """Two sounds of a short caption change places."""
    item = asked(scene(rng), rng, "identify")
    text = caption(item, rng, "caption-short")
    found = names_in(text, item.facts[0])
    if len({label for _, label in found}) < 2:
        return None
    text = swapped(text, found[0][0], next(f for f, label in found if label != found[0][1]))
    return text, caption_faults(text, item)


def wrong_time(rng: Rng) -> tuple[str, tuple[TextFault, ...]] | None:
    """A time of a dense caption is moved by 0.5 to 2.5 s."""
    item = asked(scene(rng), rng, "identify")
    text = caption(item, rng, "caption-dense")
    times = list(re.finditer(r"\d+\.\d", text))
    hit = times[int(rng.integers(len(times)))]
    moved = float(hit.group()) + float(rng.uniform(0.5, 2.5))
    text = f"{text[: hit.start()]}{moved:.1f}{text[hit.end() :]}"
    return text, caption_faults(text, item)


def leaked(rng: Rng) -> tuple[str, tuple[TextFault, ...]] | None:
    """The answer gets into a wording that the grammar made."""
    item = asked(scene(rng), rng, "identify")
    text = str(TASKS.get("reword").grammar(item, rng)["question"])
    told = (
        "{q} Think of {x}.",
        "{q} Someone heard {x} in it.",
        "With {x} in the clip: {q}",
        "{q} (not far from {x})",
    )[int(rng.integers(4))]
    text = told.format(q=text, x=sound_phrase(item.answer))
    return text, tuple(wording_faults(item, text, LEXICON))


def second_true(rng: Rng) -> tuple[str, tuple[TextFault, ...]] | None:
    """A distractor becomes a second sound of the scene, or the gold another option."""
    task = ("identify", "identify", "first")[int(rng.integers(3))]
    item = asked(scene(rng), rng, task)
    there = [s.label for s in item.facts[0].sources if s.kind == "sound" and s.label != item.answer]
    wrong = [choice for choice in item.choices if choice != item.answer]
    if task == "first" or rng.random() < 0.5:
        item = replace(item, answer=wrong[0])
    else:
        new = sound_phrase(str(there[0]))
        item = replace(item, choices=tuple(new if c == wrong[0] else c for c in item.choices))
    return f"{list(item.choices)} -> {item.answer}", tuple(truth_faults(item, LEXICON))


ERRORS: dict[str, Callable[[Rng], tuple[str, tuple[TextFault, ...]] | None]] = {
    "label": wrong_label,
    "count": wrong_count,
    "order": wrong_order,
    "time": wrong_time,
    "leak": leaked,
    "options": second_true,
}


def errors(seed: int = 0) -> Iterator[Planted]:
    """300 texts with an error each, 50 of a kind."""
    for number, kind in enumerate(KINDS):
        made, turn = 0, 0
        while made < EACH:
            found = ERRORS[kind](np.random.default_rng([seed, number, turn]))
            turn += 1
            if found is not None:
                made += 1
                yield Planted(kind, *found)


def truths(seed: int = 0) -> Iterator[Planted]:
    """300 true texts: 100 short captions, 100 dense ones, 100 wordings and items."""
    for turn in range(100):
        rng = np.random.default_rng([seed, 99, turn])
        item = asked(scene(rng, repeat=turn % 3 == 0), rng, "identify")
        for task in ("caption-short", "caption-dense"):
            text = caption(item, rng, task)
            yield Planted("", text, caption_faults(text, item))
        written = TASKS.get("reword").grammar(item, rng)
        faults = tuple(TASKS.get("reword").check(item, written, LEXICON))
        yield Planted("", str(written), faults)


def table(seed: int = 0) -> dict[str, dict[str, float]]:
    """By kind: planted, rejected, rejected for that kind; and of true texts, rejected."""
    wrong, right = list(errors(seed)), list(truths(seed))
    accused = [fault.kind for one in (*wrong, *right) for fault in one.faults[:1]]
    found: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        own = [one for one in wrong if one.kind == kind]
        hit = sum(kind in {fault.kind for fault in one.faults} for one in own)
        false = sum(kind in {fault.kind for fault in one.faults} for one in right)
        found[kind] = {
            "planted": len(own),
            "recall": sum(bool(one.faults) for one in own) / len(own),
            "named": hit / len(own),
            "precision": hit / max(1, hit + false),
        }
    rejected = sum(bool(one.faults) for one in right)
    caught = sum(bool(one.faults) for one in wrong)
    found["all"] = {
        "planted": len(wrong),
        "recall": caught / len(wrong),
        "named": sum(one.kind in {f.kind for f in one.faults} for one in wrong) / len(wrong),
        "precision": caught / max(1, caught + rejected),
    }
    assert len(accused) == caught + rejected
    return found


if __name__ == "__main__":
    print("| kind | planted | rejected | for that kind | precision |\n|---|---|---|---|---|")
    for kind, row in table().items():
        rest = " | ".join(f"{row[name]:.3f}" for name in ("recall", "named", "precision"))
        print(f"| {kind} | {row['planted']:.0f} | {rest} |")
    for one in [*errors(), *truths()]:
        if bool(one.kind) != bool(one.faults):
            print(one.kind or "true", "|", one.text, "|", [f.found for f in one.faults])
