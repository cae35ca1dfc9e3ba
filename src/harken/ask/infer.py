"""Inference: requests -> replies, sent in fixed batches and written as they arrive.

The second of three stages (plan, infer, score). The list of batches is a pure function of the plan
and the batch size. Each batch is appended to ``replies.jsonl`` as one group and synced; a killed
run keeps its complete batches and repeats the rest, so the file ends with the same bytes as that of
an uninterrupted run. Records hold no times.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypedDict, runtime_checkable

from harken.ask.parse import starts_with_letter
from harken.ask.plan import AskSettings, Request, RequestPlan, sampling_of
from harken.errors import MissingExtra, RunError
from harken.models.base import Earlier, Model, Prompt, Reply, capabilities
from harken.progress import track

_FLOOR = -60.0  # nats, about 1e-26; JSON has no -inf
_SLACK = 0.01  # nats by which a log-probability in half precision may exceed 0


class ReplyRecord(TypedDict):
    """The reply to one request; `reply` is None where no text was generated."""

    key: str
    reply: str | None
    stop: str
    error: str | None
    logprobs: list[float] | None


class RunFolder(Protocol):
    """What the stages need of a run folder (`harken.runs.Run`)."""

    def append(self, name: str, records: Any, *, sync: bool = True) -> None:
        """Append records as one group."""

    def records(self, name: str) -> list[dict[str, Any]]:
        """All records."""
        ...

    def truncate(self, name: str, n_records: int) -> None:
        """Keep the first records only."""

    def write_json(self, name: str, value: Any) -> Any:
        """Write a value atomically."""

    def path(self, name: str) -> Path:
        """Path of a file or folder of the run."""
        ...


@runtime_checkable
class KeepsReplies(Protocol):
    """A model that stores its replies, since they cost money or may fail temporarily."""

    def keep(self, folder: Path | str) -> None:
        """Store replies in `folder`, and use those stored there."""

    def report(self) -> dict[str, Any]:
        """Counts of requests, failed attempts, tokens and cost so far."""
        ...


@dataclass(slots=True)
class _Answers:
    """The answers to one batch, in order."""

    replies: list[Reply | None]
    logprobs: list[tuple[float, ...] | None] = field(default_factory=list)


def infer(
    model: Model,
    request_plan: RequestPlan,
    asking: AskSettings,
    run: RunFolder | None = None,
    name: str = "replies",
) -> dict[str, ReplyRecord]:
    """Send all requests of a plan that the run has no replies to; returns key -> reply.

    Raises:
        RunError: the run holds replies to other requests.
    """
    batches = batches_of(request_plan, batch_size(model, asking))
    found: list[Any] = []
    reusable: dict[str, Any] = {}
    if run is not None:
        if stores := isinstance(model, KeepsReplies):
            # It stores replies one by one, so a whole batch can be repeated for the few that
            # failed: only those are sent.
            model.keep(run.path("replies"))
        found, reusable = _stored(run, name, batches, stores)
    done = _complete(batches, len(found))

    def answered() -> Iterator[Any]:
        for batch in batches[done:]:
            keys = [request.planned["key"] for request in batch]
            stored = all(key in reusable for key in keys)
            records: list[Any] = (
                [reusable[k] for k in keys] if stored else ask(model, batch, asking)
            )
            if run is not None:
                run.append(name, records)
            yield from records

    left = sum(len(batch) for batch in batches[done:])
    found += track(answered(), f"ask {model.name}", left)
    return {record["key"]: record for record in found}


def batch_size(model: Model, asking: AskSettings) -> int:
    """Questions in a batch: as set in `asking`, else the model's `batch`, else 16."""
    return max(1, asking.get("batch") or capabilities(model).batch)


def batches_of(request_plan: RequestPlan, size: int) -> list[list[Request]]:
    """The requests in the order in which they are sent, `size` questions in a batch.

    All rotations of a question are in one batch, so that a model can share their common prefix.
    Items are taken `size` at a time through all conditions, and an item with mismatched audio (the
    condition `swap`) is placed beside the item whose clips it has, so that encoded clips are still
    cached when they are needed again.
    """
    place: dict[str, int] = {}
    for request in request_plan.requests:
        place.setdefault(request.planned["condition"], len(place))
    order = sorted(
        request_plan.requests,
        key=lambda r: (r.audio_of // size, place[r.planned["condition"]], r.audio_of),
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
    """Send one batch. Requests that the model cannot take fail without being sent."""
    prompts = [request.prompt for request in batch]
    answers = _Answers([None] * len(prompts), [None] * len(prompts))
    known = capabilities(model)
    multi_turn = known.multi_turn or known.text_only
    sendable = []
    for i, request in enumerate(batch):
        if request.planned["error"]:
            answers.replies[i] = _failed(request.planned["error"])
        elif len(prompts[i].clips) > model.max_clips:
            answers.replies[i] = _failed(
                f"{len(prompts[i].clips)} clips, and {model.name} takes {model.max_clips}"
            )
        elif not multi_turn and any(isinstance(part, Earlier) for part in prompts[i].parts):
            answers.replies[i] = _failed(f"earlier turns, and {model.name} takes one question only")
        else:
            sendable.append(i)
    closed_ended = [i for i in sendable if prompts[i].choices]
    errors: dict[int, str] = {}
    for i, found in _each(
        model.choice_logprobs, [prompts[i] for i in closed_ended], closed_ended, errors
    ):
        answers.logprobs[i] = _rounded(found, len(prompts[i].choices))
    to_generate = [
        i for i in sendable if batch[i].planned["words"] or _undecided(answers.logprobs[i])
    ]
    sampling = sampling_of(asking)
    chosen = [prompts[i] for i in to_generate]
    for i, reply in _each(lambda some: model.generate(some, sampling), chosen, to_generate, errors):
        answers.replies[i] = checked = _reply(reply)
        if answers.logprobs[i] is None and prompts[i].choices and checked.stop != "failed":
            found = _rounded(checked.logprobs, len(prompts[i].choices))
            answers.logprobs[i] = found if _is_letter(checked.text, prompts[i], found) else None
    for i, error in errors.items():
        generated = answers.replies[i]
        answered = generated is not None and (generated.text or generated.stop == "length")
        if answers.logprobs[i] is None and not answered:
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


def _reply(found: Any) -> Reply:
    """What a model returned as a Reply: failed with its reason, or valid."""
    if found is None:
        return _failed("no reply")
    if not isinstance(found, Reply):
        return _failed(f"the model returned {type(found).__name__}, not harken.models.base.Reply")
    if not isinstance(found.text, str):
        return _failed(f"the text of the reply is {type(found.text).__name__}, not str")
    if found.stop == "failed" or found.error is not None:
        return replace(found, stop="failed", error=found.error or "the request failed")
    return found


def _is_letter(text: str, prompt: Prompt, logprobs: Sequence[float] | None) -> bool:
    """Whether log-probabilities that came with a reply are those of what it says.

    A server gives those of the first token: of "A cat meowing. The answer is B." they are those of
    an article. They count only where the reply begins with the letter that they favour.
    """
    if logprobs is None or not prompt.style.letters:
        return True
    choice, best = starts_with_letter(text, prompt), max(logprobs)
    return choice is not None and logprobs[prompt.order.index(choice)] == best


def _each(
    call: Any, prompts: Sequence[Prompt], places: Sequence[int], errors: dict[int, str]
) -> Iterator[tuple[int, Any]]:
    """Answers with their positions; if the batch raises, one prompt at a time, errors by position.

    Models should not raise; one that does loses only the prompts that raise alone.
    """
    if len(prompts) > 1:
        try:
            found = list(call(prompts))
        except MissingExtra:
            raise  # every prompt needs the library
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        else:
            if len(found) == len(prompts):
                yield from zip(places, found, strict=True)
                return
            problem = f"{len(found)} answers returned"
        # Nothing is lost: what a prompt raises alone is its reply's error. But one by one is slow,
        # and if none raises alone, the batch was at fault.
        warnings.warn(
            f"batch of {len(prompts)} prompts: {problem}; repeated one by one", stacklevel=2
        )
    for place, prompt in zip(places, prompts, strict=True):
        try:
            found = list(call([prompt]))
        except MissingExtra:
            raise
        except Exception as error:
            errors[place] = f"{type(error).__name__}: {error}"
        else:
            if len(found) == 1:
                yield place, found[0]
            else:
                errors[place] = f"{len(found)} answers returned to one prompt"


def _undecided(found: tuple[float, ...] | None) -> bool:
    """Whether there are no probabilities, or a tie at the top."""
    return found is None or found.count(max(found)) > 1


def _rounded(found: Sequence[float] | None, size: int) -> tuple[float, ...] | None:
    """To 6 decimals; None for anything that is not a distribution over `size` choices."""
    try:
        values = [] if found is None else [float(value) for value in found]
    except (TypeError, ValueError):
        return None
    if len(values) != size or not all(value <= _SLACK for value in values):  # NaN is refused too
        return None
    if max(values) == -math.inf:
        return None
    return tuple(round(min(max(value, _FLOOR), 0.0), 6) + 0.0 for value in values)


def _failed(error: str) -> Reply:
    return Reply("", stop="failed", error=error)


def _complete(batches: Sequence[Sequence[Request]], n_records: int) -> int:
    """How many batches `n_records` records fill."""
    done = 0
    for batch in batches:
        if len(batch) > n_records:
            break
        n_records -= len(batch)
        done += 1
    return done


def _stored(
    run: RunFolder, name: str, batches: Sequence[Sequence[Request]], stores: bool
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """The replies of complete batches in the run, and those after a batch that is repeated.

    An incomplete batch is cut off, and so is the first batch with a failed reply to repeat, with
    all batches after it. Of a model that stores its replies, every failed reply is repeated; of
    others, one that failed because a listener had given no text, if there is a text now.
    """
    found = run.records(name)
    keys = [request.planned["key"] for batch in batches for request in batch]
    if len(found) > len(keys):
        raise RunError("the run holds more replies than the plan has requests", where=name)
    complete = sum(len(batch) for batch in batches[: _complete(batches, len(found))])
    repeat = complete
    for place, (record, key) in enumerate(zip(found, keys, strict=False)):
        failed = record.get("stop") == "failed"
        if record.get("key") != key and not failed:
            raise RunError(
                "the run holds a reply to a request that is not in this plan",
                where=name,
                hint="Model, items, conditions and seed must be the same to resume.",
            )
        if failed and (stores or record.get("key") != key):
            repeat = min(repeat, place)
    start = sum(len(batch) for batch in batches[: _complete(batches, repeat)])
    if start < len(found):
        run.truncate(name, start)
    reusable = {
        one["key"]: one for one in found[start:complete] if one["stop"] != "failed" or not stores
    }
    return found[:start], reusable
