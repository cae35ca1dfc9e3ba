"""Adapters from the command line: trained, trained again, merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tiny_qwen2_audio
from tiny import write
from typer.testing import CliRunner

from harken.ask.prompt import make_prompt
from harken.cli.main import app
from harken.errors import ConfigError, ModelError, RunError
from harken.item import Item
from harken.models.learner import load_learner
from harken.models.native.families import FAMILIES
from harken.recipes.run import train
from harken.recipes.steps import adapted
from harken.shards.write import write_dataset
from tiny_audio import NAMES, mini, named

pytest.importorskip("peft")
FEW = ("sft.steps=2", "sft.batch=2", "sft.threads=1", "sft.checkpoint_every=1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a native class, a composed model, and questions."""
    root = tmp_path_factory.mktemp("place")
    write(tiny_qwen2_audio.TINY, root / "native", FAMILIES.get("qwen2_audio").template)
    mini(audio_encoder="conformer").save(root / "composed")
    write_dataset(asked(root), root / "items", name="items")
    return root


def asked(root: Path) -> list[Item]:
    return [named(root / "sounds", name) for name in NAMES]


def harken(*words: Any) -> dict[str, Any]:
    result = CliRunner().invoke(app, [str(word) for word in words] + ["--json"])
    assert result.exit_code == 0, f"{result.output}\n{result.exception}"
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def answers(model: Path, root: Path) -> list[float]:
    learner = load_learner(str(model))
    rows = learner.choice_logprobs([make_prompt(item, learner.style) for item in asked(root)])
    return [value for row in rows if row is not None for value in row]


@pytest.mark.parametrize("kind", ["native", "composed"])
def test_adapters_are_trained_and_merged_from_the_command_line(
    kind: str, place: Path, tmp_path: Path
) -> None:
    model = f"native:{place / 'native'}" if kind == "native" else place / "composed"
    few = [word for setting in FEW for word in ("--set", setting)]
    words = ["train", "sft", place / "items", "-o", tmp_path / "out", "--model", model, *few]
    words += ["--lora", "lm:r=2,targets=q_proj|v_proj", "--lora", "audio_encoder:2"]
    made = harken(*words)
    assert harken(*words)["identity"] == made["identity"]  # run again, it is finished
    tuned = tmp_path / "out" / "model"
    learner = load_learner(str(tuned))
    assert learner.adapters == ("audio_encoder", "lm")
    assert learner.config["lora"]["lm"]["targets"] == ["q_proj", "v_proj"]
    merged = harken("merge", tuned, "-o", tmp_path / "merged")
    assert merged["layers"] and set(merged["merged"]) == {"lm", "audio_encoder"}
    assert not load_learner(str(tmp_path / "merged")).adapters
    assert answers(tmp_path / "merged", place) == pytest.approx(answers(tuned, place), abs=1e-5)
    assert harken("merge", tuned, "-o", tmp_path / "merged")["identity"] == merged["identity"]
    again = CliRunner().invoke(app, ["merge", str(tmp_path / "merged"), "-o", str(tmp_path / "m")])
    assert isinstance(again.exception, ModelError) and "no adapters" in str(again.exception)


def test_adapters_from_yaml_are_those_of_the_command_line(place: Path, tmp_path: Path) -> None:
    model, items = f"native:{place / 'native'}", place / "items"
    (tmp_path / "settings.yaml").write_text(
        "lora: {lm: {rank: 2, targets: [q_proj, v_proj]}, audio_encoder: 2}\nsft: {steps: 2}\n"
    )
    words = ["lm:r=2,targets=q_proj|v_proj", "audio_encoder:2"]
    one = train("sft", items, tmp_path / "a", model=adapted(model, words), overrides=FEW)
    config = tmp_path / "settings.yaml"
    other = train("sft", items, tmp_path / "b", model=model, config=config, overrides=FEW)
    assert one["identity"] == other["identity"]
    with pytest.raises(ConfigError, match="no module group"):
        train("sft", items, tmp_path / "c", model=model, overrides=["lora.head=2"])


def test_a_run_with_other_adapters_is_another_run(place: Path, tmp_path: Path) -> None:
    words = ["train", "sft", place / "items", "-o", tmp_path / "out", "--model",
             f"native:{place / 'native'}", *[w for s in FEW for w in ("--set", s)]]  # fmt: skip
    harken(*words, "--lora", "lm:2")
    result = CliRunner().invoke(app, [str(w) for w in (*words, "--lora", "lm:3")])
    assert isinstance(result.exception, RunError)


def test_all_weights_are_saved_on_request(place: Path, tmp_path: Path) -> None:
    model = adapted(f"native:{place / 'native'}", ["lm:2"], copy_bases=True)
    train("sft", place / "items", tmp_path / "out", model=model, overrides=FEW)
    assert (tmp_path / "out" / "model" / "config.json").is_file()
    assert load_learner(str(tmp_path / "out" / "model")).adapters == ("lm",)


def test_a_model_from_scratch_takes_no_adapters() -> None:
    assert adapted("harken-tiny") == "harken-tiny"
    assert adapted("out/model", ["0"]) == "out/model"
    with pytest.raises(ConfigError, match="from scratch"):
        adapted("harken-tiny", ["lm:8"])
