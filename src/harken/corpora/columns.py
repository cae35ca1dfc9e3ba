"""Columns of lists of recordings: the names that are understood, and what each is read as."""

from __future__ import annotations

from collections import Counter
from typing import Any

from harken.corpora.tables import heading_name

_OTHER = {
    "path": "file filename file_name audio audio_filepath audio_file audio_filename audio_path "
    "filepath file_path wav wav_file wav_filename wav_path fname slice_file_name relative_path",
    "id": "recording recording_id source source_id src_file source_file freesound_id fsid",
    "labels": "label category class class_name classname tag tags event_label sound_class "
    "class_label",
    "transcript": "text transcription sentence transcripts normalized_text",
    "speaker": "speaker_id client_id spk spk_id speakerid speaker_name",
    "sex": "gender speaker_sex",
    "split": "subset set partition",
    "licence": "license",
    "sha256": "sha_256",
    "duration": "duration_s duration_seconds length_s",
    "kind": "audio_kind",
    "accent": "accents dialect",
    "age": "age_group speaker_age",
    "emotion": "emotion_label",
    "intent": "intent_label",
    "description": "descriptions title keywords",
}
OTHER_NAMES = {other: name for name, others in _OTHER.items() for other in others.split()}
"""Other names of columns -> the name they are read as."""

COLUMNS = frozenset({*_OTHER, "fold", "onset", "offset", "onsets"})

OWN = frozenset({"plan"})
"""Columns of harken's own lists that say how a sound was made: left aside without a note."""

HEADINGS = frozenset({*OTHER_NAMES, *COLUMNS})
"""All names by which a heading is recognised."""


def known_columns(raw: dict[Any, Any], unread: Counter[str]) -> dict[str, Any]:
    """The values by the names in `COLUMNS`; empty ones are left out, unknown names counted.

    Of several columns for one thing that which has its own name is read, else the first.
    """
    row: dict[str, Any] = {}
    own: dict[str, str] = {}
    for key, value in raw.items():
        key = heading_name(key)
        name = OTHER_NAMES.get(key, key)
        if value is None or (isinstance(value, (str, list)) and not value):
            continue
        if name in OWN:
            continue
        if name not in COLUMNS:
            unread[key] += 1
            continue
        if name in row and _rank(key, name) >= _rank(own[name], name):
            unread[key] += 1
            continue
        if name in row:
            unread[own[name]] += 1
        row[name], own[name] = value, key
    return row


def _rank(key: str, name: str) -> int:
    return 0 if key == name or (key, name) == ("label", "labels") else 1


def has_key(raw: dict[Any, Any], name: str) -> bool:
    """Whether a row has the key `name`, however it is written."""
    return any(heading_name(key) == name for key in raw)
