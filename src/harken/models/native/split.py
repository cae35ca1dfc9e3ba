"""Between tower and projector of a native class: what is kept while only the projector is trained.

The classes of transformers run tower and projector in one method, and select the rows that are
tokens before or after the projector. What they select is found by running the method once more
with a projector that gives every row its number. It is used only if that accounts for the tokens
to the last bit; a class that does more after its projector than select rows is not split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import ModelError
from harken.models.native.base import NativeFamily, Window

_FRAMES = "frames"


@torch.no_grad()
def projector_input(family: NativeFamily, windows: Sequence[Window]) -> dict[str, Tensor]:
    """What the projector is given for a clip, and which rows of its result are audio tokens.

    Returns:
        ``frames``, the projector's argument (``frames.NAME`` if it is given by name); ``rows``
        (tokens,), indices into its result without its last axis; ``more``, further columns of
        the tokens, all 1 (whether a row has a clip), if there are any.

    Raises:
        ModelError: the class is not split here.
    """
    projector = family.projector
    if projector is None:
        raise _refused(family, "its tower projects")
    calls: list[tuple[dict[str, Any], Any]] = []

    def watched(args: tuple[Any, ...], named: dict[str, Any], out: Any) -> None:
        calls.append(
            ({**dict(zip(("", *map(str, range(1, 9))), args, strict=False)), **named}, out)
        )

    tokens = _hooked(projector, watched, lambda: family.encode(windows))
    given = [(name, value) for name, value in (calls[0][0].items() if calls else ())]
    if len(calls) != 1 or len(given) != 1 or not isinstance(given[0][1], Tensor):
        raise _refused(family, "its projector is called otherwise than once with one tensor")
    (name, frames), made = given[0], calls[0][1]
    rows = _rows(family, projector, windows, made)
    width = made.shape[-1]
    if rows is None or not torch.equal(made.flatten(0, -2)[rows], tokens[:, :width]):
        raise _refused(family, "it changes the tokens after its projector")
    more = {"more": tokens[:, width:]} if tokens.shape[1] > width else {}
    if more and not bool((more["more"] == 1).all()):
        raise _refused(family, "its tokens hold values of the text model too")
    return {_FRAMES + (f".{name}" if name else ""): frames, "rows": rows, **more}


def projected_rows(family: NativeFamily, kept: Mapping[str, Tensor]) -> Tensor:
    """Embeddings (tokens, width) of a clip from `projector_input`, with a gradient."""
    projector: Any = family.projector
    (key,) = [key for key in kept if key.partition(".")[0] == _FRAMES]
    name = key.removeprefix(_FRAMES).removeprefix(".")
    made: Tensor = projector(**{name: kept[key]}) if name else projector(kept[key])
    tokens = made.flatten(0, -2)[kept["rows"]]
    return torch.cat([tokens, kept["more"].to(tokens)], -1) if "more" in kept else tokens


def _rows(
    family: NativeFamily, projector: nn.Module, windows: Sequence[Window], made: Tensor
) -> Tensor | None:
    """The rows of the projector's result that the family returns, in order; None if unclear."""
    count = made.flatten(0, -2).shape[0]
    numbers = torch.arange(count, dtype=torch.float64, device=made.device)
    numbered = numbers.view(*made.shape[:-1], 1).expand(made.shape)
    found = _hooked(projector, lambda *_: numbered, lambda: family.encode(windows)).double()
    width = made.shape[-1]
    if found.ndim != 2 or not len(found) or found.shape[-1] < width:
        return None
    if not bool((found[:, :width] == found[:, :1]).all()):
        return None
    rows = found[:, 0].round().long()
    inside = bool(((rows >= 0) & (rows < count)).all())
    return rows if inside else None


def _hooked(module: nn.Module, hook: Callable[..., Any], call: Callable[[], Tensor]) -> Tensor:
    handle = module.register_forward_hook(
        lambda part, args, named, out: hook(args, named, out), with_kwargs=True
    )
    try:
        return call()
    finally:
        handle.remove()


def _refused(family: NativeFamily, why: str) -> ModelError:
    return ModelError(
        f"frames of {family.name} cannot be kept apart from its projector: {why}",
        hint="Freeze the projector too, or keep nothing (features=off).",
    )
