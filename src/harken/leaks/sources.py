"""Where a recording comes from, by its names: Freesound and YouTube ids, utterances, stems.

Datasets of audio are cut from a few sources and keep their ids in file names: ESC
(``1-100032-A-0``), UrbanSound8K (``100032-3-0-0``), FSD50K (the bare number), AudioSet and
AudioCaps (``Yb0RFKhbpFJA_30000_40000``), LibriSpeech (``84-121123-0000``), VCTK (``p225_001``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

SURE, LIKELY, WEAK = 1.0, 0.5, 0.25


@dataclass(frozen=True, slots=True)
class Origin:
    """One source that a name identifies.

    Attributes:
        kind: ``freesound``, ``youtube``, ``utterance``, ``speaker``, ``number`` or ``name``.
        id: in that kind's own terms.
        start_s: where in a video, if the name says so; else None.
        end_s: likewise.
    """

    kind: str
    id: str
    start_s: float | None = None
    end_s: float | None = None


_FREESOUND = (
    re.compile(r"freesound\.org/(?:people/[^/]+/sounds|s)/(\d+)"),
    re.compile(r"\bfreesound[_:/ -]?(\d{2,})\b", re.IGNORECASE),
    re.compile(r"^[1-5]-(\d{2,})-[A-Z](?:-\d{1,2})?$"),  # ESC
    re.compile(r"^(\d{2,})-\d-\d{1,3}-\d{1,3}$"),  # UrbanSound8K
)
_YOUTUBE = re.compile(
    r"^(?P<y>Y(?=[\w-]{11}(?:_|$)))?(?P<id>[\w-]{11})"
    r"(?:_(?P<start>\d+(?:\.\d+)?))?(?:_(?P<end>\d+(?:\.\d+)?))?$"
)
_UTTERANCE = (
    ("librispeech", re.compile(r"^((\d{2,5})-\d{3,7})-\d{4}$")),
    ("vctk", re.compile(r"^((p\d{3})_\d{3})(?:_mic\d)?$")),
)
_CLOCK = re.compile(r"^(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$")
_GENERIC = re.compile(
    r"^(?:audio|clip|sample|sound|track|file|wav|item|test|train|dev|valid|recording|rec|output|"
    r"speech|music|noise|id|utt|utterance|segment|seg|data|example|question|q|a|x)?[\s_.#-]*\d{0,5}"
    r"(?:[\s_.-]+\d{1,5})*$",
    re.IGNORECASE,
)
_TIMES = (("start_s", "end_s"), ("start_time", "end_time"), ("start", "end"), ("onset", "offset"))


def origins(names: Iterable[str], row: Mapping[str, Any] | None = None) -> frozenset[Origin]:
    """All origins that `names` (paths, URLs, ids of recordings) identify, a path by its stem.

    Args:
        names: of one item.
        row: its raw row, which may hold times beside the id of a video (``start_time``).
    """
    start, end = _times(row or {})
    found: set[Origin] = set()
    for name in names:
        for one in _read(name.strip()):
            if one.kind == "youtube" and one.start_s is None and start is not None:
                one = Origin("youtube", one.id, start, end)
            found.add(one)
    return frozenset(found)


def in_order(found: Iterable[Origin]) -> list[Origin]:
    """Origins by kind, id and time: what is looked up first does not depend on a set's order."""
    return sorted(found, key=lambda one: (one.kind, one.id, one.start_s or 0.0, one.end_s or 0.0))


def certainty(one: Origin, other: Origin) -> float:
    """How certainly two origins of one kind and id are one recording: `SURE`, `LIKELY` or `WEAK`.

    Other seconds of one video are `WEAK`: the same place and speakers, not the same audio.
    """
    if one.kind == "youtube" and other.kind == "youtube":
        if one.start_s is None or other.start_s is None:
            return LIKELY
        ends = [o.end_s if o.end_s is not None else (o.start_s or 0) + 10 for o in (one, other)]
        apart = max(one.start_s, other.start_s) >= min(ends)
        return WEAK if apart else SURE
    if one.kind == other.kind:
        return {"freesound": SURE, "utterance": SURE, "speaker": WEAK}.get(one.kind, LIKELY)
    return LIKELY


def keys(one: Origin) -> Iterator[tuple[str, str]]:
    """What an origin is looked up by: a bare number may be a Freesound id."""
    yield one.kind, one.id
    if one.kind == "freesound":
        yield "number", one.id
    if one.kind == "number":
        yield "freesound", one.id


def _read(name: str) -> Iterator[Origin]:
    if not name:
        return
    if "://" in name or name.startswith("www."):
        yield from _address(name)
        return
    base = os.path.basename(name.replace("\\", "/").rstrip("/"))
    stem, suffix = os.path.splitext(base)
    if not re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{1,4}", suffix):
        stem = base
    for text in dict.fromkeys((stem, name)):
        for pattern in _FREESOUND:
            if match := pattern.search(text):
                yield Origin("freesound", match[1].lstrip("0") or "0")
                return
    for corpus, pattern in _UTTERANCE:
        if match := pattern.match(stem):
            yield Origin("utterance", f"{corpus} {stem}")
            yield Origin("speaker", f"{corpus} {match[2] or match[1]}")
            return
    if video := _video(stem):
        yield video
        return
    if re.fullmatch(r"\d{4,}", stem):
        yield Origin("number", stem.lstrip("0") or "0")
    elif distinctive(stem):
        yield Origin("name", stem.casefold())


def _video(stem: str) -> Origin | None:
    """A stem as in AudioSet: the id of a video, with its seconds or milliseconds."""
    match = _YOUTUBE.match(stem)
    if match is None:
        return None
    id_ = match["id"]
    # Random characters switch class often, words and dates do not.
    switches = sum(_class(a) != _class(b) for a, b in pairwise(id_))
    random = switches >= 4 and id_ != id_.lower() and id_ != id_.upper()
    if not (random or (match["y"] and switches)):
        return None
    start, end = (float(match[part]) if match[part] else None for part in ("start", "end"))
    if start is not None and end is not None and end - start >= 500:
        start, end = start / 1000, end / 1000  # given in milliseconds
    return Origin("youtube", id_, start, end)


def _class(sign: str) -> str:
    return "digit" if sign.isdigit() else "upper" if sign.isupper() else (
        "lower" if sign.islower() else "sign"
    )  # fmt: skip


def _address(name: str) -> Iterator[Origin]:
    for pattern in _FREESOUND[:1]:
        if match := pattern.search(name):
            yield Origin("freesound", match[1])
            return
    parts = urlsplit(name if "://" in name else f"https://{name}")
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    query = parse_qs(parts.query)
    last = parts.path.rstrip("/").rsplit("/", 1)[-1]
    if host in ("youtube.com", "youtu.be", "youtube-nocookie.com"):
        id_ = (query.get("v") or [last])[0]
        if re.fullmatch(r"[\w-]{11}", id_):
            at = _seconds((query.get("t") or query.get("start") or [""])[0].rstrip("s"))
            yield Origin("youtube", id_, at)
    elif host == "bilibili.com" and last.upper().startswith("BV"):
        yield Origin("name", f"bilibili {last}".casefold())
    elif distinctive(os.path.splitext(last)[0]):
        yield Origin("name", os.path.splitext(last)[0].casefold())


def distinctive(stem: str) -> bool:
    """Whether a bare name is unlikely to be used for different recordings in two datasets."""
    return len(stem) >= 6 and any(c.isdigit() for c in stem) and not _GENERIC.match(stem)


def _times(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Start and end in seconds, from two fields or from one that holds a range."""
    for start_key, end_key in _TIMES:
        start = _seconds(row.get(start_key))
        if start is not None:
            return start, _seconds(row.get(end_key))
    pieces = re.split(r"\s*[-–,~]\s*", str(row.get("timestamp") or ""))
    if len(pieces) == 2:
        start, end = (_seconds(piece) for piece in pieces)
        if start is not None and end is not None:
            return start, end
    return None, None


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if match := _CLOCK.match(text):
        hours, minutes, seconds = match.groups()
        return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)
    try:
        return float(text)
    except ValueError:
        return None
