"""What a format of training sets gives: samples, each a conversation with sounds in its messages.

A format only says what stands in a file. `harken.shards.formats.items` makes items of it: it finds
and hashes the audio, places the clips, recognises multiple choice, and tells what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Row = Mapping[str, Any]
Role = Literal["system", "user", "assistant"]

ROLES: Mapping[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
}
"""What formats call the speakers, in lower case."""

TAG = "<audio>"
_INLINE = re.compile(r"<audio>(.+?)</audio>", re.S)


class BadRow(Exception):
    """Why a row is no sample, as a sentence."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Audio as a training set names it.

    Attributes:
        path: as it is written there; for packed audio the name it had.
        file: the Parquet, Arrow or tar file that holds its bytes; empty: `path` is a file.
        row, slot: where in `file` (`harken.audio.packed`).
        start_s, duration_s: its span; None: to the end.
    """

    path: str = ""
    file: str = ""
    row: int = -1
    slot: int = -1
    start_s: float = 0.0
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its role, texts and sounds in reading order, and whether it is to be learned."""

    role: Role
    parts: tuple[str | Sound, ...]
    taught: bool = True

    @property
    def text(self) -> str:
        """Its texts as one."""
        return "".join(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a training set; each assistant's message that is taught becomes an item.

    Attributes:
        messages: the conversation.
        choices: bare options of its last question; empty where the set does not list them.
        rejected: the worse answer of a preference pair; its better one is the last message.
        key: its id in the set.
        task, split, tags, rationales, licence: as in `harken.item.Item`.
        label: ``weak`` or ``strong``, where the set says how much the audio contributes.
        note: something to be told of it, such as a question that the set does not state.
        joiner: what stands between messages of the assistant in a row.
    """

    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    rejected: str = ""
    key: str = ""
    task: str = ""
    split: str = ""
    tags: tuple[str, ...] = ()
    rationales: tuple[str, ...] = ()
    licence: str = ""
    label: str = ""
    note: str = ""
    joiner: str = " "


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that the format itself leaves out, and why."""

    reason: str


Found = tuple[str, Sample | LeftOut | BadRow]
"""A place such as ``line 3``, and what is there."""


@dataclass(frozen=True, slots=True)
class DatasetFormat:
    """One format.

    Attributes:
        name: by which messages name it.
        about: whose sets they are, in a sentence.
        matches: ``matches(path, rows)``: whether `path` is such a set; `rows` are the first JSON
            objects of a file, or none.
        samples: ``samples(path)``: all there is, in order.
    """

    name: str
    about: str
    matches: Callable[[Path, Sequence[Row]], bool]
    samples: Callable[[Path], Iterator[Found]]


def placed(text: str, sounds: list[Sound], tag: str = TAG) -> tuple[str | Sound, ...]:
    """`text` with each tag replaced by the next of `sounds`, which are taken from the list.

    ``<audio>path</audio>``, the older form of Qwen-Audio's sets, names its sound itself.

    Raises:
        BadRow: more tags than sounds.
    """
    parts: list[str | Sound] = []
    at = 0
    for inline in _INLINE.finditer(text) if tag == TAG else ():
        parts += [text[at : inline.start()], Sound(inline[1].strip())]
        at = inline.end()
    parts.append(text[at:])
    found: list[str | Sound] = []
    for part in parts:
        if isinstance(part, Sound):
            found.append(part)
            continue
        first, *rest = part.split(tag)
        found += [first] if first else []
        for piece in rest:
            if not sounds:
                raise BadRow(f"a {tag} too many: there are fewer sounds than tags")
            found += [sounds.pop(0), *([piece] if piece else [])]
    return tuple(found)


def with_sounds(messages: Sequence[Message], sounds: list[Sound]) -> tuple[Message, ...]:
    """The messages after `placed`; without any tag, the sounds open the first question.

    Raises:
        BadRow: sounds are left over although there are tags, or there is no question.
    """
    tagged = any(isinstance(part, Sound) for message in messages for part in message.parts)
    if not sounds:
        return tuple(messages)
    if tagged:
        raise BadRow(f"{len(sounds)} more sounds than {TAG} tags")
    found = list(messages)
    for i, message in enumerate(found):
        if message.role == "user":
            found[i] = Message("user", (*sounds, *message.parts), message.taught)
            return tuple(found)
    raise BadRow("sounds, and no question that they belong to")


def sounds_of(value: Any) -> list[Sound]:
    """The sounds that a JSON value names: a path, ``{"path": …}``, or a list of them.

    Raises:
        BadRow: it is something else.
    """
    found = []
    for one in value if isinstance(value, list) else [] if value in (None, "") else [value]:
        if isinstance(one, Sound):  # of a format that builds on another
            found.append(one)
            continue
        path = one.get("path") if isinstance(one, dict) else one
        if not isinstance(path, str) or not path:
            raise BadRow(f"audio is neither a path nor an object with a path: {one!r}"[:200])
        found.append(Sound(path))
    return found


def text_of(row: Row, *names: str) -> str:
    """The first of these values that is a text and not empty, else ``""``."""
    return next((row[name] for name in names if isinstance(row.get(name), str) and row[name]), "")
