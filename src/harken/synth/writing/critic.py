"""Five grades of a reasoning, from 1 to 5 (AudioMCQ, 2509.21060): what has one below 4 is left out.

Graded are: that both forms lead to the answer, the wrong options, the language, and that either
form says only what is heard. `RulesCritic` counts faults, so it runs without a model; `ModelCritic`
asks one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harken.ask import words as w
from harken.item import Item
from harken.models.base import Reply
from harken.parsing import object_schema
from harken.synth.verify.described import description_faults
from harken.synth.verify.lexicon import Lexicon
from harken.synth.verify.truths import truth_faults
from harken.synth.writers.model import ModelWriter, reply_object
from harken.synth.writing.base import Fields, WriteRequest
from harken.synth.writing.tasks.questions import conclusion, names_answer, question_material
from harken.synth.writing.tasks.reasoning import reason, structured, weighing
from harken.synth.writing.templates import read_template

GRADES = ("consistency", "options", "fluency", "structured", "distilled")
"""The five scales, in the order of the paper."""

PASS = 4
"""The lowest grade that passes."""

TEMPLATE = "critic"

SCHEMA = object_schema(
    {name: {"type": "integer", "enum": [1, 2, 3, 4, 5]} for name in GRADES}
    | {"reasons": {"type": "string"}}
)
"""Of a critic's reply."""

_TWICE = re.compile(r"\b(\w+)\s+\1\b", re.I)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The grades of one reasoning.

    Attributes:
        grades: by name of the scale; empty where there is no verdict.
        reasons: what is wrong, in words; why there is no verdict.
        request: hash of the request to a model, else empty.
        failed: the request failed.
    """

    grades: Mapping[str, int]
    reasons: str = ""
    request: str = ""
    failed: bool = False

    @property
    def passes(self) -> bool:
        """Whether all five grades are there and none is below `PASS`."""
        return all(self.grades.get(name, 0) >= PASS for name in GRADES)

    @property
    def low(self) -> str:
        """The grades below `PASS`, in words."""
        below = [f"{name} {self.grades.get(name, 'none')}" for name in GRADES
                 if self.grades.get(name, 0) < PASS]  # fmt: skip
        return ", ".join(below)


class Critic(Protocol):
    """Grades reasonings."""

    name: str

    def identity(self) -> str:
        """Changes when its grades do."""
        ...

    def grade(
        self, items: Sequence[Item], fields: Sequence[Fields], lexicon: Lexicon
    ) -> list[Verdict]:
        """One verdict a reasoning, in order."""
        ...

    def report(self) -> dict[str, Any]:
        """Counts of requests."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


class RulesCritic:
    """Grades by the faults that rules find: 5 without any, 3 with one, 1 with more."""

    name = "rules"

    def identity(self) -> str:
        """Name and version."""
        return "rules-1"

    def grade(
        self, items: Sequence[Item], fields: Sequence[Fields], lexicon: Lexicon
    ) -> list[Verdict]:
        """One verdict a reasoning, in order."""
        return [_by_rules(item, own, lexicon) for item, own in zip(items, fields, strict=True)]

    def report(self) -> dict[str, Any]:
        """Nothing is requested."""
        return {}

    def close(self) -> None:
        """Nothing is open."""


class ModelCritic:
    """Asks a model for the grades, and has its replies stored as a writer's are."""

    def __init__(self, writer: ModelWriter) -> None:
        self._writer = writer
        self.name = writer.name

    def identity(self) -> str:
        """The model's, with the version of the template."""
        return f"{self._writer.identity()}/{read_template(TEMPLATE).version}"

    def grade(
        self, items: Sequence[Item], fields: Sequence[Fields], lexicon: Lexicon
    ) -> list[Verdict]:
        """One verdict a reasoning, in order; a reply without grades passes nothing."""
        template = read_template(TEMPLATE)
        prompts = [
            template.prompt(
                {**question_material(item), "structured": structured(own), "short": own["short"]},
                WriteRequest(item),
                SCHEMA,
            )
            for item, own in zip(items, fields, strict=True)
        ]
        replies = self._writer.ask(prompts)
        return [
            verdict_of(reply, self._writer.request_of(prompt))
            for prompt, reply in zip(prompts, replies, strict=True)
        ]

    def report(self) -> dict[str, Any]:
        """Counts of requests."""
        return self._writer.report()

    def close(self) -> None:
        """Release the store."""
        self._writer.close()


def verdict_of(reply: Reply, request: str) -> Verdict:
    """The grades in a reply; whole numbers from 1 to 5 only."""
    if reply.stop == "failed" or reply.error is not None:
        return Verdict({}, reply.error or "the request failed", request, failed=True)
    found = reply_object(reply.text) or {}
    grades = {
        name: int(found[name])
        for name in GRADES
        if isinstance(found.get(name), int | float) and found[name] in (1, 2, 3, 4, 5)
    }
    reasons = found.get("reasons")
    missing = [name for name in GRADES if name not in grades]
    told = reasons if isinstance(reasons, str) else ""
    return Verdict(grades, f"no grade for {', '.join(missing)}" if missing else told, request)


def _by_rules(item: Item, fields: Fields, lexicon: Lexicon) -> Verdict:
    ends = [
        names_answer(item, conclusion(fields[name]), lexicon) for name in ("selection", "short")
    ]
    audio = description_faults(fields["audio"], item.facts, lexicon)
    short = description_faults(reason(fields["short"]), item.facts, lexicon, weighing(item))
    flaws = {
        "consistency": ends.count(False),
        "options": len(truth_faults(item, lexicon)),
        "fluency": sum(len(_language(fields[name])) for name in ("type", "audio", "short")),
        "structured": len(audio),
        "distilled": len(short),
    }
    grades = {name: (5, 3, 1)[min(2, flaws[name])] for name in GRADES}
    told = [f"{name}: {flaws[name]} faults" for name in GRADES if flaws[name]]
    return Verdict(grades, "; ".join(told))


def _language(text: str) -> list[str]:
    """Plain flaws of the language of a text."""
    flaws = []
    text = text.strip()
    if not text.endswith((".", "!", '."')):
        flaws.append("no stop at the end")
    if text[:1].islower():
        flaws.append("no capital at the beginning")
    if text.count('"') % 2:
        flaws.append("a quotation without an end")
    if _TWICE.search(text):
        flaws.append("a word twice")
    if len(w.words(text)) > 120:
        flaws.append("too long")
    return flaws
