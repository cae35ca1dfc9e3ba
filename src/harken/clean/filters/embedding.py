"""embedding: questions that mean the same, by the cosine of a text embedding model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harken.clean.base import HygieneFilter, Judgement, of, precedence
from harken.clean.filters.minhash import check_audio, group
from harken.clean.texts import written
from harken.clean.workspace import Arrays, Workspace
from harken.errors import ConfigError
from harken.item import Item
from harken.progress import track

_BATCH = 256  # texts in a kept batch


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """Which questions mean the same.

    Attributes:
        model: a text embedding model of `harken.models.embedding`.
        cosine: least cosine of two questions.
        audio: as in `harken.clean.filters.minhash`.
    """

    model: str = "hf:minilm-l6"
    cosine: float = 0.8
    audio: str = "same"

    def __post_init__(self) -> None:
        """Refuse an audio that does not exist, and a cosine that is none."""
        check_audio("embedding", self.audio)
        if not -1 <= self.cosine <= 1:
            raise ConfigError(f"cosine is {self.cosine} (accepted: -1 to 1)", where="embedding")


def judge(items: Sequence[Item], settings: EmbeddingSettings, workspace: Workspace) -> Judgement:
    """Drop items whose question means that of another one with the same answer and audio.

    Only items that share both with another one are encoded. Within such a group all that stay are
    compared: time grows with the square of the largest group.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for place in precedence(items):
        key = group(items[place], settings.audio, workspace)
        groups.setdefault(key, []).append(place)
    shared = [places for places in groups.values() if len(places) > 1]
    texts = {place: written(items[place]) for places in shared for place in places}
    rows = {text: row for row, text in enumerate(sorted({*texts.values()}))}
    found = Judgement(told={"encoded": len(rows)})
    if not rows:
        return found
    vectors = _encoded(list(rows), settings.model, workspace)
    for places in shared:
        own = vectors[[rows[texts[place]] for place in places]]
        held: list[int] = []
        for at, place in enumerate(places):
            cosines = own[held] @ own[at]
            first = np.flatnonzero(cosines >= settings.cosine)
            if len(first):
                note = f"{of(items[places[held[first[0]]]])}, cosine {cosines[first[0]]:.3f}"
                found.drop(place, items[place], "a question that means the same", note)
            else:
                held.append(at)
    return found


def _encoded(texts: Sequence[str], model: str, workspace: Workspace) -> Any:
    """Vectors of length 1, float32 (n, d); batches of a killed job are taken from the workspace."""
    embedder: list[Any] = []

    def make(own: Sequence[str]) -> Arrays:
        if not embedder:
            from harken.models.embedding import load_embedder

            embedder.append(load_embedder(model))
        return {"vectors": embedder[0].encode(own)}

    parts = []
    for start in track(
        range(0, len(texts), _BATCH), f"embeddings of {len(texts)} questions, {_BATCH} at a time"
    ):
        own = texts[start : start + _BATCH]
        name = f"vectors:{model}:" + "\0".join(own)
        parts.append(workspace.kept(name, lambda own=own: make(own))["vectors"])  # type: ignore[misc]
    found = np.concatenate(parts).astype(np.float32)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


FILTER = HygieneFilter(
    "embedding",
    "drops questions that mean the same, with the same audio and answer (a text embedding model)",
    judge,
    EmbeddingSettings,
)
