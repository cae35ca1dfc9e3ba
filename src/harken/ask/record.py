"""Trials: what was asked, what came back, and the mark: the third stage, and all three in one call.

``plan.jsonl`` (`harken.ask.plan`) and ``replies.jsonl`` (`harken.ask.infer`) are joined by key and
scored by the run's scorer (`harken.ask.scorers`) into ``records.jsonl``. Scoring asks nobody, so a
run is scored again whenever the scorer changes, at no cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

from harken.ask.infer import Keeper, ReplyRecord, infer
from harken.ask.plan import AskSettings, PlannedRequest, RequestPlan, asked, plan
from harken.ask.score import Score, score_logprobs
from harken.ask.scorers.base import Scorer
from harken.ask.scorers.load import SCORERS, STRICT
from harken.errors import RunError, TooManyFailures
from harken.item import HIDDEN, Item
from harken.models.base import Model, Reply

_GROUP = 1000  # records written at once


class Record(PlannedRequest):
    """One question asked once, as it stands in ``records.jsonl``: the plan's line, and more.

    ``how`` says what the mark rests on: ``"logprob"`` (the most probable choice) or ``"text"`` (the
    reply, also when two choices tie). ``text_outcome`` is the mark of the reply either way, None
    where no words were asked for. ``parsed`` is in the item's own words, whatever was shown.
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
    model: Model, items: Sequence[Item], *, run: Keeper | None = None, **asking: Unpack[AskSettings]
) -> list[Record]:
    """Ask `model` every item under every condition and rotation; return all trials in plan order.

    Items that a condition cannot be put on are not asked; ``<name>-excluded.json`` in the run says
    which and why. Without `run` nothing is kept on disk.

    Raises:
        TooManyFailures: the share of failed trials is above `max_failed`; all trials are written.
        RunError: the run holds trials of other questions.
        ConfigError: an unknown condition or scorer, a rotation count below 1, a condition without
            its listener.
    """
    name = asking.get("name", "records")
    SCORERS.get(asking.get("scorer", STRICT))  # an unknown one is told before anything is asked
    made = plan(model, items, asking)
    if run is not None:
        keep_plan(run, made, name)
    replies = infer(model, made, asking, run, file_of(name, "replies"))
    lines = [request.planned for request in made.requests]
    records = score_all(lines, replies, asking.get("scorer", STRICT))
    if run is not None:
        keep_records(run, records, name)
    check_failures(records, asking.get("max_failed", 0.1))
    return records


def file_of(name: str, stage: str) -> str:
    """The record file of a stage: ``plan`` for ``records``, ``mine.plan`` for any other name."""
    return stage if name == "records" else f"{name}.{stage}"


def keep_plan(run: Keeper, made: RequestPlan, name: str = "records") -> None:
    """Write the plan into the run, unless it is there.

    Raises:
        RunError: the run holds another plan.
    """
    file = file_of(name, "plan")
    lines = [request.planned for request in made.requests]
    there = run.records(file)
    if len(there) > len(lines):
        raise RunError(
            f"the run holds another plan: {len(there)} requests, not these {len(lines)}",
            where=file,
            hint="Model, items, conditions and seed must be the same to resume.",
        )
    mended = False
    for old, new in zip(there, lines, strict=False):
        if old["key"] == new["key"]:
            continue
        # Where a listener failed there were no words; it is asked again each time.
        mended = bool(old["error"]) and _place(old) == _place(new)
        if not mended:
            raise RunError(
                f"the run holds another plan: item {new['item']} under {new['condition']} is asked "
                "otherwise than it was (its words, its audio or how it is asked changed)",
                where=file,
                hint="Give back what the run began with, or evaluate into another folder.",
            )
    # Written before the plan: a kill in between leaves a plan that is short, and written again.
    if len(there) < len(lines) or mended or not run.path(f"{name}-excluded.json").is_file():
        run.write_json(f"{name}-excluded", made.told())
        _write(run, file, lines)


def _place(planned: Mapping[str, Any]) -> tuple[Any, ...]:
    """Which question a request is, however it is worded."""
    return tuple(planned[name] for name in ("item", "condition", "rotation", "clip_rotation"))


def keep_records(run: Keeper, records: Sequence[Record], name: str = "records") -> bool:
    """Write the trials into the run; False if they are there already, as they are."""
    if run.records(name) == list(records):
        return False
    _write(run, name, records)
    return True


def score_all(
    lines: Iterable[PlannedRequest], replies: Mapping[str, ReplyRecord], scorer: str = STRICT
) -> list[Record]:
    """Every line of a plan with its reply, scored by the scorer of that name.

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
    """One request and its reply, scored. Pure."""
    item, prompt = asked(planned)
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
        # Of an answer that is withheld nobody can say whether it is right.
        outcome="hidden" if hidden else found.outcome,
        value=None if hidden else found.value,
        share=found.share,
        parsed=found.parsed,
        rule=found.rule,
        note=found.note,
        text_outcome=text_outcome if reply.text or reply.stop == "failed" else None,
        text_rule=by_text.rule,
    )


def check_failures(records: Sequence[Mapping[str, Any]], max_failed: float) -> None:
    """Raise TooManyFailures when more than this share of `records` failed."""
    failed = [record for record in records if record["outcome"] == "failed"]
    if records and len(failed) / len(records) > max_failed:
        first = failed[0]
        raise TooManyFailures(
            f"{len(failed)} of {len(records)} trials failed; the first: {first['error']}",
            where=f"item {first['item']}, condition {first['condition']}",
            hint=f"Mend the cause, or allow more than {max_failed:.0%} (--max-failed).",
        )


def _write(run: Keeper, name: str, records: Sequence[Mapping[str, Any]]) -> None:
    """All records of a file anew; a kill in between leaves a short file, which is written again."""
    run.truncate(name, 0)
    for start in range(0, max(1, len(records)), _GROUP):
        run.append(name, records[start : start + _GROUP], sync=start + _GROUP >= len(records))
