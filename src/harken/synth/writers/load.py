"""Writers by name: ``grammar``, ``replay:FOLDER``, ``model:NAME``, or the name of a model alone."""

from __future__ import annotations

from harken.registry import Registry
from harken.synth.writing.base import Writer, WriterKind, WriterSettings

WRITERS: Registry[WriterKind] = Registry(
    "writer",
    {
        "grammar": "harken.synth.writers.grammar:WRITER",
        "model": "harken.synth.writers.model:WRITER",
        "replay": "harken.synth.writers.replay:WRITER",
    },
    shape="harken.synth.writing.base:WriterKind",
)


def writer_kind(spec: str) -> tuple[WriterKind, str]:
    """The kind that a name asks for, and its target; what is no writer's name is a model's."""
    name, _, target = spec.partition(":")
    if name in WRITERS:
        return WRITERS.get(name), target
    return WRITERS.get("model"), spec


def load_writer(spec: str, settings: WriterSettings) -> Writer:
    """Build the writer that `spec` names.

    Raises:
        ConfigError: an unknown name.
        ModelError: a model that cannot be opened.
    """
    kind, target = writer_kind(spec)
    return kind.build(target, settings)
