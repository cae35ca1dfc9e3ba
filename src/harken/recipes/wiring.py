"""The wiring of a model by name: saved, released, native, or a published one on the meta device.

Run:  harken show-model model     harken show-model salmonn -o salmonn.svg
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harken.errors import ConfigError
from harken.models.composed.model import ComposedModel
from harken.models.composed.presets import PRESETS
from harken.models.composed.projectors.registry import projector_settings
from harken.models.composed.systems.published import adapted_net
from harken.models.composed.systems.registry import SYSTEMS
from harken.models.engine.net import GROUPS, set_trainable
from harken.models.learner import load_learner
from harken.models.wiring import net_wiring, wiring
from harken.recipes.system_rows import trained_by


def show_wiring(target: str, groups: Sequence[str] = ()) -> dict[str, Any]:
    """The wiring of `target` as JSON values; see `harken.models.wiring.net_wiring`.

    Args:
        target: a name in `SYSTEMS` (its published size, without weights), harken-tiny, or a model
            as `load_learner` takes it.
        groups: that are trained; of a system those of its paper, else all, if not given. Of a
            group with adapters these alone are.

    Raises:
        ConfigError: no such model, or one that is no audio-language model here.
        ModelError: no such group, or a model that cannot be opened.
    """
    if target in SYSTEMS:
        system = SYSTEMS.get(target)
        net = adapted_net(system)
        set_trainable(net, tuple(groups) or system.trained)
        found = net_wiring(
            net, f"{system.name}, published size", projector_settings(system.projector, 1)
        )
        return {**found, "adapters": system.lora, "departures": list(system.departures)}
    if trained_by(target):
        raise ConfigError(
            f"{target} is not composed of an encoder, a projector and a language model, which "
            "are what is drawn",
            hint=f"Its parts and sizes: harken compose --preset {target} --dry-run",
        )
    learner = ComposedModel.preset(target) if target in PRESETS else load_learner(target)
    name = learner.config.get("system", "")
    usual = SYSTEMS.get(name).trained if name in SYSTEMS else GROUPS
    set_trainable(learner.net, tuple(groups) or usual)
    lora = learner.config.get("lora") or {}
    told = ", ".join(f"{group}: rank {own.get('rank', '?')}" for group, own in lora.items())
    return {**wiring(learner), "adapters": told, "departures": []}
