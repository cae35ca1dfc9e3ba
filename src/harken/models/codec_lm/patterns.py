"""Code patterns: codes (frames, codebooks) as the sequence that a language model reads and writes.

A sequence has rows, one for each step of the model, of one or several streams. With T frames of K
codebooks, c[t, k] and N for "no code"::

    flattened   T·K + 1 rows of 1 stream       c[0,0] c[0,1] … c[0,K-1] c[1,0] … N
    delayed     T + max(1, K-1) rows of K      row s, stream k: c[s-k, k]; N where s < k or s-k >= T
    parallel    T + 1 rows of K                row s: c[s, 0] … c[s, K-1]; then a row of N

*Flattened* is that of AudioLM (Borsos et al. 2022, arXiv 2209.03143) and of Llama-Mimi: every code
sees all before it, at K steps a frame. *Delayed* is that of MusicGen (Copet et al. 2023,
arXiv 2306.05284): codebook k is k steps late, so that it sees the coarser codes of its frame, at
about one step a frame. In *parallel* streams the codes of a frame do not see each other.

The first row whose first stream is N ends the sound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from harken.errors import ConfigError
from harken.registry import named

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class CodePattern(ABC):
    """An invertible mapping of codes to rows.

    Attributes:
        name: in `PATTERNS`; `about`: one sentence.
        codebooks: of the codes; `size`: entries of each.
        streams: values of a row; `entries`: how many different ones a stream has, N included.
        none: the value N, the last one.
    """

    name: ClassVar[str] = ""
    about: ClassVar[str] = ""
    streams: int
    entries: int

    def __init__(self, codebooks: int, size: int) -> None:
        if codebooks < 1 or size < 2:
            raise ConfigError(f"{codebooks} codebooks of {size} entries", hint="Give 1, and 2.")
        self.codebooks, self.size = codebooks, size
        self._set_sizes()

    @property
    def none(self) -> int:
        """The value that stands for no code."""
        return self.entries - 1

    @abstractmethod
    def _set_sizes(self) -> None:
        """Set `streams` and `entries`."""

    @abstractmethod
    def write(self, codes: Ints, *, ended: bool = True) -> Ints:
        """The rows of codes.

        Args:
            codes: int64 (frames, codebooks).
            ended: with the rows that end the sound; else the rows may go on, and what streams that
                are late would say of the last frames is left out.

        Returns:
            int64 (rows, streams).

        Raises:
            ConfigError: codes of another shape, or that are no entries.
        """

    @abstractmethod
    def read(self, rows: Ints) -> Ints:
        """The codes (frames, codebooks) of all frames that are complete in rows (n, streams)."""

    @abstractmethod
    def frame_of(self, step: int) -> int:
        """The frame that the first stream says in a row."""

    @abstractmethod
    def silent(self, step: int, end: int) -> Flags:
        """Which streams (streams,) of a row must be N.

        Args:
            step: the row's number.
            end: number of the row whose first stream is N, if there is one up to this row; else -1.
        """

    @abstractmethod
    def over(self, step: int, end: int) -> bool:
        """Whether row `step` is the last one of a sound whose first stream is N in row `end`."""

    def legal(self, step: int) -> Flags:
        """The values (streams, entries) that streams which are not silent may have in a row."""
        found = np.ones((self.streams, self.entries), bool)
        found[1:, self.none] = False
        found[0, self.none] = step > 0  # a sound has at least one frame
        return found

    def drawn(self, rows: Ints) -> Flags:
        """Where rows (n, streams) say something that is not forced: the codes and the end."""
        found = np.asarray(rows != self.none)
        end = self._end(rows)
        if end >= 0:
            found[end, 0] = True
        return found

    def check(self, codes: Ints) -> Ints:
        """`codes`, if they are (frames, codebooks) with entries of the codebooks.

        Raises:
            ConfigError: they are not.
        """
        codes = np.asarray(codes)
        if codes.ndim != 2 or codes.shape[1] != self.codebooks:
            raise ConfigError(
                f"codes are {codes.shape}: (frames, {self.codebooks}) is read",
                hint="A codec gives (codebooks, frames): give their transpose.",
            )
        if codes.size and not 0 <= codes.min() <= codes.max() < self.size:
            raise ConfigError(f"a code is outside 0 to {self.size - 1}")
        return codes.astype(np.int64)

    def _end(self, rows: Ints) -> int:
        """Number of the first row whose first stream is N; -1: there is none."""
        places = np.flatnonzero(rows[:, 0] == self.none)
        return int(places[0]) if len(places) else -1


class Flattened(CodePattern):
    """One code a row: value k · size + c of codebook k."""

    name = "flattened"
    about = "one code a step, all codebooks of a frame after each other"

    def _set_sizes(self) -> None:
        self.streams, self.entries = 1, self.codebooks * self.size + 1

    def write(self, codes: Ints, *, ended: bool = True) -> Ints:
        """See `CodePattern.write`."""
        rows = (self.check(codes) + self.size * np.arange(self.codebooks)).reshape(-1, 1)
        return np.concatenate([rows, np.full((int(ended), 1), self.none)])

    def read(self, rows: Ints) -> Ints:
        """See `CodePattern.read`."""
        end = self._end(rows)
        frames = (len(rows) if end < 0 else end) // self.codebooks
        own = rows[: frames * self.codebooks, 0].reshape(frames, self.codebooks)
        return own - self.size * np.arange(self.codebooks)

    def frame_of(self, step: int) -> int:
        """See `CodePattern.frame_of`."""
        return step // self.codebooks

    def silent(self, step: int, end: int) -> Flags:
        """See `CodePattern.silent`."""
        return np.array([end >= 0])

    def over(self, step: int, end: int) -> bool:
        """See `CodePattern.over`."""
        return end >= 0

    def legal(self, step: int) -> Flags:
        """The codes of the step's codebook; the end at the first one."""
        found = np.zeros((1, self.entries), bool)
        book = step % self.codebooks
        found[0, book * self.size : (book + 1) * self.size] = True
        found[0, self.none] = book == 0 and step > 0
        return found


class Delayed(CodePattern):
    """Codebook k is k rows late."""

    name = "delayed"
    about = "all codebooks in a step, each one step later than the coarser one"

    def _set_sizes(self) -> None:
        self.streams, self.entries = self.codebooks, self.size + 1

    def write(self, codes: Ints, *, ended: bool = True) -> Ints:
        """See `CodePattern.write`."""
        own = self.check(codes)
        count = len(own) + (max(1, self.codebooks - 1) if ended else 0)
        rows = np.full((count, self.codebooks), self.none)
        for book in range(self.codebooks):
            said = own[: max(0, count - book), book]
            rows[book : book + len(said), book] = said
        return rows

    def read(self, rows: Ints) -> Ints:
        """See `CodePattern.read`."""
        end, ready = self._end(rows), max(0, len(rows) - self.codebooks + 1)
        frames = ready if end < 0 else min(end, ready)
        books = range(self.codebooks)
        return np.stack([rows[book : book + frames, book] for book in books], 1)

    def frame_of(self, step: int) -> int:
        """See `CodePattern.frame_of`."""
        return step

    def silent(self, step: int, end: int) -> Flags:
        """See `CodePattern.silent`."""
        own = step - np.arange(self.codebooks)
        return np.asarray((own < 0) | ((end >= 0) & (own >= end)))

    def over(self, step: int, end: int) -> bool:
        """See `CodePattern.over`."""
        return end >= 0 and step + 1 >= end + max(1, self.codebooks - 1)


class Parallel(CodePattern):
    """All codebooks of a frame in its row."""

    name = "parallel"
    about = "all codebooks of a frame in one step, independent of each other"

    def _set_sizes(self) -> None:
        self.streams, self.entries = self.codebooks, self.size + 1

    def write(self, codes: Ints, *, ended: bool = True) -> Ints:
        """See `CodePattern.write`."""
        own = self.check(codes)
        return np.concatenate([own, np.full((int(ended), self.codebooks), self.none)])

    def read(self, rows: Ints) -> Ints:
        """See `CodePattern.read`."""
        end = self._end(rows)
        return np.asarray(rows[: len(rows) if end < 0 else end])

    def frame_of(self, step: int) -> int:
        """See `CodePattern.frame_of`."""
        return step

    def silent(self, step: int, end: int) -> Flags:
        """See `CodePattern.silent`."""
        return np.full(self.codebooks, end >= 0)

    def over(self, step: int, end: int) -> bool:
        """See `CodePattern.over`."""
        return end >= 0


PATTERNS: dict[str, type[CodePattern]] = {
    pattern.name: pattern for pattern in (Flattened, Delayed, Parallel)
}


def code_pattern(name: str, codebooks: int, size: int) -> CodePattern:
    """The pattern called `name` for so many codebooks of `size` entries.

    Raises:
        ConfigError: no such pattern.
    """
    return named(name, PATTERNS, "code pattern")(codebooks, size)
