"""grpo: group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300) on sampled replies.

For each item a group of replies is sampled and scored by `harken.ask.rewards`, whose accuracy is
that of `harken eval`. Rewards are centred and scaled within the group. Replies better than their
group become more probable, within a clip and with a KL to the model at the start of the stage.
Groups with equal rewards have no advantage: they are left out and counted.

Departures: the model is in evaluation mode throughout (no dropout), so that the probability of a
reply is the one it was sampled with; replies truncated at `max_tokens` are scored as they are. The
means of the loss are over the replies of the groups that are kept, where equation 3 has all: with
1 of 8 groups kept the gradient is 8 times that of the equation (the same direction, before
`clip_norm`), and there is no KL on the replies of groups left out, which the equation would have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from torch import Tensor

from harken.ask.prompt import make_prompt
from harken.ask.rewards.load import weighted_rewards
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.engine.reply_logprobs import reply_logprobs
from harken.models.learner import Learner
from harken.runs import Run
from harken.train import parallel
from harken.train.arrival import check_arrival
from harken.train.check import check_items
from harken.train.determinism import deterministic
from harken.train.grpo_settings import GrpoSettings
from harken.train.grpo_turn import GrpoTurns, ReplyBatch, micro_batches
from harken.train.measure import tell_room, write_measures
from harken.train.objective import MicroBatch, Objective, Prepared
from harken.train.optimiser import rates
from harken.train.policy_loss import grpo_loss, kl_k3, row_means
from harken.train.reference import open_reference
from harken.train.rollouts import LocalRollouts, RolloutLog, RolloutSource
from harken.train.server_rollouts import ServerRollouts
from harken.train.signal_watch import SignalWatch
from harken.train.stage import Stage
from harken.train.teachable import unteachable
from harken.train.train_loop import train_loop


def grpo(learner: Learner, items: Sequence[Item], settings: GrpoSettings, run: Run) -> None:
    """Train on rewards of sampled replies.

    Raises:
        ConfigError: the model will be sharded, or adapters are to be pushed and more is trained.
        DataError: there are no items, or some cannot be trained on (all are named, before step 0).
        ModelError: replies are not of the model that is trained; see `harken.train.parity`.
        NoSignal: there was no signal in too many turns in a row; see `harken.train.signal_watch`.
        RunError: a reward, the loss or a gradient is not finite.
    """
    if parallel.sharded():
        raise ConfigError(
            "replies are sampled by the whole model, and the model is sharded",
            where=settings.name,
            hint="Train with --parallel ddp.",
        )
    if not items:
        raise DataError(
            f"stage {settings.name} has no items",
            hint="Give it a dataset with items of the kind it trains on (docs/training.md).",
        )
    with ExitStack() as stack:
        source: RolloutSource = LocalRollouts(learner, settings.sampling)
        if settings.rollouts:
            source = stack.enter_context(closing(ServerRollouts(learner, settings)))
        with deterministic(settings.threads):
            reference = open_reference(learner, settings, run) if settings.kl else None
        learner.trainable(list(rates(learner, settings)))
        start: dict[str, Tensor] = {}
        if settings.rollouts and settings.parity_every:
            start = {name: tensor.cpu() for name, tensor in learner.trained_tensors().items()}
        turns = GrpoTurns(learner, items, settings, source, reference, start)
        train_loop(learner, settings, run, _objective(learner, items, settings, run, turns))


def _objective(
    learner: Learner,
    items: Sequence[Item],
    settings: GrpoSettings,
    run: Run,
    turns: GrpoTurns,
) -> Objective:
    """What the loop optimises."""
    current: list[tuple[ReplyBatch, dict[str, Any]]] = []
    opened: list[tuple[RolloutLog, SignalWatch]] = []

    def prepare(step: int) -> Prepared:
        turn, again = divmod(step, settings.reuse)
        if not opened:  # not before the metrics are those of the checkpoint
            log = RolloutLog(run, settings.name, turn)
            opened.append((log, _watch(settings, run)))
        if not again or not current:
            log, watch = opened[0]
            current[:] = [turns.make(turn, log)]
            watch.add(current[0][1])
        batch, about = current[0]
        return Prepared(micro_batches(batch, settings.accumulate, settings.normalise), {}, about)

    def loss(micro: MicroBatch) -> tuple[Tensor, Mapping[str, float]]:
        batch: ReplyBatch = micro.batch
        new, rows = reply_logprobs(learner.engine, batch.examples)
        old = new.detach() if batch.old is None else batch.old
        value = grpo_loss(
            new,
            old,
            batch.reference,
            batch.advantage,
            rows,
            settings.loss,
            batch.weights,
            batch.kept,
        )
        return value, _distance(new.detach(), old, batch.reference, rows, settings)

    def check() -> None:
        picks = turns.picker.used(settings.turns)
        measures = check_items(
            ([items[i]] for i in picks),
            settings.name,
            lambda example: learner.tokenize(make_prompt(example[0], learner.style)),
            teachable=lambda item: unteachable(learner, item, answers=False),
        )
        write_measures(run, settings.name, measures)
        context = learner.prompt_tokenizer.context
        tell_room(run, settings.name, measures, context, settings.max_tokens)
        check_arrival(
            learner,
            [items[i] for i in picks],
            [],
            run,
            stage=settings.name,
            faults=settings.audio_faults,
        )

    return Objective(
        prepare=prepare,
        loss=loss,
        training=False,
        ahead=False,
        check=check,
        named=lambda step: [items[i].id for i in turns.picker.picks(step // settings.reuse)],
        stride=settings.reuse,
    )


def _watch(settings: GrpoSettings, run: Run) -> SignalWatch:
    """The watch for a signal, as it was after the steps so far."""
    earlier = [
        record
        for record in run.stream("metrics")
        if record["stage"] == settings.name and record["step"] % settings.reuse == 0
    ]
    return SignalWatch(settings.name, settings.signal_patience, earlier)


def _distance(
    new: Tensor, old: Tensor, reference: Tensor | None, rows: Tensor, settings: GrpoSettings
) -> dict[str, float]:
    """Share of clipped tokens, and KL to the reference.

    Means over what the loss is a mean over: tokens, or replies with the mean of each.
    """
    ratio = (new - old).exp()
    high = 1 + (settings.clip_high or settings.clip)
    clipped = (ratio < 1 - settings.clip) | (ratio > high)
    by_token = settings.normalise == "token"
    found = {"clipped": _mean(clipped.float(), rows, by_token)}
    if reference is not None:
        found["kl"] = _mean(kl_k3(new, reference), rows, by_token)
    return found


def _mean(values: Tensor, rows: Tensor, by_token: bool) -> float:
    return float(values.mean() if by_token else row_means(values, rows).mean())


def takes(items: Sequence[Item]) -> list[Item]:
    """Closed-ended items: their answers are scored without a judge."""
    return [item for item in items if item.choices]


def takes_for(items: Sequence[Item], settings: GrpoSettings) -> list[Item]:
    """The items whose good replies the rewards of the settings can tell from bad ones."""
    rewards = weighted_rewards(settings.rewards, settings.reward_settings)
    return [item for item in items if rewards.applies(item)]


STAGE = Stage(
    "grpo",
    "group relative policy optimisation on sampled replies",
    GrpoSettings,
    grpo,
    takes,
    takes_for,
)
