"""The directional encoder: each sound by itself, in the encoder that hears it in mono as well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from chat_parts import encoder_folder, lm_folder
from safetensors.torch import load_file

from harken.ask.prompt import make_prompt
from harken.audio.clip import RATE_HZ, Clip, Part, ScenePlan, silence
from harken.audio.load import load, write_wav
from harken.audio.space.apart import sphere
from harken.audio.space.place import Place
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.composed.build import build_net
from harken.models.composed.encoders.concat import ConcatEncoder, unpacked
from harken.models.composed.encoders.directional import (
    AROUND,
    SCALE,
    WHERE,
    DirectionalEncoder,
)
from harken.models.composed.encoders.open import inner_encoder, is_fresh
from harken.models.composed.encoders.registry import build_encoder
from harken.models.composed.model import WEIGHTS_FILE, ComposedModel, compose_pretrained
from harken.models.composed.presets import encoder_config, preset_shape
from harken.models.contrastive.model import ContrastiveModel
from harken.models.wiring import wiring

SPATIAL = preset_shape("harken-mini", {"audio_encoder": "spatial"})
INNER = encoder_config(preset_shape("harken-mini", {"audio_encoder": "resnet"}))
PLACES = (Place(60.0, 0.0, 1.5), Place(-120.0, 20.0, 1.5))


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, Clip]:
    """A low tone, and a higher one that is half as loud; a second each."""
    folder, found = tmp_path_factory.mktemp("tones"), []
    for hz, level in ((300, 0.4), (1800, 0.2)):
        wave = level * np.sin(2 * np.pi * hz * np.arange(RATE_HZ) / RATE_HZ)
        write_wav(folder / f"{hz}.wav", wave.astype(np.float32), RATE_HZ)
        found.append(Clip(path=str(folder / f"{hz}.wav"), duration_s=1.0))
    return found[0], found[1]


def scene(tones: tuple[Clip, ...], layout: str = "foa", places=PLACES) -> Clip:
    parts = tuple(Part(clip, path=(place,)) for clip, place in zip(tones, places, strict=False))
    return Clip("plan", duration_s=1.0, plan=ScenePlan(parts, 1.0, gain_db=-6.0, layout=layout))


def encoder(**settings: object) -> DirectionalEncoder:
    torch.manual_seed(0)
    found = build_encoder({"kind": "directional", "part": INNER, **settings})
    assert isinstance(found, DirectionalEncoder)
    return found.eval()


def test_frames_are_those_of_each_sound_and_say_where_it_is(tones) -> None:
    """The first half is what the encoder inside makes of the low tone alone, nearly."""
    own = encoder()
    features = own.prepare(own.clip_features(scene(tones)))
    with torch.no_grad():
        frames, (count,) = own.encode([features])
        alone, (each,) = own.inner.encode([own.inner.prepare(own.inner.features(load(tones[0])))])
    assert frames.shape == (1, count, own.width) and own.width == own.inner.width + WHERE
    assert count == own.frames_of(features) == 2 * each
    for half, place in enumerate(PLACES):
        told = frames[0, half * each : (half + 1) * each, own.inner.width :] / SCALE
        assert torch.equal(told, told[:1].expand(each, -1)), "the same in all frames of a sound"
        nearest = sphere(AROUND)[int(told[0, :AROUND].argmax())]
        assert nearest @ np.array(place.direction) > np.cos(np.radians(12)), "18 degrees apart"
        assert told[0, :AROUND].max() == pytest.approx(1.0, abs=0.6)
    shares = frames[0, ::each, own.inner.width + AROUND] / SCALE
    assert float(shares.sum()) == pytest.approx(1.0, abs=1e-4)
    first, second = frames[0, :each, : own.inner.width], frames[0, each:, : own.inner.width]
    assert (first - alone[0]).norm() < 0.25 * (second - alone[0]).norm()


def test_frames_are_equal_alone_and_in_a_batch(tones) -> None:
    own = encoder()
    clips = [scene(tones), scene(tones[:1]), scene(tones, "mono")]
    batch = [own.prepare(own.clip_features(clip)) for clip in clips]
    assert [len(unpacked(one)) - 1 for one in batch] == [2, 1, 1]
    with torch.no_grad():
        together, counts = own.encode(batch)
        for row, count, one in zip(together, counts, batch, strict=True):
            assert torch.allclose(row[:count], own.encode([one])[0][0], atol=1e-5)
            assert not row[count:].any()


def test_mono_is_what_the_encoder_inside_hears_from_nowhere(tones) -> None:
    own, samples = encoder(), load(tones[0])
    with torch.no_grad():
        frames, _ = own.encode([own.prepare(own.features(samples))])
        alone, _ = own.inner.encode([own.inner.prepare(own.inner.features(samples))])
    assert torch.allclose(frames[..., : own.inner.width], alone, atol=1e-3)
    assert not frames[..., own.inner.width : own.inner.width + AROUND].any()


def test_settings_are_checked(tones, tmp_path: Path) -> None:
    one = encoder(sources=1)
    assert len(unpacked(one.clip_features(scene(tones)))) == 2, "its place, and one sound"
    for wrong, message in (
        ({"sources": 4}, "sources is 4"), ({"sources": 0}, "sources is 0"),
        ({"layout": "quad"}, "layout is 'quad'"), ({"limit_s": -3.0}, "limit_s is -3"),
        ({"limit_s": float("nan")}, "limit_s is nan"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            encoder(**wrong)
    path = tmp_path / "four.wav"
    write_wav(path, load(scene(tones), mono=False), RATE_HZ)
    assert len(unpacked(encoder().clip_features(Clip(path=str(path))))) == 3
    with pytest.raises(ModelError, match="binaural has 2 channels, and the sound 4"):
        encoder(layout="binaural").clip_features(Clip(path=str(path)))
    three = tmp_path / "three.wav"
    write_wav(three, load(scene(tones), mono=False)[:3], RATE_HZ)
    assert len(unpacked(encoder().clip_features(Clip(path=str(three))))) == 2, "one, in mono"
    with pytest.raises(ModelError, match=r"takes at most 0\.5 s"):
        encoder(limit_s=0.5).clip_features(scene(tones))


def test_how_it_is_named() -> None:
    assert inner_encoder("directional?of=whisper-base") == "whisper-base"
    spec = "directional?of=/m/whisper&sources=3&layers=all"
    assert inner_encoder(spec) == "/m/whisper?layers=all"
    assert inner_encoder("spatial?layout=foa") == ""
    assert is_fresh("directional?of=resnet") and not is_fresh("directional?of=/m/whisper")
    assert inner_encoder("directional?of=odd%26name%3Flayers=all") == "odd&name?layers=all"
    for wrong, message in (
        ("directional?sources=3", "needs one encoder inside"),
        ("directional?of=a%2Bb", "needs one encoder inside"),
        ("directional?of=directional?of=whisper-base", "inside of itself"),
    ):
        with pytest.raises(ConfigError, match=message):
            inner_encoder(wrong)
    for inside in (encoder_config(SPATIAL), encoder().settings):
        with pytest.raises(ConfigError, match="hears directions itself"):
            build_encoder({"kind": "directional", "part": inside})
    with pytest.raises(ConfigError, match="cannot be the audio tower"):
        ContrastiveModel.build("directional?of=resnet", "ngrams")


def test_beside_another_encoder_it_hears_directions(tones) -> None:
    """Side by side, the other one hears mono."""
    own, other = encoder(), build_encoder(INNER)
    both = ConcatEncoder.of([own, other])
    clip = scene(tones)
    packed_both = unpacked(both.clip_features(clip))
    assert np.array_equal(packed_both[0], own.prepare(own.clip_features(clip)))
    assert np.array_equal(packed_both[1], other.prepare(other.clip_features(clip)))
    assert both.hears_channels and not ConcatEncoder.of([other, other]).hears_channels


def test_a_model_with_it_is_saved_and_opened_equal(tones, tmp_path: Path) -> None:
    base = ComposedModel.preset("harken-mini", ["Where is it?", "left", "right"])
    settings = encoder().settings
    config = {**base.config, "encoder": settings}
    torch.manual_seed(1)
    model = ComposedModel(build_net(config), base.tokenizer, config)
    items = [Item("Where is it?", side, ("left", "right"), (scene(tones, places=places),))
             for side, places in (("left", PLACES), ("right", PLACES[::-1]))]  # fmt: skip
    prompts = [make_prompt(item, model.style) for item in items]
    before = model.choice_logprobs(prompts)
    assert before[0] != before[1], "the same sounds, their places changed"
    model.save(tmp_path / "model")
    assert ComposedModel.load(tmp_path / "model").choice_logprobs(prompts) == before


def test_pretrained_weights_are_found_inside_it(tones, tmp_path: Path) -> None:
    """The encoder inside is a base: a saved model names it, and holds the projector alone."""
    whisper, lm = encoder_folder(tmp_path / "encoder"), lm_folder(tmp_path / "lm", rows=4)
    spec = f"directional?of={whisper}&sources=3&own_length=true"
    model = compose_pretrained(spec, lm, pool=5)
    inside = model.net.audio_encoder
    assert isinstance(inside, DirectionalEncoder) and inside.sources == 3
    assert inside.inner.name == "whisper" and inside.inner.settings["own_length"]
    assert "fresh_encoder" not in model.config and str(whisper) not in str(model.config)
    encoder = wiring(model)["parts"][0]
    assert encoder["title"] == "directional: whisper" and "up to 3 sounds" in encoder["lines"][-1]
    seconds = min(10.0, inside.limit_s)
    one = model.load_audio(silence(seconds)).tokens / seconds
    assert wiring(model)["tokens_s"] == pytest.approx(3 * one, rel=0.01), "of three sounds"
    model.save(tmp_path / "saved")
    kept = load_file(tmp_path / "saved" / WEIGHTS_FILE)
    assert {name.partition(".")[0] for name in kept} == {"projector"}
    prompts = [make_prompt(Item("Where?", "a", ("a", "b"), (scene(tones),)), model.style)]
    again = ComposedModel.load(tmp_path / "saved")
    assert again.choice_logprobs(prompts) == model.choice_logprobs(prompts)
