"""`harken write`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harken.cli.options import AudioRoot, Json, MaxTokens, Seed, Temperature, finish
from harken.cli.outputs import folder_option
from harken.errors import ConfigError, DataError
from harken.report.text import table

if TYPE_CHECKING:
    from harken.item import Item
    from harken.synth.writing.job import WritePlan


WrittenAbout = Annotated[
    Path,
    typer.Argument(help="A dataset or .jsonl whose items have facts: harken synth; or a corpus."),
]


Task = Annotated[
    str,
    typer.Option(help="reword, caption-short, caption-dense, caption-tags, reasoning or answer."),
]


OfRecordings = Annotated[
    bool,
    typer.Option(
        "--recordings", help="Write about the recordings of a corpus (caption-tags), not items."
    ),
]


def write(
    dataset: WrittenAbout,
    out: Annotated[
        Path | None,
        folder_option("--out", "-o", help="Folder of the new dataset.", makes="dataset"),
    ] = None,
    task: Task = "reword",
    writer: Annotated[
        str, typer.Option(help="grammar (no model), a model by name, or replay:FOLDER.")
    ] = "grammar",
    critic: Annotated[
        str, typer.Option(help="Of reasoning: who gives the grades: rules, or a model by name.")
    ] = "rules",
    rounds: Annotated[int, typer.Option(help="Most drafts of one text.")] = 3,
    otherwise: Annotated[
        str, typer.Option(help="If all drafts are rejected: grammar (its text), or drop.")
    ] = "grammar",
    recordings: OfRecordings = False,
    split: Annotated[str, typer.Option(help="Only this split; empty for all.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="At most this many items; 0 = all.")] = 0,
    max_requests: Annotated[
        int, typer.Option(min=0, help="Most requests to each model; 0 = no limit.")
    ] = 0,
    max_failed: Annotated[float, typer.Option(help="Share of requests that may fail.")] = 0.0,
    max_tokens: MaxTokens = 400,
    temperature: Temperature = 0.0,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only tell what would be written and asked.")
    ] = False,
    embed: Annotated[bool, typer.Option(help="Copy the audio into the dataset (FLAC).")] = False,
    audio_root: AudioRoot = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Have texts about items written and verified: wordings, captions, reasoning, open answers.

    Every text is compared with what is known to be in the clips (their facts). One that names what
    is not there, miscounts, or has a wrong order or time is rejected; so is a question that gives
    its answer away. The reasons go back to the writer. Requests to a model are stored: a killed
    job goes on where it stopped, and a rerun asks nothing. Caps on tokens and cost of a server
    are in its address: openai:MODEL@URL?max_cost=5&price_in=0.1&price_out=0.4

    Examples:  harken write items -o reworded
               harken write items -o captions --task caption-dense --split train
               harken write items --task reasoning --writer openai:MODEL@http://host:8000/v1 --plan
               harken write items -o again --writer replay:reworded/replies
               harken write recordings -o captions --recordings --task caption-tags
    """
    from harken.cli.items import read_split
    from harken.models.base import Sampling
    from harken.progress import note
    from harken.synth.writing.base import WriterSettings
    from harken.synth.writing.job import WriteJob, plan_of, write_texts
    from harken.synth.writing.rounds import RoundSettings

    sampling = Sampling(max_tokens, temperature=temperature, seed=seed)
    job = WriteJob(
        task,
        writer,
        critic,
        RoundSettings(rounds, otherwise, seed, max_failed),
        WriterSettings(seed=seed, sampling=sampling, max_requests=max_requests),
    )
    items = _recorded(dataset, split, limit, seed) if recordings else []
    items = items or read_split(dataset, split, limit, audio_root)
    if plan:
        found = plan_of(items, job)
        finish({"plan": found.to_dict()}, plan_text(found, job.task, job.writer), as_json)
        return
    if out is None:
        raise ConfigError("there is no folder for the dataset", hint="Give --out, or --plan.")

    def told(found: WritePlan) -> None:
        note(plan_text(found, job.task, job.writer))

    result = write_texts(items, out, job, embed=embed, started=told)
    finish({"folder": str(out), **result}, _summary(result, out), as_json)


def _recorded(corpus: Path, split: str, limit: int, seed: int) -> list[Item]:
    """Items of the recordings of a corpus, evenly spread where there are more than `limit`.

    Raises:
        DataError: no recording is in the split.
    """
    from harken.corpora.read import read_corpus
    from harken.corpora.splits import assign_splits
    from harken.synth.writing.recorded import recorded_items

    read = assign_splits(read_corpus(corpus).recordings, seed)
    found = [item for item in recorded_items(read) if not split or item.split == split]
    if not found:
        known = ", ".join(sorted({one.split for one in read})) or "no recordings"
        raise DataError(f"no recording is in split {split!r}", hint=f"Known: {known}")
    few = 0 < limit < len(found)
    return [found[n * len(found) // limit] for n in range(limit)] if few else found


def plan_text(found: WritePlan, task: str, writer: str) -> str:
    """What would be written and asked, for people."""
    lines = [f"{task} by {writer}: {len(found.items)} items"]
    lines += [f"left out, {count}: {why}" for why, count in found.left_out.items()]
    if found.most:
        stored = f", {found.stored} of them stored" if found.stored else ""
        lines.append(
            f"requests: {found.least}{stored}, up to {found.most} if drafts are rejected; about "
            f"{found.tokens} prompt tokens in the first round"
        )
    return "\n".join(lines)


def _summary(result: dict[str, Any], out: Path) -> str:
    dropped = result["dropped"]
    lines = [f"{result['kept']} items in {out}, {dropped} in {out / 'dropped'}"]
    rows = [(f"written in {turn}", n) for turn, n in result["written"].items()]
    if result["grammar"]:
        rows.append(("by the grammar, after rejections", result["grammar"]))
    lines.append(table([*rows, ("drafts", result["drafts"])], ("", "items")))
    if result["rejected"]:
        lines.append(table(sorted(result["rejected"].items()), ("rejected for", "drafts")))
    asked = result["requests"]["writer"]
    if asked:
        lines.append(f"requests: {asked['asked']} sent, {asked['cached']} from the store")
    return "\n".join(lines)
