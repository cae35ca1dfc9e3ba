"""Lines that begin alike as one tree: what they share stands there once.

The rotations of a question share its clips and its words, the choices of a rotation share the whole
prompt, and so do questions about the same clips. A tree lays the stretches between two branchings
(twigs) one behind the other::

    <bos> <a> audio … </a> question | A. dog B. cat <answer> | A | B | A. cat B. dog <answer> | A …
    `---------- trunk -----------'

A token reads the twigs it grows out of and nothing else, at the position it would have alone, so
that reading the tree gives what reading every line alone gives (tree attention: SpecInfer, Miao et
al. 2024, arXiv 2305.09781).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harken.models.engine.batch import AudioInput, TokenizedPrompt, check_placeholders
from harken.models.engine.tokenizer import TextTokenizer

Ints = npt.NDArray[np.int64]

MAX_TOKENS = 2048
"""Tokens of a tree behind its first line: what is read of a mask grows with their square."""

_SOUND = 1 << 40  # codes from here on are sounds and not tokens


@dataclass(frozen=True, slots=True, eq=False)
class PromptTree:
    """Some lines, each stretch that several share standing there once.

    Attributes:
        line: all tokens, a twig behind the twigs that it grows out of; the sounds in their order.
        twig: (L,) number of each token's twig.
        depth: (L,) position each token has in its own line.
        reads: (T, T) whether tokens of one twig (row) read those of another.
        trunk: tokens in front that every line reads and that are not the last of any prompt.
        rows: numbers of the lines.
        paths: for each of `rows` the places (n,) of its tokens.
    """

    prompt: TokenizedPrompt
    segment: Ints
    depth: Ints
    reads: npt.NDArray[np.bool_]
    trunk: int
    rows: tuple[int, ...]
    paths: tuple[Ints, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A line as codes that are equal where tokens and sounds are, and what is read behind it.

    Attributes:
        starts: where its sounds begin.
        behind: numbers, and the tokens read behind the line under each.
        size: tokens of all of them.
    """

    prompt: TokenizedPrompt
    codes: Ints
    clip_numbers: Ints
    starts: tuple[int, ...]
    key: bytes
    behind: list[tuple[int, Sequence[int]]]
    size: int


def build_trees(
    prompts: Sequence[tuple[TokenizedPrompt, Sequence[int]]],
    tokenizer: TextTokenizer,
    *,
    apart: bool = False,
) -> list[PromptTree]:
    """Trees of `prompts`: two stand in one tree if a third or more of one is the other's beginning.

    Lines with and without clips stand apart: some models read the two differently.

    Args:
        prompts: each with the tokens that are read behind it (without the last one said).
        tokenizer: knows the placeholder.
        apart: only what is read behind one and the same line stands in one tree.

    Raises:
        ModelError: a line's placeholders are not as many as its sounds' tokens.
    """
    rows = sorted(_rows(prompts, tokenizer), key=lambda row: row.key)
    trees: list[PromptTree] = []
    group: list[_Row] = []
    grown = 0
    for row in rows:
        shared = _common_prefix(group[-1].codes, row.codes) if group else 0
        grown += len(row.codes) - shared + row.size
        if group and (
            _kept_apart(group[-1].prompt, row.prompt, apart)
            or 3 * shared < len(row.codes)
            or grown > MAX_TOKENS
        ):
            trees.append(_build(group, tokenizer))
            group = []
        if not group:
            grown = row.size
        group.append(row)
    if group:
        trees.append(_build(group, tokenizer))
    return trees


def _kept_apart(one: TokenizedPrompt, other: TokenizedPrompt, apart: bool) -> bool:
    """Whether two lines must not stand in one tree, however alike they begin."""
    return one is not other and (apart or bool(one.audio_inputs) != bool(other.audio_inputs))


def _rows(
    prompts: Sequence[tuple[TokenizedPrompt, Sequence[int]]], tokenizer: TextTokenizer
) -> list[_Row]:
    """A row for each Line object; several if very much is read behind it."""
    names: dict[Any, int] = {}
    parts: dict[int, list[list[tuple[int, Sequence[int]]]]] = {}
    left: dict[int, int] = {}
    for number, (prompt, behind) in enumerate(prompts):
        mine = parts.setdefault(id(prompt), [])
        if not mine or len(behind) > left[id(prompt)]:
            mine.append([])
            left[id(prompt)] = MAX_TOKENS
        mine[-1].append((number, behind))
        left[id(prompt)] -= len(behind)
    rows = []
    for prompt in {id(prompt): prompt for prompt, _ in prompts}.values():
        codes, clip_numbers, starts = _codes(prompt, tokenizer, names)
        key = codes.astype(">i8").tobytes()
        for part in parts[id(prompt)]:
            size = sum(len(behind) for _, behind in part)
            rows.append(_Row(prompt, codes, clip_numbers, starts, key, part, size))
    return rows


def _codes(
    prompt: TokenizedPrompt, tokenizer: TextTokenizer, names: dict[Any, int]
) -> tuple[Ints, Ints, tuple[int, ...]]:
    """Codes (n,) and clip numbers (n,) of a line, and where its sounds begin."""
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
    codes[here] = np.repeat(np.array(numbers, np.int64) + _SOUND, sizes)
    begins = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, np.int64)
    return codes, clip_numbers, tuple(int(here[at]) for at in begins)


def _common_prefix(one: Ints, other: Ints) -> int:
    """How many codes two lines begin with in common."""
    size = min(len(one), len(other))
    odd = one[:size] != other[:size]
    return int(odd.argmax()) if odd.any() else size


class _TreeBuilder:
    """A tree being written, twig by twig."""

    def __init__(self) -> None:
        self.codes: list[int] = []
        self.clip_numbers: list[int] = []
        self.depth: list[int] = []
        self.segment: list[int] = []
        self.above: list[list[int]] = []  # twig -> the twigs it reads, itself included
        self.audio_inputs: list[AudioInput] = []
        self.paths: dict[int, Ints] = {}

    def add_segment(self, codes: list[int], clip_numbers: list[int], at: int, parent: int) -> int:
        """Add a twig whose first token stands at `at` in its line; returns its number."""
        number = len(self.above)
        self.above.append([*(self.above[parent] if parent >= 0 else ()), number])
        self.codes += codes
        self.clip_numbers += clip_numbers
        self.depth += range(at, at + len(codes))
        self.segment += [number] * len(codes)
        return number

    def add_answer(
        self,
        segment: int,
        path: Ints,
        behind: Sequence[int],
        cached_tokens: dict[Any, tuple[int, int]],
    ) -> Ints:
        """The path of what is read behind a line that ends with `segment`.

        Args:
            segment: the line's last.
            path: the line's.
            behind: the tokens.
            cached_tokens: (place, token) -> place and twig of what grows behind this line already.
        """
        before, spots = -1, []
        for step, token in enumerate(behind):
            if (before, token) not in cached_tokens:
                place = len(self.codes)
                cached_tokens[before, token] = (
                    place,
                    self.add_segment([token], [0], len(path) + step, segment),
                )
            before, segment = cached_tokens[before, token]
            spots.append(before)
        return np.concatenate([path, np.array(spots, np.int64)]) if spots else path


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
        cached_tokens: dict[Any, tuple[int, int]] = {}
        while low < high and len(group[low].codes) == end:  # sorted, so the short ones come first
            for number, behind in group[low].behind:
                tree.paths[number] = tree.add_answer(segment, path, behind, cached_tokens)
            low += 1
        branches = _split(group, low, high, end)
        todo += [(a, b, end, segment, path) for a, b in reversed(branches)]
    codes = np.array(tree.codes, np.int64)
    reads = np.zeros((len(tree.above), len(tree.above)), np.bool_)
    for number, upward in enumerate(tree.above):
        reads[number, upward] = True
    ids = np.where(codes >= _SOUND, tokenizer.audio, codes).tolist()
    return PromptTree(
        prompt=TokenizedPrompt(tuple(ids), tuple(tree.clip_numbers), tuple(tree.audio_inputs)),
        segment=np.array(tree.segment, np.int64),
        depth=np.array(tree.depth, np.int64),
        reads=reads,
        trunk=min(root, *(len(row.codes) - 1 for row in group)),
        rows=tuple(tree.paths),
        paths=tuple(tree.paths.values()),
    )


def _split(group: Sequence[_Row], low: int, high: int, at: int) -> list[tuple[int, int]]:
    """Rows ``low..high`` parted by their code at `at`."""
    parts: list[tuple[int, int]] = []
    for i in range(low, high):
        if parts and group[i].codes[at] == group[i - 1].codes[at]:
            parts[-1] = parts[-1][0], i + 1
        else:
            parts.append((i, i + 1))
    return parts
