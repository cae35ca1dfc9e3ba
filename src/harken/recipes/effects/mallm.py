"""mallm: joint training on pairs and single clips against a single-audio model (arXiv 2409.18680).

Run:  harken effect mallm --seeds 5 -o effects

The start hears one clip at a time and knows two-clip questions from text alone, as a language model
does. Every arm goes on from it for as many steps of as many examples, on training recordings:

- ``single``: questions about one clip (the single-audio model);
- ``joint-64``, ``joint-512``, ``joint``: the stage joint, half of every batch pairs, of which there
  are 64, 512, or all;
- ``pairs-only``: all pairs, and no single clips.

A pair is trained on twice: by its closed question (same-sound, same-word, which-clip), and told
apart in words, what is heard in the first and what in the second, which is the discriminative
target of the paper.

Exams: one clip (identify, word, presence) and two (same-sound, same-word, which-clip with two), all
closed-ended, on recordings of the test split; pairs also with another item's clips.

Departure: the paper tunes Qwen-Audio on pairs that a language model described; here the answers are
the closed ones of MAE's kind. It states neither its number of pairs nor its share of single clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harken.item import Item
from harken.recipes.effects.ground import PAIRS, SINGLE, Ground
from harken.recipes.effects.measures import right_answers
from harken.recipes.effects.study import (
    Arm,
    Claim,
    Exam,
    Lesson,
    Study,
    StudyPlan,
    against,
    settings_for,
    shuffled,
)
from harken.train.joint import JointSettings
from harken.train.sft import SftSettings

STEPS, BATCH = 400, 16
FEW, SOME = 64, 512
"""Pairs of the smaller arms."""


def build(ground: Ground) -> StudyPlan:
    """The arms and the two exams."""
    single, pairs = ground.train(*SINGLE), shuffled(ground.train(*PAIRS))

    def joint(name: str, count: int, about: str) -> Arm:
        settings = settings_for(ground, JointSettings, steps=STEPS, batch=BATCH, single=0.5)
        return Arm(name, about, (Lesson("joint", settings, [*both(pairs[:count]), *single]),))

    plain = settings_for(ground, SftSettings, steps=STEPS, batch=BATCH)
    few, some = (16, 32) if ground.size == "smoke" else (FEW, SOME)
    return StudyPlan(
        arms=(
            Arm("start", "the model that all arms begin with"),
            Arm("single", "single clips only", (Lesson("sft", plain, single),)),
            joint("joint-64", few, f"{few} pairs, with single clips"),
            joint("joint-512", some, f"{some} pairs, with single clips"),
            joint("joint", len(pairs), f"{len(pairs)} pairs, with single clips"),
            Arm("pairs-only", f"{len(pairs)} pairs alone", (Lesson("sft", plain, both(pairs)),)),
        ),
        exams=(
            Exam("single", ground.test(*SINGLE), right_answers),
            Exam("pairs", ground.test(*PAIRS), right_answers, ("audio", "swap")),
        ),
    )


def both(pairs: Sequence[Item]) -> list[Item]:
    """Each pair with its closed question, and told apart in words."""
    return [item for pair in pairs for item in (pair, told_apart(pair))]


def told_apart(pair: Item) -> Item:
    """A pair asked openly for what is heard in each clip, in order."""
    names = [" and ".join(facts.names or ()) for facts in pair.facts]
    noun = "word" if all(facts.is_speech for facts in pair.facts) else "sound"
    return replace(
        pair,
        question=f"List the {noun}s of the clips from the first to the last, separated by commas.",
        answer=", ".join(names),
        choices=(),
        task="tell-apart",
    )


STUDY = Study(
    name="mallm",
    about="pairs of clips told apart: what joint training gives, and what it costs",
    title="Joint training on pairs of clips",
    paper="MALLM, arXiv 2409.18680",
    build=build,
    joined=True,
    claims=(
        Claim(
            "joint training lifts two-clip questions by more than 20 points over the single-audio "
            "model",
            against("joint", "single", "pairs"),
            above=0.20,
        ),
        Claim(
            "it costs less than 1 point on single clips",
            against("joint", "single", "single"),
            above=-0.01,
        ),
        Claim(
            "without single clips in the batches, the model gets worse at them than it was at the "
            "start",
            against("pairs-only", "start", "single"),
            below=0.0,
        ),
        Claim(
            "64 pairs are enough for more than 0 points over the single-audio model",
            against("joint-64", "single", "pairs"),
            above=0.0,
        ),
        Claim(
            "512 pairs lose less than 5 points against all",
            against("joint-512", "joint", "pairs"),
            above=-0.05,
        ),
        Claim(
            "what joint training gives is heard: more than 20 points are lost with another item's "
            "clips",
            ((1, "joint", "pairs", "audio"), (-1, "joint", "pairs", "swap")),
            above=0.20,
            source="own",
        ),
    ),
)
