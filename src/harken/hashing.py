"""One text for one value, and short hashes of it: the base of every identity."""

from __future__ import annotations

import hashlib
import json
from typing import Any

# Made once: json.dumps makes a new encoder for every call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: one text for one value, the base of every hash."""
    return _ENCODER.encode(value)


def digest(text: str | bytes, size: int = 16) -> str:
    """BLAKE2b of `text` as `size` hex digits."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=size // 2).hexdigest()
