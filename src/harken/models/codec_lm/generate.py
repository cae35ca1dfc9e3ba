"""Sampling of a codec language model: codes after a text or a sound, and texts after sounds.

Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598; for code models AudioGen, Kreuk et
al. 2022, arXiv 2209.15352): with logits c after the text and u after no text, codes are drawn from

    u + guidance · (c - u)

which for guidance 1 are those after the text. Every request has a generator of its own, so that
what is drawn for it does not depend on the rest of the batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from harken.errors import ConfigError
from harken.models.base import Sampling, SpeechSampling
from harken.models.codec_lm.lines import Line, batch_of, legal_logits
from harken.models.codec_lm.model import CodecLanguageModel
from harken.models.codec_lm.net import Positions
from harken.models.codec_lm.patterns import Ints
from harken.models.engine.features import Array
from harken.models.engine.generate import draw


@dataclass(frozen=True, slots=True, eq=False)
class SpeechRequest:
    """What is to be said, or gone on with.

    Attributes:
        text: to be said; empty: a sound without text.
        voice: one of the model's; empty: any.
        codes: int64 (frames, codebooks) of a sound that is gone on with; None: from the start.
    """

    text: str = ""
    voice: str = ""
    codes: Ints | None = None


@dataclass(slots=True, eq=False)
class Spoken:
    """What was drawn for a request.

    Attributes:
        rows: so far, those of the sound that is gone on with included.
        given: frames of that sound.
        end: number of the row whose first stream ended the sound; -1: it has not ended.
        done: whether there is nothing more to draw.
    """

    rows: list[Ints] = field(default_factory=list)
    given: int = 0
    end: int = -1
    done: bool = False


@torch.no_grad()
def draw_rows(
    model: CodecLanguageModel,
    requests: Sequence[SpeechRequest],
    sampling: SpeechSampling,
    seeds: Sequence[int],
) -> Iterator[list[Spoken]]:
    """What was drawn so far, after every row, until all are done.

    A sound that is not over after `sampling.seconds` is ended there, and none ends before its first
    frame: what is asked for is a sound.

    Raises:
        ConfigError: an unknown voice, codes of another codec, or more than the model's context.
    """
    from transformers import DynamicCache

    pattern, nothing = model.pattern, np.zeros((0, model.pattern.streams), np.int64)
    given = [nothing if one.codes is None else pattern.write(one.codes, ended=False)
             for one in requests]  # fmt: skip
    lines = [
        model.speak_line(rows, one.text, one.voice)
        for one, rows in zip(requests, given, strict=True)
    ]
    guided = sampling.guidance != 1.0 and any(one.text or one.voice for one in requests)
    if guided:
        lines += [model.speak_line(rows) for rows in given]
    frames = max(1, round(sampling.seconds * model.frames_per_s))
    states = [
        Spoken(list(rows), 0 if one.codes is None else len(one.codes))
        for one, rows in zip(requests, given, strict=True)
    ]
    _check_room(model, lines, frames)
    rngs = [np.random.default_rng([seed, 47]) for seed in seeds]
    batch, cache = batch_of(lines, pattern.streams, left=True), DynamicCache()
    mask = batch.mask
    out = model.net(batch, cache)
    while True:
        logits = model.net.code_logits(out.last_hidden_state[:, -1]).float()
        if guided:
            with_text, without = logits.chunk(2)
            logits = without + sampling.guidance * (with_text - without)
        for number, state in enumerate(states):
            if not state.done:
                _draw_row(model, state, logits[number], sampling, frames, rngs[number])
        yield states
        if all(state.done for state in states):
            return
        rows = np.stack([state.rows[-1] for state in states])
        fresh = torch.from_numpy(np.concatenate([rows, rows]) if guided else rows)[:, None]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        zeros = torch.zeros(len(mask), 1, dtype=torch.int64)
        out = model.net(Positions(zeros, fresh, zeros == 0, mask), cache)


def _draw_row(
    model: CodecLanguageModel,
    state: Spoken,
    logits: torch.Tensor,
    sampling: SpeechSampling,
    frames: int,
    rng: np.random.Generator,
) -> None:
    """Append one row to `state`, drawn from logits (streams, entries)."""
    pattern, step = model.pattern, len(state.rows)
    legal = legal_logits(logits[None], pattern, [step])[0].double().numpy()
    row = np.full(pattern.streams, pattern.none)
    if state.end < 0 and pattern.frame_of(step) >= state.given + frames:
        state.end = step
    own = sampling.each(0)
    for stream in range(pattern.streams):
        if not pattern.silent(step, state.end)[stream]:
            values = legal[stream]
            if stream == 0 and pattern.frame_of(step) == state.given:
                values[pattern.none] = -np.inf
            row[stream] = (
                draw(values / own.temperature, own, rng) if own.temperature else values.argmax()
            )
            if stream == 0 and row[0] == pattern.none:
                state.end = step
    state.rows.append(row)
    state.done = pattern.over(step, state.end)


def _check_room(model: CodecLanguageModel, lines: Sequence[Line], frames: int) -> None:
    """Raise ConfigError if prompt and reply are longer than the model's context."""
    pattern = model.pattern
    per_frame = pattern.codebooks if pattern.streams == 1 else 1
    room = int(model.lm_config.get("max_position_embeddings", 2048))
    wanted = max(map(len, lines)) + frames * per_frame + pattern.codebooks
    if wanted > room:
        raise ConfigError(
            f"{wanted} positions are needed, and the model has {room}",
            hint="Ask for fewer seconds, or give a shorter clip.",
        )


def speak(
    model: CodecLanguageModel,
    requests: Sequence[SpeechRequest],
    sampling: SpeechSampling,
    seeds: Sequence[int],
    *,
    batch: int = 16,
) -> list[Ints]:
    """The codes (frames, codebooks) that are said, those that are gone on with included.

    Raises:
        ConfigError: see `draw_rows`.
    """
    found: list[Ints] = []
    for start in range(0, len(requests), batch):
        own = slice(start, start + batch)
        last: list[Spoken] = []
        for states in draw_rows(model, requests[own], sampling, seeds[own]):
            last = states
        found += [model.pattern.read(np.stack(state.rows)) for state in last]
    return found


def stream(
    model: CodecLanguageModel,
    request: SpeechRequest,
    sampling: SpeechSampling,
    seed: int,
    *,
    frames: int = 10,
) -> Iterator[Array]:
    """The sound in chunks of `frames`, each as soon as its samples are known.

    A sound that is gone on with comes first. Joined, the chunks are what `speak` says, decoded, as
    far as the codec's `DecodeStream` promises it.

    Raises:
        ConfigError: see `draw_rows`.
    """
    pieces, sent = model.codec.decoding(), 0
    for (state,) in draw_rows(model, [request], sampling, [seed]):
        codes = model.pattern.read(np.stack(state.rows))
        if len(codes) - sent < frames and not state.done:
            continue
        samples = pieces.push(np.ascontiguousarray(codes[sent:].T), last=state.done)
        sent = len(codes)
        if len(samples):
            yield samples


@torch.no_grad()
def transcribe(
    model: CodecLanguageModel,
    codes: Sequence[Ints],
    sampling: Sampling,
    seeds: Sequence[int],
) -> list[tuple[str, bool]]:
    """What is said in sounds (frames, codebooks), and whether the text ended by itself.

    Args:
        model: the model.
        codes: of the sounds.
        sampling: of the text tokens.
        seeds: of each sound's draws.
    """
    from transformers import DynamicCache

    tokenizer, pattern = model.tokenizer, model.pattern
    lines = [model.transcribe_line(pattern.write(own)) for own in codes]
    rngs = [np.random.default_rng([seed, 53]) for seed in seeds]
    batch, cache = batch_of(lines, pattern.streams, left=True), DynamicCache()
    mask, out = batch.mask, model.net(batch, cache)
    said: list[list[int]] = [[] for _ in lines]
    closed = [False] * len(lines)
    while True:
        logits = model.net.text_logits(out.last_hidden_state[:, -1]).double().numpy()
        for number, values in enumerate(logits):
            if not closed[number]:
                warm = sampling.temperature
                token = draw(values / warm, sampling, rngs[number]) if warm else values.argmax()
                said[number].append(int(token))
                ended = said[number][-1] in tokenizer.ends
                closed[number] = ended or len(said[number]) >= sampling.room
        if all(closed):
            break
        fresh = torch.tensor([own[-1] for own in said])[:, None]
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], 1)
        none = torch.zeros(len(mask), 1, pattern.streams, dtype=torch.int64)
        out = model.net(Positions(fresh, none, fresh < 0, mask), cache)
    ends = [own[-1] in tokenizer.ends for own in said]
    texts = [
        tokenizer.decode(own[:-1] if over else own) for own, over in zip(said, ends, strict=True)
    ]
    return list(zip(texts, ends, strict=True))
