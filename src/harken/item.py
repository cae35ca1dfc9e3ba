"""Item: one question about any number of clips, and all its metadata; Dialogue, Contribution, Drop.

The answer is stored as text, never as a letter. The id is a hash of the content (clips, question,
choices, answer, task, and a rejected answer if there is one), so the same question made twice has
one id, wherever its audio is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harken.audio.clip import Clip
from harken.errors import DataError
from harken.facts import ClipFacts, facts_from
from harken.hashing import canonical, digest, digest_all

HIDDEN = "hidden-answer"
"""Tag of an item whose source withholds the answer: it is empty although there are choices."""

SKILL = "skill:"
"""Before the name of a skill in the tags of an item."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One line of an item's history: which step changed or checked it, and its note."""

    step: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Contribution:
    """How much the audio contributes to an item (see `harken.curate.contribution`).

    Attributes:
        label: ``"weak"``, ``"strong"``, or ``"undecided"`` where the voters prove neither.
        rule: which rule gave the label: ``"bits"``, ``"silence-vote"`` (AudioMCQ) or
            ``"audio-dependence"`` (DCASE 2026).
        bits: pooled log2 p(gold | audio) - log2 p(gold | no audio); None if no voter gives
            probabilities.
        voters: the same by voter name.
        text_only_right: voters right without audio; out of `text_only_asked`.
        shapley: each clip's share in bits, in clip order (items with >= 2 clips), else empty.
        interaction: v(12) - v(1) - v(2) + v(0) in bits, for exactly two clips.
        controls: what stands in the place of the audio (``caption``, ``swap``), and the bits it
            adds to no audio.
    """

    label: str
    rule: str
    bits: float | None = None
    voters: tuple[tuple[str, float], ...] = ()
    text_only_right: int = 0
    text_only_asked: int = 0
    shapley: tuple[float, ...] = ()
    interaction: float | None = None
    controls: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ListeningNeed:
    """How much must be heard to answer an item, as computed from what is in its clips.

    Attributes:
        caption_proof: whether more than one answer is left to who knows only a sentence about each
            clip: the labels of all that is heard, the loudest first, once each and without times.
            None: not known.
        window_s: the shortest stretch of its clip that suffices, in seconds; None: not known, or
            there are several clips.
        clip_s: length of the clip.
    """

    caption_proof: bool | None = None
    window_s: float | None = None
    clip_s: float | None = None

    @property
    def share(self) -> float | None:
        """The stretch as a share of the clip: 1 is the whole clip."""
        if self.window_s is None or not self.clip_s:
            return None
        return min(1.0, self.window_s / self.clip_s)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able values."""
        return {
            "caption_proof": self.caption_proof,
            "window_s": self.window_s,
            "clip_s": self.clip_s,
        }

    @staticmethod
    def from_dict(raw: dict[str, Any] | None) -> ListeningNeed | None:
        """The inverse of `to_dict`; None where nothing is known."""
        found = ListeningNeed(**(raw or {}))
        return found if found != ListeningNeed() else None


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier turn of a conversation: what the user said, and the reply."""

    question: str
    reply: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What stands around an item's question, where it is part of a conversation.

    Attributes:
        system: the system message.
        earlier: the turns before the question, in order.
        places: where each clip stands, in clip order: (turn, characters of that turn's text before
            it). The turns are those of `earlier`, then the question. Empty: all clips stand beside
            the question, where the model's prompt style puts them.
    """

    system: str = ""
    earlier: tuple[Exchange, ...] = ()
    places: tuple[tuple[int, int], ...] = ()

    def fault(self, question: str, clips: int) -> str:
        """Why it does not fit a question with so many clips; ``""`` if it does."""
        if self.places and clips and len(self.places) != clips:
            return f"{len(self.places)} places for {clips} clips"
        texts = [*(turn.question for turn in self.earlier), question]
        if list(self.places) != sorted(self.places):
            return "the places of its clips are not in the order of the clips"
        for turn, at in self.places:
            if not (0 <= turn < len(texts) and 0 <= at <= len(texts[turn])):
                return f"there is no place {at} in turn {turn}"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able values."""
        return {
            "system": self.system,
            "earlier": [{"question": t.question, "reply": t.reply} for t in self.earlier],
            "places": [{"turn": turn, "at": at} for turn, at in self.places],
        }

    @staticmethod
    def from_dict(raw: dict[str, Any] | None) -> Dialogue | None:
        """The inverse of `to_dict`; None where nothing stands around the question."""
        found = Dialogue(
            system=(raw or {}).get("system") or "",
            earlier=tuple(
                Exchange(turn["question"], turn["reply"])
                for turn in (raw or {}).get("earlier") or ()
            ),
            places=tuple((place["turn"], place["at"]) for place in (raw or {}).get("places") or ()),
        )
        return found if found != Dialogue() else None


@dataclass(frozen=True, slots=True)
class Item:
    """One question.

    Attributes:
        question: what is asked, without choices and without letters; empty only where a clip with
            a place of its own asks.
        answer: the gold answer as text; for choice questions one of `choices`.
        choices: bare option texts; empty for open questions.
        clips: 0..n clips in the order in which they are presented.
        task: tag used for breakdown, for example ``"which-clip"``.
        tags: further breakdown tags (``"single"``, ``"multi"``, ``"leaky"`` …); those that begin
            with `SKILL` say what the item trains.
        rationales: reasoning texts that lead to the answer.
        rejected: a worse answer to the same question, for training on preferences (the better one
            is `answer`); empty if there is none. One of `choices`, or any other text.
        recordings: source recordings used (no recording is in two splits); `speakers`: who speaks.
        split: ``"train"``, ``"dev"`` or ``"test"``.
        licence: licences of all audio used, joined by ``" + "``.
        contribution: None until measured.
        history: what has been done to it.
        plan: JSON-able values from which the item was drawn (family, seed, picks). Only who made
            the item reads them.
        dialogue: what stands around the question; None where nothing does.
        facts: what is in each clip, in clip order; empty where nothing is known. It is no part of
            the id.
        need: how much must be heard to answer; None where that is not known. It is no part of the
            id.
        twins: the same text for items that ask the same with the same choices about other audio,
            and have other answers; empty: it has none. It is no part of the id.
    """

    question: str
    answer: str
    choices: tuple[str, ...] = ()
    clips: tuple[Clip, ...] = ()
    task: str = ""
    tags: tuple[str, ...] = ()
    rationales: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    split: str = ""
    licence: str = ""
    contribution: Contribution | None = None
    history: tuple[HistoryEntry, ...] = ()
    plan: dict[str, Any] = field(default_factory=dict, hash=False)
    rejected: str = ""
    dialogue: Dialogue | None = None
    facts: tuple[ClipFacts, ...] = ()
    need: ListeningNeed | None = None
    twins: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be asked or scored."""
        around = self.dialogue
        if not self.question.strip() and not (around and around.places):
            raise DataError("an item has an empty question", hint="Give it a question.")
        if around and (fault := around.fault(self.question, len(self.clips))):
            raise DataError(f"the dialogue does not fit: {fault}", where=self.question)
        if self.facts and len(self.facts) != len(self.clips):
            raise DataError(
                f"facts of {len(self.facts)} clips, and there are {len(self.clips)}",
                where=self.question,
                hint="Give the facts of every clip or none; Item.with_clips changes both.",
            )
        hidden = not self.answer and HIDDEN in self.tags
        if self.choices and self.answer not in self.choices and not hidden:
            raise DataError(
                f"the answer {self.answer!r} is not among the choices {list(self.choices)!r}",
                where=self.question,
                hint="Store the answer as the text of one choice, never as a letter.",
            )
        if len(set(self.choices)) != len(self.choices):
            raise DataError(f"choices repeat: {list(self.choices)!r}", where=self.question)
        if self.rejected and self.rejected == self.answer:
            raise DataError(
                f"the rejected answer is the answer itself: {self.answer!r}",
                where=self.question,
                hint="Give a worse answer, or leave rejected out.",
            )

    @property
    def id(self) -> str:
        """16 hex digits of the content; two pairs with one better answer have two ids."""
        asked = (self.clips, self.question, self.choices, self.answer, self.task)
        return content_id(*asked, self.rejected, self.dialogue)

    @property
    def gold(self) -> int:
        """Position of the answer in `choices`; -1 for open questions and withheld answers."""
        return self.choices.index(self.answer) if self.answer in self.choices else -1

    def with_clips(self, clips: Sequence[Clip], facts: Sequence[ClipFacts] = ()) -> Item:
        """A copy with other clips, and what is known of those."""
        return replace(self, clips=tuple(clips), facts=tuple(facts), need=None, twins="")

    def with_history(self, step: str, note: str = "", **changes: Any) -> Item:
        """A copy with `changes` and one more line of history."""
        return replace(self, history=(*self.history, HistoryEntry(step, note)), **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able values, the id first."""
        own = self.contribution
        around = {} if self.dialogue is None else {"dialogue": self.dialogue.to_dict()}
        return {
            "id": self.id,
            "question": self.question,
            "choices": list(self.choices),
            "answer": self.answer,
            **around,
            "task": self.task,
            "tags": list(self.tags),
            "rationales": list(self.rationales),
            "rejected": self.rejected,
            "recordings": list(self.recordings),
            "speakers": list(self.speakers),
            "split": self.split,
            "licence": self.licence,
            "contribution": None
            if own is None
            else {
                "label": own.label,
                "rule": own.rule,
                "bits": own.bits,
                "voters": [{"name": name, "bits": bits} for name, bits in own.voters],
                "text_only_right": own.text_only_right,
                "text_only_asked": own.text_only_asked,
                "shapley": list(own.shapley),
                "interaction": own.interaction,
                **(
                    {"controls": [{"condition": n, "bits": bits} for n, bits in own.controls]}
                    if own.controls
                    else {}
                ),
            },
            "history": [{"step": entry.step, "note": entry.note} for entry in self.history],
            "plan": self.plan,
            "clips": [c.to_dict() for c in self.clips],
            **({"facts": [one.to_dict() for one in self.facts]} if self.facts else {}),
            **({"need": self.need.to_dict()} if self.need else {}),
            **({"twins": self.twins} if self.twins else {}),
        }

    @staticmethod
    def from_dict(raw: dict[str, Any]) -> Item:
        """The inverse of `to_dict`; a stored id that does not fit the content is refused."""
        own = raw.get("contribution")
        item = Item(
            question=raw["question"],
            answer=raw["answer"],
            choices=tuple(raw.get("choices") or ()),
            clips=tuple(Clip.from_dict(c) for c in raw.get("clips") or ()),
            task=raw.get("task") or "",
            tags=tuple(raw.get("tags") or ()),
            rationales=tuple(raw.get("rationales") or ()),
            recordings=tuple(raw.get("recordings") or ()),
            speakers=tuple(raw.get("speakers") or ()),
            split=raw.get("split") or "",
            licence=raw.get("licence") or "",
            contribution=None
            if own is None
            else Contribution(
                **{
                    **own,
                    "voters": tuple((v["name"], v["bits"]) for v in own.get("voters") or ()),
                    "shapley": tuple(own.get("shapley") or ()),
                    "controls": tuple(
                        (c["condition"], c["bits"]) for c in own.get("controls") or ()
                    ),
                }
            ),
            history=tuple(HistoryEntry(h["step"], h["note"]) for h in raw.get("history") or ()),
            plan=raw.get("plan") or {},
            rejected=raw.get("rejected") or "",
            dialogue=Dialogue.from_dict(raw.get("dialogue")),
            facts=facts_from(raw.get("facts")),
            need=ListeningNeed.from_dict(raw.get("need")),
            twins=raw.get("twins") or "",
        )
        if raw.get("id") and raw["id"] != item.id:
            raise DataError(
                f"item {raw['id']} has content that hashes to {item.id}",
                hint="Leave the id out when items are edited by hand.",
            )
        return item


def content_id(
    clips: Sequence[Clip],
    question: str,
    choices: Sequence[str],
    answer: str,
    task: str,
    rejected: str = "",
    dialogue: Dialogue | None = None,
) -> str:
    """The id of an item with this content, without making the item."""
    content: list[Any] = [[c.key for c in clips], question, choices, answer, task]
    if rejected:
        content.append(rejected)
    if dialogue is not None:
        content.append(dialogue.to_dict())
    return digest(canonical(content))


def items_digest(items: Iterable[Item]) -> str:
    """A hash of all that is said of items (of clips what they are, not where), in their order."""
    return digest_all(canonical({**one.to_dict(), "clips": 0, "dialogue": 0}) for one in items)


@dataclass(frozen=True, slots=True)
class Drop:
    """An item that a filter rejects, and why.

    Attributes:
        item: the item.
        reason: why, in words that are the same for all items rejected for it: drops are counted by
            their reasons.
        note: the particulars of this one, such as the id of the item it duplicates.
    """

    item: Item
    reason: str
    note: str = ""

    @property
    def why(self) -> str:
        """Reason and note, as the item's history has them."""
        return f"{self.reason}: {self.note}" if self.note else self.reason


Step = Callable[[Iterable[Item]], Iterable[Item | Drop]]
"""The contract of every data step: items in; items, or drops with their reason, out."""


def of_split(items: Sequence[Item], split: str = "train") -> list[Item]:
    """The items of one split, in order; all, where none names a split, as in lists by hand."""
    if not any(item.split for item in items):
        return list(items)
    return [item for item in items if item.split == split]
