"""Replies that satisfy a JSON schema: of the next tokens only those that can still lead to one.

The grammar of a schema, and which tokens it allows, is llguidance's work (MIT licence; the same
library is in llama.cpp and vLLM). A small model that would go on with the list of its prompt, or
end without a bracket, so gives an object with the right keys; what stands in them is its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from harken import progress
from harken.errors import ConfigError, ModelError
from harken.models.engine.tokenizer import TextTokenizer
from harken.parsing import parse_json

_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""One way to put spaces: where any number is allowed, small models write nothing else."""


class SchemaMatcher:
    """What may follow in one reply.

    Attributes:
        width: of the logits.
    """

    def __init__(self, tokenizer: TextTokenizer, width: int, schema: str) -> None:
        """Begin a reply.

        Raises:
            ConfigError: `schema` is no JSON schema, or one that cannot be followed.
        """
        from llguidance import LLMatcher

        self.width = width
        vocabulary = _vocabulary(tokenizer.to_json(), width, tokenizer.eos)
        self._matcher = LLMatcher(vocabulary, grammar_of(schema))

    def allowed(self) -> Tensor:
        """(width,) bool: the ids that may come next; only the end, after a whole reply."""
        bits = torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.uint8)
        shifts = torch.arange(8, dtype=torch.uint8)
        found: Tensor = ((bits[:, None] >> shifts) & 1).flatten()[: self.width].bool()
        return found

    def take(self, token: int) -> None:
        """Go on after `token`, which was allowed.

        Raises:
            ModelError: what may follow is too much to be computed.
        """
        self._matcher.consume_token(token)
        if self._matcher.is_error():
            fault = self._matcher.get_error().splitlines()[0]
            raise ModelError(f"the schema of a reply can be followed no further: {fault}")


def grammar_of(schema: str) -> str:
    """The grammar of a JSON schema, as llguidance writes it.

    Raises:
        ConfigError: no JSON schema, or one that cannot be followed.
    """
    from llguidance import LLMatcher

    try:
        grammar: str = LLMatcher.grammar_from_json_schema(schema, overrides=_COMPACT)
        fault = LLMatcher.validate_grammar(grammar)
    except ValueError as error:
        fault = str(error)
    if fault:
        raise ConfigError(f"the schema of a reply cannot be followed: {fault}", where=schema[:200])
    return grammar


def matchers(
    tokenizer: TextTokenizer, width: int, schemas: Sequence[str]
) -> list[SchemaMatcher | None]:
    """A matcher for each reply with a schema; None for free texts.

    Where llguidance is not installed no reply has one, which is told once.
    """
    if any(schemas) and find_spec("llguidance") is None:
        _tell()
        return [None] * len(schemas)
    return [SchemaMatcher(tokenizer, width, one) if one else None for one in schemas]


@lru_cache(maxsize=1)
def _tell() -> None:
    progress.note(
        "replies are asked for as JSON, and not held to it: llguidance is not installed "
        "(pip install 'harken[structured]')"
    )


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: str, width: int, eos: int) -> Any:
    """The tokens of a tokenizer, as llguidance keeps them; takes about a second."""
    from llguidance import LLTokenizer

    known = parse_json(tokenizer)
    if (known.get("decoder") or {}).get("type") == "ByteLevel":
        # Its tokens are bytes as they are; what a normalizer adds at the start of a text (harken's
        # own a space) would stand within a reply.
        known["normalizer"] = None
    return LLTokenizer(json.dumps(known), n_vocab=width, eos_token=[eos])
