"""`harken doctor`: what works on this computer, and what each missing extra would add."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from typing import Any

import typer

from harken.cli.options import Json, finish
from harken.report.text import table

LIBRARIES = (
    ("numpy", "base", "arrays"),
    ("scipy", "base", "signal models, statistics"),
    ("threadpoolctl", "base", "one thread for small linear algebra"),
    ("soundfile", "base", "decoding wav, flac, ogg, mp3, opus"),
    ("soxr", "base", "resampling"),
    ("pyarrow", "base", "Parquet datasets"),
    ("pydantic", "base", "settings"),
    ("typer", "base", "the command line"),
    ("rich", "base", "progress and tables"),
    ("jinja2", "base", "the HTML report"),
    ("av", "m4a", "M4A, AAC, WebM and WMA files"),
    ("pyroomacoustics", "rooms", "reflections in rooms of scenes"),
    ("ray", "ray", "data jobs on a cluster (--engine ray)"),
    ("espeakng_loader", "starter", "speech in the generated starter corpus"),
    ("torch", "models", "the built-in tiny model, composed models"),
    ("transformers", "models", "encoders and language models to compose"),
    ("tokenizers", "models", "the tiny model's own tokenizer"),
    ("safetensors", "models", "checkpoints"),
    ("accelerate", "train", "training on more than one device"),
    ("aiohttp", "http", "models over HTTP, harken serve"),
    ("peft", "train", "LoRA on large language models"),
    ("nltk", "metrics", "sentences as MMAU-Pro counts them"),
    ("whisper_normalizer", "metrics", "Whisper's word error rate, British spellings included"),
)
"""(import name, extra that brings it, what it is for)."""


def doctor(as_json: Json = False) -> None:
    """Check what works on this computer, and what each missing extra would add.

    Exit code 0 if the base installation is complete, 1 if a part of it is missing or broken.

    Example:  harken doctor --json
    """
    from harken.audio.formats import codecs
    from harken.models.device import describe

    libraries = [_library(name, extra, use) for name, extra, use in LIBRARIES]
    works = codecs()
    faults = [e["name"] for e in libraries if e["extra"] == "base" and not e["version"]]
    faults += [f"decode {name}" for name, ok in works.items() if not ok]
    result: dict[str, Any] = {
        "ok": not faults,
        "faults": faults,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "cores": os.cpu_count(),
        "device": describe(),
        "libraries": libraries,
        "codecs": works,
        "warnings": _warnings(),
    }
    finish(result, _summary(result), as_json)
    if faults:
        raise typer.Exit(1)


def _library(name: str, extra: str, use: str) -> dict[str, str]:
    try:
        found = importlib.util.find_spec(name) is not None
        version = importlib.metadata.version(name.replace("_", "-")) if found else ""
    except (importlib.metadata.PackageNotFoundError, ValueError):
        version = "?"
    return {"name": name, "extra": extra, "use": use, "version": version}


def _warnings() -> list[str]:
    """Known problems of the installed libraries."""
    found = []
    if importlib.util.find_spec("torchaudio") is not None:
        try:
            importlib.import_module("torchaudio")
        except Exception as error:  # a broken wheel raises OSError, RuntimeError, ImportError …
            found.append(
                f"torchaudio is installed but does not load ({type(error).__name__}); "
                "transformers' audio processors will fail: pip uninstall torchaudio"
            )
    return found


def _summary(result: dict[str, Any]) -> str:
    rows = [
        (e["name"], e["version"] or "missing", e["extra"], e["use"]) for e in result["libraries"]
    ]
    lines = [
        f"Python {result['python']} on {result['platform']}, {result['cores']} cores",
        f"Device: {result['device']}",
        "Audio: "
        + ", ".join(f"{n} {'ok' if ok else 'FAILS'}" for n, ok in result["codecs"].items()),
        "",
        table(rows, ("library", "version", "extra", "for")),
        "",
    ]
    missing = sorted({e["extra"] for e in result["libraries"] if not e["version"]})
    for extra in missing:
        uses = [e["use"] for e in result["libraries"] if e["extra"] == extra and not e["version"]]
        lines.append(f"pip install 'harken[{extra}]' would add: {'; '.join(uses)}")
    lines += [f"warning: {text}" for text in result["warnings"]]
    lines.append("All parts work." if result["ok"] and not missing else "")
    if result["faults"]:
        lines.append("Broken: " + ", ".join(result["faults"]))
    return "\n".join(lines).rstrip()
