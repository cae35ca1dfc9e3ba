"""Rollouts from a server: new weights are pushed, replies are asked for, their tokens are checked.

A server that gives the ids of the tokens it sampled (harken, vLLM) is taken at its word. Of another
one the text is tokenized again: where that does not give the same text, or not as many tokens as
the server counts, the reply was sampled as other tokens, and is left out and counted.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np

from harken.errors import ConfigError, ModelError
from harken.listed import listed
from harken.models.engine.weights import write_tensors
from harken.models.http.model import HttpModel
from harken.models.http.push import WeightPush, read_push
from harken.models.http.wire import WireAnswer
from harken.models.learner import Learner
from harken.models.native.model import NativeModel
from harken.models.peft_folder import write_peft
from harken.train import parallel
from harken.train.grpo_settings import GrpoSettings
from harken.train.optimiser import rates
from harken.train.rollouts import AskedPrompt, Rollout

_TURN = "turn-{:06d}"
_TURN_FOLDERS = f"turn-{'[0-9]' * 6}"


class ServerRollouts:
    """See `harken.train.rollouts.RolloutSource`.

    Args:
        learner: whose weights are pushed.
        settings: of the stage.

    Raises:
        ConfigError: adapters are to be pushed, and something else is trained.
    """

    def __init__(self, learner: Learner, settings: GrpoSettings) -> None:
        self._learner = learner
        self._sampling = settings.sampling
        self._server = settings.server()
        self._target = read_push(settings.push)
        if self._target.kind == "lora":
            _require_adapters_only(learner, settings)
        self._push = WeightPush(self._server)
        self._model = HttpModel(self._server)

    def close(self) -> None:
        """Close all connections."""
        self._model.close()

    def sample(self, asked: Sequence[AskedPrompt], turn: int, logprobs: bool) -> list[Rollout]:
        """See `RolloutSource`; of several processes, one pushes weights and asks.

        Raises:
            ModelError: the server takes no weights, or no reply of the turn could be used.
        """
        return parallel.from_first(lambda: self._sampled(asked, turn, logprobs))

    def _sampled(self, asked: Sequence[AskedPrompt], turn: int, logprobs: bool) -> list[Rollout]:
        stated = self._pushed(turn)
        samplings = [
            replace(self._sampling, seed=_seed(self._sampling.seed, turn, row))
            for row in range(len(asked))
        ]
        answers = self._model.answers([one.prompt for one in asked], samplings)
        found = [
            self._rollout(one, answer, stated, logprobs)
            for one, answer in zip(asked, answers, strict=True)
        ]
        if not any(one.used for one in found):
            raise ModelError(
                f"none of {len(found)} replies could be used: {found[0].left_out}",
                where=self._server.url,
                hint="Look at the server; the same command goes on from the last checkpoint.",
            )
        return found

    def _pushed(self, turn: int) -> str:
        """Push the present weights; returns the fingerprint of replies by them, if it is known."""
        if self._target.kind == "folder":
            tensors = self._learner.trained_tensors()
            return self._push.reload(write_tensors(tensors, self._target.folder))
        if self._target.kind == "lora":
            folder = (self._target.folder / _TURN.format(turn)).absolute()
            _save_adapter(self._learner, folder)
            self._push.load_adapter(folder)
            _remove_earlier(folder.parent, turn)
        return ""

    def _rollout(
        self, asked: AskedPrompt, answer: WireAnswer | str, stated: str, logprobs: bool
    ) -> Rollout:
        if isinstance(answer, str):
            return Rollout(asked.item.id, "", (), left_out=answer)
        cut = answer.stop == "length"
        ids, reason = reply_ids(self._learner, answer)
        if stated and answer.fingerprint != stated:
            reason = "sampled with other weights than were pushed"
        if len(asked.tokenized.ids) + len(ids) > self._learner.prompt_tokenizer.context:
            reason = "longer than the context of the language model"
        known = tuple(round(value, 6) for _, value in answer.tokens)
        aligned = len(ids) - len(known) in (0, 1)  # some servers give none for the end
        return Rollout(
            asked.item.id,
            answer.text,
            ids,
            cut,
            reason,
            known if logprobs and aligned and not reason else (),
            answer.tokens_in,
        )


def _require_adapters_only(learner: Learner, settings: GrpoSettings) -> None:
    """Raise ConfigError unless all that is trained are adapters of a class of transformers."""
    learner.trainable(list(rates(learner, settings)))  # a rate of 0 freezes a group
    names = [name for name, own in learner.net.named_parameters() if own.requires_grad]
    bare = [name for name in names if "lora_" not in name]
    hint = (
        "Train a native model with LoRA in these groups only, or use harken serve and folder:PATH."
    )
    if not isinstance(learner, NativeModel) or not names:
        raise ConfigError(f"{learner.name} has no adapters that vLLM could load", hint=hint)
    if bare:
        raise ConfigError(
            f"{len(bare)} tensors are trained that are no adapters ({listed(bare, 3)}), and "
            "lora: pushes adapters only",
            hint=hint,
        )


def _save_adapter(learner: Learner, folder: Path) -> None:
    """Write the adapters as a folder of peft's."""
    assert isinstance(learner, NativeModel)
    source = str(learner.bases[0].source) if learner.bases else learner.name
    write_peft(learner.family.model, folder, base=source, task=None)


def _remove_earlier(folder: Path, turn: int) -> None:
    """Remove the adapters of all turns before the last one: that is what may still be in use."""
    for earlier in folder.glob(_TURN_FOLDERS):
        if earlier.name < _TURN.format(turn - 1):
            shutil.rmtree(earlier, ignore_errors=True)


def reply_ids(learner: Learner, answer: WireAnswer) -> tuple[tuple[int, ...], str]:
    """The tokens of a server's reply, its end included, and why they cannot be used, if so."""
    tokenizer = learner.tokenizer
    ended = answer.stop == "end"
    if answer.ids:
        ids = answer.ids
        if any(one >= tokenizer.size or one == tokenizer.audio for one in ids):
            return (), "the server's token ids are not the learner's: another tokenizer"
    else:
        ids = tokenizer.encode(answer.text)
    body = ids[:-1] if ids and ids[-1] in tokenizer.ends else ids
    if tokenizer.decode(body) != answer.text.strip():
        what = "token ids" if answer.ids else "text, tokenized again,"
        return (), f"the server's {what} gives another text"
    if not answer.ids and answer.tokens and len(answer.tokens) - len(body) not in (0, int(ended)):
        return (), "sampled as other tokens than its text is tokenized to"
    if ended and len(body) == len(ids):
        ids = (*ids, tokenizer.eos)
    return ids, "" if ids else "empty"


def _seed(seed: int, turn: int, row: int) -> int:
    """A seed that a server takes: 31 bits, another for each reply."""
    return int(np.random.default_rng([seed, crc32(b"reply"), turn, row]).integers(2**31))
