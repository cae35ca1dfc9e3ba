"""A format of training sets: text files whose lines are ``audio | question? answer``.

Use: ``harken --plugin format_question_marks.py train sft talk.qa -o model``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harken.shards.formats.base import (
    BadRow,
    DatasetFormat,
    Found,
    Message,
    Row,
    Sample,
    Sound,
)
from harken.shards.formats.load import FORMATS


def matches(path: Path, rows: Sequence[Row]) -> bool:
    return path.suffix == ".qa"


def samples(path: Path) -> Iterator[Found]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        audio, bar, said = line.partition("|")
        question, mark, answer = said.partition("?")
        if not (bar and mark):
            yield f"line {number}", BadRow("it has no bar or no question mark")
            continue
        asked = Message("user", (Sound(audio.strip()), f"{question.strip()}?"))
        yield f"line {number}", Sample((asked, Message("assistant", (answer.strip(),))))


FORMATS.add(DatasetFormat("question-marks", "lines of audio | question? answer", matches, samples))
