"""`harken eval-speech`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish
from harken.cli.outputs import folder_option


def eval_speech(
    model: Annotated[
        str, typer.Argument(help="Folder of a model of harken train-codec-lm, or its name.")
    ],
    corpus: Annotated[list[Path], typer.Argument(help="Recordings of what it was trained to say.")],
    out: Annotated[Path, folder_option("--out", "-o", help="Folder of results, sounds and page.")],
    asr: Annotated[
        str, typer.Option(help="A speech recogniser that judges too: a folder, name or hub id.")
    ] = "",
    asr_limit: Annotated[
        int, typer.Option(min=0, help="Most sounds of each kind that the recogniser hears; 0: all.")
    ] = 0,
    per_text: Annotated[int, typer.Option(min=1, help="Sounds of each text.")] = 10,
    seconds: Annotated[float, typer.Option(help="Most of a sound, in seconds.")] = 1.0,
    temperature: Annotated[float, typer.Option(help="Of the draws; 0: greedy.")] = 0.9,
    top_p: Annotated[float, typer.Option(help="Only codes of this share together; 1: all.")] = 0.95,
    guidance: Annotated[float, typer.Option(help="Guidance by the text; 1: none.")] = 1.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Judge what a codec language model says, beside recordings and what its codec makes of them.

    A linear probe that was fitted to other recordings, and a speech recogniser, say what they hear.
    Likelihood exams ask whether a held-out recording is more probable than an altered one. The page
    has players.

    Examples:  harken eval-speech speech/model FSDD -o exam --asr whisper-base
    harken eval-speech speech/model FSDD ESC-50 -o exam --guidance 2 --json
    """
    from harken.models.base import SpeechSampling
    from harken.recipes.speech_exam import exam
    from harken.report.speech_page import EXAMS, JUDGES, share
    from harken.report.text import table

    sampling = SpeechSampling(seconds, temperature, 0, top_p, guidance)
    found = exam(
        model, corpus, out, sampling, asr=asr, asr_limit=asr_limit, per_text=per_text, seed=seed
    )
    lines = []
    for name, group in found["groups"].items():
        rows = [
            (told, *(share(group[judge][kind]) for kind in ("natural", "codec", "generated")),
             f"{group[judge]['chance']:.2f}")
            for judge, told in JUDGES.items()
            if judge in group
        ]  # fmt: skip
        lines += [name, table(rows, ("judge", "recordings", "codec", "generated", "chance"))]
    rows = [(EXAMS[name], share(row)) for name, row in found["likelihood"].items()]
    lines += [table(rows, ("altered", "recording preferred (chance 0.50)")), str(out / "page.html")]
    finish(found, "\n".join(lines), as_json)
