"""`harken models`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from harken.cli.options import Json, finish


def models(
    name: Annotated[str | None, typer.Argument(help="Only this one.")] = None,
    as_json: Json = False,
) -> None:
    """List the trained models that have a name, and what each lacks on this computer.

    They are looked for below HARKEN_MODELS, then in the package. Their pretrained parts are looked
    for below HARKEN_WEIGHTS, in the cache of the hub and, when a model is opened, on the hub.

    Examples:  harken models     harken models harken-small --json
    """
    from harken.errors import ConfigError
    from harken.models.released import (
        MODELS_FOLDER,
        PACKAGED,
        describe,
        is_release,
        own_folder,
        release_names,
    )
    from harken.registry import nearest

    known = list(release_names())
    if name is not None and not is_release(name):
        raise ConfigError(f"no released model is called {name!r}", hint=nearest(name, known))
    found = [describe(one) for one in known if name in (None, one)]
    looked = {MODELS_FOLDER: str(own_folder() or ""), "package": str(PACKAGED)}
    told = "\n\n".join(_text(one) for one in found)
    other = "Other models by name, with what stands behind it: harken plugins models"
    finish({"models": found, "looked_in": looked}, f"{told}\n\n{other}", as_json)


def _text(model: dict[str, Any]) -> str:
    """One model in a few lines."""
    lines = [f"{model['name']}: {model['about']}" if model["about"] else model["name"]]
    if not model["folder"]:
        return f"{lines[0]}\n  not in this installation"
    size = f"{model['bytes'] / 1e6:.1f} MB"
    licence = model["licence"] or "licence not stated"
    lines.append(f"  {size}, {licence}, in {model['folder']}")
    if model["fault"]:
        lines.append(f"  BROKEN: {model['fault']}")
    lines += [f"  {group}: {what}" for group, what in model["parts"].items()]
    for base in model["bases"]:
        state = f"in {base['folder']}" if base["folder"] else f"MISSING here: {base['missing']}"
        lines.append(f"  needs {base['source']}, {state}")
    if model["card"]:
        lines.append(f"  model card: {model['card']}")
    return "\n".join(lines)
