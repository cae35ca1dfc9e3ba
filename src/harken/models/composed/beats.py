"""BEATs' network (Chen et al. 2022, arXiv 2212.09058) under the names of its published weights.

Patches of 16 × 16 of a log-mel, in the order of time and then frequency, go through a transformer
with a convolution for positions, gated relative position biases (as WavLM's, arXiv 2110.13900, with
gates computed from the projected queries of a head), layer norm after each part, and residuals
scaled by (2 · layers)^(1/4) (DeepNorm, arXiv 2203.00555).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import ModelError


@dataclass(frozen=True, slots=True)
class BeatsConfig:
    """Sizes of BEATs, by the names in the published checkpoints' ``cfg``; those of iter3+.

    Attributes:
        embed_dim: width of a patch; `encoder_embed_dim`: of the transformer.
        input_patch_size: edge of a patch, in mel frames and bands.
        encoder_layers, encoder_attention_heads, encoder_ffn_embed_dim: its sizes.
        conv_pos, conv_pos_groups: kernel and groups of the convolution for positions.
        num_buckets, max_distance: of the relative positions.
        deep_norm: residuals are scaled.
    """

    embed_dim: int = 512
    input_patch_size: int = 16
    encoder_layers: int = 12
    encoder_embed_dim: int = 768
    encoder_ffn_embed_dim: int = 3072
    encoder_attention_heads: int = 12
    conv_pos: int = 128
    conv_pos_groups: int = 16
    num_buckets: int = 320
    max_distance: int = 800
    deep_norm: bool = True
    model_type: str = "beats"

    @staticmethod
    def of(values: Mapping[str, Any]) -> BeatsConfig:
        """From a published ``cfg``, whose other values (dropout, a classifier) do not count.

        Raises:
            ModelError: a BEATs of another build: layer norm first, no relative positions.
        """
        usual = {
            "layer_norm_first": False, "relative_position_embedding": True, "gru_rel_pos": True,
            "conv_bias": False, "activation_fn": "gelu",
        }  # fmt: skip
        other = [f"{k}={values[k]}" for k, v in usual.items() if values.get(k, v) != v]
        if other:
            raise ModelError(
                f"this BEATs has {', '.join(other)}, which is not implemented",
                hint="Use BEATs_iter3 or BEATs_iter3+.",
            )
        known = {entry.name for entry in fields(BeatsConfig)}
        return BeatsConfig(**{k: v for k, v in values.items() if k in known})

    @property
    def hidden_size(self) -> int:
        """Width of a frame."""
        return self.encoder_embed_dim

    @property
    def num_hidden_layers(self) -> int:
        """Layers of the transformer."""
        return self.encoder_layers

    def values(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class BeatsAttention(nn.Module):
    """Self-attention with a bias by distance, which a gate of each query scales."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        width, self.heads = config.encoder_embed_dim, config.encoder_attention_heads
        self.head = width // self.heads
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            self.add_module(name, nn.Linear(width, width))
        self.grep_linear = nn.Linear(self.head, 8)
        self.grep_a = nn.Parameter(torch.ones(1, self.heads, 1, 1))

    def forward(self, hidden: Tensor, bias: Tensor, valid: Tensor) -> Tensor:
        """(B, N, width) under a bias (heads, N, N); what is not `valid` (B, N) is masked."""
        own: Any = self
        query, key, value = (
            part(hidden).unflatten(-1, (self.heads, self.head)).transpose(1, 2)
            for part in (own.q_proj, own.k_proj, own.v_proj)
        )
        gates = self.grep_linear(query).unflatten(-1, (2, 4)).sum(-1).sigmoid()
        update, reset = gates[..., :1], gates[..., 1:]
        scaled = (update * (reset * self.grep_a - 1.0) + 2.0) * bias[None]
        mask = scaled.masked_fill(~valid[:, None, None], torch.finfo(scaled.dtype).min)
        found = nn.functional.scaled_dot_product_attention(query, key, value, mask)
        out: Tensor = own.out_proj(found.transpose(1, 2).flatten(2))
        return out


class BeatsLayer(nn.Module):
    """Attention and an MLP, each followed by layer norm."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        width = config.encoder_embed_dim
        self.self_attn = BeatsAttention(config)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, config.encoder_ffn_embed_dim)
        self.fc2 = nn.Linear(config.encoder_ffn_embed_dim, width)
        self.final_layer_norm = nn.LayerNorm(width)
        self.scale = (2 * config.encoder_layers) ** 0.25 if config.deep_norm else 1.0

    def forward(self, hidden: Tensor, bias: Tensor, valid: Tensor) -> Tensor:
        """(B, N, width) -> (B, N, width)."""
        attended = self.self_attn(hidden, bias, valid)
        hidden = self.self_attn_layer_norm(hidden * self.scale + attended)
        moved = self.fc2(nn.functional.gelu(self.fc1(hidden)))
        out: Tensor = self.final_layer_norm(hidden * self.scale + moved)
        return out


class BeatsTransformer(nn.Module):
    """The module ``encoder`` of the published weights."""

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        width = config.encoder_embed_dim
        convolution = nn.Conv1d(
            width, width, config.conv_pos, padding=config.conv_pos // 2,
            groups=config.conv_pos_groups,
        )  # fmt: skip
        nn.init.normal_(convolution.weight, std=math.sqrt(4 / (config.conv_pos * width)))
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        named = nn.utils.parametrizations.weight_norm(convolution, dim=2)
        self.pos_conv = nn.Sequential(named)
        self.layers = nn.ModuleList([BeatsLayer(config) for _ in range(config.encoder_layers)])
        self.layer_norm = nn.LayerNorm(width)
        self.relative_attention_bias = nn.Embedding(
            config.num_buckets, config.encoder_attention_heads
        )
        self._config = config

    def forward(self, hidden: Tensor, valid: Tensor) -> list[Tensor]:
        """Hidden states (B, N, width): the input of the first layer, then each layer's output."""
        count = hidden.shape[1]
        hidden = hidden * valid[..., None]
        moved = self.pos_conv(hidden.transpose(1, 2))[..., :count]
        hidden = self.layer_norm(hidden + nn.functional.gelu(moved).transpose(1, 2))
        place = torch.arange(count, device=hidden.device)
        found = buckets(place[None] - place[:, None], self._config)
        bias = self.relative_attention_bias(found).permute(2, 0, 1)
        states = [hidden]
        for layer in self.layers:
            states.append(layer(states[-1], bias, valid))
        return states


class BeatsModel(nn.Module):
    """Mel patches -> frames; tensors have the names of the published checkpoints, but two.

    The convolution's weight norm has the names of torch's parametrisation, and the embedding of
    relative positions, which the published layers share, is there once (`own_names`).
    """

    def __init__(self, config: BeatsConfig) -> None:
        super().__init__()
        self.config = config
        size = config.input_patch_size
        self.patch_embedding = nn.Conv2d(1, config.embed_dim, size, size, bias=False)
        self.layer_norm = nn.LayerNorm(config.embed_dim)
        self.post_extract_proj = nn.Linear(config.embed_dim, config.encoder_embed_dim)
        self.encoder = BeatsTransformer(config)

    def forward(self, mel: Tensor, counts: Tensor) -> Any:
        """Frames of (B, T, bins), of which `counts` (B,) patches are valid in each row."""
        patches = self.patch_embedding(mel[:, None]).flatten(2).transpose(1, 2)
        valid = torch.arange(patches.shape[1], device=mel.device)[None] < counts[:, None]
        states = self.encoder(self.post_extract_proj(self.layer_norm(patches)), valid)
        return SimpleNamespace(last_hidden_state=states[-1], hidden_states=tuple(states))


def buckets(distance: Tensor, config: BeatsConfig) -> Tensor:
    """The bucket of each distance: one each up to a quarter of all, then by its logarithm (T5)."""
    half = config.num_buckets // 2
    exact = half // 2
    size = distance.abs()
    far = (size.clamp(min=1).float() / exact).log() / math.log(config.max_distance / exact)
    coarse = (exact + (far * (half - exact)).long()).clamp(max=half - 1)
    return (distance > 0).long() * half + torch.where(size < exact, size, coarse)


def own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a published checkpoint under the names of `BeatsModel`.

    The classifier of a fine-tuned checkpoint and the copies of the shared embedding are left out.
    """
    kernel = "encoder.pos_conv.0"
    renamed = {
        f"{kernel}.weight_g": f"{kernel}.parametrizations.weight.original0",
        f"{kernel}.weight_v": f"{kernel}.parametrizations.weight.original1",
        "encoder.layers.0.self_attn.relative_attention_bias.weight": (
            "encoder.relative_attention_bias.weight"
        ),
    }
    return {
        renamed.get(name, name): tensor
        for name, tensor in state.items()
        if not name.startswith("predictor")
        and (name in renamed or "relative_attention_bias" not in name)
    }
