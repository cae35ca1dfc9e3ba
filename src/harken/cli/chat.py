"""`harken chat`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from harken.cli.options import Json, Seed, Temperature, TopP, finish
from harken.errors import ConfigError


def chat(
    model: Annotated[
        str, typer.Argument(help="A saved model's folder, or a name: harken-small, openai:…")
    ],
    clip: Annotated[list[str] | None, typer.Argument(help="Sound files to talk about.")] = None,
    ask: Annotated[
        list[str] | None,
        typer.Option(help="Ask this and end; repeat for more turns of one conversation."),
    ] = None,
    without: Annotated[
        bool,
        typer.Option("--without", help="Ask the last question again without the audio."),
    ] = False,
    system: Annotated[str, typer.Option(help="A system message.")] = "",
    max_tokens: Annotated[
        int, typer.Option(help="Room for a reply, in tokens; longer ones are cut.")
    ] = 256,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Talk with a model about sound files: several files, several turns.

    On a terminal it asks for questions, and /help lists what else can be typed; /without asks the
    last question again without the audio and shows both replies side by side. Elsewhere it reads
    questions from stdin, one a line. A speech recogniser writes what is said in each file.

    A file that cannot be used ends the command with its reason (exit code 3); on a terminal it is
    told, and the session goes on. So does Ctrl-C, which ends a reply.

    Examples:  harken chat harken-small clip.wav

    harken chat harken-small a.wav b.wav --ask "Is the same sound in both clips?" --without
    """
    from harken.ask.conversation import Conversation
    from harken.cli.chat_session import ChatSession
    from harken.models.base import Sampling
    from harken.models.load import load_model, needs_items

    on_terminal = ask is None and sys.stdin.isatty() and sys.stdout.isatty()
    if as_json and on_terminal:
        raise ConfigError(
            "--json is for questions that are given", hint="Give --ask, or questions on stdin."
        )
    if needs_items(model):
        raise ConfigError(
            f"{model} answers only the items of a dataset and cannot be talked to",
            hint="Name a saved model, native:…, openai:…, or cascade:….",
        )
    sampling = Sampling(max_tokens, temperature, 0, seed, top_p)
    conversation = Conversation(load_model(model), sampling, system)
    session = ChatSession(conversation, on_terminal=on_terminal, silent=as_json)
    session.add_clips(clip or ())
    if on_terminal:
        session.talk()
    else:
        session.put(ask if ask is not None else sys.stdin, without=without)
    if as_json:
        finish(session.told(), "", as_json)
