"""Ctrl-C: what became of the work is said, with the command that goes on, and the code is 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from harken.audio.load import write_wav
from harken.cli import main as cli
from harken.cli.main import RESUMED, VERBS


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_command_says_what_to_run_next(verb: str) -> None:
    said = cli._stopped(verb, [verb, "a folder", "-o", "out's", "--json"])
    assert f"""harken {verb} 'a folder' -o 'out'"'"'s' --json""" in said
    assert ("go on where it stopped" in said) == (verb in RESUMED)


@pytest.mark.parametrize(
    "word", ["openai:m@http://me:secret@host/v1", "openai:m@https://secret@127.0.0.1:80/v1?x=1"]
)
def test_a_password_in_an_address_is_not_shown(word: str) -> None:
    said = cli._stopped("eval", ["eval", word, "items"])
    assert "secret" not in said and "openai:m@http" in said


def tones(root: Path) -> Path:
    for place, name in enumerate(["hum", "tone", "whistle"]):
        (root / name).mkdir(parents=True)
        for number in range(6):
            time_s = np.arange(8_000) / 16_000
            wave = 0.3 * np.sin(2 * np.pi * (150 * 3**place + 5 * number) * time_s)
            write_wav(root / name / f"{number}.wav", wave.astype(np.float32), 16_000)
    return root


SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
from harken.cli.main import main
import {module} as module
def wait(*_, **__):
    print("ready", flush=True)
    time.sleep(60)
setattr(module, {name!r}, wait)
main()
"""


@pytest.mark.parametrize(
    ("words", "module", "name"),
    [
        (["scan", "tones"], "harken.corpora.read", "read_corpus"),
        (["synth", "tones", "-o", "items"], "harken.synth.make", "write_planned"),
        (["curate", "items", "-o", "curated"], "harken.cli.items", "read_split"),
        (["train", "sft", "items", "-o", "out"], "harken.recipes.run", "train"),
        (["demo", "-o", "out"], "harken.recipes.demo", "run_demo"),
        (["compare", "a", "b"], "harken.evaluate.compare", "compare"),
    ],
)
def test_ctrl_c_ends_with_130_and_one_line(
    tmp_path: Path, words: list[str], module: str, name: str
) -> None:
    tones(tmp_path / "tones")
    code = SLOW.format(module=module, name=name)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=tmp_path, text=True, env=dict(os.environ),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith("harken: stopped;") and last.endswith(" ".join(["harken", *words]))
    assert ("go on where it stopped" in last) == (words[0] in RESUMED)
