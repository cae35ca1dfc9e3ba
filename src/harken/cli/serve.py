"""`harken serve`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harken.cli.options import Json, finish


def serve(
    model: Annotated[
        str, typer.Argument(help="A saved model's folder, or a name: harken-small, …")
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any free one.")] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; default: this computer only.")
    ] = "127.0.0.1",
    no_key: Annotated[
        bool, typer.Option("--no-key", help="Let another --host answer everybody, without a key.")
    ] = False,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Further name in the Host header, as a proxy sends it.")
    ] = None,
    name: Annotated[str, typer.Option(help="Model id in the API.")] = "",
    batch: Annotated[int, typer.Option(help="Largest batch of requests.")] = 16,
    max_mb: Annotated[int, typer.Option(help="Largest request, in megabytes.")] = 64,
    max_clip_s: Annotated[float, typer.Option(help="Longest clip, in seconds.")] = 1800.0,
    reload_from: Annotated[
        Path | None,
        typer.Option(help="Folder from which a trainer on this computer may have weights loaded."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Serve a model as OpenAI chat completions with audio input, for other harnesses.

    Prints the address on stdout once it listens. With HARKEN_SERVE_KEY set, requests
    need that key; an address that other computers reach needs it, or --no-key.

    Examples:  harken serve runs/model     harken eval openai:tiny@http://127.0.0.1:8000/v1 items …
    """
    from harken.models.load import load_model
    from harken.serve.start import serve_model

    opened = load_model(model)
    served = name or opened.name

    def ready(url: str) -> None:
        finish({"address": url, "model": model}, url, as_json)
        print(f"Use it as openai:{served}@{url}. Ctrl-C ends it.", file=sys.stderr, flush=True)

    serve_model(
        opened,
        ready,
        host=host,
        port=port,
        name=name,
        batch=batch,
        hosts=allow_host or (),
        open=no_key,
        reload_from=reload_from,
        body_bytes=max_mb << 20,
        clip_s=max_clip_s,
    )
