"""Listeners by name."""

from __future__ import annotations

from harken.models.listeners.listener import ClipListener
from harken.models.load import load_model


def load_listener(spec: str, kind: str) -> ClipListener:
    """The model that `spec` names, as a listener.

    `kind` is ``"transcript"`` or ``"caption"``; see
    `harken.models.listeners.listener.ClipListener`.
    """
    return ClipListener(load_model(spec), "caption" if kind == "caption" else "transcript")
