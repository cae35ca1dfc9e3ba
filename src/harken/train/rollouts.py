"""Rollouts: the sampled replies of GRPO, from this process or from a server, and their record.

``rollouts.jsonl`` of the run has a line for each reply, written before anything is learned from it:
item, number of the turn and of the reply in its group, text and token ids, whether it was cut off,
its rewards, and why it was left out if it was. A run that is killed goes on with what is written:
no reply is sampled, judged or written twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol
from zlib import crc32

from harken.item import Item
from harken.models.base import Prompt, Sampling
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.generate import GeneratedReply
from harken.models.learner import Learner
from harken.runs import Run
from harken.train import parallel

ROLLOUTS = "rollouts"
"""Name of the file, without its ending."""


@dataclass(frozen=True, slots=True, eq=False)
class AskedPrompt:
    """One prompt of a turn; the prompts of a group share its objects.

    Attributes:
        item: what is asked.
        prompt: as it is put.
        tokenized: the same as tokens.
    """

    item: Item
    prompt: Prompt
    tokenized: TokenizedPrompt


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled reply.

    Attributes:
        item: id of the item.
        text: the reply.
        ids: its tokens as sampled, the one that ended it included.
        cut_off: its room was used up before it ended.
        left_out: why it is not trained on; empty if it is.
        logprobs: log-probability of each id by what sampled it, in turns whose parity is checked.
        prompt_tokens: tokens of the prompt as counted by what sampled it; -1: not counted.
        reward: the weighted sum; None: it has none.
        parts: the values of the single rewards.
    """

    item: str
    text: str
    ids: tuple[int, ...]
    cut_off: bool = False
    left_out: str = ""
    logprobs: tuple[float, ...] = ()
    prompt_tokens: int = -1
    reward: float | None = None
    parts: dict[str, float | None] = field(default_factory=dict)

    @property
    def used(self) -> bool:
        """Whether it is trained on."""
        return not self.left_out


class RolloutSource(Protocol):
    """Where replies are sampled."""

    def sample(self, asked: Sequence[AskedPrompt], turn: int, logprobs: bool) -> list[Rollout]:
        """A reply to each prompt by the present weights, without rewards.

        Called in all processes, and gives all replies in each.

        Args:
            asked: the prompts, one for each reply.
            turn: number of the turn, which the draws depend on.
            logprobs: give the log-probabilities of their tokens as well.
        """
        ...


class LocalRollouts:
    """Replies sampled in this process: prompt and clips of a group are computed once.

    Of several processes each samples the groups of its share.
    """

    def __init__(self, learner: Learner, sampling: Sampling) -> None:
        self._learner = learner
        self._sampling = sampling

    def sample(self, asked: Sequence[AskedPrompt], turn: int, logprobs: bool) -> list[Rollout]:
        """See `RolloutSource`."""
        seeds = [[self._sampling.seed, crc32(b"reply"), turn, row] for row in range(len(asked))]
        groups = {id(one.tokenized): 0 for one in asked}
        own = [list(groups).index(id(one.tokenized)) % parallel.size() for one in asked]
        rows = [row for row, process in enumerate(own) if process == parallel.rank()]
        prompts = {row: asked[row].tokenized for row in rows}

        def sampled() -> dict[int, GeneratedReply]:
            return self._learner.sample(prompts, self._sampling, seeds, logprobs=logprobs)

        replies: dict[int, GeneratedReply] = {}
        for made in parallel.gathered(parallel.together(sampled)):
            replies |= made
        return [
            Rollout(
                one.item.id,
                replies[row].text,
                replies[row].ids,
                not replies[row].ended,
                logprobs=tuple(round(value, 6) for value in replies[row].logprobs),
                prompt_tokens=len(one.tokenized.ids),
            )
            for row, one in enumerate(asked)
        ]


class RolloutLog:
    """``rollouts.jsonl`` of one stage: what is written, and what of it is still to be used."""

    def __init__(self, run: Run, stage: str, first: int) -> None:
        """Read the turns from `first` on; those before it are learned from."""
        self._run = run
        self._stage = stage
        self._turns: dict[int, list[dict[str, Any]]] = {}
        for record in run.stream(ROLLOUTS):
            if record.get("stage") == stage and record["turn"] >= first:
                self._turns.setdefault(record["turn"], []).append(record)

    def find(self, turn: int, asked: Sequence[AskedPrompt]) -> list[Rollout] | None:
        """The replies of a turn; None if they are not all written, and then none of them is left.

        Turns are written in order, so a turn that a kill has cut is the last in the file.
        """
        records = self._turns.pop(turn, [])
        if [record["item"] for record in records] == [one.item.id for one in asked]:
            return [_read(record) for record in records]
        after = sum(len(own) for own in self._turns.values())
        if records or after:
            self._run.truncate(ROLLOUTS, self._run.count(ROLLOUTS) - len(records) - after)
            self._turns.clear()
        return None

    def write(self, turn: int, group: int, rollouts: Sequence[Rollout]) -> None:
        """Write the replies of a turn, whose groups have `group` replies each."""
        self._run.append(
            ROLLOUTS,
            [
                {"stage": self._stage, "turn": turn, "number": row % group, **asdict(one)}
                for row, one in enumerate(rollouts)
            ],
        )


def _read(record: dict[str, Any]) -> Rollout:
    values = {name: record[name] for name in Rollout.__dataclass_fields__}
    return Rollout(**{**values, "ids": tuple(values["ids"]), "logprobs": tuple(values["logprobs"])})
