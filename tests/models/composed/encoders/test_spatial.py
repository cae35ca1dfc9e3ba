"""The spatial encoder hears where a sound is, and hears it alike in every layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan
from harken.audio.load import load, write_wav
from harken.audio.space.place import Place
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.composed.encoders.registry import build_encoder
from harken.models.composed.encoders.spatial import SpatialEncoder
from harken.models.composed.model import ComposedModel
from harken.models.composed.presets import PRESETS, encoder_config, preset_shape

SHAPE = preset_shape("harken-mini", {"audio_encoder": "spatial"})
MICS = ((0.02, 0.02, 0.02), (0.02, -0.02, -0.02), (-0.02, 0.02, -0.02), (-0.02, -0.02, 0.02))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("hiss") / "hiss.wav"
    rng = np.random.default_rng(1)
    write_wav(path, 0.1 * rng.standard_normal(RATE_HZ).astype(np.float32), RATE_HZ)
    return Clip(path=str(path), duration_s=1.0)


def scene(source: Clip, azimuth: float, layout: str = "foa") -> Clip:
    """The source at an azimuth, for a second."""
    mics = MICS if layout == "array" else ()
    part = Part(source, path=(Place(azimuth, 0.0, 1.5),))
    plan = ScenePlan((part,), 1.0, gain_db=0.0, layout=layout, mics=mics)
    return Clip("plan", duration_s=1.0, plan=plan)


def encoder() -> SpatialEncoder:
    torch.manual_seed(0)
    found = build_encoder(encoder_config(SHAPE))
    assert isinstance(found, SpatialEncoder)
    return found.eval()


def test_planes_of_a_clip(source: Clip) -> None:
    """By hand: in front 1, left 0; at the left 0 and 1; and the energy is the same."""
    own = encoder()
    bins = own.mel.bins
    front, left = (own.clip_features(scene(source, azimuth)) for azimuth in (0, 90))
    assert front.shape == left.shape == (len(front), 4 * bins)
    assert front[:, bins : 2 * bins].mean() == pytest.approx(1.0, abs=0.02)
    assert left[:, bins : 2 * bins].mean() == pytest.approx(0.0, abs=0.02)
    assert left[:, 2 * bins : 3 * bins].mean() == pytest.approx(1.0, abs=0.02)
    assert front[:, :bins] == pytest.approx(left[:, :bins], abs=0.01)
    mono = own.features(load(scene(source, 90, "mono")))
    assert not mono[:, bins:].any()
    planes = own.image(torch.from_numpy(own.prepare(left))[None])
    assert planes.shape == (1, 5, len(left), bins)
    assert torch.equal(planes[0, 2], torch.from_numpy(left[:, 2 * bins : 3 * bins]))
    lengths = np.sqrt(np.square(left[:, bins:].reshape(len(left), 3, bins)).sum(1))
    torch.testing.assert_close(planes[0, 4], torch.from_numpy(lengths))
    assert planes[0, 4].mean() == pytest.approx(1.0, abs=0.02), "nothing is reflected"


def test_frames_are_equal_alone_and_in_a_batch_and_differ_by_direction(source: Clip) -> None:
    own = encoder()
    clips = [scene(source, 90), scene(source, -90), scene(source, 90, "array")]
    batch = [own.prepare(own.clip_features(clip)) for clip in clips]
    with torch.no_grad():
        together, counts = own.encode(batch)
        alone = [own.encode([one])[0][0] for one in batch]
    for row, count, one in zip(together, counts, alone, strict=True):
        assert torch.allclose(row[:count], one, atol=1e-5)
    sides = float((alone[0] - alone[1]).norm())
    arrays = float((alone[0] - alone[2]).norm())
    assert arrays < 0.25 * sides


def test_a_preset_with_it_is_saved_and_opened_equal(source: Clip, tmp_path: Path) -> None:
    model = ComposedModel.preset("harken-mini", ["Where is it?", "left", "right"],
                                 audio_encoder="spatial")  # fmt: skip
    items = [Item("Where is it?", side, ("left", "right"), (scene(source, azimuth),))
             for side, azimuth in (("left", 90), ("right", -90))]  # fmt: skip
    from harken.ask.prompt import make_prompt

    prompts = [make_prompt(item, model.style) for item in items]
    before = model.choice_logprobs(prompts)
    assert before[0] != before[1]
    model.save(tmp_path / "model")
    assert ComposedModel.load(tmp_path / "model").choice_logprobs(prompts) == before


def test_a_scene_within_a_scene_keeps_its_layout(source: Clip) -> None:
    own, inner = encoder(), scene(source, 90, "array")
    outer = Clip(
        "plan", duration_s=1.0, plan=ScenePlan((Part(inner, fade_s=0.0),), 1.0, gain_db=0.0)
    )
    assert own.clip_features(outer) == pytest.approx(own.clip_features(inner), abs=1e-3)


def test_what_a_recording_is_can_be_told(source: Clip, tmp_path: Path) -> None:
    sound = load(scene(source, 90), mono=False)
    path = tmp_path / "four.wav"
    write_wav(path, sound, RATE_HZ)
    own, clip = encoder(), Clip(path=str(path))
    bins = own.mel.bins
    assert own.clip_features(clip)[:, 2 * bins : 3 * bins].mean() == pytest.approx(1.0, abs=0.02)
    told = build_encoder({**encoder_config(SHAPE), "layout": "binaural"})
    with pytest.raises(ModelError, match="binaural has 2 channels, and the sound 4"):
        told.clip_features(clip)
    with pytest.raises(ConfigError, match="layout is 'quad'"):
        build_encoder({**encoder_config(SHAPE), "layout": "quad"})
    assert PRESETS["harken-mini"].audio_encoder == "resnet"
