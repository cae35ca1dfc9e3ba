"""Prompts -> token lines -> padded batches, with the proof that every clip is where it should be.

A line reads ``<bos> text <a> audio… </a> text … <answer> answer <eos>``; text and clips stand in
the order of the prompt's parts, any number of either. Each ``audio`` is a placeholder whose
embedding is replaced by one token of the projector; their number must equal what the encoder gives
for that clip, row by row, or the batch is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harken.audio.clip import Clip
from harken.errors import ModelError
from harken.models.base import Earlier, Prompt
from harken.models.engine.features import Array
from harken.models.engine.tokenizer import TextTokenizer


class ClipText(str):
    """Words that stand in a prompt where a clip would: put between the clip's marks."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class AudioInput:
    """One clip of one line.

    Attributes:
        given: the features, or what makes them when they are wanted: of a sound that is remembered
            they are not.
        tokens: how many tokens it becomes.
        key: what it may be remembered by; empty for sounds that are heard once (augmented).
    """

    given: Array | Callable[[], Array]
    tokens: int
    key: str = ""

    @property
    def features(self) -> Array:
        """Prepared, time first."""
        return self.given() if callable(self.given) else self.given


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedPrompt:
    """One prompt as tokens, with or without its answer.

    Attributes:
        ids: prompt, then answer and ``<eos>`` if there is one.
        places: for each token of the prompt, the number of the clip it belongs to, or 0.
        sounds: the clips, in order.
        answer: number of ids of the (last) answer, ``<eos>`` included.
        earlier: begin and end of the answers of earlier turns, where several questions about the
            same clips stand in one line.
    """

    ids: tuple[int, ...]
    clip_numbers: tuple[int, ...]
    audio_inputs: tuple[AudioInput, ...] = ()
    answer: int = 0
    earlier: tuple[tuple[int, int], ...] = ()

    @property
    def start(self) -> int:
        """Where the last answer begins."""
        return len(self.ids) - self.answer

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """Begin and end of every answer."""
        return (*self.earlier, (self.start, len(self.ids)))

    @property
    def answer_tokens(self) -> int:
        """Ids of all answers."""
        return sum(end - start for start, end in self.spans)


@dataclass(slots=True)
class PromptTokenizer:
    """Writes lines; `audio_input` turns a clip into what is heard of it."""

    tokenizer: TextTokenizer
    audio_input: Callable[[Clip], AudioInput]
    context: int
    max_clip_number: int = 0

    def tokenize(
        self,
        prompt: Prompt,
        answer: str | None = None,
        audio_inputs: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """Write `prompt`, and `answer` behind it.

        Args:
            prompt: text and clips in any order; `ClipText` stand for clips.
            answer: what is to be said, if it is known.
            audio_inputs: what is heard of the clips instead of `self.audio_input` (augmented
            features).

        Raises:
            ModelError: the line is longer than the language model reads, or a clip too long.
            AudioError: a clip that cannot be loaded.
        """
        tokenizer = self.tokenizer
        ids = [tokenizer.bos, *(tokenizer.encode(prompt.system) if prompt.system else ())]
        clip_numbers = [0] * len(ids)
        inputs: list[AudioInput] = []
        number = 0
        for part in prompt.parts:
            if isinstance(part, Earlier):  # as in `turns`
                ids += [tokenizer.answer, *tokenizer.encode(str(part)), tokenizer.eos]
                clip_numbers += [0] * (len(ids) - len(clip_numbers))
                continue
            if isinstance(part, str) and not isinstance(part, ClipText):
                ids += tokenizer.encode(part)
                clip_numbers += [0] * (len(ids) - len(clip_numbers))
                continue
            number += 1
            if isinstance(part, Clip):
                audio_input = (
                    self.audio_input(part) if audio_inputs is None else audio_inputs[len(inputs)]
                )
                inputs.append(audio_input)
                inner: Sequence[int] = [tokenizer.audio] * audio_input.tokens
            else:
                inner = tokenizer.encode(str(part))
            ids += [tokenizer.clip_begin, *inner, tokenizer.clip_end]
            clip_numbers += [0, *[min(number, self.max_clip_number)] * len(inner), 0]
        ids.append(tokenizer.answer)
        clip_numbers.append(0)
        answer_ids = [] if answer is None else [*tokenizer.encode(answer), tokenizer.eos]
        self._check(len(ids) + len(answer_ids))
        return TokenizedPrompt(
            (*ids, *answer_ids), tuple(clip_numbers), tuple(inputs), len(answer_ids)
        )

    def tokenize_turns(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[str],
        audio_inputs: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """Several questions about the same clips as one line: the clips are heard once.

        The first prompt is written as it is, of the others the question only. Meant for prompts
        with the clips in front; what is asked first is then asked just as it would be alone.

        Raises:
            ModelError: the line is longer than the language model reads.
        """
        tokenized = self.tokenize(prompts[0], answers[0], audio_inputs)
        ids, spans = list(tokenized.ids), [(tokenized.start, len(tokenized.ids))]
        for prompt, answer in zip(prompts[1:], answers[1:], strict=True):
            asked = str(prompt.parts[0 if prompt.style.question_first else -1])
            ids += [*self.tokenizer.encode(asked), self.tokenizer.answer]
            answer_ids = [*self.tokenizer.encode(answer), self.tokenizer.eos]
            spans.append((len(ids), len(ids) + len(answer_ids)))
            ids += answer_ids
        self._check(len(ids))
        last = spans.pop()
        return TokenizedPrompt(
            tuple(ids),
            tokenized.clip_numbers,
            tokenized.audio_inputs,
            last[1] - last[0],
            tuple(spans),
        )

    def _check(self, length: int) -> None:
        if length > self.context:
            raise ModelError(
                f"the prompt is {length} tokens long and the language model reads {self.context}",
                hint="Use fewer or shorter clips.",
            )


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedBatch:
    """Lines as tensors, padded on one side.

    Attributes:
        ids: (B, L) token ids.
        places: (B, L) clip numbers.
        true: (B, L) False at padding.
        audio: (M,) flat positions b * L + l of the placeholders, in reading order.
        sounds: the sound of every clip in the same order.
    """

    ids: Tensor
    clip_numbers: Tensor
    true: Tensor
    audio: Tensor
    audio_inputs: tuple[AudioInput, ...]


def collate(
    prompts: Sequence[TokenizedPrompt], tokenizer: TextTokenizer, *, left: bool = False
) -> TokenizedBatch:
    """Pad `prompts`; on the left for generation, so that all go on from the same column."""
    length = max(len(tokenized.ids) for tokenized in prompts)
    ids = np.full((len(prompts), length), tokenizer.pad, np.int64)
    clip_numbers = np.zeros((len(prompts), length), np.int64)
    true = np.zeros((len(prompts), length), bool)
    for row, tokenized in enumerate(prompts):
        start = length - len(tokenized.ids) if left else 0
        ids[row, start : start + len(tokenized.ids)] = tokenized.ids
        clip_numbers[row, start : start + len(tokenized.clip_numbers)] = tokenized.clip_numbers
        true[row, start : start + len(tokenized.ids)] = True
    audio = np.flatnonzero(ids == tokenizer.audio)
    return TokenizedBatch(
        torch.from_numpy(ids),
        torch.from_numpy(clip_numbers),
        torch.from_numpy(true),
        torch.from_numpy(audio),
        tuple(audio_input for tokenized in prompts for audio_input in tokenized.audio_inputs),
    )


def check_placeholders(
    prompts: Sequence[TokenizedPrompt], frames: Sequence[int], tokenizer: TextTokenizer
) -> None:
    """Check that each line has a placeholder for each audio token, and no other.

    Args:
        prompts: as they were put on the page.
        frames: tokens that the encoder gave for each clip, over all lines in order.
        tokenizer: knows the placeholder.

    Raises:
        ModelError: with both numbers and the row.
    """
    at = 0
    for row, tokenized in enumerate(prompts):
        placeholders = tokenized.ids.count(tokenizer.audio)
        given = sum(frames[at : at + len(tokenized.audio_inputs)])
        at += len(tokenized.audio_inputs)
        if placeholders != given:
            raise ModelError(
                f"row {row} has {placeholders} audio placeholders and the encoder gave {given} "
                f"audio tokens for its {len(tokenized.audio_inputs)} clips",
                hint="The encoder's frame count is wrong for this clip: report its length.",
            )
    if at != len(frames):
        raise ModelError(f"the lines hold {at} clips and the encoder was given {len(frames)}")
