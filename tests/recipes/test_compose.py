"""Composing from the command line: how options are listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_parts import encoder_folder, lm_folder
from typer.testing import CliRunner

from harken.ask.prompt import make_prompt
from harken.cli.main import app
from harken.errors import ConfigError
from harken.item import Item
from harken.models.learner import load_learner
from harken.recipes.compose import CHOICES, PromptFormat

ASKED = Item("Which sound?", "rain", ("rain", "wind"))
YES = Item("Is it rain?", "yes", ("yes", "no"))


@pytest.mark.parametrize("choices", CHOICES)
def test_options_are_listed_as_the_model_was_composed_for(choices: str, tmp_path: Path) -> None:
    parts = [str(encoder_folder(tmp_path / "encoder")), str(lm_folder(tmp_path / "lm", rows=4))]
    words = ["compose", "--encoder", parts[0], "--lm", parts[1], "-o", str(tmp_path / "model")]
    done = CliRunner().invoke(app, [*words, "--choices", choices])
    assert done.exit_code == 0, done.output
    style = load_learner(str(tmp_path / "model")).style
    text = " ".join(str(part) for part in make_prompt(ASKED, style).parts)
    assert ("A." in text) is (choices == "letters") and "rain" in text
    implied = " ".join(str(part) for part in make_prompt(YES, style).parts)
    assert ("yes" in implied) is (choices == "letters")


def test_another_way_to_list_options_is_refused() -> None:
    with pytest.raises(ConfigError, match="accepted: letters, text"):
        PromptFormat(choices="numbers")
