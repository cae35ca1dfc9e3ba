"""Evaluate a model: the same items with their audio, without, with silence, with mismatched audio.

Three stages joined by the files of one run folder: ``plan`` writes the requests (``plan.jsonl``),
``infer`` the replies (``replies.jsonl``), ``score`` the scores and the numbers (``records.jsonl``,
``results.json``). Each can be run alone, and only the second calls the model.
"""

from __future__ import annotations

import os
import warnings
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
from harken.evaluate.about import (
    BenchmarkRequest,
    about,
    detectable,
    rescored_about,
    served_checks,
    versions,
)
from harken.evaluate.results import cut_replies, tabulate
from harken.evaluate.selfcheck import selfcheck
from harken.hashing import canonical, digest
from harken.item import Item
from harken.models.base import Model, Sampling, capabilities, check_model
from harken.runs import Run, read_run
from harken.shards.info import AUDIO_ROOT

CONDITIONS = ("audio", "none", "silence", "swap")
"""The default conditions; for a model without audio input ``none`` alone."""

Stage = Literal["plan", "infer", "score"]
STAGES: tuple[Stage, ...] = ("plan", "infer", "score")


@dataclass(frozen=True, slots=True)
class Guards:
    """Checks made in addition to scoring.

    Attributes:
        selfcheck: how many requests are run again alone (a batch of one), to see whether batching
            changes answers; 0: none.
        floor: whether the text-only floor is measured (seconds per thousand items).
    """

    selfcheck: int = 0
    floor: bool = True


def run(
    model: Model,
    items: Sequence[Item],
    folder: Path | str,
    *,
    dataset: Path | str | None = None,
    benchmark: BenchmarkRequest | None = None,
    guards: Guards | None = None,
    until: Stage = "score",
    **asking: Unpack[AskSettings],
) -> dict[str, Any]:
    """Evaluate `model` on `items`, write the run folder, and return what ``results.json`` holds.

    A killed run resumes where it stopped; a finished one is only read. The folder then holds
    ``run.json`` (model, settings, and where the items are), the three stages' files,
    ``results.json`` and ``done.json``.

    Args:
        model: the model.
        items: the questions; those that a condition cannot be applied to are counted under
            ``excluded``, and a duplicate item is asked once.
        folder: the run folder, new or interrupted.
        dataset: where `items` came from (a dataset folder or ``.jsonl``), so that a report finds
            the audio; recorded relative to `folder`.
        benchmark: the benchmark the items are of: adds its official score, writes
            ``items.jsonl``.
        guards: additional checks.
        until: the last stage to run; before ``score`` the counts of the plan are returned.
        asking: see `harken.ask.plan.AskSettings`; ``conditions`` default to `CONDITIONS`,
            ``replies`` to ``"all"``, and ``max_failed`` is checked after the results are written.

    Raises:
        ModelError, DataError: the model lacks a method or an attribute; there are no items.
        ConfigError: a setting out of its range, or conditions that the model cannot be asked under.
        RunError: the folder holds another run.
        TooManyFailures: after everything is written.
    """
    check_model(model)
    if not items:
        raise DataError("there are no items", where=str(dataset or ""), hint="Choose another set.")
    given, folder = items, Path(folder)
    items = list({item.id: item for item in items}.values())
    max_failed, asking = asking.get("max_failed", 0.1), _settings(model, asking)
    spec = _spec(model, items, folder, dataset, benchmark, asking)
    with Run.open(folder, spec) as own:
        if own.done and until == "score":
            found: dict[str, Any] = own.read_json("results")
            check_failures(own.records("records"), max_failed)
            return found
        if dataset is not None and not own.done:
            _note_audio_root(own)
        for condition, listener in asking.get("listeners", {}).items():
            _cache_words(own, condition, listener)
        made = plan(model, items, asking)
        if own.done:
            return _counts(model, made, until, own)
        keep_plan(own, made)
        if benchmark is not None and not own.path("items.jsonl").is_file():
            benchmark.write_items(own.path("items.jsonl"))
        if until == "plan":
            return _counts(model, made, until, own)
        replies = _answers(model, made, asking, own)
        if until == "infer":
            return _counts(model, made, until, own)
        checks = _checks(model, made, replies, guards or Guards(), own)
        lines = [request.planned for request in made.requests]
        records = score_all(lines, replies, own.spec["scorer"])
        keep_records(own, records)
        rows = given if benchmark else items  # a release may hold a question twice: both count
        floored = guards is None or guards.floor
        own.write_json("about", about(model.name, rows, benchmark, records, checks, floored))
        found = _numbers(own, records)
        own.write_json("results", found)
        if isinstance(model, KeepsReplies) or _listener_failed(made):
            check_failures(
                records, max_failed
            )  # not finished: the same command retries what failed
        own.finish({"items": found["items"], "records": found["records"]})
    check_failures(records, max_failed)
    return found


def _settings(model: Model, asking: AskSettings) -> AskSettings:
    """The settings with the conditions of `model`, in full; failures are checked by the caller.

    Raises:
        ConfigError: conditions that would give clips to a model that takes none: all would fail.
    """
    usual = ("none",) if capabilities(model).text_only or not model.max_clips else CONDITIONS
    asking = AskSettings(**{"conditions": usual, **asking, "max_failed": 1.0})
    asking["conditions"] = conditions = named(asking["conditions"])
    giving = [name for name in conditions if name != "none" and not listener_of(name)]
    if not model.max_clips and giving:
        raise ConfigError(
            f"{model.name} takes no audio, and {', '.join(giving)} would give it clips",
            hint="Leave --condition out, or use --condition none (or transcript, caption).",
        )
    return asking


def _answers(
    model: Model, made: RequestPlan, asking: AskSettings, own: Run
) -> dict[str, ReplyRecord]:
    """The replies to a plan; logs the times, and the report of a model over HTTP."""
    own.log({"event": "asking"})
    replies = infer(model, made, asking, own)
    own.log({"event": "answered"})
    if report := capabilities(model).report:
        own.log({"event": "report", **report()})
    return replies


def _listener_failed(made: RequestPlan) -> bool:
    """Whether a transcriber or captioner failed; it is retried on each run."""
    return any(request.planned["error"] for request in made.requests)


def _counts(model: Model, made: RequestPlan, until: Stage, own: Run) -> dict[str, Any]:
    """What is reported before scoring: counts of the plan and of the replies."""
    counts = {"model": model.name, **count(made)}
    if until == "plan":
        return {**counts, "detectable": detectable(made)}
    return {**counts, "replies": own.count("replies")}


def results(folder: Path | str) -> dict[str, Any]:
    """The numbers of a run folder, computed again from its records; no model is called."""
    own = read_run(folder)
    return _numbers(own, own.records("records"))


def _numbers(own: Run, records: Sequence[Mapping[str, Any] | Record]) -> dict[str, Any]:
    """The content of ``results.json`` from the records and the run's other files."""
    found = tabulate(records, int(own.spec.get("seed", 0)))
    excluded: Counter[str] = Counter()
    one_order = one_option_order = 0
    if own.path("records-excluded.json").is_file():
        reasons_by_condition = own.read_json("records-excluded")
        one_order = len(reasons_by_condition.pop("clip-rotations", ()))
        one_option_order = len(reasons_by_condition.pop("rotations", ()))
        for condition, reasons in reasons_by_condition.items():
            for reason in reasons.values():
                excluded[f"{condition}: {reason}"] += 1
    about_run = own.read_json("about") if own.path("about.json").is_file() else {}
    return {
        "model": own.spec.get("model"),
        **found,
        "sampling": own.spec.get("sampling"),
        "cut": cut_replies(records),
        "hidden": sum(record["outcome"] == "hidden" for record in records),
        "excluded": dict(sorted(excluded.items())),
        "one_order": one_order,
        "one_option_order": one_option_order,
        **about_run,
        "versions": versions(),
    }


def rescore(folder: Path | str) -> dict[str, Any]:
    """Score a finished or interrupted run again by its scorer as it is now; no model is called.

    Returns ``changed`` (records whose outcome changed), ``records``, and the accuracies by
    condition ``before`` and ``after``.

    Raises:
        RunError: the folder has no plan, or not all replies.
        ConfigError: its scorer is not installed here.
    """
    held = read_run(folder)
    lines: list[Any] = held.records("plan")
    if held.spec.get("kind") != "evaluate" or not lines:
        raise RunError(
            "the run has no plan.jsonl, so its replies cannot be scored again",
            where=str(folder),
            hint="Evaluate again into another folder.",
        )
    done, before = held.done, held.records("records")
    answers = {one["key"]: _replied(one) for one in held.records("replies")}
    records = score_all(lines, answers, held.spec.get("scorer", STRICT))
    with Run.reopen(folder) as own:  # only now: a run that cannot be scored stays as it is
        keep_records(own, records)
        if own.path("about.json").is_file():
            own.write_json(
                "about", rescored_about(own.folder, own.spec, own.read_json("about"), records)
            )
        found = _numbers(own, records)
        own.write_json("results", found)
        if done:  # an unfinished one has requests left, or lacks its floor and official score
            own.finish({"items": found["items"], "records": found["records"]})
    old = {record["key"]: record["outcome"] for record in before}
    return {
        "records": len(records),
        "changed": sum(old.get(t["key"], t["outcome"]) != t["outcome"] for t in records),
        "before": _accuracies(before),
        "after": _accuracies(records),
    }


def _replied(record: Mapping[str, Any]) -> ReplyRecord:
    """A record of ``replies.jsonl``, typed."""
    return cast(ReplyRecord, record)


def _accuracies(records: Sequence[Mapping[str, Any] | Record]) -> dict[str, float]:
    """Share of right answers by condition; without failed and hidden ones."""
    right: dict[str, list[bool]] = {}
    for record in records:
        if record["outcome"] not in ("failed", "hidden"):
            right.setdefault(record["condition"], []).append(record["outcome"] == "correct")
    return {condition: sum(own) / len(own) for condition, own in right.items()}


def _cache_words(own: Run, condition: str, listener: Listener) -> None:
    """Cache a listener's texts in the run, so that each clip is transcribed once."""
    if not listener_of(condition):
        raise ConfigError(
            f"{condition!r} needs no transcriber or captioner",
            hint="These do: transcript, caption.",
        )
    if keep := capabilities(listener).keep:
        keep(own.path(f"words-{condition}"))


def _checks(
    model: Model, made: RequestPlan, replies: Mapping[str, ReplyRecord], guards: Guards, own: Run
) -> list[dict[str, Any]]:
    """Whether the server stayed the same model, and the self-check, if requested."""
    # Before the self-check, which may store its replies elsewhere.
    report = capabilities(model).report
    found = served_checks(report()) if report else []
    for check in found:
        warnings.warn(check["text"], stacklevel=2)
    return found + _selfcheck(model, made, replies, guards, own)


def _selfcheck(
    model: Model, made: RequestPlan, replies: Mapping[str, ReplyRecord], guards: Guards, own: Run
) -> list[dict[str, Any]]:
    """The self-check, if requested; stored, so that it is run once."""
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
    apart = own.path("selfcheck")  # or a model with a reply cache would only read it
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
    benchmark: BenchmarkRequest | None,
    asking: AskSettings,
) -> dict[str, Any]:
    """The spec of the run: the same spec resumes it, another is refused."""
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
    if benchmark is not None:
        spec["benchmark"] = benchmark.facts()
        judge, embed = benchmark.helpers.judge, benchmark.helpers.embed
        spec["marked_by"] = {
            "judge": judge.identity() if judge else None,
            "embed": embed.name if embed else None,
        }
        spec["dataset"] = {"path": "items.jsonl", "digest": benchmark.release.fingerprint}
    elif dataset is not None:
        where, here = os.path.realpath(dataset), os.path.realpath(folder)
        spec["dataset"] = {"path": os.path.relpath(where, here), "digest": _content(Path(where))}
    return spec


def _note_audio_root(own: Run) -> None:
    """Note where audio was looked up, relative to the run, for the report.

    Not in the spec: another place of the same audio is the same evaluation, and resumes it.
    """
    from harken.shards.read import audio_root

    root = audio_root()
    if root is not None:
        where = os.path.relpath(os.path.realpath(root), os.path.realpath(own.folder))
        own.write_json(AUDIO_ROOT, {"path": where})


def _content(dataset: Path) -> str:
    """Fingerprint of the dataset's content, shards' hashes or the file's."""
    from harken.files import sha256_of
    from harken.shards.info import read_info

    return sha256_of(dataset)[:16] if dataset.is_file() else read_info(dataset).digest
