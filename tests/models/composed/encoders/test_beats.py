"""BEATs: the published names of its tensors, its buckets, independence of the batch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from harken.errors import ModelError
from harken.models.composed.beats import BeatsConfig, BeatsModel, buckets
from harken.models.composed.encoders.beats import BeatsEncoder
from harken.models.composed.encoders.open import open_encoder

SMALL = {
    "embed_dim": 8, "encoder_embed_dim": 16, "encoder_layers": 2, "encoder_attention_heads": 2,
    "encoder_ffn_embed_dim": 32, "conv_pos": 8, "conv_pos_groups": 2, "num_buckets": 32,
    "max_distance": 80,
}  # fmt: skip


def published(model: BeatsModel) -> dict[str, torch.Tensor]:
    """The tensors of a model under the names of the published checkpoints."""
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kernel = "encoder.pos_conv.0"
    state[f"{kernel}.weight_g"] = state.pop(f"{kernel}.parametrizations.weight.original0")
    state[f"{kernel}.weight_v"] = state.pop(f"{kernel}.parametrizations.weight.original1")
    shared = state.pop("encoder.relative_attention_bias.weight")
    for layer in range(model.config.encoder_layers):
        name = f"encoder.layers.{layer}.self_attn.relative_attention_bias.weight"
        state[name] = shared.clone()
    return state


def test_names_and_shapes_are_those_of_the_published_weights() -> None:
    """Some of BEATs_iter3_plus_AS2M.pt, as its repository's modules have them; 90 M in all."""
    with torch.device("meta"):
        model = BeatsModel(BeatsConfig())
    shapes = {name: tuple(tensor.shape) for name, tensor in published(model).items()}
    expected = {
        "patch_embedding.weight": (512, 1, 16, 16),
        "layer_norm.weight": (512,),
        "post_extract_proj.weight": (768, 512),
        "encoder.pos_conv.0.weight_g": (1, 1, 128),
        "encoder.pos_conv.0.weight_v": (768, 48, 128),
        "encoder.layer_norm.bias": (768,),
        "encoder.layers.0.self_attn.relative_attention_bias.weight": (320, 12),
        "encoder.layers.11.self_attn.relative_attention_bias.weight": (320, 12),
        "encoder.layers.11.self_attn.grep_a": (1, 12, 1, 1),
        "encoder.layers.11.self_attn.grep_linear.weight": (8, 64),
        "encoder.layers.11.self_attn.k_proj.bias": (768,),
        "encoder.layers.11.self_attn_layer_norm.weight": (768,),
        "encoder.layers.11.fc1.weight": (3072, 768),
        "encoder.layers.11.fc2.weight": (768, 3072),
        "encoder.layers.11.final_layer_norm.weight": (768,),
    }
    assert {name: shapes.get(name) for name in expected} == expected
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(90.3e6, rel=0.002)


def test_a_folder_with_published_tensors_is_opened(tmp_path: Path) -> None:
    torch.manual_seed(0)
    made = BeatsModel(BeatsConfig.of(SMALL)).eval()
    tensors = published(made) | {"predictor.weight": torch.zeros(2, 16)}
    save_file(tensors, tmp_path / "model.safetensors")
    values = {"model_type": "beats", "dropout": 0.1, "finetuned_model": True, **SMALL}
    (tmp_path / "config.json").write_text(json.dumps(values))
    opened = open_encoder(str(tmp_path)).eval()
    assert isinstance(opened, BeatsEncoder)
    wave = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
    mel = torch.from_numpy(opened.features(wave))[None]
    with torch.no_grad():
        expected = made(mel, torch.tensor([opened.frames(mel.shape[1])])).last_hidden_state
        frames, (count,) = opened.encode([mel[0].numpy()])
    torch.testing.assert_close(frames, expected)
    assert count == frames.shape[1] == 3 * 8  # 48 mel frames
    (tmp_path / "config.json").write_text(json.dumps({**values, "layer_norm_first": True}))
    with pytest.raises(ModelError, match="layer_norm_first"):
        open_encoder(str(tmp_path))


def test_buckets_are_those_of_wavlm() -> None:
    """An independent implementation, in transformers."""
    from transformers import WavLMConfig
    from transformers.models.wavlm.modeling_wavlm import WavLMAttention

    config = BeatsConfig()
    theirs: Any = WavLMAttention(
        768, 12, num_buckets=config.num_buckets, max_distance=config.max_distance
    )
    del WavLMConfig
    distance = torch.arange(-1500, 1501)
    assert torch.equal(buckets(distance, config), theirs._relative_positions_bucket(distance))


def test_attention_is_wavlms_but_for_the_input_of_its_gates(tmp_path: Path) -> None:
    """With an identity as query projection both gates read the same, and the outputs are equal."""
    from transformers.models.wavlm.modeling_wavlm import WavLMAttention

    from harken.models.composed.beats import BeatsAttention

    torch.manual_seed(0)
    config = BeatsConfig.of(SMALL)
    ours: Any = BeatsAttention(config).eval()
    torch.nn.init.eye_(ours.q_proj.weight)
    torch.nn.init.zeros_(ours.q_proj.bias)
    theirs: Any = WavLMAttention(16, 2, num_buckets=32, max_distance=80).eval()
    for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
        getattr(theirs, name).load_state_dict(getattr(ours, name).state_dict())
    theirs.gru_rel_pos_linear.load_state_dict(ours.grep_linear.state_dict())
    theirs.gru_rel_pos_const.data.copy_(ours.grep_a.data)
    table = torch.nn.Embedding(32, 2)
    theirs.rel_attn_embed = table
    hidden, place = torch.randn(1, 20, 16), torch.arange(20)
    bias = table(buckets(place[None] - place[:, None], config)).permute(2, 0, 1)
    with torch.no_grad():
        found = ours(hidden, bias, torch.ones(1, 20, dtype=torch.bool))
        expected = theirs(hidden)[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_frames_do_not_depend_on_the_batch() -> None:
    torch.manual_seed(0)
    encoder = BeatsEncoder.build({"kind": "beats", "config": SMALL}).eval()
    draw = np.random.default_rng(0)
    parts = [encoder.features(draw.standard_normal(n).astype(np.float32)) for n in (300, 9000)]
    with torch.no_grad():
        frames, counts = encoder.encode(parts)
        for row, part in enumerate(parts):
            alone, (count,) = encoder.encode([part])
            assert count == counts[row] == encoder.frames_of(part)
            torch.testing.assert_close(frames[row, :count], alone[0], atol=1e-5, rtol=1e-4)
