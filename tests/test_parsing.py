"""Text from outside: read, or refused with a reason; nothing hangs, explodes or runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harken.errors import ConfigError, DataError
from harken.parsing import (
    json_elements,
    load_json,
    parse_json,
    parse_yaml,
    read_text,
    record_of,
    text_lines,
)

DEEP = 50_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEEP,
        "[" * DEEP + "]" * DEEP,
        '{"a":' * DEEP + "1" + "}" * DEEP,
        "[1,",
        "\0",
        "9" * 5000,
    ],
)
def test_what_is_no_json_or_too_deep_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
    assert record_of(text.encode() + b"\n") is None


def bomb(levels: int, width: int) -> str:
    lines = ["a0: &a0 [x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (bomb(12, 9), "aliases"),
        (bomb(30, 2), "aliases"),
        ("a: &a [*a]", "aliases"),
        ("a: &a {b: *a}", "aliases"),
        ("[" * 5000, "deeply"),
        ("a: [1", ""),
        ("a: !!python/object/apply:os.system ['true']", "python"),
        ("a: !!python/name:os.system", "python"),
    ],
)
def test_yaml_that_would_explode_or_run_is_a_value_error(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_yaml(text)


def test_plain_yaml_and_small_aliases_are_read() -> None:
    assert parse_yaml("a: &a [1, 2]\nb: *a\nc: *a") == {"a": [1, 2], "b": [1, 2], "c": [1, 2]}
    assert parse_yaml(bomb(4, 3))["a3"] == [[[["x"]] * 3] * 3] * 3
    assert parse_yaml("") is None


NO_FILES: dict[str, Callable[[Path], None]] = {
    "absent": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "a FIFO": lambda path: os.mkfifo(path),
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a loop": lambda path: path.symlink_to(path.name),
}


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("error", [ConfigError, DataError])
def test_what_is_no_file_is_told_at_once(tmp_path: Path, kind: str, error: type[DataError]) -> None:
    NO_FILES[kind](tmp_path / "x.json")
    with pytest.raises(error) as caught:
        read_text(tmp_path / "x.json", error)
    assert "x.json" in str(caught.value) and caught.value.hint
    with pytest.raises(OSError):
        load_json(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("a\u00e9".encode(), "a\u00e9"),
        ("a\u00e9".encode("utf-8-sig"), "a\u00e9"),
        ("a\u00e9".encode("utf-16"), "UTF-16"),
        ("a\u00e9".encode("latin-1"), "byte 0xe9 in line 1"),
        (b"\xed\xa0\x80", "byte 0xed in line 1"),
        (b"", ""),
    ],
)
def test_utf_8_is_read_and_other_encodings_are_named(
    tmp_path: Path, data: bytes, text: str
) -> None:
    (tmp_path / "x.txt").write_bytes(data)
    if data.startswith((b"a\xc3", b"\xef\xbb")) or not data:
        assert read_text(tmp_path / "x.txt") == text
    else:
        with pytest.raises(DataError, match=text):
            read_text(tmp_path / "x.txt")


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_unmarked_utf_16_is_known_by_its_nul_characters(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("plain words\n".encode(name))
    with pytest.raises(DataError, match="full of NUL"):
        read_text(tmp_path / "x.txt")
    for text in ("abcd\0", "\0abcd", "words"):  # fewer than one in four
        (tmp_path / "x.txt").write_text(text)
        assert read_text(tmp_path / "x.txt") == text


@pytest.mark.parametrize("values", [[], [1], [{"a": [1, "]"]}, "x,]", None], [[], [[]], {}]])
@pytest.mark.parametrize("between", [",", ", ", ",\n\n", " ,\n"])
def test_the_elements_of_an_array_come_one_by_one_with_their_lines(
    values: list[object], between: str
) -> None:
    text = "\n [\n" + between.join(json.dumps(value) for value in values) + "\n]\n"
    found = list(json_elements(text))
    assert [value for _, value in found] == values == parse_json(text)
    assert [line for line, _ in found] == [3 + i * between.count("\n") for i in range(len(values))]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no array"),
        ('{"a": 1}', "no array"),
        ("[1, 2", "line 1"),
        ("[1,\n2\n3]", "line 3"),
        ("[1,\n{]", ""),
        ("[" * DEEP, "too deeply"),
    ],
)
def test_a_broken_array_is_a_value_error(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        list(json_elements(text))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("within", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_lines_end_at_line_feeds_and_carriage_returns_only(end: str, within: str) -> None:
    lines = [f"a{within}b", "", "c"]
    assert text_lines(end.join(lines)) == text_lines(end.join(lines) + end) == lines
    assert text_lines("") == [] and text_lines(end) == [""]
