"""Verbs about data: scan, starter, synth, curate, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.door import Json, Seed, finish, table


def scan(
    folder: Annotated[Path, typer.Argument(help="A folder of recordings.")],
    layout: Annotated[
        str | None, typer.Option(help="Layout name, if it is not to be recognised.")
    ] = None,
    show_rejects: Annotated[int, typer.Option(help="How many rejects to list.")] = 20,
    as_json: Json = False,
) -> None:
    """Tell what a folder of recordings holds, and which files cannot be used and why.

    Examples:  harken scan ESC-50     harken scan recordings --json > scan.json
    """
    from harken.corpora.scan import scan as run

    found = run(folder, layout=layout)
    finish(found.to_json(), _scan_text(found.to_json(), show_rejects), as_json)


def starter(
    folder: Annotated[Path, typer.Argument(help="Where the corpus is written.")],
    size: Annotated[str, typer.Option(help="full, or smoke (a small slice).")] = "full",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Generate the starter corpus: speech, sound events, instruments; no data or network needed.

    Example:  harken starter starter-corpus
    """
    from harken.corpora.starter import generate_starter

    made = generate_starter(folder, seed=seed, size=size)
    result = {"folder": str(folder), **made}
    finish(result, table([(k, v) for k, v in result.items() if not isinstance(v, dict)]), as_json)


def synth(
    corpus: Annotated[Path, typer.Argument(help="A folder of labelled recordings.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the new dataset.")],
    family: Annotated[
        list[str] | None, typer.Option(help="A family of questions; repeat for more. All if none.")
    ] = None,
    per_family: Annotated[int, typer.Option(help="Questions per family and split.")] = 500,
    embed: Annotated[bool, typer.Option(help="Copy the audio into the dataset (FLAC).")] = False,
    layout: Annotated[str | None, typer.Option(help="Corpus layout.")] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make questions about recordings whose answers are true by construction.

    A killed run goes on where it stopped; the same seed gives the same bytes.

    Examples:  harken synth ESC-50 -o items     harken synth ESC-50 -o pairs --family which-clip
    """
    from harken.corpora import read_corpus
    from harken.synth import make_dataset

    read = read_corpus(corpus, layout)
    made = make_dataset(read, out, families=family, per_family=per_family, seed=seed, embed=embed)
    result: dict[str, Any] = {"folder": str(out), "rejects": len(read.rejects), **made}
    lines = [
        f"{made['items']} questions from {len(read.recordings)} clips in {out}",
        table(sorted(made["counts"].items()), ("family/split", "items")),
    ]
    for word in ("skipped", "short"):
        lines += [f"{word} {name}: {why}" for name, why in sorted(made[word].items())]
    if read.rejects:
        lines.append(f"{len(read.rejects)} files could not be used: harken scan {corpus}")
    finish(result, "\n".join(lines), as_json)


def curate(
    dataset: Annotated[Path, typer.Argument(help="A harken dataset.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for weak/ strong/ dropped/.")],
    voter: Annotated[
        list[str] | None,
        typer.Option(help="A model that votes (folder or name); repeat for more."),
    ] = None,
    rule: Annotated[str, typer.Option(help="bits, or silence-vote (AudioMCQ).")] = "bits",
    split: Annotated[str, typer.Option(help="Only this split; empty for all.")] = "train",
    limit: Annotated[int, typer.Option(help="At most this many items; 0 = all.")] = 0,
    embed: Annotated[bool, typer.Option(help="Copy the audio into the datasets (FLAC).")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure how much the audio contributes to each question; split weak from strong.

    Examples:  harken curate items -o curated --voter model --voter linear
    """
    from harken.cli.items import read_split
    from harken.curate import run
    from harken.models import load_model

    names = voter or ["linear", "longest", "random"]
    summary = run(
        read_split(dataset, split, limit),
        [load_model(name) for name in names],
        out,
        rule=rule,
        seed=seed,
        embed=embed,
    )
    finish(summary, _curate_text(summary, out), as_json)


def show(
    dataset: Annotated[Path, typer.Argument(help="A harken dataset, or a .jsonl file of items.")],
    item: Annotated[str | None, typer.Argument(help="An item's id (or its beginning).")] = None,
    clips: Annotated[
        Path | None, typer.Option(help="Write the shown items' clips here as wav files.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    limit: Annotated[int, typer.Option("-n", help="How many items.")] = 5,
    as_json: Json = False,
) -> None:
    """Print items and, if asked, write their clips as wav files.

    Examples:  harken show items     harken show items 3f2a --clips listen
    """
    from harken.cli import items as shelf

    found = shelf.pick(dataset, item, task, limit)
    paths, failed = shelf.write_clips(found, clips) if clips is not None else ([], [])
    text = "\n\n".join(shelf.describe(one) for one in found)
    if paths:
        text += f"\n\n{len(paths)} clips written to {clips}"
    for one in failed:
        text += f"\n{one['clip']} not written: {one['found']}"
    finish({"items": shelf.as_json(found), "clips": paths, "failed": failed}, text, as_json)
    if failed:
        raise typer.Exit(3)


def _scan_text(found: dict[str, Any], show_rejects: int) -> str:
    """A scan as a person reads it: counts first, then labels, then what cannot be used and why."""
    lines = [
        f"{found['name']}: layout {found['layout']}, {found['clips']} clips of "
        f"{found['recordings']} recordings, {found['hours']:.2f} h",
    ]
    for name in ("labels", "speakers", "splits", "folds", "licences", "kinds", "rates"):
        counts = found[name]
        if counts:
            most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            shown = ", ".join(f"{label} {n}" for label, n in most[:12])
            more = f" … {len(most) - 12} more" if len(most) > 12 else ""
            lines.append(f"{name} ({len(most)}): {shown}{more}")
    if found["transcripts"]:
        lines.append(f"transcripts: {found['transcripts']}")
    lines += [f"note: {text}" for text in found["notes"]]
    reasons = ", ".join(f"{why} {n}" for why, n in found["reasons"].items())
    lines.append(f"rejected: {found['rejected']}" + (f" ({reasons})" if reasons else ""))
    rejects = found["rejects"]
    lines += [f"  {r['path']}: {r['reason']}: {r['found']}" for r in rejects[:show_rejects]]
    if len(rejects) > show_rejects:
        lines.append(f"  … {len(rejects) - show_rejects} more; see them all with --json")
    return "\n".join(lines)


def _curate_text(summary: dict[str, Any], out: Path) -> str:
    """The outcome of curation: how many went where, and why."""
    counts = summary["counts"]
    total = sum(counts.values())
    lines = [f"{total} questions by the rule {summary['rule']}:"]
    lines += [
        f"  {label:8}{n:7}  {100 * n / total:5.1f} %  {out / label}" for label, n in counts.items()
    ]
    if summary["undecided"]:
        lines.append(f"  (of the strong, {summary['undecided']} undecided: too few voters to tell)")
    lines += [f"dropped {n}: {why}" for why, n in sorted(summary["dropped"].items())]
    rows: list[tuple[object, ...]] = [
        (task, *(own[label] for label in counts)) for task, own in summary["by_task"].items()
    ]
    lines += ["", table(rows, ("task", *counts))]
    if summary["bits"]:
        bits = summary["bits"]
        lines.append(
            f"bits: median {bits['p50']:+.2f}, middle half {bits['p25']:+.2f} to {bits['p75']:+.2f}"
        )
    return "\n".join(lines)
