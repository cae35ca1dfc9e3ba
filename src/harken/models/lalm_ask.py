"""Asking the composed model: drawing replies, and the log-probabilities of given ones.

Everything here works on lines (`harken.models.lalm_batch`); `Voice` is the computing half of
`harken.models.lalm.Lalm`. Log-probabilities are natural logs, summed over the tokens of the answer
and its ``<eos>``: log p(answer) = sum_t log p(a_t | prompt, a_<t).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken.audio_decode import Lru
from harken.models.base import Sampling
from harken.models.lalm_batch import Line, Page, Sound, page, prove
from harken.models.lalm_parts import Net
from harken.models.tokenizer import Coder

TOKENS = 8192
"""Tokens (padding included) of one forward pass when the model is asked."""

_HEARD_BYTES = 64 << 20
_ATTENTION_ONLY = ("llama", "qwen2", "qwen3", "mistral")  # a mask alone decides what is read
_PLAIN_HEAD = (*_ATTENTION_ONLY, "lfm2")  # logits are the head's output and nothing else


def _by_mask(lm: Any) -> bool:
    """Whether a mask alone decides what is read; a model that knows says so itself."""
    usual = lm.config.model_type in _ATTENTION_ONLY
    return bool(
        getattr(lm, "by_mask", usual and not getattr(lm.config, "use_sliding_window", False))
    )


def _plain_head(lm: Any) -> bool:
    """Whether logits are the head's output and nothing else."""
    return bool(getattr(lm, "plain_head", lm.config.model_type in _PLAIN_HEAD))


@contextmanager
def asking(net: Net) -> Iterator[None]:
    """Evaluation mode for a block."""
    before = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(before)


@dataclass(frozen=True, slots=True)
class Said:
    """One drawn reply: its tokens as drawn (``<eos>`` included if it ended), and its text.

    A text can have many spellings in tokens; who teaches by a reply needs the one that was drawn.
    """

    ids: tuple[int, ...]
    text: str
    ended: bool


class Voice:
    """Computes with a net: embeddings with the audio put in, logits, replies."""

    def __init__(self, net: Net, coder: Coder, remember: int = _HEARD_BYTES) -> None:
        """Compute with `net`; the tokens of clips are kept in `remember` bytes."""
        self.net = net
        self.coder = coder
        self.audio: Tensor | None = None  # tokens of the last page's clips, for their gradient
        self._heard: Lru[Tensor] = Lru(remember)
        self._version = -1

    @property
    def device(self) -> torch.device:
        """Where the net is."""
        return self.net.ear.device

    def version(self) -> int:
        """A number that rises with every change of a weight in place."""
        tensors = [*self.net.parameters(), *self.net.buffers()]
        return sum(tensor._version for tensor in tensors)

    def forget(self) -> None:
        """Drop what is remembered of clips."""
        self._heard.clear()

    def answer_logits(self, lines: Sequence[Line]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, V), ids (N,) and row (N,) of every answer token of `lines`, in order."""
        sheet = page(lines, self.coder)
        hidden = self._read(sheet, lines)
        rows = np.repeat(np.arange(len(lines)), [line.answer_tokens for line in lines])
        spans = [span for line in lines for span in line.spans]
        columns = np.concatenate([np.arange(start, end) for start, end in spans])
        logits = self._logits(hidden, torch.from_numpy(rows), torch.from_numpy(columns - 1))
        ids = sheet.ids[rows, columns].to(self.device)
        return logits, ids, torch.from_numpy(rows).to(self.device)

    def token_logprobs(self, lines: Sequence[Line]) -> tuple[Tensor, Tensor]:
        """Log-probability (N,) of every answer token, and its row (N,)."""
        logits, ids, rows = self.answer_logits(lines)
        picked = logits.float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
        return picked, rows

    def logprobs(self, lines: Sequence[Line]) -> Tensor:
        """Summed answer log-probability of each line (B,)."""
        picked, rows = self.token_logprobs(lines)
        return torch.zeros(len(lines), device=self.device).index_add(0, rows, picked)

    def branches(self, line: Line, answers: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of each answer (ids, ``<eos>`` included) behind one prompt.

        The answers are branches of one line: each reads the prompt and itself, at the positions it
        would have alone, so the prompt is read once. Exact where attention is all there is;
        elsewhere each answer is read behind a copy of the prompt.
        """
        if not _by_mask(self.net.lm):
            copies = [
                Line((*line.ids, *ids), line.places, line.sounds, len(ids)) for ids in answers
            ]
            return [float(value) for value in self.logprobs(copies)]
        size = len(line.ids)
        tokens, branch, position, after = list(line.ids), [0] * size, list(range(size)), []
        for number, ids in enumerate(answers, 1):
            after += [size - 1, *range(len(tokens), len(tokens) + len(ids) - 1)]
            tokens += ids[:-1]
            branch += [number] * (len(ids) - 1)
            position += range(size, size + len(ids) - 1)
        whole = Line(tuple(tokens), line.places, line.sounds)
        sheet = page([whole], self.coder)
        side = torch.tensor(branch)
        reads = (side[None, :] == 0) | (side[None, :] == side[:, None])
        reads &= torch.ones(len(tokens), len(tokens), dtype=torch.bool).tril()
        mask = torch.zeros(reads.shape).masked_fill(~reads, torch.finfo(torch.float32).min)
        hidden = self._read(
            sheet,
            [whole],
            attention_mask=mask[None, None].to(self.device),
            position_ids=torch.tensor([position], device=self.device),
        )
        where = torch.tensor(after)
        logits = self._logits(hidden, torch.zeros_like(where), where)
        said = torch.tensor([i for ids in answers for i in ids], device=self.device)
        picked = logits.float().log_softmax(-1).gather(1, said[:, None])[:, 0]
        ends = np.cumsum([len(ids) for ids in answers])
        return [float(part.sum()) for part in torch.tensor_split(picked, ends[:-1].tolist())]

    @torch.no_grad()
    def reply(
        self, lines: Sequence[Line], sampling: Sampling, draws: Sequence[np.random.Generator]
    ) -> list[Said]:
        """Go on from each line until ``<eos>`` or `sampling.max_tokens`.

        Args:
            lines: prompts, without answers.
            sampling: temperature 0 is greedy; `top_k` 0 keeps all tokens.
            draws: one generator a line: a reply does not depend on what else is in the batch.
        """
        sheet = page(lines, self.coder, left=True)
        true = sheet.true.to(self.device)
        positions = (true.long().cumsum(1) - 1).clamp(min=0)
        out = self.net.lm(
            inputs_embeds=self._embed(sheet, lines),
            attention_mask=true.long(),
            position_ids=positions,
            use_cache=True,
            logits_to_keep=1,
        )
        said: list[list[int]] = [[] for _ in lines]
        ended = [False] * len(lines)
        position = positions[:, -1:]
        for _ in range(sampling.max_tokens):
            chosen = self._choose(out.logits[:, -1], sampling, draws, ended)
            for row, token in enumerate(chosen):
                if not ended[row]:
                    ended[row] = token in self.coder.ends
                    said[row] += [] if ended[row] else [token]
            if all(ended):
                break
            true = torch.cat([true, true.new_ones(len(lines), 1)], 1)
            position = position + 1
            out = self.net.lm(
                input_ids=torch.tensor(chosen, device=self.device)[:, None],
                attention_mask=true.long(),
                position_ids=position,
                past_key_values=out.past_key_values,
                use_cache=True,
                logits_to_keep=1,
            )
        return [
            Said((*ids, self.coder.eos) if end else tuple(ids), self.coder.decode(ids), end)
            for ids, end in zip(said, ended, strict=True)
        ]

    def _choose(
        self,
        logits: Tensor,
        sampling: Sampling,
        draws: Sequence[np.random.Generator],
        ended: Sequence[bool],
    ) -> list[int]:
        """The next token of every row; the audio placeholder is never one."""
        logits = logits.float().clone()
        logits[:, self.coder.audio] = -torch.inf
        if sampling.temperature <= 0:
            return [int(i) for i in logits.argmax(-1)]
        values = (logits / sampling.temperature).cpu().double().numpy()
        chosen = []
        for row, draw in enumerate(draws):
            if ended[row]:
                chosen.append(self.coder.eos)
                continue
            line = values[row]
            if 0 < sampling.top_k < len(line):
                line = np.where(line >= np.sort(line)[-sampling.top_k], line, -np.inf)
            powers = np.exp(line - line.max()).cumsum()
            chosen.append(int(np.searchsorted(powers, draw.random() * powers[-1], side="right")))
        return chosen

    def _read(self, sheet: Page, lines: Sequence[Line], **reading: Tensor) -> Tensor:
        """Last hidden states (B, L, width), or logits where the head is not a plain one.

        Lines are padded on the right and read from left to right, so padding needs no mask: nothing
        true comes after it.
        """
        embedded = self._embed(sheet, lines)
        lm: Any = self.net.lm
        if _plain_head(lm):
            decoder = lm.get_decoder()
            hidden: Tensor = decoder(
                inputs_embeds=embedded, use_cache=False, **reading
            ).last_hidden_state
            return hidden
        logits: Tensor = lm(inputs_embeds=embedded, use_cache=False, **reading).logits
        return logits

    def _logits(self, hidden: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Logits (N, V) at the given places of what `_read` gave."""
        lm: Any = self.net.lm
        picked = hidden[rows.to(hidden.device), columns.to(hidden.device)]
        if _plain_head(lm):
            logits: Tensor = lm.get_output_embeddings()(picked)
            return logits
        return picked

    def _embed(self, sheet: Page, lines: Sequence[Line]) -> Tensor:
        """Embeddings (B, L, width) with the clips' tokens in place of the placeholders."""
        lm: Any = self.net.lm
        embedded: Tensor = lm.get_input_embeddings()(sheet.ids.to(self.device))
        numbers = self._numbers()
        number = sheet.places.to(self.device)
        if numbers is not None and bool((sheet.places > 0).any()):
            embedded = embedded + numbers[number] * (number > 0)[..., None]
        heard = self._hear(sheet.sounds)
        prove(lines, [len(tokens) for tokens in heard], self.coder)
        self.audio = None
        if not heard:
            return embedded
        audio = torch.cat(heard)
        if torch.is_grad_enabled():
            audio = audio if audio.requires_grad else audio.detach().requires_grad_()
            audio.retain_grad()
            self.audio = audio
        if numbers is not None:
            audio = audio + numbers[number.flatten()[sheet.audio.to(self.device)]]
        flat = embedded.flatten(0, 1).index_copy(0, sheet.audio.to(self.device), audio)
        return flat.view(embedded.shape)

    def _numbers(self) -> Tensor | None:
        """What is added to every token of clip k (row k), if anything is."""
        between = self.net.projector
        if between.places is not None:
            return between.places.weight
        if between.numbers:
            lm: Any = self.net.lm
            ids = torch.tensor(between.numbers, device=self.device)
            said: Tensor = lm.get_input_embeddings()(ids)
            return said
        return None

    def _hear(self, sounds: Sequence[Sound]) -> list[Tensor]:
        """The tokens (n, width) of each sound, each distinct one encoded once."""
        names = [sound.key or f"#{i}" for i, sound in enumerate(sounds)]
        first = dict(reversed(list(zip(names, sounds, strict=True))))
        if torch.is_grad_enabled() or self.net.training:
            order = list(dict.fromkeys(names))
            made = self.net.encode([first[name].features for name in order]) if order else []
            tokens = dict(zip(order, made, strict=True))
        else:
            tokens = {name: self._remembered(first[name]) for name in dict.fromkeys(names)}
        return [tokens[name] for name in names]

    def _remembered(self, sound: Sound) -> Tensor:
        """A sound's tokens, kept while the weights stay as they are.

        Encoded alone and not beside others, so that the last bit of an answer does not depend on
        what was asked before: a run that is taken up again gives the same bytes.
        """
        version = self.version()
        if version != self._version:
            self._heard.clear()
            self._version = version
        tokens = self._heard.get(sound.key) if sound.key else None
        if tokens is None:
            tokens = self.net.encode([sound.features])[0]
            if sound.key:
                self._heard.put(sound.key, tokens, tokens.nbytes)
        return tokens
