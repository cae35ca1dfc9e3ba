"""Every output of every command is checked before any work: one line, exit code 2."""

from __future__ import annotations

import inspect
import sys
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harken.cli.main import VERBS, main
from harken.cli.outputs import ARTEFACTS, FreeFolder, writable_file, writable_folder
from harken.errors import ConfigError

INPUTS = {
    "corpus", "dataset", "items", "run", "runs", "train", "bench", "audio", "train_audio", "curate",
    "config", "predictions", "place", "folder", "first", "second", "encoder", "lm", "model", "data",
    "audio_root", "held_out", "reload_from", "folders", "spec", "around", "goes_on",
}  # fmt: skip
"""Names of parameters that are read. A path that is neither in here nor an output fails a test."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a command that takes a path."""

    verb: str
    name: str
    info: Any
    positional: bool

    @property
    def check(self) -> Any:
        return self.info.callback

    @property
    def is_output(self) -> bool:
        return self.is_folder or self.check is writable_file

    @property
    def is_folder(self) -> bool:
        made = isinstance(getattr(self.check, "__self__", None), FreeFolder)
        return made or self.check is writable_folder

    def words(self, value: str) -> list[str]:
        """The command line that gives it `value`, the other required ones something."""
        words = [value]
        if not self.positional:
            flags = self.info.param_decls or [f"--{self.name.replace('_', '-')}"]
            words = [flags[-1], value]
        for name, info, default in parameters(VERBS[self.verb]):
            if name == self.name or default is not inspect.Parameter.empty:
                continue
            if type(info).__name__ == "ArgumentInfo":
                words.append("something")
            else:
                words += [(info.param_decls or [f"--{name}"])[-1], "something"]
        return [self.verb, *words]


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """(name, typer's info, default) of every parameter of a command."""
    hints = typing.get_type_hints(function, include_extras=True)
    found = []
    for name, own in inspect.signature(function).parameters.items():
        found.append((name, hints[name].__metadata__[0], own.default))
    return found


def paths() -> list[Parameter]:
    found = []
    for verb, function in VERBS.items():
        hints = typing.get_type_hints(function, include_extras=True)
        for name, info, _ in parameters(function):
            if "Path" in str(typing.get_args(hints[name])[0]):
                positional = type(info).__name__ == "ArgumentInfo"
                found.append(Parameter(verb, name, info, positional))
    return found


OUTPUTS = [one for one in paths() if one.is_output]


def test_every_path_is_known_as_an_input_or_checked_as_an_output() -> None:
    unknown = [
        f"{one.verb} {one.name}" for one in paths() if not one.is_output and one.name not in INPUTS
    ]
    assert not unknown, "new paths: outputs are made by harken.cli.outputs, inputs are listed here"
    texts = {(one.verb, one.name): one.info.help for one in paths() if not one.is_output}
    assert not [key for key, text in texts.items() if "rite" in text or "utput" in text]
    assert {one.verb for one in OUTPUTS} >= {
        "demo", "starter", "synth", "curate", "show", "compose", "train", "eval", "report", "leaks",
        "benchmarks", "score",
    }  # fmt: skip


def bad(folder: Path, kind: str) -> str:
    """An output that cannot be written."""
    (folder / "file").write_text("kept")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to(folder / "nothing" / "there")
    return {
        "a file": str(folder / "file"),
        "a folder": str(folder / "folder"),
        "below a file": str(folder / "file" / "deep" / "out"),
        "a link to nothing": str(folder / "link" / "out"),
        "where nothing can be made": "/proc/harken/out",
        "a device": "/dev/null/out",
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["a file", "a folder", "below a file", "a link to nothing", "where nothing can be made",
     "a device"],
)  # fmt: skip
@pytest.mark.parametrize("one", OUTPUTS, ids=lambda one: f"{one.verb}-{one.name}")
def test_an_output_that_cannot_be_written_is_one_line_and_exit_code_2(
    one: Parameter, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if kind == ("a folder" if one.is_folder else "a file"):
        return  # that is what is asked for
    value = bad(tmp_path, kind)
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["harken", *one.words(value)])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    assert stop.value.code == 2, said
    assert said.out == "" and said.err.startswith("harken: the output") and value in said.err
    assert said.err.count("\n") == 1
    if kind in ("a file", "below a file", "a link to nothing", "a device"):
        assert "needs a folder, and a" in said.err
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("kind", ARTEFACTS)
@pytest.mark.parametrize("verb", ["eval", "synth", "train", "curate", "compose", "demo"])
def test_an_output_that_is_another_artefact_is_refused(
    verb: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (one,) = [one for one in OUTPUTS if one.verb == verb and one.name == "out"]
    made = one.check.__self__.makes
    assert made == "" or made in ARTEFACTS
    if kind == made:
        return  # resumed, or told by the command itself
    (tmp_path / ARTEFACTS[kind]).write_text("{}")
    monkeypatch.setattr(sys, "argv", ["harken", *one.words(str(tmp_path))])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    assert stop.value.code == 2 and f"is a {kind}" in said.err and ARTEFACTS[kind] in said.err
    assert [path.name for path in tmp_path.iterdir()] == [ARTEFACTS[kind]]


def test_artefacts_are_known_by_the_files_that_mark_them() -> None:
    from harken.cli.artefacts import CLEANED, CURATED
    from harken.corpora.starter.generate import MARKER as STARTER
    from harken.models.base import MODEL_FILE
    from harken.runs import FIRST
    from harken.shards.exports.export import MARKER as EXPORTED
    from harken.shards.info import MARKER
    from harken.synth.scenes.kept import MARKER as SCENES

    known = {MARKER, FIRST, MODEL_FILE, CLEANED, CURATED, STARTER, SCENES, EXPORTED}
    assert set(ARTEFACTS.values()) == known


@pytest.mark.parametrize("name", ["new", "new/deeper/still", ".", "here"])
def test_an_output_that_can_be_made_leaves_no_trace(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert writable_folder(Path(name)) == Path(name)
    assert writable_file(Path(name, "page.html")) == Path(name, "page.html")
    assert list(tmp_path.rglob("*")) == [tmp_path / "here"]
    assert writable_folder(None) is None and writable_file(None) is None


def test_a_folder_that_refuses_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a read-only disk does; a test may run as a user to whom nothing is forbidden."""
    import errno
    import os
    import tempfile

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    for check in (writable_folder, writable_file):
        with pytest.raises(ConfigError, match="Read-only file system"):
            check(tmp_path / "out")
