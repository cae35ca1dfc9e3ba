"""Records: request, reply and score; the third stage, and all three stages in one call.

``plan.jsonl`` (`harken.ask.plan`) and ``replies.jsonl`` (`harken.ask.infer`) are joined by key and
scored by the run's scorer (`harken.ask.scorers`) into ``records.jsonl``. Scoring calls no model,
so a run is scored again at no cost whenever the scorer changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

from harken.ask.infer import ReplyRecord, RunFolder, infer
from harken.ask.plan import AskSettings, PlannedRequest, RequestPlan, item_and_prompt, plan
from harken.ask.score import Score, score_logprobs
from harken.ask.scorers.base import Scorer
from harken.ask.scorers.load import SCORERS, STRICT
from harken.errors import RunError, TooManyFailures
from harken.item import HIDDEN, Item
from harken.models.base import Model, Reply

_GROUP = 1000  # records written at once


class Record(PlannedRequest):
    """One scored request as a line of ``records.jsonl``: the plan's line, reply and score.

    ``how`` says what is scored: ``"logprob"`` (the most probable choice) or ``"text"`` (the reply,
    also when two choices tie). ``text_outcome`` is the outcome of the reply in either case, None
    where none was generated. ``stop`` is ``"length"`` for a reply that was cut: it is read like any
    other, and unparsable where it does not hold an answer yet. ``parsed`` is the choice as the item
    has it, whatever was shown.
    """

    reply: str
    stop: str
    logprobs: list[float] | None
    how: str
    outcome: str
    value: float | None
    share: float | None
    parsed: str | None
    rule: str
    note: str
    text_outcome: str | None
    text_rule: str


def ask_and_score(
    model: Model,
    items: Sequence[Item],
    *,
    run: RunFolder | None = None,
    **asking: Unpack[AskSettings],
) -> list[Record]:
    """Ask `model` every item under every condition and rotation; return all records in plan order.

    Items that a condition does not apply to are excluded; ``<name>-excluded.json`` in the run says
    which and why. Without `run` nothing is written to disk.

    Raises:
        TooManyFailures: the share of failed records is above `max_failed`; all are written first.
        RunError: the run holds another plan or replies to other requests.
        ConfigError: an unknown condition or scorer, a rotation count below 1, a condition without
            its listener.
    """
    name = asking.get("name", "records")
    SCORERS.get(asking.get("scorer", STRICT))  # an unknown one fails before anything is asked
    request_plan = plan(model, items, asking)
    if run is not None:
        keep_plan(run, request_plan, name)
    replies = infer(model, request_plan, asking, run, file_of(name, "replies"))
    lines = [request.planned for request in request_plan.requests]
    records = score_all(lines, replies, asking.get("scorer", STRICT))
    if run is not None:
        keep_records(run, records, name)
    check_failures(records, asking.get("max_failed", 0.1))
    return records


def file_of(name: str, stage: str) -> str:
    """The record file of a stage: ``plan`` if `name` is ``records``, else ``<name>.plan``."""
    return stage if name == "records" else f"{name}.{stage}"


def keep_plan(run: RunFolder, request_plan: RequestPlan, name: str = "records") -> None:
    """Write the plan into the run unless it is there.

    Raises:
        RunError: the run holds another plan.
    """
    file = file_of(name, "plan")
    lines = [request.planned for request in request_plan.requests]
    there = run.records(file)
    if len(there) > len(lines):
        raise RunError(
            f"the run holds another plan: {len(there)} requests, not these {len(lines)}",
            where=file,
            hint="Model, items, conditions and seed must be the same to resume.",
        )
    changed = False
    for old, new in zip(there, lines, strict=False):
        if old["key"] == new["key"]:
            continue
        # Where a listener failed there was no text; it is asked again each time.
        changed = bool(old["error"]) and _identity(old) == _identity(new)
        if not changed:
            raise RunError(
                f"the run holds another plan: the request for item {new['item']} under "
                f"{new['condition']} differs (its text, its audio or the settings changed)",
                where=file,
                hint="Restore what the run was started with, or evaluate into another folder.",
            )
    # Written before the plan: a kill in between leaves an incomplete plan, which is rewritten.
    if len(there) < len(lines) or changed or not run.path(f"{name}-excluded.json").is_file():
        run.write_json(f"{name}-excluded", request_plan.exclusions())
        _write(run, file, lines)


def _identity(planned: Mapping[str, Any]) -> tuple[Any, ...]:
    """What identifies a request, whatever its text: item, condition, rotations."""
    return tuple(planned[name] for name in ("item", "condition", "rotation", "clip_rotation"))


def keep_records(run: RunFolder, records: Sequence[Record], name: str = "records") -> bool:
    """Write the records into the run; False if the same records are there already."""
    if run.records(name) == list(records):
        return False
    _write(run, name, records)
    return True


def score_all(
    lines: Iterable[PlannedRequest], replies: Mapping[str, ReplyRecord], scorer: str = STRICT
) -> list[Record]:
    """The record of every line of a plan, scored by the scorer of that name.

    Raises:
        ConfigError: no scorer has that name.
        RunError: a request has no reply yet.
    """
    records, by = [], SCORERS.get(scorer)
    for planned in lines:
        reply = replies.get(planned["key"])
        if reply is None:
            raise RunError(
                f"a request of item {planned['item']} has no reply yet",
                hint="Run the same `harken eval` again: it asks what is missing.",
            )
        records.append(score_request(planned, reply, by))
    return records


def score_request(planned: PlannedRequest, replied: ReplyRecord, scorer: Scorer) -> Record:
    """The record of one request and its reply; a pure function."""
    item, prompt = item_and_prompt(planned)
    text = replied["reply"]
    reply = Reply(text or "", replied["stop"], replied["error"])
    by_text = scorer.score(item, prompt, reply)
    logprobs = replied["logprobs"]
    by_logprob = score_logprobs(item, prompt, logprobs) if logprobs else None
    found: Score = by_logprob or by_text
    hidden, withheld = HIDDEN in item.tags, ("correct", "wrong")
    text_outcome = "hidden" if hidden and by_text.outcome in withheld else by_text.outcome
    hidden = hidden and found.outcome in withheld
    return Record(
        **{**planned, "error": replied["error"]},  # type: ignore[typeddict-item]
        reply=reply.text,
        stop=reply.stop,
        logprobs=logprobs,
        how="logprob" if by_logprob else "text",
        # Whether a reply is right is unknown where the benchmark withholds the answer.
        outcome="hidden" if hidden else found.outcome,
        value=None if hidden else found.value,
        share=found.share,
        parsed=found.parsed,
        rule=found.rule,
        note=found.note,
        text_outcome=text_outcome if reply.text or reply.stop in ("failed", "length") else None,
        text_rule=by_text.rule,
    )


def check_failures(records: Sequence[Mapping[str, Any]], max_failed: float) -> None:
    """Raise TooManyFailures when more than this share of `records` failed."""
    failed = [record for record in records if record["outcome"] == "failed"]
    if records and len(failed) / len(records) > max_failed:
        first = failed[0]
        raise TooManyFailures(
            f"{len(failed)} of {len(records)} requests failed; the first: {first['error']}",
            where=f"item {first['item']}, condition {first['condition']}",
            hint=f"Remove the cause, or allow more than {max_failed:.0%} (--max-failed).",
        )


def _write(run: RunFolder, name: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Rewrite all records of a file; after a kill the file is incomplete and is rewritten."""
    run.truncate(name, 0)
    for start in range(0, max(1, len(records)), _GROUP):
        run.append(name, records[start : start + _GROUP], sync=start + _GROUP >= len(records))
