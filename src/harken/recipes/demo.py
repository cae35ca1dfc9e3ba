"""The demo of `harken demo`: recordings, questions, training, curation, evaluation, report.

Run:  harken demo        or        harken demo --corpus ESC-50 -o esc50
      harken demo --model harken-small        (`harken.recipes.demo_plan`: what is done with it)

Every stage writes a folder that records when it is finished; a killed demo resumes:

    corpus/  items/  practice/            recordings, questions, and practice on the same clips
    training/  aligned/  tuned/  model/   training runs and the model after each step
    curated/                              weak, strong, undecided, dropped questions, with bits
    before/  after/                       evaluation of the aligned and of the final model
    report.html  summary.json
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harken import progress
from harken.corpora.base import Corpus
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits
from harken.curate.run import run as curate_items
from harken.errors import DataError
from harken.evaluate.compare import compare
from harken.evaluate.run import Guards
from harken.evaluate.run import run as evaluate
from harken.files import write_json
from harken.item import Item
from harken.models.learner import Learner
from harken.models.load import load_model
from harken.recipes.demo_plan import PER_FAMILY, DemoPlan, plan_demo, tuned_groups
from harken.recipes.few_names import few_names
from harken.recipes.mixed_to_strong import align_first, reward, tune
from harken.recipes.steps import Plan, curated_items, reward_signal, signal_text, start, to_reward
from harken.report import comparison, terminal
from harken.report.html import write_report
from harken.shards.read import open_dataset
from harken.synth.make import FAMILIES, families_of, make_dataset

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DemoResult:
    """All results, and a short text."""

    result: dict[str, Any]
    summary: str


def run_demo(
    out: Path,
    *,
    model: str = "",
    corpus: Path | None = None,
    minutes: float | None = None,
    layout: str | None = None,
    seed: int = 0,
) -> DemoResult:
    """Run the whole demo in the folder `out`; the same call resumes an unfinished one.

    Args:
        out: folder of all results.
        model: what it is shown with; see `plan_demo`.
        corpus: labelled recordings; None: the starter corpus is generated.
        minutes: about what all stages take together on two idle CPU cores. It scales the steps of
            training and, below the usual time, the questions; the first half minute goes to what
            cannot be scaled, such as loading libraries.
        layout: of the corpus; None: detected.
        seed: of all random draws.

    Raises:
        ConfigError: a model that cannot be trained, or minutes that are not above 0.
        ModelError: a model that is not here, or whose parts are not.
    """
    plan = plan_demo(model, minutes=minutes, own_corpus=corpus is not None, seed=seed)
    learner = None if plan.fresh else start(plan.model, [], seed)  # before anything is made
    out.mkdir(parents=True, exist_ok=True)
    progress.note(plan.told)
    clock = _Clock()
    read = clock("recordings", lambda: _recordings(out, corpus, layout, seed, plan.corpus_size))
    made = clock("questions", lambda: _questions(out, read, seed, plan))
    test, pool, mixed, practice = _shares(out, plan.sizes["curated"])
    if learner is None:
        learner = start(plan.model, [*practice, *mixed, *pool, *test], seed)
    story = _Story(out, tuned_groups(plan, learner), learner, seed, clock)
    sorting, taken, results = story.tell(read, test, pool, mixed, practice)
    change = compare(out / "before", out / "after")
    signal = reward_signal(out / "training", [name for name in plan.stages if name == "grpo"])
    page = clock("report", lambda: _page(out))
    result = {
        "report": str(page),
        "model": learner.name,
        "corpus": read.name,
        "clips": len(read.recordings),
        "rejects": len(read.rejects),
        "notes": [plan.told, *made["notes"], *filter(None, [signal_text(signal)])],
        "questions": made["items"],
        "skipped": made["skipped"],
        "contribution": sorting["counts"],
        "rewarded": taken,
        "by_task": sorting["by_task"],
        "after": results,
        "change": change,
    }
    write_json(out / "summary.json", result)
    return DemoResult({**result, "seconds": clock.seconds}, _summary(result, clock.seconds))


class _Clock:
    """Runs stages and records their durations."""

    def __init__(self) -> None:
        """No stage has run."""
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, stage: Callable[[], T]) -> T:
        """Run `stage`."""
        start = time.monotonic()
        result = stage()
        self.seconds[name] = round(time.monotonic() - start, 1)
        return result


@dataclass(frozen=True, slots=True)
class _Story:
    """The stages of one demo, in order."""

    out: Path
    plan: DemoPlan
    learner: Learner
    seed: int
    clock: _Clock

    def tell(
        self,
        read: Corpus,
        test: Sequence[Item],
        pool: Sequence[Item],
        mixed: Sequence[Item],
        practice: Sequence[Item],
    ) -> tuple[dict[str, Any], dict[str, int], dict[str, Any]]:
        """Train and evaluate; returns curation, questions rewarded by label, and final results."""
        out, clock, learner, stages = self.out, self.clock, self.learner, self.plan.stages
        if "align" in stages:
            clock("align", lambda: align_first(learner, practice, mixed, stages, out))
        clock("evaluation before", lambda: self._evaluate("before", test, floor=False))
        clock("fine-tuning", lambda: tune(learner, [*mixed, *practice[:4000]], stages, out))
        sorting = clock("contribution", lambda: _curate(out, learner, pool, read, self.seed))
        taken: dict[str, int] = {}
        if "grpo" in stages:
            rewarded, taken = _rewarded(out / "curated", stages)
            clock("rewards", lambda: reward(learner, rewarded, stages, out))
        results = clock("evaluation after", lambda: self._evaluate("after", test))
        return sorting, taken, results

    def _evaluate(self, name: str, test: Sequence[Item], floor: bool = True) -> dict[str, Any]:
        """Evaluate under every condition; the text-only floor is a property of the items: once."""
        return evaluate(
            self.learner,
            test,
            self.out / name,
            dataset=self.out / "items",
            guards=Guards(floor=floor),
            seed=self.seed,
            batch=self.plan.batch,
        )


def _recordings(out: Path, corpus: Path | None, layout: str | None, seed: int, size: str) -> Corpus:
    """Read the user's recordings, or generate some; every recording has a split."""
    if corpus is None:
        from harken.corpora.starter.generate import generate_starter

        corpus = out / "corpus"
        generate_starter(corpus, seed=seed, size=size)
    read = read_corpus(corpus, layout)
    if not read.recordings:
        raise DataError(
            f"none of the {len(read.rejects)} files can be used",
            where=str(corpus),
            hint=f"See why: harken scan {corpus}",
        )
    used, limits = few_names(assign_splits(read.recordings, seed), seed)
    note = f"the demo uses {limits}" if limits else ""
    notes = (*read.notes, note) if note else read.notes
    return Corpus(read.name, read.layout, read.root, used, read.rejects, notes)


def _questions(out: Path, read: Corpus, seed: int, plan: DemoPlan) -> dict[str, Any]:
    """Write the items of the families, and practice items for training."""
    about = families_of(["recordings"])
    families = [n for n in about if n not in plan.left_out and FAMILIES.is_built_in(n)]
    each = {split: plan.sizes[split] for split in PER_FAMILY}
    made = make_dataset(read, out / "items", families=families, per_family=each, seed=seed)
    if plan.sizes["practice"]:
        amount = {"train": plan.sizes["practice"], "test": 0, "dev": 0}
        make_dataset(read, out / "practice", families=["talk"], per_family=amount, seed=seed)
    return made


def _shares(out: Path, curated: int) -> tuple[list[Item], list[Item], list[Item], list[Item]]:
    """Questions for evaluation, for curation, for fine-tuning, and practice.

    The leaky control is for curation only: its text gives the answer away on purpose.
    """
    items = list(open_dataset(out / "items"))
    test = [item for item in items if item.split == "test" and item.task != "leaky"]
    train = sorted((i for i in items if i.split == "train"), key=lambda i: i.id)
    leaky = [item for item in train if item.task == "leaky"][: curated // 2]
    closed_ended = [i for i in train if i.choices and len(i.clips) < 3 and i.task != "leaky"]
    pool = [*closed_ended[: curated - len(leaky)], *leaky]
    held_out = {item.id for item in pool}
    mixed = [item for item in train if item.id not in held_out and item.task != "leaky"]
    practice = out / "practice"
    return test, pool, mixed, list(open_dataset(practice)) if practice.is_dir() else []


def _curate(
    out: Path, learner: Learner, pool: Sequence[Item], read: Corpus, seed: int
) -> dict[str, Any]:
    """Bits by the tuned model; text-only baselines decide which questions are weak."""
    known = [i for i in open_dataset(out / "items") if i.split == "train" and i.choices]
    voters = [learner, load_model("linear", items=known), load_model("longest")]
    return curate_items(pool, voters, out / "curated", seed=seed, root=read.root)


def _rewarded(curated: Path, plan: Plan) -> tuple[list[Item], dict[str, int]]:
    """The questions that GRPO takes, and how many of each label.

    As the recipes do; and in a demo so small that all questions are weak, the weak ones, so that
    the stage can be shown at all.
    """
    found = curated_items(curated)
    try:
        taken = to_reward(found, plan)
    except DataError:
        taken = {"weak": found["weak"]}
    counts = {label: len(items) for label, items in taken.items()}
    return [item for items in taken.values() for item in items], counts


def _page(out: Path) -> Path:
    """The report of both evaluations."""
    return write_report(
        out / "report.html",
        after=out / "after",
        before=out / "before",
        dataset=out / "items",
        curate=out / "curated",
        train=sorted(p.parent for p in (out / "training").glob("*/run.json")),
    )


def _summary(result: dict[str, Any], seconds: dict[str, float]) -> str:
    """The results in a few lines; the path of the report is the last."""
    counts = result["contribution"]
    times = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    lines = [
        f"{result['corpus']}: {result['clips']} clips, {result['questions']} questions",
        *(f"note: {text}" for text in result["notes"]),
        terminal.results(result["after"]),
        comparison.two(result["change"], flips=2),
        "contribution of the audio: " + ", ".join(f"{n} {label}" for label, n in counts.items()),
        "rewards on: " + ", ".join(f"{n} {label}" for label, n in result["rewarded"].items())
        if result["rewarded"]
        else "no rewards: they would need thousands of replies of this model",
        f"time: {times}; {sum(seconds.values()):.0f} s in all",
        f"report: {result['report']}",
    ]
    return "\n".join(lines)
