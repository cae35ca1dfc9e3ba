"""A language model into whose layers audio goes, beside or instead of its input embeddings.

What an audio token brings for the layers travels with it, as further columns of its embedding
(`Projector.extra`): the embeddings of words have zeros there. So everything that handles
embeddings by their place in a prompt (placeholders and their proofs, batches, prompt trees, the
cache of audio tokens) handles these columns too, and the layers find them where they belong.

Two kinds: `harken.models.composed.projectors.deepstack` adds to the hidden states of audio tokens,
`harken.models.composed.projectors.cross_attention` has words attend to the audio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import ModelError
from harken.models.engine.tree_forward import TreeReader

Change = Callable[[Tensor], Tensor]
"""Hidden states (B, L, width) of a layer's input -> what the layer gets instead."""


class WideEmbedding:
    """The embedding of words with `extra` further columns, and the interface of an embedding.

    Args:
        inner: the language model's own.
        extra: number of further columns.
        last: value of the last of them; the others are zero.
    """

    def __init__(self, inner: Any, extra: int, last: float) -> None:
        self.inner, self._extra, self._last = inner, extra, last

    @property
    def weight(self) -> Tensor:
        """The embedding of words (V, width)."""
        weight: Tensor = self.inner.weight
        return weight

    @property
    def num_embeddings(self) -> int:
        """Number of ids."""
        return len(self.weight)

    @property
    def embedding_dim(self) -> int:
        """Width of the language model."""
        return int(self.weight.shape[1])

    def __call__(self, ids: Tensor) -> Tensor:
        """Ids (…) -> (…, width + extra)."""
        words: Tensor = self.inner(ids)
        wide = nn.functional.pad(words, (0, self._extra - 1))
        return nn.functional.pad(wide, (0, 1), value=self._last)


class InjectedLanguageModel(nn.Module):
    """A causal language model of transformers whose layers get audio.

    It has the interface that the engine needs, and the children of the model under their own
    names, so that its tensors are called as they are without it.

    Attributes:
        by_mask: see `harken.models.engine.tree_forward.TreeReader`; `by_row`, `plain_head` too.
        word_flag: the last column of a word's embedding.
        hears_by_attention: audio tokens are in no place of a word: they are no embeddings of text.
    """

    plain_head = True
    by_mask: bool | None = None
    by_row = False
    word_flag = 0.0
    hears_by_attention = False

    def __init__(self, lm: Any, projector: Any) -> None:
        """The language model and the projector.

        Raises:
            ModelError: the head of `lm` is not all that is between hidden states and logits, or
                its layers are not found.
        """
        super().__init__()
        on_meta = next(lm.parameters()).is_meta
        if not on_meta and not TreeReader(lm).plain_head:
            raise ModelError(
                f"audio cannot go into the layers of a {lm.config.model_type}: its logits are "
                "scaled or capped after the head",
                hint="Use a projector whose tokens take the places of words, such as mlp.",
            )
        for name, child in lm.named_children():
            self.add_module(name, child)
        self._held = [lm, projector]  # a list: neither is a child of this module
        layers_of(lm)

    @property
    def config(self) -> Any:
        """The language model's configuration."""
        return self._held[0].config

    @property
    def projector(self) -> Any:
        """The projector, which holds the weights that are in the layers."""
        return self._held[1]

    @property
    def width(self) -> int:
        """Width of the language model."""
        return int(self._held[0].get_input_embeddings().weight.shape[1])

    def get_input_embeddings(self) -> WideEmbedding:
        """Ids -> embeddings with the further columns."""
        inner = self._held[0].get_input_embeddings()
        return WideEmbedding(inner, self.projector.extra, self.word_flag)

    def get_output_embeddings(self) -> nn.Module:
        """The head."""
        head: nn.Module = self._held[0].get_output_embeddings()
        return head

    def get_decoder(self) -> Any:
        """Embeddings -> hidden states."""
        return self.decode

    def decode(
        self, inputs_embeds: Tensor | None = None, input_ids: Tensor | None = None, **options: Any
    ) -> Any:
        """The decoder's output for embeddings (B, L, width + extra), or for ids of words."""
        raise NotImplementedError

    def forward(
        self,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        logits_to_keep: int = 0,
        **options: Any,
    ) -> Any:
        """Logits of the last `logits_to_keep` positions; of all if 0."""
        from transformers.modeling_outputs import CausalLMOutputWithPast

        out = self.decode(inputs_embeds, input_ids, **options)
        logits = self.get_output_embeddings()(out.last_hidden_state[:, -logits_to_keep:])
        return CausalLMOutputWithPast(logits=logits, past_key_values=out.past_key_values)

    def run(self, changes: Mapping[int, Change], **inputs: Any) -> Any:
        """The decoder's output, with `changes` before the layers of these numbers."""
        with changed_inputs(self._held[0], changes):
            return self._held[0].get_decoder()(**inputs)


def layers_of(lm: Any) -> nn.ModuleList:
    """The decoder's layers.

    Raises:
        ModelError: they are not found.
    """
    outer = lm.get_decoder()
    for decoder in (outer, getattr(outer, "decoder", outer)):
        for name in ("layers", "h"):
            found = getattr(decoder, name, None)
            if isinstance(found, nn.ModuleList) and len(found):
                return found
    raise ModelError(f"the layers of {type(lm).__name__} are not found, so no audio can go in")


@contextmanager
def changed_inputs(lm: Any, changes: Mapping[int, Change]) -> Iterator[None]:
    """For a block, the layers with these numbers get changed hidden states."""
    layers = layers_of(lm)
    hooks = [
        layers[number].register_forward_pre_hook(partial(_changed, change), with_kwargs=True)
        for number, change in changes.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _changed(
    change: Change, layer: nn.Module, args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A hook: the hidden states are the first argument, or have their name."""
    del layer
    if args and isinstance(args[0], torch.Tensor):
        return (change(args[0]), *args[1:]), named
    return args, {**named, "hidden_states": change(named["hidden_states"])}
