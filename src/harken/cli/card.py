"""`harken card`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish
from harken.cli.outputs import file_option


def card(
    model: Annotated[Path, typer.Argument(help="The saved model's folder.")],
    run: Annotated[
        list[Path], typer.Argument(help="Runs of `harken eval`, or folders of such runs.")
    ],
    out: Annotated[Path, file_option("--out", "-o", help="The card.")],
    licence: Annotated[str, typer.Option(help="Of the trained weights, as apache-2.0.")],
    summary: Annotated[str, typer.Option(help="What the model is, in a sentence.")],
    train: Annotated[
        list[Path] | None,
        typer.Option(help="What `harken train -o` wrote, in order; repeat for more."),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER: runs of another model on the same parts; repeatable."),
    ] = None,
    ablation: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER: another training, to stand beside --train; repeatable."),
    ] = None,
    base: Annotated[
        list[str] | None,
        typer.Option(help="Id of a pretrained part, if not as the model names it; repeatable."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(help="What it was trained on, with the licence; repeatable."),
    ] = None,
    hardware: Annotated[str, typer.Option(help="What it was trained on.")] = "",
    note: Annotated[
        list[str] | None, typer.Option(help="A further line on what it cannot do; repeatable.")
    ] = None,
    name: Annotated[str, typer.Option(help="Of the model; default: as it is saved.")] = "",
    as_json: Json = False,
) -> None:
    """Write a model card from the runs of a model: markdown with a YAML head, as on the hub.

    A row for each part (dataset) and a column for each condition, with items and intervals; the
    same parts by other models; the stages of training, with the hearing gap over all of them. What
    it cannot do is told by the parts that are at chance or no better with their audio.

    Examples:  harken card model/model runs -o README.md --licence mit --summary "A small listener"

    harken card m runs --train out --beside cascade=other -o README.md --licence mit --summary "…"
    """
    from harken.errors import DataError
    from harken.models.base import MODEL_FILE
    from harken.report.card_results import read_parts
    from harken.report.model_card import CardTexts, write_model_card
    from harken.report.training_data import read_trainings

    if not (model / MODEL_FILE).is_file():
        raise DataError(
            "this is no saved model", where=str(model), hint="Name the folder with " + MODEL_FILE
        )
    others = {n: read_parts(folders) for n, folders in named("beside", beside).items()}
    trained = {n: read_trainings(folders) for n, folders in named("ablation", ablation).items()}
    texts = CardTexts(licence, summary, name, base or (), data or (), hardware, note or ())
    parts = read_parts(run)
    made = write_model_card(out, model, parts, texts, read_trainings(train or ()), others, trained)
    lines = [f"{out}: {made['parts']} parts"]
    lines += [f"cannot do: {one}" for one in made["cannot"]]
    lines += [f"note: {one}" for one in made["warnings"]]
    finish(made, "\n".join(lines), as_json)


def named(option: str, pairs: list[str] | None) -> dict[str, list[Path]]:
    """``NAME=FOLDER`` options as name -> folders; a name may come several times.

    Raises:
        ConfigError: one is not of this form.
    """
    from harken.errors import ConfigError

    found: dict[str, list[Path]] = {}
    for pair in pairs or ():
        name, equals, folder = pair.partition("=")
        if not (name and equals and folder):
            raise ConfigError(f"--{option} is {pair!r}", hint="Write NAME=FOLDER.")
        found.setdefault(name, []).append(Path(folder))
    return found
