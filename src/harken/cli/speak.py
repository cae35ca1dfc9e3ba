"""`harken speak`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, finish
from harken.cli.outputs import file_option


def speak(
    model: Annotated[
        str, typer.Argument(help="Folder of a model of harken train-codec-lm, or its name.")
    ],
    out: Annotated[
        Path, file_option("--out", "-o", help="The WAV file; - for a stream on stdout.")
    ],
    text: Annotated[str, typer.Argument(help="What is to be said, or the name of a sound.")] = "",
    voice: Annotated[str, typer.Option(help="One of the model's voices; default: any.")] = "",
    goes_on: Annotated[
        Path | None, typer.Option("--continue", help="A recording that is gone on with.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Most of the new sound, in seconds.")] = 3.0,
    temperature: Annotated[float, typer.Option(help="Of the draws; 0: greedy.")] = 0.9,
    top_p: Annotated[float, typer.Option(help="Only codes of this share together; 1: all.")] = 0.95,
    top_k: Annotated[int, typer.Option(help="Only so many codes; 0: all.")] = 0,
    guidance: Annotated[
        float, typer.Option(help="Classifier-free guidance by the text; 1: none.")
    ] = 1.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Say a text, make a sound by its name, or go on with a recording (text to speech).

    The codes are drawn one frame after another and decoded by the model's codec. With -o - a WAV
    stream goes to stdout, in chunks of a fifth of a second as they are drawn.

    Examples:  harken speak speech/model "three" -o three.wav --voice theo
    harken speak speech/model "three" -o three.wav --guidance 2 --temperature 0.7
    harken speak speech/model --continue clip.wav --seconds 2 -o more.wav
    """
    from harken.models.base import SpeechSampling
    from harken.recipes.speak import speak_file, speak_stream

    sampling = SpeechSampling(seconds, temperature, top_k, top_p, guidance)
    if str(out) == "-":

        def write(data: bytes) -> None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

        speak_stream(model, text, write, sampling, voice=voice, goes_on=goes_on, seed=seed)
        return
    made = speak_file(model, text, out, sampling, voice=voice, goes_on=goes_on, seed=seed)
    given = f", of which {made['given_s']:.2f} s are given" if made["given_s"] else ""
    finish(made, f"{made['file']}: {made['s']:.2f} s{given}", as_json)
