"""The tensors of the pretrained parts that a composed model was made of."""

from __future__ import annotations

from torch import Tensor

from harken.models.bases import Base
from harken.models.composed.encoders.open import open_encoder
from harken.models.composed.lms.registry import LMS


def base_tensors(base: Base) -> dict[str, Tensor]:
    """The tensors of a base in float32, under their names in the model.

    Raises:
        ModelError: it is not found, or is another one than the model was made of.
    """
    folder = base.checked()
    kind, _, lm = base.kind.partition(":")
    part = LMS.get(lm).open(folder) if kind == "lm" else open_encoder(str(folder))
    return {base.prefix + name: tensor for name, tensor in part.state_dict().items()}
