"""Prompt trees: prompts with shared prefixes as one sequence in which each prefix occurs once.

The rotations of a question share its clips and its text, the choices of a rotation share the whole
prompt, and questions about the same clips share the clips. The sequence is made of the segments
between two branching points, one after the other::

    <bos> <a> audio … </a> question | A. dog B. cat <answer> | A | B | A. cat B. dog <answer> | A …
    `------- shared prefix -------'

A token attends to the segments on its own path only, with the position id it would have alone. So a
forward pass over the tree gives the results of one pass for each prompt (tree attention: SpecInfer,
Miao et al. 2024, arXiv 2305.09781).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.models.engine.batch import AudioInput, TokenizedPrompt
from harken.models.engine.proof import check_placeholders
from harken.models.engine.tokenizer import TextTokenizer

Ints = npt.NDArray[np.int64]

MAX_TOKENS = 2048
"""Tokens of a tree after its first prompt: the mask grows with their square."""

_CLIP = 1 << 40  # codes from here on are clips and not token ids


@dataclass(frozen=True, slots=True, eq=False)
class PromptTree:
    """Several prompts as one sequence of L tokens in S segments.

    Attributes:
        prompt: all tokens, every segment after its parents, and the clips in order.
        segment: (L,) segment of each token.
        positions: (L,) position id of each token in its own prompt.
        attends: (S, S) whether tokens of one segment (row) attend to those of another.
        shared_prefix: number of leading tokens that are in every prompt and last in none.
        rows: indices of the prompts.
        paths: for each of `rows` the indices (n,) of its tokens.
    """

    prompt: TokenizedPrompt
    segment: Ints
    positions: Ints
    attends: npt.NDArray[np.bool_]
    shared_prefix: int
    rows: tuple[int, ...]
    paths: tuple[Ints, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A prompt with the answers that follow it.

    Attributes:
        codes: (n,) equal where the token ids and clips are.
        starts: where its clips begin.
        key: `codes` as bytes, for sorting.
        answers: index and token ids of each.
        size: tokens of all answers.
    """

    prompt: TokenizedPrompt
    codes: Ints
    clip_numbers: Ints
    starts: tuple[int, ...]
    key: bytes
    answers: list[tuple[int, Sequence[int]]]
    size: int


def build_trees(
    prompts: Sequence[tuple[TokenizedPrompt, Sequence[int]]],
    tokenizer: TextTokenizer,
    *,
    separate: bool = False,
) -> list[PromptTree]:
    """Trees of `prompts`: two are in one tree if at least a third of one is a prefix of the other.

    Prompts with and without clips are in separate trees: some models treat the two differently.

    Args:
        prompts: each with the answer ids that follow it (without the last one).
        tokenizer: has the placeholder's id.
        separate: a tree holds one prompt only, with its answers.

    Raises:
        ModelError: the placeholders of a prompt are not as many as its audio tokens.
    """
    rows = sorted(_rows(prompts, tokenizer), key=lambda row: row.key)
    trees: list[PromptTree] = []
    group: list[_Row] = []
    added = 0
    for row in rows:
        shared = _common_prefix(group[-1].codes, row.codes) if group else 0
        added += len(row.codes) - shared + row.size
        if group and (
            _must_separate(group[-1].prompt, row.prompt, separate)
            or 3 * shared < len(row.codes)
            or added > MAX_TOKENS
        ):
            trees.append(_build(group, tokenizer))
            group = []
        if not group:
            added = row.size
        group.append(row)
    if group:
        trees.append(_build(group, tokenizer))
    return trees


def _must_separate(one: TokenizedPrompt, other: TokenizedPrompt, separate: bool) -> bool:
    """Whether two prompts must not be in one tree, whatever their shared prefix."""
    return one is not other and (separate or bool(one.audio_inputs) != bool(other.audio_inputs))


def _rows(
    prompts: Sequence[tuple[TokenizedPrompt, Sequence[int]]], tokenizer: TextTokenizer
) -> list[_Row]:
    """A row for each `TokenizedPrompt` object; several if its answers have too many tokens."""
    names: dict[Any, int] = {}
    parts: dict[int, list[list[tuple[int, Sequence[int]]]]] = {}
    left: dict[int, int] = {}
    for number, (prompt, answer) in enumerate(prompts):
        own = parts.setdefault(id(prompt), [])
        if not own or len(answer) > left[id(prompt)]:
            own.append([])
            left[id(prompt)] = MAX_TOKENS
        own[-1].append((number, answer))
        left[id(prompt)] -= len(answer)
    rows = []
    for prompt in {id(prompt): prompt for prompt, _ in prompts}.values():
        codes, clip_numbers, starts = _codes(prompt, tokenizer, names)
        key = codes.astype(">i8").tobytes()
        for part in parts[id(prompt)]:
            size = sum(len(answer) for _, answer in part)
            rows.append(_Row(prompt, codes, clip_numbers, starts, key, part, size))
    return rows


def _codes(
    prompt: TokenizedPrompt, tokenizer: TextTokenizer, names: dict[Any, int]
) -> tuple[Ints, Ints, tuple[int, ...]]:
    """Codes (n,) and clip numbers (n,) of a prompt, and where its clips begin."""
    check_placeholders(
        [prompt], [audio_input.tokens for audio_input in prompt.audio_inputs], tokenizer
    )
    codes = np.array(prompt.ids, np.int64)
    clip_numbers = np.zeros(len(codes), np.int64)
    clip_numbers[: len(prompt.clip_numbers)] = prompt.clip_numbers
    here = np.flatnonzero(codes == tokenizer.audio)
    numbers = [
        names.setdefault(audio_input.key or id(audio_input), len(names))
        for audio_input in prompt.audio_inputs
    ]
    sizes = [audio_input.tokens for audio_input in prompt.audio_inputs]
    codes[here] = np.repeat(np.array(numbers, np.int64) + _CLIP, sizes)
    begins = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, np.int64)
    return codes, clip_numbers, tuple(int(here[at]) for at in begins)


def _common_prefix(one: Ints, other: Ints) -> int:
    """Length of the common prefix of two sequences of codes."""
    size = min(len(one), len(other))
    different = one[:size] != other[:size]
    return int(different.argmax()) if different.any() else size


class _TreeBuilder:
    """A tree under construction, segment by segment."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.clip_numbers: list[int] = []
        self.positions: list[int] = []
        self.segment: list[int] = []
        self.ancestors: list[list[int]] = []  # of each segment, itself included
        self.audio_inputs: list[AudioInput] = []
        self.paths: dict[int, Ints] = {}

    def add_segment(self, codes: list[int], clip_numbers: list[int], at: int, parent: int) -> int:
        """Add a segment whose first token has position id `at`; returns its number."""
        number = len(self.ancestors)
        self.ancestors.append([*(self.ancestors[parent] if parent >= 0 else ()), number])
        self.codes += codes
        self.clip_numbers += clip_numbers
        self.positions += range(at, at + len(codes))
        self.segment += [number] * len(codes)
        return number

    def add_answer(
        self,
        segment: int,
        path: Ints,
        answer: Sequence[int],
        children: dict[Any, tuple[int, int]],
    ) -> Ints:
        """Add an answer after a prompt; returns the path of both.

        Args:
            segment: the prompt's last.
            path: the prompt's.
            answer: token ids.
            children: (index of the token before, token) -> index and segment of a token that is in
                the tree after this prompt.
        """
        before, indices = -1, []
        for step, token in enumerate(answer):
            if (before, token) not in children:
                index = len(self.codes)
                children[before, token] = (
                    index,
                    self.add_segment([token], [0], len(path) + step, segment),
                )
            before, segment = children[before, token]
            indices.append(before)
        return np.concatenate([path, np.array(indices, np.int64)]) if indices else path


def _build(group: Sequence[_Row], tokenizer: TextTokenizer) -> PromptTree:
    """One tree of rows sorted by their codes."""
    tree = _TreeBuilder()
    todo: list[tuple[int, int, int, int, Ints]] = [(0, len(group), 0, -1, np.zeros(0, np.int64))]
    root = 0
    while todo:
        low, high, at, parent, path = todo.pop()
        row = group[low]
        end = _common_prefix(row.codes, group[high - 1].codes)
        root = root or end
        path = np.concatenate([path, np.arange(len(tree.codes), len(tree.codes) + end - at)])
        segment = tree.add_segment(
            row.codes[at:end].tolist(), row.clip_numbers[at:end].tolist(), at, parent
        )
        tree.audio_inputs += row.prompt.audio_inputs[
            bisect_left(row.starts, at) : bisect_left(row.starts, end)
        ]
        children: dict[Any, tuple[int, int]] = {}
        while low < high and len(group[low].codes) == end:  # sorted, so the short ones come first
            for number, answer in group[low].answers:
                tree.paths[number] = tree.add_answer(segment, path, answer, children)
            low += 1
        branches = _split(group, low, high, end)
        todo += [(a, b, end, segment, path) for a, b in reversed(branches)]
    codes = np.array(tree.codes, np.int64)
    attends = np.zeros((len(tree.ancestors), len(tree.ancestors)), np.bool_)
    for number, ancestors in enumerate(tree.ancestors):
        attends[number, ancestors] = True
    ids = np.where(codes >= _CLIP, tokenizer.audio, codes).tolist()
    return PromptTree(
        prompt=TokenizedPrompt(tuple(ids), tuple(tree.clip_numbers), tuple(tree.audio_inputs)),
        segment=np.array(tree.segment, np.int64),
        positions=np.array(tree.positions, np.int64),
        attends=attends,
        shared_prefix=min(root, *(len(row.codes) - 1 for row in group)),
        rows=tuple(tree.paths),
        paths=tuple(tree.paths.values()),
    )


def _split(group: Sequence[_Row], low: int, high: int, at: int) -> list[tuple[int, int]]:
    """Rows ``low..high`` grouped by their code at `at`."""
    parts: list[tuple[int, int]] = []
    for i in range(low, high):
        if parts and group[i].codes[at] == group[i - 1].codes[at]:
            parts[-1] = parts[-1][0], i + 1
        else:
            parts.append((i, i + 1))
    return parts
