"""Generate, verify, criticise: a step of the data path that has texts written until they are true.

The reasons of a rejection go back to the writer, for at most so many rounds. Then the grammar's
text is taken, or the item is dropped. Every item keeps in ``plan["written"]`` who wrote its text,
from which template and request, in which round, and what was rejected before, with the reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from harken.errors import ConfigError, TooManyFailures
from harken.files import json_text
from harken.item import Drop, Item
from harken.synth.verify.faults import KINDS, TextFault, kinds, reasons
from harken.synth.verify.lexicon import Lexicon
from harken.synth.writers.grammar import GrammarWriter
from harken.synth.writing.base import Draft, Fields, Writer, WriteRequest, WritingTask
from harken.synth.writing.critic import Critic, Verdict

CHUNK = 64
"""Items that are written about at once; a resumed job has the same."""

OTHERWISE = ("grammar", "drop")
"""What becomes of an item whose texts are all rejected."""

REJECTED = (*KINDS, "grade", "unparsed", "refused", "failed")
"""What rejections are counted by."""


@dataclass(frozen=True, slots=True)
class RoundSettings:
    """How often, and what then.

    Attributes:
        rounds: most drafts of one item.
        otherwise: one of `OTHERWISE`.
        seed: of the grammar.
        max_failed: share of the requests of a chunk that may fail; above it the job ends, and goes
            on where it stopped when it is run again.

    Raises:
        ConfigError: a value out of its range.
    """

    rounds: int = 3
    otherwise: str = "grammar"
    seed: int = 0
    max_failed: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.otherwise not in OTHERWISE:
            raise ConfigError(
                f"otherwise is {self.otherwise!r}", hint=f"Use one of: {', '.join(OTHERWISE)}."
            )
        if not 1 <= self.rounds <= 10 or not 0 <= self.max_failed <= 1:
            raise ConfigError("rounds has to be 1 to 10, and max_failed 0 to 1")


@dataclass(slots=True)
class WrittenTally:
    """Counts of one job.

    Attributes:
        written: items with an accepted text, by round.
        grammar: items that got the grammar's text after all drafts were rejected.
        dropped: items without a text.
        rejected: rejected drafts by kind of fault; one with faults of two kinds counts in both.
        drafts: all drafts.
    """

    written: Counter[str] = field(default_factory=Counter)
    grammar: int = 0
    dropped: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    drafts: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, kinds in their order."""
        return {
            "drafts": self.drafts,
            "written": dict(sorted(self.written.items())),
            "grammar": self.grammar,
            "dropped": self.dropped,
            "rejected": {kind: self.rejected[kind] for kind in REJECTED if self.rejected[kind]},
        }


@dataclass(slots=True)
class _Waiting:
    """An item that has no accepted text yet."""

    item: Item
    request: WriteRequest
    rejected: list[dict[str, Any]] = field(default_factory=list)
    failed: bool = False


class Writing:
    """The step: items in; items with texts, or drops with the reasons, out, in the same order.

    Attributes:
        tally: counts so far.
    """

    def __init__(
        self,
        task: WritingTask,
        writer: Writer,
        lexicon: Lexicon,
        settings: RoundSettings = RoundSettings(),
        critic: Critic | None = None,
    ) -> None:
        """`critic` grades the texts of a graded task; None: nothing is graded."""
        self.task = task
        self.writer = writer
        self.lexicon = lexicon
        self.settings = settings
        self.critic = critic if task.graded else None
        self.tally = WrittenTally()
        self._grammar = GrammarWriter(settings.seed)

    def __call__(self, items: Iterable[Item]) -> Iterator[Item | Drop]:
        """Write about the items of each chunk, in rounds.

        Raises:
            TooManyFailures: more requests failed than may.
        """
        source = iter(items)
        while chunk := list(islice(source, CHUNK)):
            yield from self._chunk(chunk)

    def _chunk(self, items: Sequence[Item]) -> Iterator[Item | Drop]:
        waiting = {i: _Waiting(item, WriteRequest(item)) for i, item in enumerate(items)}
        done: dict[int, Item | Drop] = {}
        for turn in range(1, self.settings.rounds + 1):
            asked = [i for i in waiting if i not in done and not waiting[i].failed]
            if not asked:
                break
            drafts = self.writer.write(self.task, [waiting[i].request for i in asked])
            self.tally.drafts += len(drafts)
            passed = self._verified(asked, drafts, waiting, turn)
            for i, draft, verdict in self._graded(passed, waiting, turn):
                done[i] = self._accepted(waiting[i], draft, turn, self.writer, verdict)
                self.tally.written[f"round {turn}"] += 1
        self._check_failures([waiting[i] for i in waiting if waiting[i].failed], len(items))
        for i, one in waiting.items():
            yield done[i] if i in done else self._otherwise(one)

    def _verified(
        self, asked: Sequence[int], drafts: Sequence[Draft], waiting: dict[int, _Waiting], turn: int
    ) -> list[tuple[int, Draft]]:
        """The drafts without a fault; the others are noted with their reasons."""
        passed = []
        for i, draft in zip(asked, drafts, strict=True):
            if draft.outcome != "written":
                self._reject(waiting[i], draft, turn, [draft.outcome], draft.note)
                waiting[i].failed = draft.outcome == "failed"
                continue
            faults = self._faults(waiting[i].item, draft.fields)
            if faults:
                self._reject(waiting[i], draft, turn, kinds(faults), reasons(faults))
            else:
                passed.append((i, draft))
        return passed

    def _faults(self, item: Item, fields: Fields) -> list[TextFault]:
        return self.task.check(item, fields, self.lexicon)

    def _graded(
        self, passed: Sequence[tuple[int, Draft]], waiting: dict[int, _Waiting], turn: int
    ) -> Iterator[tuple[int, Draft, Verdict | None]]:
        """The drafts that the critic lets pass; all, where there is none."""
        if self.critic is None or not passed:
            yield from ((i, draft, None) for i, draft in passed)
            return
        items, fields = [waiting[i].item for i, _ in passed], [draft.fields for _, draft in passed]
        verdicts = self.critic.grade(items, fields, self.lexicon)
        for (i, draft), verdict in zip(passed, verdicts, strict=True):
            if verdict.passes:
                yield i, draft, verdict
                continue
            kind = "failed" if verdict.failed else "grade"
            waiting[i].failed = verdict.failed
            told = f"{verdict.low or 'no grades'}: {verdict.reasons}".strip(": ")
            self._reject(waiting[i], draft, turn, [kind], told)

    def _reject(
        self, one: _Waiting, draft: Draft, turn: int, found: Sequence[str], why: str
    ) -> None:
        self.tally.rejected.update(found)
        text = draft.text or (json_text(draft.fields).strip() if draft.fields else "")
        one.rejected.append(
            {"round": turn, "kinds": list(found), "reasons": why, "text": text,
             "request": draft.request}
        )  # fmt: skip
        one.request = WriteRequest(one.item, turn + 1, text, why)

    def _accepted(
        self, one: _Waiting, draft: Draft, turn: int, writer: Writer, verdict: Verdict | None
    ) -> Item:
        """The item with its text and where that is from."""
        record: dict[str, Any] = {
            "task": self.task.name,
            "writer": writer.name,
            "identity": writer.identity(),
            "template": draft.template,
            "request": draft.request,
            "round": turn,
            "rejected": one.rejected,
        }
        if verdict is not None and self.critic is not None:
            record |= {"critic": self.critic.name, "grades": dict(verdict.grades)}
        item = self.task.apply(one.item, draft.fields)
        plan = {**one.item.plan, "written": [*one.item.plan.get("written", ()), record]}
        note = f"{self.task.name} by {writer.name} ({draft.template}), round {turn}"
        return item.with_history("write", note, plan=plan)

    def _otherwise(self, one: _Waiting) -> Item | Drop:
        """The grammar's text if that is true, else a drop; its history has the rejections."""
        why = one.rejected[-1]["kinds"] if one.rejected else ["failed"]
        if self.settings.otherwise == "grammar" and not isinstance(self.writer, GrammarWriter):
            (draft,) = self._grammar.write(self.task, [WriteRequest(one.item)])
            faults = self._faults(one.item, draft.fields)
            if not faults:
                self.tally.grammar += 1
                return self._accepted(one, draft, 1, self._grammar, None)
            why = kinds(faults)
        self.tally.dropped += 1
        record = {"task": self.task.name, "writer": self.writer.name, "rejected": one.rejected}
        plan = {**one.item.plan, "written": [*one.item.plan.get("written", ()), record]}
        told = one.item.with_history("write", one.rejected[-1]["reasons"] if one.rejected else "")
        return Drop(replace(told, plan=plan), f"no accepted text: {', '.join(why)}")

    def _check_failures(self, failed: Sequence[_Waiting], asked: int) -> None:
        if len(failed) > self.settings.max_failed * asked:
            raise TooManyFailures(
                f"{len(failed)} of {asked} requests to the writer {self.writer.name} failed: "
                f"{failed[0].rejected[-1]['reasons']}",
                hint="Replies that arrived are stored. Run the command again to go on, or allow "
                "failures with --max-failed.",
            )
