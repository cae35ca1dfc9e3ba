"""An item as a conversation in texts: what most training programs take."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harken.item import Item
from harken.letters import letter
from harken.shards.exports.base import ExportRow, Style, lost

USER, ASSISTANT, SYSTEM = "user", "assistant", "system"

MEDIA = re.compile(r"</?(?:audio|image|video)>")
"""What programs that mark clips by `harken.shards.formats.base.TAG` look for in a text."""

_THINK = re.compile(r"</?think>")


@dataclass(frozen=True, slots=True)
class Said:
    """One message: the role, and its texts and clips (their numbers) in reading order."""

    role: str
    parts: tuple[str | int, ...]

    def text(self, tag: Callable[[int], str]) -> str:
        """Its text with ``tag(number)`` in the place of each clip."""
        return "".join(tag(part) if isinstance(part, int) else part for part in self.parts)


def conversation(row: ExportRow, reply: bool = True) -> list[Said]:
    """The messages of an item: system, earlier turns, question with its options, and the reply.

    Clips without a place of their own stand before the question.

    Args:
        row: of the item.
        reply: give the last reply too.
    """
    item, around = row.item, row.item.dialogue
    found: list[Said] = []
    if around and around.system:
        found.append(Said(SYSTEM, (around.system,)))
    earlier = around.earlier if around else ()
    texts = [*(turn.question for turn in earlier), asked(item)]
    last = len(earlier)
    places = around.places if around and around.places else ((last, 0),) * len(item.clips)
    for number, text in enumerate(texts):
        own = [(at, clip) for clip, (turn, at) in enumerate(places) if turn == number]
        found.append(Said(USER, _parts(text, own)))
        answer = earlier[number].reply if number < last else replied(item, row.style)
        if number < last or reply:
            found.append(Said(ASSISTANT, (answer,)))
    return found


def _parts(text: str, clips: list[tuple[int, int]]) -> tuple[str | int, ...]:
    """A text with clips at their places, those at its beginning on a line of their own."""
    parts: list[str | int] = []
    done = 0
    for at, clip in clips:
        if text[done:at]:
            parts.append(text[done:at])
        parts.append(clip)
        done = at
    opening = bool(clips) and clips[-1][0] == 0
    rest = text[done:]
    if rest:
        parts.append(f"\n{rest}" if opening else rest)
    return tuple(parts)


def asked(item: Item) -> str:
    """The question, its options on lines of their own with letters."""
    lines = [f"({letter(i)}) {one_line(choice)}" for i, choice in enumerate(item.choices)]
    return "\n".join([item.question, *lines])


def replied(item: Item, style: Style) -> str:
    """The answer as `style` has it, after the reasoning if that is asked for."""
    answer = answered(item, item.answer, style)
    if style.reasoning and item.rationales:
        return f"<think>{item.rationales[0]}</think>\n{answer}"
    return answer


def answered(item: Item, answer: str, style: Style) -> str:
    """One answer: of a closed question its letter, its text, or both."""
    if answer not in item.choices or style.reply == "text":
        return answer
    own = letter(item.choices.index(answer))
    return own if style.reply == "letter" else f"({own}) {one_line(answer)}"


def one_line(text: str) -> str:
    """A text without line breaks, which would end an option."""
    return " ".join(text.split())


def unsaid(
    item: Item, style: Style, tags: re.Pattern[str] | None = None, reply: bool = True
) -> str:
    """For `ExportFormat.unfit`: why the texts of an item would be read as something else.

    Args:
        item: what is written.
        style: how.
        tags: what the reader takes for the place of a clip, wherever it stands.
        reply: the reply is a text among the others, and not kept apart from them.
    """
    lines = [one_line(choice) for choice in item.choices]
    if len({*lines}) < len(lines):
        return "options that differ in white space only would be equal lines"
    around = item.dialogue
    texts = [item.question, *item.choices]
    if around:
        texts += [around.system, *(t for own in around.earlier for t in (own.question, own.reply))]
    if reply:
        texts += [item.answer, item.rejected]
        thought = item.rationales[:1] if style.reasoning else ()
        if thought and any(_THINK.search(text) for text in (*thought, item.answer)):
            return "a text has <think> tags, which mark the reasoning"
        texts += thought
    found = next(filter(None, map(tags.search, texts)), None) if tags else None
    return f"a text has {found[0]}, which marks the place of a clip" if found else ""


def unwritten(item: Item, style: Style, *written: str) -> tuple[str, ...]:
    """For `ExportFormat.loses`: what a conversation leaves out, but for the fields `written`."""
    found = [*lost(item, "dialogue", "rationales", *written)]
    if item.rationales and not style.reasoning:
        found.append("the reasoning")
    elif len(item.rationales) > 1:
        found.append("further reasoning")
    if any(one_line(choice) != choice for choice in item.choices):
        found.append("white space within options")
    return tuple(found)
