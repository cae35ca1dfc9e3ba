"""`harken synth`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harken.cli.options import Engine, Json, Plan, Seed, Workers, finish
from harken.cli.outputs import folder_option
from harken.errors import ConfigError
from harken.listed import listed
from harken.report.text import table
from harken.synth.skills import SKILLS

if TYPE_CHECKING:
    from harken.synth.scenes.spec import Surroundings
    from harken.synth.staging import Staging

RECORDINGS = (
    *("identify", "presence", "word", "same-sound", "same-word", "same-speaker", "which-clip"),
    *("caption", "first", "count", "order", "leaky", "transcribe", "name", "describe"),
    *("story", "next-turn", "permuted", "voice-trait", "same-trait", "talk"),
)
SCENES = (
    *("before-after", "in-order", "when", "at-time", "duration", "count-events", "overlap"),
    *("direction", "nearer", "moves", "speakers", "meeting", "absent", "present-absent"),
    *("unanswerable", "over-refusal", "conflict", "changed", "difference", "compose", "twins"),
    *("prefer", "say-when", "stream", "dialogue"),
)
LONG = ("needle", "sub-scene", "segment-order", "summary")
MUSIC = ("instrument", "tempo", "metre", "key", "chord", "contour")
"""The families of the package, in the order of `harken.synth.make.FAMILIES`, which is not light."""

NO_TEST = {
    "leaky": "a control, whose text gives the answer away (--family NAME makes others only)",
    "talk": "practice for training, several questions about the same clips",
}
"""Families that are made unasked and are no test of listening."""


Families = Annotated[
    list[str] | None,
    typer.Option(
        help=f"A family of questions, or recordings, scenes, long or music for all of them; "
        f"repeat for more. recordings (if none): {', '.join(RECORDINGS)}. scenes: "
        f"{', '.join(SCENES)}. long: {', '.join(LONG)}. music: {', '.join(MUSIC)}."
    ),
]


Skills = Annotated[
    list[str] | None,
    typer.Option(
        help="Only families that train a skill, of all if no --family is given; repeat for more: "
        f"{', '.join(SKILLS)}."
    ),
]


def synth(
    corpus: Annotated[Path, typer.Argument(help="A folder of labelled recordings.")],
    out: Annotated[
        Path, folder_option("--out", "-o", help="Folder of the new dataset.", makes="dataset")
    ],
    family: Families = None,
    skill: Skills = None,
    per_family: Annotated[int, typer.Option(min=1, help="Questions per family and split.")] = 500,
    embed: Annotated[
        bool,
        typer.Option(
            help="Copy the audio into the dataset: FLAC, float WAV where that would clip."
        ),
    ] = False,
    long_minutes: Annotated[
        str,
        typer.Option(
            help="Lengths of long scenes in minutes, 1 or more; they take turns; default 2,5,10."
        ),
    ] = "",
    around: Annotated[
        Path | None, typer.Option(help="A YAML file: background and room, as of harken scene.")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="Corpus layout.")] = None,
    plan: Plan = False,
    engine: Engine = "local",
    workers: Workers = 1,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make questions about recordings, with answers that are true by construction.

    All families about recordings that the labels allow are made unless --family names some; those
    about scenes (order, times, counts, directions …) and long ones are staged from recordings,
    those about music are of synthesised notes, whatever the corpus. Two are no test of
    listening: leaky, a control whose text gives the answer away, and talk, practice for
    training. No source recording, sound or speaker is in two splits, whoever gave the splits. A
    killed run resumes where it stopped; the same seed gives the same bytes, on any engine and with
    any number of workers.

    Examples:  harken synth ESC-50 -o items     harken synth ESC-50 -o pairs --family which-clip

    harken synth ESC-50 -o scenes --family scenes --per-family 200

    harken synth ESC-50 -o music --family music --family say-when

    harken synth ESC-50 -o reasoning --skill temporal --skill counting

    harken synth ESC-50 -o long --family long --long-minutes 10,60 --per-family 20

    harken synth ESC-50 -o items --embed --workers 8

    harken synth ESC-50 -o items --embed --plan
    """
    from harken.corpora.read import read_corpus
    from harken.engines.load import open_engine
    from harken.progress import tell
    from harken.report.scale import estimate_text
    from harken.synth.make import families_for, plan_dataset, write_planned

    if skill:
        family = list(families_for(skill, *([family] if family else [])))
    staging = _staging(long_minutes, around, family or ["recordings"])
    read = read_corpus(corpus, layout)
    asked: dict[str, Any] = {"families": family, "per_family": per_family, "seed": seed}
    with open_engine(engine, workers) as own:
        planned = plan_dataset(read, **asked, embed=embed, engine=own, staging=staging)
        expected = planned.estimate()
        if plan:
            told = {**asdict(expected), "workers": workers, "engine": own.name, **planned.report}
            finish(told, estimate_text(expected, workers), as_json)
            return
        tell(estimate_text(expected, workers))
        made = write_planned(planned, out, own)
    result = {"folder": str(out), "rejects": len(read.rejects), **made}
    lines = [f"{made['items']} questions from {len(read.recordings)} clips in {out}"]
    lines += _made(made, unasked=not family)
    if read.rejects:
        lines.append(f"{len(read.rejects)} files could not be used: harken scan {corpus}")
    finish(result, "\n".join(lines), as_json)


def _made(made: dict[str, Any], *, unasked: bool) -> list[str]:
    """What was made, in lines: counts, needs, notes, what could not be made."""
    lines = [table(sorted(made["counts"].items()), ("family/split", "items"))]
    if made["needs"]:
        lines += ["what must be heard to answer (docs/scenes.md):", _needs(made["needs"])]
    for name, what in NO_TEST.items():
        count = sum(n for key, n in made["counts"].items() if key.startswith(f"{name}/"))
        if count and unasked:
            lines.append(f"note: {count} of them are {name}: {what}")
    lines += [f"note: {text}" for text in made["notes"]]
    for word in ("skipped", "short"):
        lines += [f"{word} {name}: {why}" for name, why in sorted(made[word].items())]
    return lines


def _staging(minutes: str, around: Path | None, families: list[str]) -> Staging:
    """The settings of scenes: lengths in minutes, separated by commas, and a YAML file.

    Raises:
        ConfigError: settings of scenes that none of the families has.
    """
    from harken.synth.make import FAMILIES, families_of
    from harken.synth.staging import Staging

    groups = {FAMILIES.get(name).made_with for name in families_of(families)}
    for option, given, having in (
        ("--long-minutes", minutes, {"long"}),
        ("--around", around, {"scenes", "long"}),
    ):
        if given and not groups & having:
            named = listed(sorted(having))
            raise ConfigError(
                f"{option} is for families of {named}, and there are none among {listed(families)}",
                hint=f"Add --family {min(having)}, or leave it out.",
            )
    if not minutes:
        return Staging(around=_surroundings(around))
    try:
        lengths = tuple(60.0 * float(one) for one in minutes.split(","))
    except ValueError:
        raise typer.BadParameter(f"{minutes!r} are no minutes such as 2,10") from None
    return Staging(lengths, _surroundings(around))


def _surroundings(path: Path | None) -> Surroundings | None:
    from harken.config import read_values
    from harken.synth.scenes.spec import surroundings_from

    return None if path is None else surroundings_from(read_values(path, ()), str(path))


def _needs(needs: dict[str, dict[str, float | None]]) -> str:
    """What the items of each family need, as a table."""
    rows = []
    for name, own in needs.items():
        shares = [_percent(own["caption_proof"]), _percent(own["share"])]
        window = "" if own["window_s"] is None else f"{own['window_s']:.1f} s"
        rows.append((name, shares[0], window, shares[1]))
    return table(rows, ("family", "caption-proof", "shortest window", "of the clip"))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"
