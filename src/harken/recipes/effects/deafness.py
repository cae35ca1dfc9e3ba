"""deafness: plain rewards against rewards for what was heard (after arXiv 2509.21060).

Run:  harken effect deafness --seeds 5 -o effects

Half of the training questions give their answer away in the text (the family leaky, made so on
purpose). GRPO rewards right answers, however they were found; a model can earn that reward without
the audio. Two arms from one start, with the same questions and steps:

- ``plain``: ``accuracy=1``;
- ``heard``: ``heard=1``, 1 for a right reply where the model is not right without the audio.

Exams on recordings of the test split: questions that need the audio (identify, word, presence) and
questions that do not (leaky), each with the audio and without; and the hearing gap on the former:
what another item's audio costs, in nats an answer token.
"""

from __future__ import annotations

from harken.recipes.effects.ground import SINGLE, Ground
from harken.recipes.effects.measures import answer_nats, right_answers
from harken.recipes.effects.study import (
    GRPO,
    Arm,
    Claim,
    Exam,
    Lesson,
    Study,
    StudyPlan,
    Terms,
    against,
    settings_for,
    shuffled,
)
from harken.train.grpo_settings import GrpoSettings

STEPS = 80
NATS = 240
"""Questions on which the hearing gap is measured."""


def build(ground: Ground) -> StudyPlan:
    """The start and both arms."""
    needing, leaky = shuffled(ground.train(*SINGLE)), shuffled(ground.train("leaky"))
    each = min(len(needing), len(leaky))
    items = shuffled([*needing[:each], *leaky[:each]])

    def rewarded(name: str, rewards: str, about: str) -> Arm:
        settings = settings_for(ground, GrpoSettings, steps=STEPS, rewards=rewards, **GRPO)
        return Arm(name, about, (Lesson("grpo", settings, items),))

    test = ground.test(*SINGLE)
    return StudyPlan(
        arms=(
            Arm("start", "the model that both arms begin with"),
            rewarded("plain", "accuracy=1", "rewarded for right answers"),
            rewarded("heard", "heard=1", "rewarded for right answers that need the audio"),
        ),
        exams=(
            Exam("needs audio", test, right_answers, ("audio", "none")),
            Exam("needs none", ground.test("leaky"), right_answers, ("audio", "none")),
            Exam("nats", shuffled(test)[:NATS], answer_nats, ("audio", "swap")),
        ),
    )


def _gain(arm: str, sign: int) -> Terms:
    """Right with the audio minus right without, where it is needed."""
    return (sign, arm, "needs audio", "audio"), (-sign, arm, "needs audio", "none")


def _gap(arm: str, sign: int) -> Terms:
    """Nats with another item's audio minus nats with the true one."""
    return (sign, arm, "nats", "swap"), (-sign, arm, "nats", "audio")


STUDY = Study(
    name="deafness",
    about="plain rewards against rewards for what was heard",
    title="Rewards that need the audio",
    paper="after AudioMCQ, arXiv 2509.21060",
    build=build,
    claims=(
        Claim(
            "rewarded for what was heard, the model gains more from the audio, where it is needed, "
            "than rewarded plainly",
            (*_gain("heard", 1), *_gain("plain", -1)),
            above=0.0,
            source="own",
        ),
        Claim(
            "its hearing gap is larger",
            (*_gap("heard", 1), *_gap("plain", -1)),
            above=0.0,
            source="own",
            unit="nats",
        ),
        Claim(
            "it answers fewer questions without audio that can be answered so",
            against("heard", "plain", "needs none", "none"),
            below=0.0,
            source="own",
        ),
        Claim(
            "plain rewards teach to answer from the text: more right without audio than at the "
            "start",
            against("plain", "start", "needs none", "none"),
            above=0.0,
            source="own",
        ),
        Claim(
            "the model does not pay for it: less than 1 point is lost with the audio, where it is "
            "needed",
            against("heard", "plain", "needs audio"),
            above=-0.01,
            source="own",
        ),
    ),
)
