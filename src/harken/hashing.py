"""Canonical JSON and short BLAKE2b hashes, used for all keys and identities."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

# Created once: json.dumps creates a new encoder for every call.
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal values give equal text."""
    return _ENCODER.encode(value)


def digest(text: str | bytes, size: int = 16) -> str:
    """BLAKE2b of `text` as `size` hex digits."""
    # JSON may hold half of a surrogate pair; what is hashed need not be valid text.
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=size // 2).hexdigest()


def digest_all(texts: Iterable[str], size: int = 16) -> str:
    """BLAKE2b of texts one after another, each with its length, as `size` hex digits."""
    found = hashlib.blake2b(digest_size=size // 2)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.hexdigest()


SEAL = "checksum"
"""Key of a sealed object: the hash of all its other keys."""


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """`value` with a checksum of its content, so that a change of any byte of it is noticed."""
    plain = {key: held for key, held in value.items() if key != SEAL}
    return {**plain, SEAL: digest(canonical(plain))}


def seal_fits(value: Mapping[str, Any]) -> bool:
    """Whether the checksum of a sealed object fits; true where there is none to compare."""
    return SEAL not in value or sealed(value)[SEAL] == value[SEAL]
