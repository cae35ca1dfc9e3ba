"""length: clips by their seconds, texts by their words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite

from harken.audio.single import duration_s
from harken.clean.base import HygieneFilter, each
from harken.errors import AudioError, ConfigError
from harken.item import Item


@dataclass(frozen=True, slots=True)
class LengthSettings:
    """Least and most; 0: no limit.

    Attributes:
        min_s: seconds of every clip, at least.
        max_s: at most.
        total_s: seconds of all clips together, at most.
        min_words: words of the question, at least.
        max_words: words of the question and of earlier turns, at most.
        answer_words: words of the answer and of each option, at most.
    """

    min_s: float = 0.1
    max_s: float = 0.0
    total_s: float = 0.0
    min_words: int = 0
    max_words: int = 0
    answer_words: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense: less than nothing, or least above most."""
        for name, value in asdict(self).items():
            if not (isfinite(value) and value >= 0):
                raise ConfigError(f"{name} is {value} (accepted: 0 or more)", where="length")
        for least, most in (("min_s", "max_s"), ("min_words", "max_words")):
            low, high = getattr(self, least), getattr(self, most)
            if high and low > high:
                raise ConfigError(f"{least} is {low:g} and {most} is {high:g}", where="length")


def test(item: Item, settings: LengthSettings) -> tuple[str, str] | None:
    """Why the item is dropped: a clip or a text that is too short or too long."""
    return _clips(item, settings) or _texts(item, settings)


def _clips(item: Item, settings: LengthSettings) -> tuple[str, str] | None:
    seconds = 0.0
    if not (settings.min_s or settings.max_s or settings.total_s):
        return None
    for clip in item.clips:
        try:
            own = duration_s(clip)
        except AudioError as error:
            return f"a clip whose length cannot be read ({error.reason})", clip.name
        seconds += own
        if own < settings.min_s:
            return f"a clip under {settings.min_s:g} s", f"{own:.2f} s"
        if settings.max_s and own > settings.max_s:
            return f"a clip over {settings.max_s:g} s", f"{own:.2f} s"
    if settings.total_s and seconds > settings.total_s:
        return f"clips of over {settings.total_s:g} s together", f"{seconds:.2f} s"
    return None


def _texts(item: Item, settings: LengthSettings) -> tuple[str, str] | None:
    turns = item.dialogue.earlier if item.dialogue is not None else ()
    asked = len(item.question.split())
    all_asked = asked + sum(len(f"{turn.question} {turn.reply}".split()) for turn in turns)
    longest = max(len(text.split()) for text in (item.answer, item.rejected, *item.choices))
    if asked < settings.min_words:
        return f"a question under {settings.min_words} words", f"{asked} words"
    if settings.max_words and all_asked > settings.max_words:
        return f"a question over {settings.max_words} words", f"{all_asked} words"
    if settings.answer_words and longest > settings.answer_words:
        return f"an answer over {settings.answer_words} words", f"{longest} words"
    return None


FILTER = HygieneFilter(
    "length", "drops items with clips (seconds) or texts (words) that are too short or too long",
    each(test), LengthSettings,
)  # fmt: skip
