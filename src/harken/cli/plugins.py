"""Verb: plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from harken.cli.options import Json, finish
from harken.report.text import table

if TYPE_CHECKING:
    from harken.registry import Registry

REGISTRIES = {
    "layouts": "harken.corpora.read:LAYOUTS",
    "formats": "harken.shards.formats.load:FORMATS",
    "exports": "harken.shards.exports.load:EXPORTS",
    "families": "harken.synth.make:FAMILIES",
    "writers": "harken.synth.writers.load:WRITERS",
    "writing_tasks": "harken.synth.writing.load:TASKS",
    "models": "harken.models.load:MODELS",
    "released": "harken.models.released:RELEASES",
    "filters": "harken.clean.load:FILTERS",
    "embedders": "harken.models.embedding:EMBEDDERS",
    "conditions": "harken.ask.conditions.load:CONDITIONS",
    "scorers": "harken.ask.scorers.load:SCORERS",
    "rewards": "harken.ask.rewards.load:REWARDS",
    "benchmarks": "harken.evaluate.benchmarks.load:BENCHMARKS",
    "encoders": "harken.models.composed.encoders.registry:ENCODERS",
    "projectors": "harken.models.composed.projectors.registry:PROJECTORS",
    "lms": "harken.models.composed.lms.registry:LMS",
    "systems": "harken.models.composed.systems.registry:SYSTEMS",
    "codecs": "harken.models.codec.open:CODECS",
    "native_families": "harken.models.native.families:FAMILIES",
    "stages": "harken.train.stages:STAGES",
    "recipes": "harken.recipes.registry:RECIPES",
    "effects": "harken.recipes.effects.registry:EFFECTS",
}
"""What can be added to: a short name -> its registry."""


def plugins(
    kind: Annotated[
        str | None, typer.Argument(help=f"Only one of: {', '.join(REGISTRIES)}.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List everything that is chosen by name, what it is, and where it comes from.

    Built in, an entry point of an installed distribution, or a plugin module or file.
    docs/plugins.md tells how to write one.

    Examples:  harken plugins conditions     harken --plugin my_layout.py plugins --json
    """
    from harken.errors import ConfigError
    from harken.registry import imported, nearest

    if kind is not None and kind not in REGISTRIES:
        raise ConfigError(f"nothing is listed as {kind!r}", hint=nearest(kind, REGISTRIES))
    found: dict[str, Any] = {}
    for name, target in REGISTRIES.items():
        if kind in (None, name):
            registry = imported(target)
            found[name] = {"group": registry.group, "members": _members(registry)}
    parts = [_text(name, own["group"], own["members"]) for name, own in found.items()]
    finish({"plugins": found}, "\n\n".join(parts), as_json)


def _members(registry: Registry[Any]) -> list[dict[str, str]]:
    """Name, about, origin and, for a broken one, the fault of every member."""
    from harken.errors import ConfigError

    found = []
    for name in registry:
        row = {"name": name, "about": "", "origin": registry.origin(name), "fault": ""}
        try:
            row["about"] = registry.about(name)
        except ConfigError as error:
            row["fault"] = str(error)
        except ImportError as error:
            row["fault"] = f"{error.name} is not installed"
        found.append(row)
    return found


def _text(name: str, group: str, members: list[dict[str, str]]) -> str:
    rows: list[tuple[object, ...]] = [
        (row["name"], row["origin"], f"BROKEN: {row['fault']}" if row["fault"] else row["about"])
        for row in members
    ]
    return f"{name} (entry points: {group})\n{table(rows)}"
