"""Files that no program should choke on, and commands run in this process within a time limit."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harken.cli import main as cli

Make = Callable[[Path, bytes], None]
"""Puts something bad at a path; gets the good content."""


def bytes_of(data: bytes) -> Make:
    return lambda path, good: path.write_bytes(data) and None


def link(target: str) -> Make:
    return lambda path, good: os.symlink(target, path)


SECONDS = 60  # for one command: a FIFO or a device that is read has no end
DEEP = 60_000
ROW = {"id": "m1", "question": "q\ud800?", "answer": "a\udfff", "choices": ["a\udfff", "b"]}
BOMB = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)

BAD: dict[str, Make] = {
    "empty": bytes_of(b""),
    "one NUL": bytes_of(b"\0"),
    "zeros": bytes_of(b"\0" * 4096),
    "noise": bytes_of(bytes((n * n * 31 + n) % 256 for n in range(5000))),
    "a lone newline": bytes_of(b"\n"),
    "deep lists": bytes_of(b"[" * DEEP),
    "deep lists, closed": bytes_of(b"[" * DEEP + b"]" * DEEP),
    "deep objects": bytes_of(b'{"a":' * DEEP + b"1" + b"}" * DEEP),
    "deep within": bytes_of(b'{"plan":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}"),
    "lone surrogates": bytes_of(json.dumps(ROW).encode()),
    "lone surrogates in a list": bytes_of(json.dumps([ROW]).encode()),
    "raw surrogate bytes": bytes_of(b'{"question": "\xed\xa0\x80"}'),
    "UTF-16": lambda path, good: path.write_text(good.decode("utf-8", "ignore"), "utf-16") and None,
    "latin 1": bytes_of('[{"id": "m1", "answer": "Caf\xe9"}]'.encode("latin-1")),
    "a number": bytes_of(b"1"),
    "a huge number": bytes_of(b"9" * 5000),
    "infinity": bytes_of(b'{"id": 1e999, "answer": Infinity, "question": NaN}'),
    "null": bytes_of(b"null"),
    "a list of null": bytes_of(b"[null, null]"),
    "lists for all": bytes_of(b'{"id": [], "question": [], "answer": {}, "choices": 1}'),
    "objects for all": bytes_of(b'{"schema": {}, "spec": [], "kind": {}, "shards": 1, "files": 2}'),
    "bad YAML": bytes_of(b"a: [1,\nb: }"),
    "alias bomb": bytes_of(BOMB.encode()),
    "alias of itself": bytes_of(b"a: &a [*a]\n"),
    "a Python tag": bytes_of(b"a: !!python/object/apply:os.system ['true']\n"),
    "deep YAML": bytes_of(b"[" * 5000),
    "cut": lambda path, good: path.write_bytes(good[: len(good) // 2]) and None,
    "twice": lambda path, good: path.write_bytes(good + good) and None,
    "a FIFO": lambda path, good: os.mkfifo(path),
    "a folder": lambda path, good: path.mkdir(),
    "a broken link": link("nowhere"),
    "a loop of links": lambda path, good: os.symlink(path.name, path),
    "/dev/zero": link("/dev/zero"),
    "/dev/null": link("/dev/null"),
    "a terminal": link("/dev/tty"),
}  # fmt: skip


def put(path: Path, name: str) -> None:
    """Replace the file at `path`, if there is one, by the bad thing of that name."""
    good = path.read_bytes() if path.is_file() else b""
    if path.exists() or path.is_symlink():
        path.unlink()
    BAD[name](path, good)


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    def late(*_: Any) -> None:
        raise AssertionError(f"not ended after {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def harken(words: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; whatever else is raised would be a traceback."""
    monkeypatch.setattr(sys, "argv", ["harken", *words.split()])
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), time_limit(SECONDS):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
    return code, out.getvalue(), err.getvalue()
