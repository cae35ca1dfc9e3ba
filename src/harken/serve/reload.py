"""New weights for a served model, from one folder that was named when the server was started.

For training that samples its replies from a server: the trainer writes the tensors it trains into
the folder and posts their SHA-256 to ``/v1/reload``. The client names no path, and must be on this
computer, with no proxy between. Requests that arrive afterwards are answered with the new weights.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiohttp import web

from harken.errors import ConfigError
from harken.hashing import digest
from harken.serve.fields import BadRequest

_PROXY = re.compile(r"forwarded|via|x-real-ip|x-forwarded(-.*)?", re.IGNORECASE)
"""Headers that a proxy adds."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class WeightReloader:
    """Reads new weights for one model.

    Args:
        model: the served model; it must be one that can be trained.
        folder: where the weights are written.

    Raises:
        ConfigError: another kind of model.
    """

    def __init__(self, model: Any, folder: Path) -> None:
        from harken.models.learner import Learner

        if not isinstance(model, Learner):
            raise ConfigError(
                f"{model.name} has no weights of its own to be reloaded",
                where="--reload-from",
                hint="Serve a composed or native model, or leave the option out.",
            )
        self.model = model
        self.folder = folder
        self._first = model.identity()

    def load(self, sha256: str) -> dict[str, Any]:
        """Load the weights whose file has this SHA-256; returns what the client is told.

        Raises:
            ModelError: the file is another one, or does not fit the model.
        """
        from harken.models.engine.weights import load_tensors

        count = load_tensors(self.model, self.folder, sha256)
        return {"tensors": count, "fingerprint": fingerprint(self._first, sha256)}


def fingerprint(first: str, sha256: str) -> str:
    """The ``system_fingerprint`` of a model of identity `first` with reloaded weights."""
    return digest(f"{first} {sha256}")


def check_local(request: web.Request) -> None:
    """Raise BadRequest (403) for a client on another computer, or behind a proxy.

    Behind a proxy on this computer every client has the address of this computer.
    """
    found = sorted(name for name in request.headers if _PROXY.fullmatch(name))
    if found:
        raise BadRequest(
            f"weights are reloaded without a proxy only, and the request has {', '.join(found)}",
            status=403,
        )
    try:
        local = ip_address((request.remote or "").partition("%")[0]).is_loopback
    except ValueError:
        local = False
    if not local:
        raise BadRequest("weights are reloaded for clients on this computer only", status=403)


def read_sha256(body: Any) -> str:
    """The SHA-256 in ``{"sha256": …}``; raises BadRequest."""
    value = body.get("sha256") if isinstance(body, dict) and set(body) == {"sha256"} else None
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise BadRequest("the body must be an object with sha256 (64 hex digits) only", "sha256")
    return value
