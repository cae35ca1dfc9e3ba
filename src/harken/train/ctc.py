"""ctc: aligns audio tokens with the language model's embeddings; the language model is not run.

Every audio token is scored against the embeddings of the text tokens in use in the data, and of a
blank, by their cosine; CTC aligns them with the answer. A second term pulls the audio token at the
peak of each text token to its embedding, once the alignment is sure of it. So a pass costs a
projector, and with kept features nothing else. The idea, CTC before the language model, is that of
Soundwave (arXiv 2502.12900) and SpeechMapper (arXiv 2601.20417). Departures from both: the classes
are the tied embeddings themselves, so nothing is trained that is thrown away afterwards, and the
blank is the embedding of a token that no answer uses, such as a line break: an audio token without
text is then something that the language model has often read.

Items are open-ended questions about one clip whose answers are transcripts, captions or labels;
others are left out and counted. A part of the recordings is held out: its token error rate by
greedy decoding is in ``evaluations.jsonl``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from harken.errors import ConfigError, DataError, ModelError
from harken.item import Item
from harken.models.engine.batch import AudioInput
from harken.models.learner import Learner
from harken.runs import Run
from harken.train import evaluation
from harken.train.arrival import check_arrival
from harken.train.batch import epoch_picks
from harken.train.check import check_items, used
from harken.train.ctc_paths import cosine_logits, ctc_loss, edits, frames_needed, greedy, peaks
from harken.train.evaluation import Evaluation, evaluating
from harken.train.held_out import Parts, hold_out
from harken.train.objective import Made, Objective, Prepared, pieces, prepared
from harken.train.stage import LoopSettings, Stage
from harken.train.teachable import answer_faults
from harken.train.train_loop import train_loop

_BLANKS = ("\n", "\n\n", "\t", "  ", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class CtcSettings(LoopSettings):
    """Settings of the stage.

    Attributes:
        batch: clips in a micro-batch; a step has `accumulate` of these.
        temperature: of the cosines, which it divides.
        cosine: weight of the term at the peaks; 0: none.
        peak: least probability of a text token at its peak for that term.
        blank: text of one token that no answer has; empty: one is chosen.
        held_out: share of the recordings that is not trained on, but evaluated.
        held_out_most: most recordings of these.
    """

    refused: ClassVar[Mapping[str, str]] = {
        "pack_tokens": "the language model is not run, so there are no rows of prompts"
    }
    name: str = "ctc"
    groups: tuple[str, ...] = ("projector",)
    batch: int = 32
    temperature: float = 0.05
    cosine: float = 1.0
    peak: float = 0.5
    blank: str = ""
    held_out: float = 0.05
    held_out_most: int = 200
    evaluate_every: int = 100

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        found = [self.fault(name, least=1) for name in ("batch", "held_out_most")]
        found += [self.fault("temperature", above=0, most=10), self.fault("cosine")]
        found += [self.fault(name, most=1) for name in ("peak", "held_out")]
        if "lm" in self.groups:
            found.append("groups have lm, which this stage does not run (accepted: the others)")
        return [*LoopSettings.faults(self), *filter(None, found)]


def spoken_tokens(learner: Learner, text: str) -> tuple[int, ...]:
    """The token ids of a text as it stands within a text: its first word as every other word.

    Byte-level tokenizers write the space before a word into its token, so a word at the beginning
    is another token; as a class of its own it would be learnt from the few clips that begin so.
    """
    within, alone = learner.tokenizer.encode(f" {text}"), learner.tokenizer.encode(text)
    return within if len(within) <= len(alone) else alone


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """The text tokens in use in the answers, as classes of CTC from 1 on; 0 is the blank.

    Attributes:
        ids: token ids of the classes, the blank's first.
        classes: token id -> class.
    """

    ids: tuple[int, ...]
    classes: Mapping[int, int]

    @staticmethod
    def of(learner: Learner, answers: Sequence[str], blank: str) -> Vocabulary:
        """The tokens of `answers`, and the blank.

        Raises:
            ConfigError: the blank is more than one token, or an answer has it.
        """
        in_use = sorted({i for answer in answers for i in spoken_tokens(learner, answer)})
        if blank:
            found = learner.tokenizer.encode(blank)
            if len(found) != 1 or found[0] in in_use:
                why = f"is {len(found)} tokens" if len(found) != 1 else "is in an answer"
                raise ConfigError(
                    f"the blank {blank!r} {why}", hint="Leave blank out: one is chosen then."
                )
            return Vocabulary._made(found[0], in_use)
        for text in _BLANKS:
            found = learner.tokenizer.encode(text)
            if len(found) == 1 and found[0] not in in_use:
                return Vocabulary._made(found[0], in_use)
        return Vocabulary._made(learner.tokenizer.pad, in_use)

    @staticmethod
    def _made(blank: int, in_use: Sequence[int]) -> Vocabulary:
        return Vocabulary((blank, *in_use), {token: n for n, token in enumerate(in_use, 1)})

    def target(self, learner: Learner, item: Item) -> list[int]:
        """The classes of an item's answer."""
        return [self.classes[token] for token in spoken_tokens(learner, item.answer)]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A clip and the classes of its text."""

    audio_input: AudioInput
    target: list[int]


class CtcScorer:
    """Scores audio tokens of clips against the vocabulary."""

    def __init__(self, learner: Learner, vocabulary: Vocabulary, settings: CtcSettings) -> None:
        self._learner = learner
        self._settings = settings
        lm: Any = learner.net.lm
        if getattr(lm, "hears_by_attention", False):
            raise ConfigError(
                "ctc compares audio tokens with those of text, and the words of this model attend "
                "to its audio",
                hint="Begin with align, which trains the gated layers.",
            )
        weight: Tensor = lm.get_input_embeddings().weight
        ids = torch.tensor(vocabulary.ids, device=weight.device)
        self._embeddings = weight.detach()[ids].float()

    def logits(self, audio_inputs: Sequence[AudioInput]) -> tuple[Tensor, list[int]]:
        """Logits (B, T, V) and the number of audio tokens of each clip."""
        engine = self._learner.engine
        tokens = engine.audio_tokens(audio_inputs)
        counts = [len(one) for one in tokens]
        audio = torch.cat(tokens)
        if audio.requires_grad:  # its gradient is a metric, as in stages with a language model
            audio.retain_grad()
            engine.audio = audio
        width = self._embeddings.shape[1]  # of some native classes tokens are wider
        rows = torch.split(audio[:, :width], counts)
        padded = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
        return cosine_logits(padded, self._embeddings, self._settings.temperature), counts

    def loss(self, examples: Sequence[Example]) -> tuple[Tensor, dict[str, float]]:
        """CTC and the cosine at the peaks, both means over text tokens."""
        logits, counts = self.logits([one.audio_input for one in examples])
        targets = [one.target for one in examples]
        logprobs = logits.log_softmax(-1)
        ctc = ctc_loss(logprobs, counts, targets)
        means = {"ctc": float(ctc.detach())}
        if not self._settings.cosine:
            return ctc, means
        distance, share = self._at_peaks(logits, logprobs, counts, targets)
        means |= {"cosine": float(distance.detach()), "peaks": share}
        return ctc + self._settings.cosine * distance, means

    def _at_peaks(
        self,
        logits: Tensor,
        logprobs: Tensor,
        counts: Sequence[int],
        targets: Sequence[Sequence[int]],
    ) -> tuple[Tensor, float]:
        """1 - cosine at the peaks that are sure, over all text tokens; the share that is sure."""
        found = peaks(logprobs.detach().cpu().numpy(), counts, targets)
        rows = np.repeat(np.arange(len(targets)), [len(target) for target in targets])
        where = (
            torch.from_numpy(rows).to(logits.device),
            torch.from_numpy(np.concatenate(found)).to(logits.device),
            torch.tensor([label for target in targets for label in target], device=logits.device),
        )
        sure = (logprobs.detach()[where].exp() >= self._settings.peak).float()
        cosine = logits[where] * self._settings.temperature
        return ((1 - cosine) * sure).mean(), float(sure.mean())

    @torch.no_grad()
    def errors(self, examples: Sequence[Example]) -> dict[str, Any]:
        """The token error rate by greedy decoding: edits over the tokens of the targets."""
        wrong = whole = said = 0
        for part in pieces(examples, self._settings.batch):
            logits, counts = self.logits([one.audio_input for one in part])
            classes = logits.argmax(-1).cpu().numpy()
            for row, one in enumerate(part):
                text = greedy(classes[row, : counts[row]].tolist())
                wrong += edits(one.target, text)
                whole += len(one.target)
                said += len(text)
        return {
            "token_error_rate": round(wrong / whole, 6),
            "token_errors": wrong,
            "tokens": whole,
            "tokens_decoded": said,
            "clips": len(examples),
        }


def ctc(learner: Learner, items: Sequence[Item], settings: CtcSettings, run: Run) -> None:
    """Train the groups of the settings by CTC against the embeddings of the answers' tokens.

    What was left out, and the number of items trained on and held out, are in
    ``<settings.name>-items.json``.

    Raises:
        DataError: no item is usable, or some cannot be trained on, for example since their answer
            has more tokens than their clip has audio tokens (all are named, before step 0).
        ConfigError: a blank that cannot be used.
    """
    parts = hold_out(items, _unusable, settings.held_out, settings.held_out_most, settings.seed)
    if not parts.train:
        raise DataError(
            f"stage {settings.name} has no items to train on: {_told(parts)}",
            hint="Give it open-ended questions about one clip, answered by what is heard.",
        )
    if not run.done:
        run.write_json(f"{settings.name}-items", parts.counts())
    answers = [item.answer for item in (*parts.train, *parts.held_out)]
    vocabulary = Vocabulary.of(learner, answers, settings.blank)
    scorer = CtcScorer(learner, vocabulary, settings)
    size = settings.batch * settings.accumulate

    def example(item: Item) -> Example:
        return Example(learner.audio_input(item.clips[0]), vocabulary.target(learner, item))

    def made(picks: Sequence[int]) -> Made:
        examples = [example(parts.train[pick]) for pick in picks]
        tokens = sum(len(one.target) for one in examples)
        counts = {
            "answer_tokens": tokens,
            "audio_tokens": sum(one.audio_input.tokens for one in examples),
            "clips": len(examples),
        }
        return Made(examples, tokens, counts)

    def prepare(step: int) -> Prepared:
        picks = epoch_picks(len(parts.train), size, settings.seed, step)
        return prepared(picks, settings.batch, made)

    def check() -> None:
        picks = used(len(parts.train), size, settings.seed, settings.steps)
        asked = [*(parts.train[pick] for pick in picks), *parts.held_out]
        check_items(
            ([item] for item in asked),
            settings.name,
            lambda one: _require_room(example(one[0])),
            teachable=lambda item: answer_faults(learner, item.answer),
        )
        faults = settings.audio_faults
        check_arrival(learner, parts.train, (), run, stage=settings.name, faults=faults)

    objective = Objective(
        prepare=prepare,
        loss=lambda micro: scorer.loss(micro.batch),
        check=check,
        named=lambda step: [
            parts.train[pick].id
            for pick in epoch_picks(len(parts.train), size, settings.seed, step)
        ],
    )
    outer = evaluation.current()

    def evaluate(done: int, earlier: Sequence[Mapping[str, Any]]) -> Evaluation:
        found = outer(done, earlier) if outer else Evaluation()
        if not parts.held_out:
            return found
        own = scorer.errors([example(item) for item in parts.held_out])
        return Evaluation({**found.metrics, **own}, found.stop)

    with evaluating(evaluate):
        train_loop(learner, settings, run, objective)


def _require_room(example: Example) -> None:
    """Raise ModelError for an answer that CTC cannot align with the clip."""
    need, tokens = frames_needed(example.target), example.audio_input.tokens
    if not example.target:
        raise ModelError("the answer has no tokens")
    if need > tokens:
        raise ModelError(
            f"the answer needs {need} audio tokens ({len(example.target)} text tokens, and one "
            f"between equal neighbours), and the clip has {tokens}"
        )


def _unusable(item: Item) -> str:
    """Why an item is not for this stage; empty if it is."""
    if item.choices:
        return "closed-ended"
    if not item.answer.strip():
        return "no answer"
    return "" if len(item.clips) == 1 else f"{len(item.clips) or 'no'} clips"


def _told(parts: Parts) -> str:
    return ", ".join(f"{count} {why}" for why, count in parts.left_out.items()) or "none given"


STAGE = Stage(
    "ctc",
    "projector by CTC into the language model's embeddings, which is not run",
    CtcSettings,
    ctc,
    list,
)
