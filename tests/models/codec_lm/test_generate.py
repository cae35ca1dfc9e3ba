"""Sampling: seeds, batches, guidance, ends, streams, continuations, transcripts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codec_lm import tiny_codec_lm
from tiny_codecs import tiny_spectral_codec

from harken.errors import ConfigError
from harken.models.base import Sampling, SpeechSampling
from harken.models.codec.base import CONTEXT
from harken.models.codec_lm.generate import (
    SpeechRequest,
    draw_rows,
    speak,
    stream,
    transcribe,
)
from harken.models.codec_lm.patterns import PATTERNS

CODES = np.random.default_rng(0).integers(0, 16, (6, 3))
SHORT = SpeechSampling(seconds=0.015)  # 12 frames of 20 samples
THREE = SpeechRequest("three", "ann")


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_seed_gives_the_same_codes_whatever_the_batch(tmp_path: Path, pattern: str) -> None:
    model = tiny_codec_lm(tmp_path, pattern)
    other = SpeechRequest("seven", "bob", CODES[:2])
    together = speak(model, [THREE, other, THREE], SHORT, [1, 2, 3])
    (alone,) = speak(model, [THREE], SHORT, [1])
    assert np.array_equal(together[0], alone)
    assert all(1 <= len(codes) <= 14 and codes.shape[1] == 3 for codes in together)
    assert all(codes.min() >= 0 and codes.max() < 16 for codes in together)
    drawn = speak(model, [THREE] * 6, SHORT, range(6))
    assert len({codes.tobytes() for codes in drawn}) > 1
    cold = SpeechSampling(SHORT.seconds, temperature=0.0)
    greedy = speak(model, [THREE] * 2, cold, [1, 2])
    assert np.array_equal(*greedy)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_row_is_what_a_step_may_say_and_the_room_is_kept(
    tmp_path: Path, pattern: str
) -> None:
    model = tiny_codec_lm(tmp_path, pattern)
    for seed in range(4):
        for states in draw_rows(model, [THREE], SHORT, [seed]):
            last = states[0]
        codes = model.pattern.read(np.stack(last.rows))
        assert np.array_equal(model.pattern.write(codes), np.stack(last.rows))
        assert len(codes) <= 12


@pytest.mark.parametrize("pattern", PATTERNS)
def test_drawn_rows_have_the_likelihood_that_they_are_scored_with(
    tmp_path: Path, pattern: str
) -> None:
    # Greedy codes are the most probable ones: another first code is less probable by the score.
    model = tiny_codec_lm(tmp_path, pattern)
    sampling = SpeechSampling(SHORT.seconds, temperature=0.0)
    (codes,) = speak(model, [THREE], sampling, [0])
    from harken.models.codec_lm.lines import score_lines

    best = codes[:1].copy()
    lines = []
    for value in range(16):
        best[0, 0] = value
        rows = model.pattern.write(best, ended=False)[:1]
        lines.append(model.speak_line(rows, "three", "ann"))
    with torch.no_grad():
        scores = score_lines(model.net, model.pattern, lines)
    first = [scores.codes[scores.code_line == i][0].item() for i in range(16)]
    assert int(np.argmax(first)) == codes[0, 0]


def test_guidance_is_the_formula(tmp_path: Path) -> None:
    model = tiny_codec_lm(tmp_path)

    def first(guidance: float, text: str) -> np.ndarray:  # type: ignore[type-arg]
        own = SpeechSampling(SHORT.seconds, 0.0, guidance=guidance)
        return speak(model, [SpeechRequest(text)], own, [0])[0][0]

    # 0 is what is said without a text, 1 what is said after it; without one nothing guides.
    assert np.array_equal(first(0.0, "three")[0], first(1.0, "")[0])
    assert np.array_equal(first(3.0, ""), first(1.0, ""))
    with torch.no_grad():
        from harken.models.codec_lm.lines import batch_of

        rows = np.zeros((0, 3), np.int64)
        logits = [
            model.net.code_logits(
                model.net(batch_of([model.speak_line(rows, text)], 3)).last_hidden_state[:, -1]
            )[0, 0, :16]
            for text in ("three", "")
        ]
    mixed = logits[1] + 5.0 * (logits[0] - logits[1])
    assert first(5.0, "three")[0] == int(mixed.argmax())


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_sound_that_is_gone_on_with_is_kept(tmp_path: Path, pattern: str) -> None:
    model = tiny_codec_lm(tmp_path, pattern)
    (codes,) = speak(model, [SpeechRequest(codes=CODES)], SHORT, [3])
    # Streams that are late say the last frames again; the others are as given.
    late = {"delayed": 2}.get(pattern, 0)
    assert np.array_equal(codes[: len(CODES) - late], CODES[: len(CODES) - late])
    assert np.array_equal(codes[: len(CODES), 0], CODES[:, 0])
    assert len(CODES) <= len(codes) <= len(CODES) + 12


@pytest.mark.parametrize("given", [None, CODES[:2]])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_model_that_would_end_at_once_says_one_frame(
    tmp_path: Path, pattern: str, given: np.ndarray | None
) -> None:
    model = tiny_codec_lm(tmp_path, pattern)
    head = model.net.code_logits

    def over(hidden: torch.Tensor) -> torch.Tensor:
        logits = head(hidden).clone()
        logits[..., model.pattern.none] += 100.0
        return logits

    model.net.code_logits = over  # type: ignore[method-assign]
    (codes,) = speak(model, [SpeechRequest("three", codes=given)], SHORT, [1])
    assert len(codes) == 1 + (0 if given is None else len(given))


@pytest.mark.parametrize("kind", ["conv", "spectral"])
def test_chunks_are_the_whole(tmp_path: Path, kind: str) -> None:
    if kind == "spectral":
        tiny_spectral_codec().save(tmp_path / "codec")
    model = tiny_codec_lm(tmp_path)
    long = SpeechSampling(seconds=0.1)
    request = SpeechRequest("three", codes=np.tile(CODES, (15, 1)))
    (codes,) = speak(model, [request], long, [5])
    assert len(codes) > CONTEXT + 20
    whole = model.samples_of(codes)
    chunks = list(stream(model, request, long, 5, frames=8))
    assert len(chunks) > 1
    assert len(np.concatenate(chunks)) == len(whole)
    # Phases are found by iteration, in which rounding grows a little.
    scale = 1e-5 if kind == "conv" else 1e-3 * float(np.abs(whole).max())
    assert np.allclose(np.concatenate(chunks), whole, atol=scale)


def test_transcripts_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    model = tiny_codec_lm(tmp_path)
    sampling = Sampling(max_tokens=5, temperature=1.0)
    both = transcribe(model, [CODES, CODES[:2]], sampling, [1, 2])
    assert transcribe(model, [CODES[:2]], sampling, [2]) == both[1:]
    greedy = Sampling(max_tokens=3)
    assert transcribe(model, [CODES], greedy, [1]) == transcribe(model, [CODES], greedy, [2])


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    model = tiny_codec_lm(tmp_path)
    with pytest.raises(ConfigError, match="positions are needed, and the model has 200"):
        speak(model, [THREE], SpeechSampling(seconds=10), [0])
    with pytest.raises(ConfigError, match="seconds is 0"):
        SpeechSampling(seconds=0)
    with pytest.raises(ConfigError, match="guidance"):
        SpeechSampling(guidance=-1)
    with pytest.raises(ConfigError, match="top_p"):
        SpeechSampling(top_p=0.0)
