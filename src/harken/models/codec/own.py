"""What codecs that are trained here share: a net around a residual vector quantiser, saved whole.

A kind of codec is a dataclass of its sizes, a `CodecNet` and an `OwnCodec`; `harken.train.codec`
trains it, and `harken.models.codec.open` opens the saved folder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.errors import ConfigError, ModelError
from harken.models.codec.base import AudioTokenizer, Codes
from harken.models.codec.codebook import CodebookSettings
from harken.models.codec.quantiser import ResidualQuantiser
from harken.models.engine.features import Array
from harken.models.saved_module import (
    find_saved,
    load_into,
    require_kind,
    save_module,
    state_hash,
)

KIND = "codec"
"""``kind`` in the `MODEL_FILE` of a saved one."""

OWN_KINDS = ("conv", "spectral")
"""Names, in `CODECS`, of those that are trained here; a saved one that names none is the first."""


class CodecNet(nn.Module, ABC):
    """Encoder, quantiser and decoder.

    Attributes:
        shape: its sizes, a dataclass with ``codebooks`` and ``size``.
        quantiser: of the vectors.
    """

    shape: Any
    quantiser: ResidualQuantiser

    @property
    @abstractmethod
    def hop(self) -> int:
        """Samples of a frame."""

    @abstractmethod
    def vectors(self, waves: Tensor) -> Tensor:
        """(B, n) -> (B, n / hop, dim), before they are quantised."""


class OwnCodec(AudioTokenizer):
    """See the module's docstring.

    Attributes:
        net: with the weights.
        training: what is told of its training, as JSON values.
    """

    shape_class: ClassVar[Any]
    net_class: ClassVar[Any]

    def __init__(self, net: Any, name: str = "codec") -> None:
        self.net, self.name = net.eval(), name
        self.rate_hz, self.hop = RATE_HZ, int(net.hop)
        self.codebooks, self.size = net.shape.codebooks, net.shape.size
        self.training: dict[str, Any] = {}

    @classmethod
    def build(
        cls,
        shape: Any = None,
        settings: CodebookSettings | None = None,
        *,
        seed: int = 0,
        name: str = "codec",
    ) -> Self:
        """With fresh weights, initialised with `seed`; `shape`: a `shape_class`, the usual one."""
        own = cls.shape_class() if shape is None else shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(
                cls.net_class(own, settings or CodebookSettings(size=own.size, seed=seed)), name
            )

    @classmethod
    def open(cls, target: str) -> Self:
        """The saved codec `target`: a folder, or the name of one below ``$HARKEN_MODELS``.

        Raises:
            ModelError: there is none, it is damaged, or it is another kind of model.
        """
        folder, content = find_saved(target)
        require_kind(folder, content, KIND, "codec")
        try:
            sizes: dict[str, Any] = dict(content["shape"])
            lists = {n: tuple(v) for n, v in sizes.items() if isinstance(v, list)}
            shape = cls.shape_class(**{**sizes, **lists})
        except (KeyError, TypeError, AttributeError, ConfigError) as error:
            raise ModelError(f"its shape cannot be read: {error}", where=str(folder)) from None
        net = cls.net_class(shape, CodebookSettings(size=shape.size))
        load_into(net, folder, content)
        made = cls(net, str(content.get("name") or folder.name))
        made.training = dict(content.get("training") or {})
        return made

    def save(self, folder: Path) -> str:
        """Write the folder that `open` opens; returns the identity.

        Raises:
            RunError: the folder has another model.
        """
        return save_module(folder, KIND, self._config(), self._state())

    def identity(self) -> str:
        """Hash of configuration and weights."""
        return state_hash(self._config(), self._state())

    def _config(self) -> Mapping[str, Any]:
        shape = {n: [*v] if isinstance(v, tuple) else v for n, v in asdict(self.net.shape).items()}
        own = type(self).name
        # The first kind does not name itself: codecs were saved before there were others.
        named = {} if own == OWN_KINDS[0] else {"codec": own}
        return {"name": self.name, "shape": shape, "training": self.training, **named}

    def _state(self) -> dict[str, Tensor]:
        """Its tensors but those of training only."""
        only_training = ("counts", "sums", "seen", "revived", "steps", "begun")
        state = self.net.state_dict()
        return {n: t for n, t in state.items() if n.rpartition(".")[2] not in only_training}

    @torch.no_grad()
    def _encode(self, samples: Array, codebooks: int) -> Codes:
        waves = torch.from_numpy(np.ascontiguousarray(samples))[None]
        return np.asarray(self.net.quantiser.encode(self.net.vectors(waves), codebooks)[0].numpy())


def kind_of_saved(target: str) -> str:
    """The kind, of `OWN_KINDS`, of the saved codec `target`.

    Raises:
        ModelError: there is none, it is damaged, or it is another kind of model.
    """
    folder, content = find_saved(target)
    require_kind(folder, content, KIND, "codec")
    found = str(content.get("codec", OWN_KINDS[0]))
    if found not in OWN_KINDS:
        raise ModelError(
            f"a codec of the kind {found!r} is not known",
            where=str(folder),
            hint="Install a newer harken.",
        )
    return found
