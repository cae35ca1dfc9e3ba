"""acoustic: the same recording, re-encoded, cut, louder or under noise, by its fingerprint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

from harken.audio.clip import Clip, pieces
from harken.clean.base import HygieneFilter, Judgement, copies, of, precedence
from harken.clean.sounds import represented
from harken.clean.texts import answered, asked_with_options
from harken.clean.workspace import Workspace
from harken.errors import ConfigError
from harken.item import Item

_MOST_KEYS = 64  # combinations of what an item's clips repeat


@dataclass(frozen=True, slots=True)
class AcousticSettings:
    """Which items with the same recordings are copies.

    Attributes:
        text: ``same``: those that ask the same and have the same answer; ``any``: all with the
            same recordings in the same order.
        splits: also drop items with a recording of an item that stays in another split, alone or
            in a mixed scene, whatever they ask.
    """

    text: str = "same"
    splits: bool = True

    def __post_init__(self) -> None:
        """Refuse a text that does not exist."""
        if self.text not in ("same", "any"):
            raise ConfigError(
                f"text={self.text!r} is neither same nor any",
                where="acoustic",
                hint="Write text=any",
            )


def judge(items: Sequence[Item], settings: AcousticSettings, workspace: Workspace) -> Judgement:
    """Drop items whose clips hold the recordings of another item's; clips count in their order."""
    order = precedence(items)
    clips = {c.key: c for place in order for clip in items[place].clips for c in _heard(clip)}
    workspace.take(clips.values())
    sounds = [workspace.sound(clip) for clip in clips.values()]
    names = list(clips)
    repeats = {
        name: tuple(names[held] for held in places)
        for name, places in zip(names, represented([one.print for one in sounds]), strict=True)
    }
    texts = [
        (asked_with_options(item), answered(item)) if settings.text == "same" else None
        for item in items
    ]
    found = Judgement()
    told = Counter(one.fault for one in sounds if one.fault)
    found.told |= {"clips": len(clips), "unreadable": dict(sorted(told.items()))}

    def same(place: int) -> Iterator[tuple[object, ...]]:
        own = [repeats.get(clip.key, (clip.key,)) for clip in items[place].clips]
        for combination in islice(product(*own) if own else (), _MOST_KEYS):
            yield "same", texts[place], combination

    def held(place: int) -> list[str]:
        heard = (piece for clip in items[place].clips for piece in _heard(clip))
        return list(dict.fromkeys(name for piece in heard for name in repeats[piece.key]))

    splits = sorted({item.split for item in items} - {""}) if settings.splits else []

    def looked_up(place: int) -> Iterator[tuple[object, ...]]:
        yield from same(place)
        if items[place].split:
            others = [split for split in splits if split != items[place].split]
            yield from (("split", name, split) for name in held(place) for split in others)

    def claimed(place: int) -> Iterator[tuple[object, ...]]:
        yield from same(place)
        yield from (("split", name, items[place].split) for name in held(place))

    for place, (other, key) in copies(items, looked_up, claimed).items():
        reason = "an acoustic duplicate" if key[0] == "same" else "a recording of another split"
        found.drop(place, items[place], reason, of(items[other]))
    return found


def _heard(clip: Clip) -> Iterator[Clip]:
    """A clip and what it is mixed from, without noise that is drawn."""
    return (piece for piece in pieces(clip) if piece.kind != "noise")


FILTER = HygieneFilter(
    "acoustic",
    "drops items with the recordings of another, re-encoded, cut, louder or noisy (fingerprint)",
    judge,
    AcousticSettings,
    default=True,
)
