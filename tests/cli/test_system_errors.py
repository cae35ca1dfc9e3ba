"""A full disk, a folder that cannot be written, and data of one item: lines, not tracebacks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bad_inputs import harken as here

from harken.cli.system_errors import explained
from harken.errors import ConfigError, DataError
from harken.shards.jsonl import write_jsonl
from harken.shards.write import write_dataset
from made_items import make, tone

LIMIT = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.argv = ["harken", *sys.argv[2:]]
from harken.cli.main import main
main()
"""
"""No file may be larger than so many bytes: what a disk without room is to a writer."""

WRITING = [
    "synth corpus -o out --per-family 8",
    "synth corpus -o out --per-family 8 --embed",
    "eval longest items -o out --split train",
    "curate items -o out --voter longest",
    pytest.param(
        "train sft items -o out --model harken-mini --set sft.steps=1 --set hearing.items=4",
        marks=pytest.mark.slow,
    ),
    "report run -o out.html",
    "show items --clips out",
    pytest.param("starter out --size smoke", marks=pytest.mark.slow),
    "leaks items items --matches out.jsonl",
    "benchmarks own --data items --items out.jsonl",
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("full")
    for number, name in enumerate(("dog", "cat", "rain", "bell")):
        for take in range(4):
            tone(root / "corpus" / name / f"{take}.wav", 300 + 90 * number + take)
    clip = tone(root / "a.wav", 300)
    write_dataset([make(n, (clip,)) for n in range(40)], root / "items", name="n", plan=1)
    done = harken(root, -1, "eval longest items -o run --split train")
    assert done.returncode == 0, done.stderr
    return root


def harken(folder: Path, limit: int, words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that may write files of at most `limit` bytes; -1: no limit."""
    return subprocess.run(
        [sys.executable, "-c", LIMIT, str(limit), *words.split()],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


@pytest.mark.parametrize("words", WRITING)
@pytest.mark.parametrize(
    "limit",
    [0, pytest.param(300, marks=pytest.mark.slow), pytest.param(2000, marks=pytest.mark.slow)],
)
def test_a_full_disk_is_told_and_the_command_goes_on_once_there_is_room(
    world: Path, tmp_path: Path, words: str, limit: int
) -> None:
    out = tmp_path / "out"
    line = words.replace(" out", f" {out}", 1) if " out" in words else words
    done = harken(world, limit, line)
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    if limit == 0:
        assert done.returncode in (2, 3, 6), done.stderr
        assert done.stderr.strip()
    if done.returncode:
        again = harken(world, -1, line)
        assert again.returncode in (0, 8), again.stderr


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (errno.ENOSPC, 2, "no space"),
        (errno.EDQUOT, 2, "quota"),
        (errno.EFBIG, 2, "too large"),
        (errno.EROFS, 2, "read-only"),
        (errno.EACCES, 2, "permission denied"),
        (errno.EPERM, 2, "not permitted"),
        (errno.ENOTDIR, 2, "not a directory"),
        (errno.EISDIR, 2, "is a directory"),
        (errno.ENAMETOOLONG, 2, "name too long"),
        (errno.ELOOP, 2, "symbolic links"),
        (errno.EIO, 3, "input/output"),
        (errno.ENOENT, 3, "no such file"),
    ],
)
def test_errors_of_the_system_name_the_path_and_say_what_to_do(
    number: int, code: int, says: str
) -> None:
    told = explained(OSError(number, os.strerror(number), "some/where.jsonl"))
    assert told is not None and told.exit_code == code
    assert says in str(told).lower() and "some/where.jsonl" in str(told) and told.hint


def test_libraries_that_wrap_such_an_error_are_understood_and_faults_stay_faults() -> None:
    inner = RuntimeError("I/O error: No space left on device (os error 28)")
    assert isinstance(explained(inner), ConfigError)
    assert isinstance(explained(OSError("[Errno 28] Error writing bytes to file")), ConfigError)
    assert isinstance(explained(RecursionError("maximum recursion depth exceeded")), DataError)
    assert isinstance(explained(_bad_text()), DataError)
    assert explained(MemoryError()) is not None
    for fault in (KeyError("x"), ZeroDivisionError(), TypeError("no")):
        assert explained(fault) is None


def _bad_text() -> UnicodeError:
    try:
        "\ud800".encode()
    except UnicodeError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("count", [1, 2])
def test_datasets_of_one_or_two_items_go_through_every_stage(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = tone(tmp_path / "a.wav", 300)
    items = [make(2 * n + 1, (clip,)) for n in range(count)]  # all in train
    write_jsonl([make(3, (clip,))], tmp_path / "one.jsonl")
    write_dataset(items, tmp_path / "items", name="n", plan=1)
    for words, codes in (
        ("show items", (0,)),
        ("check items", (0,)),
        ("eval longest items -o run --split train", (0,)),
        ("eval linear items -o linear-run --split train", (0,)),
        ("curate items -o curated --voter longest --voter random", (0,)),
        (
            "train sft items -o tuned --model harken-mini --set sft.steps=1 --set hearing.items=4",
            (0, 3),
        ),
        ("compare run run", (0,)),
        ("report run -o page.html --curate curated", (0, 3)),  # nothing can be measured on one item
        ("rescore run", (0,)),
        ("leaks items items", (8,)),
        ("leaks items one.jsonl", (0, 8)),
        ("eval longest one.jsonl -o other --split test", (0,)),
    ):
        code, _, told = here(words, monkeypatch)
        assert code in codes, (words, code, told)
