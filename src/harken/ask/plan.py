"""Plan: items × conditions × rotations -> requests, each with a hash of all that determines it.

The first of three stages joined by files (plan, infer, score). The tested model is not asked: the
same arguments give the same requests in the same order, so a plan can be read, counted and priced
before anything is spent. Only ``transcript`` and ``caption`` call a model here, the listener whose
texts replace the clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, TypedDict

from harken.ask.clip_order import reorder
from harken.ask.conditions.load import conditioned, listener_of, named
from harken.ask.option_order import option_orders
from harken.ask.prompt import Rotations, make_prompt, prompt_text
from harken.audio.clip import Clip
from harken.audio.probe import file_sha256
from harken.audio.single import duration_s
from harken.errors import AudioError, ConfigError
from harken.hashing import canonical, digest
from harken.item import Item
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling, style_of
from harken.stats.measures import clusters

Replies = Literal["all", "plain", "none"]
"""Which requests get a generated reply even where the model gives probabilities of the choices:
all, only those of the first condition without rotations, or none."""


class Listener(Protocol):
    """A model that writes a transcript or caption of clips (`harken.models.listeners`)."""

    name: str

    def read(self, prompts: Sequence[Prompt]) -> list[Prompt | Reply]:
        """Each prompt with texts in place of its clips, or the failed reply of a clip."""
        ...

    def identity(self) -> str:
        """A short hash of the model and of what it is asked for."""
        ...


class AskSettings(TypedDict, total=False):
    """How items are asked; every key has a default.

    Keys:
        conditions: names of `harken.ask.conditions.load`; default ``("audio",)``.
        rotations: how many rotations of the choices, or ``"all"``; default 1.
        clip_rotations: how many rotations of the clips, or ``"all"``; default 1.
        listeners: condition (``transcript``, ``caption``) -> model that writes the texts.
        seed: of mismatched audio (`swap`) and of sampling; default 0.
        batch: questions (with all their rotations) in a batch; default the model's `batch`, else
            16.
        name: the record file's name; default ``"records"``.
        sampling: how replies are sampled; its seed is the run's unless set; default greedy.
        replies: which requests get a generated reply although the model gives probabilities;
            default ``"all"``.
        scorer: what counts as right, a name of `harken.ask.scorers.load`; default ``"strict"``.
        max_failed: largest share of failed records that is not an error; default 0.1. With 1, the
            caller checks (`harken.ask.record.check_failures`) after writing its results.
    """

    conditions: Sequence[str]
    rotations: Rotations
    clip_rotations: Rotations
    listeners: Mapping[str, Listener]
    seed: int
    batch: int
    name: str
    sampling: Sampling
    replies: Replies
    scorer: str
    max_failed: float


class PlannedRequest(TypedDict):
    """One request as a line of ``plan.jsonl``: its key, and all that is needed to score its reply.

    `gold` is the answer's position in ``item.choices``, `gold_shown` in `choices` as shown; -1 if
    there is none. ``options`` are the item's choices, `choices` those shown (rotated, renumbered).
    ``heard`` is the number of the item's clips, `clips` that of the prompt. `words` says whether a
    reply is generated in any case. `error` says why the request cannot be sent (a listener failed).
    """

    key: str
    item: str
    task: str
    tags: list[str]
    split: str
    group: str
    condition: str
    rotation: int
    clip_rotation: int
    heard: int
    clips: int
    question: str
    prompt: str
    choices: list[str]
    order: list[int]
    options: list[str]
    answer: str
    gold: int
    gold_shown: int
    letters: bool
    words: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt and its line in the plan.

    Attributes:
        prompt: what is sent.
        planned: the line of ``plan.jsonl``.
        audio_of: position of the item whose audio it has; requests with the same value share clips.
    """

    prompt: Prompt
    planned: PlannedRequest
    audio_of: int


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """All requests in the order of their records.

    Attributes:
        requests: one prompt each, with its line of the plan.
        excluded: items that are not asked: condition -> item id -> why.
        one_order: items that are asked in one order of clips only: item id -> why.
        one_option_order: items that are asked in one order of options only, likewise.
    """

    requests: tuple[Request, ...]
    excluded: dict[str, dict[str, str]]
    one_order: dict[str, str]
    one_option_order: dict[str, str]

    def exclusions(self) -> dict[str, dict[str, str]]:
        """All as they are written to file: by condition, ``clip-rotations`` and ``rotations``."""
        orders = {"clip-rotations": self.one_order, "rotations": self.one_option_order}
        return {**self.excluded, **{name: why for name, why in orders.items() if why}}


def plan(model: Model, items: Sequence[Item], asking: AskSettings) -> RequestPlan:
    """All requests to `model` about `items`.

    Items that a condition does not apply to are excluded from it, and items whose clips or options
    cannot be reordered are asked in one order; the attributes of `RequestPlan` say why.

    Raises:
        ConfigError: an unknown condition, a rotation count below 1, or a condition without its
            listener.
    """
    groups = clusters([item.recordings for item in items])
    positions: dict[str, int] = {}
    for place, item in enumerate(items):
        for clip in item.clips:
            positions.setdefault(clip.key, place)
    drafts: list[tuple[_Draft, int]] = []
    excluded: dict[str, dict[str, str]] = {}
    one_order: dict[str, str] = {}
    orders = [option_orders(item, asking.get("rotations", 1)) for item in items]
    names = named(asking.get("conditions", ("audio",)))
    for condition in names:
        reasons: dict[str, str] = {}
        pairs = conditioned(items, condition, asking.get("seed", 0), reasons)
        for place, (item, changed) in enumerate(pairs):
            if changed is None:
                continue
            first = changed.clips[0].key if changed.clips else ""
            turns = orders[place][0]
            for draft in _drafts(model, item, changed, condition, asking, turns, one_order):
                drafts.append((replace(draft, group=groups[place]), positions.get(first, place)))
        if reasons:
            excluded[condition] = reasons
    salt, clip_keys = _salt(model, asking), _ClipKeys()
    first = "audio" if "audio" in names else names[0]
    requests = []
    for draft, position in _with_texts(drafts, names, asking):
        words = _needs_reply(draft, first, asking)
        requests.append(Request(draft.prompt, _planned(draft, words, salt, clip_keys), position))
    fixed = {item.id: why for item, (_, why) in zip(items, orders, strict=True) if why}
    return RequestPlan(tuple(requests), excluded, one_order, fixed)


class _ClipKeys:
    """Keys of clips by content; a file without a hash is hashed, once."""

    def __init__(self) -> None:
        """Nothing is hashed yet."""
        self._files: dict[str, str | None] = {}

    def of(self, clip: Clip) -> str:
        """The key of `clip`, with the hash of its file in place of a path.

        An unreadable file keeps its path; its request fails when it is sent.
        """
        if clip.origin:
            return clip.key
        if clip.plan is not None:
            return digest(canonical([clip.key, [self.of(part.clip) for part in clip.plan.parts]]))
        if clip.kind != "file" or clip.sha256 is not None:
            return clip.key
        if clip.path not in self._files:
            self._files[clip.path] = None
            with suppress(AudioError):
                self._files[clip.path] = file_sha256(clip.path)
        return replace(clip, sha256=self._files[clip.path]).key


@dataclass(frozen=True, slots=True)
class _Draft:
    """A request before its texts and its key are known."""

    item: Item
    prompt: Prompt
    condition: str
    rotation: int
    clip_rotation: int
    group: str = ""
    error: str | None = None


def _drafts(
    model: Model,
    item: Item,
    changed: Item,
    condition: str,
    asking: AskSettings,
    rotations: range,
    one_order: dict[str, str],
) -> list[_Draft]:
    """The prompts of one item under one condition: every rotation in every clip rotation."""
    found, name = [], item.id  # an id is a hash: computed once, not for each request
    turns = asking.get("clip_rotations", 1)
    most = max(1, len(item.clips))
    if turns != "all" and turns < 1:
        raise ConfigError(
            f"clip_rotations is {turns}", hint="Use 1 or more, or 'all' (0 on the command line)."
        )
    for turn in range(most if turns == "all" else min(turns, most)):
        # Under "none" there are no clips to rotate, but the texts are renumbered all the same, so
        # that every record with audio has its counterpart without.
        moved = _moved(item, changed, turn)
        if isinstance(moved, str):
            one_order[name] = moved
            break
        for rotation in rotations:
            # The prompt has the original's id under every condition, so records of one item are
            # paired, and a text-only model cannot answer them differently.
            prompt = replace(make_prompt(moved, style_of(model), rotation), item_id=name)
            found.append(_Draft(item, prompt, condition, rotation, turn))
    return found


def _moved(item: Item, changed: Item, turn: int) -> Item | str:
    """`changed` with clips and texts rotated by `turn`; or why that is not possible."""
    if not turn:
        return changed
    worded = reorder(item, turn)
    if isinstance(worded, str):
        return worded
    clips = changed.clips
    cut = turn % len(clips) if clips else 0
    return worded.with_clips(clips[cut:] + clips[:cut])


def _with_texts(
    drafts: list[tuple[_Draft, int]], names: Sequence[str], asking: AskSettings
) -> list[tuple[_Draft, int]]:
    """The drafts, those of ``transcript`` and ``caption`` with a listener's texts for clips."""
    found = list(drafts)
    for name in (name for name in names if listener_of(name)):
        listener = asking.get("listeners", {}).get(name)
        if listener is None:
            raise ConfigError(
                f"no model is named for the condition {name!r}",
                hint=f"Name one, for example {listener_of(name)}",
            )
        places = [i for i, (draft, _) in enumerate(found) if draft.condition == name]
        read = listener.read([found[i][0].prompt for i in places])
        for i, prompt in zip(places, read, strict=True):
            draft, position = found[i]
            if isinstance(prompt, Reply):
                found[i] = replace(draft, error=prompt.error or "the listener failed"), position
            else:
                found[i] = replace(draft, prompt=prompt), position
    return found


def _needs_reply(draft: _Draft, first: str, asking: AskSettings) -> bool:
    """Whether a reply is generated even if the model gives probabilities."""
    mode = asking.get("replies", "all")
    plain = draft.condition == first and not draft.rotation and not draft.clip_rotation
    return mode == "all" or (mode == "plain" and plain) or not draft.prompt.choices


def _planned(draft: _Draft, words: bool, salt: str, clip_keys: _ClipKeys) -> PlannedRequest:
    item, prompt = draft.item, draft.prompt
    where = [draft.condition, draft.rotation, draft.clip_rotation]
    return PlannedRequest(
        key=digest(
            canonical([salt, prompt.item_id, *where, words])
            + prompt_text(prompt)
            + canonical([prompt.system, *(clip_keys.of(clip) for clip in prompt.clips)])
        ),
        item=prompt.item_id,
        task=item.task,
        tags=list(item.tags),
        split=item.split,
        group=draft.group,
        condition=draft.condition,
        rotation=draft.rotation,
        clip_rotation=draft.clip_rotation,
        heard=len(item.clips),
        clips=len(prompt.clips),
        question=prompt.question,
        prompt=prompt_text(prompt),
        choices=list(prompt.choices),
        order=list(prompt.order),
        options=list(item.choices),
        answer=item.answer,
        gold=item.gold,
        gold_shown=prompt.order.index(item.gold) if item.gold >= 0 else -1,
        letters=prompt.style.letters,
        words=words,
        error=draft.error,
    )


def _salt(model: Model, asking: AskSettings) -> str:
    """What determines a reply besides the prompt: model, style, sampling, seed."""
    sampling = asdict(sampling_of(asking))
    return canonical([model.identity(), asdict(style_of(model)), sampling, asking.get("seed", 0)])


def sampling_of(asking: AskSettings) -> Sampling:
    """The sampling of a run: with the run's seed, unless it has its own."""
    sampling = asking.get("sampling", Sampling())
    return sampling if sampling.seed else replace(sampling, seed=asking.get("seed", 0))


def item_and_prompt(planned: PlannedRequest) -> tuple[Item, Prompt]:
    """Item and prompt as far as scoring needs them, from a line of the plan alone."""
    item = Item(
        question=planned["question"],
        answer=planned["answer"],
        choices=tuple(planned["options"]),
        task=planned["task"],
        tags=tuple(planned["tags"]),
    )
    prompt = Prompt(
        (planned["prompt"],),
        planned["question"],
        tuple(planned["choices"]),
        tuple(planned["order"]),
        PromptStyle(letters=planned["letters"]),
        planned["item"],
    )
    return item, prompt


def _length(clip: Clip) -> float | None:
    """Seconds; None for an unreadable clip, whose requests will fail."""
    try:
        return duration_s(clip)
    except AudioError:
        return None


def count(request_plan: RequestPlan) -> dict[str, Any]:
    """Counts of a plan: requests by condition, generated replies, distinct clips, exclusions."""
    by: dict[str, int] = {}
    clips: dict[str, float | None] = {}
    for request in request_plan.requests:
        by[request.planned["condition"]] = by.get(request.planned["condition"], 0) + 1
        for clip in request.prompt.clips:
            if clip.key not in clips:
                clips[clip.key] = _length(clip)
    for name in request_plan.excluded:
        by.setdefault(name, 0)  # no item could be put under it
    known = [length for length in clips.values() if length is not None]
    return {
        "requests": len(request_plan.requests),
        "by": by,
        "words": sum(request.planned["words"] for request in request_plan.requests),
        "clips": len(clips),
        "seconds": round(sum(known), 3) if len(known) == len(clips) else None,
        "excluded": {name: len(why) for name, why in request_plan.excluded.items()},
    }
