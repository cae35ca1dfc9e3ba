"""Who may ask a server: the Host header, the API key, and the address it may listen on."""

from __future__ import annotations

import hmac
import os
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web

from harken.errors import ConfigError
from harken.serve.fields import BadRequest

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEY_ENV = "HARKEN_SERVE_KEY"


class Access:
    """The rules of one server.

    The Host header must name an address of this computer, or one of `hosts`: a web page in a
    browser that reaches the server by a name of its own (DNS rebinding) is refused.
    """

    def __init__(self, host: str, *, hosts: Sequence[str] = (), open: bool = False) -> None:
        """Rules for a server that listens on `host`.

        Args:
            host: address to listen on.
            hosts: further names in the Host header, such as that of a proxy.
            open: answer without a key although `host` is not the loopback.

        Raises:
            ConfigError: another host than the loopback, without a key and without `open`.
        """
        self._key = os.environ.get(KEY_ENV, "").strip().encode("utf-8", "surrogateescape")
        local = host in LOOPBACK
        if not local and not self._key and not open:
            raise ConfigError(
                f"other computers could use a server on {host or 'all addresses'} without a key",
                where="--host",
                hint=f"Set {KEY_ENV} to a key that clients must send, or add --no-key to answer "
                "everybody who can reach the address.",
            )
        own = () if local else (host, socket.gethostname())
        self._hosts = frozenset(name.lower() for name in (*LOOPBACK, *own, *hosts) if name)
        self._local = local

    def check(self, request: web.Request) -> None:
        """Raise BadRequest for a request from elsewhere (403) or without the key (401)."""
        try:
            host = (urlsplit(f"//{request.host}").hostname or "").lower()
        except ValueError:
            host = ""
        if host not in self._hosts and not (host and host == self._reached(request)):
            found = "this server accepts requests on the loopback only"
            if not self._local:
                found = f"the Host header {host[:80]!r} names no address of this server"
            raise BadRequest(found, status=403)
        if not self._key:
            return
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, b"Bearer " + self._key):
            raise BadRequest("the API key is missing or wrong", status=401)

    def _reached(self, request: web.Request) -> str:
        """The address of this computer that the client connected to; empty on the loopback."""
        if self._local or request.transport is None:
            return ""
        name = request.transport.get_extra_info("sockname")
        return str(name[0]).lower() if isinstance(name, tuple) else ""
