"""Frames are not taken for those that other code computed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from torch import nn

import harken
from harken.models import code_hash as code_hash_module
from harken.models.code_hash import code_hash
from harken.models.composed.encoders.resnet import ResNetEncoder
from harken.models.composed.encoders.whisper import WhisperAudioEncoder


def plugin(path: Path, body: str) -> type:
    """A class of a file outside the package, as of a plugin."""
    path.write_text(f"class Encoder:\n    def frames(self):\n        return {body}\n")
    found = importlib.util.spec_from_file_location("plugin_encoder", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    sys.modules["plugin_encoder"] = module  # inspect looks the file up there
    kind: type = module.Encoder
    return kind


def test_a_plugin_that_was_edited_has_another_hash(tmp_path: Path) -> None:
    first = code_hash(plugin(tmp_path / "a.py", "1"))
    assert code_hash(plugin(tmp_path / "a2.py", "1")) == first, "not the name of its file"
    assert code_hash(plugin(tmp_path / "b.py", "2")) != first


def test_a_base_class_counts(tmp_path: Path) -> None:
    hashes = []
    for at, body in enumerate(("1", "2")):
        base = plugin(tmp_path / f"base{at}.py", body)
        hashes.append(code_hash(type("Own", (base,), {})))
    assert hashes[0] != hashes[1]


def test_release_and_classes_count(monkeypatch: pytest.MonkeyPatch) -> None:
    own = code_hash(ResNetEncoder)
    assert code_hash(ResNetEncoder, nn.Linear) == own, "torch's release is told beside"
    assert code_hash(ResNetEncoder) == own != code_hash(WhisperAudioEncoder)
    monkeypatch.setattr(harken, "__version__", "9.9.9")
    assert code_hash(ResNetEncoder) != own
    monkeypatch.undo()
    monkeypatch.setattr(code_hash_module, "_packages", lambda: "edited")
    assert code_hash(ResNetEncoder) != own
