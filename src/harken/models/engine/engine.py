"""Asking the composed model: drawing replies, and the log-probabilities of given ones.

Everything here works on lines (`harken.models.engine.batch`); `Engine` is the computing half of
`harken.models.composed.model.ComposedModel`. Log-probabilities are natural logs, summed over the
tokens of the answer and its ``<eos>``: log p(answer) = sum_t log p(a_t | prompt, a_<t).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from harken.cache import LruCache
from harken.models.base import Sampling
from harken.models.engine.batch import (
    AudioInput,
    TokenizedBatch,
    TokenizedPrompt,
    check_placeholders,
    collate,
)
from harken.models.engine.features import Array
from harken.models.engine.generate import GeneratedReply, generate_replies
from harken.models.engine.net import LearnerNet
from harken.models.engine.prefix_cache import CachedPrompt, PrefixCache
from harken.models.engine.tokenizer import TextTokenizer
from harken.models.engine.tree_forward import LOGITS, Mode, TreeOutput, TreeReader

Floats = npt.NDArray[np.float64]

CACHE_BYTES = 512 << 20
"""Bytes of encoded clips that are remembered, unless said otherwise."""


@contextmanager
def eval_mode(net: LearnerNet) -> Iterator[None]:
    """Evaluation mode for a block."""
    before = net.training
    if before:
        net.eval()
    try:
        yield
    finally:
        if before:
            net.train()


class Engine:
    """Computes with a net: embeddings with the audio put in, logits, replies.

    Args:
        net: its ``encode``, ``lm``, ``audio_encoder.device`` and ``projector`` are used.
        coder: the tokenizer.
        remember: bytes of encoded clips that are kept; the least used go first.
        positions, mode: how the language model counts and may be read, where it does not say so
            itself (`harken.models.engine.tree_forward.TreeReader`).

    Attributes:
        reader: reads lines that have a beginning in common.
        encodes: how many times a clip was encoded to be asked about.
        audio: tokens of the last page's clips, for their gradient.
    """

    def __init__(
        self,
        net: LearnerNet,
        tokenizer: TextTokenizer,
        cache_bytes: int = CACHE_BYTES,
        *,
        positions: Callable[[Tensor], Tensor] | None = None,
        mode: Mode | None = None,
    ) -> None:
        self.net = net
        self.tokenizer = tokenizer
        self.reader = TreeReader(net.lm, positions, mode)
        self.encodes = 0
        self.audio: Tensor | None = None
        self._encoded: LruCache[Tensor] = LruCache(cache_bytes)
        self._prefixes = PrefixCache()
        self._version = -1

    @property
    def device(self) -> torch.device:
        """Where the net is."""
        return self.net.device

    def version(self) -> int:
        """A number that rises with every change of a weight in place."""
        tensors = [*self.net.parameters(), *self.net.buffers()]
        return sum(tensor._version for tensor in tensors)

    def clear_cache(self) -> None:
        """Drop what is remembered of clips and prompts."""
        self._encoded.clear()
        self._prefixes.clear()

    def set_cache_bytes(self, memory: int) -> None:
        """Keep encoded clips in up to `memory` bytes from now on; what is there is dropped."""
        self._encoded = LruCache(memory)

    def cached_tokens(self, key: str) -> int:
        """How many tokens the clip has become; 0 if it must be encoded (again)."""
        tokens = self._encoded.get(key)
        return 0 if tokens is None else len(tokens)

    def answer_logits(self, prompts: Sequence[TokenizedPrompt]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, V), ids (N,) and row (N,) of every answer token of `prompts`, in order."""
        batch = collate(prompts, self.tokenizer)
        hidden = self._read(batch, prompts)
        rows = np.repeat(np.arange(len(prompts)), [prompt.answer_tokens for prompt in prompts])
        spans = [span for prompt in prompts for span in prompt.spans]
        columns = np.concatenate([np.arange(start, end) for start, end in spans])
        logits = self._logits(hidden, torch.from_numpy(rows), torch.from_numpy(columns - 1))
        ids = batch.ids[rows, columns].to(self.device)
        return logits, ids, torch.from_numpy(rows).to(self.device)

    def token_logprobs(self, prompts: Sequence[TokenizedPrompt]) -> tuple[Tensor, Tensor]:
        """Log-probability (N,) of every answer token, and its row (N,)."""
        logits, ids, rows = self.answer_logits(prompts)
        picked = logits.float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
        return picked, rows

    def logprobs(self, prompts: Sequence[TokenizedPrompt]) -> Tensor:
        """Summed answer log-probability of each line (B,)."""
        picked, rows = self.token_logprobs(prompts)
        return torch.zeros(len(prompts), device=self.device).index_add(0, rows, picked)

    def branches(self, prompt: TokenizedPrompt, answers: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of each answer (ids, ``<eos>`` included) behind one prompt."""
        return self.choices([(prompt, answers)])[0]

    @torch.no_grad()
    def choices(
        self, asked: Sequence[tuple[TokenizedPrompt, Sequence[Sequence[int]]]]
    ) -> list[list[float]]:
        """Log-probability of each answer (ids, ``<eos>`` included) behind each prompt.

        What several prompts begin with is read once, and so is each prompt for all its answers,
        where the language model allows it (`harken.models.engine.tree_forward`); the numbers are
        those of every answer read behind its prompt alone.
        """
        if not asked:
            return []
        said = [ids for _, answers in asked for ids in answers]
        rows = [(prompt, ids[:-1]) for prompt, answers in asked for ids in answers]
        trees = self.reader.build_trees(rows, self.tokenizer)
        prompts = [prompt for prompt, _ in rows]
        sums = np.zeros(len(said))
        self._prefixes.clear()
        for pack in self.reader.packs(trees):
            here = [trees[i] for i in pack]
            embedded = self.embedded([tree.prompt for tree in here])[0]
            read = self.reader.read(embedded, here, cache=self._prefixes.room(self.reader, here))
            self._prefixes.add(read, here, prompts)
            numbers = [number for tree in here for number in tree.rows]
            sums[numbers] = self._sums(read, [said[number] for number in numbers])
        ends = np.cumsum([len(answers) for _, answers in asked])
        return [part.tolist() for part in np.split(sums, ends[:-1])]

    def _sums(self, read: TreeOutput, said: Sequence[Sequence[int]]) -> Floats:
        """Summed log-probability of what is said at the end of each line that was read."""
        width = read.hidden.shape[1]
        rows = [found for tree in read.where for found in tree]
        clip_numbers = [
            row * width + at[-len(ids) :] for (row, at), ids in zip(rows, said, strict=True)
        ]
        # Answers begin behind the same token: logits are worked out once a place.
        where, which = np.unique(np.concatenate(clip_numbers), return_inverse=True)
        hidden = read.hidden.flatten(0, 1)
        ids = np.concatenate([np.array(ids, np.int64) for ids in said])
        picked = np.zeros(len(ids))
        lm: Any = self.net.lm
        step = max(1, LOGITS // int(lm.get_input_embeddings().num_embeddings))
        for start in range(0, len(where), step):
            few = torch.from_numpy(where[start : start + step]).to(hidden.device)
            logprobs = self.reader.logits(hidden[few]).float().log_softmax(-1)
            mine = np.flatnonzero((which >= start) & (which < start + step))
            at = torch.from_numpy(which[mine] - start), torch.from_numpy(ids[mine])
            here = logprobs.device
            picked[mine] = logprobs[at[0].to(here), at[1].to(here)].cpu().numpy()
        starts = np.cumsum([0, *(len(ids) for ids in said[:-1])])
        found: Floats = np.add.reduceat(picked, starts)
        return found

    def generate(
        self,
        prompts: Sequence[TokenizedPrompt],
        sampling: Sampling,
        draws: Sequence[np.random.Generator],
    ) -> list[GeneratedReply]:
        """Replies to each prompt; see `harken.models.engine.generate.generate_replies`."""
        return generate_replies(self, prompts, sampling, draws)

    def cached(self, prompts: Sequence[TokenizedPrompt]) -> list[CachedPrompt] | None:
        """Where `prompts` were read for the last `choices`; None unless all were."""
        self._check_version()
        return self._prefixes.find(prompts)

    def embedded(
        self, prompts: Sequence[TokenizedPrompt], *, left: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Embeddings (B, L, width) of padded lines, audio put in, and what is true of them."""
        batch = collate(prompts, self.tokenizer, left=left)
        return self._embed(batch, prompts), batch.true.to(self.device)

    def _read(self, batch: TokenizedBatch, prompts: Sequence[TokenizedPrompt]) -> Tensor:
        """Last hidden states (B, L, width), or logits where the head is not a plain one.

        Lines are padded on the right and read from left to right, so padding needs no mask: nothing
        true comes after it.
        """
        embedded = self._embed(batch, prompts)
        lm: Any = self.net.lm
        if self.reader.plain_head:
            decoder = lm.get_decoder()
            hidden: Tensor = decoder(inputs_embeds=embedded, use_cache=False).last_hidden_state
            return hidden
        logits: Tensor = lm(inputs_embeds=embedded, use_cache=False).logits
        return logits

    def _logits(self, hidden: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Logits (N, V) at the given places of what `_read` gave."""
        return self.reader.logits(hidden[rows.to(hidden.device), columns.to(hidden.device)])

    def _embed(self, batch: TokenizedBatch, prompts: Sequence[TokenizedPrompt]) -> Tensor:
        """Embeddings (B, L, width) with the clips' tokens in place of the placeholders."""
        lm: Any = self.net.lm
        embedded: Tensor = lm.get_input_embeddings()(batch.ids.to(self.device))
        numbers = self.net.clip_number_embeddings()
        number = batch.clip_numbers.to(self.device)
        if numbers is not None and bool((batch.clip_numbers > 0).any()):
            embedded = embedded + numbers[number] * (number > 0)[..., None]
        encoded = self._encode_clips(batch.audio_inputs)
        check_placeholders(prompts, [len(tokens) for tokens in encoded], self.tokenizer)
        self.audio = None
        if not encoded:
            return embedded
        audio = torch.cat(encoded)
        if torch.is_grad_enabled():
            audio = audio if audio.requires_grad else audio.detach().requires_grad_()
            audio.retain_grad()
            self.audio = audio
        if numbers is not None:
            audio = audio + numbers[number.flatten()[batch.audio.to(self.device)]]
        flat = embedded.flatten(0, 1).index_copy(0, batch.audio.to(self.device), audio)
        return flat.view(embedded.shape)

    def _encode_clips(self, audio_inputs: Sequence[AudioInput]) -> list[Tensor]:
        """The tokens (n, width) of each sound, each distinct one encoded once."""
        names = [audio_input.key or f"#{i}" for i, audio_input in enumerate(audio_inputs)]
        first = dict(reversed(list(zip(names, audio_inputs, strict=True))))
        order = list(dict.fromkeys(names))
        if torch.is_grad_enabled() or self.net.training:
            made = self.net.encode([first[name].features for name in order]) if order else []
        else:
            self._check_version()
            made = [self._encoded_clip(first[name]) for name in order]
        tokens = dict(zip(order, made, strict=True))
        return [tokens[name] for name in names]

    def _check_version(self) -> None:
        """Forget what was encoded with other weights."""
        version = self.version()
        if version != self._version:
            self.clear_cache()
            self._version = version

    def _encoded_clip(self, audio_input: AudioInput) -> Tensor:
        """A sound's tokens, kept while the weights stay as they are.

        Encoded alone and not beside others, so that the last bit of an answer does not depend on
        what was asked before: a run that is taken up again gives the same bytes.
        """
        tokens = self._encoded.get(audio_input.key) if audio_input.key else None
        if tokens is None:
            features = audio_input.features
            silence_key = self._silence_key(features) if audio_input.key else ""
            tokens = self._encoded.get(silence_key) if silence_key else None
            if tokens is None:
                tokens = self.net.encode([features])[0]
                self.encodes += 1
            for name in filter(None, {audio_input.key, silence_key}):
                self._encoded.put(name, tokens, tokens.nbytes)
        return tokens

    def _silence_key(self, features: Array) -> str:
        """What silence is cached by as well: its length, as far as the encoder can tell."""
        if not isinstance(features, np.ndarray) or (features != features[:1]).any():
            return ""
        length = self.net.frames(len(features))
        return f"silence {features[:1].tobytes().hex()} {self.net.pads_with_silence} {length}"
