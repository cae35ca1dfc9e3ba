"""A hash of the code that turns a clip into frames, for what is kept on disk under other names.

Weights and settings of an encoder say nothing of its code: frames that a release computed, or a
plugin before it was edited, must not be taken for those of another.
"""

from __future__ import annotations

import inspect
from functools import lru_cache
from pathlib import Path

import harken
from harken.hashing import digest

PACKAGES = ("audio", "models/composed", "models/native")
"""What has a part in it, besides the files of the classes themselves."""


def code_hash(*kinds: type) -> str:
    """16 hex digits over the release, the files of audio and encoders, and those of `kinds`.

    Args:
        kinds: classes that encode; the files of their base classes count too. Those of transformers
            do not: its release is told beside.
    """
    files = {_file(base) for kind in kinds for base in kind.__mro__ if _is_ours_or_a_plugin(base)}
    told = [harken.__version__, _packages()]
    return digest("\n".join([*told, *(_digest(path) for path in sorted(files - {""}))]))


def _is_ours_or_a_plugin(base: type) -> bool:
    return base.__module__.partition(".")[0] not in ("torch", "transformers", "builtins", "abc")


def _file(kind: type) -> str:
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError):  # built in, or typed in
        return ""


@lru_cache(maxsize=1)
def _packages() -> str:
    root = Path(harken.__file__).parent
    files = sorted(path for name in PACKAGES for path in (root / name).rglob("*.py"))
    return digest(
        "\n".join(f"{path.relative_to(root).as_posix()} {_digest(str(path))}" for path in files)
    )


@lru_cache(maxsize=256)
def _digest(path: str) -> str:
    try:
        return digest(Path(path).read_bytes())
    except OSError:  # an archive
        return path
