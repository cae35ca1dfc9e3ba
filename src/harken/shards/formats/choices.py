"""Multiple choice whose options stand in the text of the question.

Recognised only where nothing is left to guess: the options end the text, they are lettered from A
on without a gap or written as one list, no two are alike, and the answer is exactly one of them, as
its letter, its text, or both. Everything else is asked as it stands, as an open question. The
rejected answer of a pair is read in the same way; one that names no option is a text of its own.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from harken.letters import letter, place_of

_LINE = re.compile(r"[ \t]*[(\[]?([A-Z]{1,3})[)\].:、][ \t]*(\S[^\n]*?)[ \t\r]*\Z")
_INLINE = re.compile(r"(?:(?<=\s)|\A)(?:\(([A-H])\)|([A-H])[.):])\s+")
_LIST = re.compile(r"(\[[^\[\]]*\])\s*\.?\s*\Z", re.S)
_LETTER = re.compile(r"[(\[]?([A-Z]{1,3})[)\].:]{0,2}")
_BOTH = re.compile(r"[(\[]?([A-Z]{1,3})[)\].:]{1,2}\s*(\S.*)", re.S)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The question without its options, the options, the answer, and a pair's rejected answer."""

    question: str
    choices: tuple[str, ...]
    answer: str
    rejected: str = ""


def options_in(text: str, answer: str, rejected: str = "") -> Recognised | str | None:
    """The options that end `text`; why they are not recognised; None where there are none."""
    for find in (_lettered_lines, _listed, _lettered_inline):
        found = find(text)
        if isinstance(found, str):
            return found
        if found is not None:
            question, choices = found
            return _answered(question.rstrip(), choices, answer.strip(), rejected)
    return None


def _answered(
    question: str, choices: tuple[str, ...], answer: str, rejected: str
) -> Recognised | str:
    if len(choices) < 2:
        return "there is one option only"
    if len({_plain(choice) for choice in choices}) < len(choices):
        return "two options are alike"
    if not question.strip():
        return "there is no question before the options"
    right, wrong = _places(answer, choices), _places(rejected.strip(), choices)
    if len(right) != 1 or right[0] >= len(choices):
        return "the answer is not exactly one of the options"
    own = not wrong and not _BOTH.fullmatch(rejected.strip())  # a text of its own, or no pair
    if not own and (len(wrong) != 1 or wrong[0] >= len(choices)):
        return "the rejected answer is not exactly one of the options"
    if wrong == right:
        return "the rejected answer names the right option"
    return Recognised(question, choices, choices[right[0]], rejected if own else choices[wrong[0]])


def _places(answer: str, choices: tuple[str, ...]) -> list[int]:
    """The places that an answer names, each once: by its letter, its text, or both."""
    found = [i for i, choice in enumerate(choices) if answer and _plain(choice) == _plain(answer)]
    if lettered := _LETTER.fullmatch(answer):
        at = place_of(lettered[1])
        # "NO" and "TV" are words wherever there are not hundreds of options.
        found += [at] if len(lettered[1]) == 1 or at < len(choices) else []
    elif both := _BOTH.fullmatch(answer):
        at = place_of(both[1])
        if at < len(choices) and _plain(choices[at]) == _plain(both[2]):
            found.append(at)
    return list(dict.fromkeys(found))


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(".").casefold()


def _lettered_lines(text: str) -> tuple[str, tuple[str, ...]] | str | None:
    """Options on lines of their own."""
    lines = text.split("\n")  # not splitlines: the question keeps what else would end a line
    matches = _marks(lines)
    marked = [i for i, match in enumerate(matches) if match]
    if len(marked) < 2:
        return None
    first = next((i for i in marked if (own := matches[i]) and own[1] == "A"), None)
    if first is None:
        return "the options do not begin with A"
    last = marked[-1]
    if any(line.strip() for line in lines[last + 1 :]):
        return "text follows the options"
    block = [matches[i] for i in range(first, last + 1) if lines[i].strip()]
    names = [match[1] for match in block if match]
    if len(names) < len(block) or names != [letter(i) for i in range(len(names))]:
        return "the options are not lettered one after the other"
    return "\n".join(lines[:first]), tuple(match[2] for match in block if match)


def _marks(lines: list[str]) -> list[re.Match[str] | None]:
    """The option that each line is; two letters count only behind Z, since "TV: on" is a text."""
    found: list[re.Match[str] | None] = []
    following = ""
    for line in lines:
        match = _LINE.match(line)
        if match and len(match[1]) > 1 and match[1] != following:
            match = None
        if match:
            following = letter(place_of(match[1]) + 1)
        found.append(match)
    return found


def _lettered_inline(text: str) -> tuple[str, tuple[str, ...]] | str | None:
    """Options one after the other on one line."""
    marks = list(_INLINE.finditer(text))
    if len(marks) < 2:
        return None
    if [mark[1] or mark[2] for mark in marks] != [letter(i) for i in range(len(marks))]:
        return "the options are not lettered one after the other"
    if len({bool(mark[1]) for mark in marks}) > 1 or "\n" in text[marks[0].start() :].strip():
        return "text follows the options, or they are marked in two ways"
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    choices = [
        text[mark.end() : end].strip().rstrip(",;") for mark, end in zip(marks, ends, strict=True)
    ]
    if re.search(r"[.?!]\s+\S", choices[-1]):
        return "text follows the options"
    return text[: marks[0].start()], tuple(choices)


def _listed(text: str) -> tuple[str, tuple[str, ...]] | str | None:
    """Options as a list of Python or JSON, as R1-AQA writes them."""
    match = _LIST.search(text)
    if match is None:
        return None
    try:
        values = ast.literal_eval(match[1])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not values or not all(isinstance(value, str) and value.strip() for value in values):
        return None
    return text[: match.start()], tuple(value.strip() for value in values)
