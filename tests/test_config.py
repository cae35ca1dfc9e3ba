"""Settings: strict, all faults at once, close names suggested."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harken.config import settings_of
from harken.errors import ConfigError


@dataclass(frozen=True)
class Lesson:
    steps: int = 10
    lr: float = 0.1


def test_a_file_and_overrides_change_what_they_name(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("sft: {steps: 20}\n")
    found = settings_of({"sft": Lesson(), "grpo": Lesson()}, file, ["grpo.lr=0.5"])
    assert found == {"sft": Lesson(20), "grpo": Lesson(lr=0.5)}


def test_all_faults_are_named_with_suggestions() -> None:
    with pytest.raises(ConfigError) as raised:
        settings_of({"sft": Lesson()}, None, ["sft.step=3", "sft.lr=fast"])
    assert "did you mean steps" in str(raised.value) and "sft.lr" in str(raised.value)


def test_what_is_no_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="key=value"):
        settings_of({"sft": Lesson()}, None, ["sft"])


def test_a_value_that_cannot_be_names_its_stage() -> None:
    from harken.train.sft import SftSettings

    pytest.importorskip("torch")
    with pytest.raises(ConfigError, match="lr is -1") as caught:
        settings_of({"sft": SftSettings()}, None, ["sft.lr=-1"])
    assert "sft" in caught.value.where
    for wrong in ("nan", "inf"):
        with pytest.raises(ConfigError, match="lr is"):
            settings_of({"sft": SftSettings()}, None, [f"sft.lr=.{wrong}"])


def test_values_and_files_that_are_not_yaml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        settings_of({"sft": Lesson()}, None, ["sft.steps=["])
    (tmp_path / "settings.yaml").write_bytes(b"sft: {steps: \xff}\n")
    with pytest.raises(ConfigError, match="byte 0xff in line 1"):
        settings_of({"sft": Lesson()}, tmp_path / "settings.yaml")


@pytest.mark.parametrize(
    "wrong", ["seed=-1", "groups=[1]", "name=../elsewhere", "name=''", "name=model"]
)
def test_settings_that_would_fail_later_are_refused(wrong: str) -> None:
    pytest.importorskip("torch")
    from harken.train.sft import SftSettings

    with pytest.raises(ConfigError) as caught:
        settings_of({"sft": SftSettings()}, None, [f"sft.{wrong}"])
    assert wrong.partition("=")[0] in str(caught.value)


def test_off_is_a_word_where_a_setting_is_a_text(tmp_path: Path) -> None:
    """YAML 1.1 reads it as false; ``features=off`` is what the pages say to write."""
    from harken.train.sft import SftSettings

    found = settings_of({"sft": SftSettings()}, None, ["sft.features=off"])
    assert found["sft"].features == "off"
    file = tmp_path / "settings.yaml"
    file.write_text("sft: {features: off}\n")
    with pytest.raises(ConfigError, match="quote it"):
        settings_of({"sft": SftSettings()}, file)
    file.write_text("sft: {features: 'off', gradient_checkpointing: yes}\n")
    assert settings_of({"sft": SftSettings()}, file)["sft"].features == "off"
    with pytest.raises(ConfigError, match="features is 'on'"):
        settings_of({"sft": SftSettings()}, None, ["sft.features=on"])
    assert settings_of({"sft": SftSettings()}, None, ["sft.gradient_checkpointing=on"])[
        "sft"
    ].gradient_checkpointing
