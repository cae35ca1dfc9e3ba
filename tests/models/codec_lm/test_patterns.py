"""Code patterns: rows by hand, the way back for every size, and what a step may say."""

from __future__ import annotations

import numpy as np
import pytest

from harken.errors import ConfigError
from harken.models.codec_lm.patterns import PATTERNS, code_pattern

N = 10
CODES = np.array([[1, 2, 3], [4, 5, 6]])


def test_the_rows_of_two_frames_by_hand() -> None:
    flat = code_pattern("flattened", 3, 10)
    assert flat.write(CODES)[:, 0].tolist() == [1, 12, 23, 4, 15, 26, 30]
    late = code_pattern("delayed", 3, 10)
    assert late.write(CODES).tolist() == [[1, N, N], [4, 2, N], [N, 5, 3], [N, N, 6]]
    assert late.write(CODES, ended=False).tolist() == [[1, N, N], [4, 2, N]]
    beside = code_pattern("parallel", 3, 10)
    assert beside.write(CODES).tolist() == [[1, 2, 3], [4, 5, 6], [N, N, N]]


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("codebooks", [1, 2, 3, 8])
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_what_was_written_is_read(name: str, codebooks: int, frames: int) -> None:
    rng = np.random.default_rng(frames)
    pattern = code_pattern(name, codebooks, 7)
    codes = rng.integers(0, 7, (frames, codebooks))
    rows = pattern.write(codes)
    assert rows.shape[1] == pattern.streams and rows.max() == pattern.none
    assert np.array_equal(pattern.read(rows), codes)
    # Everything but N is said freely, and the end once: one code for each of the codes.
    assert pattern.drawn(rows).sum() == codes.size + 1
    # A prefix gives a prefix: what was played while it was written stays so.
    before = 0
    for length in range(len(rows) + 1):
        part = pattern.read(rows[:length])
        assert np.array_equal(part, codes[: len(part)]) and len(part) >= before
        before = len(part)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("codebooks", [1, 2, 4])
def test_rows_obey_what_a_step_may_say(name: str, codebooks: int) -> None:
    pattern = code_pattern(name, codebooks, 5)
    rows = pattern.write(np.random.default_rng(0).integers(0, 5, (6, codebooks)))
    end = -1
    for step, row in enumerate(rows):
        if end < 0 and row[0] == pattern.none:
            end = step
        free = ~pattern.silent(step, end)
        said = np.flatnonzero(free)
        assert (row[~free] == pattern.none).all()
        assert all(pattern.legal(step)[k, row[k]] for k in said if step != end or k)
        assert pattern.over(step, end) == (step == len(rows) - 1)
    assert pattern.frame_of(end) == 6 and pattern.frame_of(0) == 0
    assert pattern.legal(end)[0, pattern.none] and not pattern.legal(0)[0, pattern.none]


def test_an_unfinished_sound_keeps_its_prefix() -> None:
    for name in PATTERNS:
        pattern = code_pattern(name, 3, 10)
        rows = pattern.write(CODES, ended=False)
        assert pattern._end(rows) == -1
        assert np.array_equal(rows, pattern.write(CODES)[: len(rows)])


def test_codes_that_cannot_be_written_are_told() -> None:
    with pytest.raises(ConfigError, match="transpose"):
        code_pattern("delayed", 2, 10).write(CODES)
    with pytest.raises(ConfigError, match="outside 0 to 4"):
        code_pattern("delayed", 3, 5).write(CODES)
    with pytest.raises(ConfigError, match="Did you mean delayed or flattened"):
        code_pattern("interleaved", 3, 5)
