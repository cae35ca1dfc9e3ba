"""Item -> Prompt: clips numbered, choices rotated and lettered.

Only this module and `parse` know letters: items hold bare choice texts, and a prompt's rotation is
kept as ``order[shown position] = position in item.choices``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from harken.audio.clip import Clip
from harken.errors import ConfigError
from harken.item import Dialogue, Item
from harken.letters import letter
from harken.models.base import Earlier, Prompt, PromptStyle, Verbatim

Rotations = int | Literal["all"]
"""How many cyclic rotations of the choices are asked: the first k, or all."""


def rotations_of(item: Item, rotations: Rotations) -> range:
    """The rotations to ask of `item`: ``0 .. k-1``, never more than it has choices.

    An open-ended item has one. Raises ConfigError for a count below 1.
    """
    size = max(1, len(item.choices))
    if rotations == "all":
        return range(size)
    if rotations < 1:
        raise ConfigError(
            f"rotations is {rotations}", hint="Use 1 or more, or 'all' (0 on the command line)."
        )
    return range(min(rotations, size))


def make_prompt(
    item: Item, style: PromptStyle, rotation: int = 0, order: Sequence[int] | None = None
) -> Prompt:
    """Write `item` as a prompt.

    Args:
        item: the question; an item without clips gives a prompt that does not mention clips.
        style: the model's prompt style.
        rotation: cyclic rotation of the choices: ``order[i] = (i + rotation) % n``.
        order: a full permutation instead of a rotation (used to shuffle choices in training).

    Raises:
        ConfigError: `order` is not a permutation of the choices.
    """
    size = len(item.choices)
    if order is None:
        order = [(i + rotation) % size for i in range(size)]
    elif sorted(order) != list(range(size)):
        raise ConfigError(f"{list(order)} is not a permutation of {size} choices")
    shown = tuple(item.choices[position] for position in order)
    lines = [item.question, *_choice_lines(shown, style)]
    if style.instruction:
        lines.append(style.instruction)
    return Prompt(
        parts=_parts(item, "\n".join(lines), style),
        question=item.question,
        choices=shown,
        order=tuple(order),
        style=style,
        item_id=item.id,
        system=item.dialogue.system if item.dialogue else "",
    )


def _parts(item: Item, text: str, style: PromptStyle) -> tuple[str | Clip, ...]:
    """Earlier turns, clips and `text`, which begins with the question, in reading order."""
    around = item.dialogue or Dialogue()
    places = around.places if item.clips else ()
    parts: list[str | Clip] = []
    at = 0
    for turn, exchange in enumerate(around.earlier):
        own = [place for place in places if place[0] == turn]
        parts += _placed(exchange.question, item.clips[at : at + len(own)], own)
        parts.append(Earlier(exchange.reply))
        at += len(own)
    if places:
        return (*parts, *_placed(text, item.clips[at:], places[at:]))
    clips = _clip_parts(item.clips, style)
    last = [text] if text else []
    return (*parts, *last, *clips) if style.question_first else (*parts, *clips, *last)


def _placed(
    text: str, clips: Sequence[Clip], places: Sequence[tuple[int, int]]
) -> list[str | Clip]:
    """`text` with each clip at its place."""
    parts: list[str | Clip] = []
    last = 0
    for clip, (_, at) in zip(clips, places, strict=True):
        parts += [Verbatim(text[last:at])] if at > last else []
        parts.append(clip)
        last = at
    rest = text[last:]
    return [*parts, Verbatim(rest) if clips else rest] if rest else parts


def target(item: Item, prompt: Prompt) -> str:
    """The right reply to `prompt`: letter or text of the gold choice, or the open-ended answer."""
    if not item.choices:
        return item.answer
    return prompt.targets[prompt.order.index(item.gold)]


def prompt_text(prompt: Prompt) -> str:
    """The prompt as text, for people and records; clips appear as ``<clip 1>``."""
    lines: list[str] = []
    number = 0
    for part in prompt.parts:
        if isinstance(part, Clip):
            number += 1
            lines.append(f"<clip {number}>")
        elif isinstance(part, Earlier):
            lines.append(f"<reply> {part}")
        else:
            lines.append(part)
    return "\n".join(lines)


_IMPLIED = re.compile(r"yes|no|clip \d+|\d+")


def _choice_lines(shown: Sequence[str], style: PromptStyle) -> list[str]:
    if style.hide_implied and all(_IMPLIED.fullmatch(text) for text in shown):
        return []
    if style.letters:
        return [f"{letter(i)}. {text}" for i, text in enumerate(shown)]
    return [f"- {text}" for text in shown]


def _clip_parts(clips: Sequence[Clip], style: PromptStyle) -> list[str | Clip]:
    if len(clips) < 2 or not style.mark_clips:
        return list(clips)
    return [part for i, clip in enumerate(clips) for part in (f"clip {i + 1}:", clip)]
