"""A file as a decoder is to see it: some bytes of the header replaced."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import Any, BinaryIO

Patch = tuple[int, bytes]
"""Where bytes are replaced, and by which."""


class PatchedView(io.RawIOBase):
    """An open file of which some bytes are replaced; the file itself is not written to."""

    def __init__(self, file: BinaryIO, patches: Sequence[Patch]) -> None:
        """A view of `file`, which stays the caller's to close."""
        self._file = file
        self._patches = tuple(patches)
        self._size = file.seek(0, os.SEEK_END)
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
        self._file.seek(self._at)
        data = bytearray(self._file.read(len(buffer)))
        for place, new in self._patches:
            first, last = max(place, self._at), min(place + len(new), self._at + len(data))
            if first < last:
                data[first - self._at : last - self._at] = new[first - place : last - place]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
