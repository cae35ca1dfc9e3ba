"""The API key: found in whatever form, kept and shown in none; placeholders are no secret."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.models.http.secret import WINDOW, Secret, is_placeholder

KEY = "sk-proj-Zq3vX8mR_t41LkWb9Yp02sNdHc7"
SECRET = Secret(KEY)

FORMS = {
    "whole": KEY,
    "in a sentence": f"Incorrect API key provided: {KEY}. Visit us.",
    "capitals": KEY.upper(),
    "small letters": KEY.lower(),
    "cut behind": KEY[:20],
    "cut before": KEY[-15:],
    "masked": KEY[:6] + "*" * 12 + KEY[-12:],
    "spaced": " ".join(KEY),
    "over two lines": f"{KEY[:18]}\n{KEY[18:]}",
    "dashes instead": KEY.replace("_", "-"),
    "URL-encoded": quote(KEY, safe=""),
    "all percent": "".join(f"%{ord(c):02x}" for c in KEY),
    "twice URL-encoded": quote("".join(f"%{ord(c):02X}" for c in KEY)),
    "JSON escapes": "".join(f"\\u{ord(c):04x}" for c in KEY),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of a header": base64.b64encode(f"Authorization: Bearer {KEY}".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"x{KEY}".encode()).decode(),
    "hexadecimal": KEY.encode().hex(),
    "full width": "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in KEY),
    "zero width": "\u200b".join(KEY),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_and_nothing_of_it_is_left(form: str) -> None:
    text = f"before {FORMS[form]} after"
    assert SECRET.held_by(text)
    shown = SECRET.redacted(text)
    assert not SECRET.held_by(shown) and "API key" in shown
    assert KEY[:12] not in shown and KEY[-12:] not in shown


def test_a_key_split_over_fields_is_found() -> None:
    assert SECRET.held_by(KEY[:7], KEY[7:14], KEY[14:21], KEY[21:])
    assert not SECRET.held_by("A", "B", "whisper-1", "fp_0a1b2c3d4e")


def test_what_stands_around_the_key_stays() -> None:
    assert (
        SECRET.redacted(f"401: wrong key {KEY}, try again") == "401: wrong key (API key), try again"
    )
    text = "A dog barks. The answer is B (clip 2)."
    assert SECRET.redacted(text) == text


@pytest.mark.parametrize(
    "word",
    ["", "none", "None", "EMPTY", "null", "x", "sk-xxx", "xxxxxxxxxxxxxxxx", "abc123", "not-needed",
     "no-key-required", "sk-no-key-required", "dummy", "token", "YOUR_API_KEY", "lm-studio",
     "ollama", "sk-0000000000", "placeholder", "-"],
)  # fmt: skip
def test_placeholders_are_no_secret(word: str) -> None:
    assert is_placeholder(word)
    assert not Secret(word).held_by(f"none of these: {word}", "EMPTY", word)
    assert Secret(word).redacted(f"the answer is {word}") == f"the answer is {word}"


@pytest.mark.parametrize(
    "key", ["token-abc123", "sk-very-secret", "correct horse battery staple", KEY, "a1b2c3d4"]
)
def test_short_and_wordy_keys_are_secrets(key: str) -> None:
    assert not is_placeholder(key)
    assert Secret(key).held_by(f"the key is {key}!") and Secret(key).held_by(key.upper())


def test_words_that_a_wordy_key_shares_with_a_reply_are_not_the_key() -> None:
    secret = Secret("my-audio-benchmark-evaluation-7f3a9c")
    assert not secret.held_by("My audio benchmark is quiet; the evaluation says B.")


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_redacting_leaves_no_part_and_changes_no_other_text(text: str) -> None:
    shown = SECRET.redacted(text)
    assert not SECRET.held_by(shown)
    if not SECRET.held_by(text):
        assert shown == text


@given(st.integers(0, len(KEY) - 12), st.integers(12, len(KEY)))
def test_any_stretch_of_twelve_is_found(start: int, length: int) -> None:
    piece = KEY[start : start + length]
    plain = [c for c in piece if c.isalnum()]
    if len(plain) >= WINDOW + 2 and any(c.isdigit() for c in plain[2:-2]):
        assert SECRET.held_by(f"({piece})")


@pytest.mark.parametrize("before", ["", "x", "k=", "key", "user", "token"])
@pytest.mark.parametrize("behind", ["", "&", "&n", "&n="])
def test_base64_is_found_wherever_the_key_begins_in_it(before: str, behind: str) -> None:
    sent = base64.b64encode(f"{before}{KEY}{behind}".encode()).decode()
    assert SECRET.held_by(f"said: {sent}")
    assert not SECRET.held_by(SECRET.redacted(sent))
