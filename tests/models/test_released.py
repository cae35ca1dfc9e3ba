"""Released models are opened by name, and what is missing is told: the release, or its parts."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from release_folder import BASES, released, shelf, trained
from safetensors.torch import load_file, save_file

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip
from harken.errors import ConfigError, ModelError
from harken.hashing import sealed
from harken.item import Item
from harken.models.base import MODEL_FILE, Sampling, style_of
from harken.models.composed import base_samples
from harken.models.composed.model import WEIGHTS_FILE, ComposedModel
from harken.models.learner import load_learner, saved_dtype
from harken.models.load import load_model, needs_items
from harken.models.pretrained import WEIGHTS
from harken.models.released import (
    MODELS_FOLDER,
    ShadowedName,
    describe,
    is_release,
    located,
    release_names,
    released_name,
)
from tiny_audio import named

pytest.importorskip("peft")

NAMES = ["harken-small", "mine", "tuned.v2", "模型"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shelf(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def releases(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model under every name."""
    root = tmp_path_factory.mktemp("released")
    folder = released(root, weights, NAMES[0])
    for name in NAMES[1:]:
        shutil.copytree(folder / NAMES[0], folder / name)
    return folder


@pytest.fixture
def here(releases: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, with releases and weights in the environment."""
    monkeypatch.setenv(MODELS_FOLDER, str(releases))
    monkeypatch.setenv(WEIGHTS, str(weights))
    monkeypatch.setattr("huggingface_hub.snapshot_download", without_network)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_network(*_: object, **__: object) -> str:
    raise ConnectionError("no route to host")


@pytest.mark.parametrize("name", NAMES)
def test_a_release_is_opened_by_its_name(name: str, here: Path) -> None:
    model = load_model(name)
    assert isinstance(model, ComposedModel)
    assert model.name == name
    assert model.dtype == torch.float32
    assert not needs_items(name) and saved_dtype(name) == "float32"
    (reply,) = model.generate([make_prompt(named(here, "noise"), model.style)], Sampling(4))
    assert reply.stop != "failed"


@pytest.mark.parametrize("settings", ["dtype=bfloat16", "remember_mb=1&copy_bases=true"])
def test_settings_stand_behind_a_name(settings: str, here: Path) -> None:
    model = load_learner(f"mine?{settings}")
    assert model.name == "mine"
    assert (model.dtype == torch.bfloat16) == ("bfloat16" in settings)
    assert bool(model.bases) != ("copy_bases" in settings)
    with pytest.raises(ConfigError, match="no setting 'nonsense'"):
        load_model("mine?nonsense=1")


def test_a_release_answers_as_the_model_it_was_made_of(here: Path, weights: Path) -> None:
    """Up to the rounding of trained tensors to half precision: 2**-11 of each value."""
    model, copy = trained(here, weights), load_learner("mine")
    prompts = [make_prompt(named(here, "noise"), model.style)]
    before, after = model.choice_logprobs(prompts)[0], copy.choice_logprobs(prompts)[0]
    assert before is not None and after is not None
    assert after == pytest.approx(before, abs=0.01) and before != after
    for name, tensor in copy.state().items():
        assert torch.allclose(tensor, model.state()[name], rtol=2**-11, atol=1e-7), name


def test_a_saved_model_here_comes_before_a_release(here: Path, weights: Path) -> None:
    trained(here, weights)
    shutil.move(here / "model", here / "mine")
    assert located("mine") == "mine" and released_name("mine?device=cpu") == ""
    assert load_model("mine").name == "of-tests"


def test_a_folder_without_a_model_does_not_hide_a_release(here: Path) -> None:
    (here / "mine" / "runs").mkdir(parents=True)
    with pytest.warns(ShadowedName, match="the folder mine here holds no saved model"):
        assert load_model("mine").name == "mine"


@pytest.mark.parametrize("spec", ["harken-small", "harken-tiny-trained", "harken-small?device=cpu"])
def test_a_release_that_is_not_here_is_told_plainly(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harken.models.released.PACKAGED", tmp_path / "package")
    monkeypatch.setenv(MODELS_FOLDER, str(tmp_path / "own"))
    name = spec.partition("?")[0]
    with pytest.raises(ModelError, match=f"{name} is not in this installation") as error:
        load_model(spec)
    told = str(error.value)
    assert str(tmp_path / "own" / name) in told and str(tmp_path / "package" / name) in told
    assert MODELS_FOLDER in error.value.hint and "harken models" in error.value.hint
    assert error.value.exit_code == 4
    assert describe(name)["folder"] == ""


@pytest.mark.parametrize("name", ["harken-tiny", "harken-mini"])
def test_a_preset_is_no_trained_model(name: str, here: Path) -> None:
    with pytest.raises(ConfigError, match="fresh weights") as error:
        load_model(name)
    assert "harken models" in error.value.hint


def test_a_name_that_is_nearly_right_is_suggested(here: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_model("harken-smal")
    assert "harken-small" in error.value.hint


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "native:x", "linear", "nothing"])
def test_what_is_no_release(name: str, here: Path) -> None:
    assert not is_release(name) and located(name) == name


@pytest.mark.parametrize("lacking", [["tiny-encoder"], ["tiny-lm"], ["tiny-encoder", "tiny-lm"]])
def test_all_parts_that_are_missing_are_told_at_once(
    lacking: list[str], here: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(weights, here / "shelf", ignore=shutil.ignore_patterns(*lacking))
    monkeypatch.setenv(WEIGHTS, str(here / "shelf"))
    with pytest.raises(ModelError, match="saved without its") as error:
        load_model("harken-small")
    told = str(error.value)
    assert told.startswith("harken-small cannot be opened: ")
    for name in BASES.values():
        assert (name in told) == (name.split("/")[1] in lacking)
    assert "the hub's cache" in told and "there was no network to reach it: no route" in told
    assert WEIGHTS in error.value.hint
    assert str(here / "shelf") in told
    missing = [bool(base["missing"]) for base in describe("harken-small")["bases"]]
    assert missing == ["tiny-encoder" in lacking, "tiny-lm" in lacking]


def test_what_is_known_of_a_release(here: Path, releases: Path) -> None:
    assert {*release_names()} >= {*NAMES, "harken-tiny-trained"}
    found = describe("mine")
    assert found["folder"] == str(releases / "mine")
    assert found["bytes"] == sum(p.stat().st_size for p in (releases / "mine").iterdir())
    assert found["licence"] == "apache-2.0" and "for tests" in found["about"]
    assert found["parts"] == {"audio_encoder": "whisper", "projector": "mlp",
                              "lm": "llama + LoRA of rank 2"}  # fmt: skip
    assert [base["source"] for base in found["bases"]] == [*BASES.values()]
    assert not found["fault"]


@pytest.mark.parametrize("content", ["{", "[]", '{"kind": "composed"}', '{"a": 1, "checksum": ""}'])
def test_a_damaged_release_is_listed_as_broken(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / MODEL_FILE).write_text(content)
    monkeypatch.setenv(MODELS_FOLDER, str(tmp_path))
    assert "cannot be read" in describe("odd")["fault"]


# Other copies of the pretrained parts ---------------------------------------------------------


def rewritten(weights: Path, out: Path, part: str, change: object) -> Path:
    """The shelf with other values in one part."""
    shutil.copytree(weights, out)
    path = out / part / "model.safetensors"
    tensors = {name: change(tensor) for name, tensor in load_file(path).items()}  # type: ignore[operator]
    path.unlink()
    save_file(tensors, path, {"format": "pt"})
    return out


def four_bits(tensor: torch.Tensor) -> torch.Tensor:
    """Rounded as a 4-bit file is: 15 steps over the range of the tensor."""
    low, high = tensor.min(), tensor.max()
    step = (high - low) / 15
    return low + torch.round((tensor - low) / step) * step if step else tensor


@pytest.mark.parametrize("part", ["tiny-encoder", "tiny-lm"])
@pytest.mark.parametrize(
    ("change", "told"),
    [(lambda t: t.half(), ""), (lambda t: t.bfloat16(), ""), (four_bits, "another copy"),
     (lambda t: torch.randn(t.shape), "refused"), (lambda t: t.flip(0), "refused")],
)  # fmt: skip
def test_another_copy_of_a_part_is_taken_if_its_values_are_near(
    part: str, change: object, told: str, here: Path, weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    torch.manual_seed(5)
    monkeypatch.setenv(WEIGHTS, str(rewritten(weights, here / "other", part, change)))
    if told == "refused":
        with pytest.raises(ModelError, match="other weights than the model was made of"):
            load_model("mine")
        return
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model = load_learner("mine")
    copies = [str(one.message) for one in said if one.category is base_samples.OtherCopy]
    assert bool(copies) == bool(told)
    model.save(here / "again")  # what is unchanged is that of this copy, not of the first one
    assert {n.split(".")[0] for n in load_file(here / "again" / WEIGHTS_FILE)} == {
        "projector",
        "lm",
    }
    assert all("lora_" in n for n in load_file(here / "again" / WEIGHTS_FILE) if n[:2] == "lm")
    assert ComposedModel.load(here / "again").identity() == model.identity()


def test_without_samples_every_other_copy_is_refused(
    here: Path, weights: Path, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(releases / "mine", here / "own" / "mine")
    (here / "own" / "mine" / base_samples.FILE).unlink()
    saved = json.loads((here / "own" / "mine" / MODEL_FILE).read_text())
    del saved["files"][base_samples.FILE]
    (here / "own" / "mine" / MODEL_FILE).write_text(json.dumps(sealed(saved)))
    monkeypatch.setenv(MODELS_FOLDER, str(here / "own"))
    assert load_model("mine")
    other = rewritten(weights, here / "other", "tiny-lm", lambda t: t.half())
    monkeypatch.setenv(WEIGHTS, str(other))
    with pytest.raises(ModelError, match="other weights"):
        load_model("mine")


def test_differences_are_relative_to_each_tensor() -> None:
    known = base_samples.sample({"a": torch.full((100,), 2.0), "b": torch.full((3, 7), 0.5)})
    assert [len(values) for values in known.values()] == [16, 16]
    near = {"a": torch.full((100,), 2.0), "b": torch.full((3, 7), 0.45)}
    assert base_samples.difference(known, near) == pytest.approx(0.1)
    assert base_samples.difference(known, {"a": near["a"]}) == float("inf")
    assert base_samples.difference(known, {**near, "b": torch.ones(2)}) == float("inf")


_PARTS = ("whisper-base", "smollm2-135m-instruct")


@pytest.mark.slow
@pytest.mark.skipif(
    not all((Path(os.environ.get("HARKEN_WEIGHTS", "")) / name).is_dir() for name in _PARTS),
    reason="needs HARKEN_WEIGHTS with whisper-base and smollm2-135m-instruct",
)
def test_harken_small_hears_digits_of_a_speaker_it_was_not_trained_on(
    corpora_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MODELS_FOLDER, raising=False)
    model = load_model("harken-small")
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    asked = [
        Item("Transcribe the speech in the clip.", word, clips=(Clip(path=str(path)),))
        for digit, word in enumerate(words)
        for path in sorted((corpora_root / "fsdd" / "recordings").glob(f"{digit}_theo_[0-2].wav"))
    ]
    replies = model.generate([make_prompt(item, style_of(model)) for item in asked], Sampling(4))
    said = [reply.text.strip(" .").lower() for reply in replies]
    right = sum(text == item.answer for text, item in zip(said, asked, strict=True))
    assert len(asked) == 30 and right >= 21, said  # chance is 3
