"""The whole demo: killed at five random moments and run again, it ends with the same bytes."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tones import tones

SMALL = (
    "from harken.recipes import demo_plan; demo_plan.PRACTICE, demo_plan.CURATED = 240, 24; "
    "demo_plan.PER_FAMILY = {'train': 24, 'test': 6, 'dev': 0}; "
    "from harken.cli.main import main; main()"
)
DEMO = ["demo", "--corpus", "tones", "-o", "out", "--minutes", "0.02", "--json"]


def start(cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SMALL, *DEMO],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def content(folder: Path) -> dict[str, str]:
    """Hash of every file; logs, which hold times, are left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "log.jsonl"
    }


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_demo_killed_five_times_ends_with_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    uninterrupted, interrupted = tmp_path / "uninterrupted", tmp_path / "interrupted"
    for folder in (uninterrupted, interrupted):
        tones(folder / "tones")
    before = time.monotonic()
    process = start(uninterrupted)
    text, _ = process.communicate()
    duration_s = time.monotonic() - before
    assert process.returncode == 0
    result = json.loads(text)
    assert result["after"]["items"] > 40 and (uninterrupted / "out" / "report.html").is_file()

    rng = np.random.default_rng(5)
    killed = 0
    for share in sorted(rng.uniform(0.1, 0.8, 5)):
        process = start(interrupted)
        try:
            # Each start resumes, so every kill is at a later stage.
            process.communicate(timeout=float(max(3.0, share * duration_s)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
    process = start(interrupted)
    process.communicate()
    assert process.returncode == 0 and killed >= 3
    assert content(interrupted / "out") == content(uninterrupted / "out")
