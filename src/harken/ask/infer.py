"""Infer: requests -> replies, asked in fixed batches and written as they come.

The second of three stages. The list of batches is a pure function of the plan and the batch size.
Each batch is appended to ``replies.jsonl`` as one group and synced; a run that was killed keeps its
complete batches and asks the rest again, so that the file ends with the same bytes as one that was
never killed. There are no times in a record.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypedDict, runtime_checkable

from harken.ask.plan import AskSettings, Request, RequestPlan, sampling_of
from harken.errors import MissingExtra, RunError
from harken.models.base import Model, Prompt, Reply
from harken.progress import track

_FLOOR = -60.0  # nats; JSON has no -inf, and 1e-26 is as good as never
_SLACK = 0.01  # nats by which a certainty in half precision may lie above 0


class ReplyRecord(TypedDict):
    """What came back for one request; `reply` is None where no words were asked for."""

    key: str
    reply: str | None
    stop: str
    error: str | None
    logprobs: list[float] | None


class Keeper(Protocol):
    """What the stages need of a run folder (`harken.runs.Run`)."""

    def append(self, name: str, records: Any, *, sync: bool = True) -> None:
        """Append records as one group."""

    def records(self, name: str) -> list[dict[str, Any]]:
        """All records."""
        ...

    def truncate(self, name: str, n_records: int) -> None:
        """Keep the first records only."""

    def write_json(self, name: str, value: Any) -> Any:
        """Write a value whole or not at all."""

    def path(self, name: str) -> Path:
        """Where a file or folder of the run lies."""
        ...


@runtime_checkable
class KeepsReplies(Protocol):
    """A model whose replies cost money, or fail for reasons that pass, and that keeps them."""

    def keep(self, folder: Path | str) -> None:
        """Keep replies in `folder`, and use those that are there."""

    def report(self) -> dict[str, Any]:
        """Counts of requests, faults, tokens and cost so far."""
        ...


@dataclass(slots=True)
class _Asked:
    """The answers to one batch, in order."""

    replies: list[Reply | None]
    logprobs: list[tuple[float, ...] | None] = field(default_factory=list)


def infer(
    model: Model,
    made: RequestPlan,
    asking: AskSettings,
    run: Keeper | None = None,
    name: str = "replies",
) -> dict[str, ReplyRecord]:
    """Ask all requests of a plan that the run does not hold the replies of; key -> reply.

    Raises:
        RunError: the run holds replies to other requests.
    """
    batches = batches_of(made, batch_size(model, asking))
    found: list[Any] = []
    spare: dict[str, Any] = {}
    if run is not None:
        if keeping := isinstance(model, KeepsReplies):
            # Its replies are kept one by one, so whole batches can be asked again for the few that
            # failed: only those are sent.
            model.keep(run.path("replies"))
        found, spare = _kept(run, name, batches, keeping)
    done = _whole(batches, len(found))

    def answered() -> Iterator[Any]:
        for batch in batches[done:]:
            keys = [request.planned["key"] for request in batch]
            there = all(key in spare for key in keys)
            records: list[Any] = [spare[k] for k in keys] if there else ask(model, batch, asking)
            if run is not None:
                run.append(name, records)
            yield from records

    left = sum(len(batch) for batch in batches[done:])
    found += track(answered(), f"ask {model.name}", left)
    return {record["key"]: record for record in found}


def batch_size(model: Model, asking: AskSettings) -> int:
    """How many questions are asked at once: as told, as the model wishes, or 16."""
    return max(1, asking.get("batch") or getattr(model, "batch", 16))


def batches_of(made: RequestPlan, size: int) -> list[list[Request]]:
    """The requests in the order in which they are asked, `size` questions in a batch.

    A question comes with all its rotations, so that a model can read what they share once. Items
    are taken `size` at a time through all conditions, and a swapped item beside the one whose clips
    it has: what was encoded is used again while it is remembered.
    """
    place: dict[str, int] = {}
    for request in made.requests:
        place.setdefault(request.planned["condition"], len(place))
    order = sorted(
        made.requests, key=lambda r: (r.home // size, place[r.planned["condition"]], r.home)
    )
    batches: list[list[Request]] = []
    last, questions = None, size
    for request in order:
        one = request.planned
        question = (one["item"], one["condition"], one["clip_rotation"])
        if question != last:
            last, questions = question, questions + 1
        if questions > size:
            batches.append([])
            questions = 1
        batches[-1].append(request)
    return batches


def ask(model: Model, batch: Sequence[Request], asking: AskSettings) -> list[ReplyRecord]:
    """Ask one batch. Requests the model cannot take fail without being asked."""
    prompts = [request.prompt for request in batch]
    answers = _Asked([None] * len(prompts), [None] * len(prompts))
    able = []
    for i, request in enumerate(batch):
        if request.planned["error"]:
            answers.replies[i] = _failed(request.planned["error"])
        elif len(prompts[i].clips) > model.max_clips:
            answers.replies[i] = _failed(
                f"{len(prompts[i].clips)} clips, and {model.name} hears {model.max_clips}"
            )
        else:
            able.append(i)
    shut = [i for i in able if prompts[i].choices]
    errors: dict[int, str] = {}
    for i, found in _each(model.choice_logprobs, [prompts[i] for i in shut], shut, errors):
        answers.logprobs[i] = _rounded(found, len(prompts[i].choices))
    wordy = [i for i in able if batch[i].planned["words"] or _undecided(answers.logprobs[i])]
    draw = sampling_of(asking)
    chosen = [prompts[i] for i in wordy]
    for i, reply in _each(lambda some: model.generate(some, draw), chosen, wordy, errors):
        answers.replies[i] = got = _reply(reply)
        if answers.logprobs[i] is None and prompts[i].choices and got.stop != "failed":
            answers.logprobs[i] = _rounded(got.logprobs, len(prompts[i].choices))
    for i, error in errors.items():
        said = answers.replies[i]
        if answers.logprobs[i] is None and not (said and said.text):
            answers.replies[i] = _failed(error)
    return [
        _record(request, answers.replies[i], answers.logprobs[i]) for i, request in enumerate(batch)
    ]


def _record(
    request: Request, reply: Reply | None, logprobs: tuple[float, ...] | None
) -> ReplyRecord:
    return ReplyRecord(
        key=request.planned["key"],
        reply=None if reply is None else reply.text,
        stop="end" if reply is None else reply.stop,
        error=None if reply is None else reply.error,
        logprobs=list(logprobs) if logprobs else None,
    )


def _reply(got: Any) -> Reply:
    """What a model returned as a Reply that is failed, with its reason, or is not."""
    if not isinstance(got, Reply) or not isinstance(got.text, str):
        return _failed("no reply")
    if got.stop == "failed" or got.error is not None:
        return replace(got, stop="failed", error=got.error or "the request failed")
    return got


def _each(
    call: Any, prompts: Sequence[Prompt], places: Sequence[int], errors: dict[int, str]
) -> Iterator[tuple[int, Any]]:
    """Answers with their places; if the batch breaks, prompt by prompt, failures noted.

    A model is asked not to raise; one that does all the same loses only the prompts that break it.
    """
    if len(prompts) > 1:
        try:
            found = list(call(prompts))
        except MissingExtra:
            raise  # no prompt can do without the library
        except Exception as error:
            broke = f"{type(error).__name__}: {error}"
        else:
            if len(found) == len(prompts):
                yield from zip(places, found, strict=True)
                return
            broke = f"{len(found)} answers came"
        # Nothing is lost: what breaks a prompt alone is its reply's error. But one by one is slow,
        # and if none breaks alone, the fault was the batch.
        warnings.warn(f"{len(prompts)} asked together: {broke}; asked one by one", stacklevel=2)
    for place, prompt in zip(places, prompts, strict=True):
        try:
            (answer,) = call([prompt])
        except MissingExtra:
            raise
        except Exception as error:
            errors[place] = f"{type(error).__name__}: {error}"
        else:
            yield place, answer


def _undecided(found: tuple[float, ...] | None) -> bool:
    """Whether there are no probabilities, or a tie at the top."""
    return found is None or found.count(max(found)) > 1


def _rounded(found: Sequence[float] | None, size: int) -> tuple[float, ...] | None:
    """To 6 decimals; None for anything that is no distribution over `size` choices."""
    try:
        values = [] if found is None else [float(value) for value in found]
    except (TypeError, ValueError):
        return None
    if len(values) != size or not all(value <= _SLACK for value in values):  # refuses NaN too
        return None
    if max(values) == -math.inf:
        return None
    return tuple(round(min(max(value, _FLOOR), 0.0), 6) + 0.0 for value in values)


def _failed(error: str) -> Reply:
    return Reply("", stop="failed", error=error)


def _whole(batches: Sequence[Sequence[Request]], kept: int) -> int:
    """How many batches `kept` records fill."""
    done = 0
    for batch in batches:
        if len(batch) > kept:
            break
        kept -= len(batch)
        done += 1
    return done


def _kept(
    run: Keeper, name: str, batches: Sequence[Sequence[Request]], keeping: bool
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The replies of complete batches already in the run, and those behind a batch asked again.

    A torn batch is cut off, and so is the first that has a failed reply to ask for again, with all
    behind it: of a model that keeps its replies any failed one; of others one that failed before it
    was asked, for want of a listener's words that are there now.
    """
    found = run.records(name)
    keys = [request.planned["key"] for batch in batches for request in batch]
    if len(found) > len(keys):
        raise RunError("the run holds more replies than are asked for", where=name)
    whole = sum(len(batch) for batch in batches[: _whole(batches, len(found))])
    again = whole
    for place, (record, key) in enumerate(zip(found, keys, strict=False)):
        failed = record.get("stop") == "failed"
        if record.get("key") != key and not failed:
            raise RunError(
                "the run holds a reply to a request that is not in this plan",
                where=name,
                hint="Model, items, conditions and seed must be the same to resume.",
            )
        if failed and (keeping or record.get("key") != key):
            again = min(again, place)
    start = sum(len(batch) for batch in batches[: _whole(batches, again)])
    if start < len(found):
        run.truncate(name, start)
    spare = {
        one["key"]: one for one in found[start:whole] if one["stop"] != "failed" or not keeping
    }
    return found[:start], spare
