"""ms-swift's JSON lines: ``messages`` and ``audios``, and its older forms.

Standard (docs "Custom dataset" of ms-swift 3 and 4)::

    {"messages": [{"role": "user", "content": "<audio>What is said?"},
                  {"role": "assistant", "content": "hello"}], "audios": ["a.wav"]}

A message of the assistant may say ``"loss": false``: it is context and not taught. Messages of
the assistant in a row are one, with nothing between them, as in ms-swift. Content may be a
list of blocks (``{"type": "audio", "audio": path}``, ``{"type": "text", "text": …}``). Other keys:
``system``; ``rejected_response`` (a preference pair, also as ``rejected_messages``); ``solution``
(of GRPO) where no reply stands in the conversation; ``label: false`` (of KTO) marks a bad answer,
which is no answer to teach. Older forms: ``query``, ``response``, ``history`` (pairs), and sounds
written as ``<audio>path</audio>`` in the text; ``conversation`` of ``{"human", "assistant"}``.
Tags are filled in order; where sounds are named and no tag stands anywhere, they come first, as in
ms-swift.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harken.shards.formats.base import (
    ROLES,
    BadRow,
    DatasetFormat,
    Found,
    Message,
    Row,
    Sample,
    Sound,
    placed,
    sounds_of,
    text_of,
    with_sounds,
)
from harken.shards.formats.rows import each_row

_OTHER_MEDIA = ("images", "videos", "image", "video", "objects", "tools")
_ANSWER = re.compile(r"\s*<answer>(.*?)</answer>\s*", re.S)


def matches(path: Path, rows: Sequence[Row]) -> bool:
    """Every row has a conversation in one of ms-swift's forms."""
    return bool(rows) and all(_has_conversation(row) for row in rows)


def _has_conversation(row: Row) -> bool:
    messages = row.get("messages")
    if isinstance(messages, list) and messages:
        return all(isinstance(one, dict) and "role" in one for one in messages)
    pairs = row.get("conversation")
    if isinstance(pairs, list) and pairs:
        return all(isinstance(one, dict) and "human" in one for one in pairs)
    return isinstance(row.get("query"), str) and ("response" in row or "solution" in row)


def samples(path: Path) -> Iterator[Found]:
    """See `DatasetFormat.samples`."""
    return each_row(path, sample)


def sample(row: Row) -> Sample:
    """One row; raises BadRow."""
    other = [name for name in _OTHER_MEDIA if row.get(name)]
    if other:
        raise BadRow(f"it has {', '.join(other)}, and only audio and text can be taught")
    if row.get("label") is False:
        raise BadRow("label is false: the answer is marked as bad, which is no answer to teach")
    sounds = sounds_of(row.get("audios") or row.get("audio"))
    messages = [_message(raw, sounds) for raw in _raw_messages(row)]
    if messages and messages[-1].role == "user" and text_of(row, "solution"):
        found = _ANSWER.fullmatch(row["solution"])
        messages.append(Message("assistant", (found[1].strip() if found else row["solution"],)))
    return Sample(
        with_sounds(messages, sounds),
        rejected=_rejected(row),
        key=str(row.get("id") or ""),
        task=text_of(row, "task"),
        joiner="",
    )


def _raw_messages(row: Row) -> list[dict[str, Any]]:
    """The conversation as ``{"role", "content"}``, whatever its form."""
    found: list[dict[str, Any]] = []
    if system := text_of(row, "system"):
        found.append({"role": "system", "content": system})
    if "messages" in row:
        return [*found, *row["messages"]]
    pairs: list[Any] = [*(row.get("history") or ())]
    if "conversation" in row:
        pairs = [[one["human"], one["assistant"]] for one in row["conversation"]]
    else:
        pairs.append([row["query"], row.get("response")])
    for asked, reply in pairs:
        found.append({"role": "user", "content": asked})
        if reply is not None:
            found.append({"role": "assistant", "content": reply})
    return found


def _message(raw: Any, sounds: list[Sound]) -> Message:
    role = ROLES.get(str(raw.get("role", "")).lower()) if isinstance(raw, dict) else None
    if role is None:
        raise BadRow(f"a message of {raw.get('role') if isinstance(raw, dict) else raw!r}, where "
                     "system, user and assistant are understood")  # fmt: skip
    content = raw.get("content")
    blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
    parts: list[str | Sound] = []
    for block in blocks:
        parts += _block(block, sounds)
    return Message(role, tuple(parts), taught=raw.get("loss") not in (False, 0))


def _block(block: Any, sounds: list[Sound]) -> tuple[str | Sound, ...]:
    """The parts of one block of a message's content."""
    kind = block.get("type", "text") if isinstance(block, dict) else "text"
    if kind == "text":
        text = block.get("text") if isinstance(block, dict) else block
        if not isinstance(text, str):
            raise BadRow(f"the content of a message is {text!r}, not text"[:200])
        return placed(text, sounds)
    if kind in ("audio", "audio_url", "input_audio"):
        named = next((block[k] for k in ("audio", "audio_url", "path", "url") if k in block), None)
        named = named.get("url") if isinstance(named, dict) and "url" in named else named
        own = sounds_of(named) or sounds[:1]
        if not named:  # a block that stands for the next sound of the list
            del sounds[:1]
        if not own:
            raise BadRow("a block of audio names no sound")
        return tuple(own)
    raise BadRow(f"a block of type {kind!r}, and only audio and text can be taught")


def _rejected(row: Row) -> str:
    value = row.get("rejected_response")
    if value is None and row.get("rejected_messages"):
        value = row["rejected_messages"][-1].get("content")
    if value in (None, ""):
        return ""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, str):
        raise BadRow(f"rejected_response is {value!r}, not one text"[:200])
    return value


FORMAT = DatasetFormat(
    "ms-swift", "ms-swift's JSON lines: messages (or query, response) and audios", matches, samples
)
