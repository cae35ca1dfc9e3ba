"""How a process ends in which threads of a native library are still at work.

Python gives none of them the interpreter any more once it ends: one that asks for it is ended in
the middle of C++, and the process aborts with "terminate called without an active exception",
after all its work was done and written. Gloo's threads ask, to let go of a tensor.
"""

from __future__ import annotations

import atexit
import os
import sys

_threads_left = False


def threads_stay() -> None:
    """Note that native threads may be there until the process ends; see `end_now`."""
    global _threads_left
    _threads_left = True


def end_now(code: int | str | None = 0) -> None:
    """End the process as ``sys.exit(code)`` would, if native threads may be left; else return.

    What is registered with `atexit` runs, and what was printed is written out. Only the end of
    the interpreter is left out.
    """
    if not _threads_left:
        return
    if isinstance(code, str):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    failed = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # its reader has gone
            failed = True
    status = code if isinstance(code, int) else int(code is not None)
    os._exit(status or (120 if failed else 0))  # 120: Python's own, for output that was not written
