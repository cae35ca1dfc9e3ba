"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

# One thread for each process: the arrays of tests are small, and threads that wait for each other
# on a busy machine make them ten times slower. Set before anything imports numpy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Tables are as wide as where there is no terminal, also where the runner of tests says otherwise.
os.environ.pop("COLUMNS", None)
# Frames of frozen encoders are kept for the time of the tests, and not in the user's cache.
os.environ["HARKEN_FEATURES"] = tempfile.mkdtemp(prefix="harken-features-")

import pytest

from harken import progress
from paths import REPO


@pytest.fixture(scope="session", autouse=True)
def _features() -> Iterator[None]:
    folder = os.environ["HARKEN_FEATURES"]
    yield
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    progress.quiet()


@pytest.fixture
def all_right() -> Iterator[str]:
    """The name of a scorer by which every reply is right, whatever it says."""
    from harken.ask.score import Score
    from harken.ask.scorers.base import Scorer
    from harken.ask.scorers.load import SCORERS

    def score(item: object, prompt: object, reply: object) -> Score:
        return Score("correct", 1.0, getattr(item, "answer", ""), "all-right")

    SCORERS.add(Scorer("all-right", "every reply is right", score))
    yield "all-right"
    SCORERS.forget("all-right")


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """Folder of real recordings: $HARKEN_CORPORA, else ../shared/corpora beside the checkout."""
    root = Path(os.environ.get("HARKEN_CORPORA") or REPO.parent / "shared" / "corpora")
    if not root.is_dir():
        pytest.skip(f"no real recordings at {root}; set HARKEN_CORPORA to a folder of corpora")
    return root
