"""Examples as the model gets them: text, spans of audio, special tokens, and what has a loss.

For people. A `Piece` is a run of tokens of one kind; `plain_text` marks kinds with brackets, the
command line with colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harken.models.engine.batch import TokenizedPrompt
from harken.models.learner import Learner

Kind = Literal["text", "special", "audio"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of tokens of one kind.

    Attributes:
        text: what to show.
        kind: ``text``, ``special`` (a control token) or ``audio`` (the tokens of one clip).
        loss: whether these tokens have a loss.
        tokens: how many they are.
    """

    text: str
    kind: Kind
    loss: bool
    tokens: int


@dataclass(frozen=True, slots=True)
class Preview:
    """One example: its item's id, its pieces in order, and its sizes in tokens."""

    item: str
    pieces: tuple[Piece, ...]
    tokens: int
    audio_tokens: int
    answer_tokens: int
    clips: int

    @property
    def head(self) -> str:
        """Id and sizes in one line."""
        loss = f"{self.answer_tokens} with a loss" if self.answer_tokens else "none with a loss"
        return (
            f"item {self.item}: {self.tokens} tokens, {self.audio_tokens} of them audio "
            f"({self.clips} clips), {loss}"
        )


def preview(learner: Learner, example: TokenizedPrompt) -> Preview:
    """An example in pieces."""
    losses = [False] * len(example.ids)
    for start, end in example.spans:
        losses[start:end] = [True] * (end - start)
    kinds = _kinds(learner, example)
    pieces = []
    start = 0
    for at in range(1, len(kinds) + 1):
        if at == len(kinds) or (kinds[at], losses[at]) != (kinds[start], losses[start]):
            pieces.append(_piece(learner, example, kinds[start], losses[start], start, at))
            start = at
    inputs = example.audio_inputs
    return Preview(
        example.item,
        tuple(pieces),
        len(example.ids),
        sum(audio_input.tokens for audio_input in inputs),
        example.answer_tokens,
        len(inputs),
    )


def _kinds(learner: Learner, example: TokenizedPrompt) -> list[tuple[Kind, int]]:
    """Kind of each token, and a number by which runs of one kind are told apart."""
    audio = learner.tokenizer.audio
    clips = [n for n, clip in enumerate(example.audio_inputs) for _ in range(clip.tokens)]
    names = learner.prompt_tokenizer.control_tokens
    found: list[tuple[Kind, int]] = []
    seen = 0
    for at, token in enumerate(example.ids):
        if token == audio:
            found.append(("audio", clips[seen] if seen < len(clips) else -1))
            seen += 1
        elif learner.tokenizer.token(token) in names or token in learner.tokenizer.ends:
            found.append(("special", at))
        else:
            found.append(("text", 0))
    return found


def _piece(
    learner: Learner,
    example: TokenizedPrompt,
    kind: tuple[Kind, int],
    loss: bool,
    start: int,
    end: int,
) -> Piece:
    name, number = kind
    if name == "special":
        text = learner.tokenizer.token(example.ids[start])
    elif name == "text":
        text = learner.tokenizer.plain(example.ids[start:end])
    elif number < 0:
        text = f"<audio of no clip, {end - start} tokens>"
    else:
        clip = example.audio_inputs[number]
        text = f"<audio: {clip.name or f'clip {number + 1}'}, {end - start} tokens>"
    return Piece(text, name, loss, end - start)


def plain_text(shown: Preview) -> str:
    """A preview as text: ``[[`` and ``]]`` around what has a loss."""
    text = ""
    loss = False
    for piece in shown.pieces:
        if piece.loss != loss:
            text += "[[" if piece.loss else "]]"
            loss = piece.loss
        text += piece.text
    return f"{shown.head}\n{text}{']]' if loss else ''}"


def legend(colours: bool) -> str:
    """What the marks mean."""
    if colours:
        return "green and underlined: has a loss; cyan: audio; dim: special tokens"
    return "[[…]]: has a loss; <audio: …>: audio tokens of one clip"


def style(piece: Piece) -> str:
    """The style of a piece, in the words of rich."""
    own = {"audio": "cyan", "special": "dim", "text": ""}[piece.kind]
    return f"{own} green underline".strip() if piece.loss else own
