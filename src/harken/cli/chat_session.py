"""The session of `harken chat`: lines in, replies out. What a model says is never markup."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from harken.errors import ConfigError, HarkenError, ModelError
from harken.models.base import Reply, capabilities
from harken.registry import nearest
from harken.report.text import printable

if TYPE_CHECKING:
    from rich.console import Console

    from harken.ask.conversation import ChatTurn, Conversation
    from harken.audio.clip import Clip

HELP = """Type a question. A line that begins with / is a command; // begins a question with a /.
  /clip PATH   add a sound file; it is sent with the next question
  /clips       list the sound files
  /drop N      take sound file N out of the conversation
  /reset       forget what was said; the sound files stay
  /without     ask the last question again without the audio, and show both replies
  /help        this list
  /quit        end the session (also Ctrl-D); Ctrl-C ends a reply that takes too long"""


class ChatSession:
    """One conversation, on a terminal or from given lines.

    Args:
        conversation: with the model.
        on_terminal: ask for lines, tell faults and go on; else the first fault is raised.
        silent: print nothing; `told` has everything.
    """

    def __init__(
        self, conversation: Conversation, *, on_terminal: bool = False, silent: bool = False
    ) -> None:
        self.conversation = conversation
        self.on_terminal = on_terminal
        self._silent = silent
        self._transcripts: list[tuple[Clip, Reply]] = []
        self._ended = False
        self._out, self._err = _console(False), _console(True)
        self._commands: dict[str, Callable[[str], None]] = {
            "clip": self._clip,
            "clips": self._clips,
            "drop": self._drop,
            "reset": self._reset,
            "without": self._without,
            "help": lambda _: self._say(HELP),
            "quit": lambda _: self._quit(),
        }

    # Ways in ---------------------------------------------------------------------------------

    def add_clips(self, paths: Iterable[str]) -> None:
        """Add the files of the command line.

        Raises:
            AudioError: one cannot be used, and there is no terminal to tell it on.
            ConfigError: more files than the model takes.
        """
        for path in paths:
            self._safely(lambda path=path: self._add(path))  # type: ignore[misc]

    def put(self, lines: Iterable[str], *, without: bool = False) -> None:
        """Put given lines, one after the other; `without` asks the last question again.

        Raises:
            ConfigError: nothing was asked, or a line is no command.
            ModelError: a request failed.
        """
        for line in lines:
            self._line(line)
            if self._ended:
                break
        if without:
            self._without("")
        if not self.conversation.turns and not self._transcripts:
            raise ConfigError(
                "nothing was asked", hint="Give --ask QUESTION, or questions on stdin, one a line."
            )

    def talk(self) -> None:
        """Ask for lines on a terminal until /quit, or the end of input."""
        with suppress(ImportError):
            import readline  # noqa: F401  (editing and history of the lines)
        name = printable(self.conversation.model.name)
        self._say(f"{name}. Type a question; /help lists commands, /quit ends.")
        while not self._ended:
            try:
                line = self._out.input("> ", markup=False)
            except EOFError:
                self._say("")
                return
            except KeyboardInterrupt:
                self._say("\n(/quit or Ctrl-D ends the session)")
                continue
            self._safely(lambda line=line: self._line(line))  # type: ignore[misc]

    def told(self) -> dict[str, Any]:
        """Everything that was said, as JSON values."""
        own = self.conversation
        return {
            "model": own.model.name,
            "clips": [_clip_told(clip) for clip in own.clips],
            "transcripts": [
                {**_clip_told(clip), **_reply_told(reply)} for clip, reply in self._transcripts
            ],
            "turns": [
                {
                    "question": turn.question,
                    **_reply_told(turn.reply),
                    "without": None if turn.without is None else _reply_told(turn.without),
                }
                for turn in own.turns
            ],
        }

    # One line --------------------------------------------------------------------------------

    def _line(self, line: str) -> None:
        line = line.strip()
        if not line:
            return
        if line.startswith("/") and not line.startswith("//"):
            word, _, rest = line[1:].partition(" ")
            command = self._commands.get(word)
            if command is None:
                hint = nearest(word, [f"/{name}" for name in self._commands])
                raise ConfigError(f"there is no command /{word}", hint=hint)
            command(rest.strip())
            return
        self._ask(line[1:] if line.startswith("//") else line)

    def _safely(self, act: Callable[[], None]) -> None:
        """Do it; on a terminal a fault, or Ctrl-C, is told and the session goes on."""
        if not self.on_terminal:
            act()
            return
        try:
            act()
        except HarkenError as error:
            self._note(str(error))
        except KeyboardInterrupt:
            if clear := capabilities(self.conversation.model).clear_cache:
                clear()  # what was being computed may be there in part
            self._note("stopped: this is not part of the conversation")

    def _ask(self, question: str) -> None:
        own = self.conversation
        if own.writes:
            raise ConfigError(
                f"{own.model.name} writes the {own.writes} of a file and answers no questions",
                hint="Give it files only, or pair it with a model that answers: "
                f"cascade:{own.model.name}+MODEL",
            )
        if own.turns and not own.multi_turn:
            self._note(f"{own.model.name} takes one question: what was said before is not sent")
        turn = self._waiting(lambda: own.ask(question))
        self._require(turn.reply)
        self._show_reply(turn.reply)

    def _without(self, _: str) -> None:
        turn: ChatTurn = self._waiting(self.conversation.ask_without)
        assert turn.without is not None
        self._require(turn.without)
        if len(self.conversation.turns) > 1 and self.conversation.multi_turn:
            self._note("without the audio; earlier replies, which are still sent, may tell of it")
        if not self._silent:
            self._out.print(_side_by_side(turn))

    def _clip(self, path: str) -> None:
        if not path:
            raise ConfigError("/clip names no file", hint="Write /clip PATH.")
        with suppress(ValueError):  # a path as a shell would take it, in quotes or not
            words = shlex.split(path)
            path = words[0] if len(words) == 1 else path
        self._add(path)

    def _add(self, path: str) -> None:
        own = self.conversation
        clip = own.add(path)
        self._note(f"clip {len(own.clips)}: {_named(clip)}")
        if not own.writes:
            return
        reply = self._waiting(lambda: own.transcript(clip))
        own.drop(len(own.clips))  # each file is read by itself
        self._require(reply)
        self._transcripts.append((clip, reply))
        self._show_reply(reply)

    def _clips(self, _: str) -> None:
        clips = self.conversation.clips
        lines = [f"clip {number}: {_named(clip)}" for number, clip in enumerate(clips, 1)]
        self._say("\n".join(lines) or "no clips")

    def _drop(self, number: str) -> None:
        if not number.isdecimal():
            raise ConfigError("/drop needs the number of a clip", hint="/clips lists them.")
        clip = self.conversation.drop(int(number))
        self._note(f"dropped {_named(clip)}; the clips after it have moved up by one")

    def _reset(self, _: str) -> None:
        self.conversation.reset()
        self._note("what was said is forgotten; the clips stay")

    def _quit(self) -> None:
        self._ended = True

    # What is shown ---------------------------------------------------------------------------

    def _waiting(self, act: Callable[[], Any]) -> Any:
        waiting = self._err.status("…") if self.on_terminal else nullcontext()
        with waiting:
            return act()

    def _require(self, reply: Reply) -> None:
        """Raise ModelError for a request that failed: it has no reply."""
        if reply.stop == "failed":
            raise ModelError(f"no reply: {reply.error or 'the request failed'}")

    def _show_reply(self, reply: Reply) -> None:
        if reply.explanation:
            self._note(f"(reasoning) {reply.explanation.strip()}")
        self._say(_text(reply))
        if reply.stop == "length":
            self._note("the reply was cut: its room was used up (--max-tokens)")

    def _say(self, text: str) -> None:
        if not self._silent:
            self._out.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def _note(self, text: str) -> None:
        """Beside the conversation: on stderr, in one colour where there is one."""
        style = "dim" if self.on_terminal else None
        self._err.print(printable(text), markup=False, highlight=False, soft_wrap=True, style=style)


def _console(stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, file=None if stderr else sys.stdout)


def _text(reply: Reply) -> str:
    return reply.text.strip() or "(no words)"


def _side_by_side(turn: ChatTurn) -> Any:
    """The two replies in two columns."""
    from rich.table import Table
    from rich.text import Text

    assert turn.without is not None
    shown = Table(title=Text(printable(turn.question)), show_lines=False, expand=False)
    shown.add_column("with the audio", overflow="fold")
    shown.add_column("without it", overflow="fold")
    shown.add_row(Text(printable(_text(turn.reply))), Text(printable(_text(turn.without))))
    if _text(turn.reply) == _text(turn.without):
        shown.caption = "the same reply with and without the audio"
    return shown


def _named(clip: Clip) -> str:
    """``dog.wav, 2.1 s``."""
    return f"{clip.path}, {clip.duration_s or 0.0:.1f} s"


def _clip_told(clip: Clip) -> dict[str, Any]:
    return {"path": clip.path, "duration_s": clip.duration_s, "sha256": clip.sha256}


def _reply_told(reply: Reply) -> dict[str, Any]:
    return {"reply": reply.text, "stop": reply.stop, "explanation": reply.explanation}
