"""How adapters are asked for: texts, YAML values, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from harken.errors import ConfigError
from harken.models.engine.lora_settings import LoraSettings, lora_from, parse_lora


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lm:16", LoraSettings(16, 32)),
        ("16", LoraSettings(16, 32)),
        ("lm:", LoraSettings(8, 16)),
        ("lm:r=4,alpha=2.5", LoraSettings(4, 2.5)),
        ("lm:4,dropout=0.1,dora", LoraSettings(4, 8, 0.1, dora=True)),
        ("lm:rslora=true,rank=2", LoraSettings(2, 4, rslora=True)),
        ("lm:targets=q_proj|v_proj,r=16", LoraSettings(16, 32, targets=("q_proj", "v_proj"))),
        (r"lm:targets=\d{1,2}\.fc[1,2]", LoraSettings(targets=(r"\d{1,2}\.fc[1,2]",))),
        (r"lm:targets=(a|b)\.c|d", LoraSettings(targets=(r"(a|b)\.c", "d"))),
        (r"lm:targets=a\|b", LoraSettings(targets=(r"a\|b",))),
    ],
)  # fmt: skip
def test_a_group_as_text(text: str, expected: LoraSettings) -> None:
    assert {k: v.values() for k, v in parse_lora([text]).items()} == {"lm": expected.values()}


def test_several_groups_in_one_text_or_in_several() -> None:
    one = parse_lora(["lm:16; projector:r=2 ;"])
    assert one == parse_lora(["lm:16", "projector:r=2"])
    assert [*one] == ["lm", "projector"]
    assert parse_lora(["", "0"]) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("encoder:8", "audio_encoder"), ("lmm:8", "lm:"), ("q_proj", "names no module group"),
        ("lm:rnk=8", "rank"), ("lm:r=8,rank=9", "twice"), ("lm:8;lm:9", "twice"),
        ("lm:r=eight", "eight"), ("lm:0", "rank is 0"), ("lm:-1", "'-1'"),
        ("lm:alpha=0", "alpha"), ("lm:alpha=nan", "alpha"), ("lm:dropout=1", "dropout"),
        ("lm:targets=q_(proj", "no regular expression"), ("lm:dora=maybe", "maybe"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_lora([text])
    assert words in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (16, "lm:16"),
        ("projector:4", "projector:4"),
        (["lm:16", "projector:4"], "lm:16;projector:4"),
        ({"lm": 16}, "lm:16"),
        ({"lm": {"rank": 16, "targets": ["q_proj", "v_proj"]}, "projector": "r=4"},
         "lm:rank=16,targets=q_proj|v_proj;projector:r=4"),
        ({"lm": {"dora": True}}, "lm:dora"),
    ],
)  # fmt: skip
def test_settings_from_yaml_mean_the_same(values: Any, text: str) -> None:
    assert parse_lora([lora_from(values)]) == parse_lora([text])


@pytest.mark.parametrize("values", [True, 1.5, [1], {"lm": {"rnk": 2}}, {"head": 8}, None])
def test_other_values_from_yaml_are_refused(values: Any) -> None:
    with pytest.raises(ConfigError):
        lora_from(values)


def test_settings_come_back_from_their_values() -> None:
    for one in (LoraSettings(), LoraSettings(4, 3, 0.5, ("a", "b|c"), True, True)):
        assert LoraSettings.of(one.values()).values() == one.values()
