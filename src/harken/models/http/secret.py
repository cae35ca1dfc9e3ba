"""The API key in what a server sends: found in whatever form, so that none of it is kept or shown.

A server that echoes the key may do so whole, cut, split, in capitals, URL-encoded, as JSON escapes,
in base64 or hexadecimal. Text and key are therefore compared by their letters and digits alone, and
any `WINDOW` of these in a row is as good as the key.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

WINDOW = 8
"""Letters and digits of the key in a row, one of them a digit, that no other text has by chance."""

_PLAIN_WINDOW = 20  # likewise without a digit: keys may be made of words
_SHORTEST = 8  # letters and digits of a key; a shorter one is a placeholder
_PLACEHOLDERS = [
    "a",
    "an",
    "any",
    "anything",
    "api",
    "apikey",
    "auth",
    "changeme",
    "default",
    "dummy",
    "empty",
    "example",
    "fake",
    "foo",
    "bar",
    "here",
    "ignore",
    "ignored",
    "key",
    "lm",
    "lmstudio",
    "local",
    "localhost",
    "my",
    "needed",
    "no",
    "none",
    "not",
    "null",
    "ollama",
    "openai",
    "placeholder",
    "required",
    "secret",
    "sglang",
    "sk",
    "some",
    "string",
    "studio",
    "test",
    "testing",
    "the",
    "this",
    "token",
    "tokens",
    "unused",
    "vllm",
    "x",
    "xx",
    "xxx",
    "xxxx",
    "your",
]
_SHOWN = "(API key)"
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|&#(\d{2,3});")


def is_placeholder(key: str) -> bool:
    """Whether a key is none: empty, short, or made of words such as ``not-needed``.

    Servers without keys are given some word as key; replies may well hold that word.
    """
    plain = _plain(key)
    words = [word for word in re.split(r"[\W_]+", key.casefold()) if word]
    return len(plain) < _SHORTEST or len(set(plain)) < 4 or {*words} <= {*_PLACEHOLDERS}


class Secret:
    """An API key to be kept out of everything; for a placeholder nothing is looked for.

    Attributes:
        value: the key, as it is sent.
    """

    def __init__(self, value: str) -> None:
        """The key as the environment has it."""
        self.value = value.strip()
        forms = [] if is_placeholder(self.value) else [_plain(one) for one in _forms(self.value)]
        plain = min(_PLAIN_WINDOW, len(_plain(self.value)))
        self._windows = {
            WINDOW: {
                one
                for form in forms
                for one in _windows(form, WINDOW)
                if any(map(str.isdigit, one))
            },
            plain: {one for form in forms for one in _windows(form, plain)},
        }

    def held_by(self, *texts: str) -> bool:
        """Whether one of `texts`, or all of them one after the other, hold a part of the key."""
        if not any(self._windows.values()):
            return False
        return any(self._in(text) for text in (*texts, "".join(texts)))

    def redacted(self, text: str) -> str:
        """`text` with every part of the key replaced."""
        if not self.held_by(text):
            return text
        letters = [(c, i) for i, one in enumerate(text) for c in _plain(one)]
        plain = "".join(c for c, _ in letters)
        hidden: set[int] = set()
        for size, known in self._windows.items():
            for start, window in enumerate(_windows(plain, size)):
                if window in known:
                    hidden.update(range(letters[start][1], letters[start + size - 1][1] + 1))
        shown = "".join(
            one if i not in hidden else _SHOWN if i - 1 not in hidden else ""
            for i, one in enumerate(text)
        )
        return "(a message that held the API key)" if self.held_by(shown) else shown

    def _in(self, text: str) -> bool:
        return any(
            window in known
            for plain in {_plain(text): None, _plain(_decoded(text)): None}
            for size, known in self._windows.items()
            for window in _windows(plain, size)
        )


def _forms(key: str) -> Iterator[str]:
    """The key, and what encodings make of it."""
    yield key
    data = key.encode()
    yield data.hex()
    for sent in (data, b"Bearer " + data):
        for shift in range(3):  # base64 depends on where the key begins in what is encoded
            text = base64.b64encode(b"\0" * shift + sent).decode().rstrip("=")
            # What is before and behind the key shares the outer letters with it.
            yield text[4 if shift else 0 : len(text) - 1]


def _plain(text: str) -> str:
    """Letters and digits of `text` without case, whatever stands between them."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


def _decoded(text: str) -> str:
    """`text` with URL encoding, JSON escapes and character references undone."""
    plain = _ESCAPE.sub(
        lambda m: chr(int(m[1] or m[2], 16) if m[1] or m[2] else int(m[3])), unquote(unquote(text))
    )
    return plain


def _windows(text: str, size: int) -> Iterator[str]:
    """Every `size` characters in a row."""
    return (text[start : start + size] for start in range(len(text) - size + 1))
