"""The small starter corpus, generated once in a process and copied from then on."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path

from harken.corpora.starter.generate import generate_starter


@functools.cache
def _generated() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="harken-starter-")  # removed with the process
    generate_starter(Path(folder.name), size="smoke")
    return folder


def smoke_starter(folder: Path) -> Path:
    """`folder`, with what ``generate_starter(folder, size="smoke")`` writes into it."""
    return Path(shutil.copytree(_generated().name, folder, dirs_exist_ok=True))
