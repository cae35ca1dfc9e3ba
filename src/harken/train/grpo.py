"""grpo: group relative policy optimisation (Shao et al. 2024, arXiv 2402.03300) on own replies.

For each item a group of replies is drawn; each is marked by `harken.ask.score` (the same marker
that examines), the rewards are centred and scaled within the group, and replies better than their
group become more probable, within a clip and near to the model as it was at the start of the stage
(KL). Groups in which all replies earn the same teach nothing: they are left out and counted.

Departures: the model is in evaluation mode throughout (no dropout), so that the probability of a
reply is the one it was drawn with; replies cut off at `max_tokens` are marked as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from harken.ask.prompt import make_prompt
from harken.ask.rewards.base import RewardFunction
from harken.ask.rewards.load import build_reward, parse_rewards
from harken.errors import ConfigError, DataError
from harken.files import write_whole
from harken.item import Item
from harken.models.base import Prompt, Sampling
from harken.models.engine.batch import TokenizedPrompt
from harken.models.learner import Learner
from harken.runs import Run
from harken.train.batch import epoch_picks
from harken.train.checkpoint import REFERENCE, open_stage
from harken.train.losses import advantages, grpo_loss, kl_k3
from harken.train.stage import LoopSettings, Stage
from harken.train.train_loop import deterministic, train_loop


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpoSettings(LoopSettings):
    """Settings of the stage.

    Attributes:
        items: questions in a step.
        group: replies drawn for each item.
        temperature, top_k, max_tokens: how replies are drawn; at temperature 1 without top-k they
            come from the very distribution that is trained.
        reuse: how many steps are taken on the same replies (the ratio is 1 in the first).
        rewards: what a reply is worth, as a weighted sum: ``accuracy=1,format=0.2``
            (`harken.ask.rewards`); accuracy is by the scorer of evaluations.
        clip: how far a token's ratio may go from 1 and still be paid for.
        kl: weight of the divergence from the model at the start.
    """

    name: str = "grpo"
    lr: float = 1e-6
    items: int = 8
    group: int = 8
    temperature: float = 1.0
    top_k: int = 0
    max_tokens: int = 256
    rewards: str = "accuracy=1"
    clip: float = 0.2
    kl: float = 0.02
    reuse: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        LoopSettings.__post_init__(self)
        self.require("group", least=2)
        for name in ("items", "reuse", "max_tokens"):
            self.require(name, least=1)
        for name in ("top_k", "clip", "kl", "temperature"):
            self.require(name)
        parse_rewards(self.rewards)
        if self.temperature == 0:
            raise ConfigError("temperature is 0", hint="All replies of a group would be the same.")
        if self.checkpoint_every % self.reuse or self.steps % self.reuse:
            raise ConfigError(
                "steps and checkpoint_every must be multiples of reuse",
                hint="A checkpoint between two steps on the same replies would lose them.",
            )


@dataclass(slots=True, eq=False)
class Rollouts:
    """The replies of one step that teach something, and what was seen in drawing them.

    Attributes:
        lines: one a reply, with the reply as its answer.
        advantage: (replies,).
        old: log-probability (N,) of every token when it was drawn; reference: at the start.
        about: counts and the mean reward.
    """

    examples: list[TokenizedPrompt]
    advantage: Tensor
    old: Tensor | None
    reference: Tensor | None
    about: dict[str, Any]


def grpo(learner: Learner, items: Sequence[Item], settings: GrpoSettings, run: Run) -> None:
    """Teach by reward.

    Raises:
        DataError: there are no items.
        HarkenError: an item cannot be heard or is too long.
    """
    if not items:
        raise DataError(f"stage {settings.name} has no items to teach")
    with deterministic(settings.threads):
        reference = _reference(learner, settings, run) if settings.kl else None
    worth = build_reward(settings.rewards)
    held: list[Rollouts] = []

    def step_loss(step: int) -> tuple[Tensor | None, dict[str, Any]]:
        if step % settings.reuse == 0 or not held:
            held[:] = [_draw(learner, reference, items, settings, worth, step // settings.reuse)]
        drawn_now = held[0]
        if not drawn_now.examples:
            return None, drawn_now.about
        new, rows = learner.engine.token_logprobs(drawn_now.examples)
        old = new.detach() if drawn_now.old is None else drawn_now.old
        loss = grpo_loss(
            new,
            old,
            drawn_now.reference,
            drawn_now.advantage,
            rows,
            settings.clip,
            settings.kl,
        )
        return loss, drawn_now.about | _seen(new.detach(), old, drawn_now.reference, settings)

    train_loop(learner, settings, run, step_loss, training=False)


def _draw(
    learner: Learner,
    reference: Learner | None,
    items: Sequence[Item],
    settings: GrpoSettings,
    worth: RewardFunction,
    turn: int,
) -> Rollouts:
    """Draw the replies to one batch of items, and say what each is worth."""
    rng = np.random.default_rng([settings.seed, crc32(b"grpo"), turn])
    picks = [items[i] for i in epoch_picks(len(items), settings.items, settings.seed, turn)]
    prompts: list[Prompt] = []
    for item in picks:
        order = [int(i) for i in rng.permutation(len(item.choices))]
        prompts += [make_prompt(item, learner.style, order=order)] * settings.group
    seeds = [[settings.seed, crc32(b"reply"), turn, row] for row in range(len(prompts))]
    sampling = Sampling(settings.max_tokens, settings.temperature, settings.top_k)
    asked = {row: learner.tokenize(prompt) for row, prompt in enumerate(prompts)}
    replies = learner.sample(asked, sampling, seeds)
    earned = torch.tensor(
        [
            worth(picks[row // settings.group], prompt, replies[row].text)
            for row, prompt in enumerate(prompts)
        ]
    ).view(len(picks), settings.group)
    gains = advantages(earned)
    useful = (gains != 0).any(1).repeat_interleave(settings.group)
    kept = [row for row in range(len(prompts)) if bool(useful[row])]
    examples = [_with(asked[row], replies[row].ids) for row in kept]
    about = {
        "reward": round(float(earned.mean()), 6),
        "groups": len(picks),
        "groups_left_out": len(picks) - len(kept) // settings.group,
        "cut_off": sum(not reply.ended for reply in replies.values()),
        "answer_tokens": sum(example.answer for example in examples),
        "clips": sum(len(example.audio_inputs) for example in examples),
    }
    old = then = None
    with torch.no_grad():
        if examples and settings.reuse > 1:
            old = learner.engine.token_logprobs(examples)[0]
        if examples and reference is not None:
            then = reference.engine.token_logprobs(examples)[0]
    return Rollouts(examples, gains.flatten()[kept].to(learner.engine.device), old, then, about)


def _with(example: TokenizedPrompt, ids: Sequence[int]) -> TokenizedPrompt:
    """`example` with the tokens that were drawn behind it, and no others."""
    return TokenizedPrompt(
        (*example.ids, *ids), example.clip_numbers, example.audio_inputs, len(ids)
    )


def _seen(
    new: Tensor, old: Tensor, reference: Tensor | None, settings: GrpoSettings
) -> dict[str, Any]:
    """How far the model has gone from where it was."""
    away = ((new - old).exp() - 1).abs() > settings.clip
    seen = {"clipped": round(float(away.float().mean()), 6)}
    if reference is not None:
        seen["kl"] = round(float(kl_k3(new, reference).mean()), 6)
    return seen


def _reference(learner: Learner, settings: GrpoSettings, run: Run) -> Learner:
    """The model as it was at the start of the stage; kept beside the checkpoints until the end."""
    from safetensors.torch import load, save

    found = open_stage(run, settings.name)
    path = found.folder / REFERENCE
    reference = learner.clone()
    if path.is_file():
        reference.load_state(load(path.read_bytes()))
    elif not found.finished:
        found.folder.mkdir(parents=True, exist_ok=True)
        whole = {name: t.cpu().contiguous() for name, t in sorted(learner.state().items())}
        write_whole(path, save(whole))
    return reference


def takes(items: Sequence[Item]) -> list[Item]:
    """Closed-ended items: their answers are scored without a judge."""
    return [item for item in items if item.choices]


STAGE = Stage(
    "grpo", "group relative policy optimisation on sampled replies", GrpoSettings, grpo, takes
)
