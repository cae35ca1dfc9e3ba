"""Text <-> token ids: byte-level BPE, so that any text at all can be written down.

Trained on the texts of a dataset (`TextTokenizer.train`), or taken from a language model's folder
(`TextTokenizer.open`). The marks of the audio part are tokens that no text can produce: a question
that contains ``<audio>`` is spelt out letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from harken.errors import ModelError

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
"""Padding, begin, end, one frame of audio, begin and end of a clip, begin of the answer."""

FILE = "tokenizer.json"

_QUOTE = r'(?<!\S)"(?=\w)'
"""A quote that opens. A space is put behind it, for a name must be the same tokens in a question
(``the sound "dog bark"``) as among the choices (``- dog bark``): a small model has to see at a
glance that they are one."""
_SPACED = re.compile(r'(?<!\S)" (?=\w)')
_PIECE = r" ?clip \d+| ?\d+| ?[^\w\s]+|(?:(?! clip \d) ?[^\W\d_]+)+|\s+"
"""What no merge goes beyond: a clip's number, a number, punctuation, a run of words."""
_REMEMBERED = 100_000


class TextTokenizer:
    """A tokenizer and the ids of its marks."""

    def __init__(
        self, tokenizer: Any, marks: dict[str, int], ends: frozenset[int] = frozenset()
    ) -> None:
        """Use `TextTokenizer.train` or `TextTokenizer.open`.

        Args:
            tokenizer: a ``tokenizers.Tokenizer``.
            marks: ids of the marks, left out of what is decoded.
            ends: ids that end a reply beside ``<eos>``.
        """
        self._tokenizer = tokenizer
        # Untrusted text must not be able to forge a mark.
        tokenizer.encode_special_tokens = True
        self._ids: dict[str, tuple[int, ...]] = {}
        self.marks = marks
        self.pad, self.bos, self.eos = marks[PAD], marks[BOS], marks[EOS]
        self.audio, self.clip_begin, self.clip_end = marks[AUDIO], marks[OPEN], marks[CLOSE]
        self.answer = marks[ANSWER]
        self.ends = ends | {self.eos}

    @staticmethod
    def train(texts: Iterable[str], size: int = 4096) -> TextTokenizer:
        """A byte-level BPE of at most `size` tokens; the same texts give the same tokens.

        Merges go over spaces (as in SuperBPE, arXiv 2503.13423): a label, and a piece of a wording
        that comes often, are one token. What a small model must find to be the same is then one
        token here and one there, and its lines are half as long.

        Every text is trained on once: how often a dataset repeats a question says little.
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
            tokenizer, {mark: int(tokenizer.token_to_id(mark) or 0) for mark in SPECIAL_TOKENS}
        )

    @staticmethod
    def open(path: Path, marks: dict[str, int] | None = None) -> TextTokenizer:
        """Read ``tokenizer.json`` (a file, or the folder it is in).

        Args:
            path: where it lies.
            marks: mark -> id, where the tokenizer has its own (its end of text as ``<eos>``); marks
                that are missing are added behind its tokens.

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
        found = dict(marks or {})
        missing = [mark for mark in SPECIAL_TOKENS if mark not in found]
        tokenizer.add_special_tokens(missing)
        found |= {mark: int(tokenizer.token_to_id(mark) or 0) for mark in missing}
        return TextTokenizer(tokenizer, found)

    @property
    def size(self) -> int:
        """Number of ids, added marks included."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def token(self, number: int) -> str:
        """The token with this id, as the vocabulary spells it."""
        return str(self._tokenizer.id_to_token(number))

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of `text`; never those of a mark."""
        held = self._ids.get(text)
        if held is None:
            held = tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)
            if len(self._ids) >= _REMEMBERED:
                self._ids.clear()
            self._ids[text] = held
        return held

    def decode(self, ids: Sequence[int]) -> str:
        """The text of `ids`, marks left out, without spaces around it."""
        marks = set(self.marks.values())
        kept = [i for i in ids if i not in marks]
        text = str(self._tokenizer.decode(kept, skip_special_tokens=False)).strip()
        own = type(self._tokenizer.normalizer).__name__ == "Sequence"
        return _SPACED.sub('"', text) if own else text

    def to_json(self) -> str:
        """The content of ``tokenizer.json``."""
        return str(self._tokenizer.to_str(pretty=False))
