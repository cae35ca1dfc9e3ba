"""Times in text: ``1.12s`` as people read them, ``<|1.12|>`` as models with time tokens do.

A time in text is a number with decimals before an ``s``, ``sec`` or ``second(s)``, with or without
a space between them, or a whole number before such a word with a space (``5 s``). ``80s`` and
``1980s`` are decades and no times; ``1:02.5s`` and ``-1.5s`` are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from harken.errors import ConfigError

TOKEN = re.compile(r"<\|(\d+\.\d+)\|>")
"""A time token; Qwen2-Audio's and Whisper's are written alike."""

_BEFORE = r"(?<![\w|])(?<!\d[.,:])(?<![^\w]-)(?<!^-)"
_WRITTEN = re.compile(
    _BEFORE + r"(?:(\d+\.\d+) ?|(\d+) )(?:s|secs?|seconds?)(?![\w|])",
)
_MOST = 100_000
"""Most tokens of a grid."""


def times_as_text(text: str) -> str:
    """`text` with every time token as ``1.12s``, apart from the words beside it."""

    def written(match: re.Match[str]) -> str:
        before = text[match.start() - 1 : match.start()]
        after = text[match.end() : match.end() + 1]
        left = " " if before.isalnum() or (before == ">" and _ends_in_token(text, match)) else ""
        return f"{left}{match.group(1)}s{' ' if after.isalnum() else ''}"

    return TOKEN.sub(written, text)


def _ends_in_token(text: str, match: re.Match[str]) -> bool:
    """Whether another token ends where this one begins."""
    return bool(re.search(TOKEN.pattern + r"\Z", text[max(0, match.start() - 40) : match.start()]))


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """The times that have a token: 0, one resolution, two … up to the last.

    Attributes:
        resolution: seconds from one to the next; a decimal number, such as 0.01.
        max_s: the last one, in seconds.

    Raises:
        ConfigError: no grid, or one of too many tokens.
    """

    resolution: float = 0.01
    max_s: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what is no grid."""
        try:
            fits = 0 < self._step <= self._last and self._last % self._step == 0
        except (InvalidOperation, ArithmeticError):
            fits = False
        if not fits or self.count > _MOST:
            raise ConfigError(
                f"the resolution is {self.resolution!r} and max_s {self.max_s!r} (accepted: above "
                f"0, max_s a multiple of the resolution, at most {_MOST:,} times)"
            )

    @property
    def _step(self) -> Decimal:
        return Decimal(str(self.resolution))

    @property
    def _last(self) -> Decimal:
        return Decimal(str(self.max_s))

    @property
    def decimals(self) -> int:
        """Decimals of a time, at least one."""
        exponent = self._step.normalize().as_tuple().exponent
        return max(1, -int(exponent))

    @property
    def count(self) -> int:
        """Number of tokens."""
        return int(self._last / self._step) + 1

    def seconds(self, place: int) -> str:
        """The time number `place`, in digits: ``1.12``."""
        return f"{self._step * place:.{self.decimals}f}"

    def token(self, place: int) -> str:
        """Its token: ``<|1.12|>``."""
        return f"<|{self.seconds(place)}|>"

    def tokens(self) -> list[str]:
        """All tokens, in order."""
        return [self.token(place) for place in range(self.count)]

    def place(self, seconds: str) -> int | None:
        """The number of the nearest time (of two the even one); None beyond the last."""
        place = int((Decimal(seconds) / self._step).to_integral_value(ROUND_HALF_EVEN))
        return place if Decimal(seconds) <= self._last else None

    def as_tokens(self, text: str) -> str:
        """`text` with every time as the nearest token; those beyond the last are left as text.

        For times with the decimals of the grid, `times_as_text` is the inverse.
        """

        def token(match: re.Match[str]) -> str:
            place = self.place(match.group(1) or match.group(2))
            return match.group(0) if place is None else self.token(place)

        return _WRITTEN.sub(token, text)

    def beyond(self, text: str) -> list[str]:
        """The times in `text`, as written, that are later than the last token."""
        named = [(m.group(0), m.group(1)) for m in TOKEN.finditer(text)]
        found = [*named, *((w, s) for w, s in written_times(text))]
        return [written for written, seconds in found if self.place(seconds) is None]

    def rounded(self, text: str) -> list[str]:
        """The times in `text`, as written, that lie between two tokens."""
        return [
            written
            for written, seconds in written_times(text)
            if self.place(seconds) is not None and Decimal(seconds) % self._step
        ]


def written_times(text: str) -> Iterator[tuple[str, str]]:
    """The times written in `text`: as written, and their digits."""
    for match in _WRITTEN.finditer(text):
        yield match.group(0), match.group(1) or match.group(2)
