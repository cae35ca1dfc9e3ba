"""JSON lines: one record a line, and what a kill may leave of the last one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from harken.errors import RunError

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def line_of(value: Any, what: str, where: Path) -> str:
    """`value` as JSON in one line; raises RunError, which names it `what`, if it is not JSON."""
    try:
        text = _ENCODER.encode(value)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:  # a lone surrogate, which models do write
                return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise RunError(
            f"{what} is not JSON: {error}",
            where=str(where),
            hint="Use strings, finite numbers, lists and dicts; None for what is absent.",
        ) from error


def record_of(line: bytes) -> dict[str, Any] | None:
    """The record of a complete line, else None."""
    if not line.endswith(b"\n"):
        return None
    try:
        record: dict[str, Any] = json.loads(line)
        return record
    except (ValueError, RecursionError):
        return None


def drop_partial_line(path: Path) -> None:
    """Cut a last line that is not complete; reads from the end, in blocks."""
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        tail, start = b"", end
        while start and tail.rstrip(b"\n\0").count(b"\n") < 1:
            start = max(0, start - 65536)
            file.seek(start)
            tail = file.read(end - start)
        cut = tail.rfind(b"\n", 0, len(tail) - 1) + 1  # where the last line begins
        if end and record_of(tail[cut:]) is None:
            file.truncate(start + cut)
            os.fsync(file.fileno())
