"""The weights of a model in training, put into the server that samples its replies.

Two kinds of server take them: ``folder:PATH``, `harken serve MODEL --reload-from PATH` on this
computer, which loads the tensors that are trained from a file; and ``lora:PATH``, vLLM
(``--enable-lora``, VLLM_ALLOW_RUNTIME_LORA_UPDATING=1), which loads an adapter folder under the
name by which the model is asked.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, ModelError
from harken.models.http.secret import Secret
from harken.models.http.settings import HttpSettings
from harken.models.http.wire import read_refusal
from harken.parsing import parse_json

KINDS = ("folder", "lora", "none")


@dataclass(frozen=True, slots=True)
class PushTarget:
    """How weights get to a server.

    Attributes:
        kind: ``folder``, ``lora``, or ``none``: the server keeps the weights it has.
        folder: where they are written; the server reads the same path.
    """

    kind: str
    folder: Path = Path()


def read_push(text: str) -> PushTarget:
    """``folder:PATH``, ``lora:PATH`` or ``none``.

    Raises:
        ConfigError: something else.
    """
    kind, _, path = text.partition(":")
    if kind not in KINDS or bool(path) != (kind != "none"):
        raise ConfigError(
            f"push is {text!r}",
            hint="Use folder:PATH (harken serve --reload-from PATH), lora:PATH (vLLM), or none.",
        )
    return PushTarget(kind, Path(path) if path else Path())


class WeightPush:
    """Tells one server of new weights.

    Args:
        settings: of the server.
    """

    def __init__(self, settings: HttpSettings) -> None:
        self.settings = settings
        self._secret = Secret(os.environ.get(settings.key_name, ""))

    def reload(self, sha256: str) -> str:
        """Have a harken server load the file of this SHA-256; returns its fingerprint from now on.

        Raises:
            ModelError: the server refuses, or cannot be reached.
        """
        told = self._post(
            "reload",
            {"sha256": sha256},
            "Start it with: harken serve MODEL --reload-from PATH, the path of folder:PATH.",
        )
        return str(told.get("fingerprint", ""))

    def load_adapter(self, folder: Path) -> None:
        """Have vLLM load the adapter in `folder` under the model's name, in place of the last one.

        Raises:
            ModelError: the server refuses, or cannot be reached.
        """
        name = self.settings.model
        hint = "Start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1."
        self._post("unload_lora_adapter", {"lora_name": name}, hint, absent=(400, 404))
        self._post("load_lora_adapter", {"lora_name": name, "lora_path": str(folder)}, hint)

    def _post(
        self, name: str, body: dict[str, Any], hint: str, absent: tuple[int, ...] = ()
    ) -> dict[str, Any]:
        """The JSON of a response; empty where the status is in `absent`."""
        url = f"{self.settings.url.rstrip('/')}/{name}"
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self.settings.key_name, ""):
            headers["Authorization"] = f"Bearer {key}"
        asked = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        try:
            with opener.open(asked, timeout=self.settings.timeout_s) as response:
                raw = response.read(1 << 20)
        except urllib.error.HTTPError as error:
            if error.code in absent:
                return {}
            told = str(read_refusal(error.code, error.read(1 << 20)))
            raise ModelError(self._secret.redacted(told), where=url, hint=hint) from None
        except OSError as error:
            reason = getattr(error, "reason", None) or error
            raise ModelError(f"cannot be reached: {reason}", where=url, hint=hint) from None
        try:
            found = parse_json(raw)
        except ValueError:  # vLLM answers in plain text
            found = {}
        return found if isinstance(found, dict) else {}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key goes to the named host only."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the redirect is an error."""
