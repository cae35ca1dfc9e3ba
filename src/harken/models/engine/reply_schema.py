"""Replies that satisfy a JSON schema: of the next tokens only those that can still lead to one.

The grammar of a schema, and which tokens it allows, is llguidance's work (MIT licence; the same
library is in llama.cpp and vLLM). A small model that would go on with the list of its prompt, or
end without a bracket, so gives an object with the right keys; what stands in them is its own. Only
one way to put spaces is allowed, and a reply that is cut is no whole JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from harken import progress
from harken.errors import ConfigError
from harken.models.engine.tokenizer import TextTokenizer
from harken.parsing import parse_json

_COMPACT = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""One way to put spaces: where any number is allowed, small models write nothing else."""

_LIMITS = {
    "initial_lexer_fuel": 200_000,
    "step_lexer_fuel": 50_000,
    "step_max_items": 20_000,
    "max_grammar_size": 20_000,
    "verbose_errors": False,
}
"""Less than llguidance allows (a quarter of the fuel, a 25th of the grammar): a schema may come
from a client, and its masks are computed while others wait."""

_vocabularies: WeakKeyDictionary[TextTokenizer, dict[tuple[int, int], Any]] = WeakKeyDictionary()


class SchemaMatcher:
    """What may follow in one reply.

    Attributes:
        width: of the logits.
    """

    def __init__(self, tokenizer: TextTokenizer, width: int, schema: str) -> None:
        """Begin a reply.

        Raises:
            ConfigError: `schema` is no JSON schema, one that cannot be followed, or one that
                nothing satisfies; or the tokenizer is of an unknown kind.
        """
        from llguidance import LLMatcher

        self.width = width
        vocabulary = _vocabulary(tokenizer, width)
        self._matcher = LLMatcher(vocabulary, grammar_of(schema), limits=_limits())
        first = self.allowed()
        first[[*tokenizer.ends]] = False
        if not first.any():
            raise ConfigError("the schema of a reply cannot be followed: nothing satisfies it")

    def allowed(self) -> Tensor:
        """(width,) bool: the ids that may come next; only the end, after a whole reply.

        Raises:
            ConfigError: what may follow is too much to be computed.
        """
        bits = torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.uint8)
        self._require_none()
        shifts = torch.arange(8, dtype=torch.uint8)
        found: Tensor = ((bits[:, None] >> shifts) & 1).flatten()[: self.width].bool()
        return found

    def take(self, token: int) -> None:
        """Go on after `token`, which was allowed; raises ConfigError as `allowed` does."""
        self._matcher.consume_token(token)
        self._require_none()

    def _require_none(self) -> None:
        """Raise if there was an error: llguidance allows the end alone from then on."""
        if self._matcher.is_error():
            fault = str(self._matcher.get_error()).split("<", 1)[0].strip()
            raise ConfigError(f"the schema of a reply cannot be followed: {fault[:200]}")


@lru_cache(maxsize=64)
def grammar_of(schema: str) -> str:
    """The grammar of a JSON schema, as llguidance writes it.

    Raises:
        ConfigError: no JSON schema, or one that cannot be followed.
    """
    from llguidance import LLMatcher

    try:
        grammar: str = LLMatcher.grammar_from_json_schema(schema, overrides=_COMPACT)
        fault = LLMatcher.validate_grammar(grammar, limits=_limits())
    except ValueError as error:
        fault = str(error)
    if fault:
        raise ConfigError(f"the schema of a reply cannot be followed: {fault}", where=schema[:200])
    return grammar


def holds_replies(tokenizer: TextTokenizer, width: int) -> bool:
    """Whether replies in these tokens can be held: llguidance is there, and knows their kind."""
    if find_spec("llguidance") is None:
        _tell("llguidance is not installed (pip install 'harken[structured]')")
        return False
    try:
        _vocabulary(tokenizer, width)
    except ConfigError as error:
        _tell(error.found)
        return False
    return True


class HeldReplies:
    """The replies of a batch, of which some have a schema.

    Where replies in the tokens of the model cannot be held, all are free, which is told once.

    Attributes:
        faults: of each row, why its schema cannot be followed (further); empty where it can.
    """

    def __init__(self, tokenizer: TextTokenizer, width: int, schemas: Sequence[str]) -> None:
        """Begin the replies; `schemas` has one for each row, empty for a free text."""
        self.faults = [""] * len(schemas)
        self._rows: dict[int, SchemaMatcher] = {}
        if not any(schemas) or not holds_replies(tokenizer, width):
            return
        for row, schema in enumerate(schemas):
            try:
                if schema:
                    self._rows[row] = SchemaMatcher(tokenizer, width, schema)
            except ConfigError as error:
                self.faults[row] = error.found

    def masked(self, logits: Tensor) -> Tensor:
        """Logits (B, V) with -inf for what would break the schema of its row."""
        if not self._rows:
            return logits
        found = logits.clone()
        for row, matcher in [*self._rows.items()]:
            try:
                found[row, ~matcher.allowed().to(found.device)] = -torch.inf
            except ConfigError as error:
                self._give_up(row, error)
        return found

    def take(self, row: int, token: int, over: bool) -> None:
        """Go on after the token of a row; `over`: it was its last one."""
        try:
            if over:
                self._rows.pop(row, None)
            elif row in self._rows:
                self._rows[row].take(token)
        except ConfigError as error:
            self._give_up(row, error)

    def _give_up(self, row: int, error: ConfigError) -> None:
        self.faults[row] = error.found
        del self._rows[row]


@lru_cache(maxsize=8)
def _tell(why: str) -> None:
    progress.note(f"replies are asked for as JSON, and not held to it: {why}")


def _limits() -> Any:
    from llguidance import LLParserLimits

    return LLParserLimits(**_LIMITS)


def _vocabulary(tokenizer: TextTokenizer, width: int) -> Any:
    """The tokens of a tokenizer, as llguidance keeps them; the first time it takes a second.

    Raises:
        ConfigError: it does not know how such tokens become text.
    """
    from llguidance import LLTokenizer

    known = _vocabularies.setdefault(tokenizer, {})
    key = (width, tokenizer.size)  # time tokens may be added later
    if key not in known:
        told = parse_json(tokenizer.to_json())
        if (told.get("decoder") or {}).get("type") == "ByteLevel":
            # Its tokens are bytes as they are; what a normalizer adds at the start of a text
            # (harken's own a space) would stand within a reply.
            told["normalizer"] = None
        try:
            known[key] = LLTokenizer(json.dumps(told), n_vocab=width, eos_token=[tokenizer.eos])
        except ValueError as error:
            fault = str(error).split("(", 1)[0][:100]
            raise ConfigError(f"tokens of this kind are not known to llguidance: {fault}") from None
    return known[key]
