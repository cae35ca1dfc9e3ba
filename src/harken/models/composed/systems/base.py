"""What is known of a published audio-language model, and how it is composed here.

An entry is data alone, so that listing is fast: the numbers of parameters are stated, and the tests
build every entry on torch's meta device and count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SystemPart:
    """A pretrained part of a published model.

    Attributes:
        kind: a name in `ENCODERS`, or ``causal``.
        source: its id on the hub.
        config: its transformers configuration as published (`config_of`).
        licence: of its weights.
        settings: of the encoder, such as ``layers``.
        refused: why its weights cannot be opened from the hub here; empty: they can.
    """

    kind: str
    source: str
    config: Mapping[str, Any]
    licence: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True, slots=True)
class SystemSize:
    """A number of parameters that a paper or a card states.

    Attributes:
        what: ``all``, ``trained``, or module groups joined by ``+``.
        count: parameters.
        source: where it is stated.
        tolerance: how far the built number may be from it, as a share.
    """

    what: str
    count: float
    source: str
    tolerance: float = 0.03


@dataclass(frozen=True, slots=True)
class System:
    """A published audio-language model.

    Attributes:
        name: by which it is chosen.
        about: one sentence.
        family: how audio enters the language model.
        paper: its arXiv id, or the address of its card.
        encoders: the audio encoders; several are joined side by side.
        lm: the language model.
        projector: its name in `PROJECTORS` with the published settings.
        tokens_s: audio tokens a second; those of a clip of 10 s, by ten, where clips of every
            length have as many.
        trained: module groups that the paper trains.
        lora: its adapters, as ``lm:r=8``; empty: none.
        built: parameters of the published size as built here, adapters left out.
        sizes: what paper or card state.
        weights: hub id of the trained model, and `licence`, that of these weights.
        tiny: settings of the projector that are smaller in the tiny size.
        tiny_layers: the encoder's ``layers`` in the tiny size.
        departures: what differs from the published model.
    """

    name: str
    about: str
    family: str
    paper: str
    encoders: tuple[SystemPart, ...]
    lm: SystemPart
    projector: str
    tokens_s: float
    trained: tuple[str, ...]
    built: int
    sizes: tuple[SystemSize, ...] = ()
    lora: str = ""
    weights: str = ""
    licence: str = ""
    tiny: str = ""
    tiny_layers: str = ""
    departures: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[SystemPart, ...]:
        """Encoders, then the language model."""
        return (*self.encoders, self.lm)

    @property
    def encoder_spec(self) -> str:
        """The encoders as `open_encoder` takes them."""
        return "+".join(
            part.source
            + "?" * bool(part.settings)
            + "&".join(f"{k}={v}" for k, v in part.settings.items())
            for part in self.encoders
        )

    @property
    def refused(self) -> list[str]:
        """Why the published parts cannot be opened here; empty: they can."""
        return [f"{part.source}: {part.refused}" for part in self.parts if part.refused]
