"""WavTokenizer: names and sizes of the published weights, codes and back, the head by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from harken.errors import ModelError
from harken.models.codec.open import open_codec
from harken.models.codec.wavtokenizer_net import (
    SpectrumHead,
    WavTokenizerConfig,
    WavTokenizerNet,
    own_names,
)

TINY = {
    "num_filters": 2, "upsampling_ratios": [4, 2, 2, 2], "hidden_size": 8, "codebook_size": 16,
    "decoder_hidden_size": 8, "decoder_intermediate_size": 12, "decoder_num_layers": 2,
    "decoder_attention_num_groups": 2, "adanorm_num_embeddings": 2, "num_lstm_layers": 1,
}  # fmt: skip
"""A hop of 32 samples."""


def net() -> WavTokenizerNet:
    torch.manual_seed(0)
    made = WavTokenizerNet(WavTokenizerConfig.of(TINY)).eval()
    with torch.no_grad():  # entries where frames are, so that more than one is the nearest
        made.codebook.copy_(made.encoder(0.1 * torch.randn(1, 1, 512))[0].T)
    return made


def published(made: WavTokenizerNet) -> dict[str, torch.Tensor]:
    """Its tensors under the names of transformers' layout."""
    found = {}
    for name, tensor in made.state_dict().items():
        inside = name.startswith("encoder.")
        name = "quantizer.codebook.embed" if name == "codebook" else name
        inside = inside or name.startswith("quantizer.")
        found[f"encoder_model.{name}" if inside else name] = tensor.clone()
    return found


def save(folder: Path, state: dict[str, torch.Tensor]) -> str:
    folder.mkdir()
    save_file(state, folder / "model.safetensors")
    config = {"model_type": "wavtokenizer", "use_causal_conv": False, **TINY}
    (folder / "config.json").write_text(json.dumps(config))
    return f"wavtokenizer:{folder}"


def test_sizes_are_those_of_the_published_weights() -> None:
    """Of large-unify-40token: strides 4, 5, 5, 6, a head of 1201 magnitudes and phases."""
    with torch.device("meta"):
        made = WavTokenizerNet(WavTokenizerConfig())
    shapes = {name: tuple(tensor.shape) for name, tensor in made.state_dict().items()}
    weight = "conv.parametrizations.weight.original1"
    expected = {
        f"encoder.layers.0.{weight}": (32, 1, 7),
        f"encoder.layers.1.block.1.{weight}": (16, 32, 3),
        f"encoder.layers.1.shortcut.{weight}": (32, 32, 1),
        f"encoder.layers.3.{weight}": (64, 32, 8),
        f"encoder.layers.12.{weight}": (512, 256, 12),
        "encoder.layers.13.lstm.weight_ih_l1": (2048, 512),
        f"encoder.layers.15.{weight}": (512, 512, 7),
        "codebook": (4096, 512),
        "backbone.pos_net.2.proj_out.weight": (768, 768, 1),
        "backbone.convnext.11.dwconv.weight": (768, 1, 7),
        "backbone.convnext.0.norm.scale.weight": (4, 768),
        "head.linear.weight": (2402, 768),
    }
    assert {name: shapes.get(name) for name in expected} == expected
    assert "head.window" not in shapes
    assert made.config.hop == 600


def test_both_layouts_of_the_weights_are_opened_and_encode_alike(tmp_path: Path) -> None:
    made = net()
    authors = {}
    for name, tensor in made.state_dict().items():
        name = name.replace("encoder.layers.", "feature_extractor.encodec.encoder.model.")
        if name.startswith("feature_extractor."):
            name = name.replace("conv.par", "conv.conv.par")
            name = name.replace("parametrizations.weight.original0", "weight_g")
            name = name.replace("parametrizations.weight.original1", "weight_v")
        name = name.replace("head.linear.", "head.out.")
        if name == "codebook":
            name = "feature_extractor.encodec.quantizer.vq.layers.0._codebook.embed"
        authors[name] = tensor.clone()
    authors["feature_extractor.encodec.decoder.model.0.conv.conv.bias"] = torch.zeros(2)
    authors["feature_extractor.encodec.quantizer.vq.layers.0._codebook.inited"] = torch.ones(1)
    authors["head.istft.window"] = torch.zeros(2)
    first, second = (
        open_codec(save(tmp_path / name, state))
        for name, state in (("transformers", published(made)), ("authors", authors))
    )
    assert first.identity() == second.identity()
    sound = (0.1 * np.random.default_rng(0).standard_normal(4000)).astype(np.float32)
    codes = first.encode(sound)
    assert (first.rate_hz, first.hop, first.codebooks, first.size) == (24_000, 32, 1, 16)
    assert codes.shape == (1, -(-6000 // 32)) and len({*codes.ravel()}) > 3
    assert np.array_equal(second.encode(sound), codes)
    back = first.decode(codes, len(sound))
    assert back.shape == sound.shape and np.isfinite(back).all() and back.any()
    with torch.no_grad():
        frames = made.encoder(torch.zeros(1, 1, 320))[0].T
        (near,) = made.encode(torch.zeros(1, 1, 320))
    by_hand = [int((made.codebook - one).square().sum(1).argmin()) for one in frames]
    assert near.tolist() == by_hand


def test_the_head_gives_back_what_was_transformed() -> None:
    """With magnitudes and phases of a real sound, the samples are those of the sound."""
    head = SpectrumHead(18, hop=4)  # 9 magnitudes and 9 phases, given as they are
    with torch.no_grad():
        head.linear.weight.copy_(torch.eye(18))
        head.linear.bias.zero_()
    torch.manual_seed(0)
    sound = torch.randn(48)
    padded = torch.nn.functional.pad(sound, (6, 6))
    spectrum = torch.fft.rfft(padded.unfold(0, 16, 4) * head.window)
    frames = torch.cat([spectrum.abs().log(), spectrum.angle()], -1)
    torch.testing.assert_close(head(frames[None])[0, 0], sound, atol=1e-4, rtol=0)


def test_other_tensors_are_refused(tmp_path: Path) -> None:
    state = published(net())
    state.pop("backbone.embed.bias")
    with pytest.raises(ModelError, match=r"cannot be opened: .*backbone\.embed\.bias"):
        open_codec(save(tmp_path / "other", state))
    assert own_names({"discriminator.weight": torch.zeros(1)}) == {}
