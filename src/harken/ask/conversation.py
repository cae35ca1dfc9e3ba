"""A conversation with a model about clips: several of them, several turns.

A clip belongs to the turn with whose question it was first sent, and stays until it is dropped. The
last question can be asked again without any clip: what the model answers then, it did not hear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harken.audio.clip import Clip
from harken.audio.probe import probe
from harken.errors import ConfigError, HarkenError
from harken.models.base import (
    Earlier,
    Model,
    Prompt,
    PromptStyle,
    Reply,
    Sampling,
    capabilities,
    style_of,
)


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A question and its reply; `without`: the reply to it without the clips, if it was asked."""

    question: str
    reply: Reply
    without: Reply | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """A clip, and the number of the turn with whose question it is sent."""

    clip: Clip
    turn: int


class Conversation:
    """What was said so far, and the clips it is about.

    Args:
        model: any model that replies; a baseline that only picks among choices is refused.
        sampling: how replies are sampled.
        system: a system message; empty: none.

    Raises:
        ConfigError: the model is a text-only baseline.
    """

    def __init__(self, model: Model, sampling: Sampling, system: str = "") -> None:
        known = capabilities(model)
        if known.text_only:
            raise ConfigError(
                f"{model.name} picks one of an item's choices and cannot be talked to",
                hint="Name a saved model, native:…, openai:…, or cascade:….",
            )
        self.model = model
        self.sampling = sampling
        self.system = system
        self.turns: list[ChatTurn] = []
        self.multi_turn = known.multi_turn
        self.writes = known.writes
        self._held: list[_Held] = []

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips, in the order in which they were added."""
        return tuple(held.clip for held in self._held)

    def add(self, path: Path | str) -> Clip:
        """Add a sound file; it is sent with the next question.

        Raises:
            AudioError: it cannot be used; its whole content was read.
            ConfigError: the model takes no more clips.
        """
        most = self.model.max_clips
        if len(self._held) >= most:
            raise ConfigError(
                f"{self.model.name} takes {most} clip{'s' * (most != 1)} in a conversation"
                if most
                else f"{self.model.name} takes no audio",
                hint="Drop one first, or begin anew." if most else "",
            )
        found = probe(path)
        clip = Clip(path=str(path), duration_s=found.duration_s, sha256=found.sha256)
        self._held.append(_Held(clip, len(self.turns)))
        return clip

    def drop(self, number: int) -> Clip:
        """Take clip `number`, counted from 1, out of the conversation; later ones move up.

        Raises:
            ConfigError: there is no such clip.
        """
        if not 1 <= number <= len(self._held):
            there = f"{len(self._held)} in the conversation" if self._held else "none"
            raise ConfigError(f"there is no clip {number}", hint=f"Clips: {there}.")
        return self._held.pop(number - 1).clip

    def reset(self) -> None:
        """Forget all questions and replies; the clips stay, and are sent with the next question."""
        self.turns = []
        self._held = [replace(held, turn=0) for held in self._held]

    def ask(self, question: str) -> ChatTurn:
        """Put a question; a turn whose request failed is returned and not kept."""
        turn = ChatTurn(question, self._reply(self.prompt(question)))
        if turn.reply.stop != "failed":
            self.turns.append(turn)
        return turn

    def ask_without(self) -> ChatTurn:
        """The last question again, without any clip; the conversation goes on with its first reply.

        Earlier replies stay in the prompt: they may say what was heard.

        Raises:
            ConfigError: nothing was asked yet, or no clip was sent with what was asked.
        """
        if not self.turns:
            raise ConfigError("nothing was asked yet")
        last = self.turns.pop()
        try:
            if not any(held.turn <= len(self.turns) for held in self._held):
                raise ConfigError("the last question was asked without a clip")
            without = self._reply(self.prompt(last.question, audio=False))
        finally:
            self.turns.append(last)
        self.turns[-1] = replace(last, without=without)
        return self.turns[-1]

    def transcript(self, clip: Clip) -> Reply:
        """What a model that only writes texts of clips (`writes`) has for this one."""
        request = f"Give the {self.writes} of the recording."
        return self._reply(Prompt((clip, request), request, style=PromptStyle(letters=False)))

    def prompt(self, question: str, audio: bool = True) -> Prompt:
        """The conversation with `question` as its last turn.

        Of a model without `multi_turn`, the clips and this question only.
        """
        style = replace(style_of(self.model), letters=False)
        earlier = self.turns if self.multi_turn else []
        asked = [*((turn.question, turn.reply.text) for turn in earlier), (question, None)]
        parts: list[str | Clip] = []
        number = 0
        for at, (text, reply) in enumerate(asked):
            own = self._sent_with(at) if audio else []
            clips = self._marked(own, number, style)
            number += len(own)
            parts += [text, *clips] if style.question_first else [*clips, text]
            if reply is not None:
                parts.append(Earlier(reply))
        return Prompt(tuple(parts), question, style=style, system=self.system)

    def _sent_with(self, turn: int) -> list[Clip]:
        """The clips of a turn; without `multi_turn` there is one turn, which has all of them."""
        return [held.clip for held in self._held if held.turn == turn or not self.multi_turn]

    def _marked(self, clips: Sequence[Clip], before: int, style: PromptStyle) -> list[str | Clip]:
        """The clips of a turn, each after its number if the conversation has several."""
        if len(self._held) < 2 or not style.mark_clips:
            return list(clips)
        return [part for at, clip in enumerate(clips, before + 1) for part in (f"clip {at}:", clip)]

    def _reply(self, prompt: Prompt) -> Reply:
        """The model's reply; a model that raises has failed."""
        try:
            (reply,) = self.model.generate([prompt], self.sampling)
        except HarkenError as error:
            return Reply("", "failed", str(error))
        return reply
