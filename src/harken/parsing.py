"""Text from outside (JSON, JSON lines, YAML, files): understood, or refused with a reason.

Nothing here runs code or waits: a pipe or a device is not read, nesting and aliases have limits.
"""

from __future__ import annotations

import codecs
import csv
import errno
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harken.errors import DataError, HarkenError, RunError

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_MOST_VALUES = 100_000
"""Values of a YAML document with all aliases written out."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# Cells can be longer than the 131,072 characters that csv takes by default; the limit is of the
# whole process, so it is set here, where every reader of tables imports from.
csv.field_size_limit(2**31 - 1)

_SPACE = re.compile(r"\s*")
_LINE_END = re.compile(r"\r\n|\n|\r")
_SAMPLE = 4096
_MOST_BRACES = 64
"""Places of a reply at which an object may begin that are tried."""
_NUL_SHARE = 4
"""A text of which one character in so many is NUL is UTF-16 without a byte order mark."""


def parse_json(
    text: str | bytes, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None
) -> Any:
    """The value of a JSON text; raises ValueError, also where it is nested too deeply.

    Args:
        text: JSON.
        pairs: what makes an object of its keys and values; a dict if not given.
    """
    try:
        return json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def object_within(text: str) -> dict[str, Any] | None:
    """The first JSON object that stands in a text, such as the reply of a language model.

    Words and code fences around it are passed over, and so are line breaks within its texts. None
    where there is no whole object.
    """
    decoder = json.JSONDecoder(strict=False)
    at = text.find("{")
    for _ in range(_MOST_BRACES):
        if at < 0:
            break
        try:
            value, _end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        return value if isinstance(value, dict) else None
    return None


def object_schema(properties: Mapping[str, Any]) -> str:
    """The JSON schema of an object with these properties, all of them and no others, as text."""
    return json_line(
        {
            "type": "object",
            "properties": {**properties},
            "required": [*properties],
            "additionalProperties": False,
        }
    )


def json_line(value: Any) -> str:
    """`value` as JSON in one line, keys in their order; raises ValueError if it is not JSON."""
    return _ENCODER.encode(value)


def json_elements(text: str) -> Iterator[tuple[int, Any]]:
    """(line, value) of each element of a JSON array, one after the other.

    Raises:
        ValueError: the text is no array, or an element of it is no JSON.
    """
    decoder = json.JSONDecoder()
    at, line, counted = _next(text, 0), 1, 0
    if text[at : at + 1] != "[":
        raise ValueError("it is no array")
    at = _next(text, at + 1)
    while text[at : at + 1] != "]":
        try:
            value, end = decoder.raw_decode(text, at)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        line, counted = line + text.count("\n", counted, at), at
        yield line, value
        at = _next(text, end)
        if text[at : at + 1] == ",":
            at = _next(text, at + 1)
        elif text[at : at + 1] != "]":
            place = f"line {text.count(chr(10), 0, at) + 1}"
            raise ValueError(f"a comma or the end of the array is missing in {place}")


def _next(text: str, at: int) -> int:
    """Where the next character is that is no white space."""
    match = _SPACE.match(text, at)
    return match.end() if match else at


def load_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        ValueError: it is no JSON, no UTF-8, or nested too deeply.
        OSError: it cannot be read, or is a folder, a pipe or a device.
    """
    return parse_json(regular_bytes(path).decode("utf-8-sig"))


def regular_bytes(path: Path) -> bytes:
    """The content of a regular file; OSError for anything else. Never waits on a pipe."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            found = "this is no file but a folder, pipe or device"
            raise OSError(errno.EINVAL, found, str(path))
        return file.read()


def parse_yaml(text: str) -> Any:
    """The value of a YAML text: plain values only.

    Raises:
        ValueError: no YAML, nested too deeply, or aliases that stand for too many values.
    """
    import yaml

    try:
        value = yaml.safe_load(text)
        if _values(value, {}) > _MOST_VALUES:
            raise ValueError(f"its aliases stand for more than {_MOST_VALUES:,} values")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    return value


def _values(value: Any, known: dict[int, int]) -> int:
    """How many values there are with aliases written out; what holds itself has too many."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = _MOST_VALUES + 1  # while it is open: a value within itself
        inner = [*value.values(), *value] if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_values(one, known) for one in inner)
    return known[id(value)]


def read_text(path: Path, error: type[HarkenError] = DataError) -> str:
    """The text of a regular file in UTF-8, without a byte order mark.

    Another encoding is refused and never guessed: read as the wrong one, accents become other
    letters and a reply no longer matches its option.

    Raises:
        HarkenError: of the type `error`: it cannot be read, is no regular file, or has another
            encoding; the error says what was found, and in which line.
    """
    try:
        data = regular_bytes(path)
    except OSError as reason:
        found = f"cannot read the file: {reason.strerror or reason}"
        raise error(found, where=str(path), hint="Check the path.") from None

    def refused(found: str, name: str) -> HarkenError:
        hint = f"Save it as UTF-8, for example: iconv -f {name} -t UTF-8 {path.name} > utf8-"
        return error(found, where=str(path), hint=hint + path.name)

    for mark, name in _MARKS:
        if data.startswith(mark):
            raise refused(f"the file is {name} (by its byte order mark), not UTF-8", name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        line = data.count(b"\n", 0, reason.start) + 1
        found = f"the file is not UTF-8: byte 0x{data[reason.start]:02x} in line {line}"
        raise refused(found, "LATIN1") from None
    start = text[:_SAMPLE]
    if start and start.count("\0") * _NUL_SHARE >= len(start):
        raise refused("the file is not UTF-8: it is full of NUL characters, as UTF-16 is", "UTF-16")
    return text


def text_lines(text: str) -> list[str]:
    """The lines of a file's text, without their ends.

    A line ends as editors and `open` say: in a line feed, a carriage return, or both. What
    `str.splitlines` takes for an end besides (U+2028, U+0085, form feeds …) stands within the
    lines of transcripts and of JSON, and stays there.
    """
    lines = _LINE_END.split(text)
    return lines if lines[-1] else lines[:-1]


def line_of(value: Any, what: str, where: Path) -> str:
    """`value` as JSON in one line; raises RunError, which names it `what`, if it is not JSON."""
    try:
        text = _ENCODER.encode(value)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:  # a lone surrogate, which models do write
                return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
        return text
    except (TypeError, ValueError, RecursionError) as error:
        raise RunError(
            f"{what} is not JSON: {error}",
            where=str(where),
            hint="Use strings, finite numbers, lists and dicts; None for what is absent.",
        ) from error


def record_of(line: bytes) -> dict[str, Any] | None:
    """The record of a complete line, else None."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = parse_json(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def drop_partial_line(path: Path) -> None:
    """Cut a last line that is not complete; reads from the end, in blocks."""
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        tail, start = b"", end
        while start and tail.rstrip(b"\n\0").count(b"\n") < 1:
            start = max(0, start - 65536)
            file.seek(start)
            tail = file.read(end - start)
        cut = tail.rfind(b"\n", 0, len(tail) - 1) + 1  # where the last line begins
        if end and record_of(tail[cut:]) is None:
            file.truncate(start + cut)
            os.fsync(file.fileno())
