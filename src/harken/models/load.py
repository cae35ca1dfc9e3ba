"""Models by name: a saved folder, a release, or ``name[:target]``, imported when one is built.

A member is a `harken.models.base.ModelKind`, whose ``build(target, **options) -> Model`` gets what
stands after the name (``constant:1`` -> ``"1"``) or, for saved models, the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harken.errors import ConfigError, ModelError
from harken.models.base import MODEL_FILE, Model, ModelKind
from harken.models.released import RELEASES, located, released_name
from harken.parsing import load_json
from harken.registry import Registry, later, nearest

_KINDS = (
    ModelKind(
        "composed",
        "a saved model of audio encoder, projector and language model",
        later("harken.models.composed.model:build"),
    ),
    ModelKind(
        "native",
        "a model class of transformers, by folder or hub id",
        later("harken.models.native.load:build"),
    ),
    ModelKind(
        "causal",
        "a plain language model of transformers, by folder or hub id: text only",
        later("harken.models.composed.causal:build"),
    ),
    ModelKind(
        "codec-lm",
        "a saved codec language model: it speaks, and writes what is said",
        later("harken.models.codec_lm.ask:build"),
    ),
    ModelKind(
        "openai",
        "a server that speaks OpenAI's chat completions, as MODEL@http://host:port/v1",
        later("harken.models.http.model:build"),
    ),
    ModelKind(
        "cascade",
        "a listener that writes words and a reader that answers from them, as LISTENER+READER",
        later("harken.models.listeners.cascade:build"),
    ),
    ModelKind(
        "windows",
        "any model about long clips, window by window, as windows:MODEL",
        later("harken.models.windowed:build"),
    ),
    ModelKind(
        "turns",
        "any model about speech, turn by turn with speakers told apart, as turns:MODEL",
        later("harken.models.turns:build"),
    ),
    ModelKind(
        "asr",
        "a speech recogniser of transformers, by folder or hub id",
        later("harken.models.listeners.asr:build"),
    ),
    ModelKind(
        "written",
        "transcripts or captions read from a file",
        later("harken.models.listeners.written:build"),
    ),
    ModelKind(
        "random",
        "text-only baseline: one of the choices, drawn",
        later("harken.models.text_only.random:build_random"),
    ),
    ModelKind(
        "constant",
        "text-only baseline: always the same position, as constant:0",
        later("harken.models.text_only.constant:build_constant"),
    ),
    ModelKind(
        "longest",
        "text-only baseline: the longest choice",
        later("harken.models.text_only.longest:build_longest"),
    ),
    ModelKind(
        "linear",
        "text-only baseline: bag of words, cross-validated on the items asked",
        later("harken.models.text_only.linear:build_linear"),
        needs_items=True,
    ),
    ModelKind(
        "oracle",
        "knows the answers: the upper bound of a scorer, for tests",
        later("harken.models.text_only.oracle:build_oracle"),
        needs_items=True,
    ),
)

MODELS: Registry[ModelKind] = Registry(
    "model", {kind.name: kind for kind in _KINDS}, shape="harken.models.base:ModelKind"
)


def load_model(spec: str, **options: Any) -> Model:
    """Build the model that `spec` names: a saved model's folder, a release, or ``name[:target]``.

    Settings stand behind a folder or a release as in ``FOLDER?device=cuda&dtype=bfloat16``.

    Raises:
        ModelError: a folder without a complete saved model, or a release that is not here.
        ConfigError: an unknown name; the hint lists the nearest known ones.
    """
    if release := released_name(spec):
        folder = located(spec)
        try:
            model = load_model(folder, **options)
        except ModelError as error:
            found = f"{release} cannot be opened: {error.found}"
            raise ModelError(found, where=error.where, hint=error.hint) from error
        model.name = release  # the folder may have been saved under another name
        return model
    place = Path(spec.partition("?")[0])
    if (place / MODEL_FILE).is_file():
        _refuse_silent(place)
        return MODELS.get(_kind(place / MODEL_FILE)).build(spec, **options)
    if place.is_dir():
        raise ModelError(
            f"{spec} holds no complete model",
            where=str(place / MODEL_FILE),
            hint=f"Write native:{spec} for a transformers model."
            if (place / "config.json").is_file()
            else "Name the folder that `harken train` printed, or train again to finish it.",
        )
    name, _, target = spec.partition(":")
    _refuse_unknown(name)
    return MODELS.get(name).build(target, **options)


def _refuse_unknown(name: str) -> None:
    """Raise ConfigError for what is neither a folder that is there nor the name of a model."""
    if name in MODELS:
        return
    from harken.models.composed.presets import PRESETS

    if name in PRESETS:
        raise ConfigError(
            f"{name} is a preset: it has fresh weights, and knows nothing before it is trained",
            hint=f"Train it (harken train --model {name} …) and name the folder that is written. "
            "Trained models by name: harken models",
        )
    if "/" in name or "\\" in name:
        raise ConfigError(
            f"there is no model folder {name}",
            hint=f"Check the path, or name one of: {', '.join(MODELS)}; a model of the hub is "
            "native:OWNER/NAME.",
        )
    raise ConfigError(
        f"no model is called {name!r}, and there is no folder of that name",
        hint=nearest(name, [*MODELS, *RELEASES]),
    )


_SILENT = {"codec": "harken encode", "clap": "harken tag or harken search"}
"""Kinds of saved models that answer no questions -> what uses them."""


def _refuse_silent(folder: Path) -> None:
    """Raise ModelError for a saved model that answers no questions."""
    try:
        found = load_json(folder / MODEL_FILE)
    except (OSError, ValueError):
        return  # told by what opens it
    kind = found.get("kind") if isinstance(found, dict) else None
    if isinstance(kind, str) and kind in _SILENT:
        raise ModelError(
            f"a model of the kind {kind!r} answers no questions",
            where=str(folder),
            hint=f"Use it with {_SILENT[kind]}.",
        )


def _kind(file: Path) -> str:
    """Registered name that opens a saved model; of a damaged file ``composed`` tells the fault."""
    try:
        found = load_json(file)
    except (OSError, ValueError):
        return "composed"
    kind = found.get("kind") if isinstance(found, dict) else None
    return kind if isinstance(kind, str) and kind in MODELS else "composed"


def needs_items(spec: str) -> bool:
    """Whether the model that `spec` names is built from the very items that it is asked.

    Raises:
        ConfigError: an unknown name.
    """
    if Path(spec.partition("?")[0]).is_dir() or released_name(spec):
        return False
    name = spec.partition(":")[0]
    _refuse_unknown(name)
    return MODELS.get(name).needs_items
