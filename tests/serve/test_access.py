"""The Host header and the key, without a server."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from harken.serve.access import KEY_ENV, Access
from harken.serve.fields import BadRequest


def request(host: str, reached: str = "", **headers: str) -> Any:
    socket = SimpleNamespace(get_extra_info=lambda _: (reached, 80) if reached else None)
    return SimpleNamespace(host=host, transport=socket, headers=headers)


@pytest.mark.parametrize(
    "host", ["", "[::bad", ":80", "evil.example", "127.0.0.2", "localhost.x", "box"]
)
def test_on_the_loopback_only_its_names_are_accepted(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_ENV, raising=False)
    monkeypatch.setattr("socket.gethostname", lambda: "box")  # its name is no loopback
    rules = Access("127.0.0.1")
    with pytest.raises(BadRequest) as refused:
        rules.check(request(host, reached="127.0.0.1"))
    assert refused.value.status == 403
    for own in ("127.0.0.1:8000", "LOCALHOST", "[::1]:8000"):
        rules.check(request(own))


@pytest.mark.parametrize("host", ["10.0.0.9", "10.0.0.9:8000"])
def test_elsewhere_the_address_that_was_reached_is_accepted(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_ENV, raising=False)
    rules = Access("0.0.0.0", open=True)
    rules.check(request(host, reached="10.0.0.9"))
    for other in (request(host, reached="10.0.0.8"), request("", reached="10.0.0.9"), request("")):
        with pytest.raises(BadRequest):
            rules.check(other)


@pytest.mark.parametrize(
    ("sent", "right"),
    [
        ("Bearer open-sesame", True),
        ("", False),
        ("Bearer ", False),
        ("Bearer open", False),
        ("Bearer open-sesame2", False),
        ("open-sesame", False),
    ],
)
def test_the_whole_key_must_be_sent(
    sent: str, right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ENV, " open-sesame\n")
    rules = Access("127.0.0.1")
    asked = request("localhost", Authorization=sent)
    if right:
        rules.check(asked)
        return
    with pytest.raises(BadRequest) as refused:
        rules.check(asked)
    assert refused.value.status == 401
