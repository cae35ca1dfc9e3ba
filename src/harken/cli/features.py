"""`harken features`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import AudioRoot, Json, finish
from harken.listed import listed

Features = Annotated[
    str,
    typer.Option(
        "--features",
        metavar="FOLDER",
        help="Where frames of frozen audio encoders are kept, FOLDER?limit_gb=50; default: "
        "$HARKEN_FEATURES, else the user's cache.",
    ),
]


def features(
    model: Annotated[str, typer.Argument(help="A saved model, or native:FOLDER.")],
    dataset: Annotated[Path, typer.Argument(help="A dataset or .jsonl, or another program's set.")],
    folder: Features = "",
    storage: Annotated[
        str, typer.Option(help="exact, float16 or bfloat16; as features=… in training.")
    ] = "exact",
    trained: Annotated[
        str, typer.Option(help="Groups that will be trained, such as projector,lm.")
    ] = "projector,lm",
    split: Annotated[str, typer.Option(help="Split of the dataset; '' for all.")] = "train",
    audio_root: AudioRoot = None,
    device: Annotated[str, typer.Option(help="As in training, such as cuda.")] = "",
    dtype: Annotated[str, typer.Option(help="As in training: float32, bfloat16.")] = "",
    as_json: Json = False,
) -> None:
    """Encode the clips of a dataset once, before trainings with a frozen audio encoder.

    Training does this by itself when it first uses a clip. Stopped and started again, the command
    goes on where it was.

    Examples:  harken features model items     harken features model items --storage float16
    """
    from harken.recipes.keep_features import SHOWN, keep_features
    from harken.report.text import table

    found = keep_features(
        model,
        dataset,
        features=folder,
        storage=storage,
        trained=[name.strip() for name in trained.split(",") if name.strip()],
        split=split,
        audio_root=audio_root,
        device=device,
        dtype=dtype,
    )
    rows = [
        ("clips", found["clips"]),
        ("encoded now", found["made"]),
        ("kept before", found["kept"]),
        ("failed", found["failed"]),
        ("folder", found["folder"] or "none: it cannot be written"),
        ("entries in it", found["entries"]),
        ("gigabytes", f"{found['bytes'] / 1e9:.3g} of {found['limit_bytes'] / 1e9:.3g}"),
    ]
    lines = [table(rows)]
    if found["counts"]["removed"]:
        lines.append(
            f"{found['counts']['removed']} entries were removed for space: raise limit_gb, or "
            "keep them as float16."
        )
    failed = [f"{one['clip']}: {one['reason']}" for one in found["failures"]]
    lines += [listed(failed, SHOWN, between="\n")] if failed else []
    finish(found, "\n".join(lines), as_json)
