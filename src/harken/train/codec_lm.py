"""Training of a codec language model by next-token loss on recordings and what they say.

Every example is one of three lines (`harken.models.codec_lm.lines`): codes from text (*speak*),
text from codes (*transcribe*), or codes alone (*continue*; also what classifier-free guidance
compares with). The loss is

    mean over the codes and ends of -log p + text_weight · mean over the text tokens of -log p

where only rows after a text, or after nothing, and texts after rows count. Some recordings are held
out by their number, and their loss is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.audio.clip import Clip
from harken.errors import DataError
from harken.models.codec_lm.lines import Line, score_lines
from harken.models.codec_lm.model import CodecLanguageModel, CodecLMShape
from harken.models.codec_lm.patterns import Ints
from harken.progress import track
from harken.runs import Run
from harken.train.module_loop import ModuleSettings, train_module

_CHUNK = 8  # batches that are sorted by length together


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording and what it says.

    Attributes:
        clip: the recording.
        text: the words, or the name of the sound.
        voice: whose; empty: not told.
    """

    clip: Clip
    text: str
    voice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecLMTraining(ModuleSettings):
    """Settings of a model and its training.

    Attributes:
        lm, width, layers, heads, inner, vocabulary, context, pattern, codebooks, dropout: see
            `CodecLMShape`.
        max_s: longest sound; of a longer recording each example is a drawn piece, without its end.
        transcribe: share of the examples that are text from codes.
        unconditional: share of the others that have no text.
        no_voice: share of the rest that do not tell the voice.
        text_weight: of the text in the loss.
        held_out: share of the recordings that are not trained on.
        watch_every: steps between two looks at the held-out recordings.
    """

    name: str = "codec-lm"
    steps: int = 2000
    batch: int = 32
    lr: float = 1e-3
    decay: float = 0.01
    lm: str = "llama"
    width: int = 192
    layers: int = 4
    heads: int = 4
    inner: int = 512
    vocabulary: int = 512
    context: int = 2048
    pattern: str = "delayed"
    codebooks: int = 0
    dropout: float = 0.1
    max_s: float = 2.0
    transcribe: float = 0.15
    unconditional: float = 0.1
    no_voice: float = 0.1
    text_weight: float = 0.3
    held_out: float = 0.05
    watch_every: int = 100

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = super(CodecLMTraining, self).faults()
        whole = ("width", "layers", "heads", "inner", "vocabulary", "context", "watch_every")
        found += [self.fault(name, 1) for name in whole]
        shares = ("transcribe", "unconditional", "no_voice", "held_out", "dropout")
        found += [
            f"{name} is {getattr(self, name)!r} (accepted: 0 or more, below 1)"
            for name in shares
            if not 0 <= getattr(self, name) < 1
        ]
        return [*found, self.fault("max_s", 0, above=True), self.fault("text_weight", 0)]

    def shape(self) -> CodecLMShape:
        """The sizes of the model."""
        names = CodecLMShape.__dataclass_fields__
        return CodecLMShape(**{name: getattr(self, name) for name in names})


def train_codec_lm(
    codec: str, said: Sequence[Utterance], settings: CodecLMTraining, run: Run
) -> CodecLanguageModel:
    """A model trained on recordings.

    Args:
        codec: see `open_codec`.
        said: the recordings; their codes are made first, and kept in memory.
        settings: of model and training.
        run: gets metrics and checkpoints; a run that was killed goes on.

    Raises:
        DataError: fewer than two recordings.
        ModelError: no such codec. ConfigError: a pattern or codebooks that cannot be.
        AudioError: a recording that cannot be read.
        RunError: see `train_module`.
    """
    if len(said) < 2:
        raise DataError("fewer than two recordings say something", hint="Name a labelled corpus.")
    voices = tuple(sorted({one.voice for one in said} - {""}))
    counts = Counter(one.text for one in said)
    told = {f"{one.voice}: {one.text}" for one in said if one.voice} | {*counts}
    model = CodecLanguageModel.build(codec, sorted(told), settings.shape(), seed=settings.seed)
    model.voices, model.name = voices, settings.name
    model.texts = tuple(sorted(counts, key=lambda text: (-counts[text], text))[:_MOST_TEXTS])
    ordered = in_order(said)
    codes = [model.codes_of(one.clip) for one in track(ordered, "encoding")]
    lines = Lines(model, ordered, codes, settings)

    def loss_of(step: int) -> tuple[Tensor, dict[str, Any]]:
        drawn = lines.draw(step)
        loss, found = _loss(model, drawn, settings.text_weight)
        if (step + 1) % settings.watch_every == 0 and lines.held:
            found |= _held_out(model, lines.all_held(), settings.text_weight)
        return loss, found

    train_module(model.net, settings, run, loss_of)
    watched = [record for record in run.records("metrics") if "held_out_code" in record]
    keys = ("step", "code", "held_out_code", "held_out_text")
    model.training = {
        "steps": settings.steps,
        "recordings": len(lines.trained),
        "seed": settings.seed,
        "held_out": settings.held_out,
    }
    if watched:
        model.training |= {key: watched[-1][key] for key in keys if key in watched[-1]}
    return model


_MOST_TEXTS = 1000


def _loss(
    model: CodecLanguageModel, lines: Sequence[Line], text_weight: float
) -> tuple[Tensor, dict[str, Any]]:
    """The loss of lines, and what is told of it: nats a code, by codebook, and a text token."""
    wanted = [not line.after for line in lines]
    scores = score_lines(model.net, model.pattern, lines, codes=wanted)
    loss = model.net.heads.weight.sum() * 0.0
    told: dict[str, Any] = {}
    if len(scores.codes):
        loss = loss - scores.codes.mean()
        told["code"] = -float(scores.codes.detach().mean())
        books = range(model.pattern.codebooks)
        own = [-scores.codes.detach()[scores.book == book].mean() for book in books]
        told["books"] = [round(float(value), 3) for value in own]
    if len(scores.text):
        loss = loss - text_weight * scores.text.mean()
        told["text"] = -float(scores.text.detach().mean())
    return loss, told


@torch.no_grad()
def _held_out(
    model: CodecLanguageModel, lines: Sequence[Line], text_weight: float
) -> dict[str, float]:
    """The same of held-out lines, in evaluation mode."""
    model.net.eval()
    found = [_loss(model, lines[at : at + 32], text_weight)[1] for at in range(0, len(lines), 32)]
    model.net.train()
    return {
        f"held_out_{name}": float(np.mean([own[name] for own in found if name in own]))
        for name in ("code", "text")
        if any(name in own for own in found)
    }


def in_order(said: Sequence[Utterance]) -> list[Utterance]:
    """The order in which a training numbers its recordings, whatever the order of their folders."""
    return sorted(said, key=lambda one: (one.clip.key, one.text))


def held_out_numbers(count: int, share: float, seed: int) -> list[int]:
    """The numbers of the recordings, of `count`, that a training with `seed` does not see."""
    order = np.random.default_rng([seed, 59]).permutation(count)
    return sorted(int(i) for i in order[: min(count - 1, round(share * count))])


@dataclass(slots=True, eq=False)
class Lines:
    """Draws the batches of a training; what is drawn depends on the seed and the step only.

    In each epoch every recording is drawn once. `_CHUNK` batches at a time are sorted by length, so
    that little of a batch is padding.

    Attributes:
        model: of the tokenizer and the pattern.
        said: the recordings.
        codes: those of each, (frames, codebooks).
        settings: of the training.
        trained, held: numbers of the recordings.
    """

    model: CodecLanguageModel
    said: Sequence[Utterance]
    codes: Sequence[Ints]
    settings: CodecLMTraining
    trained: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Divide the recordings."""
        count, settings = len(self.said), self.settings
        self.held = held_out_numbers(count, settings.held_out, settings.seed)
        self.trained = sorted({*range(count)} - {*self.held})

    def draw(self, step: int) -> list[Line]:
        """The lines of a step."""
        settings, per_epoch = self.settings, -(-len(self.trained) // self.settings.batch)
        epoch, at = divmod(step, per_epoch)
        rng = np.random.default_rng([settings.seed, 61, epoch])
        order = rng.permutation(self.trained)
        whole = settings.batch * _CHUNK
        batches: list[Ints] = []
        for start in range(0, len(order), whole):
            chunk = order[start : start + whole]
            lengths = [min(len(self.codes[i]), self._most) for i in chunk]
            chunk = chunk[np.argsort(lengths, kind="stable")]
            batches += [chunk[i : i + settings.batch] for i in range(0, len(chunk), settings.batch)]
        chosen = batches[int(rng.permutation(len(batches))[at])]
        own = np.random.default_rng([settings.seed, 67, step])
        return [self._line(int(i), own) for i in chosen]

    def all_held(self) -> list[Line]:
        """Two lines of each held-out recording, always the same: spoken, and transcribed."""
        rng, found = np.random.default_rng([self.settings.seed, 71]), []
        for i in self.held:
            rows = self._rows(i, rng)
            found.append(self.model.speak_line(rows, self.said[i].text, self.said[i].voice))
            found.append(self.model.transcribe_line(rows, self.said[i].text))
        return found

    @property
    def _most(self) -> int:
        return max(1, round(self.settings.max_s * self.model.frames_per_s))

    def _rows(self, i: int, rng: np.random.Generator) -> Ints:
        """The rows of a recording, or of a drawn piece of it, which has no end."""
        codes, most = self.codes[i], self._most
        if len(codes) <= most:
            return self.model.pattern.write(codes)
        start = int(rng.integers(len(codes) - most + 1))
        return self.model.pattern.write(codes[start : start + most], ended=False)

    def _line(self, i: int, rng: np.random.Generator) -> Line:
        """A drawn line of a recording."""
        settings, one, rows = self.settings, self.said[i], self._rows(i, rng)
        draws = rng.random(3)
        if draws[0] < settings.transcribe:
            return self.model.transcribe_line(rows, one.text)
        if draws[1] < settings.unconditional:
            return self.model.speak_line(rows)
        voice = "" if draws[2] < settings.no_voice else one.voice
        return self.model.speak_line(rows, one.text, voice)
