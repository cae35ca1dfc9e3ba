"""All channels of a clip, and what they are: for encoders that hear where sounds are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from harken.audio.clip import RATE_HZ, Clip, ScenePlan
from harken.audio.load import load
from harken.audio.space.bands import layout_of, require_channels
from harken.audio.space.layouts import CHANNELS
from harken.errors import ConfigError, ModelError
from harken.models.engine.features import Array, check_length


class Channels(NamedTuple):
    """Samples (channels, n), their layout, and the places of an array's microphones in metres."""

    sound: Array
    layout: str
    mics: tuple[tuple[float, float, float], ...] = ()


def layout_setting(settings: Mapping[str, Any]) -> str:
    """The setting ``layout`` of an encoder: what recordings are; ``""`` if it is not given.

    Raises:
        ConfigError: no layout has that name.
    """
    layout = str(settings.get("layout") or "")
    if layout and layout not in CHANNELS:
        raise ConfigError(
            f"layout is {layout!r}", hint=f"Use {', '.join(CHANNELS)}, or leave it out."
        )
    return layout


def all_channels(clip: Clip, layout: str, limit_s: float) -> Channels:
    """The channels of a clip.

    A scene says what they are, and `layout` what those of a recording are. Where it is empty two,
    four and nine are known by their number (`layout_of`), and others are mixed down to mono.

    Raises:
        ModelError: it is longer than `limit_s`, or has another number of channels than its layout.
        AudioError: it cannot be loaded.
    """
    sound = np.atleast_2d(load(clip, mono=False))
    check_length(sound.shape[1] / RATE_HZ, limit_s)
    plan = _spatial_plan(clip)
    found = Channels(sound, layout or layout_of(len(sound)))
    if plan is not None:
        found = Channels(sound, plan.layout, plan.mics)
    elif not layout and found.layout == "mono":
        found = Channels(sound.mean(0, keepdims=True), "mono")
    try:
        require_channels(len(found.sound), found.layout, found.mics)
    except ValueError as error:
        raise ModelError(
            f"{error}", hint="Set layout to what the recording is: encoder settings, ?layout=."
        ) from None
    return found


def _spatial_plan(clip: Clip) -> ScenePlan | None:
    """The scene that says what the channels of a clip are; None where it is a recording's own.

    A scene in mono keeps the channels of what it is made from: a clip cut out of a scene, say.
    """
    plan = clip.plan
    if plan is None or plan.layout != "mono":
        return plan
    inner = (_spatial_plan(part.clip) for part in plan.parts)
    return next((one for one in inner if one is not None), None)
