"""What a learner does with adapters: add, switch off, scale and merge them, and earlier weights.

A reference model, for a KL or for preferences, need not be a copy: the learner itself gives the
log-probabilities of its base under `AdaptedModel.without_adapters`, and those of any earlier state
of its trained tensors under `AdaptedModel.with_tensors`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from harken.errors import ModelError
from harken.listed import listed
from harken.models.engine.engine import Engine, EngineCaches
from harken.models.engine.lora import adapted_groups, add_lora, lora_off, lora_scaled, merge_lora
from harken.models.engine.lora_settings import LoraSettings
from harken.models.engine.net import LearnerNet, eval_mode


class AdaptedModel:
    """The part of a `harken.models.learner.Learner` that knows of adapters.

    Attributes:
        net: the module groups.
        engine: runs them.
        config: ``lora`` holds the settings of the adapters by group; None: there are none.
    """

    net: LearnerNet
    engine: Engine
    config: dict[str, Any]
    _identity: tuple[int, str]

    @property
    def adapters(self) -> tuple[str, ...]:
        """The module groups that have adapters."""
        return adapted_groups(self.net)

    def add_lora(
        self,
        rank: int = 8,
        alpha: float | None = None,
        targets: Sequence[str] = (),
        *,
        group: str = "lm",
        dropout: float = 0.0,
        dora: bool = False,
        rslora: bool = False,
        seed: int = 0,
    ) -> None:
        """Freeze a module group's own weights and add LoRA adapters, which change nothing yet.

        Args:
            rank: of the adapters.
            alpha: their scale is alpha / rank; twice the rank if not given.
            targets: regular expressions for the names of linear layers, or for the ends of these
                after a dot; those of attention (in a projector all) if not given.
            group: ``audio_encoder``, ``projector`` or ``lm``.
            dropout: of the adapters' inputs, in training.
            dora: see `LoraSettings`; `rslora` too.
            rslora: the scale is alpha / sqrt(rank).
            seed: of their initial weights.

        Raises:
            ConfigError: values that make no sense.
            MissingExtra: peft is not installed.
            ModelError: the group has adapters already, or a target fits no layer.
        """
        settings = LoraSettings(rank, alpha, dropout, tuple(targets), dora, rslora)
        self.add_adapters({group: settings}, seed)

    def add_adapters(self, asked: Mapping[str, LoraSettings], seed: int = 0) -> None:
        """`add_lora` in several module groups; see there."""
        for group, settings in asked.items():
            add_lora(self.net, group, settings, seed)
            known = self.config.get("lora") or {}
            self.config["lora"] = {**known, group: settings.values()}
        if asked:
            self._weights_changed()

    def merge_adapters(self) -> int:
        """Add the adapters to the weights and remove them; returns how many layers had one."""
        count = merge_lora(self.net)
        self.config["lora"] = None
        self._weights_changed()
        return count

    @contextmanager
    def without_adapters(self) -> Iterator[None]:
        """The model without its adapters, for a block: what it was before they were trained.

        Tensors outside of adapters keep their values: where a projector is trained in full beside
        adapters, the reference of a KL is `with_tensors` instead.

        Raises:
            ModelError: there are no adapters.
        """
        self._require_adapters()
        with self.engine.other_caches(), lora_off(self.net):
            yield

    @contextmanager
    def scaled_adapters(self, factor: float) -> Iterator[None]:
        """The model with the scale of its adapters times `factor`, for a block; 1: as it is.

        Raises:
            ModelError: there are no adapters, or such with DoRA.
        """
        self._require_adapters()
        with self.engine.other_caches(), lora_scaled(self.net, factor):
            yield

    @contextmanager
    def with_tensors(
        self, tensors: Mapping[str, Tensor], caches: EngineCaches | None = None
    ) -> Iterator[None]:
        """The model with earlier values of some tensors, for a block in evaluation mode.

        The tensors change places: `tensors` holds the present values until the end of the block.
        So nothing else is copied, and gradients computed before the block stay right.

        Args:
            tensors: by name, as `trained_tensors` gives them; on any device.
            caches: `Engine.new_caches`, kept between blocks with the same tensors.

        Raises:
            ModelError: a tensor that the net does not have, or of another shape.
        """
        own = dict([*self.net.named_parameters(), *self.net.named_buffers()])
        wrong = [n for n, t in tensors.items() if n not in own or own[n].shape != t.shape]
        if wrong:
            raise ModelError(
                f"{len(wrong)} tensors do not fit the model: {listed(sorted(wrong), 5)}",
                hint="Use those of the same model with the same adapters.",
            )
        with ExitStack() as stack:
            stack.enter_context(self.engine.other_caches(caches))
            stack.enter_context(eval_mode(self.net))
            _exchange(own, tensors)
            try:
                yield
            finally:
                _exchange(own, tensors)

    def trained_tensors(self) -> dict[str, Tensor]:
        """Copies of the tensors that training changes at present: not frozen ones, and buffers."""
        kept = set(self.net.state_dict())
        trained = {name: p for name, p in self.net.named_parameters() if p.requires_grad}
        buffers = {name: b for name, b in self.net.named_buffers() if name in kept}
        return {name: tensor.detach().clone() for name, tensor in (trained | buffers).items()}

    def parameter_counts(self) -> dict[str, dict[str, int]]:
        """Module group -> its numbers of parameters: ``trained`` and ``frozen``.

        A tensor that two groups share is counted in the first one.
        """
        found: dict[str, dict[str, int]] = {}
        for name, parameter in self.net.named_parameters():
            group = found.setdefault(name.partition(".")[0], {"trained": 0, "frozen": 0})
            group["trained" if parameter.requires_grad else "frozen"] += parameter.numel()
        return found

    def _require_adapters(self) -> None:
        if not self.adapters:
            raise ModelError(
                "the model has no adapters to switch",
                hint="Add some when training begins, for example with --lora lm:16",
            )

    def _weights_changed(self) -> None:
        self.engine.clear_cache()
        self._identity = (-1, "")


def _exchange(own: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    """Swap the values of equally named tensors in place, one at a time.

    Through ``.data``, since the versions of the tensors must stay: what autograd has saved of them
    is used after they are swapped back.
    """
    with torch.no_grad():
        for name, tensor in other.items():
            now = own[name].detach().clone()
            own[name].data.copy_(tensor)
            tensor.copy_(now)
