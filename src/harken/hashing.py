"""Canonical JSON and short BLAKE2b hashes, used for all keys and identities."""

from __future__ import annotations

import hashlib
import json
from typing import Any

# Created once: json.dumps creates a new encoder for every call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal values give equal text."""
    return _ENCODER.encode(value)


def digest(text: str | bytes, size: int = 16) -> str:
    """BLAKE2b of `text` as `size` hex digits."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=size // 2).hexdigest()
