"""merge: a saved model with its adapters added to the weights.

Run:  harken merge out/model -o merged
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harken.errors import ModelError
from harken.models.learner import Learner, load_learner, saved_dtype
from harken.recipes.steps import save_once


def merge_model(
    model: str, out: Path, *, dtype: str = "", copy_bases: bool = False
) -> dict[str, Any]:
    """Merge the adapters of a saved model; returns what was merged.

    Args:
        model: folder of a saved model, with settings if there are any.
        out: folder of the merged one.
        dtype: of its weights; as saved if empty. The sums are computed in float32 and rounded to
            it, so only in float32 are all logits as before.
        copy_bases: whether the unchanged weights of its bases are saved too.

    Raises:
        ModelError: it cannot be opened, or has no adapters.
        RunError: the folder has another model.
    """
    learner = open_adapted(model, dtype)
    settings = dict(learner.config["lora"])
    layers = learner.merge_adapters()
    if copy_bases:
        learner.bases = ()
    save_once(learner, out)
    return {
        "model": str(out),
        "identity": learner.identity(),
        "merged": settings,
        "layers": layers,
        "dtype": str(learner.dtype).removeprefix("torch."),
    }


def open_adapted(model: str, dtype: str = "") -> Learner:
    """The model of a folder in the dtype it was saved in, unless another is given.

    Raises:
        ModelError: it cannot be opened, or has no adapters.
    """
    learner = load_learner(model, dtype=dtype or saved_dtype(model))
    if not learner.adapters:
        raise ModelError(
            "the model has no adapters to merge",
            where=model,
            hint="It can be used as it is; adapters are trained with harken train --lora lm:16.",
        )
    return learner
