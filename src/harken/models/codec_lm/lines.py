"""Lines of a codec language model: text, codes and text after each other; batches and likelihoods.

Three kinds of lines, with the special tokens of `TextTokenizer`::

    speak        <bos> voice: text <a> rows                  codes from text
    continue     <bos> <a> rows                              codes alone
    transcribe   <bos> <a> rows </a> <answer> text <eos>     text from codes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from harken.models.codec_lm.net import CodecLMNet, Positions
from harken.models.codec_lm.patterns import CodePattern, Ints
from harken.models.engine.tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One sequence.

    Attributes:
        before: text tokens before the rows.
        rows: int64 (n, streams).
        after: text tokens after the rows.
        prompt: how many of `after` are given, and not predicted.
    """

    before: tuple[int, ...]
    rows: Ints
    after: tuple[int, ...] = ()
    prompt: int = 0

    def __len__(self) -> int:
        """Number of positions."""
        return len(self.before) + len(self.rows) + len(self.after)


def speak_line(tokenizer: TextTokenizer, rows: Ints, text: str = "", voice: str = "") -> Line:
    """Rows after a text said by a voice; without both, rows alone."""
    told = f"{voice}: {text}" if voice else text
    words = tokenizer.encode(told) if told else ()
    return Line((tokenizer.bos, *words, tokenizer.clip_begin), rows)


def transcribe_line(tokenizer: TextTokenizer, rows: Ints, text: str | None = None) -> Line:
    """The text after rows; None: a prompt, after which it is to be written."""
    head = (tokenizer.clip_end, tokenizer.answer)
    tail = () if text is None else (*tokenizer.encode(text), tokenizer.eos)
    return Line((tokenizer.bos, tokenizer.clip_begin), rows, (*head, *tail), len(head))


def batch_of(lines: Sequence[Line], streams: int, *, left: bool = False) -> Positions:
    """Lines as one batch, padded on the right, or on the `left` for generation."""
    shape = (len(lines), max(map(len, lines)))
    text = np.zeros(shape, np.int64)
    rows = np.zeros((*shape, streams), np.int64)
    audio, mask = np.zeros(shape, bool), np.zeros(shape, bool)
    for number, line in enumerate(lines):
        first = shape[1] - len(line) if left else 0
        begin = first + len(line.before)
        end = begin + len(line.rows)
        text[number, first:begin] = line.before
        rows[number, begin:end] = line.rows
        text[number, end : first + len(line)] = line.after
        audio[number, begin:end] = True
        mask[number, first : first + len(line)] = True
    return Positions(*map(torch.from_numpy, (text, rows, audio, mask)))


@dataclass(frozen=True, slots=True, eq=False)
class LineScores:
    """Natural-log probabilities of what the lines of a batch say.

    Attributes:
        codes: (N,), of every code and end that is drawn (`CodePattern.drawn`), line by line.
        code_line: int64 (N,), the line of each; `book`: int64 (N,), its codebook.
        text: (M,), of every predicted text token.
        text_line: int64 (M,), the line of each.
    """

    codes: Tensor
    code_line: Tensor
    book: Tensor
    text: Tensor
    text_line: Tensor


def score_lines(
    net: CodecLMNet, pattern: CodePattern, lines: Sequence[Line], *, codes: Sequence[bool] = ()
) -> LineScores:
    """The log-probabilities of lines, over the values that a step may have; differentiable.

    Args:
        net: of the model.
        pattern: of its rows.
        lines: not empty.
        codes: whether the rows of each line are scored; default: of all.
    """
    hidden = net(batch_of(lines, pattern.streams)).last_hidden_state
    wanted = [True] * len(lines) if not codes else list(codes)
    places, steps = [], list[int]()
    said = [np.zeros((0, pattern.streams), np.int64)]
    text_places, targets = [], list[int]()
    drawn = [np.zeros((0, pattern.streams), bool)]
    for number, line in enumerate(lines):
        first = len(line.before) - 1  # the position that predicts row 0
        if wanted[number]:
            places += [(number, first + step) for step in range(len(line.rows))]
            steps += range(len(line.rows))
            said.append(line.rows)
            drawn.append(pattern.drawn(line.rows))
        last = first + len(line.rows)  # the position of the last row
        text_places += [(number, last + i) for i in range(line.prompt, len(line.after))]
        targets += line.after[line.prompt :]
    at = torch.tensor(places, dtype=torch.int64).reshape(-1, 2)
    kept, values = torch.from_numpy(np.concatenate(drawn)), torch.from_numpy(np.concatenate(said))
    logits = legal_logits(net.code_logits(hidden[at[:, 0], at[:, 1]]), pattern, steps)
    # Streams that are silent have no legal value that is theirs: they are left out before.
    logs = logits.log_softmax(-1)[kept].gather(1, values[kept][:, None])[:, 0]
    there = torch.tensor(text_places, dtype=torch.int64).reshape(-1, 2)
    words = net.text_logits(hidden[there[:, 0], there[:, 1]]).log_softmax(-1)
    line_of = at[:, :1].expand(kept.shape)[kept]
    return LineScores(
        logs,
        line_of,
        _books(pattern, steps)[kept],
        words.gather(1, torch.tensor(targets, dtype=torch.int64)[:, None])[:, 0],
        there[:, 0],
    )


def legal_logits(logits: Tensor, pattern: CodePattern, steps: Sequence[int]) -> Tensor:
    """`logits` (N, S, entries) with -inf for what the steps (N,) may not say."""
    known = {step: pattern.legal(step) for step in dict.fromkeys(steps)}
    if not known:
        return logits
    legal = torch.from_numpy(np.stack([known[step] for step in steps]))
    return logits.float().masked_fill(~legal, -torch.inf)


def _books(pattern: CodePattern, steps: Sequence[int]) -> Tensor:
    """The codebook (N, S) that each stream says in each step."""
    at = torch.tensor(list(steps), dtype=torch.int64)[:, None]
    if pattern.streams == 1:
        return at % pattern.codebooks
    return torch.arange(pattern.streams)[None].expand(len(at), pattern.streams)
