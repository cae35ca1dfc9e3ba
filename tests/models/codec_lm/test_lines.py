"""Lines: their tokens, batches of any padding, and likelihoods that are those of sampling."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_codec_lm import tiny_codec_lm

from harken.models.codec_lm.lines import batch_of, legal_logits, score_lines
from harken.models.codec_lm.patterns import PATTERNS

CODES = np.random.default_rng(0).integers(0, 16, (4, 3))


def test_lines_have_the_text_before_or_after_the_codes(tmp_path: Path) -> None:
    model = tiny_codec_lm(tmp_path)
    tok, rows = model.tokenizer, model.pattern.write(CODES)
    line = model.speak_line(rows, "three", "ann")
    assert line.before == (tok.bos, *tok.encode("ann: three"), tok.clip_begin) and not line.after
    assert model.speak_line(rows).before == (tok.bos, tok.clip_begin)
    line = model.transcribe_line(rows, "three")
    assert line.after == (tok.clip_end, tok.answer, *tok.encode("three"), tok.eos)
    assert line.prompt == 2 and model.transcribe_line(rows).after == line.after[:2]


def test_a_batch_is_padded_where_asked(tmp_path: Path) -> None:
    model = tiny_codec_lm(tmp_path)
    rows = model.pattern.write(CODES)
    lines = [model.speak_line(rows, "three"), model.speak_line(rows[:1])]
    for left in (False, True):
        batch = batch_of(lines, 3, left=left)
        assert batch.audio.sum(1).tolist() == [len(rows), 1]
        assert batch.mask.sum(1).tolist() == [len(line) for line in lines]
        assert batch.mask[1, -1 if left else 0] and not batch.mask[1, 0 if left else -1]
        assert torch.equal(batch.rows[0][batch.audio[0]], torch.from_numpy(rows))


@pytest.mark.parametrize("pattern", PATTERNS)
def test_likelihoods_do_not_depend_on_the_batch(tmp_path: Path, pattern: str) -> None:
    model = tiny_codec_lm(tmp_path, pattern)
    rows = model.pattern.write(CODES)
    lines = [
        model.speak_line(rows, "three", "ann"),
        model.transcribe_line(model.pattern.write(CODES[:1]), "seven"),
        model.speak_line(rows[:2]),
    ]
    with torch.no_grad():
        together = score_lines(model.net, model.pattern, lines)
        for number, line in enumerate(lines):
            alone = score_lines(model.net, model.pattern, [line])
            own = together.codes[together.code_line == number]
            assert torch.allclose(own, alone.codes, atol=1e-5)
            assert torch.allclose(
                together.text[together.text_line == number], alone.text, atol=1e-5
            )
    # 12 codes and an end; each of the three codebooks, the end counted to the first.
    books = together.book[together.code_line == 0]
    assert books.bincount().tolist() == [5, 4, 4]
    assert torch.isfinite(together.codes).all() and (together.codes < 0).all()
    assert len(together.text) == len(model.tokenizer.encode("seven")) + 1


def test_codes_left_out_are_not_scored(tmp_path: Path) -> None:
    model = tiny_codec_lm(tmp_path)
    line = model.transcribe_line(model.pattern.write(CODES), "three")
    found = score_lines(model.net, model.pattern, [line], codes=[False])
    assert not len(found.codes) and len(found.text)


def test_what_a_step_may_not_say_has_no_probability(tmp_path: Path) -> None:
    pattern = tiny_codec_lm(tmp_path, "flattened").pattern
    logs = legal_logits(torch.zeros(3, 1, pattern.entries), pattern, [0, 1, 3]).log_softmax(-1)
    # Uniform over the 16 entries of the codebook; the end too where a frame may begin.
    assert logs[0, 0, 0].item() == pytest.approx(-math.log(16))
    assert logs[1, 0, 16].item() == pytest.approx(-math.log(16)) and logs[1, 0, 0] == -math.inf
    assert logs[2, 0, -1].item() == pytest.approx(-math.log(17))
