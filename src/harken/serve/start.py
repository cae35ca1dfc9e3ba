"""Serve a model in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harken.errors import MissingExtra, ModelError
from harken.models.base import Model


def serve_model(
    model: Model,
    ready: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    name: str = "",
    batch: int = 16,
    **limits: Any,
) -> None:
    """Serve `model` as OpenAI's chat completions until interrupted; calls `ready` with the address.

    `limits` are those of `harken.serve.request.Limits`.

    Raises:
        MissingExtra: there is no HTTP library.
        ModelError: the port cannot be bound.
    """
    try:
        from harken.serve import server as http
    except ImportError:
        raise MissingExtra("aiohttp", "http") from None
    from harken.serve.request import Limits

    server = http.Server(model, name=name, host=host, batch=batch, limits=Limits(**limits))
    try:
        http.serve(server, host, port, ready)
    except OSError as error:
        raise ModelError(
            f"cannot listen on this address: {error.strerror}",
            where=f"{host}:{port}",
            hint="Choose another port, or 0 for any free one.",
        ) from None
