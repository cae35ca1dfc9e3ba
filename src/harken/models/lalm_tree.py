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

from harken.models.lalm_batch import Line, Sound, prove
from harken.models.tokenizer import Coder

Ints = npt.NDArray[np.int64]

MOST = 2048
"""Tokens of a tree behind its first line: what is read of a mask grows with their square."""

_SOUND = 1 << 40  # codes from here on are sounds and not tokens


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
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

    line: Line
    twig: Ints
    depth: Ints
    reads: npt.NDArray[np.bool_]
    trunk: int
    rows: tuple[int, ...]
    paths: tuple[Ints, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """A line and what is read behind it, as codes that are equal where tokens and sounds are."""

    number: int
    line: Line
    codes: Ints
    places: Ints
    starts: tuple[int, ...]
    key: bytes


def plant(
    lines: Sequence[tuple[Line, Sequence[int]]], coder: Coder, *, apart: bool = False
) -> list[Tree]:
    """Trees of `lines`: two stand in one tree if a third or more of one is the other's beginning.

    Lines with and without clips stand apart: some models read the two differently.

    Args:
        lines: each with the tokens that are read behind it (without the last one said).
        coder: knows the placeholder.
        apart: only what is read behind one and the same line stands in one tree.

    Raises:
        ModelError: a line's placeholders are not as many as its sounds' tokens.
    """
    rows = sorted(_rows(lines, coder), key=lambda row: row.key)
    trees: list[Tree] = []
    group: list[_Row] = []
    grown = 0
    for row in rows:
        shared = _alike(group[-1].codes, row.codes) if group else 0
        grown += len(row.codes) - shared
        if group and (
            _strange(group[-1].line, row.line, apart) or 3 * shared < len(row.codes) or grown > MOST
        ):
            trees.append(_grow(group, coder))
            group = []
        if not group:
            grown = 0
        group.append(row)
    if group:
        trees.append(_grow(group, coder))
    return trees


def _strange(one: Line, other: Line, apart: bool) -> bool:
    """Whether two lines must not stand in one tree, however alike they begin."""
    return one is not other and (apart or bool(one.sounds) != bool(other.sounds))


def _rows(lines: Sequence[tuple[Line, Sequence[int]]], coder: Coder) -> list[_Row]:
    """All lines as codes; those of one Line object are worked out once."""
    names: dict[Any, int] = {}
    known: dict[int, tuple[Ints, Ints, tuple[int, ...]]] = {}
    rows = []
    for number, (line, behind) in enumerate(lines):
        if id(line) not in known:
            known[id(line)] = _codes(line, coder, names)
        codes, places, starts = known[id(line)]
        if behind:
            codes = np.concatenate([codes, np.array(behind, np.int64)])
            places = np.concatenate([places, np.zeros(len(behind), np.int64)])
        rows.append(_Row(number, line, codes, places, starts, codes.astype(">i8").tobytes()))
    return rows


def _codes(line: Line, coder: Coder, names: dict[Any, int]) -> tuple[Ints, Ints, tuple[int, ...]]:
    """Codes (n,) and clip numbers (n,) of a line, and where its sounds begin."""
    prove([line], [sound.tokens for sound in line.sounds], coder)
    codes = np.array(line.ids, np.int64)
    places = np.zeros(len(codes), np.int64)
    places[: len(line.places)] = line.places
    here = np.flatnonzero(codes == coder.audio)
    numbers = [names.setdefault(sound.key or id(sound), len(names)) for sound in line.sounds]
    sizes = [sound.tokens for sound in line.sounds]
    codes[here] = np.repeat(np.array(numbers, np.int64) + _SOUND, sizes)
    begins = np.cumsum([0, *sizes[:-1]]) if sizes else np.zeros(0, np.int64)
    return codes, places, tuple(int(here[at]) for at in begins)


def _alike(one: Ints, other: Ints) -> int:
    """How many codes two lines begin with in common."""
    size = min(len(one), len(other))
    odd = one[:size] != other[:size]
    return int(odd.argmax()) if odd.any() else size


def _grow(group: Sequence[_Row], coder: Coder) -> Tree:
    """One tree of rows sorted by their codes."""
    tokens: list[Ints] = []
    places: list[Ints] = []
    depth: list[Ints] = []
    sizes: list[int] = []
    above: list[list[int]] = []  # twig -> the twigs it reads, itself included
    sounds: list[Sound] = []
    paths: dict[int, Ints] = {}
    todo: list[tuple[int, int, int, int, Ints]] = [(0, len(group), 0, -1, np.zeros(0, np.int64))]
    while todo:
        low, high, at, parent, path = todo.pop()
        row = group[low]
        end = _alike(row.codes, group[high - 1].codes)
        start = sum(sizes)
        tokens.append(row.codes[at:end])
        places.append(row.places[at:end])
        depth.append(np.arange(at, end))
        above.append([*(above[parent] if parent >= 0 else ()), len(sizes)])
        sizes.append(end - at)
        heard = slice(bisect_left(row.starts, at), bisect_left(row.starts, end))
        sounds += row.line.sounds[heard]
        path = np.concatenate([path, np.arange(start, start + end - at)])
        while low < high and len(group[low].codes) == end:  # sorted, so the short ones come first
            paths[low] = path
            low += 1
        branches = _split(group, low, high, end)
        todo += [(a, b, end, len(sizes) - 1, path) for a, b in reversed(branches)]
    codes, spots = np.concatenate(tokens), np.concatenate(places)
    ids = np.where(codes >= _SOUND, coder.audio, codes)
    reads = np.zeros((len(sizes), len(sizes)), np.bool_)
    for twig, upward in enumerate(above):
        reads[twig, upward] = True
    return Tree(
        line=Line(tuple(ids.tolist()), tuple(spots.tolist()), tuple(sounds)),
        twig=np.repeat(np.arange(len(sizes)), sizes),
        depth=np.concatenate(depth),
        reads=reads,
        trunk=min(sizes[0], *(len(row.line.ids) - 1 for row in group)),
        rows=tuple(row.number for row in group),
        paths=tuple(paths[i] for i in range(len(group))),
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
