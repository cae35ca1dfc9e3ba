from __future__ import annotations

import json

import pytest

from harken.ask.judge_family import families, same_family


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", {"qwen"}),
        ("openai:Qwen2-Audio@http://127.0.0.1:8000/v1", {"qwen"}),
        ("openai:gpt-4o-audio-preview@https://api.example.org/v1", {"gpt"}),
        ("o3-mini", {"gpt"}),
        ("meta-llama/Llama-3.1-8B", {"llama"}),
        ("google/gemma-3n-E4B-it", {"gemini"}),
        ("gemini-2.5-pro", {"gemini"}),
        ("claude-sonnet-4", {"claude"}),
        ("mistralai/Voxtral-Mini-3B", {"mistral"}),
        ("deepseek-r1-distill-qwen-7b", {"deepseek", "qwen"}),
        ("nvidia/audio-flamingo-3", {"qwen"}),
        ("cascade:asr:openai/whisper-tiny+openai:llama-3@http://qwen.example/v1", {"llama"}),
        ("asr:openai/whisper-tiny", set()),
        ("harken-tiny", {"harken"}),
        ("runs/footsteps/model", set()),
    ],
)
def test_the_family_follows_from_the_name_not_the_address(name, family):
    assert families(name) == family


def test_the_family_of_a_saved_model_follows_from_its_config(tmp_path):
    folder = tmp_path / "final"
    folder.mkdir()
    config = {"model_type": "voxtral", "text_config": {"model_type": "llama"}}
    (folder / "config.json").write_text(json.dumps(config))
    assert families(str(folder)) == {"mistral", "llama"}
    (folder / "config.json").write_text("{")
    (folder / "harken-model.json").write_text(
        json.dumps({"lm": {"config": {"model_type": "qwen3"}}})
    )
    assert families(f"hf:{folder}") == {"qwen"}


def test_the_warning_names_both_and_the_family():
    told = same_family("Qwen2-Audio", "openai:Qwen2.5-72B@http://127.0.0.1/v1")
    assert "qwen" in told and "Qwen2-Audio" in told and "Qwen2.5-72B" in told
    assert same_family("Qwen2-Audio", "gpt-4o") == "" == same_family("nobody", "nothing")
