"""Items -> tokenized examples: order, options, augmentation, and examples with less audio.

All randomness is from ``default_rng`` seeded by seed and step: a batch is a pure function of the
items, the seed and the step, so a resumed run has the same batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from zlib import crc32

import numpy as np

from harken.ask.option_order import shuffled_order
from harken.ask.prompt import make_prompt, target
from harken.audio.clip import Clip
from harken.audio.single import silenced
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.base import Prompt
from harken.models.engine.batch import AudioInput, TokenizedPrompt
from harken.models.learner import Learner
from harken.train.augment import augment, loose, mask
from harken.train.less_audio import NOTHING, drop_audio, unheard
from harken.train.mix import Mix
from harken.train.text_clips import as_text, clip_labels


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """How items become examples.

    Attributes:
        modality_dropout: share of closed-ended items without their audio (half with no clips, half
            with silence); their answer is drawn from the choices, so that without audio the model
            learns a uniform distribution instead of guessing from the text.
        clips_as_text: clips are replaced by the labels of their sounds.
        augment: augment the features (log-mel encoders only).
        turns: up to so many items with the same clips become one example; clips are encoded once.
        audio_dropout: share of the audio tokens of each clip that are zeros.
        nothing: share of open-ended items whose clips are noise or silence, and whose answer is
            `nothing_answer`.
        nothing_answer: what is right where nothing is heard.
        answers: item id -> what is taught instead of its answer.
    """

    modality_dropout: float = 0.0
    clips_as_text: bool = False
    augment: bool = False
    turns: int = 1
    audio_dropout: float = 0.0
    nothing: float = 0.0
    nothing_answer: str = NOTHING
    answers: Mapping[str, str] = field(default_factory=dict)

    def check(self, learner: Learner) -> None:
        """Raise ConfigError for settings that this learner does not support."""
        if self.augment and not learner.augmentable:
            raise ConfigError(
                f"augment is true, and {learner.name} has no log-mel features to augment",
                hint="Set augment to false.",
            )
        if self.turns > 1 and not learner.packs_questions:
            raise ConfigError(
                f"turns is {self.turns}, and {learner.name} takes one question in a prompt",
                hint="Set turns to 1.",
            )
        for name in ("audio_dropout", "nothing"):
            if getattr(self, name) and self.clips_as_text:
                raise ConfigError(
                    f"{name} is {getattr(self, name):g}, and clips_as_text replaces all audio",
                    hint=f"Set {name} to 0, or train on audio.",
                )


def plain_settings(how: BatchSettings) -> BatchSettings:
    """`how` without what is drawn at random: examples as they are checked and shown."""
    return replace(how, modality_dropout=0.0, augment=False, audio_dropout=0.0, nothing=0.0)


@dataclass(frozen=True, slots=True, eq=False)
class DrawnExample:
    """An example with all that is drawn at random, before its audio is loaded.

    Attributes:
        prompts: the questions about its clips, in order.
        answers: what is taught.
        item: ids of its items.
        audio_inputs: augmented features; None: the clips as they are.
        without: whether its audio was taken away.
        nothing: whether noise or silence is in place of its clips.
        dropout: share of the audio tokens of each clip that become zeros.
        seed: of which.
    """

    prompts: tuple[Prompt, ...]
    answers: tuple[str, ...]
    item: str
    audio_inputs: tuple[AudioInput, ...] | None = None
    without: bool = False
    nothing: bool = False
    dropout: float = 0.0
    seed: tuple[int, ...] = ()

    def tokenized(self, learner: Learner) -> TokenizedPrompt:
        """The example as tokens, with its audio.

        Raises:
            HarkenError: a clip cannot be loaded, or the example is too long.
        """
        inputs = None if self.audio_inputs is None else list(self.audio_inputs)
        found = learner.tokenize_turns(self.prompts, self.answers, inputs)
        found = replace(found, item=self.item)
        require_own(found, self.prompts[0].clips)
        return drop_audio(found, self.dropout, np.random.default_rng(self.seed or 0))


@dataclass(frozen=True, slots=True)
class Batch:
    """Tokenized examples with answers, and counts.

    Attributes:
        examples: in the order in which they were drawn.
        clips: of all of them.
        modality_dropout: examples whose audio was taken away.
        nothing: examples with noise or silence in place of their clips.
        dropped: audio tokens that are zeros.
    """

    examples: tuple[TokenizedPrompt, ...]
    clips: int
    modality_dropout: int
    nothing: int = 0
    dropped: int = 0

    @property
    def answer_tokens(self) -> int:
        """Number of tokens with a loss."""
        return sum(example.answer_tokens for example in self.examples)

    @staticmethod
    def of(learner: Learner, drawn: Sequence[DrawnExample]) -> Batch:
        """Tokenize what was drawn.

        Raises:
            HarkenError: a clip cannot be loaded or an item is too long; training stops instead of
                silently skipping it.
        """
        examples = tuple(one.tokenized(learner) for one in drawn)
        inputs = [audio_input for example in examples for audio_input in example.audio_inputs]
        return Batch(
            examples,
            len(inputs),
            sum(one.without for one in drawn),
            sum(one.nothing for one in drawn),
            sum(len(audio_input.dropped) for audio_input in inputs),
        )


def epoch_picks(count: int, size: int, seed: int, step: int) -> list[int]:
    """Which of `count` items are in batch `step`: one permutation after the other."""
    return Mix((count,)).picks(size, seed, step)


def grouped(items: Sequence[Item], turns: int) -> list[list[Item]]:
    """Items with the same clips in groups of at most `turns`, ordered by their first items."""
    groups: list[list[Item]] = []
    open_groups: dict[tuple[str, ...], list[Item]] = {}
    for item in items:
        keys = tuple(clip.key for clip in item.clips)
        group = open_groups.get(keys)
        alone = turns < 2 or not keys or item.dialogue is not None
        if alone or group is None or len(group) >= turns:
            group = []
            groups.append(group)
            if item.dialogue is None:
                open_groups[keys] = group
        group.append(item)
    return groups


def draw_batch(
    learner: Learner,
    groups: Sequence[Sequence[Item]],
    how: BatchSettings,
    size: int,
    seed: int,
    step: int,
    mix: Mix | None = None,
) -> list[DrawnExample]:
    """What is in the batch of `step`: `size` groups (see `grouped`), each one example.

    No audio is loaded, except where features are augmented: what is drawn for these depends on
    their length, and the draws of all examples follow each other.

    Args:
        learner: that will be trained.
        groups: all examples; `mix` says which are drawn, where they are of several sources.
        how: they become examples.
        size: of the batch.
        seed: with the step, of all draws.
        step: whose batch it is.
        mix: see `groups`.
    """
    rng = np.random.default_rng([seed, crc32(b"batch"), step])
    found = []
    for place, pick in enumerate((mix or Mix((len(groups),))).picks(size, seed, step)):
        group = groups[pick]
        quiet = unheard(group, how.nothing, how.nothing_answer, rng)
        one = draw_example(learner, quiet or group, how, rng)
        item = ",".join(item.id for item in group) if quiet else one.item
        own = (seed, crc32(b"audio dropout"), step, place)
        found.append(
            replace(one, item=item, nothing=bool(quiet), dropout=how.audio_dropout, seed=own)
        )
    return found


def make_example(
    learner: Learner, group: Sequence[Item], how: BatchSettings, rng: np.random.Generator
) -> tuple[TokenizedPrompt, bool]:
    """Items with the same clips as one example, and whether its audio was dropped."""
    drawn = draw_example(learner, group, how, rng)
    return drawn.tokenized(learner), drawn.without


def draw_example(
    learner: Learner, group: Sequence[Item], how: BatchSettings, rng: np.random.Generator
) -> DrawnExample:
    """Items with the same clips as one example, with its draws.

    Without audio only closed-ended questions are used: no answer to the others would be right.
    """
    asked = [group[int(i)] for i in rng.permutation(len(group))]
    closed_ended = [item for item in asked if item.choices]
    without = bool(closed_ended) and bool(group[0].clips) and rng.random() < how.modality_dropout
    asked = closed_ended if without else asked
    first = asked[0]
    clips = first.clips
    if without:
        silent = rng.random() < 0.5 and not how.clips_as_text
        clips = tuple(silenced(clip) for clip in clips) if silent else ()
    prompts, answers = [], []
    for item in asked:
        order = shuffled_order(item, rng)
        shown = item if clips == item.clips else item.with_clips(clips)
        prompts.append(make_prompt(shown, learner.style, order=order))
        right = how.answers.get(item.id) or target(shown, prompts[-1])
        targets = prompts[-1].targets
        answers.append(targets[int(rng.integers(len(targets)))] if without else right)
    audio_inputs = None
    if how.clips_as_text and clips:
        names = clip_labels(first)
        assert names is not None, "`text_warmup` leaves out items without labels"
        prompts[0] = as_text(prompts[0], names, rng)
    elif how.augment:
        audio_inputs = tuple(_augmented(learner, first, prompts[0], rng))
    ids = ",".join(item.id for item in asked)
    return DrawnExample(tuple(prompts), tuple(answers), ids, audio_inputs, without)


def require_own(example: TokenizedPrompt, clips: Sequence[Clip]) -> None:
    """Raise ModelError unless the clips of an example are those of its prompt, in their order."""
    found = [audio_input.key for audio_input in example.audio_inputs]
    if len(found) != len(clips):
        raise ModelError(
            f"item {example.item} has {len(clips)} clips, and {len(found)} are in its tokens"
        )
    for number, (key, clip) in enumerate(zip(found, clips, strict=True), 1):
        if key not in ("", clip.key):  # augmented features have no key
            raise ModelError(
                f"item {example.item}: clip {number} of {len(clips)} is {clip.name}, and its "
                f"tokens are those of {example.audio_inputs[number - 1].name or key}"
            )


def _augmented(
    learner: Learner, item: Item, prompt: Prompt, rng: np.random.Generator
) -> list[AudioInput]:
    """The encoder inputs of the clips with augmented features."""
    free = loose(item)
    audio_inputs = []
    for clip in prompt.clips:
        features = learner.features(clip)
        if not isinstance(features, np.ndarray):  # made window by window, when they are used
            audio_inputs.append(learner.audio_input(clip))
            continue
        prepared = learner.prepare(augment(features, rng, loose=free))
        masked = mask(prepared.features, rng)
        audio_inputs.append(replace(prepared, given=masked, name=clip.name))
    return audio_inputs
