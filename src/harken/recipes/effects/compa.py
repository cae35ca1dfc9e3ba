"""compa: a contrastive model with and without false captions as hard negatives (arXiv 2310.08753).

Run:  harken effect compa --corpus ESC-10 --seeds 5 -o effects

The towers are frozen: an audio encoder (``--model``) whose frames are averaged over four stretches
of a clip, and MiniLM; the projection heads are trained from fresh weights, with the same steps,
batches and rates in every arm. Training has single recordings with their labels and scenes of two
of them (`harken.recipes.two_events`); a third of the pairs of labels are in no training scene.
Exams use the test recordings.

- ``start``: heads with fresh weights;
- ``clap``: InfoNCE alone;
- ``compa``: up to two false captions of a scene (reversed order, exchanged attribute) as negatives;
- ``clap-mean``, ``compa-mean``: the same with one mean over the whole clip;
- ``unseen``: ``clap`` without two labels (two others in every seed), and asked about those alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from harken.item import Item
from harken.models.contrastive.model import ContrastiveModel
from harken.models.engine.feature_store import FeatureStore
from harken.recipes.clap import captions_of
from harken.recipes.clap_exam import LEFT_OUT, clap_exams, label_items, partners
from harken.recipes.effects.ground import Ground
from harken.recipes.effects.study import (
    Arm,
    Claim,
    Lesson,
    Study,
    StudyPlan,
    against,
    lesson_key,
)
from harken.recipes.two_events import KINDS, Stretches, sound_recordings, training_scenes
from harken.runs import Run
from harken.train.clap import CaptionedClip, ClapTraining, train_clap

STEPS, BATCH, RATE, NEGATIVES, STRETCHES = 1000, 64, 1e-3, 2, 4

SCENES = {"full": 480, "smoke": 12}
"""Training scenes that tell the order, and as many that tell the loudness, and the pitch."""

TEXT = "hf:minilm-l6"
UNSEEN = "clap-unseen"
"""Stage of the arm that two labels are kept from."""


def towers(out: Path, *, size: str, model: str, corpus: Path | None = None) -> Ground:
    """The ground of this study: no start is trained; `model` names the audio tower."""
    return Ground((), model, "", size, out / "compa" / "ground", corpus)


def build(ground: Ground) -> StudyPlan:
    """The arms and the exams."""
    recordings = ground.recordings()
    train, test = (sound_recordings(recordings, split) for split in ("train", "test"))
    stretches, single = Stretches(), label_items(train)
    scenes = [
        item
        for kind in KINDS
        for item in training_scenes(train, kind, SCENES[ground.size], stretches)
    ]
    common = ClapTraining(
        steps=STEPS, batch=BATCH, lr=RATE, threads=1, checkpoint_every=500, warmup=0.05
    )
    if ground.size == "smoke":
        common = replace(common, steps=2, batch=4, checkpoint_every=2)

    def arm(name: str, about: str, negatives: int, count: int, stage: str = "clap") -> Arm:
        own = replace(common, hard_negatives=negatives, stretches=count)
        return Arm(name, about, (Lesson(stage, own, [*single, *scenes]),))

    return StudyPlan(
        arms=(
            Arm("start", "projection heads with fresh weights"),
            arm("clap", "no hard negatives", 0, STRETCHES),
            arm("compa", "false captions as hard negatives", NEGATIVES, STRETCHES),
            arm("clap-mean", "as clap, one mean over time", 0, 1),
            arm("compa-mean", "as compa, one mean over time", NEGATIVES, 1),
            arm("unseen", "as clap, trained without the labels asked about", 0, STRETCHES, UNSEEN),
        ),
        exams=clap_exams(single, test, stretches),
        about={"drawn": ["zero-shot", "mAP@10", "order group", "loudness group", "pitch group"]},
    )


def teach(ground: Ground, lessons: Sequence[Lesson], stages: Path) -> ContrastiveModel:
    """The model after the one lesson of an arm; without one, its heads are fresh."""
    settings = lessons[0].settings if lessons else ClapTraining(stretches=STRETCHES)
    assert isinstance(settings, ClapTraining)
    model = ContrastiveModel.build(
        ground.start, TEXT, dim=settings.dim, seed=settings.seed, stretches=settings.stretches
    )
    model.store = FeatureStore(ground.folder / "frames")
    for lesson in lessons:
        items = list(lesson.items)
        if lesson.stage == UNSEEN:
            left_out = _kept_from([item.answer for item in items if item.choices], settings.seed)
            items = [item for item in items if not {*left_out} & {*(item.facts[0].names or ())}]
            model.training[LEFT_OUT] = list(left_out)
        spec = {"settings": asdict(settings), "lesson": lesson_key(ground.identity, lesson)}
        with Run.open(stages / str(spec["lesson"])[:16], spec) as run:
            train_clap(model, [_captioned(item) for item in items], settings, run)
            if not run.done:
                run.finish()
    return model


def _captioned(item: Item) -> CaptionedClip:
    return CaptionedClip(item.clips[0], *captions_of(item.facts[0]))


def _kept_from(labels: Sequence[str], seed: int) -> tuple[str, ...]:
    """The two labels that a seed leaves out."""
    pairs = sorted({*partners(labels).values()})
    return pairs[seed % len(pairs)]


def _lead(one: str, other: str, exam: str) -> Claim:
    what = {
        "order group": "order",
        "loudness group": "which sound is loud",
        "pitch group": "which sound is high",
    }[exam]
    return Claim(
        f"hard negatives teach {what}: a higher group score", against(one, other, exam), above=0.0
    )


STUDY = Study(
    name="compa",
    about="a contrastive model with and without false captions as hard negatives",
    title="Hard negatives of order, loudness and pitch",
    paper="CompA, arXiv 2310.08753",
    build=build,
    model="whisper-base?own_length=true",
    ground=towers,
    teach=teach,
    claims=(
        _lead("compa", "clap", "order group"),
        _lead("compa", "clap", "loudness group"),
        _lead("compa", "clap", "pitch group"),
        Claim(
            "without hard negatives the order is not known: a group score below chance (1/6)",
            ((1, "clap", "order group", "audio"),),
            below=1 / 6,
        ),
        Claim(
            "hard negatives cost less than 2 points of zero-shot accuracy",
            against("compa", "clap", "zero-shot"),
            above=-0.02,
        ),
        Claim(
            "hard negatives cost less than 2 points of mAP@10",
            against("compa", "clap", "mAP@10"),
            above=-0.02,
        ),
        Claim(
            "one mean over time keeps less of the order than means over stretches",
            against("compa", "compa-mean", "order group"),
            above=0.0,
            source="own",
        ),
        Claim(
            "labels that were never trained are told apart, better than by chance (1/2)",
            ((1, "unseen", "two labels", "audio"),),
            above=0.5,
            source="own",
        ),
        Claim(
            "labels that were never trained are found among all, better than by chance (1/10)",
            ((1, "unseen", "zero-shot", "audio"),),
            above=0.1,
            source="own",
        ),
    ),
)
