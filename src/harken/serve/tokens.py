"""Token counts and log-probabilities of the replies of a served model.

`token_reporter` returns an object that generates replies with them. Composed and native models
sample as in `generate`. The log-probabilities are those of the sampled tokens, before temperature;
where alternatives are asked for, they come from one forward pass over the reply. Other models give
neither, and nothing is estimated for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from harken.errors import HarkenError
from harken.models.base import Model, Prompt, Reply, Sampling, Speech


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a reply.

    Attributes:
        text: its characters; those of all tokens make up the reply. A character of several tokens
            belongs to the last of them, and the others are empty.
        logprob: natural log of its probability.
        top: the most probable tokens at its position, (text, natural log), the best first.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenizedReply:
    """A reply and its tokens.

    Attributes:
        reply: as `Model.generate` gives it.
        tokens: those of the text; None if they were not requested.
        prompt: tokens of the prompt, audio included; None: not counted.
        audio: of these, audio placeholders.
        drawn: tokens sampled, the end-of-sequence token included; None: not counted.
        refused: the prompt is what the model cannot take, such as a clip that is too long.
        ids: of the tokens sampled, the end-of-sequence token included.
        speech: the reply as sound, where that was asked for.
    """

    reply: Reply
    tokens: tuple[Token, ...] | None = None
    prompt: int | None = None
    audio: int | None = None
    drawn: int | None = None
    refused: bool = False
    ids: tuple[int, ...] = ()
    speech: Speech | None = None


@runtime_checkable
class TokenReporter(Protocol):
    """A model that gives token counts and log-probabilities with its replies."""

    def generate_with_tokens(
        self, prompts: Sequence[Prompt], sampling: Sampling, top: int | None
    ) -> list[TokenizedReply]:
        """The replies of `generate` with their tokens, and `top` alternatives of each."""
        ...


def token_reporter(model: Model) -> TokenReporter | None:
    """The reporter of the tokens of `model`; None if it gives none."""
    if isinstance(model, TokenReporter):
        return model
    if "torch" not in sys.modules:  # nothing that was loaded without torch has an engine
        return None
    from harken.models.learner import Learner

    return _EngineTokens(model) if isinstance(model, Learner) else None


def schema_check(reporter: TokenReporter | None) -> Callable[[str], None] | None:
    """What raises ConfigError for a JSON schema that replies of its model cannot be held to.

    None where its model cannot hold any (`harken.models.engine.reply_schema`).
    """
    if not isinstance(reporter, _EngineTokens):
        return None
    from harken.models.engine.reply_schema import SchemaMatcher, holds_replies

    tokenizer = reporter.model.tokenizer
    embeddings = reporter.model.net.lm.get_input_embeddings()
    width = max(tokenizer.size, embeddings.num_embeddings)
    if not holds_replies(tokenizer, width):
        return None

    def check(schema: str) -> None:
        SchemaMatcher(tokenizer, width, schema)

    return check


class _EngineTokens:
    """Token counts and log-probabilities of composed and native models."""

    seed_each = True
    """Each prompt of a batch may have a seed of its own."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def generate_with_tokens(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        top: int | None,
        seeds: Sequence[int] = (),
    ) -> list[TokenizedReply]:
        """All prompts in one batch; one by one where the GPU memory is too small.

        `seeds` has one for each prompt; without it the seed is that of `sampling`.
        """
        import torch

        seeds = seeds or [sampling.seed] * len(prompts)
        try:
            return self._generate(prompts, sampling, top, seeds)
        except torch.OutOfMemoryError:
            if len(prompts) == 1:
                return [
                    TokenizedReply(
                        Reply("", "failed", "the prompt does not fit into the GPU memory"),
                        refused=True,
                    )
                ]
        torch.cuda.empty_cache()
        return [
            one
            for prompt, seed in zip(prompts, seeds, strict=True)
            for one in self.generate_with_tokens([prompt], sampling, top, [seed])
        ]

    def _generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        top: int | None,
        own_seeds: Sequence[int],
    ) -> list[TokenizedReply]:
        from harken.models.engine.generate import prompt_seed

        found = [TokenizedReply(Reply("", "failed", "no reply")) for _ in prompts]
        lines: dict[int, Any] = {}
        for i, prompt in enumerate(prompts):
            try:
                lines[i] = self.model.tokenize(prompt)
            except HarkenError as error:
                found[i] = TokenizedReply(Reply("", "failed", str(error)), refused=True)
        # The seeds of `generate`, so that the replies are the same as without token counts.
        seeds = [
            [seed, prompt_seed(prompt)] for seed, prompt in zip(own_seeds, prompts, strict=True)
        ]
        tokenizer = self.model.tokenizer
        schemas = [prompt.schema for prompt in prompts]
        drawn = self.model.sample(lines, sampling, seeds, logprobs=top == 0, schemas=schemas)
        for i, sampled in drawn.items():
            ids = lines[i].ids
            if sampled.fault:
                found[i] = TokenizedReply(Reply("", "failed", sampled.fault), refused=True)
                continue
            found[i] = TokenizedReply(
                Reply(sampled.text, "end" if sampled.ended else "length"),
                None if top is None else self._tokens(lines[i], sampled, top),
                len(ids),
                sum(one == tokenizer.audio for one in ids),
                len(sampled.ids),
                ids=sampled.ids,
            )
        return found

    def _tokens(self, line: Any, sampled: Any, top: int) -> tuple[Token, ...]:
        """The sampled tokens without the end-of-sequence token, with the alternatives of each.

        Without alternatives the log-probabilities are those of the pass that sampled.
        """
        import torch

        from harken.models.engine.net import eval_mode

        tokenizer = self.model.tokenizer
        kept = [one for one in sampled.ids if one not in tokenizer.ends]
        if not kept:
            return ()
        if not top:
            pairs = zip(spelling(tokenizer, kept), sampled.logprobs, strict=False)
            return tuple(Token(text, value) for text, value in pairs)
        whole = replace(line, ids=(*line.ids, *kept), answer=len(kept))
        with eval_mode(self.model.net), torch.no_grad():
            logits, _, _ = self.model.engine.answer_logits([whole])
            logits = logits.float()
            logits[:, tokenizer.audio] = -torch.inf  # it is never sampled
            logs = logits.log_softmax(-1)
        best = logs.topk(min(top, logs.shape[1]), dim=-1)
        tokens = []
        texts = spelling(tokenizer, kept)
        for at, (one, text) in enumerate(zip(kept, texts, strict=True)):
            places = [int(i) for i in best.indices[at]]
            names = [_named(tokenizer, kept[:at], other) for other in places]
            others = tuple(zip(names, map(float, best.values[at]), strict=True))
            tokens.append(Token(text, float(logs[at, one]), others))
        return tuple(tokens)


def spelling(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    """The characters that each token adds to the text of `ids`; joined they are that text."""
    texts: list[str] = []
    whole = tokenizer.decode(ids)
    before = ""
    for end in range(1, len(ids) + 1):
        now = _common_prefix(tokenizer.decode(ids[:end]), whole)
        texts.append(now[len(before) :] if now.startswith(before) else "")
        before = now if now.startswith(before) else before
    return texts


def _common_prefix(one: str, other: str) -> str:
    """The longest common prefix."""
    size = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return one[: min(len(one), len(other)) if size is None else size]


def _named(tokenizer: Any, before: Sequence[int], one: int) -> str:
    """The text that a token would have added; its vocabulary entry where that is no character."""
    if one in tokenizer.special_ids.values():
        return str(tokenizer.token(one))
    near = before[
        -8:
    ]  # enough for the first tokens of a character, and for a space that decoding strips
    start = tokenizer.decode(near)
    text = tokenizer.decode([*near, one])
    added = text[len(start) :] if text.startswith(start) else ""
    return added if added and "\ufffd" not in added else str(tokenizer.token(one))


def cut(tokens: Sequence[Token], text: str) -> tuple[Token, ...]:
    """The tokens of a reply that is cut to its prefix `text`."""
    kept: list[Token] = []
    length = 0
    for token in tokens:
        if length >= len(text):
            break
        kept.append(token)
        length += len(token.text)
    return tuple(kept)
