"""English for facts: what a source is called, how often, when; for the grammar and for prompts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harken.facts import ClipFacts, SourceFacts
from harken.item import Item
from harken.synth.verify.lexicon import name_parts
from harken.synth.wording import capital, listed, quoted

OFTEN = {1: "once", 2: "twice", 3: "three times", 4: "four times", 5: "five times"}


def named_sound(label: str) -> str:
    """A label as the families write it: the sound "dog bark"."""
    return f"the sound {quoted(label)}"


def sound_phrase(label: str) -> str:
    """The phrase of the list of synonyms that means this label alone, else `named_sound`."""
    parts = name_parts(label)
    if len(parts) == 1 and len(parts[0][1]) == 1:
        (phrase,) = parts[0][1]
        if not phrase.startswith("("):
            return phrase
    return named_sound(label)


def source_phrase(source: SourceFacts, rng: np.random.Generator) -> str:
    """A source in a few words."""
    if source.kind == "speech":
        said = source.transcript or source.label
        if not said:
            return one_of(rng, ("a voice", "someone speaking"))
        if '"' in said:
            return "a voice"
        return one_of(rng, ("a voice saying {x}", "someone saying {x}")).format(x=quoted(said))
    label = source.label or source.kind
    return one_of(rng, (sound_phrase(label), sound_phrase(label), named_sound(label)))


def one_of(rng: np.random.Generator, texts: Sequence[str]) -> str:
    """One of `texts`, all equally likely."""
    return texts[int(rng.integers(len(texts)))]


def sentence(text: str) -> str:
    """`text` with a capital and a stop."""
    text = capital(text.strip())
    return text if text.endswith((".", "?", "!")) else f"{text}."


def seconds(value: float) -> str:
    """A time with one decimal, as ``2.5``."""
    return f"{value:.1f}"


def ordered(facts: ClipFacts) -> bool:
    """Whether the order of all that is heard in front is known."""
    return all(source.onset_s is not None for source in facts.front)


def front_in_order(facts: ClipFacts) -> list[SourceFacts]:
    """The sources that are no background, by onset where those are known."""
    front = list(facts.front)
    return sorted(front, key=lambda one: one.onset_s or 0.0) if ordered(facts) else front


def in_runs(sources: Sequence[SourceFacts]) -> list[tuple[SourceFacts, int]]:
    """Neighbours with one name as one entry, with their number."""
    runs: list[tuple[SourceFacts, int]] = []
    for source in sources:
        if runs and runs[-1][0].name == source.name and runs[-1][0].kind == source.kind:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((source, 1))
    return runs


def facts_text(facts: Sequence[ClipFacts]) -> str:
    """What is known of the clips, as lines for a prompt."""
    lines = []
    for number, one in enumerate(facts, 1):
        head = f"clip {number}" if len(facts) > 1 else "the clip"
        length = "" if one.duration_s is None else f", {one.duration_s:.1f} s long"
        lines.append(f"{head}{length}:")
        lines += [f"- {_source_line(source)}" for source in one.sources]
    return "\n".join(lines)


def _source_line(source: SourceFacts) -> str:
    when = ""
    if source.onset_s is not None and source.offset_s is not None:
        when = f"{seconds(source.onset_s)} s to {seconds(source.offset_s)} s: "
    what = f"{source.kind}"
    if source.kind == "speech":
        said = source.transcript or source.label
        return f"{when}{what}" + (f", says {quoted(said)}" if said else "")
    return f"{when}{what}: {source.label or 'unknown'}"


def options_text(item: Item) -> str:
    """The options as a numbered list for a prompt; ``none`` for open questions."""
    lines = [f"{number}. {choice}" for number, choice in enumerate(item.choices, 1)]
    return "\n".join(lines) if lines else "none"


def joined(parts: Sequence[str]) -> str:
    """Texts as an English list."""
    return listed(list(parts))
