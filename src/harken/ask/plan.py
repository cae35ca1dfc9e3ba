"""Plan: items × conditions × rotations -> requests, each known by a hash of all that decides it.

The first of three stages joined by files (plan, infer, score). It asks nobody: the same arguments
give the same requests in the same order, so a plan can be read, counted and costed before anything
is spent. Only ``transcript`` and ``caption`` need somebody here, the listener whose words stand in
the place of the clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Protocol, TypedDict

from harken.ask.clip_order import reorder
from harken.ask.conditions.load import conditioned, listener_of, named
from harken.ask.prompt import Rotations, make_prompt, prompt_text, rotations_of
from harken.audio.clip import Clip
from harken.audio.load import duration_s
from harken.audio.probe import file_sha256
from harken.errors import AudioError, ConfigError
from harken.hashing import canonical, digest
from harken.item import Item
from harken.models.base import Model, Prompt, PromptStyle, Reply, Sampling
from harken.stats.measures import clusters

Replies = Literal["all", "plain", "none"]
"""For which requests words are asked even where the model gives probabilities: every one, only
those of the first condition with choices and clips as they are, or none."""


class Listener(Protocol):
    """A model that writes down what it hears in clips (`harken.models.listeners`)."""

    name: str

    def read(self, prompts: Sequence[Prompt]) -> list[Prompt | Reply]:
        """Each prompt with words in the place of its clips, or the failure of a clip."""
        ...

    def identity(self) -> str:
        """A short hash of who listens, and how."""
        ...


class AskSettings(TypedDict, total=False):
    """How items are asked; every key has a default.

    Keys:
        conditions: names of `harken.ask.conditions.load`; default ``("audio",)``.
        rotations: how many rotations of the choices, or ``"all"``; default 1.
        clip_rotations: how many rotations of the clips, or ``"all"``; default 1.
        listeners: condition (``transcript``, ``caption``) -> who writes the words down.
        seed: for swaps and sampling; default 0.
        batch: questions (with all their rotations) asked at once; default what the model wishes
            (its `batch`), else 16.
        name: the record file's name; default ``"records"``.
        sampling: how replies are drawn; its seed is the run's unless set; default greedy.
        replies: which requests are asked for words although the model gives probabilities; default
            ``"all"``.
        scorer: what counts as right, a name of `harken.ask.scorers.load`; default ``"strict"``.
        max_failed: largest share of failed trials that is not an error; default 0.1. With 1, the
            caller checks (`harken.ask.record.check_failures`) after writing what it has.
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
    """One request as it stands in ``plan.jsonl``: all that marking its reply needs, and its key.

    `gold` is the answer's position in ``item.choices``, `gold_shown` in `choices` as shown; -1 if
    there is none. ``options`` are the item's own, `choices` are as shown (rotated, renumbered).
    `error` says why there is nothing to ask (a listener failed).
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
    """One prompt to ask, what it is about, and its line in the plan."""

    prompt: Prompt
    planned: PlannedRequest
    home: int
    """Where its sounds lie among the items: requests of one home share clips."""


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """All requests in the order of their trials.

    Attributes:
        requests: what is asked.
        excluded: who is not asked: condition -> item id -> why.
        one_order: who is asked in one order of clips only: item id -> why.
    """

    requests: tuple[Request, ...]
    excluded: dict[str, dict[str, str]]
    one_order: dict[str, str]

    def told(self) -> dict[str, dict[str, str]]:
        """All exclusions as they are written down: by condition, and ``clip-rotations``."""
        turned = {"clip-rotations": self.one_order} if self.one_order else {}
        return {**self.excluded, **turned}


def plan(model: Model, items: Sequence[Item], asking: AskSettings) -> RequestPlan:
    """Everything there is to ask `model` of `items`.

    Items that a condition cannot be put on are not asked under it, and those that have one order
    of clips only in that order; `RequestPlan.excluded` and `RequestPlan.one_order` say why.

    Raises:
        ConfigError: an unknown condition, a rotation count below 1, or a condition without its
            listener.
    """
    groups = clusters([item.recordings for item in items])
    homes: dict[str, int] = {}
    for place, item in enumerate(items):
        for clip in item.clips:
            homes.setdefault(clip.key, place)
    drafts: list[tuple[_Draft, int]] = []
    excluded: dict[str, dict[str, str]] = {}
    one_order: dict[str, str] = {}
    names = named(asking.get("conditions", ("audio",)))
    for condition in names:
        reasons: dict[str, str] = {}
        pairs = conditioned(items, condition, asking.get("seed", 0), reasons)
        for place, (item, changed) in enumerate(pairs):
            if changed is None:
                continue
            first = changed.clips[0].key if changed.clips else ""
            for draft in _drafts(model, item, changed, condition, asking, one_order):
                drafts.append((replace(draft, group=groups[place]), homes.get(first, place)))
        if reasons:
            excluded[condition] = reasons
    salt, sounds = _salt(model, asking), _SoundGroups()
    first = "audio" if "audio" in names else names[0]
    requests = []
    for draft, home in _in_words(drafts, names, asking):
        wordy = _wordy(draft, first, asking)
        requests.append(Request(draft.prompt, _planned(draft, wordy, salt, sounds), home))
    return RequestPlan(tuple(requests), excluded, one_order)


class _SoundGroups:
    """What clips sound like, in short; a file that nobody has hashed is hashed, once."""

    def __init__(self) -> None:
        """Nothing is hashed yet."""
        self._files: dict[str, str | None] = {}

    def of(self, clip: Clip) -> str:
        """The key of `clip`, with the hash of its file in the place of a path.

        What cannot be read keeps its path: it fails when it is asked about.
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
    """A request before its words and its key are known."""

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
    one_order: dict[str, str],
) -> list[_Draft]:
    """The prompts of one item under one condition: clip rotations, and rotations in each."""
    found, name = [], item.id  # an id is a hash: once, and not for each request
    turns = asking.get("clip_rotations", 1)
    most = max(1, len(item.clips))
    if turns != "all" and turns < 1:
        raise ConfigError(f"clip_rotations is {turns}", hint="Use 1 or more, or 'all'.")
    for turn in range(most if turns == "all" else min(turns, most)):
        # Under "none" there are no clips to move, but the words are renumbered all the same, so
        # that every trial with audio has its partner without.
        moved = _moved(item, changed, turn)
        if isinstance(moved, str):
            one_order[name] = moved
            break
        for rotation in rotations_of(item, asking.get("rotations", 1)):
            # The prompt keeps the original's id: conditions of one item pair up, and a model
            # that never listens cannot answer them differently by accident.
            prompt = replace(make_prompt(moved, model.style, rotation), item_id=name)
            found.append(_Draft(item, prompt, condition, rotation, turn))
    return found


def _moved(item: Item, changed: Item, turn: int) -> Item | str:
    """`changed` with clips and words as they are after `turn` steps."""
    if not turn:
        return changed
    worded = reorder(item, turn)
    if isinstance(worded, str):
        return worded
    clips = changed.clips
    cut = turn % len(clips) if clips else 0
    return replace(worded, clips=clips[cut:] + clips[:cut])


def _in_words(
    drafts: list[tuple[_Draft, int]], names: Sequence[str], asking: AskSettings
) -> list[tuple[_Draft, int]]:
    """The drafts, those of word conditions with a listener's words in the place of clips."""
    found = list(drafts)
    for name in (name for name in names if listener_of(name)):
        listener = asking.get("listeners", {}).get(name)
        if listener is None:
            raise ConfigError(
                f"nobody is named who writes the words for the condition {name!r}",
                hint=f"Name one, for example {listener_of(name)}",
            )
        places = [i for i, (draft, _) in enumerate(found) if draft.condition == name]
        read = listener.read([found[i][0].prompt for i in places])
        for i, prompt in zip(places, read, strict=True):
            draft, home = found[i]
            if isinstance(prompt, Reply):
                found[i] = replace(draft, error=prompt.error or "the listener failed"), home
            else:
                found[i] = replace(draft, prompt=prompt), home
    return found


def _wordy(draft: _Draft, first: str, asking: AskSettings) -> bool:
    """Whether words are asked for although there may be probabilities."""
    mode = asking.get("replies", "all")
    plain = draft.condition == first and not draft.rotation and not draft.clip_rotation
    return mode == "all" or (mode == "plain" and plain) or not draft.prompt.choices


def _planned(draft: _Draft, words: bool, salt: str, sounds: _SoundGroups) -> PlannedRequest:
    item, prompt = draft.item, draft.prompt
    where = [draft.condition, draft.rotation, draft.clip_rotation]
    return PlannedRequest(
        key=digest(
            canonical([salt, prompt.item_id, *where, words])
            + prompt_text(prompt)
            + canonical([prompt.system, *(sounds.of(clip) for clip in prompt.clips)])
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
    """What, besides the question, decides an answer."""
    draw = sampling_of(asking)
    sampling = [draw.max_tokens, draw.temperature, draw.top_k, draw.seed]
    return canonical([model.identity(), asdict(model.style), sampling, asking.get("seed", 0)])


def sampling_of(asking: AskSettings) -> Sampling:
    """How replies are drawn: the run's seed, unless the sampling has its own."""
    drawn = asking.get("sampling", Sampling())
    return drawn if drawn.seed else replace(drawn, seed=asking.get("seed", 0))


def asked(planned: PlannedRequest) -> tuple[Item, Prompt]:
    """The item and the prompt as far as marking needs them, from a line of the plan alone."""
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
    """Seconds; None for a clip that cannot be read, which will fail when it is asked about."""
    try:
        return duration_s(clip)
    except AudioError:
        return None


def count(made: RequestPlan) -> dict[str, Any]:
    """What a plan would ask: requests by condition, distinct clips, and who is not asked."""
    by: dict[str, int] = {}
    clips: dict[str, float | None] = {}
    for request in made.requests:
        by[request.planned["condition"]] = by.get(request.planned["condition"], 0) + 1
        for clip in request.prompt.clips:
            if clip.key not in clips:
                clips[clip.key] = _length(clip)
    known = [length for length in clips.values() if length is not None]
    return {
        "requests": len(made.requests),
        "by": by,
        "words": sum(request.planned["words"] for request in made.requests),
        "clips": len(clips),
        "seconds": round(sum(known), 3) if len(known) == len(clips) else None,
        "excluded": {name: len(why) for name, why in made.excluded.items()},
    }
