"""A scene whose constants are drawn: the plan that renders it, and who is who in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harken.audio.clip import ScenePlan
from harken.facts import SourceKind

VERSION = 2
"""Version of planned scenes; incremented when the same one would give another sound or truth."""


@dataclass(frozen=True, slots=True)
class PlannedSource:
    """One source of a scene.

    Attributes:
        kind: what it is.
        parts: numbers of the parts of the plan that are it; several, where it is repeated.
        recording: id of its recording.
        label, speaker, transcript: what the corpus states; None where it states nothing.
        licence: of its recording.
    """

    kind: SourceKind
    parts: tuple[int, ...]
    recording: str
    label: str | None = None
    speaker: str | None = None
    transcript: str | None = None
    licence: str = ""


@dataclass(frozen=True, slots=True)
class PlannedScene:
    """A plan and its sources."""

    plan: ScenePlan
    sources: tuple[PlannedSource, ...]

    def of(self, kind: SourceKind) -> tuple[PlannedSource, ...]:
        """The sources of one kind."""
        return tuple(source for source in self.sources if source.kind == kind)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values."""
        return {
            "version": VERSION,
            "plan": self.plan.to_dict(),
            "sources": [
                {
                    "kind": source.kind,
                    "parts": list(source.parts),
                    "recording": source.recording,
                    "label": source.label,
                    "speaker": source.speaker,
                    "transcript": source.transcript,
                    "licence": source.licence,
                }
                for source in self.sources
            ],
        }

    @staticmethod
    def from_dict(raw: Mapping[str, Any]) -> PlannedScene:
        """The inverse of `to_dict`."""
        sources = [PlannedSource(**{**one, "parts": tuple(one["parts"])}) for one in raw["sources"]]
        return PlannedScene(ScenePlan.from_dict(raw["plan"]), tuple(sources))
