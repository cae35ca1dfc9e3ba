"""Trials: items under conditions and rotations, asked in fixed batches and written as they come.

The list of batches is a pure function of the arguments. Each batch is appended to the run as one
group and synced; a run that was killed keeps its complete batches and asks the rest again, so that
the file ends with the same bytes as one that was never killed. There are no times in a record.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypedDict, Unpack, runtime_checkable

from harken.ask.condition import conditioned
from harken.ask.prompt import Rotations, make_prompt, prompt_text, rotations_of
from harken.ask.score import Score, score, score_logprobs
from harken.ask.stats import clusters
from harken.audio import canonical, digest
from harken.errors import RunError, TooManyFailures
from harken.item import Item
from harken.models.base import Model, Prompt, Reply, Sampling
from harken.progress import track

_FLOOR = -60.0  # nats; JSON has no -inf, and 1e-26 is as good as never


class Trial(TypedDict):
    """One question asked once, as it stands in ``trials.jsonl``.

    ``how`` says what the mark rests on: ``"logprob"`` (the most probable choice) or ``"text"`` (the
    reply, also when two choices tie). ``text_outcome`` is the mark of the reply either way. `gold`
    is the answer's position in ``item.choices``, `gold_shown` in `choices` as shown; -1 if open.
    """

    key: str
    item: str
    task: str
    tags: list[str]
    split: str
    group: str
    condition: str
    rotation: int
    clips: int
    question: str
    prompt: str
    choices: list[str]
    order: list[int]
    answer: str
    gold: int
    gold_shown: int
    reply: str
    stop: str
    error: str | None
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


class Keeper(Protocol):
    """What trials need of a run folder (`harken.runs.Run`)."""

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
class Keeping(Protocol):
    """A model whose replies cost money, or fail for reasons that pass, and that keeps them."""

    def keep(self, folder: Path | str) -> None:
        """Keep replies in `folder`, and use those that are there."""

    def report(self) -> dict[str, Any]:
        """Counts of requests, faults, tokens and cost so far."""
        ...


class Asking(TypedDict, total=False):
    """How items are asked; every key has a default.

    Keys:
        conditions: names of `harken.ask.condition`; default ``("audio",)``.
        rotations: how many rotations of the choices, or ``"all"``; default 1.
        seed: for swaps and sampling; default 0.
        batch: prompts asked at once; default what the model wishes (its `batch`), else 16.
        name: the record file's name; default ``"trials"``.
        sampling: how replies are drawn; its seed is the run's unless set; default greedy.
        replies: ask for text even where the model gives probabilities; default True.
        max_failed: largest share of failed trials that is not an error; default 0.1. With 1, the
            caller checks (`check_failures`) after writing what it has.
    """

    conditions: Sequence[str]
    rotations: Rotations
    seed: int
    batch: int
    name: str
    sampling: Sampling
    replies: bool
    max_failed: float


@dataclass(frozen=True, slots=True)
class _Question:
    """One prompt to ask and everything its record says before the answer."""

    item: Item
    prompt: Prompt
    condition: str
    rotation: int
    group: str


@dataclass(slots=True)
class _Asked:
    """The answers to one batch, in order."""

    replies: list[Reply]
    logprobs: list[tuple[float, ...] | None] = field(default_factory=list)


def run_trials(
    model: Model, items: Sequence[Item], *, run: Keeper | None = None, **asking: Unpack[Asking]
) -> list[Trial]:
    """Ask `model` every item under every condition and rotation; return all trials in order.

    Items that a condition cannot be put on are not asked; ``<name>-excluded.json`` in the run says
    which and why. Without `run` nothing is kept on disk.

    Raises:
        TooManyFailures: the share of failed trials is above `max_failed`; all trials are written.
        RunError: the run holds trials of other questions.
        ConfigError: an unknown condition or a rotation count below 1.
    """
    name = asking.get("name", "trials")
    questions, excluded = _questions(model, items, asking)
    size = batch_size(model, asking)
    batches = [questions[start : start + size] for start in range(0, len(questions), size)]
    salt = _salt(model, asking)
    trials = _kept(run, name, batches, salt) if run is not None else []
    if run is not None and isinstance(model, Keeping):
        # Its replies are kept one by one, so whole batches can be asked again for the few that
        # failed: only those are sent.
        model.keep(run.path("replies"))
        trials = _before_failures(run, name, trials, size)
    done = len(trials) // size if len(trials) < len(questions) else len(batches)
    if run is not None and (done < len(batches) or not batches):
        run.write_json(f"{name}-excluded", excluded)
    for batch in track(batches[done:], f"ask {model.name}"):
        asked = _ask(model, [question.prompt for question in batch], asking)
        records = [
            _record(question, asked.replies[i], asked.logprobs[i], salt)
            for i, question in enumerate(batch)
        ]
        if run is not None:
            run.append(name, records)
        trials += records
    check_failures(trials, asking.get("max_failed", 0.1))
    return trials


def batch_size(model: Model, asking: Asking) -> int:
    """How many prompts are asked at once: as told, as the model wishes, or 16."""
    return max(1, asking.get("batch") or getattr(model, "batch", 16))


def check_failures(trials: Sequence[Trial], max_failed: float) -> None:
    """Raise TooManyFailures when more than this share of `trials` failed."""
    failed = [trial for trial in trials if trial["outcome"] == "failed"]
    if trials and len(failed) / len(trials) > max_failed:
        first = failed[0]
        raise TooManyFailures(
            f"{len(failed)} of {len(trials)} trials failed; the first: {first['error']}",
            where=f"item {first['item']}, condition {first['condition']}",
            mend=f"Mend the cause, or allow more than {max_failed:.0%} with max_failed.",
        )


def _questions(
    model: Model, items: Sequence[Item], asking: Asking
) -> tuple[list[_Question], dict[str, dict[str, str]]]:
    """Every prompt in the order in which it is asked, and who is not asked, by condition."""
    groups = dict(
        zip(
            [item.id for item in items],
            clusters([item.recordings for item in items]),
            strict=True,
        )
    )
    questions: list[_Question] = []
    excluded: dict[str, dict[str, str]] = {}
    for condition in asking.get("conditions", ("audio",)):
        reasons: dict[str, str] = {}
        for item, changed in conditioned(items, condition, asking.get("seed", 0), reasons):
            if changed is None:
                continue
            for rotation in rotations_of(item, asking.get("rotations", 1)):
                # The prompt keeps the original's id: conditions of one item pair up, and a model
                # that never listens cannot answer them differently by accident.
                prompt = replace(make_prompt(changed, model.style, rotation), item_id=item.id)
                group = groups[item.id]
                questions.append(_Question(item, prompt, condition, rotation, group))
        if reasons:
            excluded[condition] = reasons
    return questions, excluded


def _salt(model: Model, asking: Asking) -> str:
    """What, besides the question, decides an answer."""
    draw = _sampling(asking)
    sampling = [draw.max_tokens, draw.temperature, draw.top_k, draw.seed]
    settings = [asking.get("seed", 0), asking.get("replies", True)]
    return canonical([model.identity(), sampling, settings])


def _sampling(asking: Asking) -> Sampling:
    drawn = asking.get("sampling", Sampling())
    return drawn if drawn.seed else replace(drawn, seed=asking.get("seed", 0))


def _key(question: _Question, salt: str) -> str:
    return digest(
        canonical([salt, question.item.id, question.condition, question.rotation])
        + prompt_text(question.prompt)
        + canonical([clip.key for clip in question.prompt.clips])
    )


def _kept(run: Keeper, name: str, batches: Sequence[Sequence[_Question]], salt: str) -> list[Trial]:
    """The trials of complete batches already in the run; a torn batch is cut off."""
    found = run.records(name)
    whole = 0
    for batch in batches:
        if whole + len(batch) > len(found):
            break
        whole += len(batch)
    keys = (_key(question, salt) for batch in batches for question in batch)
    for record, key in zip(found, keys, strict=False):
        if record.get("key") != key:
            raise RunError(
                f"the run holds a trial of item {record.get('item')} that is not asked here",
                where=name,
                mend="Model, items, conditions and seed must be the same to resume.",
            )
    if len(found) > sum(len(batch) for batch in batches):
        raise RunError("the run holds more trials than are asked", where=name)
    if whole < len(found):
        run.truncate(name, whole)
    kept: list[Any] = found[:whole]
    return kept


def _before_failures(run: Keeper, name: str, trials: list[Trial], size: int) -> list[Trial]:
    """The trials before the first batch with a failed one; the rest is cut off and asked again."""
    failed = (i for i, trial in enumerate(trials) if trial["outcome"] == "failed")
    first = next(failed, len(trials))
    if first == len(trials):
        return trials
    run.truncate(name, first // size * size)
    return trials[: first // size * size]


def _ask(model: Model, prompts: Sequence[Prompt], asking: Asking) -> _Asked:
    """Ask one batch. Prompts the model cannot take fail without being asked."""
    answers = _Asked([_failed("not asked") for _ in prompts], [None] * len(prompts))
    able = []
    for i, prompt in enumerate(prompts):
        if len(prompt.clips) > model.hears:
            answers.replies[i] = _failed(
                f"{len(prompt.clips)} clips, and {model.name} hears {model.hears}"
            )
        else:
            able.append(i)
    shut = [i for i in able if prompts[i].choices]
    errors: dict[int, str] = {}
    for i, found in _each(model.choice_logprobs, [prompts[i] for i in shut], shut, errors):
        answers.logprobs[i] = _rounded(found, len(prompts[i].choices))
    wordy = able if asking.get("replies", True) else _undecided(answers, able)
    for i in set(able) - set(wordy):
        answers.replies[i] = Reply("")
    draw = _sampling(asking)
    chosen = [prompts[i] for i in wordy]
    for i, reply in _each(lambda some: model.generate(some, draw), chosen, wordy, errors):
        answers.replies[i] = reply if isinstance(reply, Reply) else _failed("no reply")
        if answers.logprobs[i] is None and prompts[i].choices:
            found = answers.replies[i].logprobs
            answers.logprobs[i] = _rounded(found, len(prompts[i].choices))
    for i, error in errors.items():
        if answers.logprobs[i] is None and not answers.replies[i].text:
            answers.replies[i] = _failed(error)
    return answers


def _each(
    call: Any, prompts: Sequence[Prompt], places: Sequence[int], errors: dict[int, str]
) -> Iterator[tuple[int, Any]]:
    """Answers with their places; if the batch breaks, prompt by prompt, failures noted.

    A model is asked not to raise; one that does all the same loses only the prompts that break it.
    """
    if not prompts:
        return
    try:
        found = list(call(prompts))
        if len(found) == len(prompts):
            yield from zip(places, found, strict=True)
            return
    except Exception:
        pass  # nothing is lost: each is asked alone below, and what breaks it is its reply's error
    for place, prompt in zip(places, prompts, strict=True):
        try:
            (answer,) = call([prompt])
        except Exception as error:
            errors[place] = f"{type(error).__name__}: {error}"
        else:
            yield place, answer


def _undecided(answers: _Asked, able: Sequence[int]) -> list[int]:
    """Places without probabilities, or with a tie at the top."""
    return [
        i for i in able if (found := answers.logprobs[i]) is None or found.count(max(found)) > 1
    ]


def _rounded(found: Sequence[float] | None, size: int) -> tuple[float, ...] | None:
    """To 6 decimals; None for anything that is no distribution over `size` choices."""
    if found is None or len(found) != size:
        return None
    if any(math.isnan(value) or value == math.inf for value in found):
        return None
    return tuple(round(max(float(value), _FLOOR), 6) + 0.0 for value in found)


def _failed(error: str) -> Reply:
    return Reply("", stop="failed", error=error)


def _record(
    question: _Question, reply: Reply, logprobs: tuple[float, ...] | None, salt: str
) -> Trial:
    item, prompt = question.item, question.prompt
    by_text = score(item, prompt, reply)
    by_logprob = score_logprobs(item, prompt, logprobs) if logprobs else None
    mark: Score = by_logprob or by_text
    return Trial(
        key=_key(question, salt),
        item=item.id,
        task=item.task,
        tags=list(item.tags),
        split=item.split,
        group=question.group,
        condition=question.condition,
        rotation=question.rotation,
        clips=len(prompt.clips),
        question=prompt.question,
        prompt=prompt_text(prompt),
        choices=list(prompt.choices),
        order=list(prompt.order),
        answer=item.answer,
        gold=item.gold,
        gold_shown=prompt.order.index(item.gold) if item.choices else -1,
        reply=reply.text,
        stop=reply.stop,
        error=reply.error if reply.error or reply.stop != "failed" else "the request failed",
        logprobs=list(logprobs) if logprobs else None,
        how="logprob" if by_logprob else "text",
        outcome=mark.outcome,
        value=mark.value,
        share=mark.share,
        parsed=mark.parsed,
        rule=mark.rule,
        note=mark.note,
        text_outcome=by_text.outcome if reply.text or reply.stop == "failed" else None,
        text_rule=by_text.rule,
    )
