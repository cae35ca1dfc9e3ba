"""LLaMA-Factory's sets: alpaca and sharegpt with ``audios``, described by ``dataset_info.json``.

* alpaca: ``instruction``, ``input`` (joined by a line break), ``output``, ``system``, ``history``
  (pairs of a question and a reply, which are taught too).
* sharegpt: ``conversations`` of ``{"from": "human" | "gpt", "value": …}``, ``system``.
* openai: the same with ``{"role": "user" | "assistant", "content": …}``, also as ``messages``.

``<audio>`` in the text is the place of the next of ``audios``. A pair has ``chosen`` and
``rejected``, texts or messages. ``dataset_info.json`` beside the file or above it (or named itself,
where it lists one file) may name other columns and tags; of several entries name the file, not the
list. Only one's own files are read; ``kto_tag: false`` marks a bad answer, which is no answer to
teach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harken.errors import DataError
from harken.files import real_path
from harken.listed import listed
from harken.parsing import load_json
from harken.shards.formats.base import (
    BadRow,
    DatasetFormat,
    Found,
    Message,
    Role,
    Row,
    Sample,
    placed,
    sounds_of,
    text_of,
    with_sounds,
)
from harken.shards.formats.rows import LINES, each_row

LIST = "dataset_info.json"
FORMATTINGS = ("alpaca", "sharegpt", "openai")
_COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "history": "history",
    "messages": "conversations",
    "system": "system",
    "audios": "audios",
    "chosen": "chosen",
    "rejected": "rejected",
    "kto_tag": "kto_tag",
}
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "system_tag": "system",
}
_OPENAI = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
}
_OTHER_MEDIA = ("images", "videos", "tools")
_LEVELS = 4
"""In how many folders, upwards from a file, its list is looked for."""


def matches(path: Path, rows: Sequence[Row]) -> bool:
    """A described file or list of files, or rows of alpaca or sharegpt."""
    if _entries(path / LIST if path.is_dir() else path) and not rows:
        return True
    if path.name == LIST and _entries(path):
        return True
    if not path.is_file() or not rows:
        return False
    if _entry_of(path):
        return True
    return all(_is_alpaca(row) or _is_sharegpt(row) for row in rows)


def _is_alpaca(row: Row) -> bool:
    return isinstance(row.get("instruction"), str) and ("output" in row or "chosen" in row)


def _is_sharegpt(row: Row) -> bool:
    turns = row.get("conversations")
    return (
        isinstance(turns, list)
        and bool(turns)
        and all(isinstance(turn, dict) and {"from", "value"} <= {*turn} for turn in turns)
        and not any("type" in turn for turn in turns)
    )


def samples(path: Path) -> Iterator[Found]:
    """See `DatasetFormat.samples`.

    Raises:
        DataError: a list of several sets, or one that names no file of its folder; an unknown
            formatting.
    """
    if path.is_dir() or path.name == LIST:
        path = _only_file(path / LIST if path.is_dir() else path)
    entry = _entry_of(path)
    formatting = (entry or {}).get("formatting") or "alpaca"
    if formatting not in FORMATTINGS:
        raise DataError(
            f"its entry in {LIST} has the formatting {formatting!r}",
            where=str(path),
            hint=f"Known: {', '.join(FORMATTINGS)}.",
        )
    return each_row(path, partial(sample, described=entry))


def sample(row: Row, described: Mapping[str, Any] | None = None) -> Sample:
    """One row, read as the entry of `LIST` says; raises BadRow."""
    entry = described or {}
    columns = {**_COLUMNS, **(entry.get("columns") or {})}
    formatting = entry.get("formatting")
    spoken = _OPENAI if formatting == "openai" else {}
    tags = {**_TAGS, **spoken, **(entry.get("tags") or {})}
    if spoken and columns["messages"] not in row and "messages" in row:
        columns["messages"] = "messages"
    shared = formatting in ("sharegpt", "openai")
    if not entry:
        shared = "conversations" in row
    other = [name for name in _OTHER_MEDIA if row.get(columns.get(name, name))]
    if other:
        raise BadRow(f"it has {', '.join(other)}, and only audio and text can be taught")
    if row.get(columns["kto_tag"]) is False:
        raise BadRow("kto_tag is false: the answer is marked as bad, which is no answer to teach")
    sounds = sounds_of(row.get(columns["audios"]))
    turns = _shared(row, columns, tags) if shared else _alpaca(row, columns)
    messages = [Message(role, placed(text, sounds)) for role, text in turns]
    return Sample(
        with_sounds(messages, sounds),
        rejected=_said(row.get(columns["rejected"]), tags),
        key=str(row.get("id") or ""),
    )


def _alpaca(row: Row, columns: Mapping[str, str]) -> list[tuple[Role, str]]:
    """(role, text) of a row of alpaca."""
    found: list[tuple[Role, str]] = []
    if system := text_of(row, columns["system"]):
        found.append(("system", system))
    for asked, reply in row.get(columns["history"]) or ():
        found += [("user", asked), ("assistant", reply)]
    asked = "\n".join(filter(None, (row[columns["prompt"]], row.get(columns["query"]))))
    reply = row.get(columns["chosen"]) or row.get(columns["response"])
    return [*found, ("user", asked), ("assistant", _text(reply, columns["response"]))]


def _shared(
    row: Row, columns: Mapping[str, str], tags: Mapping[str, str]
) -> list[tuple[Role, str]]:
    """(role, text) of a row of sharegpt."""
    roles: dict[str, Role] = {
        tags["user_tag"]: "user",
        tags["assistant_tag"]: "assistant",
        tags["system_tag"]: "system",
    }
    found: list[tuple[Role, str]] = []
    turns = list(row[columns["messages"]])
    if row.get(columns["chosen"]) is not None:
        turns.append(row[columns["chosen"]])
    for turn in turns:
        said = turn[tags["role_tag"]]
        if said not in roles:
            raise BadRow(f"a message of {said!r}, where {', '.join(roles)} are understood")
        found.append((roles[said], _text(turn[tags["content_tag"]], tags["content_tag"])))
    if (system := text_of(row, columns["system"])) and not (found and found[0][0] == "system"):
        found.insert(0, ("system", system))
    return found


def _said(value: Any, tags: Mapping[str, str]) -> str:
    """The text of a rejected answer, or of a message that holds it."""
    if value in (None, ""):
        return ""
    return _text(value[tags["content_tag"]] if isinstance(value, dict) else value, "rejected")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise BadRow(f"{name!r} is {value!r}, not text"[:200])
    return value


def _entries(path: Path) -> dict[str, Any]:
    """The sets that a `LIST` describes; none if it is no such list."""
    if path.name != LIST or not path.is_file():
        return {}
    try:
        raw = load_json(path)
    except (OSError, ValueError):
        return {}
    if not isinstance(raw, dict) or not raw:
        return {}
    known = ("file_name", "hf_hub_url", "ms_hub_url", "script_url", "cloud_file_name")
    fits = all(isinstance(one, dict) and any(key in one for key in known) for one in raw.values())
    return raw if fits else {}


def _entry_of(path: Path) -> dict[str, Any] | None:
    """The entry that describes a file, in the `LIST` beside it or in a folder above."""
    own = real_path(path)
    for folder in [*own.parents][:_LEVELS]:
        for entry in _entries(folder / LIST).values():
            named = entry.get("file_name")
            if named and real_path(folder / str(named)) in (own, own.parent):
                return dict(entry)
    return None


def _only_file(path: Path) -> Path:
    """The one file that a `LIST` describes."""
    files = [str(one["file_name"]) for one in _entries(path).values() if one.get("file_name")]
    if len(files) != 1:
        raise DataError(
            f"the list describes {len(files)} files of its own: {listed(files) or 'none'}",
            where=str(path),
            hint="Name the file of the set instead of the list.",
        )
    named = path.parent / files[0]
    if not named.is_dir():
        return named
    inside = sorted(one for one in named.iterdir() if one.suffix.lower() in (*LINES, ".json"))
    if len(inside) != 1:
        raise DataError(
            f"the list describes a folder of {len(inside)} files",
            where=str(named),
            hint="Name one of its files instead of the list.",
        )
    return inside[0]


FORMAT = DatasetFormat(
    "llama-factory",
    "LLaMA-Factory's alpaca and sharegpt with audios, and dataset_info.json",
    matches,
    samples,
)
