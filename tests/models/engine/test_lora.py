"""Adapters in module groups: which layers get them, and what a fresh, a switched and a merged one
gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harken.ask.prompt import make_prompt
from harken.errors import ModelError
from harken.models.base import Prompt
from harken.models.composed.model import ComposedModel
from harken.models.engine.lora import lora_layers, merge_lora
from harken.models.engine.net import GROUPS
from tiny_audio import NAMES, mini, named

pytest.importorskip("peft")


def conformer() -> ComposedModel:
    """A tiny model whose encoder has attention."""
    return mini(audio_encoder="conformer")


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> list[Prompt]:
    folder = tmp_path_factory.mktemp("sounds")
    return [make_prompt(named(folder, name), mini().style) for name in NAMES[:2]]


def answers(model: ComposedModel, prompts: list[Prompt]) -> list[float]:
    found = model.choice_logprobs(prompts)
    return [value for row in found if row is not None for value in row]


def stir(model: ComposedModel, part: str = "lora_") -> None:
    """Some steps of training, as it were."""
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.net.named_parameters():
            if part in name:
                parameter.add_(torch.randn_like(parameter) * 0.3)


@pytest.mark.parametrize(
    ("group", "targets", "expected"),
    [
        ("lm", (), r"self_attn\.[qkvo]_proj"),
        ("lm", ("q_proj", "v_proj"), r"self_attn\.[qv]_proj"),
        ("lm", (r"layers\.1\..*",), r"layers\.1\..*"),
        ("lm", (r"model\.layers\.0\.mlp\.(up|down)_proj",), r"layers\.0\.mlp\.(up|down)_proj"),
        ("audio_encoder", (), r"[qkvo]_proj"),
        ("audio_encoder", (r"feed_forward1\.linear[12]",), r"feed_forward1\.linear[12]"),
        ("projector", (), r"(first|second)"),
    ],
)
def test_targets_are_regular_expressions_for_whole_names_or_their_ends(
    group: str, targets: tuple[str, ...], expected: str
) -> None:
    import re

    net = conformer().net
    found = lora_layers(net, group, targets)
    inside = [n for n, m in net.named_modules() if isinstance(m, nn.Linear) and n.startswith(group)]
    wanted = [n for n in inside if re.search(rf"\.{expected}$", n)]
    assert wanted and found == wanted


@pytest.mark.parametrize(
    ("group", "targets", "words"),
    [
        ("lm", ("q_proj", "v_prj"), "v_proj"),
        ("lm", ("proj",), "q_proj"),
        ("lm", ("self_attn",), "no linear layer of lm"),
        ("lm", ("first",), "no linear layer of lm"),
        ("projector", ("q_proj",), "first"),
        ("lm", ("lm_head",), "shared"),
        ("lm", ("embed_tokens",), "no linear layer"),
    ],
)
def test_a_target_that_fits_nothing_is_an_error_with_near_names(
    group: str, targets: tuple[str, ...], words: str
) -> None:
    model = conformer()
    before = model.identity()
    with pytest.raises(ModelError) as caught:
        model.add_lora(2, targets=targets, group=group)
    assert words in f"{caught.value} {caught.value.hint}"
    assert model.identity() == before and not model.adapters


def test_layers_that_are_never_called_are_refused() -> None:
    """WavLM's attention reads the weights of its linear layers."""
    import transformers as tf

    config = tf.WavLMConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
        conv_dim=(4,), conv_kernel=(10,), conv_stride=(5,), num_feat_extract_layers=1,
        num_conv_pos_embedding_groups=2, num_conv_pos_embeddings=4,
    )  # fmt: skip
    whole = mini()
    model = ComposedModel.compose(tf.WavLMModel(config), whole.net.lm, whole.tokenizer)
    with pytest.raises(ModelError, match="does not call it"):
        model.add_lora(2, targets=["q_proj"], group="audio_encoder")
    model.add_lora(2, targets=["intermediate_dense"], group="audio_encoder")
    assert model.adapters == ("audio_encoder",)


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"rslora": True},
    "dora": {"dora": True},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_fresh_adapter_changes_nothing_and_a_merged_one_gives_the_same(
    options: dict[str, Any], prompts: list[Prompt]
) -> None:
    model = conformer()
    plain = answers(model, prompts)
    for group in GROUPS:
        model.add_lora(2, group=group, **options)
    assert model.adapters == GROUPS
    assert answers(model, prompts) == pytest.approx(plain, abs=1e-6)
    stir(model)
    trained = answers(model, prompts)
    assert trained != pytest.approx(plain, abs=1e-3)
    with model.without_adapters():
        assert answers(model, prompts) == pytest.approx(plain, abs=1e-6)
        with model.without_adapters():
            pass
        assert answers(model, prompts) == pytest.approx(plain, abs=1e-6)
    assert answers(model, prompts) == trained
    names = {name for name in model.state() if "lora_" not in name}
    count = model.merge_adapters()
    assert count == sum(name.endswith(".base_layer.weight") for name in names)
    assert answers(model, prompts) == pytest.approx(trained, abs=1e-5)
    assert not model.adapters and model.config["lora"] is None
    assert {*model.state()} == {*conformer().state()}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_sum_of_a_merge_is_rounded_once(dtype: str) -> None:
    model = conformer().to("", dtype)
    model.add_lora(2, 4, targets=["q_proj"])
    stir(model)
    wanted: dict[str, Tensor] = {}
    state = model.state()
    for name, weight in state.items():
        if name.endswith("q_proj.base_layer.weight"):
            stem = name.removesuffix("base_layer.weight")
            up, down = (state[f"{stem}lora_{half}.default.weight"].float() for half in "BA")
            wanted[f"{stem}weight"] = (weight.float() + 2 * (up @ down)).to(weight.dtype)
    assert merge_lora(model.net) == len(wanted) > 0
    merged = model.state()
    for name, weight in wanted.items():
        assert torch.equal(merged[name], weight), name


def test_the_scale_is_lowered_for_a_block(prompts: list[Prompt]) -> None:
    """Half the scale is half the second factor; none is the model without adapters."""
    model = conformer()
    plain = answers(model, prompts)
    model.add_lora(2)
    stir(model)
    trained = answers(model, prompts)
    with model.scaled_adapters(0.5):
        half = answers(model, prompts)
    with torch.no_grad():
        for name, parameter in model.net.named_parameters():
            if "lora_B" in name:
                parameter.mul_(0.5)
    assert answers(model, prompts) == pytest.approx(half, abs=1e-6)
    with model.scaled_adapters(0.0):
        assert answers(model, prompts) == pytest.approx(plain, abs=1e-6)
    assert trained != pytest.approx(half, abs=1e-4)


@pytest.mark.parametrize("switch", ["without_adapters", "scaled_adapters"])
def test_a_switch_is_undone_after_an_error(switch: str, prompts: list[Prompt]) -> None:
    model = conformer()
    with pytest.raises(ModelError, match="no adapters"), _block(model, switch):
        pass
    model.add_lora(2)
    stir(model)
    trained = answers(model, prompts)
    with pytest.raises(ZeroDivisionError), _block(model, switch):
        raise ZeroDivisionError
    assert answers(model, prompts) == trained
    assert all(p.requires_grad for n, p in model.net.named_parameters() if "lora_" in n)


def _block(model: ComposedModel, switch: str) -> Any:
    made: Callable[..., Any] = getattr(model, switch)
    return made(0.5) if switch == "scaled_adapters" else made()


def test_dora_has_no_scale_to_lower() -> None:
    model = conformer()
    model.add_lora(2, dora=True)
    with pytest.raises(ModelError, match="DoRA"), model.scaled_adapters(0.5):
        pass


def test_only_adapters_are_trained_in_a_group_that_has_some() -> None:
    model = conformer()
    model.add_lora(2, group="lm")
    model.add_lora(2, group="audio_encoder")
    for groups in (GROUPS, ("lm",), ("projector",), ("audio_encoder", "projector")):
        model.trainable(groups)
        for name, parameter in model.net.named_parameters():
            group = name.partition(".")[0]
            wanted = group in groups and (group == "projector" or "lora_" in name)
            assert parameter.requires_grad == wanted, name
        counts = model.parameter_counts()
        assert sum(c["trained"] for c in counts.values()) == sum(
            p.numel() for p in model.parameters()
        )
        assert all(not counts[group]["trained"] for group in {*GROUPS} - {*groups})
    assert sum(sum(c.values()) for c in counts.values()) == sum(
        p.numel() for p in model.net.parameters()
    )


def test_adding_adapters_changes_what_is_trained_in_their_group_only() -> None:
    model = conformer()
    model.trainable(("projector",))
    model.add_lora(2, group="lm")
    model.add_lora(2, group="audio_encoder")
    trained = {n for n, p in model.net.named_parameters() if p.requires_grad}
    assert {n.partition(".")[0] for n in trained if "lora_" not in n} == {"projector"}


def test_initial_factors_depend_on_the_seed() -> None:
    first, second, other = conformer(), conformer(), conformer()
    for model, seed in ((first, 0), (second, 0), (other, 1)):
        model.add_lora(2, seed=seed)
    assert first.identity() == second.identity() != other.identity()


def test_dropout_is_on_in_training_only(tmp_path: Path) -> None:
    model = conformer()
    model.add_lora(2, dropout=0.5)
    stir(model)
    asked = [named(tmp_path, NAMES[0])]
    prompt, answer = make_prompt(asked[0], model.style), asked[0].answer

    def ask(seed: int) -> float:
        torch.manual_seed(seed)
        with torch.no_grad():
            return float(model.logprobs([prompt], [answer]))

    assert ask(0) == ask(1)
    for layer in model.net.lm.modules():
        layer.training = True
    assert ask(0) != ask(1)
