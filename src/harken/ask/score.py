"""(item, prompt, reply) -> Score: the one scoring function of filter, reward and benchmark.

Five outcomes: ``correct``, ``wrong``, ``abstained``, ``unparsable``, ``failed``. The first four are
answers and stand in every denominator, at value 1 or 0; a failed request was never answered, has no
value and is counted apart.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harken.ask import words as w
from harken.ask.parse import answer_text, is_refusal, parse
from harken.item import Item
from harken.models.base import Prompt, Reply

Outcome = Literal["correct", "wrong", "abstained", "unparsable", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("correct", "wrong", "abstained", "unparsable", "failed")

# Signs that part the entries of a list; " and " parts the last two only where gold has no "and".
_SEPARATORS = re.compile(r"\s*(?:[,;\n]|->|=>|→|\bfollowed by\b|\bthen\b)\s*")
_NUMBERING = re.compile(r"^\s*(?:\(?\d{1,2}[.):](?!\d)|[-*•])\s*")
_LEAD = re.compile(
    r"^(?:(?:the )?(?:final |correct )?(?:answer|order|sequence|sounds?|word|events?)"
    r"(?: (?:in order|you hear|i hear|i heard|heard))? ?(?:is|are|was|were|:)"
    r"|i (?:can )?(?:hear|heard)|it is|its|this is|there (?:is|are)|first(?:ly)?|second(?:ly)?"
    r"|third(?:ly)?|next|finally|last(?:ly)?|after that|and)\b[\s:,]*"
)


@dataclass(frozen=True, slots=True)
class Score:
    """A scored answer.

    Attributes:
        outcome: one of `OUTCOMES`.
        value: 1.0 for correct, 0.0 for the other answers, None for failed.
        parsed: what was understood, as text; None if nothing was.
        rule: which rule decided (see `harken.ask.parse`).
        note: explanation for people, empty where the rule says it all.
        share: open order answers only: the share of positions that are right.
    """

    outcome: Outcome
    value: float | None
    parsed: str | None = None
    rule: str = ""
    note: str = ""
    share: float | None = None


def score(item: Item, prompt: Prompt, reply: Reply) -> Score:
    """Score `reply` to `prompt`, which was made from `item`."""
    if reply.stop == "failed" or reply.error is not None:
        return Score("failed", None, rule="failed", note=reply.error or "the request failed")
    if not item.choices:
        return score_text(item, reply.text)
    parsed = parse(reply.text, prompt)
    if parsed.choice is None:
        return Score("abstained" if parsed.abstained else "unparsable", 0.0, rule=parsed.rule)
    return _chosen(item, parsed.choice, parsed.rule)


def score_logprobs(item: Item, prompt: Prompt, logprobs: Sequence[float]) -> Score | None:
    """Score the most probable shown choice; None on a tie, which names no choice at all."""
    best = max(logprobs)
    tops = [shown for shown, value in enumerate(logprobs) if value == best]
    if len(tops) > 1:
        return None
    return _chosen(item, prompt.order[tops[0]], "logprob")


def score_text(item: Item, text: str) -> Score:
    """Score an open answer against ``item.answer``; commas in the gold make it an ordered list.

    The value is 1 for the same entries in the same order after levelling (case, accents, articles,
    plurals, numbers, numbering, "then"), else 0; `Score.share` is the share of gold positions that
    hold the right entry, with surplus entries counted against it.
    """
    body = answer_text(text).strip()
    gold = _entries(item.answer, item.answer)
    if not body:
        return Score("unparsable", 0.0, rule="empty", share=0.0)
    found = _entries(body, item.answer)
    hits = sum(a == b for a, b in zip(gold, found, strict=False))
    share = hits / max(len(gold), len(found), 1)
    shown = ", ".join(" ".join(entry) for entry in found)
    if found == gold:
        return Score("correct", 1.0, shown, "open-exact", share=1.0)
    if is_refusal(body):
        return Score("abstained", 0.0, rule="refusal", share=0.0)
    note = f"{hits} of {len(gold)} in place, {len(found)} given"
    return Score("wrong", 0.0, shown, "open-exact", note, share)


def _chosen(item: Item, choice: int, rule: str) -> Score:
    right = choice == item.gold
    return Score("correct" if right else "wrong", float(right), item.choices[choice], rule)


def _entries(text: str, gold: str) -> list[tuple[str, ...]]:
    """The entries of a list answer, each levelled to its words."""
    flat = _NUMBERING.sub("", w.fold(text).strip())
    flat = re.sub(r"(?<=\s)\(?\d{1,2}[.)](?=\s)", "\n", flat)  # "1. dog 2. cat" on one line
    pieces = [piece for piece in _SEPARATORS.split(flat) if piece.strip()]
    if "and" not in w.words(gold):
        pieces = [part for piece in pieces for part in re.split(r"\band\b", piece)]
    entries = []
    for piece in pieces:
        piece, before = _NUMBERING.sub("", piece).strip(), ""
        while piece != before:
            piece, before = _LEAD.sub("", piece).strip(), piece
        if piece and (words := w.words(piece)):
            entries.append(tuple(w.stem(word) for word in w.key(" ".join(words))))
    return entries
