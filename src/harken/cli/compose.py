"""Verb: compose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from harken.cli.options import Json, LoraOption, Seed, finish
from harken.cli.outputs import folder_option
from harken.errors import ConfigError

Preset = Annotated[
    str, typer.Option(help="A published model by name, instead of parts: see --list.")
]
Size = Annotated[
    str,
    typer.Option(
        help="Of a preset: tiny (random small parts, no network; the default) or published (its "
        "own parts; --encoder and --lm put yours into its wiring)."
    ),
]
ShowList = Annotated[
    bool,
    typer.Option(
        "--list", help="List the presets: parts, sizes, licences, papers, what trains them."
    ),
]
DryRun = Annotated[
    bool, typer.Option(help="Of a preset: say what would be loaded, and count parameters.")
]
Chat = Annotated[
    str,
    typer.Option(
        help="Prompt format: auto (the LM's chat template, if it has one), chatml, none, or a "
        "jinja file."
    ),
]
Choices = Annotated[
    str,
    typer.Option(
        help="How options are listed: letters (A. …; a letter is the answer) or text (bare; "
        "an option's text is the answer, which small language models manage better)."
    ),
]
CopyBases = Annotated[
    bool,
    typer.Option(
        help="Save the pretrained weights in the model too; else they are named, and looked "
        "for where they are now, below HARKEN_WEIGHTS, and on the hub."
    ),
]


def compose(
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder, hub id or name of an audio encoder (Whisper, AST, wav2vec …), with "
            "settings; several times: side by side."
        ),
    ] = None,
    lm: Annotated[
        str, typer.Option(help="Folder or hub id of a causal language model with its tokenizer.")
    ] = "",
    out: Annotated[
        Path | None, folder_option("--out", "-o", help="Folder of the new model.", makes="model")
    ] = None,
    projector: Annotated[
        str,
        typer.Option(
            help="mlp, linear, pooling, qformer, deepstack …, with settings; default mlp."
        ),
    ] = "",
    pool: Annotated[
        int | None, typer.Option(min=1, help="Encoder frames in one audio token; default 4.")
    ] = None,
    lora: LoraOption = None,
    preset: Preset = "",
    size: Size = "",
    show_list: ShowList = False,
    dry_run: DryRun = False,
    chat: Chat = "auto",
    choices: Choices = "letters",
    copy_bases: CopyBases = False,
    name: Annotated[str, typer.Option(help="Name of the model; default: the folder's.")] = "",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Join an audio encoder, a projector and a language model into one model to train.

    Only safetensors are read, and no code is run. The projector is fresh: train it with
    `harken train align` first. A preset has the wiring of a published model (docs/systems.md).

    Examples:  harken compose --encoder whisper-base --lm smollm2-135m-instruct -o model

    harken compose --encoder "whisper-base?layers=all" --encoder ast --lm qwen3-0.6b -o model

    harken compose --encoder "directional?of=whisper-base" --lm qwen3-0.6b --lora lm:16 -o model

    harken compose --encoder hubert --lm llama --projector "window-qformer?window=17" -o model

    harken compose --list     harken compose --preset salmonn --size tiny -o model
    """
    from harken.report.text import table

    _require_effect(preset, projector or lora or pool, size, dry_run and (encoder or lm))
    size = size or "tiny"
    if show_list or dry_run:
        return _told(preset, size, show_list, as_json)
    if preset:
        from harken.recipes.systems import require_composed

        require_composed(preset)
    if out is None:
        raise ConfigError("no folder for the new model", hint="Add -o FOLDER.")
    parts = "+".join(encoder or ()), lm
    common = {"copy_bases": copy_bases, "seed": seed}
    made = (
        _of_preset(preset, out, parts, size, name, (chat, choices), common)
        if preset
        else _of_parts(parts, out, (projector, pool, lora or []), name, (chat, choices), common)
    )
    counted = [(group, f"{count:,}") for group, count in made["parameters"].items()]
    return finish(made, f"{out}\n{table(counted, ('part', 'parameters'))}", as_json)


def _require_effect(preset: str, own: Any, size: str, told_parts: Any) -> None:
    """Raise ConfigError for options that would be ignored."""
    if preset and own:
        raise ConfigError(
            "a preset has its own projector and adapters",
            hint="Leave --projector, --pool and --lora out, or compose the parts without --preset.",
        )
    if size and not preset:
        raise ConfigError("--size is for presets", hint="Add --preset NAME.")
    if told_parts:
        raise ConfigError(
            "--dry-run tells of the parts that the preset names",
            hint="Leave --encoder and --lm out.",
        )


def _told(preset: str, size: str, every: bool, as_json: bool) -> None:
    """--list, or --dry-run of a preset."""
    from harken.recipes.systems import would_load
    from harken.report.systems import system_table, system_text

    if every:
        from harken.recipes.system_rows import listed_systems

        rows = listed_systems()
        return finish({"presets": rows}, system_table(rows), as_json)
    if not preset:
        raise ConfigError("--dry-run is for presets", hint="Add --preset NAME.")
    found = would_load(preset, size)
    return finish(found, system_text(found), as_json)


def _of_preset(
    preset: str,
    out: Path,
    parts: tuple[str, str],
    size: str,
    name: str,
    prompts: tuple[str, str],
    common: dict[str, Any],
) -> dict[str, Any]:
    from harken.recipes.compose import PromptFormat
    from harken.recipes.systems import compose_system

    encoder, lm = parts
    written = PromptFormat(*prompts)
    return compose_system(
        preset, out, size=size, encoder=encoder, lm=lm, prompts=written, model_name=name, **common
    )


def _of_parts(
    parts: tuple[str, str],
    out: Path,
    projector: tuple[str, int | None, list[str]],
    name: str,
    prompts: tuple[str, str],
    common: dict[str, Any],
) -> dict[str, Any]:
    from harken.recipes.compose import PromptFormat, compose_model

    if not all(parts):
        raise ConfigError(
            "an encoder and a language model are needed",
            hint="Add --encoder and --lm, or --preset NAME (harken compose --list).",
        )
    kind, pool, lora = projector
    written = PromptFormat(*prompts)
    return compose_model(
        *parts, out, projector=kind or "mlp", pool=pool, lora=lora, prompts=written, name=name,
        **common,
    )  # fmt: skip
