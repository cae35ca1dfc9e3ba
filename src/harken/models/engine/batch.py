"""Prompts -> tokenized prompts -> padded batches.

A tokenized prompt is ``<bos> text <a> audio… </a> text … <answer> answer <eos>``; text and clips
are in the order of the prompt's parts, any number of either. Each ``audio`` is a placeholder whose
embedding is replaced by one audio token of the projector. What must hold of every batch is checked
in `harken.models.engine.proof`.
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
from harken.models.engine.tokenizer import SPECIAL_TOKENS, TextTokenizer


class ClipText(str):
    """Text in place of a clip, between the clip's begin and end tokens."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class AudioInput:
    """One clip of one prompt.

    Attributes:
        given: the features, or a function that computes them: a clip whose audio tokens are cached
            does not need them.
        tokens: number of audio tokens.
        key: cache key; empty for features that are used once (augmented).
        name: file and span, for people: ``dog.wav 0.0–2.1 s``.
        dropped: the audio tokens, by number, that are zeros in this prompt; others with this key
            are not affected.
        kept: key of what is kept of it on disk (`harken.models.engine.kept`); empty: nothing is.
    """

    given: Array | Callable[[], Array]
    tokens: int
    key: str = ""
    name: str = ""
    dropped: tuple[int, ...] = ()
    kept: str = ""

    @property
    def features(self) -> Array:
        """Prepared features, time first."""
        return self.given() if callable(self.given) else self.given


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedPrompt:
    """One prompt as tokens, with or without its answer.

    Attributes:
        ids: prompt, then answer and ``<eos>`` if there is one.
        clip_numbers: for each token of the prompt, the number of the clip it belongs to, or 0.
        audio_inputs: the clips, in order.
        answer: number of ids of the (last) answer, ``<eos>`` included.
        earlier: begin and end of the answers of earlier turns, where one prompt has several
            questions about the same clips.
        item: id of the item that was asked, for errors; empty if unknown.
    """

    ids: tuple[int, ...]
    clip_numbers: tuple[int, ...]
    audio_inputs: tuple[AudioInput, ...] = ()
    answer: int = 0
    earlier: tuple[tuple[int, int], ...] = ()
    item: str = ""

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
    """Tokenizes prompts.

    Attributes:
        tokenizer: text to ids.
        audio_input: clip -> encoder input and number of audio tokens.
        context: longest prompt with its answer, in tokens.
        max_clip_number: later clips get this number; 0: clips are not numbered.
    """

    tokenizer: TextTokenizer
    audio_input: Callable[[Clip], AudioInput]
    context: int
    max_clip_number: int = 0

    @property
    def control_tokens(self) -> frozenset[str]:
        """Tokens, as text, that only the format of prompts writes."""
        return frozenset(SPECIAL_TOKENS)

    def tokenize(
        self,
        prompt: Prompt,
        answer: str | None = None,
        audio_inputs: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """Tokenize `prompt`, followed by `answer`.

        Args:
            prompt: text and clips in any order; `ClipText` replaces a clip.
            answer: the target answer, if there is one.
            audio_inputs: used instead of `self.audio_input` (augmented features).

        Raises:
            ModelError: more tokens than the context of the language model, or a clip too long.
            AudioError: a clip that cannot be loaded.
        """
        tokenizer = self.tokenizer
        ids = [tokenizer.bos, *(tokenizer.encode(prompt.system) if prompt.system else ())]
        clip_numbers = [0] * len(ids)
        inputs: list[AudioInput] = []
        number = 0
        for part in prompt.parts:
            if isinstance(part, Earlier):  # as in `tokenize_turns`
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
        return self._followed(ids, clip_numbers, inputs, answer, prompt.item_id)

    def tokenize_turns(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[str],
        audio_inputs: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """Several questions about the same clips as one tokenized prompt: clips are encoded once.

        The first prompt is tokenized in full, of the others the question only. Meant for prompts
        with the clips first: then the first question has the ids it has alone.

        Raises:
            ModelError: more tokens than the context of the language model.
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
            tokenized.item,
        )

    def _followed(
        self,
        ids: Sequence[int],
        clip_numbers: Sequence[int],
        inputs: Sequence[AudioInput],
        answer: str | None,
        item: str,
    ) -> TokenizedPrompt:
        """The prompt, followed by `answer` and the end token if there is one."""
        tokenizer = self.tokenizer
        answer_ids = [] if answer is None else [*tokenizer.encode(answer), tokenizer.eos]
        self._check(len(ids) + len(answer_ids))
        return TokenizedPrompt(
            (*ids, *answer_ids),
            tuple(clip_numbers),
            tuple(inputs),
            len(answer_ids),
            item=item,
        )

    def _check(self, length: int) -> None:
        if length > self.context:
            raise ModelError(
                f"the prompt is {length} tokens long, the context of the language model is "
                f"{self.context}",
                hint="Use fewer or shorter clips.",
            )


@dataclass(frozen=True, slots=True, eq=False)
class TokenizedBatch:
    """Tokenized prompts as tensors, padded on one side.

    Attributes:
        ids: (B, L) token ids.
        clip_numbers: (B, L) clip numbers.
        mask: (B, L) False at padding.
        audio: (M,) flat positions b * L + l of the placeholders, row by row.
        audio_inputs: the clips in the same order.
    """

    ids: Tensor
    clip_numbers: Tensor
    mask: Tensor
    audio: Tensor
    audio_inputs: tuple[AudioInput, ...]


def collate(
    prompts: Sequence[TokenizedPrompt], tokenizer: TextTokenizer, *, left: bool = False
) -> TokenizedBatch:
    """Pad `prompts`; on the left for generation, so that all continue at the same column."""
    length = max(len(tokenized.ids) for tokenized in prompts)
    ids = np.full((len(prompts), length), tokenizer.pad, np.int64)
    clip_numbers = np.zeros((len(prompts), length), np.int64)
    mask = np.zeros((len(prompts), length), bool)
    for row, tokenized in enumerate(prompts):
        start = length - len(tokenized.ids) if left else 0
        ids[row, start : start + len(tokenized.ids)] = tokenized.ids
        clip_numbers[row, start : start + len(tokenized.clip_numbers)] = tokenized.clip_numbers
        mask[row, start : start + len(tokenized.ids)] = True
    audio = np.flatnonzero(ids == tokenizer.audio)
    return TokenizedBatch(
        torch.from_numpy(ids),
        torch.from_numpy(clip_numbers),
        torch.from_numpy(mask),
        torch.from_numpy(audio),
        tuple(audio_input for tokenized in prompts for audio_input in tokenized.audio_inputs),
    )


def undropped(audio_inputs: Sequence[AudioInput]) -> Tensor | None:
    """(M,) for each audio token of these clips, False where it is dropped; None: none is."""
    if not any(audio_input.dropped for audio_input in audio_inputs):
        return None
    parts = []
    for audio_input in audio_inputs:
        kept = torch.ones(audio_input.tokens, dtype=torch.bool)
        kept[list(audio_input.dropped)] = False
        parts.append(kept)
    return torch.cat(parts)
