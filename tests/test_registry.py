from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harken import registry as plugins
from harken.errors import ConfigError
from harken.registry import Registry, later, load_plugin, load_plugins, nearest


@dataclass(frozen=True)
class Thing:
    name: str
    about: str


def test_members_of_the_package_stay_unimported_until_they_are_asked_for() -> None:
    shelf: Registry[Thing] = Registry("test thing", {"one": "colorsys:no_such", "two": "wave:open"})
    sys.modules.pop("colorsys", None)
    assert list(shelf) == ["one", "two"] and "colorsys" not in sys.modules
    assert shelf.group == "harken.test_things" and shelf.origin("one") == "built in"
    assert callable(shelf.get("two"))


def test_a_name_belongs_to_one_member() -> None:
    shelf: Registry[Thing] = Registry("test thing", {})
    shelf.add(Thing("one", "the first"))
    with pytest.raises(ConfigError, match="exists already") as caught:
        shelf.add(Thing("one", "the second"))
    assert "added at run time" in str(caught.value)
    assert shelf.about("one") == "the first" and not shelf.is_built_in("one")
    with pytest.raises(ConfigError, match="Did you mean one"):
        try:
            shelf.get("oen")
        except ConfigError as error:
            raise ConfigError(str(error)) from None


def test_the_shape_is_checked() -> None:
    shelf: Registry[object] = Registry(
        "test thing", {}, shape="harken.ask.conditions.base:Condition"
    )
    for wrong in (3, Thing("", "no name"), Thing("one", "of another kind")):
        with pytest.raises(ConfigError):
            shelf.add(wrong)
    assert list(shelf) == []


def test_a_plugin_is_loaded_once_and_taken_out_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf: Registry[Thing] = Registry("test thing", {})
    monkeypatch.setattr(plugins, "SHELF_OF_THE_TEST", shelf, raising=False)
    file = tmp_path / "my-plugin.py"
    head = (
        "from types import SimpleNamespace\nimport harken.registry as r\n"
        "r.SHELF_OF_THE_TEST.add(SimpleNamespace(name='one', about='a thing'))\n"
    )
    file.write_text(head + "raise RuntimeError('no')\n")
    with pytest.raises(ConfigError) as caught:
        load_plugin(str(file))
    assert caught.value.where == f"{file}:4" and list(shelf) == []
    file.write_text(head)
    load_plugin(str(file))
    load_plugin(str(file))
    assert list(shelf) == ["one"] and shelf.origin("one") == f"plugin file {file}"
    assert str(tmp_path) not in sys.path


def test_given_plugins_are_handed_to_subprocesses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "empty.py"
    file.write_text("")
    monkeypatch.setenv(plugins.VARIABLE, " json , ")
    load_plugins([str(file), "wave"])
    import os

    assert os.environ[plugins.VARIABLE] == f"json,{file},wave"


def test_small_helpers() -> None:
    assert later("math:hypot")(3, 4) == 5
    assert nearest("acuracy", ["accuracy", "format"]) == "Did you mean accuracy?"
    assert nearest("zzz", ["a", "b"]) == "Known: a, b"


def test_a_plugin_that_exits_is_an_error_and_its_output_is_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "loud.py"
    file.write_text("print('hello')\nimport sys\nsys.exit(0)\n")
    with pytest.raises(ConfigError, match="SystemExit") as caught:
        load_plugin(str(file))
    assert caught.value.where == f"{file}:3" and "Repair" in caught.value.hint
    out, err = capsys.readouterr()
    assert (out, err) == ("", "hello\n")


def test_a_plugin_with_a_comma_in_its_path_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(plugins.VARIABLE, raising=False)
    (tmp_path / "a,b.py").write_text("")
    with pytest.raises(ConfigError, match="has a comma"):
        load_plugins([str(tmp_path / "a,b.py")])


def test_a_plugin_of_the_environment_that_fails_is_told_by_the_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(plugins.VARIABLE, "missing.py")
    with pytest.raises(ConfigError) as caught:
        load_plugins()
    assert caught.value.where == "missing.py, named by HARKEN_PLUGINS"


@pytest.mark.parametrize("name", ["a:b", "a b", "a,b", "a=1", "a?b"])
def test_a_name_that_could_not_be_asked_for_is_refused(name: str) -> None:
    shelf: Registry[Thing] = Registry("test thing", {})
    with pytest.raises(ConfigError, match="could not be asked for"):
        shelf.add(Thing(name, "a thing"))
