"""`harken chat`: given questions, lines on stdin, a terminal; what goes wrong; several kinds."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_conversation import Parrot
from typer.testing import CliRunner, Result

from fake_server import Standin
from harken.ask.conversation import Conversation
from harken.cli.chat_session import ChatSession
from harken.cli.main import app
from harken.errors import AudioError, ConfigError, HarkenError, ModelError
from harken.models.base import Reply, Sampling
from harken.models.composed.model import ComposedModel
from tiny_audio import TEXTS, sound


def harken(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, words, input=stdin)


def fault(done: Result) -> HarkenError:
    assert isinstance(done.exception, HarkenError), done.output
    return done.exception


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> Parrot:
    own = Parrot()
    monkeypatch.setattr("harken.models.load.load_model", lambda *_, **__: own)
    monkeypatch.setattr("harken.models.load.needs_items", lambda *_: False)
    return own


def test_questions_are_turns_of_one_conversation(parrot: Parrot, tmp_path: Path) -> None:
    clips = [sound(tmp_path, name).path for name in ("noise", "clicks")]
    done = harken("chat", "m", *clips, "--ask", "first?", "--ask", "second?", "--json")
    found = json.loads(done.stdout)
    assert [turn["reply"] for turn in found["turns"]] == ["2 clips, first?", "2 clips, second?"]
    assert [clip["path"] for clip in found["clips"]] == clips
    assert found["model"] == "parrot" and found["turns"][1]["without"] is None
    plain = harken("chat", "m", *clips, "--ask", "first?")
    assert plain.stdout == "2 clips, first?\n" and "clip 2: " in plain.stderr


def test_both_replies_stand_side_by_side(parrot: Parrot, tmp_path: Path) -> None:
    clip = sound(tmp_path, "noise").path
    done = harken("chat", "m", clip, "--ask", "q?", "--without", "--json")
    (turn,) = json.loads(done.stdout)["turns"]
    assert (turn["reply"], turn["without"]["reply"]) == ("1 clips, q?", "0 clips, q?")
    shown = harken("chat", "m", clip, "--ask", "q?", "--without").stdout
    row = next(line for line in shown.splitlines() if "0 clips, q?" in line)
    assert "1 clips, q?" in row
    assert "the same reply" not in shown


def test_lines_on_stdin_are_questions_and_commands(parrot: Parrot, tmp_path: Path) -> None:
    first, second = (sound(tmp_path / "a b", name).path for name in ("noise", "clicks"))
    lines = [f"/clip {first}", "one?", "", f"/clip '{second}'", "two?", "/drop 1", "three?",
             "/reset", "//four?", "/clips", "/without", "/quit", "five?"]  # fmt: skip
    done = harken("chat", "m", "--json", stdin="\n".join(lines))
    turns = json.loads(done.stdout)["turns"]
    assert [(turn["question"], turn["reply"]) for turn in turns] == [("/four?", "1 clips, /four?")]
    assert turns[0]["without"]["reply"] == "0 clips, /four?"
    assert [prompt.question for prompt in parrot.seen] == [
        "one?", "two?", "three?", "/four?", "/four?"
    ]  # fmt: skip
    assert [len(prompt.clips) for prompt in parrot.seen] == [1, 2, 1, 1, 0]


@pytest.mark.parametrize(
    ("words", "stdin", "kind", "told"),
    [
        (["none.wav", "--ask", "q?"], "", AudioError, "none.wav"),
        (["bad.wav", "--ask", "q?"], "", AudioError, "bad.wav"),
        ([], "/clip bad.wav\nq?", AudioError, "bad.wav"),
        ([], "", ConfigError, "nothing was asked"),
        ([], "\n \n", ConfigError, "nothing was asked"),
        ([], "/nonsense", ConfigError, "no command /nonsense"),
        ([], "/clip", ConfigError, "names no file"),
        ([], "/drop x", ConfigError, "needs the number"),
        ([], "/drop 1", ConfigError, "no clip 1"),
        (["--ask", "fail"], "", ModelError, "no reason"),
        (["--ask", "raise"], "", ModelError, "broken"),
        (["--ask", "q?", "--without"], "", ConfigError, "without a clip"),
        (["--ask", "q?", "--max-tokens", "0"], "", ConfigError, "max_tokens"),
    ],
)
def test_what_goes_wrong_ends_it_with_the_reason(
    words: list[str], stdin: str, kind: type[HarkenError], told: str, parrot: Parrot,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.wav").write_bytes(b"no sound at all")
    error = fault(harken("chat", "m", *words, stdin=stdin))
    assert type(error) is kind and told in str(error)
    assert error.exit_code == {AudioError: 3, ConfigError: 2, ModelError: 4}[kind]


@pytest.mark.parametrize("model", ["linear", "oracle", "random", "longest", "constant:1"])
def test_baselines_cannot_be_talked_to(model: str) -> None:
    error = fault(harken("chat", model, "--ask", "q?"))
    assert error.exit_code == 2 and "cannot be talked to" in str(error)


@pytest.mark.parametrize(
    "text", ["\x1b[2J\x1b]0;x\x07", "[bold red]x[/]", "[link=file:///]a[/link]"]
)
def test_what_a_model_says_controls_nothing(
    text: str, parrot: Parrot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = sound(tmp_path, "noise").path
    for words in (["--ask", text], ["--ask", text, "--without"]):
        shown = harken("chat", "m", clip, *words).stdout
        assert "\x1b" not in shown and "\x07" not in shown
        assert ("[bold red]" in shown) == ("[bold" in text) or "[link" in shown
    session = ChatSession(Conversation(parrot, Sampling()), on_terminal=True)
    session._line(text)
    said = capsys.readouterr()
    assert "\x1b]" not in said.out and "\x1b[2J" not in said.out


# Kinds of models ------------------------------------------------------------------------------


def test_a_composed_model(tmp_path: Path) -> None:
    ComposedModel.preset("harken-mini", TEXTS, seed=1).save(tmp_path / "model")
    clips = [sound(tmp_path, name).path for name in ("noise", "clicks")]
    words = ["--ask", TEXTS[0], "--ask", TEXTS[1], "--max-tokens", "4", "--without", "--json"]
    done = harken("chat", str(tmp_path / "model"), *clips, *words)
    turns = json.loads(done.stdout)["turns"]
    assert len(turns) == 2 and all(isinstance(turn["reply"], str) for turn in turns)
    assert turns[1]["without"] is not None


@pytest.fixture
def server() -> Iterator[Standin]:
    pytest.importorskip("aiohttp")
    with Standin(reply="a dog") as found:
        yield found


def test_a_model_over_http_gets_messages(server: Standin, tmp_path: Path) -> None:
    clip = sound(tmp_path, "noise").path
    model = f"openai:m@{server.url}"
    done = harken("chat", model, clip, "--system", "Be brief.", "--ask", "a?", "--ask", "b?",
                  "--without", "--json")  # fmt: skip
    assert [turn["reply"] for turn in json.loads(done.stdout)["turns"]] == ["a dog"] * 2
    first, second, without = (body["messages"] for body in server.seen.bodies)
    kinds = [block["type"] for block in first[1]["content"]]
    assert kinds == ["input_audio", "text"] and first[0]["content"] == "Be brief."
    assert second[:2] == first
    assert second[2:] == [
        {"role": "assistant", "content": "a dog"}, {"role": "user", "content": "b?"}
    ]  # fmt: skip
    assert without[1:] == [{"role": "user", "content": "a?"}, *second[2:]]


class Scribe(Parrot):
    """A recogniser."""

    max_clips = 1
    writes = "transcript"


def test_a_recogniser_writes_what_is_said_and_answers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scribe = Scribe()
    monkeypatch.setattr("harken.models.load.load_model", lambda *_, **__: scribe)
    monkeypatch.setattr("harken.models.load.needs_items", lambda *_: False)
    clips = [sound(tmp_path, name).path for name in ("noise", "clicks")]
    found = json.loads(harken("chat", "m", *clips, "--json").stdout)
    assert [one["path"] for one in found["transcripts"]] == clips and not found["turns"]
    assert all("1 clips, Give the transcript" in one["reply"] for one in found["transcripts"])
    assert len(harken("chat", "m", *clips).stdout.splitlines()) == 2
    error = fault(harken("chat", "m", *clips, "--ask", "q?"))
    assert "answers no questions" in str(error) and "cascade:parrot+MODEL" in error.hint


# A terminal -----------------------------------------------------------------------------------


def session(lines: list[Any], monkeypatch: pytest.MonkeyPatch, **facts: Any) -> Conversation:
    """A session on a terminal into which these lines are typed; errors are raised as keys are."""
    own = Conversation(Parrot(**facts), Sampling())
    talking = ChatSession(own, on_terminal=True)
    waiting = iter([*lines, EOFError()])

    def typed(*_: object, **__: object) -> str:
        line = next(waiting)
        if isinstance(line, BaseException):
            raise line
        return str(line)

    monkeypatch.setattr(talking._out, "input", typed)
    talking.talk()
    return own


def test_a_session_goes_on_after_faults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    clip = sound(tmp_path, "noise").path
    own = session(
        ["/clip none.wav", f"/clip {tmp_path}/bad.wav", KeyboardInterrupt(), "/nonsense", "fail",
         f"/clip {clip}", "q?", "/without", "/help"],
        monkeypatch,
    )  # fmt: skip
    said = capsys.readouterr()
    assert [turn.question for turn in own.turns] == ["q?"] and len(own.clips) == 1
    for told in ("none.wav", "bad.wav", "no command /nonsense", "no reply: no reason"):
        assert told in said.err
    assert "Ctrl-D" in said.out and "1 clips, q?" in said.out and "/drop N" in said.out


def test_ctrl_c_ends_a_reply_and_not_the_session(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cleared = []

    def slow(self: Parrot, prompts: Any, sampling: Any) -> Any:
        if "slow" in prompts[0].question:
            raise KeyboardInterrupt
        return [Reply("ok")]

    monkeypatch.setattr(Parrot, "generate", slow)
    own = session(["slow", "quick"], monkeypatch, clear_cache=lambda: cleared.append(1))
    assert [turn.question for turn in own.turns] == ["quick"] and cleared == [1]
    assert "stopped" in capsys.readouterr().err


SLOW = """
import time
from harken.models.base import ModelKind, Reply
from harken.models.load import MODELS

class Slow:
    name, max_clips = "slow", 4
    def generate(self, prompts, sampling):
        if prompts[0].question == "wait":
            print("begun", flush=True)
            time.sleep(60)
        return [Reply("heard: " + p.question) for p in prompts]
    def choice_logprobs(self, prompts):
        return [None] * len(prompts)
    def identity(self):
        return "slow"

MODELS.add(ModelKind("slow", "for a test", lambda *_, **__: Slow()))
"""


def test_a_real_terminal(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    ours, theirs = pty.openpty()
    code = "from harken.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--plugin", str(tmp_path / "slow.py"), "chat", "slow"],
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        # A job in the background of a shell ignores it, and so would its child.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    os.close(theirs)
    said = ""

    def until(text: str) -> None:
        nonlocal said
        ends = time.monotonic() + 60
        while text not in said:
            assert time.monotonic() < ends, said
            if select.select([ours], [], [], 1)[0]:
                said += os.read(ours, 4096).decode()
        said = said.partition(text)[2]

    try:
        until("> ")
        os.write(ours, b"hello\n")
        until("heard: hello")
        until("> ")
        os.write(ours, b"wait\n")
        until("begun")
        process.send_signal(signal.SIGINT)
        until("stopped")
        until("> ")
        os.write(ours, b"/quit\n")
        assert process.wait(30) == 0
    finally:
        process.kill()
        os.close(ours)


def test_json_is_for_given_questions(monkeypatch: pytest.MonkeyPatch, parrot: Parrot) -> None:
    from harken.cli.chat import chat

    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
    with pytest.raises(ConfigError, match="--json is for questions that are given"):
        chat("m", as_json=True)
