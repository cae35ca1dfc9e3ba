"""Run: a folder for one evaluation, training or measurement, which can be resumed.

::

    run.json      first: the settings (the spec); a run is resumed only with the same ones
    <name>.jsonl  records, appended in groups, synced to disk before the next group starts
    log.jsonl     times and events: the only file that may differ between two equal runs
    <name>.json   results
    checksums.json  of a complete run: the SHA-256 of its files but the log
    done.json     last: the run is complete

A kill leaves at most a partial last line, which is dropped when the run is opened again. A file of
a complete run is compared with its checksum when it is first read.
"""

from __future__ import annotations

import os
import re
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import harken
from harken import files
from harken.errors import RunError
from harken.hashing import seal_fits, sealed
from harken.listed import listed
from harken.parsing import drop_partial_line, line_of, load_json, parse_json, record_of

FIRST, LAST, LOG, SUMS = "run.json", "done.json", "log", "checksums.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


class Run:
    """One run folder. Made by `Run.open` (to write) or `read_run` (to read).

    Attributes:
        folder: its path.
        spec: the settings, as written in ``run.json``.
    """

    def __init__(self, folder: Path, spec: dict[str, Any], *, writable: bool) -> None:
        """Use `Run.open` or `read_run`."""
        self.folder = folder
        self.spec = spec
        self._writable = writable
        self._checked: set[str] = set()  # files that were compared with their checksums
        self._release = weakref.finalize(self, files.release, folder) if writable else None

    @staticmethod
    def open(folder: Path | str, spec: Mapping[str, Any]) -> Run:
        """Start a run, or resume the one in `folder` if its spec is the same.

        Raises:
            RunError: the spec differs (the message names the keys), another process writes to the
                folder, or the spec is not JSON.
        """
        folder = Path(folder)
        asked = parse_json(line_of(spec, "the spec", folder))
        folder.mkdir(parents=True, exist_ok=True)
        files.hold(folder, RunError)
        try:
            files.sweep(folder)
            if (folder / FIRST).is_file():
                _same_spec(folder, asked)
            else:
                found = sorted(path.name for path in folder.glob("*.jsonl"))
                if found or (folder / LAST).is_file():
                    raise RunError(
                        f"the folder has records but no {FIRST}: {listed(found, 5)}",
                        where=str(folder),
                        hint="Choose another folder.",
                    )
                files.write_json(folder / FIRST, {"harken": harken.__version__, "spec": asked})
            if not (folder / LAST).is_file():  # no kill leaves a partial line in a complete run
                for path in sorted(folder.glob("*.jsonl")):
                    drop_partial_line(path)
            return Run(folder, asked, writable=True)
        except BaseException:
            files.release(folder)
            raise

    @staticmethod
    def reopen(folder: Path | str) -> Run:
        """Reopen a run, complete or not, to compute its results again; it is open until `finish`.

        Raises:
            RunError: the folder is not a run, or another process writes to it.
        """
        spec = read_run(folder).spec
        run = Run.open(folder, spec)
        for name in (LAST, SUMS):
            (run.folder / name).unlink(missing_ok=True)
        return run

    def __enter__(self) -> Run:
        """The run itself; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the run, finished or not."""
        self.close()

    def close(self) -> None:
        """Let other processes write to the folder."""
        self._writable = False
        if self._release is not None:
            self._release()

    @property
    def done(self) -> bool:
        """Whether the run is complete."""
        return (self.folder / LAST).is_file()

    @property
    def summary(self) -> dict[str, Any]:
        """What `finish` was given; raises RunError while the run is not complete."""
        if not self.done:
            raise RunError(
                "the run is not complete",
                where=str(self.folder),
                hint="Run the same command again: it resumes where it stopped.",
            )
        summary: dict[str, Any] = self.read_json("done")
        return summary

    def path(self, name: str) -> Path:
        """A file or folder of the run, such as ``checkpoint``."""
        return self.folder / name

    def append(self, name: str, records: Iterable[Mapping[str, Any]], *, sync: bool = True) -> None:
        """Append `records` to ``<name>.jsonl`` as one group, one line each.

        With `sync` the group is on the disk before this returns. Raises RunError for values that
        JSON cannot hold, infinities and NaN among them.
        """
        path = self._lines(name)
        self._may_write(path, name)
        data = "".join(f"{line_of(record, 'a record', path)}\n" for record in records).encode()
        with _writing(path), path.open("ab") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())

    def log(self, record: Mapping[str, Any]) -> None:
        """Append to ``log.jsonl`` with the time; two runs are never compared by it."""
        if not self._writable:
            raise RunError("the run is open for reading only", where=str(self.folder))
        line = line_of({"time": round(time.time(), 3), **record}, "a log line", self.folder)
        path = self._lines(LOG)
        with _writing(path), path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def records(self, name: str) -> list[dict[str, Any]]:
        """All records of ``<name>.jsonl``; none if there is no such file."""
        return list(self.stream(name))

    def stream(self, name: str) -> Iterator[dict[str, Any]]:
        """The records one at a time; a partial last line is left out.

        Raises RunError at a damaged line that is not the last: no kill leaves that.
        """
        path = self._lines(name)
        self._require_whole(path)
        if not path.is_file():
            return
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                record = record_of(line)
                if record is not None:
                    yield record
                elif file.read(1):
                    raise RunError(
                        f"line {number} is damaged",
                        where=str(path),
                        hint=f"Cut the file after line {number - 1} and run the command again.",
                    )

    def count(self, name: str) -> int:
        """Number of records."""
        return sum(1 for _ in self.stream(name))

    def truncate(self, name: str, n_records: int) -> None:
        """Keep the first `n_records` records only, so that a partial group can be written again."""
        path = self._lines(name)
        self._may_write(path, name)
        if not path.is_file():
            return
        with path.open("rb+") as file:
            for _ in range(n_records):
                file.readline()
            file.truncate(file.tell())
            os.fsync(file.fileno())

    def rewrite(self, name: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Put `records` in place of all of ``<name>.jsonl``, atomically; see `append`."""
        path = self._lines(name)
        self._may_write(path, name)
        data = "".join(f"{line_of(record, 'a record', path)}\n" for record in records)
        with _writing(path):
            files.write_whole(path, data)

    def write_json(self, name: str, value: Any) -> Path:
        """Write ``<name>.json`` atomically; returns its path."""
        path = self._json(name)
        self._may_write(path, path.stem)
        line_of(value, "the value", path)
        with _writing(path):
            files.write_json(path, value)
        return path

    def read_json(self, name: str) -> dict[str, Any]:
        """Read the object in ``<name>.json``; raises RunError if it is absent or damaged."""
        path = self._json(name)
        self._require_whole(path)
        return _read_json(path)

    def checksums(self) -> dict[str, str]:
        """The SHA-256 of each file of a complete run; empty for an incomplete one.

        Raises:
            RunError: `checksums.json` itself is damaged.
        """
        path = self.folder / SUMS
        if not self.done or not path.is_file():
            return {}
        held = _read_json(path)
        sums = held.get("files") if seal_fits(held) else None
        if not isinstance(sums, dict):
            raise RunError(f"{SUMS} is damaged", where=str(self.folder), hint=_MADE_AGAIN)
        return sums

    def _require_whole(self, path: Path) -> None:
        """Compare a file of a complete run with its checksum, once."""
        if path.name in self._checked or not self.done:
            return
        expected = self.checksums().get(path.name)
        bad = {} if expected is None else files.damaged(self.folder, {path.name: expected})
        if bad:
            found = f"{path.name} of a complete run is damaged: {bad[path.name]}"
            raise RunError(found, where=str(self.folder), hint=_MADE_AGAIN)
        self._checked.add(path.name)

    def finish(self, summary: Mapping[str, Any] | None = None) -> None:
        """Write ``done.json``, the last file of the run, and release the folder."""
        self._may_write(self.folder / LAST, "done.json")
        line_of(summary or {}, "the summary", self.folder / LAST)
        with _writing(self.folder / LAST):
            last = files.json_text(dict(summary or {}))
            names = [path.name for path in self.folder.iterdir() if _is_sealed(path)]
            sums = {**files.checksums(self.folder, names), LAST: files.sha256_of_text(last)}
            files.write_json(self.folder / SUMS, sealed({"files": dict(sorted(sums.items()))}))
            files.write_whole(self.folder / LAST, last)
        self.close()

    def _lines(self, name: str) -> Path:
        return self.folder / _checked(name, ".jsonl")

    def _json(self, name: str) -> Path:
        return self.folder / _checked(name, ".json")

    def _may_write(self, path: Path, name: str) -> None:
        if not self._writable:
            raise RunError("the run is open for reading only", where=str(self.folder))
        if name in ("run", "done"):
            raise RunError(f"{path.name} is written by the run itself", where=str(self.folder))
        if self.done:
            raise RunError(
                "the run is complete and cannot be changed",
                where=str(path),
                hint="Open a run in another folder, or delete this one.",
            )


def _is_sealed(path: Path) -> bool:
    """Whether a file of a finished run gets a checksum: all but the log, and what is in folders."""
    return path.is_file() and not path.name.startswith(".") and path.name not in _UNSEALED


_UNSEALED = (f"{LOG}.jsonl", SUMS, LAST)
_MADE_AGAIN = (
    "Copy the folder again, or delete it and run the command that made it. Where the file was "
    f"edited on purpose, delete {SUMS}."
)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Report a full disk as a RunError; a partial last line is dropped on opening."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"cannot write: {error.strerror or error}",
            where=str(path),
            hint="Free some space and run the same command again: it resumes where it stopped.",
        ) from error


class Store:
    """A folder of runs, at any depth."""

    def __init__(self, folder: Path | str) -> None:
        """The runs below `folder`."""
        self.folder = Path(folder)

    def __iter__(self) -> Iterator[Run]:
        """Every run below the folder, by path; those that cannot be read are in `broken`."""
        for path in sorted(self.folder.rglob(FIRST)):
            try:
                yield read_run(path.parent)
            except RunError:
                continue

    def broken(self) -> list[RunError]:
        """Why the runs that iteration leaves out cannot be read."""
        errors = []
        for path in sorted(self.folder.rglob(FIRST)):
            try:
                read_run(path.parent)
            except RunError as error:
                errors.append(error)
        return errors

    def find(self, *, done: bool | None = None, **spec: Any) -> list[Run]:
        """The runs that are (not) complete and whose spec has these values."""
        return [
            run
            for run in self
            if (done is None or run.done == done)
            and all(key in run.spec and run.spec[key] == value for key, value in spec.items())
        ]


def read_run(folder: Path | str) -> Run:
    """Open a run for reading, complete or not.

    Raises:
        RunError: the folder is not a run, or its `run.json` is damaged.
    """
    folder = Path(folder)
    if not (folder / FIRST).is_file():
        raise RunError(
            f"this is not a run folder: there is no {FIRST}",
            where=str(folder),
            hint="Check the path.",
        )
    run = Run(folder, _read_spec(folder), writable=False)
    run._require_whole(folder / FIRST)
    return run


def _same_spec(folder: Path, asked: dict[str, Any]) -> None:
    differ = files.differences(_read_spec(folder), asked)
    if differ:
        raise RunError(
            f"the folder holds a run with other settings: {listed(differ, 8, between='; ')}",
            where=str(folder),
            hint="Use the same settings to resume, or choose another folder.",
        )


def _read_spec(folder: Path) -> dict[str, Any]:
    raw = _read_json(folder / FIRST)
    if not isinstance(raw.get("spec"), dict):
        raise RunError(f"{FIRST} has no spec", where=str(folder), hint="Choose another folder.")
    spec: dict[str, Any] = raw["spec"]
    return spec


def _read_json(path: Path) -> dict[str, Any]:
    """The object in a file; raises RunError if there is none."""
    try:
        held = load_json(path)
        if not isinstance(held, dict):
            raise ValueError("it holds no JSON object")
        return held
    except FileNotFoundError:
        raise RunError(f"there is no {path.name}", where=str(path.parent)) from None
    except (ValueError, OSError) as error:
        raise RunError(
            f"{path.name} is damaged ({error})", where=str(path.parent), hint="Delete the run."
        ) from error


def _checked(name: str, ending: str) -> str:
    """`name` with `ending`; raises RunError for anything that could leave the folder."""
    name = name.removesuffix(ending)
    if not _NAME.match(name):
        raise RunError(
            f"{name!r} is not a valid name for a file of a run",
            hint="Use letters, digits, . _ and -.",
        )
    return name + ending
