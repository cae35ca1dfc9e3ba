"""Every encoder: frames of a clip alone and in a batch, its number of frames, layers, settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf

from harken.errors import ConfigError, ModelError
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.concat import packed, unpacked
from harken.models.composed.encoders.open import open_encoder
from harken.models.composed.encoders.registry import build_encoder

TWO: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def whisper() -> Any:
    return tf.WhisperModel(
        tf.WhisperConfig(
            d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
            max_source_positions=150, vocab_size=64, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, decoder_start_token_id=1,
        )
    )  # fmt: skip


def waves(kind: str) -> Any:
    options = {
        **TWO, "conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (80, 4),
        "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
    }  # fmt: skip
    if kind == "hubert":
        return tf.HubertModel(tf.HubertConfig(**options))
    if kind == "wavlm":
        return tf.WavLMModel(tf.WavLMConfig(**options))
    return tf.Wav2Vec2Model(tf.Wav2Vec2Config(**options))


def parakeet() -> Any:
    config = tf.ParakeetEncoderConfig(**TWO, subsampling_conv_channels=8, num_mel_bins=80)
    return tf.ParakeetForCTC(tf.ParakeetCTCConfig(encoder_config=config, vocab_size=16))


def clap(fused: bool) -> Any:
    audio = tf.ClapAudioConfig(
        patch_embeds_hidden_size=8, depths=[1, 1], num_attention_heads=[2, 2], hidden_size=16,
        enable_fusion=fused, num_classes=4, projection_dim=8,
    )  # fmt: skip
    return tf.ClapAudioModel(audio)


def af_whisper(alone: bool) -> Any:
    audio = {
        "model_type": "audioflamingo3_encoder", "hidden_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 32, "num_mel_bins": 80,
        "max_source_positions": 50,
    }  # fmt: skip
    if alone:
        return tf.AudioFlamingo3Encoder(tf.AudioFlamingo3EncoderConfig(**audio))
    text = {
        "model_type": "qwen2", "vocab_size": 64, **TWO, "num_key_value_heads": 2,
    }  # fmt: skip
    config = tf.AudioFlamingo3Config(audio_config=audio, text_config=text, audio_token_id=5)
    return tf.AudioFlamingo3ForConditionalGeneration(config)


MAKERS = {
    "whisper": whisper,
    "wav2vec2": lambda: waves("wav2vec2"),
    "hubert": lambda: waves("hubert"),
    "wavlm": lambda: waves("wavlm"),
    "ast": lambda: tf.ASTModel(tf.ASTConfig(**TWO, max_length=304, num_mel_bins=32)),
    "parakeet": parakeet,
    "clap": lambda: clap(False),
    "clap-fused": lambda: clap(True),
    "af-whisper": lambda: af_whisper(True),
    "audio-flamingo-3": lambda: af_whisper(False),
}
LAYERED = ("whisper", "wav2vec2", "hubert", "wavlm", "ast", "parakeet")


def folder_of(root: Path, name: str) -> Path:
    torch.manual_seed(0)
    MAKERS[name]().save_pretrained(root / name)
    return root / name


def wave(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(16000 * seconds))).astype(np.float32)


def frames(encoder: AudioEncoder, waves: list[np.ndarray]) -> list[torch.Tensor]:
    features = [encoder.prepare(encoder.features(samples)) for samples in waves]
    with torch.no_grad():
        out, counts = encoder.eval().encode(features)
    assert counts == [encoder.frames_of(own) for own in features]
    assert out.shape[-1] == encoder.width
    return [row[:count] for row, count in zip(out, counts, strict=True)]


@pytest.mark.parametrize(
    "spec",
    [*MAKERS, "whisper?own_length=true", "whisper?own_length=true&layers=all", "parakeet?layers=1",
     "ast?layers=0,2", "whisper+wav2vec2", "clap+whisper?own_length=yes&layers=all+ast"],
)  # fmt: skip
def test_frames_do_not_depend_on_the_batch(spec: str, tmp_path: Path) -> None:
    parts = []
    for part in spec.split("+"):
        name, _, query = part.partition("?")
        parts.append(f"{folder_of(tmp_path, name)}?{query}" if query else
                     str(folder_of(tmp_path, name)))  # fmt: skip
    encoder = open_encoder("+".join(parts))
    clips = [wave(1.3, 1), wave(0.42, 2), wave(0.004, 3), wave(1.3, 4)]
    if spec in ("clap", "af-whisper"):
        clips.append(wave(10.5, 5))  # several windows: of 10 s, and of 1 s in this build
    together = frames(encoder, clips)
    for clip, own in zip(clips, together, strict=True):
        torch.testing.assert_close(frames(encoder, [clip])[0], own, atol=2e-5, rtol=0)
        assert torch.isfinite(own).all() and len(own) > 0


def test_a_built_encoder_is_the_one_that_was_opened(tmp_path: Path) -> None:
    """`settings`, as JSON, make the same modules and features again."""
    import json

    for name in MAKERS:
        for query in ("", "?layers=all") if name in LAYERED else ("",):
            opened = open_encoder(f"{folder_of(tmp_path, name)}{query}")
            again = build_encoder(json.loads(json.dumps(opened.settings)))
            again.load_state_dict(opened.state_dict())
            assert type(again) is type(opened)
            torch.testing.assert_close(
                frames(again, [wave(0.6)]), frames(opened, [wave(0.6)]), atol=0, rtol=0
            )


def test_parts_side_by_side_are_built_again(tmp_path: Path) -> None:
    specs = [f"{folder_of(tmp_path, 'whisper')}?layers=1,2", str(folder_of(tmp_path, "clap"))]
    both = open_encoder("+".join(specs))
    assert both.layer_shape == ((2, 16), (1, 16)) and both.width == 48
    again = build_encoder(both.settings)
    again.load_state_dict(both.state_dict())
    torch.testing.assert_close(frames(again, [wave(0.6)]), frames(both, [wave(0.6)]))


def test_slower_parts_repeat_their_nearest_frame(tmp_path: Path) -> None:
    """AST has 10 frames in a second of this build, Whisper 50: columns are those of the parts."""
    fast, slow = (open_encoder(str(folder_of(tmp_path, name))) for name in ("whisper", "ast"))
    both = open_encoder(f"{tmp_path / 'whisper'}+{tmp_path / 'ast'}")
    (joined,) = frames(both, [wave(1.0)])
    (quick,), (late,) = frames(fast, [wave(1.0)]), frames(slow, [wave(1.0)])
    assert len(joined) == len(quick) == 51 and len(late) == 10
    torch.testing.assert_close(joined[:, :16], quick)
    middles = [(place + 0.5) / len(quick) for place in range(len(quick))]
    nearest = [min(int(middle * len(late)), len(late) - 1) for middle in middles]
    torch.testing.assert_close(joined[:, 16:], late[nearest])


def test_own_length_is_whispers_forward_pass_where_the_clip_fills_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "whisper")
    padded = open_encoder(f"{folder}?layers=all")
    own = open_encoder(f"{folder}?own_length=true&layers=all")
    whole = wave(3.0)  # the longest clip of this build
    torch.testing.assert_close(
        frames(own, [whole])[0], frames(padded, [whole])[0], atol=1e-5, rtol=0
    )
    assert len(frames(own, [wave(0.5)])[0]) == 26
    assert not own.pads_with_silence and padded.pads_with_silence


@pytest.mark.parametrize("name", LAYERED)
def test_layers_are_the_hidden_states_side_by_side(name: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, name)
    all_of_them = frames(open_encoder(f"{folder}?layers=all"), [wave(0.7)])[0]
    assert all_of_them.shape[-1] == 3 * 16
    first, last = (frames(open_encoder(f"{folder}?layers={at}"), [wave(0.7)])[0] for at in (0, -1))
    torch.testing.assert_close(all_of_them[:, :16], first)
    torch.testing.assert_close(all_of_them[:, 32:], last)
    if name != "ast":  # whose norm comes after the last hidden state
        torch.testing.assert_close(last, frames(open_encoder(str(folder)), [wave(0.7)])[0])


def test_claps_own_extractor_makes_the_features(tmp_path: Path) -> None:
    """Settings beside the weights count, and the tower sees what transformers would give it."""
    folder = folder_of(tmp_path, "clap")
    extract = tf.ClapFeatureExtractor(truncation="rand_trunc", frequency_min=50, frequency_max=9000)
    extract.save_pretrained(folder)
    encoder = open_encoder(str(folder))
    from harken.audio.codec import resample

    wave_48k = resample(wave(2.0)[None], 16000, 48000)[0]
    expected = np.asarray(extract(wave_48k, sampling_rate=48000)["input_features"])[0, 0]
    mel, count = unpacked(encoder.features(wave(2.0)))
    np.testing.assert_allclose(mel, expected, atol=1e-5)
    assert count == 26  # of 128 in this build: a fifth, and the one that is begun
    assert encoder.limit_s == 60.0


def test_a_long_clip_is_windows_of_ten_seconds(tmp_path: Path) -> None:
    """By hand: 3.2 frames a second of the last stage, so 32 of a whole window, and 2 of 0.5 s."""
    folder = tmp_path / "clap"
    torch.manual_seed(0)
    sizes = {"patch_embeds_hidden_size": 8, "hidden_size": 64}
    audio = tf.ClapAudioConfig(depths=[1, 1, 1, 1], num_attention_heads=[1, 1, 2, 2], **sizes)
    tf.ClapAudioModel(audio).save_pretrained(folder)
    encoder = open_encoder(str(folder))
    (whole,) = frames(encoder, [wave(10.5, 1)])
    mel, count = unpacked(encoder.features(wave(10.5, 1)))
    assert len(whole) == count == 34
    for part, here in zip(np.split(mel, 2), (whole[:32], whole[32:]), strict=True):
        alone = packed([part, np.array([len(here)], np.float32)])
        with torch.no_grad():
            torch.testing.assert_close(encoder.encode([alone])[0][0], here, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", ["af-whisper", "audio-flamingo-3"])
def test_af_whispers_frames_are_those_of_transformers(name: str, tmp_path: Path) -> None:
    """A clip of 2.5 s in windows of 1 s: 25 frames a second, and 12 of half a window."""
    encoder = open_encoder(str(folder_of(tmp_path, name)))
    assert encoder.name == "af-whisper"
    clip = wave(2.5)
    found = frames(encoder, [clip])[0]
    torch.manual_seed(0)
    made = MAKERS[name]().eval()
    tower = made if name == "af-whisper" else made.model.audio_tower
    extract = tf.WhisperFeatureExtractor(feature_size=80, chunk_length=1)
    cuts = [clip[:16_000], clip[16_000:32_000], clip[32_000:]]
    given = extract(cuts, sampling_rate=16_000, return_attention_mask=True, return_tensors="pt")
    with torch.no_grad():
        out = tower(given["input_features"], input_features_mask=given["attention_mask"])
    expected = torch.cat([row[:n] for row, n in zip(out[0], (25, 25, 12), strict=True)])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_folder_without_the_encoder_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = folder_of(tmp_path, "af-whisper")
    held = load_file(folder / "model.safetensors")
    held.pop("conv1.weight")
    save_file(held, folder / "model.safetensors")
    with pytest.raises(ModelError, match=r"cannot be opened: .*conv1\.weight"):
        open_encoder(str(folder))


def test_parakeet_hears_its_own_features(tmp_path: Path) -> None:
    encoder = open_encoder(str(folder_of(tmp_path, "parakeet")))
    made = tf.ParakeetFeatureExtractor()(wave(1.0), sampling_rate=16000, return_tensors="pt")
    torch.manual_seed(0)
    with torch.no_grad():
        expected = MAKERS["parakeet"]().eval().encoder(**made).last_hidden_state[0]
    got = frames(encoder, [wave(1.0)])[0]
    torch.testing.assert_close(got, expected[: len(got)], atol=1e-5, rtol=0)
    assert len(got) == 13  # 100 frames, halved three times


@pytest.mark.parametrize(
    ("query", "told"),
    [("own_lenght=true", "Did you mean own_length"), ("layers=9", "to 2"),
     ("layers=middle", "all, or numbers"), ("own_length=perhaps", "not a valid bool"),
     ("own_length", "is not a setting")],
)  # fmt: skip
def test_settings_that_do_not_exist_are_refused(query: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        open_encoder(f"{folder_of(tmp_path, 'whisper')}?{query}")
    assert told in str(error.value)


def test_layers_of_different_widths_cannot_be_mixed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no setting 'layers'"):
        open_encoder(f"{folder_of(tmp_path, 'clap')}?layers=all")
    with pytest.raises(ConfigError, match="cannot be mixed"):
        build_encoder({"config": clap(False).config.to_diff_dict() | {
            "model_type": "clap_audio_model"}, "layers": "all"})  # fmt: skip
    with pytest.raises(ModelError, match="no audio encoder is known"):
        build_encoder({"config": {"model_type": "bert"}})


def test_packed_arrays_come_out_as_they_went_in() -> None:
    rng = np.random.default_rng(0)
    parts = [
        rng.standard_normal(shape).astype(np.float32) for shape in ((7, 3), (5,), (1, 1), (0, 4))
    ]
    whole = packed(parts)
    assert whole.dtype == np.float32 and whole.ndim == 1
    for before, after in zip(parts, unpacked(whole), strict=True):
        np.testing.assert_array_equal(before, after)
