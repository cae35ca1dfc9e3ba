"""All tiny models: every ``tiny_*.py`` in this folder has one as ``TINY``, or several."""

from __future__ import annotations

import importlib
from pathlib import Path

from tiny import Tiny


def _all() -> list[Tiny]:
    found: list[Tiny] = []
    for path in sorted(Path(__file__).parent.glob("tiny_*.py")):
        module = importlib.import_module(path.stem)
        found += getattr(module, "TINIES", None) or [module.TINY]
    return found


TINIES = [tiny for tiny in _all() if not tiny.part]
"""One for each family."""

OTHERS = [tiny for tiny in _all() if tiny.part]
"""Further checkpoints of the same families."""
