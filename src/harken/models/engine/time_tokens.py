"""Time tokens: one token for each time of a grid, in the tokenizer, the embedding and the head.

A token that the tokenizer does not have gets a new id. Its embedding, and its row of an untied
head, begin as the mean of those of the time in text ("1", ".", "12"), plus a tenth of their size in
sines and cosines of the time: times near each other begin alike, and no two are equal. (TimeAudio,
arXiv 2511.11039, begins from digits too; TAC, arXiv 2602.15766, does not say.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import ModelError
from harken.models.engine.net import LearnerNet
from harken.times import TimeGrid

_SHARE = 0.1
"""Size of the sines and cosines, as a share of that of the embeddings."""


def add_time_tokens(learner: Any, times: TimeGrid) -> int:
    """Give `learner` a token for each time of a grid; returns how many are new to its tokenizer.

    Args:
        learner: a `harken.models.learner.Learner`; ``config["times"]`` names the grid afterwards.
        times: the grid. A learner that has it already is left as it is.

    Raises:
        ModelError: the learner has another grid, or embeddings that cannot be enlarged.
    """
    tokenizer, lm = learner.tokenizer, learner.net.lm
    if tokenizer.times is not None:
        if tokenizer.times != times:
            raise ModelError(
                f"the model has time tokens of {tokenizer.times.resolution:g} s up to "
                f"{tokenizer.times.max_s:g} s, and {times.resolution:g} s up to {times.max_s:g} s "
                "are asked for",
                hint="Use the resolution and max_s that it has.",
            )
        return 0
    pieces = [tokenizer.encode(times.seconds(place)) for place in range(times.count)]
    fresh = tokenizer.use_times(times)
    learner.config["times"] = settings_of(times)
    if fresh:
        places = {tokenizer.time_ids[times.token(place)]: place for place in range(times.count)}
        for weight in enlarged(lm, max(fresh) + 1):
            rows = [(number, pieces[places[number]], places[number]) for number in fresh]
            _begin(weight, rows)
        _note_size(learner, len(lm.get_input_embeddings().weight))
    learner.to()  # caches and identity are those of other weights
    return len(fresh)


def settings_of(times: TimeGrid) -> dict[str, float]:
    """A grid as JSON values."""
    return {"resolution": times.resolution, "max_s": times.max_s}


def restore_times(tokenizer: Any, settings: Mapping[str, float] | None) -> None:
    """Encode times as tokens again, in the tokenizer of a saved model that has them."""
    if settings:
        tokenizer.use_times(TimeGrid(**settings))


def enlarged(lm: Any, count: int) -> list[Tensor]:
    """The embedding and an untied head of `lm`, with at least `count` rows, in place.

    New rows are zeros. The modules stay the same, so that nothing that holds them is outdated.

    Raises:
        ModelError: a module without such a weight, or the class computes the embedding otherwise.
    """
    modules = [_inner(lm.get_input_embeddings()), _inner(lm.get_output_embeddings())]
    weights: dict[int, nn.Parameter] = {}
    found: list[Tensor] = []
    for module in modules:
        weight = getattr(module, "weight", None)
        if not isinstance(weight, nn.Parameter) or weight.ndim != 2:
            raise ModelError(
                f"the {type(module).__name__} of {type(lm).__name__} cannot get new tokens",
                hint="Train with --set timestamps.tokens=false: times are plain text then.",
            )
        if id(weight) not in weights:
            new = nn.Parameter(_longer(weight.data, count), requires_grad=weight.requires_grad)
            weights[id(weight)] = new if len(weight) < count else weight
            found.append(weights[id(weight)])
        module.weight = weights[id(weight)]
        bias = getattr(module, "bias", None)
        if isinstance(bias, nn.Parameter) and len(bias) < count:
            module.bias = nn.Parameter(_longer(bias.data, count), requires_grad=bias.requires_grad)
        for name in ("num_embeddings", "out_features"):
            if hasattr(module, name):
                setattr(module, name, len(module.weight))
    lm.config.vocab_size = len(modules[0].weight)
    return found


def _inner(module: Any) -> Any:
    """The layer with the weight, inside scaled heads and adapters."""
    for name in ("base_layer", "inner"):
        if hasattr(module, name):
            return _inner(getattr(module, name))
    return module


def _longer(tensor: Tensor, count: int) -> Tensor:
    extra = max(0, count - len(tensor))
    return torch.cat([tensor, tensor.new_zeros(extra, *tensor.shape[1:])])


@torch.no_grad()
def _begin(weight: Tensor, rows: Sequence[tuple[int, Sequence[int], int]]) -> None:
    """Initialise rows of an embedding: (row, ids of the time in text, its place in the grid)."""
    known = weight.detach().float()
    size = float(known[[i for _, ids, _ in rows for i in ids]].square().mean().sqrt())
    width = weight.shape[1]
    waves = torch.arange(width, dtype=torch.float32) // 2
    rates = torch.exp(-math.log(10_000.0) * 2 * waves / width)
    phase = (torch.arange(width) % 2) * (math.pi / 2)
    for number, ids, place in rows:
        sines = torch.sin(place * rates + phase) * math.sqrt(2) * _SHARE * size
        weight[number] = (known[list(ids)].mean(0) + sines.to(known.device)).to(weight.dtype)


def _note_size(learner: Any, count: int) -> None:
    """Write the number of embeddings into the configuration that a composed model is built from."""
    saved = learner.config.get("lm")
    if isinstance(saved, dict) and isinstance(saved.get("config"), dict):
        learner.config["lm"] = {**saved, "config": {**saved["config"], "vocab_size": count}}


@contextmanager
def rows_trained(net: LearnerNet, numbers: Sequence[int]) -> Iterator[None]:
    """Train these rows of embedding and head for a block, where adapters keep the rest frozen.

    The gradient of all other rows is zero, so they stay what they are, unless there is weight
    decay. Without adapters in the language model the embedding is trained as a whole, and nothing
    is done.
    """
    names = [name for name, _ in net.named_parameters()]
    if not any(name.startswith("lm.") and "lora_" in name for name in names):
        yield
        return
    lm: Any = net.lm
    modules = [_inner(lm.get_input_embeddings()), _inner(lm.get_output_embeddings())]
    weights = {id(module.weight): module.weight for module in modules}
    hooks = [weight.register_hook(_Only(numbers)) for weight in weights.values() if _open(weight)]
    net.trained_rows = frozenset(weights)
    try:
        yield
    finally:
        net.trained_rows = frozenset()
        for hook in hooks:
            hook.remove()


def _open(weight: nn.Parameter) -> bool:
    weight.requires_grad_()  # a tensor without gradient takes no hook
    return True


class _Only:
    """A gradient hook that keeps some rows."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = torch.tensor(sorted(numbers))

    def __call__(self, grad: Tensor) -> Tensor:
        """The gradient with zeros in all other rows."""
        kept = torch.zeros_like(grad)
        numbers = self.numbers.to(grad.device)
        kept[numbers] = grad[numbers]
        return kept
