"""Training on kept frames: the same weights whatever is kept, and no clip encoded twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harken.errors import ConfigError
from harken.models.composed.model import ComposedModel
from harken.models.engine import feature_store
from harken.models.engine.feature_store import FeatureStore, use_store
from harken.models.engine.net import GROUPS
from harken.runs import Run
from harken.train import parallel
from harken.train.align import AlignSettings, align
from harken.train.sft import SftSettings, sft
from harken.train.train_loop import features_of
from tiny_audio import NAMES, alike, mini, named

FEW: Any = {
    "steps": 4,
    "batch": 3,
    "threads": 1,
    "lr": 1e-2,
    "checkpoint_every": 2,
    "groups": ("projector",),
}


@pytest.fixture
def items(tmp_path: Path) -> list[Any]:
    sounds = tmp_path / "sounds"
    one = [replace(named(sounds, name, seconds=0.35), choices=()) for name in NAMES]
    return [*one, replace(alike(sounds, NAMES[0], NAMES[2], 5), choices=())]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureStore:
    monkeypatch.setattr(feature_store, "_current", None)
    return use_store(str(tmp_path / "store"))


def counted(learner: ComposedModel) -> list[int]:
    """The number of frames of each clip that is encoded to be kept, from now on."""
    calls: list[int] = []
    plain = learner.net.encode_frames

    def encode(*given: Any, **named: Any) -> Any:
        made = plain(*given, **named)
        calls.append(len(made["frames"]))
        return made

    learner.net.encode_frames = encode  # type: ignore[method-assign]
    return calls


def trained(folder: Path, items: list[Any], **changes: Any) -> tuple[ComposedModel, list[int]]:
    learner = mini(audio_encoder="conformer", dropout=0.1)
    calls = counted(learner)
    with Run.open(folder, {}) as run:
        align(learner, items, AlignSettings(**{**FEW, **changes}), run)
    return learner, calls


def test_each_clip_is_encoded_once_alone_and_by_no_later_run(
    items: list[Any], store: FeatureStore, tmp_path: Path
) -> None:
    first, calls = trained(tmp_path / "1", items)
    assert len(calls) == 6  # distinct clips in five items
    second, calls = trained(tmp_path / "2", items)
    assert calls == []
    assert second.identity() == first.identity()
    longer, calls = trained(tmp_path / "3", items, steps=6, lr=1e-3)
    assert calls == [] and longer.identity() != first.identity()


@pytest.mark.parametrize("lost", ["all", "one", "damaged", "no room", "nowhere"])
def test_the_weights_do_not_depend_on_what_is_kept(
    lost: str, items: list[Any], store: FeatureStore, tmp_path: Path
) -> None:
    whole, _ = trained(tmp_path / "1", items)
    paths = sorted((tmp_path / "store").rglob("*.safetensors"))
    if lost in ("all", "one"):
        for path in paths if lost == "all" else paths[:1]:
            path.unlink()
    elif lost == "damaged":
        for path in paths[::2]:
            data = path.read_bytes()
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        store = use_store(str(tmp_path / "store"))  # as another process: each is checked once
    elif lost == "no room":
        use_store(f"{tmp_path / 'small'}?limit_gb=1e-7")
    else:
        (tmp_path / "file").write_text("")
        use_store(str(tmp_path / "file" / "inside"))
    if lost == "nowhere":
        with pytest.warns(UserWarning, match="cannot be kept"):
            again, _ = trained(tmp_path / "2", items)
    else:
        again, _ = trained(tmp_path / "2", items)
    assert again.identity() == whole.identity()
    assert store.counts.damaged == (len(paths[::2]) if lost == "damaged" else 0)


def test_kept_frames_train_as_the_encoder_does(
    items: list[Any], store: FeatureStore, tmp_path: Path
) -> None:
    kept, _ = trained(tmp_path / "1", items)
    without, calls = trained(tmp_path / "2", items, features="off")
    assert calls == []
    for name, tensor in kept.state().items():
        assert torch.allclose(tensor, without.state()[name], atol=2e-3), name
    half, _ = trained(tmp_path / "3", items, features="float16")
    moved = half.state()
    assert half.identity() != kept.identity()
    assert all(torch.allclose(t, moved[name], atol=2e-2) for name, t in kept.state().items())


def test_an_encoder_that_is_trained_is_not_kept(
    items: list[Any], store: FeatureStore, tmp_path: Path
) -> None:
    learner = mini()
    with Run.open(tmp_path / "run", {}) as run:
        sft(learner, items, SftSettings(**{**FEW, "groups": GROUPS}), run)
    assert store.size() == (0, 0)


def test_augmented_features_are_not_kept(
    items: list[Any], store: FeatureStore, tmp_path: Path
) -> None:
    _, calls = trained(tmp_path / "1", items, augment=True)
    assert len(calls) <= 6  # the probe before step 0; steps keep nothing
    _, more = trained(tmp_path / "2", items, augment=True, steps=8)
    assert more == []


def test_a_kind_of_storage_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="features is 'int4'"):
        AlignSettings(features="int4")


def test_what_sharding_switches_off_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Run.open(tmp_path / "run", {}) as run:
        for features in ("exact", "float16", "off"):
            settings = SftSettings(features=features)
            assert features_of(settings, run, ["lm"]) == features
        assert not run.records("log")
        monkeypatch.setattr(parallel, "sharded", lambda: True)
        for features, trained in (
            ("exact", ["audio_encoder", "lm"]),  # nothing would be kept anyway
            ("off", ["lm"]),
            ("float16", ["lm"]),
            ("float16", ["lm"]),
            ("exact", ["projector"]),
        ):
            assert features_of(SftSettings(features=features), run, trained) == "off"
        told = [record["features"].split()[0] for record in run.records("log")]
    assert told == ["features=float16", "features=exact"]


def test_a_run_tells_that_frames_are_kept_for_another_number_of_threads(
    items: list[Any], store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    trained(tmp_path / "first", items)
    trained(tmp_path / "same", items)
    trained(tmp_path / "other", items, threads=2)
    first, other = told
    whole = len({clip.key for item in items for clip in item.clips})
    for line, threads in ((first, "1 thread "), (other, "2 threads ")):
        assert f"of {whole} clips are not kept" in line and threads in line, line


def test_noise_in_place_of_clips_is_kept_too(
    items: list[Any], store: FeatureStore, tmp_path: Path
) -> None:
    settings: Any = {**FEW, "nothing": 0.9}
    kept, plain = mini(audio_encoder="conformer"), mini(audio_encoder="conformer")
    for learner, features in ((kept, "exact"), (plain, "off")):
        with Run.open(tmp_path / features, {}) as run:
            sft(learner, items, SftSettings(**settings, features=features), run)
    for name, tensor in kept.net.state_dict().items():
        assert torch.allclose(tensor, plain.net.state_dict()[name], atol=1e-4), name
