"""The engine: log-probabilities of answers, and generation, from tokenized prompts.

Every `harken.models.learner.Learner` has one. Log-probabilities are natural logs, summed over the
tokens of the answer and its ``<eos>``: log p(answer) = sum_t log p(a_t | prompt, a_<t).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
    collate,
    undropped,
)
from harken.models.engine.features import Array
from harken.models.engine.generate import GeneratedReply, generate_replies
from harken.models.engine.kept import KeptFrames
from harken.models.engine.net import LearnerNet
from harken.models.engine.packing import PackedRows, pack_rows, require_packing
from harken.models.engine.prefix_cache import CachedPrompt, PrefixCache
from harken.models.engine.proof import (
    check_clips,
    check_finite,
    check_keys,
    check_losses,
    check_placeholders,
)
from harken.models.engine.tokenizer import TextTokenizer
from harken.models.engine.tree_forward import LOGITS, Mode, TreeOutput, TreeReader

Floats = npt.NDArray[np.float64]

CACHE_BYTES = 512 << 20
"""Default size of the cache of audio tokens, in bytes."""


@dataclass(slots=True, eq=False)
class EngineCaches:
    """What an engine has computed with weights of certain values: see `Engine.other_caches`."""

    encoded: LruCache[Tensor]
    prefixes: PrefixCache


class Engine:
    """Runs a net: embeddings with audio tokens, logits, generation.

    Args:
        net: audio encoder, projector and language model.
        tokenizer: has the ids of the special tokens.
        cache_bytes: size of the cache of audio tokens; the least recently used are dropped first.
        positions: position ids of the language model, if not the usual ones; see `TreeReader`.
        mode: how a prompt tree may be forwarded, where the model is unknown; see `TreeReader`.

    Attributes:
        reader: forward passes over prompts with shared prefixes.
        encodes: number of clips encoded for inference.
        audio: audio tokens of the last batch, for their gradient.
        touch: what is done to the inputs (B, L, width) of a batch without audio, if anything.
        kept: frames of the audio encoder that are kept on disk, while it is frozen.
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
        self.touch: Callable[[Tensor], Tensor] | None = None
        self.kept: KeptFrames | None = None
        self._encoded: LruCache[Tensor] = LruCache(cache_bytes)
        self._prefixes = PrefixCache()
        self._version = -1
        self._fixed = False

    @contextmanager
    def other_caches(self, caches: EngineCaches | None = None) -> Iterator[None]:
        """Caches of their own for a block in which the weights have other values.

        Args:
            caches: those of an earlier block with the same values; fresh ones if not given.
        """
        before = self._encoded, self._prefixes, self._version, self._fixed
        own = caches or self.new_caches()
        self._encoded, self._prefixes, self._fixed = own.encoded, own.prefixes, True
        try:
            yield
        finally:
            self._encoded, self._prefixes, self._version, self._fixed = before

    def new_caches(self) -> EngineCaches:
        """Empty caches for `other_caches`."""
        return EngineCaches(LruCache(self._encoded.limit), PrefixCache())

    @property
    def device(self) -> torch.device:
        """Device of the net."""
        return self.net.device

    def version(self) -> int:
        """A number that increases with every in-place change of a weight."""
        tensors = [*self.net.parameters(), *self.net.buffers()]
        return sum(tensor._version for tensor in tensors)

    def clear_cache(self) -> None:
        """Empty the caches of audio tokens and prompts."""
        self._encoded.clear()
        self.clear_prefixes()

    def clear_prefixes(self) -> None:
        """Empty the cache of prompts that `choices` has filled."""
        self._prefixes.clear()

    def set_cache_bytes(self, memory: int) -> None:
        """Replace the cache of audio tokens by an empty one of `memory` bytes."""
        self._encoded = LruCache(memory)

    def cached_tokens(self, key: str) -> int:
        """Number of cached audio tokens of a clip; 0 if it must be encoded."""
        tokens = self._encoded.get(key)
        return 0 if tokens is None else len(tokens)

    def answer_logits(
        self, prompts: Sequence[TokenizedPrompt], *, pack_tokens: int = 0
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (N, V), ids (N,) and row (N,) of every answer token of `prompts`, in order.

        Args:
            prompts: with their answers.
            pack_tokens: if above 0, prompts share rows of so many tokens instead of being padded;
                the results are the same up to rounding (`harken.models.engine.packing`).

        Raises:
            ModelError: a prompt and its audio do not fit (`harken.models.engine.proof`), or
                prompts cannot be packed for this model.
        """
        check_losses(prompts, self.tokenizer)
        tokens = [prompt.answer_tokens for prompt in prompts]
        rows = np.repeat(np.arange(len(prompts)), tokens)
        spans = [span for prompt in prompts for span in prompt.spans]
        columns = np.concatenate([np.arange(start, end) for start, end in spans])
        ids = [i for one in prompts for start, end in one.spans for i in one.ids[start:end]]
        if pack_tokens:
            packed = pack_rows(prompts, pack_tokens)
            hidden = self._forward_packed(packed, prompts)
            here, before = packed.row[rows], packed.offset[rows] + columns - 1
        else:
            hidden = self._forward(collate(prompts, self.tokenizer), prompts)
            here, before = rows, columns - 1
        logits = self._logits(hidden, torch.from_numpy(here), torch.from_numpy(before))
        return logits, torch.tensor(ids, device=self.device), torch.from_numpy(rows).to(self.device)

    def token_logprobs(
        self, prompts: Sequence[TokenizedPrompt], *, pack_tokens: int = 0
    ) -> tuple[Tensor, Tensor]:
        """Log-probability (N,) of every answer token, and its row (N,); see `answer_logits`."""
        logits, ids, rows = self.answer_logits(prompts, pack_tokens=pack_tokens)
        picked = logits.float().log_softmax(-1).gather(1, ids[:, None])[:, 0]
        return picked, rows

    def logprobs(self, prompts: Sequence[TokenizedPrompt]) -> Tensor:
        """Summed answer log-probability of each prompt (B,)."""
        picked, rows = self.token_logprobs(prompts)
        return torch.zeros(len(prompts), device=self.device).index_add(0, rows, picked)

    def branches(self, prompt: TokenizedPrompt, answers: Sequence[Sequence[int]]) -> list[float]:
        """Log-probability of each answer (ids, ``<eos>`` included) after one prompt."""
        return self.choices([(prompt, answers)])[0]

    @torch.no_grad()
    def choices(
        self, asked: Sequence[tuple[TokenizedPrompt, Sequence[Sequence[int]]]]
    ) -> list[list[float]]:
        """Log-probability of each answer (ids, ``<eos>`` included) after each prompt.

        A prefix shared by several prompts is computed once, and each prompt once for all its
        answers, where the language model allows it (`harken.models.engine.tree_forward`). The
        results are those of a forward pass for each prompt with each answer.
        """
        self.clear_prefixes()
        if not asked:
            return []
        targets = [ids for _, answers in asked for ids in answers]
        rows = [(prompt, ids[:-1]) for prompt, answers in asked for ids in answers]
        trees = self.reader.build_trees(rows, self.tokenizer)
        prompts = [prompt for prompt, _ in rows]
        sums = np.zeros(len(targets))
        for pack in self.reader.packs(trees):
            here = [trees[i] for i in pack]
            embedded = self.embedded([tree.prompt for tree in here])[0]
            keep = self._prefixes.reserve(self.reader, here)
            out = self.reader.forward(embedded, here, cache=keep)
            self._prefixes.add(out, here, prompts)
            numbers = [number for tree in here for number in tree.rows]
            sums[numbers] = self._sums(out, [targets[number] for number in numbers])
        ends = np.cumsum([len(answers) for _, answers in asked])
        return [part.tolist() for part in np.split(sums, ends[:-1])]

    def _sums(self, out: TreeOutput, targets: Sequence[Sequence[int]]) -> Floats:
        """Summed log-probability of the target ids at the end of each path of a tree pass."""
        width = out.hidden.shape[1]
        rows = [found for tree in out.locations for found in tree]
        places = [
            row * width + columns[-len(ids) :]
            for (row, columns), ids in zip(rows, targets, strict=True)
        ]
        # Answers begin after the same token: logits are computed once for each position.
        where, which = np.unique(np.concatenate(places), return_inverse=True)
        hidden = out.hidden.flatten(0, 1)
        ids = np.concatenate([np.array(ids, np.int64) for ids in targets])
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
        starts = np.cumsum([0, *(len(ids) for ids in targets[:-1])])
        found: Floats = np.add.reduceat(picked, starts)
        return found

    def generate(
        self,
        prompts: Sequence[TokenizedPrompt],
        sampling: Sampling,
        rngs: Sequence[np.random.Generator],
        rooms: Sequence[int] = (),
        *,
        logprobs: bool = False,
        schemas: Sequence[str] = (),
    ) -> list[GeneratedReply]:
        """A reply to each prompt; see `harken.models.engine.generate.generate_replies`."""
        return generate_replies(
            self, prompts, sampling, rngs, rooms, logprobs=logprobs, schemas=schemas
        )

    def cached(self, prompts: Sequence[TokenizedPrompt]) -> list[CachedPrompt] | None:
        """The KV cache entries of `prompts` from the last `choices`; None unless all are there."""
        self._check_version()
        return self._prefixes.find(prompts)

    def embedded(
        self, prompts: Sequence[TokenizedPrompt], *, left: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Embeddings (B, L, width) of padded prompts with audio, and the mask (B, L)."""
        batch = collate(prompts, self.tokenizer, left=left)
        return self._embed(batch, prompts), batch.mask.to(self.device)

    def _forward(self, batch: TokenizedBatch, prompts: Sequence[TokenizedPrompt]) -> Tensor:
        """Last hidden states (B, L, width); logits (B, L, V) without a `TreeReader.plain_head`.

        Prompts are padded on the right and attention is causal, so padding needs no mask: no token
        attends to it.
        """
        embedded = self._embed(batch, prompts)
        lm: Any = self.net.lm
        if self.reader.plain_head:
            decoder = lm.get_decoder()
            hidden: Tensor = decoder(inputs_embeds=embedded, use_cache=False).last_hidden_state
            return hidden
        logits: Tensor = lm(inputs_embeds=embedded, use_cache=False).logits
        return logits

    def _forward_packed(self, packed: PackedRows, prompts: Sequence[TokenizedPrompt]) -> Tensor:
        """The same (R, L, width) for prompts in rows of `packed`."""
        require_packing(self.reader, max(len(prompt.ids) for prompt in prompts))
        batch = collate([tree.prompt for tree in packed.trees], self.tokenizer)
        embedded = self._embed(batch, [prompts[i] for i in packed.order])
        return self.reader.forward(embedded, packed.trees).hidden

    def _logits(self, hidden: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Logits (N, V) at the given positions of the result of `_forward`."""
        return self.reader.logits(hidden[rows.to(hidden.device), columns.to(hidden.device)])

    def _embed(self, batch: TokenizedBatch, prompts: Sequence[TokenizedPrompt]) -> Tensor:
        """Embeddings (B, L, width) with audio tokens in place of the placeholders."""
        lm: Any = self.net.lm
        embedded: Tensor = lm.get_input_embeddings()(batch.ids.to(self.device))
        numbers = self.net.clip_number_embeddings()
        number = batch.clip_numbers.to(self.device)
        if numbers is not None and bool((batch.clip_numbers > 0).any()):
            embedded = embedded + numbers[number] * (number > 0)[..., None]
        check_clips(batch, prompts)
        encoded = self._encode_clips(batch.audio_inputs)
        check_placeholders(prompts, [len(tokens) for tokens in encoded], self.tokenizer)
        self.audio = None
        if not encoded:
            return embedded if self.touch is None else self.touch(embedded)
        audio = torch.cat(encoded)
        if torch.is_grad_enabled():
            check_finite(encoded, prompts)
            audio = audio if audio.requires_grad else audio.detach().requires_grad_()
            audio.retain_grad()
            self.audio = audio
        kept = undropped(batch.audio_inputs)
        if kept is not None:
            audio = audio * kept.to(audio.device)[:, None]
        if numbers is not None:
            audio = audio + numbers[number.flatten()[batch.audio.to(self.device)]]
        flat = embedded.flatten(0, 1).index_copy(0, batch.audio.to(self.device), audio)
        return flat.view(embedded.shape)

    def audio_tokens(self, audio_inputs: Sequence[AudioInput]) -> list[Tensor]:
        """The audio tokens (n, width) of each clip as the language model gets them.

        With the gradient of the weights that are trained, where gradients are on.
        """
        return self._encode_clips(audio_inputs)

    def _encode_clips(self, audio_inputs: Sequence[AudioInput]) -> list[Tensor]:
        """The audio tokens (n, width) of each clip, each distinct clip encoded once."""
        check_keys(audio_inputs)
        names = [audio_input.key or f"#{i}" for i, audio_input in enumerate(audio_inputs)]
        first = dict(reversed(list(zip(names, audio_inputs, strict=True))))
        order = list(dict.fromkeys(names))
        if torch.is_grad_enabled() or self.net.training:
            made = self._made([first[name] for name in order]) if order else []
        else:
            self._check_version()
            made = [self._encoded_clip(first[name]) for name in order]
        tokens = dict(zip(order, made, strict=True))
        return [tokens[name] for name in names]

    def _made(self, audio_inputs: Sequence[AudioInput]) -> list[Tensor]:
        """The audio tokens of distinct clips, from kept frames where there are any."""
        if self.kept is not None:
            return self.kept.tokens(audio_inputs)
        return self.net.encode([audio_input.features for audio_input in audio_inputs])

    def _check_version(self) -> None:
        """Empty the caches if the weights have changed."""
        if self._fixed:
            return
        version = self.version()
        if version != self._version:
            self.clear_cache()
            self._version = version

    def _encoded_clip(self, audio_input: AudioInput) -> Tensor:
        """A clip's audio tokens, cached while the weights are unchanged.

        Encoded alone and not in a batch, so that no bit of a result depends on earlier requests: a
        resumed run gives the same bytes.
        """
        tokens = self._encoded.get(audio_input.key) if audio_input.key else None
        if tokens is None and audio_input.kept and self.kept is not None:
            tokens = self.kept.tokens([audio_input])[0]
            self._encoded.put(audio_input.key, tokens, tokens.nbytes)
        if tokens is None:
            features = audio_input.features
            silence_key = self._silence_key(features) if audio_input.key else ""
            tokens = self._encoded.get(silence_key) if silence_key else None
            if tokens is None:
                tokens = self.net.encode([features])[0]
                self.encodes += 1
            for name in filter(None, dict.fromkeys((audio_input.key, silence_key))):
                self._encoded.put(name, tokens, tokens.nbytes)
        return tokens

    def _silence_key(self, features: Array) -> str:
        """A second cache key for silence: its number of frames. Empty for other clips."""
        if not isinstance(features, np.ndarray) or (features != features[:1]).any():
            return ""
        length = self.net.frames(len(features))
        return f"silence {features[:1].tobytes().hex()} {self.net.pads_with_silence} {length}"
