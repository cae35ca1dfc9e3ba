"""What can be asked, and the words of asking: Prompt, Sampling, Reply, Model, Learner.

Nothing heavy is imported here. `ask` and everything above it knows models only through this file;
adapters (``lalm``, ``deaf``, later ``hf``, ``openai``) arrive by name from `harken.models`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harken.audio.clip import Clip

MODEL_FILE = "harken-model.json"
"""The file that makes a folder a saved model."""


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """How a model likes to be asked; chosen by the model, applied by `harken.ask.prompt`.

    Attributes:
        letters: show choices as ``A. …`` and expect a letter; else show and expect the bare text.
        question_first: put the question before the clips (and not after them).
        mark_clips: write ``clip 1:`` before each clip when there is more than one.
        instruction: sentence put after the question, such as a request for the answer only.
        hide_implied: do not list choices that the question implies: yes and no, the clips, counts.
    """

    letters: bool = True
    question_first: bool = False
    mark_clips: bool = True
    instruction: str = ""
    hide_implied: bool = False


class Earlier(str):
    """A reply of the model's own, earlier in a conversation: a part of a prompt between two turns.

    Only a model that `multi_turn` may be given one; another would read it as the user's words.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question as it is put to a model.

    Attributes:
        parts: text and clips in reading order; an `Earlier` ends a turn of a conversation.
        question: the bare question (deaf baselines read it).
        choices: the choices as shown, in shown order, without letters; empty for open questions.
        order: ``order[shown position] = position in item.choices``: the rotation rides here.
        style: how it was written; the parser needs it.
        item_id: the item it came from.
        system: system message, if the model has a place for one.
    """

    parts: tuple[str | Clip, ...]
    question: str
    choices: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    style: PromptStyle = field(default_factory=PromptStyle)
    item_id: str = ""
    system: str = ""

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips, in order."""
        return tuple(part for part in self.parts if isinstance(part, Clip))

    @property
    def targets(self) -> tuple[str, ...]:
        """What the model is expected to say for each shown choice: a letter or the bare text."""
        if self.style.letters:
            return tuple(letter(i) for i in range(len(self.choices)))
        return self.choices


def letter(position: int) -> str:
    """0 -> ``"A"``; past Z it goes on with ``"AA"``."""
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is drawn: ``temperature`` 0 is greedy; `seed` makes sampling repeatable."""

    max_tokens: int = 32
    temperature: float = 0.0
    top_k: int = 0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        text: the reply; empty when the request failed.
        stop: ``"end"``, ``"length"`` or ``"failed"``.
        error: why it failed, else None.
        logprobs: natural-log probability of each *shown* choice, normalised over the choices
            (sums to 1 in probability), or None where the model gives none.
        explanation: reasoning text, if the model separates it.
    """

    text: str
    stop: str = "end"
    error: str | None = None
    logprobs: tuple[float, ...] | None = None
    explanation: str = ""


@runtime_checkable
class Model(Protocol):
    """Anything that answers prompts.

    `max_clips` is the number of clips it can take in one prompt (0: text only). `generate` and
    `choice_logprobs` return one entry a prompt, in order. A prompt that fails gives a Reply with
    ``stop="failed"`` (resp. None), never an exception for the whole batch.
    """

    name: str
    max_clips: int
    style: PromptStyle

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """Answer each prompt in words."""
        ...

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """Log-probability (nats) of each shown choice, normalised over the prompt's choices."""
        ...

    def identity(self) -> str:
        """A short hash of weights and settings: two models with one identity answer alike."""
        ...


@dataclass(frozen=True, slots=True)
class ModelKind:
    """How models of one kind are built from their name.

    Attributes:
        name: what stands before the colon in ``name:target``.
        about: what it is, in a sentence.
        build: ``build(target, **options) -> Model``; `target` is what stands after the colon, or
            the folder of a saved model whose `MODEL_FILE` has this name as its ``kind``.
        needs_items: it is built from the very items that it is asked (``items=...``): a text-only
            baseline that is cross-validated on them, or one that must know their answers.
    """

    name: str
    about: str
    build: Callable[..., Model]
    needs_items: bool = False


@runtime_checkable
class Learner(Model, Protocol):
    """A Model that can be taught.

    `logprobs` gives, for each (prompt, answer) pair, the summed log-probability of the answer's
    tokens as a differentiable tensor (B,). `state` and `load_state` move tensors by name.
    """

    def logprobs(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> Any:
        """Summed answer log-probabilities, differentiable, shape (B,)."""
        ...

    def parameters(self) -> Any:
        """The trainable tensors."""
        ...

    def state(self) -> Mapping[str, Any]:
        """All tensors by name."""
        ...

    def save(self, folder: Path) -> None:
        """Write a folder that `harken.models.load.load_model` opens again."""
        ...
