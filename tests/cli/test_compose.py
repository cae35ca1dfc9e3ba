"""`harken compose`: options that would have no effect are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import ConfigError

PARTS = ("--encoder", "e", "--lm", "l")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--preset", "slam-asr", "--pool", "3"), "a preset has its own projector"),
        (("--preset", "slam-asr", "--projector", "mlp"), "a preset has its own projector"),
        ((*PARTS, "--size", "tiny"), "--size is for presets"),
        (("--preset", "slam-asr", "--dry-run", "--lm", "l"), "--dry-run tells of the parts"),
        ((*PARTS, "--pool", "2", "--projector", "qformer"), "qformer has no pool"),
        ((*PARTS, "--pool", "9", "--projector", "window-qformer?window=4"), "has no pool"),
        ((*PARTS, "--pool", "2", "--projector", "mlp?pool=2"), "--projector has a pool too"),
    ],
)
def test_an_option_without_effect_is_refused(
    words: tuple[str, ...], found: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["compose", *words, "-o", str(tmp_path / "out")])
    assert isinstance(done.exception, ConfigError) and found in str(done.exception)
    assert not (tmp_path / "out").exists()
