"""A listener whose texts are in a file: transcripts or captions that were made elsewhere.

``written:FILE``, by itself or in a cascade (``cascade:written:captions.jsonl+openai:llm@…``). The
file is JSON lines, JSON, CSV or TSV; each row holds the text under one of `WORDS` and says which
clip it is of under any of `NAMES`: SHA-256 of the audio file, its path (relative to this file)
or bare name, a recording's id (the name without its suffix), or ``key``, the clip's key. A JSON
file may be one object, name to text. With ``start_s`` and ``duration_s`` a row is of that span;
without, of the whole recording, and it is not used for a part of it.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.audio.probe import file_sha256
from harken.audio.single import duration_s
from harken.errors import AudioError, ConfigError, DataError
from harken.files import sha256_of
from harken.hashing import canonical, digest
from harken.listed import in_lines
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.parsing import parse_json, read_text, text_lines

WORDS = ("text", "transcript", "transcription", "caption", "sentence", "words", "prediction")
"""Columns that may hold the text; the first that a file has is read."""

NAMES = ("sha256", "key", "path", "file", "file_name", "filename", "audio", "audio_path",
         "recording", "id")  # fmt: skip
"""Columns that say which clip a row is of; all that a row has are read."""

_SLACK_S = 0.05  # tolerance: tools differ in the length they report for a recording
_SHOWN = 20  # faults listed in a message
_Row = dict[str, Any]
_Held = dict[str, list[tuple[float, float | None, str]]]


def build(target: str, *, root: Path | str | None = None) -> WrittenWords:
    """The listener that reads `target`; paths in it start at `root`, or at the folder of `target`.

    Raises:
        ConfigError: no file is named.
        DataError: there is no such file, or rows without a text or a name (the first are listed).
    """
    if not target:
        raise ConfigError("written: names no file", hint="Write written:captions.jsonl")
    path = Path(target)
    if not path.is_file():
        raise DataError("there is no such file", where=target, hint="Check the path.")
    rows = list(_rows(path))
    column = next((name for name in WORDS if any(name in row for row in rows)), None)
    if column is None:
        raise DataError(
            "no row has a text", where=target, hint=f"Name their column one of {', '.join(WORDS)}."
        )
    return WrittenWords(path, rows, column, Path(root) if root is not None else path.parent)


class WrittenWords:
    """A Model that replies to one clip with the text that the file has for it.

    Attributes:
        writes: ``"transcript"`` or ``"caption"``, by the name of the column that was read.
    """

    max_clips = 1
    style = PromptStyle(letters=False)

    def __init__(self, path: Path, rows: Sequence[_Row], column: str, root: Path) -> None:
        """Index `rows` of the file at `path`: texts in `column`, paths relative to `root`.

        Raises:
            DataError: rows without a text or a name.
        """
        self.name = f"written:{path.name}"
        self.writes = "transcript" if column.startswith("transcri") else "caption"
        self._identity = digest(canonical(["written", column, sha256_of(path)]))
        self._by_name: _Held = {}
        faults: list[str] = []
        for number, row in enumerate(rows, 1):
            fault = self._add(row, column, root)
            faults += [f"row {number}: {fault}"] if fault else []
        if faults:
            raise DataError(
                f"{len(faults)} faults:{in_lines(faults, _SHOWN)}",
                where=str(path),
                hint="Correct these rows or remove them: a clip without a text is a failed reply.",
            )

    def identity(self) -> str:
        """Hash of the file."""
        return self._identity

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """The text of each prompt's one clip; sampling does not apply."""
        return [self._reply(prompt) for prompt in prompts]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """None for each: a file gives no probabilities of choices."""
        return [None] * len(prompts)

    def _add(self, row: _Row, column: str, root: Path) -> str:
        """Index one row; returns what is wrong with it, or ``""``."""
        words = row.get(column)
        if not isinstance(words, str):
            return f"no text under {column!r}"
        names = [(name, row[name]) for name in NAMES if isinstance(row.get(name), str)]
        if not any(value for _, value in names):
            return "no name of a clip"
        try:
            start = float(row.get("start_s") or 0.0)
            length = None if row.get("duration_s") in (None, "") else float(row["duration_s"])
        except (TypeError, ValueError):
            return "start_s or duration_s is no number"
        every = (one for column_, value in names for one in _named(column_, value, root))
        for name in dict.fromkeys(every):
            held = self._by_name.setdefault(name, [])
            if (start, length, words) not in held:
                held.append((start, length, words))
        return ""

    def _reply(self, prompt: Prompt) -> Reply:
        if len(prompt.clips) != 1:
            return _failed(f"{len(prompt.clips)} clips, and the file has one text a clip")
        clip = prompt.clips[0]
        if clip.kind == "silence":
            return Reply("")
        try:
            for name in _names(clip):
                if name in self._by_name:
                    return self._of(name, clip)
        except AudioError as error:
            return _failed(f"audio: {error.reason}: {error.found}")
        return _failed(f"the file has no text for {_shown(clip)}")

    def _of(self, name: str, clip: Clip) -> Reply:
        """The text under `name` for the span of `clip` if exactly one fits, else a failed reply."""
        if name.startswith("key "):  # a key names the exact span
            fits = [words for _, _, words in self._by_name[name]]
        else:
            fits = [
                words
                for start, length, words in self._by_name[name]
                if abs(start - clip.start_s) <= _SLACK_S and _same_length(clip, start, length)
            ]
        if len(set(fits)) == 1:
            return Reply(fits[0])
        if fits:
            return _failed(f"{len(fits)} rows with different texts fit {_shown(clip)}")
        return _failed(f"the file has a text for {_shown(clip)}, but not for this span of it")


def _same_length(clip: Clip, start: float, length: float | None) -> bool:
    """Whether a row's span is as long as the clip. Raises AudioError."""
    if length is None and clip.duration_s is None:
        return True
    if length is None or clip.duration_s is None:
        rest = duration_s(replace(clip, start_s=0.0, duration_s=None)) - start
    wanted = rest if length is None else length
    own = rest if clip.duration_s is None else clip.duration_s
    return abs(wanted - own) <= _SLACK_S


def _named(column: str, value: str, root: Path) -> Iterator[str]:
    """All names that one cell of a row gives."""
    if not value:
        return
    if column == "sha256":
        yield f"sha256 {value.lower()}"
    elif column == "key":
        yield f"key {value}"
    else:
        yield f"path {os.path.realpath(root / value)}"
        base = os.path.basename(value)
        if base == value:  # a bare name or an id; a path is of that file only
            yield f"name {base}"
        yield f"stem {value}"


def _names(clip: Clip) -> Iterator[str]:
    """The names of a clip, the most specific first. Raises AudioError."""
    yield f"key {clip.key}"
    if clip.kind == "shard" and clip.sha256:  # a whole FLAC file is stored in a shard byte for byte
        yield f"sha256 {clip.sha256}"
    if clip.kind != "file":
        return
    yield f"sha256 {clip.sha256 or file_sha256(clip.path)}"
    yield f"path {os.path.realpath(clip.path)}"
    yield f"name {os.path.basename(clip.path)}"
    yield f"stem {Path(clip.path).stem}"


def _rows(path: Path) -> Iterator[_Row]:
    """The rows of a file. Raises DataError for a line or row that is not an object."""
    if path.suffix.lower() in (".csv", ".tsv"):
        lines = io.StringIO(read_text(path), newline="")
        yield from csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")
        return
    text = read_text(path)
    try:
        value = parse_json(text)
    except ValueError:
        value = [_line(line, number, path) for number, line in enumerate(text_lines(text), 1)
                 if line.strip()]  # fmt: skip
    if isinstance(value, dict) and not any(name in value for name in (*WORDS, *NAMES)):
        value = [{"id": name, "text": words} for name, words in value.items()]
    for row in value if isinstance(value, list) else [value]:
        if not isinstance(row, dict):
            raise DataError(f"a row is a {type(row).__name__}, not an object", where=str(path))
        yield row


def _line(line: str, number: int, path: Path) -> Any:
    try:
        return parse_json(line)
    except ValueError as error:
        raise DataError(f"line {number} is not JSON: {error}", where=str(path)) from None


def _shown(clip: Clip) -> str:
    return os.path.basename(clip.path) or f"clip {clip.key}"


def _failed(error: str) -> Reply:
    return Reply("", stop="failed", error=error)
