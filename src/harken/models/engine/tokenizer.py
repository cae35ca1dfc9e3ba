"""Text <-> token ids: byte-level BPE, so that any text can be encoded.

Trained on the texts of a dataset (`TextTokenizer.train`), or read from a language model's folder
(`TextTokenizer.open`). No text encodes to a special token: ``<audio>`` in a question is encoded as
plain characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from harken.errors import ModelError
from harken.times import TOKEN as TIME
from harken.times import TimeGrid

PAD, BOS, EOS, AUDIO, OPEN, CLOSE, ANSWER = (
    "<pad>",
    "<bos>",
    "<eos>",
    "<audio>",
    "<a>",
    "</a>",
    "<answer>",
)
SPECIAL_TOKENS = (PAD, BOS, EOS, AUDIO, OPEN, CLOSE, ANSWER)
"""Padding, begin, end, audio placeholder, begin and end of a clip, begin of the answer."""

FILE = "tokenizer.json"

_QUOTE = r'(?<!\S)"(?=\w)'
"""An opening quote. A space is added after it, so that a label has the same tokens in a question
(``the sound "dog bark"``) as among the choices (``- dog bark``): a small model can match them."""
_SPACED = re.compile(r'(?<!\S)" (?=\w)')
_PIECE = r" ?clip \d+| ?\d+| ?[^\w\s]+|(?:(?! clip \d) ?[^\W\d_]+)+|\s+"
"""Pre-tokens, which no merge crosses: a clip's number, a number, punctuation, a run of words."""
_MAX_CACHED_TEXTS = 100_000


class TextTokenizer:
    """A tokenizer and the ids of its special tokens.

    Attributes:
        special_ids: special token -> id.
        times: the times that have a token of their own (`use_times`); None: times are plain text.
        time_ids: time token -> id.
    """

    def __init__(
        self, tokenizer: Any, special_ids: dict[str, int], ends: frozenset[int] = frozenset()
    ) -> None:
        """Use `TextTokenizer.train` or `TextTokenizer.open`.

        Args:
            tokenizer: a ``tokenizers.Tokenizer``.
            special_ids: special token -> id; `decode` leaves them out.
            ends: ids that end a reply, beside ``<eos>``.
        """
        self._tokenizer = tokenizer
        # Untrusted text must not produce special tokens.
        tokenizer.encode_special_tokens = True
        # Some files have them on: long texts would lose their end without a word.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._ids: dict[str, tuple[int, ...]] = {}
        self.special_ids = special_ids
        self.pad, self.bos, self.eos = special_ids[PAD], special_ids[BOS], special_ids[EOS]
        self.audio, self.clip_begin, self.clip_end = (
            special_ids[AUDIO],
            special_ids[OPEN],
            special_ids[CLOSE],
        )
        self.answer = special_ids[ANSWER]
        self.ends = ends | {self.eos}
        self.times: TimeGrid | None = None
        self.time_ids: dict[str, int] = {}

    @staticmethod
    def train(texts: Iterable[str], size: int = 4096) -> TextTokenizer:
        """A byte-level BPE of at most `size` tokens; the same texts give the same tokens.

        Merges cross spaces (as in SuperBPE, arXiv 2503.13423): a label, or a frequent part of a
        question, is one token. A small model then matches a label in two places by one token, and
        its prompts are half as long.

        Every text counts once, however often a dataset repeats it.
        """
        from tokenizers import (
            Regex,
            Tokenizer,
            decoders,
            models,
            normalizers,
            pre_tokenizers,
            trainers,
        )

        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend(" "), normalizers.Replace(Regex(_QUOTE), '" ')]
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_PIECE), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sorted(set(texts)), trainer)
        return TextTokenizer(
            tokenizer, {token: int(tokenizer.token_to_id(token) or 0) for token in SPECIAL_TOKENS}
        )

    @staticmethod
    def open(path: Path, special_ids: dict[str, int] | None = None) -> TextTokenizer:
        """Read ``tokenizer.json`` (a file, or the folder it is in).

        Args:
            path: the file or folder.
            special_ids: special token -> id, where the tokenizer has its own (its end of text as
                ``<eos>``); missing special tokens are added after its tokens.

        Raises:
            ModelError: there is no such file, or it is damaged.
        """
        from tokenizers import Tokenizer

        file = path / FILE if path.is_dir() else path
        if not file.is_file():
            raise ModelError(
                f"there is no {FILE}", where=str(path), hint="Save the tokenizer as tokenizer.json."
            )
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises bare exceptions
            raise ModelError(f"the tokenizer cannot be read: {error}", where=str(file)) from error
        found = dict(special_ids or {})
        missing = [token for token in SPECIAL_TOKENS if token not in found]
        tokenizer.add_special_tokens(missing)
        found |= {token: int(tokenizer.token_to_id(token) or 0) for token in missing}
        return TextTokenizer(tokenizer, found)

    @property
    def unknown(self) -> int | None:
        """The id in place of what is not in the vocabulary; None: all text can be encoded."""
        name = getattr(self._tokenizer.model, "unk_token", None)
        return None if name is None else self._tokenizer.token_to_id(name)

    @property
    def size(self) -> int:
        """Number of ids, added special tokens included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def token(self, number: int) -> str:
        """The token with this id, as in the vocabulary."""
        return str(self._tokenizer.id_to_token(number))

    def use_times(self, times: TimeGrid) -> list[int]:
        """Encode every time in a text as one token; returns the ids of tokens that are new.

        A tokenizer may have the tokens already, as Qwen2-Audio's; they are special no more.
        """
        names = times.tokens()
        fresh = [name for name in names if self._tokenizer.token_to_id(name) is None]
        self._tokenizer.add_tokens(fresh)
        self.times = times
        self.time_ids = {name: int(self._tokenizer.token_to_id(name)) for name in names}
        self.special_ids = {n: i for n, i in self.special_ids.items() if n not in self.time_ids}
        self._ids.clear()
        return [self.time_ids[name] for name in fresh]

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of `text`; never a special token. With `use_times`, a time is one token."""
        ids = self._ids.get(text)
        if ids is None:
            ids = self._encoded(text) if self.times is None else self._timed(text, self.times)
            if len(self._ids) >= _MAX_CACHED_TEXTS:
                self._ids.clear()
            self._ids[text] = ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids` without special tokens, stripped; time tokens as ``<|1.12|>``."""
        special = set(self.special_ids.values())
        plain = [i for i in ids if i not in special]
        own = type(self._tokenizer.normalizer).__name__ == "Sequence"
        text = self._decoded(plain) if not self.time_ids else self._decoded_timed(plain, own)
        return _SPACED.sub('"', text.strip()) if own else text.strip()

    def _encoded(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _decoded(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False))

    def _timed(self, text: str, times: TimeGrid) -> tuple[int, ...]:
        """Ids of a text with times: what is between two times is encoded alone."""
        found: list[int] = []
        at = 0
        shown = times.as_tokens(text)
        for match in TIME.finditer(shown):
            number = self.time_ids.get(match.group(0))
            if number is None:  # written so in the text, and not on the grid
                continue
            found += self._encoded(shown[at : match.start()]) if at < match.start() else ()
            found.append(number)
            at = match.end()
        return (*found, *(self._encoded(shown[at:]) if at < len(shown) else ()))

    def _decoded_timed(self, ids: Sequence[int], own: bool) -> str:
        """The inverse of `_timed`; a tokenizer of harken's `own` put a space before each part."""
        names = {number: name for name, number in self.time_ids.items()}
        text = ""
        for is_time, group in groupby(ids, names.__contains__):
            if is_time:
                text += "".join(names[number] for number in group)
                continue
            part = self._decoded(list(group))
            text += part.removeprefix(" ") if own else part
        return text

    def plain(self, ids: Sequence[int]) -> str:
        """The text of `ids` with its spaces as they are; special tokens are shown."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def to_json(self) -> str:
        """The content of ``tokenizer.json``."""
        return str(self._tokenizer.to_str(pretty=False))
