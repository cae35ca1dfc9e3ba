"""Ground: what all studies in one folder share, made once: recordings, questions, and one start.

::

    <out>/ground/corpus/     the starter corpus; or the recordings are those of --corpus
    <out>/ground/items/      questions of the closed families, train and test
    <out>/ground/leaky/      questions whose text gives the answer away
    <out>/ground/practice/   sets of clips, for the text warm-up of a preset
    <out>/ground/training/   the stages of the start, and its model in <out>/ground/start/

The start is one for all seeds: seeds vary what is drawn in the training of an arm (order, options,
sampled replies), not the model that it begins with. A preset is made and trained as in the demo
(drill, text warm-up, align), but for two things: in `align` it hears one clip at a time, and it
sees no question of the families themselves with audio. So it knows two-clip questions as a
language model does, from text. A saved model is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harken.corpora.base import Recording
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.models.base import MODEL_FILE
from harken.models.learner import Learner
from harken.parsing import load_json
from harken.recipes.effects.scenes import scenes
from harken.recipes.few_names import few_names
from harken.recipes.job import SIZES
from harken.recipes.selections import names, transcripts
from harken.recipes.steps import preset_of, run_stage, save_once, start
from harken.recipes.tiny_curriculum import drills, naming, tiny_plan
from harken.runs import Run
from harken.shards.read import open_dataset
from harken.synth.make import make_dataset

FAMILIES = ("identify", "word", "presence", "same-sound", "same-word", "which-clip")
SINGLE = ("identify", "word", "presence")
"""Families about one clip."""
PAIRS = ("same-sound", "same-word", "which-clip")
"""Families about two clips (of which-clip, the items with two)."""


@dataclass(frozen=True, slots=True)
class GroundSize:
    """How much is made.

    Attributes:
        train, test: questions of each family; of leaky, twice and once as many.
        practice: practice questions.
        minutes: of training of the start, by `tiny_plan`.
    """

    train: int
    test: int
    practice: int
    minutes: float


GROUND_SIZES = {"full": GroundSize(1200, 160, 6000, 5.0), "smoke": GroundSize(40, 8, 240, 0.01)}


@dataclass(frozen=True, slots=True)
class Ground:
    """What all studies share.

    Attributes:
        items: the questions of `FAMILIES` and ``leaky``, train and test.
        start: the folder of the start, or what ``--model`` names.
        preset: its preset; empty for any other model.
        size: one of `SIZES`.
        folder: of what is made from it.
        corpus: of its recordings; None: the starter corpus, which is in the folder.
    """

    items: tuple[Item, ...]
    start: str
    preset: str
    size: str
    folder: Path
    corpus: Path | None = None

    def recordings(self) -> tuple[Recording, ...]:
        """The recordings of few names, each with a split; they are read anew (seconds)."""
        return _recordings(self.folder, self.size, self.corpus)

    @property
    def identity(self) -> str:
        """What the start is: the identity of its saved weights, or what names it."""
        try:
            return str(load_json(Path(self.start) / MODEL_FILE)["identity"])
        except (OSError, ValueError, KeyError):
            return self.start

    def train(self, *families: str) -> list[Item]:
        """Training questions of these families; those with three clips or more are left out."""
        return self._of("train", families)

    def test(self, *families: str) -> list[Item]:
        """Questions about recordings of the test split, likewise."""
        return self._of("test", families)

    def _of(self, split: str, families: Sequence[str]) -> list[Item]:
        return [
            item
            for item in self.items
            if item.split == split and item.task in families and len(item.clips) <= 2
        ]


def prepare(
    out: Path, *, size: str, model: str = "harken-tiny", corpus: Path | None = None
) -> Ground:
    """The ground of a folder, which is made, resumed or read.

    Args:
        out: the folder of all studies; its ground is in ``ground``.
        size: one of `SIZES`.
        model: a preset, which is trained, or a saved model, which is taken as it is.
        corpus: labelled recordings; None: the starter corpus.

    Raises:
        ConfigError: an unknown size.
        DataError: the corpus cannot make the questions.
        RunError: the folder has a ground of another size, model or corpus.
    """
    if size not in SIZES:
        raise ConfigError(f"the size is {size!r}", hint=f"Use {' or '.join(SIZES)}.")
    folder = out / "ground"
    sizes = GROUND_SIZES[size]
    spec = {
        "kind": "ground of effects",
        "size": size,
        "sizes": asdict(sizes),
        "model": model,
        "corpus": "starter" if corpus is None else str(corpus),
        "families": list(FAMILIES),
    }
    begun = str(folder / "start") if preset_of(model) == model else model
    with Run.open(folder, spec) as run:
        if not run.done:
            _make(folder, size, corpus)
            if begun != model:
                _start(folder, model, size, corpus)
            run.finish()
    items = (*open_dataset(folder / "items"), *open_dataset(folder / "leaky"))
    return Ground(items, begun, preset_of(model), size, folder, corpus)


def _make(folder: Path, size: str, corpus: Path | None) -> None:
    """Make all questions, or go on with it.

    Raises:
        DataError: the recordings do not allow a family of questions.
    """
    sizes, recordings = GROUND_SIZES[size], _recordings(folder, size, corpus)
    for name, families, number in (
        ("items", list(FAMILIES), {"train": sizes.train, "test": sizes.test}),
        ("leaky", ["leaky"], {"train": 2 * sizes.train, "test": 2 * sizes.test}),
        ("practice", ["talk"], {"train": sizes.practice}),
    ):
        made = make_dataset(
            recordings,
            folder / name,
            families=families,
            per_family=number,
            splits=list(number),
        )
        if made["skipped"]:
            told = "; ".join(f"{key}: {why}" for key, why in made["skipped"].items())
            raise DataError(f"the corpus cannot make every family of questions: {told}")


def _recordings(folder: Path, size: str, corpus: Path | None) -> tuple[Recording, ...]:
    """Recordings of few names, each with a split."""
    if corpus is None:
        from harken.corpora.starter.generate import generate_starter

        corpus = folder / "corpus"
        generate_starter(corpus, seed=0, size=size)
    read = read_corpus(corpus)
    if not read.recordings:
        raise DataError(
            f"none of the {len(read.rejects)} files can be used",
            where=str(corpus),
            hint=f"See why: harken scan {corpus}",
        )
    return few_names(assign_splits(read.recordings, 0), 0)[0]


def _start(folder: Path, preset: str, size: str, corpus: Path | None) -> None:
    """Train the start of a preset, or go on with it."""
    practice = list(open_dataset(folder / "practice"))
    items = [*open_dataset(folder / "items"), *open_dataset(folder / "leaky")]
    train = [item for item in items if item.split == "train"]
    plan = tiny_plan(GROUND_SIZES[size].minutes, threads=1)
    timed = scenes(_recordings(folder, size, corpus), "train", 400)  # how times are written
    learner: Learner = start(preset, [*practice, *items, *timed], 0)
    single = [item for item in naming(practice) if len(item.clips) == 1]
    single += [*names(train), *transcripts(train)]  # identify and word, asked openly
    for stage, name, own in (
        ("text-warmup", "drill", drills(practice)),
        ("text-warmup", "text-warmup", [*practice, *train]),
        ("align", "align", single),
    ):
        run_stage(stage, learner, own, plan[name], folder / "training")
    save_once(learner, folder / "start")
