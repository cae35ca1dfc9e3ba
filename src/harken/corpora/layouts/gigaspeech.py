"""GigaSpeech: segments of audiobooks, podcasts and videos (Chen et al. 2021, arXiv 2106.06909).

``GigaSpeech.json`` with ``audios``: each a file (``path``) and ``segments`` of it (``sid``,
``begin_time``, ``end_time``, ``text_tn``, ``subsets``). A segment is a recording. Punctuation tags
(``<COMMA>`` …) become punctuation. A segment that is ``<SIL>``, ``<MUSIC>``, ``<NOISE>`` or
``<OTHER>`` has no speech: it is kept without a transcript, music as music. The licence is that of
each source, for non-commercial research.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harken.corpora.base import Entry, Kind, Layout, Reject
from harken.corpora.tables import read_text
from harken.errors import DataError
from harken.parsing import parse_json

_LIST = "GigaSpeech.json"
_MARKS = {"<COMMA>": ",", "<PERIOD>": ".", "<QUESTIONMARK>": "?", "<EXCLAMATIONPOINT>": "!"}
_OTHER = {"<SIL>", "<MUSIC>", "<NOISE>", "<OTHER>"}
_SPLITS = {"{DEV}": "dev", "{TEST}": "test"}


def matches(root: Path) -> bool:
    """``GigaSpeech.json``."""
    return (root / _LIST).is_file()


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every segment with its text, by file.

    Raises:
        DataError: the list is not JSON with ``audios``.
    """
    try:
        audios = parse_json(read_text(root / _LIST))["audios"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"not the list of GigaSpeech: {error}", where=_LIST, hint="Take it as it was published."
        ) from None
    for audio in audios:
        path = audio.get("path") if isinstance(audio, dict) else None
        if not isinstance(path, str) or not path:
            yield Reject(f"{_LIST}: {_name(audio)}", "bad-row", "it has no path")
            continue
        for segment in audio.get("segments") or ():
            found = _entry(path, audio, segment)
            yield Reject(path, "bad-row", found) if isinstance(found, str) else found


def _name(audio: Any) -> str:
    return str(audio.get("aid", "?")) if isinstance(audio, dict) else repr(audio)[:40]


def _entry(path: str, audio: dict[str, Any], segment: Any) -> Entry | str:
    """One segment, or why it is none."""
    try:
        start, end = float(segment["begin_time"]), float(segment["end_time"])
        words = str(segment["text_tn"]).split()
    except (KeyError, TypeError, ValueError) as error:
        return f"a segment lacks {error}"
    if not 0 <= start < end:
        return f"segment {segment.get('sid', '?')} runs from {start:g} s to {end:g} s"
    spoken = not words or words[0] not in _OTHER
    kind: Kind = "speech" if spoken else "music" if words[0] == "<MUSIC>" else "sound"
    subsets = segment.get("subsets") or ()
    return Entry(
        path,
        id=f"gigaspeech:{audio.get('aid', path)}",
        kind=kind,
        transcript=_text(words) if spoken and words else None,
        split=next((_SPLITS[name] for name in subsets if name in _SPLITS), "train"),
        licence="GigaSpeech, non-commercial research",
        start_s=start,
        length_s=end - start,
    )


def _text(words: list[str]) -> str:
    """The words in lower case, with punctuation where tags were."""
    text = " ".join(_MARKS.get(word, word.lower()) for word in words)
    return re.sub(r" ([,.?!])", r"\1", text)


LAYOUT = Layout("gigaspeech", "GigaSpeech: segments of long recordings", matches, entries)
