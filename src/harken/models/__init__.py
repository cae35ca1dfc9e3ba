"""What can be asked and, some of them, taught. Names first; libraries when a model is built.

A model file holds ``build(target, **options) -> Model``, where `target` is what stands after the
name (``constant:1`` -> ``"1"``) or, for saved models, the folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harken.errors import MissingExtra, ModelError
from harken.models.base import Learner, Model
from harken.registry import Registry

MODEL_FILE = "harken-model.json"
"""The file that makes a folder a saved model."""

MODELS: Registry[Callable[..., Model]] = Registry(
    "model",
    {
        "lalm": "harken.models.lalm:build",
        "random": "harken.models.deaf:build_random",
        "constant": "harken.models.deaf:build_constant",
        "longest": "harken.models.deaf:build_longest",
        "linear": "harken.models.deaf:build_linear",
        "oracle": "harken.models.deaf:build_oracle",
        "openai": "harken.models.openai:build",
        "cascade": "harken.models.cascade:build",
        "asr": "harken.models.asr:build",
        "written": "harken.models.written:build",
        "native": "harken.models.native:build",
    },
)


def load_model(spec: str, **options: Any) -> Model:
    """Build the model that `spec` names: a saved model's folder, or ``name[:target]``.

    Raises:
        ModelError: a folder without a finished model in it.
        ConfigError: an unknown name, answered with its neighbours.
    """
    folder = Path(spec)
    if (folder / MODEL_FILE).is_file():
        return MODELS.get(_kind(folder / MODEL_FILE))(str(folder), **options)
    if folder.is_dir():
        raise ModelError(
            f"{spec} holds no finished model",
            where=str(folder / MODEL_FILE),
            mend=f"Write native:{spec} for a model of transformers."
            if (folder / "config.json").is_file()
            else "Name the folder that `harken train` printed, or train again to finish it.",
        )
    name, _, target = spec.partition(":")
    return MODELS.get(name)(target, **options)


def load_listener(spec: str, kind: str) -> Any:
    """The model that `spec` names as one who writes words for clips.

    `kind` is ``"transcript"`` or ``"caption"``; see `harken.models.cascade.Listener`.
    """
    from harken.models.cascade import Listener

    return Listener(load_model(spec), "caption" if kind == "caption" else "transcript")


def _kind(file: Path) -> str:
    """Who opens a saved model; a damaged file is left to `harken.models.lalm` to complain of."""
    import json

    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "lalm"
    return "native" if isinstance(found, dict) and found.get("kind") == "native" else "lalm"


def load_embedder(spec: str) -> Any:
    """The text embedding that ``name[:target]`` names (see `harken.models.embedding`)."""
    from harken.models import embedding

    return embedding.load_embedder(spec)


def keep_replies(model: Model, folder: Path | str) -> Any:
    """`model` with its replies kept by content in `folder` (see `harken.models.kept`)."""
    from harken.models.kept import Kept

    return Kept(model, folder)


def serve_model(
    model: Model,
    ready: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    name: str = "",
    batch: int = 16,
    **limits: Any,
) -> None:
    """Put `model` behind OpenAI's chat completions until interrupted; `ready` is told the address.

    `limits` are those of `harken.models.serve_request.Limits`.

    Raises:
        MissingExtra: there is no HTTP library.
        ModelError: the address cannot be listened on.
    """
    try:
        from harken.models import serve
    except ImportError:
        raise MissingExtra("aiohttp", "http") from None
    from harken.models.serve_request import Limits

    server = serve.Server(model, name=name, host=host, batch=batch, limits=Limits(**limits))
    try:
        serve.serve(server, host, port, ready)
    except OSError as error:
        raise ModelError(
            f"cannot listen there: {error.strerror}",
            where=f"{host}:{port}",
            mend="Choose another port, or 0 for any free one.",
        ) from None


__all__ = [
    "MODELS", "MODEL_FILE", "Learner", "Model", "keep_replies", "load_embedder", "load_listener",
    "load_model", "serve_model",
]  # fmt: skip
