"""FSDP2: the model sharded over processes for one stage, and whole again after it.

Each block of the language model is gathered when it is needed; encoder, projector, embeddings and
head are gathered once for a pass. A process may run the encoder once and another three times (clips
of different lengths), but each runs every block once: no batch makes processes wait for each other
in vain. A batch without audio touches encoder and projector with weight zero, so that its backward
pass goes through all blocks even where the language model is frozen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from harken.errors import ConfigError
from harken.models.learner import Learner
from harken.train import parallel
from harken.train.parallel import Held
from harken.train.recompute import blocks

T = TypeVar("T")


class _Root(nn.Module):
    """The net as what FSDP2 gathers around: its ``forward`` is any work with the net."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, work: Callable[[], Any]) -> Any:
        """Do `work`."""
        return work()


class Sharded(Held):
    """The model sharded over all processes.

    Raises:
        ConfigError: this release of torch cannot shard a model of which a batch uses a part.
    """

    sharded = True

    def __init__(self, learner: Learner) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard

        super().__init__(learner)
        if not hasattr(FSDPModule, "set_reduce_scatter_unused_params"):
            raise ConfigError(
                f"torch {torch.__version__} cannot shard a model of which a batch uses a part",
                hint="Install a newer torch, or train with --parallel ddp.",
            )
        self._root: Any = _Root(learner.net)
        self._touched: Any = None
        mesh = init_device_mesh(learner.net.device.type, (dist.get_world_size(),))
        scalars = {p for p in learner.net.parameters() if p.ndim == 0}
        if any(parameter.requires_grad for parameter in scalars):
            raise ConfigError(
                f"{learner.name} trains single numbers, which cannot be sharded",
                hint="Freeze their group, or train with --parallel ddp.",
            )
        options: dict[str, Any] = {
            "mesh": mesh,
            "mp_policy": MixedPrecisionPolicy(reduce_dtype=torch.float32),
            "ignored_params": scalars,
        }
        inside = {id(p) for block in blocks(learner.net.lm) for p in block.parameters()}
        self._always = {
            name
            for name, p in learner.net.named_parameters()
            if p.requires_grad and id(p) in inside
        }
        for block in blocks(learner.net.lm):
            fully_shard(block, **options)
        fully_shard(self._root, **options)
        for module in self._modules():
            module.set_gradient_divide_factor(1.0)  # losses are weighted over all processes
            module.set_force_sum_reduction_for_comms(True)
            module.set_reduce_scatter_unused_params(True, recurse=False)
        learner.engine.touch = self._touch

    def _modules(self) -> list[Any]:
        from torch.distributed.fsdp import FSDPModule

        return [module for module in self._root.modules() if isinstance(module, FSDPModule)]

    def _touch(self, embedded: Tensor) -> Tensor:
        """Inputs of the language model that depend on encoder and projector, with weight zero."""
        net = self.learner.net
        used = [p for group in (net.audio_encoder, net.projector) for p in group.parameters()]
        firsts = [p.reshape(-1)[:1].sum() for p in used if p.requires_grad and p.numel()]
        if not torch.is_grad_enabled():
            return embedded
        if firsts:
            zero = torch.stack([first.float() for first in firsts]).sum() * 0.0
        else:
            zero = torch.zeros((), device=embedded.device, requires_grad=True)
        self._touched = zero.grad_fn
        return embedded + zero.to(embedded.dtype)

    def run(self, work: Callable[[], T]) -> T:
        """Do `work` with encoder, projector, embeddings and head gathered."""
        self._touched = None
        found: T = self._root(work)
        return found

    def look(self, work: Callable[[], T]) -> T:
        """Do `work` likewise; all processes do the same, and no backward pass follows."""
        found = self.run(work)
        for module in self._modules():
            module.reshard()
        return found

    def reached(self, loss: Tensor) -> set[str]:
        """Names of trained tensors that a backward pass of `loss` reaches, but by `_touch`.

        The blocks of the language model are in every pass.
        """
        names = {id(p): name for name, p in self.learner.net.named_parameters() if p.requires_grad}
        found = {*self._always}
        seen = {self._touched}
        todo = [loss.grad_fn]
        while todo:
            node = todo.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            variable = getattr(node, "variable", None)
            if variable is not None and id(variable) in names:
                found.add(names[id(variable)])
            todo += [following for following, _ in node.next_functions]
        return found

    def close(self) -> None:
        """Gather every tensor and undo FSDP2, which has no way back of its own."""
        from torch.distributed.tensor import DTensor

        self.learner.engine.touch = None
        modules = self._modules()
        for module in modules:
            module.reshard()
        whole: dict[int, nn.Parameter] = {}
        for module in self._root.modules():
            for name, parameter in module._parameters.items():
                if isinstance(parameter, DTensor):
                    if id(parameter) not in whole:  # tied weights stay tied
                        full = parameter.full_tensor().detach().clone()
                        whole[id(parameter)] = nn.Parameter(full, parameter.requires_grad)
                    module._parameters[name] = whole[id(parameter)]
        for module in modules:
            _released(module)
        self.learner.engine.clear_cache()


def hold(learner: Learner) -> Held:
    """The model as the processes hold it."""
    return Sharded(learner) if parallel.sharded() else Held(learner)


def _released(module: Any) -> None:
    """Take FSDP2's hooks, class and state off a module."""
    from torch.distributed._composable.contract import REGISTRY_KEY, STATE_KEY
    from torch.distributed._composable_state import _module_state_mapping

    state = module._get_fsdp_state()
    for handle in (state._pre_forward_hook_handle, state._post_forward_hook_handle):
        handle.remove()
    for group in state._fsdp_param_groups:
        for handles in (
            group._module_to_pre_save_state_dict_hook_handle,
            group._module_to_pre_load_state_dict_hook_handle,
        ):
            for handle in handles.values():
                handle.remove()
    for key in (STATE_KEY, REGISTRY_KEY):
        module.__dict__.pop(key, None)
    _module_state_mapping.pop(module, None)
    module.__class__ = type(module).__mro__[2]  # FSDP…, FSDPModule, the class itself
