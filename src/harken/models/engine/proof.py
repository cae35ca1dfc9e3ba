"""Proofs of a batch: the audio of every prompt is where its prompt has it, and the loss is not.

Each check raises a ModelError with the item, the clip and the numbers. They cost no forward pass.
What they find has happened in other trainers without a word: placeholders that carry a loss, counts
that are wrong in two clips and right in their sum, clips of two rows exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from harken.errors import ModelError
from harken.models.engine.batch import AudioInput, TokenizedBatch, TokenizedPrompt
from harken.models.engine.tokenizer import TextTokenizer

_REPORT = "The encoder's frame count is wrong for this clip: report its length."


def place(prompts: Sequence[TokenizedPrompt], row: int) -> str:
    """Where a fault is: ``row 1``, with the item's id where the prompt has one."""
    item = prompts[row].item
    return f"row {row} (item {item})" if item else f"row {row}"


def clip_place(prompts: Sequence[TokenizedPrompt], row: int, number: int) -> str:
    """Where a fault is: `place`, number and name of the clip."""
    inputs = prompts[row].audio_inputs
    name = f" ({inputs[number].name})" if inputs[number].name else ""
    return f"{place(prompts, row)}, clip {number + 1} of {len(inputs)}{name},"


def check_placeholders(
    prompts: Sequence[TokenizedPrompt], frames: Sequence[int], tokenizer: TextTokenizer
) -> None:
    """Check that each clip of each prompt has one placeholder for each audio token.

    Args:
        prompts: the rows of a batch.
        frames: audio tokens of each clip, over all prompts in order.
        tokenizer: has the placeholder's id.

    Raises:
        ModelError: the numbers differ; the message has both, the row and the clip.
    """
    at = 0
    for row, tokenized in enumerate(prompts):
        given = frames[at : at + len(tokenized.audio_inputs)]
        at += len(tokenized.audio_inputs)
        if at > len(frames):
            break
        found, left = _placeholders(tokenized, tokenizer)
        for number, (count, tokens) in enumerate(zip(found, given, strict=True)):
            if count != tokens:
                raise ModelError(
                    f"{clip_place(prompts, row, number)} has {count} audio placeholders and the "
                    f"encoder gave {tokens} audio tokens",
                    hint=_REPORT,
                )
        if left:
            raise ModelError(
                f"{place(prompts, row)} has {left} audio placeholders more than audio tokens, for "
                f"its {len(given)} clips",
                hint=_REPORT,
            )
    if at != len(frames):
        clips = sum(len(tokenized.audio_inputs) for tokenized in prompts)
        raise ModelError(f"the prompts have {clips} clips and the encoder gave {len(frames)}")


def _placeholders(tokenized: TokenizedPrompt, tokenizer: TextTokenizer) -> tuple[list[int], int]:
    """Placeholders of each clip, and how many belong to none.

    The placeholders of a clip are in one run. Where there are as many runs as clips, run k is clip
    k; in other prompts clips follow each other without a token between them, and each takes as
    many as it has audio tokens.
    """
    is_audio = np.array([0, *(i == tokenizer.audio for i in tokenized.ids), 0])
    edges = np.flatnonzero(np.diff(is_audio))
    runs = (edges[1::2] - edges[::2]).tolist()
    sizes = [audio_input.tokens for audio_input in tokenized.audio_inputs]
    if len(runs) == len(sizes):
        return runs, 0
    found = []
    for size in sizes:
        if runs and not runs[0]:
            runs.pop(0)
        taken = min(size, runs[0]) if runs else 0
        found.append(taken)
        if runs:
            runs[0] -= taken
    return found, sum(runs)


def check_clips(batch: TokenizedBatch, prompts: Sequence[TokenizedPrompt]) -> None:
    """Check that the clips of `batch` are those of its prompts, in their order.

    Raises:
        ModelError: a clip of another row or item, or clips left over.
    """
    at = 0
    for row, tokenized in enumerate(prompts):
        own = batch.audio_inputs[at : at + len(tokenized.audio_inputs)]
        at += len(tokenized.audio_inputs)
        for number, (mine, theirs) in enumerate(zip(tokenized.audio_inputs, own, strict=False)):
            if mine is not theirs:
                raise ModelError(
                    f"{clip_place(prompts, row, number)} is encoded from another clip"
                    + (f" ({theirs.name})" if theirs.name else "")
                )
    if at != len(batch.audio_inputs):
        raise ModelError(f"the prompts have {at} clips and the batch has {len(batch.audio_inputs)}")


def check_keys(audio_inputs: Sequence[AudioInput]) -> None:
    """Check that clips with one key are one sound: each key is encoded once.

    Features that are computed later are compared by their number of tokens only.

    Raises:
        ModelError: two clips with the same key differ.
    """
    first: dict[str, AudioInput] = {}
    for one in audio_inputs:
        other = first.setdefault(one.key, one) if one.key else one
        if other is one or one.given is other.given:
            continue
        if one.tokens != other.tokens or not _may_be_equal(one, other):
            names = [x.name or "a clip" for x in (other, one)]
            raise ModelError(
                f"two clips have the key {one.key} and are different sounds: {names[0]} with "
                f"{other.tokens} audio tokens, {names[1]} with {one.tokens}",
                hint="Correct the sha256 of these clips: it is that of another file.",
            )


def _may_be_equal(one: AudioInput, other: AudioInput) -> bool:
    """Whether the features are equal, as far as both are computed."""
    if not (isinstance(one.given, np.ndarray) and isinstance(other.given, np.ndarray)):
        return True  # a function, or windows of a long clip, of which nothing is kept
    return np.array_equal(one.given, other.given)


def check_losses(prompts: Sequence[TokenizedPrompt], tokenizer: TextTokenizer) -> None:
    """Check that answers, and nothing else, carry a loss.

    Raises:
        ModelError: the loss would be on a placeholder, on the prompt, or outside the tokens.
    """
    for row, tokenized in enumerate(prompts):
        before = len(tokenized.clip_numbers)
        for start, end in tokenized.spans:
            where = f"{place(prompts, row)}: tokens {start} to {end}"
            if not 0 < start <= end <= len(tokenized.ids):
                raise ModelError(f"{where} would carry a loss, of {len(tokenized.ids)} tokens")
            if start < end and start < before:
                raise ModelError(
                    f"{where} would carry a loss, and the prompt ends at token {before}: "
                    f"{min(end, before) - start} tokens of the prompt are in the loss"
                )
            placeholders = tokenized.ids[start:end].count(tokenizer.audio)
            if placeholders:
                raise ModelError(
                    f"{where} would carry a loss, and {placeholders} of them are audio placeholders"
                )


def check_finite(tokens: Sequence[Tensor], prompts: Sequence[TokenizedPrompt]) -> None:
    """Check that every audio token is finite: the language model would make NaN of all its row.

    Args:
        tokens: audio tokens (n, width) of each clip, over all prompts in order.
        prompts: the rows.

    Raises:
        ModelError: one is not; the message names item and clip.
    """
    if not tokens or bool(torch.isfinite(torch.cat(list(tokens))).all()):
        return
    places = [(row, n) for row, one in enumerate(prompts) for n in range(len(one.audio_inputs))]
    for (row, number), own in zip(places, tokens, strict=True):
        bad = int((~torch.isfinite(own)).any(-1).sum())
        if bad:
            raise ModelError(
                f"{clip_place(prompts, row, number)} has {bad} of {len(own)} audio tokens that are "
                f"not finite, in {str(own.dtype).removeprefix('torch.')}",
                hint="Train in another dtype, or look at the weights of encoder and projector.",
            )
