"""A script of ``examples/`` as a module."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from paths import REPO


def example(name: str) -> ModuleType:
    """The module of ``examples/NAME.py``; it may import scripts beside it."""
    path = REPO / "examples" / f"{name}.py"
    found = importlib.util.spec_from_file_location(name.replace("/", "_"), path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.path.insert(0, str(path.parent))
    try:
        found.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
