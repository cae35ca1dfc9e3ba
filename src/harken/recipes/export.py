"""export: a saved model as folders of transformers and peft, which open without harken.

Run:  harken export out/model -o plain
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harken.errors import ModelError, RunError
from harken.models.composed.export import export_composed
from harken.models.composed.model import ComposedModel
from harken.models.learner import load_learner, saved_dtype
from harken.models.native.export import export_native
from harken.models.native.model import NativeModel


def export_model(
    model: str, out: Path, *, dtype: str = "", copy_bases: bool = False
) -> dict[str, Any]:
    """Export a model; returns what was written, see `export_native` and `export_composed`.

    Args:
        model: folder of a saved model, or ``native:FOLDER``, with settings if there are any.
        out: folder for the files; it must be empty or new.
        dtype: of the weights; as saved if empty.
        copy_bases: write weights that did not change too.

    Raises:
        ConfigError: what `model` names is no model that is trained here.
        ModelError: it cannot be opened, or cannot be opened without harken.
        RunError: there are files in `out`.
    """
    if out.is_dir() and any(out.iterdir()):
        raise RunError("the folder is not empty", where=str(out), hint="Choose another --out.")
    learner = load_learner(model, dtype=dtype or saved_dtype(model))
    if isinstance(learner, NativeModel):
        made = export_native(learner, out, copy_bases=copy_bases)
    elif isinstance(learner, ComposedModel):
        made = export_composed(learner, out, copy_bases=copy_bases)
    else:
        raise ModelError(
            f"a model of kind {learner.saved_kind!r} cannot be exported",
            where=model,
            hint="Its plugin would have to write the folders.",
        )
    return {"folder": str(out), **made}
