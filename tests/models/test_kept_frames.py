"""Frames of frozen encoders: kept once, read as they were computed, by every kind of learner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_audioflamingo3
import tiny_granite
import tiny_moss
import tiny_qwen2_audio
import tiny_qwen_omni
import torch
from families import TINIES
from tiny import write

from harken.ask.prompt import make_prompt
from harken.audio.clip import Clip
from harken.errors import ConfigError, ModelError
from harken.models.engine.feature_store import FeatureStore
from harken.models.engine.kept import KeptFrames, encoded_alone
from harken.models.kept_frames import encoder_hash, frames_kept, keep_frames
from harken.models.learner import Learner, load_learner, tensor_bytes
from harken.models.native.families import FAMILIES
from harken.models.native.model import NativeModel
from tiny_audio import NAMES, mini, named, sound

NATIVE = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "granite_speech": tiny_granite.TINIES[0],
    "qwen2_5_omni": next(t for t in tiny_qwen_omni.TINIES if t.kind == "qwen2_5_omni"),
}
SPLIT = ("composed", "qwen2_audio", "audioflamingo3", "granite_speech")
"""Learners with a projector apart from the encoder; the tower of the other one projects."""
ALL = ("composed", *NATIVE)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("kept")
    mini(audio_encoder="conformer", dropout=0.1).save(root / "composed")
    for kind, tiny in NATIVE.items():
        write(tiny, root / kind, FAMILIES.get(tiny.kind).template)
    return {kind: ("" if kind == "composed" else "native:") + str(root / kind) for kind in ALL}


def frozen(
    folders: dict[str, str], kind: str, dtype: str = "", train: str = "projector"
) -> Learner:
    learner = load_learner(folders[kind], dtype=dtype)
    learner.trainable([train])
    return learner


def clips(folder: Path) -> list[Clip]:
    return [sound(folder, name, 0.3 + 0.2 * i) for i, name in enumerate(NAMES)]


def kept_in(learner: Learner, folder: Path, storage: str = "exact") -> KeptFrames:
    found = keep_frames(learner, storage, FeatureStore(folder))
    assert found is not None
    return found


def bits(tensors: Any) -> dict[str, bytes]:
    return {name: tensor_bytes(tensor) for name, tensor in tensors.items()}


@pytest.mark.parametrize("train", ["projector", "lm"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ALL)
def test_read_and_computed_again_the_bytes_are_equal(
    kind: str, dtype: str, train: str, folders: dict[str, str], tmp_path: Path
) -> None:
    """And so are the audio tokens with those of the encoder, each clip alone."""
    if kind not in SPLIT and train == "projector":
        pytest.skip("no projector apart from the tower")
    learner = frozen(folders, kind, dtype, train)
    first = kept_in(learner, tmp_path / "store")
    for clip in clips(tmp_path):
        given = first.audio_input(clip, lambda clip=clip: learner.load_audio(clip))
        made = first.entry(given)
        fresh = kept_in(learner, tmp_path / "store")
        read = fresh.audio_input(clip, pytest.fail)  # the clip is not loaded
        assert bits(fresh.entry(read)) == bits(made)
        again = encoded_alone(learner.net, given, "tokens" in made)
        assert bits(fresh.entry(read)) == bits(again)
        assert fresh.made == 0
        with torch.no_grad():
            alone = learner.net.encode([given.features])[0]
            assert torch.equal(fresh.tokens([read])[0], alone)
        assert read.tokens == given.tokens == len(alone)
    assert first.made == len(NAMES)


@pytest.mark.parametrize("kind", SPLIT)
def test_the_projector_gets_the_gradient_it_gets_without(
    kind: str, folders: dict[str, str], tmp_path: Path
) -> None:
    learner = frozen(folders, kind)
    items = [named(tmp_path, name, seconds=0.3 + 0.2 * i) for i, name in enumerate(NAMES)]
    prompts = [make_prompt(item, learner.style) for item in items]
    answers = [item.answer for item in items]
    found = []
    for keep in (False, True, True):
        learner.engine.kept = kept_in(learner, tmp_path / "store") if keep else None
        learner.net.zero_grad()
        learner.logprobs(prompts, answers).sum().backward()
        grads = {n: p.grad.clone() for n, p in learner.net.named_parameters() if p.grad is not None}
        assert grads and all(name.startswith("projector.") for name in grads)
        found.append(grads)
    for name, grad in found[0].items():
        assert torch.allclose(grad, found[1][name], rtol=1e-4, atol=1e-6), name
        assert torch.equal(found[1][name], found[2][name]), name
    # Without gradients as well, with what is cached besides.
    with torch.no_grad():
        one = learner.choice_logprobs(prompts)
        learner.engine.kept = None
        learner.clear_cache()
        for a, b in zip(one, learner.choice_logprobs(prompts), strict=True):
            assert a == pytest.approx(b, abs=1e-5)


def test_dropout_of_a_frozen_encoder_is_off(folders: dict[str, str], tmp_path: Path) -> None:
    learner = frozen(folders, "composed")
    learner.net.train()
    clip = clips(tmp_path)[0]
    kept = [kept_in(learner, tmp_path / str(i)) for i in range(2)]
    entries = [one.entry(one.audio_input(clip, lambda: learner.load_audio(clip))) for one in kept]
    assert bits(entries[0]) == bits(entries[1])
    assert learner.net.audio_encoder.training  # as it was


@pytest.mark.parametrize("storage", ["float16", "bfloat16"])
def test_half_the_size_gives_the_same_rounded_frames_at_once_and_later(
    storage: str, folders: dict[str, str], tmp_path: Path
) -> None:
    learner = frozen(folders, "composed")
    clip = clips(tmp_path)[3]
    stores = [FeatureStore(tmp_path / name) for name in ("exact", storage)]
    exact, half = (
        keep_frames(learner, name, store)
        for name, store in zip(("exact", storage), stores, strict=True)
    )
    assert exact and half
    entries = [
        one.entry(one.audio_input(clip, lambda: learner.load_audio(clip)))
        for one in (exact, half, half)
    ]
    rounded = entries[0]["frames"].to(getattr(torch, storage)).float()
    assert torch.equal(entries[1]["frames"], rounded) and bits(entries[1]) == bits(entries[2])
    sizes = [store.size()[1] for store in stores]
    assert sizes[1] < 0.75 * sizes[0]  # the header counts too
    assert exact.key(clip) != half.key(clip)


def test_frames_beyond_float16_are_refused(folders: dict[str, str], tmp_path: Path) -> None:
    learner = frozen(folders, "composed")
    learner.net.encode_frames = lambda *_, **__: {"frames": torch.full((2, 2), 1e6)}  # type: ignore[method-assign]
    kept = kept_in(learner, tmp_path / "store", "float16")
    given = kept.audio_input(clips(tmp_path)[0], lambda: learner.load_audio(clips(tmp_path)[0]))
    with pytest.raises(ModelError, match="float16 cannot hold"):
        kept.entry(given)


def test_the_key_holds_all_that_decides_the_frames(folders: dict[str, str], tmp_path: Path) -> None:
    one, two = clips(tmp_path)[:2]
    learner = frozen(folders, "composed")
    usual = kept_in(learner, tmp_path / "s").key(one)
    keys = [usual, kept_in(learner, tmp_path / "s").key(two)]
    keys += [kept_in(learner, tmp_path / "s", name).key(one) for name in ("float16", "bfloat16")]
    keys.append(kept_in(frozen(folders, "composed", "bfloat16"), tmp_path / "s").key(one))
    other = mini(seed=1, audio_encoder="conformer", dropout=0.1)
    other.trainable(["projector"])
    keys.append(kept_in(other, tmp_path / "s").key(one))
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    keys.append(kept_in(learner, tmp_path / "s").key(one))
    torch.set_num_threads(threads)
    with torch.no_grad():  # the hash is of the weights when the first clip is used
        next(learner.net.audio_encoder.parameters()).add_(1e-3)
    keys.append(kept_in(learner, tmp_path / "s").key(one))
    assert len({*keys}) == len(keys)


def test_projector_and_language_model_are_no_part_of_the_key(
    folders: dict[str, str], tmp_path: Path
) -> None:
    """So runs, and steps of one run, share what is kept."""
    for kind in SPLIT:
        learner = frozen(folders, kind)
        before = encoder_hash(learner)
        with torch.no_grad():
            for group in (learner.net.projector, learner.net.lm):
                for parameter in group.parameters():
                    parameter.add_(0.1)
        assert encoder_hash(learner) == before
        native = learner.trainable(["lm"]) and kind != "composed"
        kept = kept_in(learner, tmp_path)
        assert kept.key(clips(tmp_path)[0])
        with torch.no_grad():
            next(learner.net.projector.parameters()).add_(0.1)
        clip = clips(tmp_path)[0]
        # With a frozen projector, a native class keeps what the projector gives.
        assert (kept.key(clip) != kept_in(learner, tmp_path).key(clip)) == native


@pytest.mark.parametrize("kind", ALL)
def test_an_encoder_that_is_trained_is_not_kept(kind: str, folders: dict[str, str]) -> None:
    learner = load_learner(folders[kind])
    for groups in (["audio_encoder"], ["audio_encoder", "projector"]):
        learner.trainable(groups)
        with frames_kept(learner) as kept:
            assert kept is None and learner.engine.kept is None
    learner.trainable(["lm"])
    assert keep_frames(learner, "off") is None
    with pytest.raises(ConfigError, match="accepted: exact, float16, bfloat16, off"):
        keep_frames(learner, "float8")


def test_augmented_features_are_encoded_as_they_are(
    folders: dict[str, str], tmp_path: Path
) -> None:
    learner = frozen(folders, "composed")
    clip, other = clips(tmp_path)[:2]
    kept = kept_in(learner, tmp_path / "store")
    plain = kept.audio_input(clip, lambda: learner.load_audio(clip))
    augmented = learner.prepare(learner.features(other) * 0.5)
    found = kept.tokens([augmented, plain])
    with torch.no_grad():
        expected = learner.net.encode([augmented.features])[0]
        assert torch.allclose(found[0], expected, atol=1e-6)
        assert torch.equal(found[1], learner.net.encode([plain.features])[0])
    assert kept.made == 1 and FeatureStore(tmp_path / "store").size()[0] == 1


@pytest.fixture
def families(tmp_path: Path) -> Iterator[tuple[str, Learner]]:
    def opened() -> Iterator[tuple[str, Learner]]:
        for tiny in TINIES:
            write(tiny, tmp_path / tiny.kind, FAMILIES.get(tiny.kind).template)
            yield tiny.kind, load_learner(f"native:{tmp_path / tiny.kind}")

    return opened()


def test_of_every_native_class_the_tokens_are_right_or_nothing_is_kept(
    families: Iterator[tuple[str, Learner]], tmp_path: Path
) -> None:
    clip = sound(tmp_path, "noise", 0.7)
    split, whole = set(), set()
    for kind, learner in families:
        for groups, found in ((["projector", "lm"], split), (["lm"], whole)):
            learner.trainable(groups)
            kept = keep_frames(learner, "exact", FeatureStore(tmp_path / "store"))
            if kept is None:
                continue
            found.add(kind)
            given = kept.audio_input(clip, lambda one=learner: one.load_audio(clip))
            with torch.no_grad():
                direct = learner.net.encode([given.features])[0]
                assert torch.equal(kept.tokens([given])[0], direct), (kind, groups)
    assert {"qwen2_audio", "audioflamingo3", "voxtral", "granite_speech", "glmasr"} <= split
    assert {"qwen2_5_omni", "qwen2_audio", "qwen3_omni_moe", "granite_speech"} <= whole
    # Their tokens hold more than tower and projector give.
    assert not {"gemma3n", "gemma4", "phi4_multimodal"} & (split | whole)


def test_an_encoder_with_adapters_is_not_kept(folders: dict[str, str], tmp_path: Path) -> None:
    """The reference of a KL is the model without them, and would get frames with them."""
    pytest.importorskip("peft")
    learner = load_learner(folders["qwen2_audio"])
    learner.add_lora(rank=2, alpha=4)
    learner.trainable(["projector"])
    assert keep_frames(learner, "exact", FeatureStore(tmp_path)) is not None  # in lm only
    adapted = load_learner(folders["qwen2_audio"])
    adapted.add_lora(rank=2, alpha=4, group="audio_encoder")
    adapted.trainable(["projector"])
    assert keep_frames(adapted, "exact", FeatureStore(tmp_path)) is None
    adapted.merge_adapters()
    adapted.trainable(["projector"])
    assert keep_frames(adapted, "exact", FeatureStore(tmp_path)) is not None


@pytest.mark.parametrize("every_s", [1, 2, 4])
def test_tokens_with_text_among_them_are_not_kept(every_s: int, tmp_path: Path) -> None:
    """Also where no text stands in a clip as short as the one that is tried."""
    write(tiny_moss.TINY, tmp_path / "moss", FAMILIES.get(tiny_moss.TINY.kind).template)
    settings = json.dumps({"time_marker_every_seconds": every_s})
    (tmp_path / "moss" / "processor_config.json").write_text(settings)
    learner = load_learner(f"native:{tmp_path / 'moss'}")
    for groups in (["lm"], ["projector"], ["projector", "lm"]):
        learner.trainable(groups)
        assert keep_frames(learner, "exact", FeatureStore(tmp_path / "store")) is None


@pytest.mark.parametrize("kind", ["qwen2_audio", "qwen2_5_omni"])
def test_a_family_that_looks_text_up_without_declaring_it_is_not_kept(
    kind: str, folders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = frozen(folders, kind, train="lm")
    assert isinstance(learner, NativeModel) and keep_frames(learner) is not None
    plain = learner.family.encode

    def with_text(windows: Any) -> torch.Tensor:
        tokens = plain(windows)
        return tokens + 0 * learner.family.embed(torch.tensor([1]))

    monkeypatch.setattr(learner.family, "encode", with_text)
    assert keep_frames(learner) is None


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("qwen2_audio", "hop_length", 80),
        ("qwen2_audio", "dither", 0.5),
        ("audioflamingo3", "n_fft", 200),
        ("qwen2_5_omni", "padding_value", 0.1),
        ("granite_speech", "melspec_kwargs", {"hop_length": 80}),
    ],
)
def test_settings_of_the_feature_extractor_are_part_of_the_key(
    kind: str, name: str, value: Any, folders: dict[str, str]
) -> None:
    learner = frozen(folders, kind)
    assert isinstance(learner, NativeModel)
    before = encoder_hash(learner)
    assert before == encoder_hash(frozen(folders, kind))
    extractor = learner.family.extractor
    if kind == "granite_speech":
        extractor.settings[name] = value
    else:
        setattr(extractor, name, value)
    assert encoder_hash(learner) != before
