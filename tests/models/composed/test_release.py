"""A release is small, names no folder of this computer, and says its licence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from release_folder import BASES, card, released, shelf, trained
from safetensors.torch import load_file

from harken.errors import ConfigError, ModelError, RunError
from harken.models.base import MODEL_FILE
from harken.models.composed import release
from harken.models.composed.model import WEIGHTS_FILE, ComposedModel
from harken.models.composed.release import release_model
from harken.models.learner import read_saved
from harken.models.released import LIMIT_BYTES, MODELS_FOLDER
from harken.recipes import release as command
from harken.recipes.steps import preset_of

pytest.importorskip("peft")
REAL = ("whisper-base", "smollm2-135m-instruct")


@pytest.fixture(scope="module")
def shelved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shelf(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def weights(shelved: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARKEN_WEIGHTS", str(shelved))
    return shelved


def test_it_names_nothing_of_this_computer(tmp_path: Path, weights: Path) -> None:
    folder = released(tmp_path, weights, "small") / "small"
    for path in folder.iterdir():
        assert str(tmp_path).encode() not in path.read_bytes(), path.name
        assert str(weights).encode() not in path.read_bytes(), path.name
    saved = read_saved(folder)
    assert [base["source"] for base in saved["bases"]] == [*BASES.values()]
    assert (saved["name"], saved["dtype"]) == ("small", "torch.float32")
    assert {t.dtype for t in load_file(folder / WEIGHTS_FILE).values()} == {torch.float16}
    assert saved["identity"] == ComposedModel.load(folder).identity()


@pytest.mark.parametrize(
    ("sources", "told"),
    [({}, "no id on the hub"), ({"lm": "a/b"}, "no id on the hub"),
     ({**BASES, "lm": "tiny-lm"}, "no id on the hub"), ({**BASES, "lm": "a/b/c"}, "no id on the"),
     ({**BASES, "projector": "a/b"}, "no pretrained part 'projector'")],
)  # fmt: skip
def test_every_part_needs_a_public_name(
    sources: dict[str, str], told: str, tmp_path: Path, weights: Path
) -> None:
    trained(tmp_path, weights)
    with pytest.raises(ConfigError, match=told):
        release_model(str(tmp_path / "model"), "x", tmp_path / "out", card(tmp_path), sources)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text",
    ["", "# no head", "---\nlicense: mit\n", "---\nlicense: mit\n---\n", "---\nsummary: x\n---\n",
     "---\nlicense: ''\nsummary: x\n---\n", "---\n- a\n---\n", "---\n: {\n---\n"],
)  # fmt: skip
def test_a_card_must_say_licence_and_summary(text: str, tmp_path: Path, weights: Path) -> None:
    trained(tmp_path, weights)
    path = card(tmp_path)
    path.write_text(text)
    with pytest.raises(ConfigError, match="lacks"):
        release_model(str(tmp_path / "model"), "x", tmp_path / "out", path, BASES)


def test_what_cannot_be_released(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = trained(tmp_path, weights)
    given = (card(tmp_path), BASES)
    with pytest.raises(ModelError, match="no saved model"):
        release_model(str(tmp_path), "x", tmp_path / "out", *given)
    with pytest.raises(ConfigError, match="there is no model card"):
        release_model(str(tmp_path / "model"), "x", tmp_path / "out", tmp_path / "none.md", BASES)
    monkeypatch.setattr(release, "LIMIT_BYTES", 10_000)
    with pytest.raises(ModelError, match="at most 10,000 are allowed"):
        release_model(str(tmp_path / "model"), "x", tmp_path / "out", *given)
    assert not (tmp_path / "out" / "x" / MODEL_FILE).exists()
    with pytest.raises(RunError, match="not empty"):
        release_model(str(tmp_path / "model"), "x", tmp_path / "out", *given)
    with torch.no_grad():
        next(model.net.projector.parameters()).fill_(1e6)
    shutil.rmtree(tmp_path / "model")
    model.save(tmp_path / "model")
    with pytest.raises(ModelError, match="half precision does not hold"):
        release_model(str(tmp_path / "model"), "y", tmp_path / "out", *given)


def test_a_trained_preset_keeps_its_curriculum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It needs no base, opens in float32, and further training takes the preset's settings."""
    ComposedModel.preset("harken-mini", ["a dog", "rain"]).save(tmp_path / "model")
    made = release_model(str(tmp_path / "model"), "mini-trained", tmp_path / "out", card(tmp_path))
    assert made["rounding"] < 2**-11
    monkeypatch.setenv(MODELS_FOLDER, str(tmp_path / "out"))
    model = ComposedModel.load(tmp_path / "out" / "mini-trained")
    assert model.dtype == torch.float32 and not model.bases
    assert preset_of("mini-trained") == "harken-mini" and preset_of("harken-mini") == "harken-mini"


def test_the_pictures_of_a_card_come_with_it(tmp_path: Path) -> None:
    ComposedModel.preset("harken-mini", ["a dog", "rain"]).save(tmp_path / "model")
    path = card(tmp_path)
    path.write_text(path.read_text() + "\n![Gap](gap.svg)\n![there](https://x.org/a.svg)\n")
    given = (str(tmp_path / "model"), "mini", tmp_path / "out", path)
    with pytest.raises(ConfigError, match=r"shows gap\.svg, which is not there"):
        release_model(*given)
    (tmp_path / "gap.svg").write_text("<svg/>")
    made = Path(release_model(*given)["folder"])
    assert sorted(file.name for file in made.iterdir() if file.suffix == ".svg") == ["gap.svg"]
    assert (made / "gap.svg").read_text() == "<svg/>"


def test_the_command_line(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(tmp_path, weights)
    words = [str(tmp_path / "model"), "x", "-o", str(tmp_path / "out")]
    words += ["--card", str(card(tmp_path))]
    with pytest.raises(SystemExit) as end:
        command.main(words)
    assert end.value.code == 2 and "--base audio_encoder" in capsys.readouterr().err
    command.main([*words, *(f"--base={part}={name}" for part, name in BASES.items())])
    assert "bytes, identity" in capsys.readouterr().out
    assert (tmp_path / "out" / "x" / MODEL_FILE).is_file()


@pytest.mark.skipif(
    not all(
        (Path(os.environ.get("HARKEN_WEIGHTS", "")) / name / "config.json").is_file()
        for name in REAL
    ),
    reason="needs HARKEN_WEIGHTS with whisper-base and smollm2-135m-instruct",
)
def test_a_release_of_the_real_parts_is_small_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As harken-small: adapters of rank 16 in all linear layers, and a stacked MLP."""
    from harken.models.composed.model import compose_pretrained

    model = compose_pretrained(
        "openai/whisper-base?own_length=true&layers=all", "HuggingFaceTB/SmolLM2-135M-Instruct",
        lora=r"lm:r=16,targets=.*_proj", chat="chatml", pool=4,
    )  # fmt: skip
    model.save(tmp_path / "model")
    made = release_model(str(tmp_path / "model"), "small", tmp_path / "out", card(tmp_path))
    assert made["bytes"] < LIMIT_BYTES
    monkeypatch.setenv(MODELS_FOLDER, str(tmp_path / "out"))
    assert ComposedModel.load(tmp_path / "out" / "small").identity() == made["identity"]
