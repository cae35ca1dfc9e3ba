"""judge: 1 where a model that is asked as judge calls the reply right, else 0.

For open-ended answers that no rule can score. The judge is any model that `harken` can ask
(``openai:MODEL@URL`` among them) and sees text only; see `harken.ask.judge` for what it is asked,
in both orders. Without a verdict a reply has no worth and is left out of its group.
"""

from __future__ import annotations

from collections.abc import Sequence

from harken.ask.judge import Judge
from harken.ask.parse import answer_text
from harken.ask.rewards.base import BatchReward, Reward, SampledReply, TrainedModel, Worth
from harken.errors import ConfigError
from harken.models.load import load_model


def build(*, model: str = "", orders: int = 2, max_tokens: int = 8) -> BatchReward:
    """The reward; the judge is opened when the first replies are to be judged.

    Args:
        model: the judge, by name.
        orders: 2 shows reference and reply in both orders, 1 the reference first only.
        max_tokens: of the verdict.

    Raises:
        ConfigError: no model is named, or `orders` is another number.
    """
    if not model:
        raise ConfigError(
            "the reward judge names no model",
            hint="Name one: --set grpo.reward_settings.judge.model=openai:MODEL@URL",
        )
    if orders not in (1, 2):
        raise ConfigError(f"the reward judge has orders {orders}", hint="Use 1 or 2.")
    judges: list[Judge] = []

    def rewards(replies: Sequence[SampledReply], trained: TrainedModel) -> list[Worth]:
        if not judges:
            judges.append(Judge(load_model(model), max_tokens, orders))
        asked: dict[tuple[str, str], SampledReply] = {}
        for one in replies:
            if answer_text(one.text).strip():
                asked.setdefault((one.item.id, answer_text(one.text)), one)
        scores = judges[0].score([one.item for one in asked.values()], [text for _, text in asked])
        found = dict(zip(asked, (score.value for score in scores), strict=True))
        # A reply without an answer is wrong, and nothing to be judged.
        return [found.get((one.item.id, answer_text(one.text)), 0.0) for one in replies]

    return rewards


REWARD = Reward(
    "judge",
    "1 where a judge (any model) calls the reply right, else 0",
    build,
    batch=True,
    open_ended=True,
)
