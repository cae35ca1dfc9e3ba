"""The job of writing: what would be written and asked, then the dataset, its drops and its counts.

::

    <out>/                 the dataset of the written items; dataset.json last
    <out>/dropped/         items without an accepted text, with the reasons
    <out>/replies/         the model's replies, by content; replay:<out>/replies uses them again
    <out>/critic/          those of the critic, if it is a model
    <out>/write.json       counts: drafts, written by round, rejected by kind

A killed job starts over, asks nothing that is stored, and ends with the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, DataError
from harken.files import write_json
from harken.hashing import canonical, digest, sealed
from harken.item import Drop, Item
from harken.parsing import load_json
from harken.shards.steps import run_steps
from harken.synth.verify.lexicon import Lexicon
from harken.synth.writers.load import load_writer, writer_kind
from harken.synth.writers.model import ModelWriter
from harken.synth.writing.base import Writer, WriteRequest, WriterSettings, WritingTask
from harken.synth.writing.critic import Critic, ModelCritic, RulesCritic
from harken.synth.writing.load import TASKS
from harken.synth.writing.rounds import RoundSettings, Writing, WrittenTally
from harken.synth.writing.tasks.questions import names_of
from harken.synth.writing.templates import read_template

SUMMARY = "write.json"
VERSION = 1
"""Of the rules of verification; incremented when they accept other texts."""

TOKEN_CHARACTERS = 4
"""Characters of a prompt that are estimated as a token."""


@dataclass(frozen=True, slots=True)
class WriteJob:
    """What is to be written, and how.

    Attributes:
        task: a name in `TASKS`.
        writer: ``grammar``, ``replay:FOLDER``, or a model by name.
        critic: ``rules``, or a model by name, which grades; of graded tasks only.
        rounds: see `RoundSettings`.
        settings: of the writer, without its folder.
    """

    task: str = "reword"
    writer: str = "grammar"
    critic: str = "rules"
    rounds: RoundSettings = field(default_factory=RoundSettings)
    settings: WriterSettings = field(default_factory=WriterSettings)


@dataclass(frozen=True, slots=True)
class WritePlan:
    """What a job would do.

    Attributes:
        items: what is written about, in order.
        left_out: other items, by reason.
        least, most: requests to models, if every first draft is accepted, and if none is; those of
            the critic among them.
        stored: of the first round, those that are answered without asking.
        tokens: estimated tokens of the prompts of the first round.
    """

    items: tuple[Item, ...]
    left_out: dict[str, int]
    least: int
    most: int
    stored: int
    tokens: int

    def to_dict(self) -> dict[str, Any]:
        """The numbers as plain values."""
        own = {"items": len(self.items), "left_out": self.left_out}
        requests = {"least": self.least, "most": self.most, "stored": self.stored}
        return {**own, "requests": requests, "tokens": self.tokens}


def write_texts(
    items: Iterable[Item],
    out: Path,
    job: WriteJob,
    *,
    embed: bool = False,
    root: Path | None = None,
    started: Any = None,
) -> dict[str, Any]:
    """Have texts written about items, and write the dataset in `out`; returns plan and counts.

    Args:
        items: of any dataset with facts; those that the task does not take are counted.
        out: the folder; the same call goes on with an unfinished job in it.
        job: what and how.
        embed: copy the audio into the dataset.
        root: folder that stored audio paths are relative to.
        started: is called with the `WritePlan` before anything is written.

    Raises:
        ConfigError: an unknown task, writer or setting.
        DataError: no item is taken, or `out` holds another dataset.
        TooManyFailures: more requests failed than may; run it again to go on.
    """
    task, known = TASKS.get(job.task), list(items)
    lexicon = Lexicon(name for item in known for name in names_of(item))
    with closing(_writer(job, out)) as writer, closing(_critic(job, task, out)) as critic:
        planned = plan_of(known, job, task, writer)
        if started is not None:
            started(planned)
        if not planned.items:
            raise DataError(
                f"there is nothing to write {job.task} about",
                hint="; ".join(f"{why}: {n}" for why, n in planned.left_out.items()) or "No items.",
            )
        writing = Writing(task, writer, lexicon, job.rounds, critic)
        counts = run_steps(
            planned.items,
            [_step(writing, out)],
            out,
            out / "dropped",
            name=job.task,
            plan=_identity(job, task, writer, critic, planned.items, lexicon),
            embed=embed,
            root=root,
        )
        asked = {"writer": writer.report(), "critic": critic.report()}
    summary = {k: v for k, v in load_json(out / SUMMARY).items() if k != "checksum"}
    made = {"kept": counts.kept, "dropped_for": counts.dropped}
    return {"plan": planned.to_dict(), **made, **summary, "requests": asked}


def plan_of(
    items: Sequence[Item],
    job: WriteJob,
    task: WritingTask | None = None,
    writer: Writer | None = None,
) -> WritePlan:
    """What `job` would write about, and how often it would ask; nothing is asked.

    Without a `writer` nothing is known to be stored.
    """
    task = task or TASKS.get(job.task)
    left_out: Counter[str] = Counter()
    taken: dict[str, Item] = {}
    for item in items:
        why = task.takes(item)
        if not why and task.key(item) in taken:
            why = "the same is written already"
        if why:
            left_out[why] += 1
        else:
            taken[task.key(item)] = item
    chosen = tuple(taken.values())
    kind, _ = writer_kind(job.writer)
    own = len(chosen) if kind.asks else 0
    graded = len(chosen) if task.graded and job.critic != "rules" else 0
    requests = [WriteRequest(item) for item in chosen]
    stored = writer.stored(task, requests) if writer and kind.asks else 0
    characters = 0
    if kind.asks:
        template = read_template(task.template)
        prompts = [template.prompt(task.material(item), WriteRequest(item)) for item in chosen]
        characters = sum(len(one.question) + len(one.system) for one in prompts)
    return WritePlan(
        chosen,
        dict(sorted(left_out.items())),
        own + graded,
        (own + graded) * job.rounds.rounds,
        stored,
        characters // TOKEN_CHARACTERS,
    )


def _writer(job: WriteJob, out: Path) -> Writer:
    return load_writer(job.writer, replace(job.settings, folder=out / "replies"))


def _critic(job: WriteJob, task: WritingTask, out: Path) -> Critic:
    if job.critic == "rules" or not task.graded:
        return RulesCritic()
    found = load_writer(job.critic, replace(job.settings, folder=out / "critic"))
    if not isinstance(found, ModelWriter):
        raise ConfigError(f"{job.critic!r} gives no grades", hint="Use rules, or name a model.")
    return ModelCritic(found)


def _identity(
    job: WriteJob,
    task: WritingTask,
    writer: Writer,
    critic: Critic,
    items: Sequence[Item],
    lexicon: Lexicon,
) -> dict[str, Any]:
    """All that the dataset depends on."""
    template = read_template(task.template)
    sampling = asdict(job.settings.sampling)
    return {
        "maker": "harken.synth.writing",
        "version": VERSION,
        "items": digest(canonical([item.to_dict() for item in items])),
        "names": digest(canonical(list(lexicon.names))),
        "task": task.name,
        "template": [template.id, template.digest],
        "writer": [writer.name, writer.identity()],
        "critic": [critic.name, critic.identity()] if task.graded else None,
        "sampling": sampling,
        **asdict(job.rounds),
    }


def _step(writing: Writing, out: Path) -> Any:
    def write(items: Iterable[Item]) -> Iterator[Item | Drop]:
        writing.tally = WrittenTally()
        yield from writing(items)
        write_json(out / SUMMARY, sealed(writing.tally.to_dict()))

    return write
