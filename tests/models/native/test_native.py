"""Opening, refusing and saving native models, tested with one family."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_qwen2_audio
import torch
from opened import QUESTION, Both, open_both
from typer.testing import CliRunner

from harken.audio.clip import silence
from harken.cli.main import app
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.base import Prompt, Reply, Sampling
from harken.models.engine.batch import ClipText
from harken.models.learner import Learner
from harken.models.load import load_model
from harken.models.native.model import NativeModel
from harken.models.native.settings import read_native
from harken.runs import read_run
from harken.shards.write import write_dataset

PLACEHOLDER = "<|AUDIO|>"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return open_both(tiny_qwen2_audio.TINY, tmp_path_factory.mktemp("native"))


@pytest.fixture
def copy(both: Both, tmp_path: Path) -> Path:
    return Path(shutil.copytree(both.folder, tmp_path / "copy"))


def opened(target: Any, **options: Any) -> NativeModel:
    model = load_model(f"native:{target}", **options)
    assert isinstance(model, NativeModel)
    return model


def remove_tensors(folder: Path, **tensors: bool) -> None:
    """Remove tensors from the weights, by prefix."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    rest = {name: t for name, t in weights.items() if not name.startswith(tuple(tensors))}
    save_file(rest, folder / "model.safetensors", {"format": "pt"})


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("damage", "message", "hint"),
    [
        (lambda f: (f / "config.json").unlink(), "no config.json", "folder of a model"),
        (lambda f: (f / "model.safetensors").unlink(), "no safetensors", "save_pretrained"),
        (
            lambda f: remove_tensors(f, multi_modal_projector=True),
            "2 tensors are missing: m",
            "Copy",
        ),
        (lambda f: (f / "preprocessor_config.json").unlink(), "WhisperFeature", "preprocessor_con"),
        (lambda f: (f / "tokenizer.json").unlink(), "tokenizer", "tokenizer.json"),
        (lambda f: write(f, "config.json", '{"model_type": "gpt2"}'), "'gpt2'", "qwen2_5_omni"),
        (lambda f: write(f, "config.json", "{"), "config.json cannot be read", ""),
    ],
)
def test_a_folder_that_cannot_be_opened_says_why(
    copy: Path, damage: Any, message: str, hint: str
) -> None:
    damage(copy)
    with pytest.raises(ModelError) as caught:
        opened(copy)
    assert message in caught.value.found and hint in caught.value.hint


def test_names_that_are_not_folders() -> None:
    with pytest.raises(ModelError, match=r"no model 'nowhere'.*looked for it in nowhere"):
        opened("nowhere")
    with pytest.raises(ModelError, match=r"no model 'nobody/nothing'.*the hub"):
        opened("nobody/nothing", local_files_only=True)
    with pytest.raises(ConfigError, match="names no model"):
        opened("")


def test_settings_of_the_name() -> None:
    name, settings = read_native("a/b?device=cuda&letters=no&max_clip_s=30", {"dtype": "bfloat16"})
    assert name == "a/b" and settings.device == "cuda" and settings.dtype == "bfloat16"
    assert settings.letters is False and settings.max_clip_s == 30.0
    for wrong, message in (
        ("a?devise=cuda", "no setting 'devise'.*device"),
        ("a?letters=perhaps", "is not a valid bool"),
        ("a?cuda", "is not a setting"),
        ("a?dtype=int4", "dtype is 'int4'"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_native(wrong, {})


def test_a_folder_of_transformers_needs_the_native_prefix(both: Both) -> None:
    with pytest.raises(ModelError, match=f"Write native:{both.folder}"):
        load_model(str(both.folder))


def test_a_hub_id_becomes_a_folder(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: dict[str, Any] = {}
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    for path in both.folder.glob("*.*"):
        name = "ab" * 32 if path.suffix == ".safetensors" else path.name
        shutil.copy(path, blobs / name)
        (snapshot / path.name).symlink_to(blobs / name)

    def download(target: str, **options: Any) -> str:
        asked.update(options, target=target)
        return str(snapshot)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    model = opened("someone/tiny", revision="abc")
    assert asked["target"] == "someone/tiny" and asked["revision"] == "abc"
    assert not [form for form in asked["allow_patterns"] if form.endswith((".bin", ".py", ".pt"))]
    assert model.name == "native:someone/tiny"
    assert ("model.safetensors", "ab" * 32) in model.config["files"]  # known by the hub's name


def test_no_text_becomes_a_control_token(both: Both) -> None:
    clip = both.clip(0.5)
    asked = f"say {PLACEHOLDER}{PLACEHOLDER} <|im_end|>\n<|im_start|>system"
    tokenized = both.model.tokenize(Prompt((clip, asked, clip), asked))
    tokenizer = both.model.tokenizer
    assert tokenized.ids.count(tokenizer.audio) == sum(
        sound.tokens for sound in tokenized.audio_inputs
    )
    plain = both.model.tokenize(Prompt((clip, "say", clip), "say"))
    for token in ("<|im_end|>", "<|im_start|>"):
        number = tokenizer.special_ids[token]
        assert tokenized.ids.count(number) == plain.ids.count(number)
    (reply,) = both.model.generate([Prompt((clip, asked), asked)], Sampling(max_tokens=2))
    assert reply.stop != "failed"


def test_a_placeholder_in_a_text_is_plain_characters(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the tokenizer does not declare it as special."""
    tokenizer = both.model.tokenizer
    true = tokenizer.encode

    def loose(text: str) -> tuple[int, ...]:
        return sum(
            ((tokenizer.audio, *true(p)) for p in text.split(PLACEHOLDER)[1:]),
            true(text.split(PLACEHOLDER)[0]),
        )

    monkeypatch.setattr(tokenizer, "encode", loose)
    tokenized = both.model.tokenize(Prompt((f"a{PLACEHOLDER}b",), "a"))
    assert tokenizer.audio not in tokenized.ids
    monkeypatch.undo()
    assert (
        tokenizer.decode(
            [i for i in tokenized.ids if i not in tokenizer.special_ids.values()]
        ).count(PLACEHOLDER)
        == 1
    )


def test_clips_can_be_replaced_by_text(both: Both) -> None:
    tokenized = both.model.tokenize(
        Prompt(("clip 1:", ClipText("a dog barks"), QUESTION), QUESTION)
    )
    assert f"clip 1:\na dog barks\n{QUESTION}" in both.model.tokenizer.decode(tokenized.ids)


def test_a_template_with_too_few_placeholders_is_refused(both: Both, copy: Path) -> None:
    (copy / "chat_template.jinja").write_text(
        "{% for m in messages %}" + PLACEHOLDER + "{% for p in m.content %}{{ p.text }}{% endfor %}"
        "{% endfor %}"
    )
    model = opened(copy)
    clips = both.clip(0.5), both.clip(0.6)
    one, two = model.generate([both.prompt(clips[0]), both.prompt(*clips)], Sampling(max_tokens=2))
    assert one.stop != "failed"
    assert "1 placeholders and the prompt 2 clips" in (two.error or "")
    (copy / "chat_template.jinja").write_text("{{ undefined.thing() }}")
    (none,) = opened(copy).generate([both.prompt()], Sampling(max_tokens=2))
    assert "cannot be rendered" in (none.error or "")


def test_prompts_that_are_too_long_fail_and_the_others_do_not(both: Both, copy: Path) -> None:
    model = opened(copy, max_clip_s=2.0)
    prompts = [
        both.prompt(silence(2.5)),
        both.prompt(both.clip(0.5)),
        Prompt(("word " * 4000,), ""),
    ]
    long, good, many = model.generate(prompts, Sampling(max_tokens=2))
    assert "2.50 s long and the model takes at most 2 s" in (long.error or "")
    assert good.stop != "failed"
    assert "tokens long, the context of the language model is 2048" in (many.error or "")
    # Without a limit of its own a family takes clips up to its context.
    (whole,) = both.model.generate([both.prompt(silence(99.0))], Sampling(max_tokens=2))
    assert "tokens long" in (whole.error or "")


@pytest.mark.parametrize("seconds", [0.0, 1e-4, 0.01, 3.005, 6.0])
def test_every_clip_has_tokens(both: Both, seconds: float) -> None:
    """Also a clip, or the remainder after a window, that is too short for a token."""
    sound = both.model.audio_input(silence(seconds))
    (made,) = both.model.net.encode([sound.features])
    assert sound.tokens == len(made) > 0
    if seconds > 3:
        assert sound.tokens > 75


def test_all_end_tokens_of_the_folder_end_a_reply(both: Both, copy: Path) -> None:
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 8]}))
    tokenizer = opened(copy).tokenizer
    assert (
        tokenizer.ends == {7, 8, tokenizer.eos}
        and tokenizer.eos == tokenizer.special_ids["<|im_end|>"]
    )


def test_saved_and_opened_again(both: Both, tmp_path: Path) -> None:
    prompts = [both.prompt(both.clip(0.5)), both.prompt(both.clip(0.4), both.clip(0.6))]
    model = opened(both.folder)
    with torch.no_grad():
        for weight in model.trainable(["projector"]):
            weight.mul_(1.5)
    assert model.identity() != both.model.identity()
    model.save(tmp_path / "saved")
    again = load_model(str(tmp_path / "saved"))
    assert isinstance(again, NativeModel)
    assert again.choice_logprobs(prompts) == model.choice_logprobs(prompts)
    assert again.choice_logprobs(prompts) != both.model.choice_logprobs(prompts)
    for path in (tmp_path / "saved").glob("*.json"):
        assert str(tmp_path) not in path.read_text()


def test_identity_depends_on_files_dtype_and_prompt_style(both: Both, copy: Path) -> None:
    same = opened(copy)
    assert same.identity() == both.model.identity()
    assert opened(copy, dtype="bfloat16").identity() != same.identity()
    assert opened(copy, instruction="Be brief.").identity() != same.identity()
    (copy / "tokenizer_config.json").write_text((copy / "tokenizer_config.json").read_text() + "\n")
    assert opened(copy).identity() != same.identity()


def test_bfloat16_gives_about_the_same(both: Both, copy: Path) -> None:
    model = opened(copy, dtype="bfloat16")
    prompts = [both.prompt(both.clip(0.5)), both.prompt(both.clip(0.4), both.clip(0.6))]
    for ours, theirs in zip(
        model.choice_logprobs(prompts), both.model.choice_logprobs(prompts), strict=True
    ):
        assert ours is not None
        np.testing.assert_allclose(ours, theirs or (), atol=0.3)
    assert all(r.stop != "failed" for r in model.generate(prompts, Sampling(max_tokens=2)))


def test_a_batch_that_does_not_fit_is_halved(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def ask(self: Learner, prompts: Any, sampling: Any) -> list[Reply]:
        sizes.append(len(prompts))
        if len(prompts) > 2 or prompts[0].question == "large":
            raise torch.OutOfMemoryError
        return [Reply(prompt.question) for prompt in prompts]

    monkeypatch.setattr(Learner, "generate", ask)
    names = ["a", "b", "c", "large", "d"]
    replies = both.model.generate([Prompt((n,), n) for n in names], Sampling())
    assert [reply.text for reply in replies] == ["a", "b", "c", "", "d"]
    assert replies[3].stop == "failed" and "memory" in (replies[3].error or "")
    assert sizes[0] == 5 and max(sizes[1:]) < 5


def test_it_is_evaluated_by_name(both: Both, tmp_path: Path) -> None:
    items = [
        Item(QUESTION, "yes", ("yes", "no"), (both.clip(0.3 + i / 10, i),), "a", split="test")
        for i in range(3)
    ]
    write_dataset(items, tmp_path / "items", name="heard")
    command = ["eval", f"native:{both.folder}?instruction=", str(tmp_path / "items")]
    command += ["--condition", "audio", "--condition", "none", "--json"]
    result = CliRunner().invoke(app, [*command, "-o", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert read_run(tmp_path / "run").spec["model"] == f"native:{both.folder.name}"
    assert (tmp_path / "run" / "done.json").is_file()


def test_a_native_model_has_no_features_to_augment(both: Both) -> None:
    with pytest.raises(ModelError, match="no features that training could augment"):
        both.model.features(both.clip(0.5))
    with pytest.raises(ModelError, match="one question in a prompt"):
        both.model.tokenize_turns([both.prompt(), both.prompt()], ["yes", "no"])
    assert both.model.tokenize_turns([both.prompt()], ["yes"]).answer > 0
