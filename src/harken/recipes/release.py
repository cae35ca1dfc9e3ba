"""release: a trained model as a folder that harken opens by name (`harken.models.released`).

Run:  python -m harken.recipes.release out/model harken-small -o releases --card README.md \
          --base audio_encoder=openai/whisper-base --base lm=HuggingFaceTB/SmolLM2-135M-Instruct

Trained tensors are stored in half precision and opened in float32, so evaluate the release, not the
model that it was made of (`harken.models.composed.release`). The folder of all releases is what
``HARKEN_MODELS`` names; in the package it is ``src/harken/released``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harken.errors import HarkenError
from harken.models.composed.release import release_model


def main(words: list[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m harken.recipes.release", description=__doc__)
    parser.add_argument("model", help="folder of the saved model")
    parser.add_argument("name", help="of the release")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of releases")
    parser.add_argument("--card", type=Path, required=True, help="model card, README.md")
    parser.add_argument(
        "--base", action="append", default=[], help="GROUP=OWNER/NAME; repeat for each part"
    )
    given = parser.parse_args(words)
    sources = dict(one.partition("=")[::2] for one in given.base)
    try:
        made = release_model(given.model, given.name, given.out, given.card, sources)
    except HarkenError as error:
        print(f"harken: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    print(
        f"{made['folder']}: {made['bytes']:,} bytes, identity {made['identity']}; rounding to "
        f"half precision changed no tensor by more than {made['rounding']:.2g} of its size"
    )


if __name__ == "__main__":
    main()
