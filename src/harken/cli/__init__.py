"""The command line: a table of verbs over plain functions. Nothing heavy is imported here."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from harken.cli import bench, data, demo, doctor, exam, guard, learn, serve

app = typer.Typer(
    name="harken",
    help="Make, curate, train and judge audio-language models, with proof that they listen.",
    epilog="Start with:  harken demo     What works here:  harken doctor",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "scan": data.scan,
    "starter": data.starter,
    "synth": data.synth,
    "curate": data.curate,
    "show": data.show,
    "train": learn.train,
    "eval": exam.evaluate,
    "rescore": exam.rescore,
    "report": exam.report,
    "compare": exam.compare,
    "score": bench.score,
    "floor": bench.floor,
    "parse-report": bench.parse_report,
    "benchmarks": bench.benchmarks,
    "leaks": guard.leaks,
    "serve": serve.serve,
    "doctor": doctor.doctor,
}

for _verb, _function in VERBS.items():
    app.command(_verb)(_function)


@app.callback()
def _root(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        from importlib import metadata

        print(metadata.version("harken"))
        raise typer.Exit


def main() -> None:
    """Run one verb; a HarkenError becomes one readable line and its exit code."""
    from harken.errors import HarkenError

    try:
        app()
    except HarkenError as error:
        print(f"harken: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("harken: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
