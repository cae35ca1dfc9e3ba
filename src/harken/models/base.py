"""The interface of all models: Prompt, Sampling, Reply, Model, Learner.

No heavy library is imported here. `ask` and the layers above it know models only through this
module; `harken.models.load` builds one by name (``lalm``, ``native``, ``openai``, ``random``, …).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, runtime_checkable

from harken.audio.clip import Clip
from harken.errors import ConfigError, ModelError
from harken.letters import letter

MODEL_FILE = "harken-model.json"
"""The file that makes a folder a saved model."""


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """How prompts are written for a model; set by the model, applied by `harken.ask.prompt`.

    Attributes:
        letters: list choices as ``A. …`` and expect a letter; else list and expect the bare text.
        question_first: put the question before the clips, not after them.
        mark_clips: write ``clip 1:`` before each clip when there is more than one.
        instruction: sentence after the question and choices, such as a request for the answer only.
        hide_implied: do not list choices that the question implies: yes and no, the clips, counts.
    """

    letters: bool = True
    question_first: bool = False
    mark_clips: bool = True
    instruction: str = ""
    hide_implied: bool = False


ANSWER_ONLY = "Give the answer only; if there are options, the letter of the right one."
"""Usual instruction to models that follow instructions, where options have letters."""

TEXT_ONLY = "Give the answer only; if there are options, the text of the right one."
"""The same where options have none."""

SCORE_BY = ("model", "letter", "text")
"""What a choice is asked for and scored by: as the model is prompted, its letter, or its text."""


class Earlier(str):
    """An assistant turn earlier in a conversation: a part of a prompt between two user turns.

    Only for models with `multi_turn`; others would read it as text of the user.
    """

    __slots__ = ()


class Verbatim(str):
    """A text whose spaces are its own: nothing is put between it and the clip or text before it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request to a model: text, clips and choices.

    Attributes:
        parts: text and clips in reading order; an `Earlier` ends a turn of a conversation.
        question: the bare question (text-only baselines read it).
        choices: the choices in shown order, without letters; empty for open-ended questions.
        order: ``order[shown position] = position in item.choices``: how the choices are rotated.
        style: how the prompt was written; the parser needs it.
        item_id: the item it came from.
        system: system message, if the model takes one.
        schema: JSON schema of the reply, as JSON text; empty: a free text. Servers and models of
            harken's engine hold their replies to it, others see only what the prompt says.
    """

    parts: tuple[str | Clip, ...]
    question: str
    choices: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    style: PromptStyle = field(default_factory=PromptStyle)
    item_id: str = ""
    system: str = ""
    schema: str = ""

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The clips, in order."""
        return tuple(part for part in self.parts if isinstance(part, Clip))

    @property
    def targets(self) -> tuple[str, ...]:
        """The expected reply for each shown choice: a letter or the bare text."""
        if self.style.letters:
            return tuple(letter(i) for i in range(len(self.choices)))
        return self.choices


MOST_TOKENS = 1_000_000
"""Largest room for a reply, in tokens: more than any model's context."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a reply is sampled.

    Attributes:
        max_tokens: room for the reply; one that is longer is cut.
        temperature: 0 is greedy.
        top_k: only the most probable tokens, so many; 0: all.
        seed: of the draws.
        top_p: only the most probable tokens that together have this share of the probability
            (nucleus, arXiv 1904.09751); 1: all.
        thinking_tokens: further room, for reasoning before the reply. Servers and models count
            both together, so a reply is cut after `room` tokens.

    Raises:
        ConfigError: a value out of its range; all of them are named.
    """

    max_tokens: int = 32
    temperature: float = 0.0
    top_k: int = 0
    seed: int = 0
    top_p: float = 1.0
    thinking_tokens: int = 0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        ranges = (
            ("max_tokens", 1 <= self.max_tokens <= MOST_TOKENS, f"1 to {MOST_TOKENS:,}"),
            ("thinking_tokens", 0 <= self.thinking_tokens <= MOST_TOKENS, f"0 to {MOST_TOKENS:,}"),
            ("temperature", 0 <= self.temperature < math.inf, "0 (greedy) or more"),
            ("top_k", self.top_k >= 0, "0 (no limit) or more"),
            ("top_p", 0 < self.top_p <= 1, "more than 0, up to 1"),
            ("seed", self.seed >= 0, "0 or more"),
        )
        wrong = [(name, accepted) for name, fits, accepted in ranges if not fits]
        if wrong:
            raise ConfigError(
                "; ".join(f"{name} is {getattr(self, name)}" for name, _ in wrong),
                where="sampling of replies",
                hint="Accepted: " + "; ".join(f"{name} {accepted}" for name, accepted in wrong),
            )

    @property
    def room(self) -> int:
        """Most tokens of reasoning and reply together."""
        return self.max_tokens + self.thinking_tokens


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model returned for one prompt.

    Attributes:
        text: the reply; empty when the request failed, or was cut before the reply began.
        stop: ``"end"``, ``"length"`` (cut: its room was used up) or ``"failed"``.
        error: why it failed, else None.
        logprobs: natural-log probability of each *shown* choice, normalised over the choices
            (sums to 1 in probability), or None where the model gives none.
        explanation: reasoning text, if the model returns it apart from the reply.
    """

    text: str
    stop: str = "end"
    error: str | None = None
    logprobs: tuple[float, ...] | None = None
    explanation: str = ""


@runtime_checkable
class Model(Protocol):
    """Anything that answers prompts.

    `max_clips` is the number of clips it can take in one prompt (0: text only); `style` says how
    prompts are written, and may be left out (`style_of`). `generate` and
    `choice_logprobs` return one entry a prompt, in order. A prompt that fails gives a Reply with
    ``stop="failed"`` (resp. None), never an exception for the whole batch.
    """

    name: str
    max_clips: int
    style: PromptStyle

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """One reply a prompt."""
        ...

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """Log-probability (nats) of each shown choice, normalised over the prompt's choices."""
        ...

    def identity(self) -> str:
        """A short hash of weights and settings: models with the same identity reply the same."""
        ...


@dataclass(frozen=True, slots=True)
class SpeechSampling:
    """How the codes of a sound are drawn.

    Attributes:
        seconds: most of the sound that is made, without what is gone on with.
        temperature: 0 is greedy; `top_k` 0 and `top_p` 1 keep all codes.
        guidance: classifier-free, by the text (`harken.models.codec_lm.generate`); 1: none.

    Raises:
        ConfigError: a value out of its range.
    """

    seconds: float = 3.0
    temperature: float = 0.9
    top_k: int = 0
    top_p: float = 0.95
    guidance: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if not 0 < self.seconds <= 600:
            raise ConfigError(f"seconds is {self.seconds} (accepted: above 0, up to 600)")
        if not 0 <= self.guidance <= 100:
            raise ConfigError(f"guidance is {self.guidance} (accepted: 0 to 100; 1: none)")
        self.each(0)

    def each(self, seed: int) -> Sampling:
        """How one code is drawn."""
        return Sampling(temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, seed=seed)


@dataclass(frozen=True, slots=True)
class Speech:
    """A reply that is sound.

    Attributes:
        samples: float32 (n,) at 16 kHz; empty when the request failed.
        text: what is said in it, as far as the model knows.
        stop: ``"end"``, ``"length"`` (cut: its room was used up) or ``"failed"``.
        error: why it failed, else None.
        frames: frames of codes that were drawn.
    """

    samples: Any
    text: str = ""
    stop: str = "end"
    error: str | None = None
    frames: int = 0


@runtime_checkable
class Speaker(Protocol):
    """A model that can reply with sound; `voices` has the names of its voices."""

    voices: tuple[str, ...]

    def speak(
        self, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int], voice: str
    ) -> list[Speech]:
        """One reply a prompt, each drawn with its own seed; `voice`: one of `voices`, or empty."""
        ...


def style_of(model: Model) -> PromptStyle:
    """How a model's prompts are written; the usual style where it does not say."""
    return getattr(model, "style", None) or PromptStyle()


def score_choices_by(model: Model, how: str) -> Model:
    """`model` itself, prompted from now on so that a choice is named and scored by `how`.

    By its text, the log-probability of a choice is that of all its tokens and the end of the reply;
    options are listed without letters. Small language models bind letters to options poorly.

    Raises:
        ConfigError: `how` is not in `SCORE_BY`.
        ModelError: the model's style cannot be changed.
    """
    if how not in SCORE_BY:
        raise ConfigError(f"--score-by is {how!r}", hint=f"Use {', '.join(SCORE_BY)}.")
    if how == "model":
        return model
    usual = {"letter": (TEXT_ONLY, ANSWER_ONLY), "text": (ANSWER_ONLY, TEXT_ONLY)}[how]
    style = style_of(model)
    instruction = usual[1] if style.instruction == usual[0] else style.instruction
    try:
        model.style = replace(style, letters=how == "letter", instruction=instruction)
    except AttributeError as error:
        raise ModelError(
            f"{model.name}: the style of its prompts cannot be changed ({error})",
            hint="Leave --score-by out.",
        ) from None
    return model


def check_model(model: Any) -> Model:
    """`model`; an object that is no `Model` is refused before it is asked anything.

    Raises:
        ModelError: a method or an attribute is missing (the message names all of them), or its
            style is something else.
    """
    methods = [name for name in ("generate", "choice_logprobs", "identity")
               if not callable(getattr(model, name, None))]  # fmt: skip
    facts = [name for name in ("name", "max_clips") if not hasattr(model, name)]
    if methods or facts:
        lacks = [*(f"method {name}" for name in methods), *(f"attribute {name}" for name in facts)]
        raise ModelError(
            f"{type(model).__name__} is no model: it lacks {', '.join(lacks)}",
            hint="See harken.models.base.Model, and examples/own_model.py.",
        )
    if not isinstance(getattr(model, "style", None), PromptStyle | None):
        raise ModelError(
            f"the style of {type(model).__name__} is a {type(model.style).__name__}",
            hint="Use a harken.models.base.PromptStyle, or leave it out.",
        )
    found: Model = model
    return found


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


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do beyond the protocol `Model`, with what holds where it does not say.

    Attributes:
        batch: prompts it likes to get at once.
        text_only: it ignores clips, although it accepts prompts with them.
        multi_turn: whether a prompt may hold earlier turns.
        writes: what it writes of a clip, ``"transcript"`` or ``"caption"``; empty if it is no
            listener of its own.
        keep: lets it keep its replies in a folder, and use those that are there; None if it cannot.
        report: counts of its requests so far; None if it counts none.
        clear_cache: drops what it has cached of clips and prompts; None if it caches nothing.
    """

    batch: int = 16
    text_only: bool = False
    multi_turn: bool = False
    writes: str = ""
    keep: Callable[[Any], None] | None = None
    report: Callable[[], dict[str, Any]] | None = None
    clear_cache: Callable[[], None] | None = None


def capabilities(model: Any) -> Capabilities:
    """The attributes of `Capabilities` that `model` has, and the defaults of the others."""
    names = [entry.name for entry in fields(Capabilities)]
    found = {name: getattr(model, name) for name in names if hasattr(model, name)}
    return Capabilities(**found)
