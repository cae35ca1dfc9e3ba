"""Replies that are sound: asked for by the official client, and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from test_server import PitchModel, Served, block, post, text, user
from tiny_codec_lm import tiny_codec_lm

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load, write_wav
from harken.models.base import Speech
from harken.models.codec_lm.ask import SpeechModel, SpeechSettings
from harken.serve.fields import BadRequest
from harken.serve.speech import audio_of, read_audio

BOTH = ["text", "audio"]


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    model = tiny_codec_lm(tmp_path_factory.mktemp("model"))
    one = Served(SpeechModel(model, SpeechSettings(seconds=0.05)), name="tiny")
    yield one
    one.close()


def samples_of(data: str, folder: Path) -> Any:
    path = folder / "reply.wav"
    path.write_bytes(base64.b64decode(data))
    return load(Clip("file", str(path)))


def test_the_official_client_gets_sound(speaker: Served, tmp_path: Path) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=speaker.url, api_key="none", max_retries=0) as client:

        def ask(**more: Any) -> Any:
            given = {"audio": {"voice": "ann", "format": "wav"}, "seed": 4, **more}
            return client.chat.completions.create(
                model="tiny", modalities=BOTH, messages=user(text("three")), **given
            )

        reply = ask()
        message = reply.choices[0].message
        assert message.content is None and message.audio.transcript == "three"
        assert message.audio.id.startswith("audio_") and message.audio.expires_at == reply.created
        heard = samples_of(message.audio.data, tmp_path)
        # 16 kHz and 20 samples a frame: at most 40 frames in 0.05 s.
        assert 20 <= len(heard) <= 800 and len(heard) % 20 == 0
        assert reply.choices[0].finish_reason == ("length" if len(heard) == 800 else "stop")
        assert ask().choices[0].message.audio.data == message.audio.data
        assert any(ask(seed=s).choices[0].message.audio.data != message.audio.data for s in (5, 6))
        short = ask(max_tokens=1).choices[0]
        assert len(samples_of(short.message.audio.data, tmp_path)) == 20
        pieces = list(ask(stream=True))
        said = [p.choices[0].delta.audio for p in pieces if getattr(p.choices[0].delta, "audio", 0)]
        assert len(said) == 1 and dict(said[0])["data"] == message.audio.data
        with pytest.raises(openai.BadRequestError, match="no voice 'alloy'; tiny has default, ann"):
            ask(audio={"voice": "alloy", "format": "wav"})


def test_a_clip_is_gone_on_with_or_transcribed(speaker: Served, tmp_path: Path) -> None:
    wave = 0.3 * np.sin(np.arange(400) / 5).astype(np.float32)
    write_wav(tmp_path / "a.wav", wave, RATE_HZ)
    asked = {"model": "tiny", "messages": user(block(Clip("file", str(tmp_path / "a.wav"))))}
    status, told = post(speaker.url, {**asked, "modalities": BOTH, "audio": {"format": "wav"}})
    heard = samples_of(told["choices"][0]["message"]["audio"]["data"], tmp_path)
    assert status == 200 and 20 <= len(heard) <= 800, "only what is new"
    status, told = post(speaker.url, {**asked, "max_tokens": 3, "temperature": 0})
    assert status == 200 and isinstance(told["choices"][0]["message"]["content"], str)
    said = {"model": "tiny", "messages": user(text("three"))}
    status, told = post(speaker.url, said)
    assert status == 500 and "there is no clip" in told["error"]["message"]


def test_models_that_cannot_speak_say_so() -> None:
    one = Served(PitchModel())
    asked = {"model": "pitch", "messages": user(text("hello")), "modalities": BOTH}
    status, told = post(one.url, {**asked, "audio": {"voice": "alloy", "format": "wav"}})
    one.close()
    assert status == 400 and told["error"]["param"] == "modalities"
    assert told["error"]["message"] == "replies of pitch are text only: it cannot speak"


def test_what_is_asked_of_a_sound_is_read_strictly() -> None:
    good = {"modalities": BOTH, "audio": {"voice": "ann", "format": "wav"}}
    found = read_audio(good, ("ann",), "m")
    assert found is not None and (found.voice, found.format) == ("ann", "wav")
    assert read_audio({**good, "audio": {"voice": "default"}}, ("ann",), "m").voice == ""  # type: ignore[union-attr]
    assert read_audio({"modalities": ["text"]}, None, "m") is None
    for bad, words in (
        ({"modalities": ["audio"]}, "must be"),
        ({"modalities": ["text", "video"]}, "must be"),
        ({"audio": {"voice": "ann"}}, "needs modalities"),
        ({"modalities": BOTH}, "must be an object"),
        ({**good, "audio": {"voice": "ann", "format": "mp3"}}, "wav, flac, pcm16"),
        ({**good, "audio": {"voice": "ann", "speed": 2}}, "must be an object"),
        ({**good, "stop": ["x"]}, "stop does not go"),
        ({**good, "logprobs": True}, "logprobs does not go"),
    ):
        with pytest.raises(BadRequest, match=words):
            read_audio(bad, ("ann",), "m")


def test_formats_hold_the_same_sound(tmp_path: Path) -> None:
    wave = (0.5 * np.sin(2 * np.pi * 500 * np.arange(16_000) / RATE_HZ)).astype(np.float32)
    speech = Speech(wave, "a tone")
    assert np.allclose(
        samples_of(audio_of(speech, "wav", "1", 7)["data"], tmp_path), wave, atol=1e-4
    )
    raw = base64.b64decode(audio_of(speech, "pcm16", "1", 7)["data"])
    fast = np.frombuffer(raw, "<i2") / 32768
    # One second at 24 kHz: the tone is in the bin of its frequency.
    assert len(fast) == 24_000 and np.argmax(np.abs(np.fft.rfft(fast))) == 500
    flac = base64.b64decode(audio_of(speech, "flac", "1", 7)["data"])
    assert flac[:4] == b"fLaC"
