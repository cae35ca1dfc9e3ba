"""A file as a decoder is to see it: some bytes of the header replaced."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any, BinaryIO

Patch = tuple[int, bytes]
"""Where bytes are replaced, and by which."""


class PatchedView(io.RawIOBase):
    """A stretch of an open file with some bytes replaced; the file itself is not written to.

    Args:
        file: stays the caller's to close.
        patches: places in the view, and the bytes that are there.
        start, end: the stretch; to the end of the file if `end` is not given.
    """

    def __init__(
        self, file: BinaryIO, patches: Sequence[Patch], start: int = 0, end: int | None = None
    ) -> None:
        self._file = file
        self._patches = tuple(patches)
        self._start = start
        self._size = (file.seek(0, os.SEEK_END) if end is None else end) - start
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position in the view."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move in the view."""
        self._at = max(0, (0, self._at, self._size)[whence] + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the view."""
        self._file.seek(self._start + self._at)
        data = bytearray(self._file.read(max(0, min(len(buffer), self._size - self._at))))
        for place, new in self._patches:
            first, last = max(place, self._at), min(place + len(new), self._at + len(data))
            if first < last:
                data[first - self._at : last - self._at] = new[first - place : last - place]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
