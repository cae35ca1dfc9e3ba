"""`harken features`: what it encodes, what is kept already, and what cannot be kept."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harken.cli.main import main as cli
from harken.errors import ConfigError
from harken.item import Item
from harken.recipes.keep_features import distinct, keep_features
from tiny_audio import NAMES, alike, mini, named


@pytest.fixture
def model(tmp_path: Path) -> str:
    mini().save(tmp_path / "model")
    return str(tmp_path / "model")


def written(folder: Path, items: list[Item]) -> Path:
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps(item.to_dict()) + "\n" for item in items))
    return path


def some(folder: Path) -> list[Item]:
    """Six items about six distinct clips."""
    one = [named(folder, name, seconds=0.4) for name in NAMES]
    two = alike(folder, NAMES[0], NAMES[2])
    return [*one, two, replace(two, question="Do the clips sound alike?")]


def test_every_clip_is_encoded_once(model: str, tmp_path: Path) -> None:
    items = some(tmp_path / "sounds")
    assert len(distinct(items)) == 5  # the first of `alike` is one of `named`
    path = written(tmp_path, items)
    store = str(tmp_path / "store")
    first = keep_features(model, path, features=store)
    assert (first["clips"], first["made"], first["kept"], first["failed"]) == (5, 5, 0, 0)
    assert first["entries"] == 5 and first["bytes"] > 0
    again = keep_features(model, path, features=store)
    assert (again["made"], again["kept"]) == (0, 5)
    half = keep_features(model, path, features=store, storage="float16")
    assert half["made"] == 5 and half["entries"] == 10


def test_a_clip_that_cannot_be_read_is_named_and_the_others_are_kept(
    model: str, tmp_path: Path
) -> None:
    # Of lengths that no other test has: features are cached by content.
    items = [named(tmp_path / "sounds", name, 91, 0.43 + 0.01 * i) for i, name in enumerate(NAMES)]
    path = written(tmp_path, items)
    Path(items[1].clips[0].path).unlink()
    Path(items[2].clips[0].path).write_bytes(b"RIFF")
    found = keep_features(model, path, features=str(tmp_path / "store"))
    assert found["made"] == 2 and found["failed"] == 2
    assert {Path(one["clip"]).name for one in found["failures"]} == {
        Path(items[n].clips[0].path).name for n in (1, 2)
    }


def test_a_model_whose_encoder_is_trained_keeps_nothing(model: str, tmp_path: Path) -> None:
    path = written(tmp_path, some(tmp_path / "sounds"))
    with pytest.raises(ConfigError, match="nothing can be kept"):
        keep_features(model, path, trained=["audio_encoder"], features=str(tmp_path / "store"))


def test_the_command_says_what_it_did(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    def main(words: list[str]) -> int:
        monkeypatch.setattr(sys, "argv", ["harken", *words])
        with pytest.raises(SystemExit) as ended:
            cli()
        return int(ended.value.code or 0)

    path = written(tmp_path, some(tmp_path / "sounds"))
    folder = str(tmp_path / "store")
    assert main(["features", model, str(path), "--features", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["made"] == 5
    assert main(["features", model, str(path), "--features", f"{folder}?limit_gb=1e-5"]) == 0
    assert "kept before" in capsys.readouterr().out
    assert main(["features", model, str(path), "--features", f"{folder}?limit_gb=0"]) == 2
