"""Serve a model in one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, MissingExtra, ModelError
from harken.models.base import Model


def serve_model(
    model: Model,
    ready: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    name: str = "",
    batch: int = 16,
    hosts: Sequence[str] = (),
    open: bool = False,
    reload_from: Path | None = None,
    **limits: Any,
) -> None:
    """Serve `model` as OpenAI's chat completions until interrupted; calls `ready` with the address.

    `reload_from` is a folder from which a trainer may have weights loaded (`harken.serve.reload`),
    `hosts` and `open` are those of `harken.serve.access.Access`, `limits` of
    `harken.serve.fields.Limits`.

    Raises:
        MissingExtra: there is no HTTP library.
        ConfigError: a limit that is not positive, a host that needs a key, weights to be
            reloaded for a model that has none, or behind a proxy.
        ModelError: the port cannot be bound.
    """
    try:
        from harken.serve import server as http
    except ImportError:
        raise MissingExtra("aiohttp", "http") from None
    from harken.serve.access import Access
    from harken.serve.fields import Limits

    for setting, value in {"batch": batch, **limits}.items():
        if not value > 0:
            raise ConfigError(f"{setting} is {value}", hint="Give a number above 0.")
    if reload_from is not None and hosts:
        raise ConfigError(
            "--reload-from and --allow-host are given: behind a proxy every client looks as if it "
            "were on this computer",
            hint="Serve the model for training by itself, without a proxy and --allow-host.",
        )
    access = Access(host, hosts=hosts, open=open)
    server = http.Server(
        model,
        name=name,
        access=access,
        batch=batch,
        limits=Limits(**limits),
        reload_from=reload_from,
    )
    try:
        http.serve(server, host, port, ready)
    except OSError as error:
        raise ModelError(
            f"cannot listen on this address: {error.strerror}",
            where=f"{host}:{port}",
            hint="Choose another port, or 0 for any free one.",
        ) from None
