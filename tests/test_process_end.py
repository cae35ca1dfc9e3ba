"""A process with a native thread that wants Python ends as it was told to."""

from __future__ import annotations

import subprocess
import sys

import pytest

BUSY = """
import atexit, sys, threading, time
import torch
from harken import process_end

square = torch.rand(300, 300)

def work():
    while True:
        torch.mm(square, square)  # lets go of Python, and asks for it again

threading.Thread(target=work, daemon=True).start()
atexit.register(print, "at exit")
time.sleep(0.2)
print("done", end=" ")
"""


def ended(rest: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BUSY + rest]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [("0", 0, ""), ("None", 0, ""), ("3", 3, ""), ("'no audio'", 1, "no audio\n")],
)
def test_it_ends_with_its_code_and_all_that_was_printed(code: str, status: int, said: str) -> None:
    done = ended(f"process_end.threads_stay()\nprocess_end.end_now({code})")
    assert (done.returncode, done.stdout, done.stderr) == (status, "done at exit\n", said)


def test_without_such_threads_it_returns() -> None:
    line = "from harken import process_end; process_end.end_now(3); print('on')"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "on\n")


def test_the_command_ends_so_too() -> None:
    """What `harken.cli.main` ends with is the code of the verb."""
    rest = "process_end.threads_stay()\nfrom harken.cli.main import main\n"
    done = ended(rest + "sys.argv = ['harken', 'eval', '--no-such-option']\nmain()")
    assert done.returncode == 2 and "no-such-option" in done.stderr
    assert done.stdout == "done at exit\n"
