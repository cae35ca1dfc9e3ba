"""A run that is stopped while it writes."""

from __future__ import annotations

from typing import Any

import pytest

from harken.runs import Run


def stop_at_append(patch: pytest.MonkeyPatch, place: int) -> None:
    """From now on the append number `place` of any run raises KeyboardInterrupt."""
    plain, calls = Run.append, [0]

    def append(run: Run, *args: Any, **more: Any) -> None:
        calls[0] += 1
        if calls[0] == place:
            raise KeyboardInterrupt
        plain(run, *args, **more)

    patch.setattr(Run, "append", append)
