"""The command line: a table of verbs over plain functions. Nothing heavy is imported here."""

from __future__ import annotations

import functools
import inspect
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TextIO

import typer

from harken.cli.benchmarks import benchmarks
from harken.cli.card import card
from harken.cli.chat import chat
from harken.cli.check import check
from harken.cli.clean import clean
from harken.cli.compare import compare
from harken.cli.compose import compose
from harken.cli.convert import convert
from harken.cli.curate import curate
from harken.cli.decode import decode
from harken.cli.demo import demo
from harken.cli.doctor import doctor
from harken.cli.effect import effect
from harken.cli.encode import encode
from harken.cli.eval import evaluate
from harken.cli.eval_clap import eval_clap
from harken.cli.eval_speech import eval_speech
from harken.cli.explain import explain
from harken.cli.export import export
from harken.cli.features import features
from harken.cli.floor import floor
from harken.cli.leaks import leaks
from harken.cli.merge import merge
from harken.cli.mix import mix
from harken.cli.models import models
from harken.cli.parse_report import parse_report
from harken.cli.plugins import plugins
from harken.cli.reconstruct import reconstruct
from harken.cli.report import report
from harken.cli.rescore import rescore
from harken.cli.scan import scan
from harken.cli.scene import scene
from harken.cli.score import score
from harken.cli.search import search
from harken.cli.serve import serve
from harken.cli.show import show
from harken.cli.show_model import show_model
from harken.cli.speak import speak
from harken.cli.starter import starter
from harken.cli.synth import synth
from harken.cli.tag import tag
from harken.cli.train import train
from harken.cli.train_clap import train_clap
from harken.cli.train_codec import train_codec
from harken.cli.train_codec_lm import train_codec_lm
from harken.cli.write import write

Plugins = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        metavar="MODULE_OR_FILE",
        help="Load a plugin first: a module, or a .py file; repeat for more.",
    ),
]

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
    "demo": demo,
    "scan": scan,
    "starter": starter,
    "synth": synth,
    "scene": scene,
    "clean": clean,
    "write": write,
    "curate": curate,
    "show": show,
    "explain": explain,
    "mix": mix,
    "convert": convert,
    "compose": compose,
    "show-model": show_model,
    "features": features,
    "train": train,
    "train-codec": train_codec,
    "encode": encode,
    "decode": decode,
    "reconstruct": reconstruct,
    "train-codec-lm": train_codec_lm,
    "speak": speak,
    "eval-speech": eval_speech,
    "train-clap": train_clap,
    "tag": tag,
    "search": search,
    "eval-clap": eval_clap,
    "merge": merge,
    "export": export,
    "effect": effect,
    "eval": evaluate,
    "rescore": rescore,
    "report": report,
    "compare": compare,
    "card": card,
    "check": check,
    "score": score,
    "floor": floor,
    "parse-report": parse_report,
    "benchmarks": benchmarks,
    "leaks": leaks,
    "chat": chat,
    "serve": serve,
    "models": models,
    "plugins": plugins,
    "doctor": doctor,
}

RESUMED = (
    *("demo", "starter", "synth", "scene", "clean", "write", "curate", "features"),
    *("train", "train-codec", "train-codec-lm", "train-clap", "effect", "eval"),
)
"""Commands that, run again with the same output, go on where they stopped."""


def _stoppable(verb: str, function: Callable[..., None]) -> Callable[..., None]:
    """`function`, which on Ctrl-C says what became of its work, and ends with 130."""

    @functools.wraps(function)
    def run(*words: Any, **options: Any) -> None:
        try:
            function(*words, **options)
        except KeyboardInterrupt:
            print(f"\nharken: {_stopped(verb, sys.argv[1:])}", file=sys.stderr)
            raise typer.Exit(130) from None

    return run


def _stopped(verb: str, words: Sequence[str]) -> str:
    """What to run after Ctrl-C, and what it does; passwords in addresses are left out."""
    again = re.sub(r"//[^/@\s']+@", "//…@", shlex.join(["harken", *words]))
    if verb == "train":
        return (
            "stopped; the steps up to the last checkpoint are kept (one every 100 steps, if "
            f"checkpoint_every says nothing else). To go on where it stopped: {again}"
        )
    if verb in RESUMED:
        return f"stopped; what is done is kept. To go on where it stopped: {again}"
    return f"stopped; to start again: {again}"


def _help(function: Callable[..., None]) -> str:
    """The docstring as it is shown: a paragraph on one line, an example on each line below it.

    typer keeps the line breaks of the source, which is wider than a terminal of 80 columns.
    """
    text, title, examples = inspect.cleandoc(function.__doc__ or "").partition("\n\nExample")
    shown = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    plural, _, commands = examples.partition(":")
    lines = [f"  {line}" for line in re.split(r"\s*\n\s*|\s{3,}", commands.strip())]
    return "\n\n".join([*shown, "\n".join([f"{title.strip()}{plural}:", *lines])])


for _verb, _function in VERBS.items():
    app.command(_verb, help=_help(_function))(_stoppable(_verb, _function))


def _version(asked: bool) -> None:
    """Print the version, before a command is missed."""
    if asked:
        from importlib import metadata

        print(metadata.version("harken"))
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", is_eager=True, callback=_version
    ),
    plugin: Plugins = None,
) -> None:
    del version
    from harken.registry import load_plugins

    _warn_in_one_line()
    load_plugins(plugin or ())


def _warn_in_one_line() -> None:
    """Own warnings are told in one line; others with their place, as usual."""
    from harken.errors import HarkenWarning

    usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, HarkenWarning):
            print(f"harken: warning: {message}", file=sys.stderr)
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.showwarning = show


def main() -> None:
    """Run one verb; a HarkenError becomes one readable line and its exit code."""
    from harken.process_end import end_now

    try:
        _run()
    except SystemExit as ended:
        end_now(ended.code)
        raise


def _run() -> None:
    from harken.errors import HarkenError

    try:
        app()
    except HarkenError as error:
        print(f"harken: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("harken: stopped before it began", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except Exception as error:
        from harken.cli.system_errors import explained

        told = explained(error)
        if told is None:  # a fault of harken's own: its traceback is needed
            raise
        print(f"harken: {told}", file=sys.stderr)
        sys.exit(told.exit_code)
