"""Examine a model: the same items with their audio, without, with silence, with others' audio.

Three stages joined by the files of one run folder: ``plan`` writes what will be asked
(``plan.jsonl``), ``infer`` what came back (``replies.jsonl``), ``score`` the marks and the numbers
(``records.jsonl``, ``results.json``). Each can be run alone, and only the second asks a model.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Unpack, cast

from harken.ask.conditions.load import listener_of, named
from harken.ask.infer import KeepsReplies, ReplyRecord, batch_size, infer
from harken.ask.plan import AskSettings, Listener, RequestPlan, count, plan, sampling_of
from harken.ask.record import Record, check_failures, keep_plan, keep_records, score_all
from harken.ask.scorers.load import SCORERS, STRICT
from harken.errors import ConfigError, DataError, RunError
from harken.evaluate.about import BenchmarkRequest, about, detectable, remarked, versions
from harken.evaluate.results import tabulate
from harken.evaluate.selfcheck import selfcheck
from harken.hashing import canonical, digest
from harken.item import Item
from harken.models.base import Model, Sampling
from harken.runs import Run, read_run

CONDITIONS = ("audio", "none", "silence", "swap")
"""What is asked unless told otherwise; of a model that hears nothing, ``none`` alone."""

Stage = Literal["plan", "infer", "score"]
STAGES: tuple[Stage, ...] = ("plan", "infer", "score")


@dataclass(frozen=True, slots=True)
class Guards:
    """What is checked beside the answers.

    Attributes:
        selfcheck: how many requests are asked again alone (a batch of one), to see whether
            batching changes answers; 0: none.
        floor: whether the blind floor of the items is measured (seconds a thousand items).
    """

    selfcheck: int = 0
    floor: bool = True


def run(
    model: Model,
    items: Sequence[Item],
    folder: Path | str,
    *,
    dataset: Path | str | None = None,
    exam: BenchmarkRequest | None = None,
    guards: Guards | None = None,
    until: Stage = "score",
    **asking: Unpack[AskSettings],
) -> dict[str, Any]:
    """Ask `model` all `items`, write the run folder, and return what ``results.json`` holds.

    A killed run goes on where it stopped; a finished one is only read. The folder ends with
    ``run.json`` (who was asked what, and where the items lie), the three stages' files,
    ``results.json`` and ``done.json``.

    Args:
        model: who is asked.
        items: the questions; those a condition cannot be put on are counted under ``excluded``,
            and an item that comes twice is asked once.
        folder: the run folder, new or interrupted.
        dataset: where `items` came from (a dataset folder or ``.jsonl``), so that a report finds
            the sound; recorded relative to `folder`.
        exam: the benchmark the items are of: adds its official score, and writes ``items.jsonl``.
        guards: what is checked besides.
        until: the last stage to run; before ``score`` the counts of the plan are returned.
        asking: see `harken.ask.plan.AskSettings`; ``conditions`` default to `CONDITIONS`,
            ``replies`` to ``"all"``, and ``max_failed`` is looked at after the results are written.

    Raises:
        DataError: there are no items.
        RunError: the folder holds another run.
        TooManyFailures: after everything is written.
    """
    if not items:
        raise DataError(
            "there is no item to ask", where=str(dataset or ""), hint="Choose another split or set."
        )
    given, folder = items, Path(folder)
    items = list({item.id: item for item in items}.values())
    max_failed, usual = asking.get("max_failed", 0.1), CONDITIONS if model.max_clips else ("none",)
    asking = AskSettings(**{"conditions": usual, **asking, "max_failed": 1.0})
    asking["conditions"] = named(asking["conditions"])
    spec = _spec(model, items, folder, dataset, exam, asking)
    with Run.open(folder, spec) as own:
        if own.done and until == "score":
            found: dict[str, Any] = own.read_json("results")
            check_failures(own.records("records"), max_failed)
            return found
        for condition, listener in asking.get("listeners", {}).items():
            _keep_words(own, condition, listener)
        made = plan(model, items, asking)
        if own.done:
            return _counts(model, made, until, own)
        keep_plan(own, made)
        if exam is not None and not own.path("items.jsonl").is_file():
            exam.write_items(own.path("items.jsonl"))
        if until == "plan":
            return _counts(model, made, until, own)
        replies = _answers(model, made, asking, own)
        if until == "infer":
            return _counts(model, made, until, own)
        checks = _selfcheck(model, made, replies, guards or Guards(), own)
        lines = [request.planned for request in made.requests]
        records = score_all(lines, replies, own.spec["scorer"])
        keep_records(own, records)
        rows = given if exam else items  # a release may hold one question twice: both count
        floored = guards is None or guards.floor
        own.write_json("about", about(model.name, rows, exam, records, checks, floored))
        found = _numbers(own, records)
        own.write_json("results", found)
        if isinstance(model, KeepsReplies) or _unheard(made):
            check_failures(records, max_failed)  # left open: the same command asks what failed
        own.finish({"items": found["items"], "records": found["records"]})
    check_failures(records, max_failed)
    return found


def _answers(
    model: Model, made: RequestPlan, asking: AskSettings, own: Run
) -> dict[str, ReplyRecord]:
    """The replies to all of a plan, with a note of when, and of what a paid model reports."""
    own.log({"event": "asking"})
    replies = infer(model, made, asking, own)
    own.log({"event": "answered"})
    if isinstance(model, KeepsReplies):
        own.log({"event": "report", **model.report()})
    return replies


def _unheard(made: RequestPlan) -> bool:
    """Whether a listener failed, who is asked again each time."""
    return any(request.planned["error"] for request in made.requests)


def _counts(model: Model, made: RequestPlan, until: Stage, own: Run) -> dict[str, Any]:
    """What is told where no numbers are: of the plan, and how many replies are there."""
    told = {"model": model.name, **count(made)}
    if until == "plan":
        return {**told, "detectable": detectable(made)}
    return {**told, "replies": own.count("replies")}


def results(folder: Path | str) -> dict[str, Any]:
    """The numbers of a run folder, computed anew from its trials; no model is asked."""
    own = read_run(folder)
    return _numbers(own, own.records("records"))


def _numbers(own: Run, records: Sequence[Mapping[str, Any] | Record]) -> dict[str, Any]:
    """The content of ``results.json`` from the trials and what else the run holds."""
    found = tabulate(records, int(own.spec.get("seed", 0)))
    excluded: Counter[str] = Counter()
    one_order = 0
    if own.path("records-excluded.json").is_file():
        told_why = own.read_json("records-excluded")
        one_order = len(told_why.pop("clip-rotations", ()))
        for condition, reasons in told_why.items():
            for reason in reasons.values():
                excluded[f"{condition}: {reason}"] += 1
    told = own.read_json("about") if own.path("about.json").is_file() else {}
    return {
        "model": own.spec.get("model"),
        **found,
        "hidden": sum(record["outcome"] == "hidden" for record in records),
        "excluded": dict(sorted(excluded.items())),
        "one_order": one_order,
        **told,
        "versions": versions(),
    }


def rescore(folder: Path | str) -> dict[str, Any]:
    """Score a finished or interrupted run again by its scorer as it is now; no model is asked.

    Returns ``changed`` (trials whose mark is another), ``records``, and the accuracies by condition
    ``before`` and ``after``.

    Raises:
        RunError: the folder has no plan, or not all replies.
        ConfigError: its scorer is not installed here.
    """
    held = read_run(folder)
    lines: list[Any] = held.records("plan")
    if held.spec.get("kind") != "evaluate" or not lines:
        raise RunError(
            "the run has no plan.jsonl, so its replies cannot be marked again",
            where=str(folder),
            hint="Evaluate again into another folder.",
        )
    done, before = held.done, held.records("records")
    answers = {one["key"]: _replied(one) for one in held.records("replies")}
    records = score_all(lines, answers, held.spec.get("scorer", STRICT))
    with Run.reopen(folder) as own:  # only now: a run that cannot be marked stays as it is
        keep_records(own, records)
        if own.path("about.json").is_file():
            own.write_json("about", remarked(own.folder, own.spec, own.read_json("about"), records))
        found = _numbers(own, records)
        own.write_json("results", found)
        if done:  # one left open still has something to ask, or lacks its floor and official score
            own.finish({"items": found["items"], "records": found["records"]})
    old = {record["key"]: record["outcome"] for record in before}
    return {
        "records": len(records),
        "changed": sum(old.get(t["key"], t["outcome"]) != t["outcome"] for t in records),
        "before": _accuracies(before),
        "after": _accuracies(records),
    }


def _replied(record: Mapping[str, Any]) -> ReplyRecord:
    """A record of ``replies.jsonl`` as what it is."""
    return cast(ReplyRecord, record)


def _accuracies(records: Sequence[Mapping[str, Any] | Record]) -> dict[str, float]:
    """Share of right answers by condition; failed and hidden ones aside."""
    right: dict[str, list[bool]] = {}
    for record in records:
        if record["outcome"] not in ("failed", "hidden"):
            right.setdefault(record["condition"], []).append(record["outcome"] == "correct")
    return {condition: sum(marks) / len(marks) for condition, marks in right.items()}


def _keep_words(own: Run, condition: str, listener: Listener) -> None:
    """What a listener writes is kept in the run: transcribing is paid for once."""
    if not listener_of(condition):
        raise ConfigError(f"{condition!r} needs no listener", hint="These do: transcript, caption.")
    keep = getattr(listener, "keep", None)
    if callable(keep):
        keep(own.path(f"words-{condition}"))


def _selfcheck(
    model: Model, made: RequestPlan, replies: Mapping[str, ReplyRecord], guards: Guards, own: Run
) -> list[dict[str, Any]]:
    """The recheck of some requests alone, if any is wished; kept, so that it is paid for once."""
    if not guards.selfcheck:
        return []
    if own.path("selfcheck.json").is_file():
        return [own.read_json("selfcheck")]
    earlier = []
    for request in made.requests:
        reply = replies[request.planned["key"]]
        if reply["stop"] != "failed":
            earlier.append((request.prompt, reply["reply"], reply["logprobs"]))
    asking = AskSettings(sampling=Sampling(**own.spec["sampling"]), seed=int(own.spec["seed"]))
    apart = own.path("selfcheck")  # a model that keeps replies would else be asked nothing
    found = selfcheck(model, earlier, guards.selfcheck, int(own.spec["seed"]),
                      sampling=sampling_of(asking), folder=apart)  # fmt: skip
    largest = (
        ""
        if found["largest"] is None
        else (f"; log-probabilities differ by at most {found['largest']:.2g} nats")
    )
    text = (
        f"{found['asked']} requests asked again alone: {found['differing']} choices differ{largest}"
    )
    found = {"name": "selfcheck", "ok": found["ok"], "text": text, **found}
    own.write_json("selfcheck", found)
    return [found]


def _spec(
    model: Model,
    items: Sequence[Item],
    folder: Path,
    dataset: Path | str | None,
    exam: BenchmarkRequest | None,
    asking: AskSettings,
) -> dict[str, Any]:
    """What makes this run this run: the same spec resumes, another is refused."""
    spec: dict[str, Any] = {
        "kind": "evaluate",
        "model": model.name,
        "identity": model.identity(),
        "items": len(items),
        "fingerprint": digest(canonical([item.id for item in items])),
        "conditions": list(asking["conditions"]),
        "rotations": asking.get("rotations", 1),
        "clip_rotations": asking.get("clip_rotations", 1),
        "listeners": {
            name: {"name": one.name, "identity": one.identity()}
            for name, one in asking.get("listeners", {}).items()
        },
        "seed": asking.get("seed", 0),
        "batch": batch_size(model, asking),
        "replies": asking.get("replies", "all"),
        "scorer": SCORERS.get(asking.get("scorer", STRICT)).name,
        "sampling": asdict(asking.get("sampling", Sampling())),
    }
    if exam is not None:
        spec["benchmark"] = exam.facts()
        judge, embed = exam.helpers.judge, exam.helpers.embed
        spec["marked_by"] = {
            "judge": judge.identity() if judge else None,
            "embed": embed.name if embed else None,
        }
        spec["dataset"] = {"path": "items.jsonl", "digest": exam.release.fingerprint}
    elif dataset is not None:
        where, here = os.path.realpath(dataset), os.path.realpath(folder)
        spec["dataset"] = {"path": os.path.relpath(where, here), "digest": _content(Path(where))}
    return spec


def _content(dataset: Path) -> str:
    """Fingerprint of the dataset's content, shards' hashes or the file's."""
    from harken.files import sha256_of
    from harken.shards.info import read_info

    return sha256_of(dataset)[:16] if dataset.is_file() else read_info(dataset).digest
