"""Plugins by name: a registry for each kind of thing that can be added to harken.

Every member of a registry is one object with ``name``, ``about`` (one sentence) and what builds or
does it. Members come from three places:

* the package itself: a table ``name -> "module:attribute"``, imported when a member is asked for;
* installed distributions: entry points of the group ``harken.<registry>``, as `harken.layouts`;
* plugin modules and files, which call `Registry.add` when they are imported (`load_plugin`,
  ``harken --plugin FILE``, the environment variable ``HARKEN_PLUGINS``).

The last two are looked up when a registry is first listed, or when a name is not in the package.
"""

from __future__ import annotations

import difflib
import importlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from harken.errors import ConfigError, HarkenError, HarkenWarning

T = TypeVar("T")

VARIABLE = "HARKEN_PLUGINS"
"""Environment variable: modules and ``.py`` files to load, separated by commas."""

BUILT_IN = "built in"

_UNUSABLE = re.compile(r"[\s,:=?]")
"""What ends a name on the command line: ``constant:1``, ``accuracy=1,format=0.2``, ``DIR?x=1``."""


class PluginWarning(HarkenWarning):
    """A plugin that is left out, and why."""


@dataclass(slots=True)
class _Entry:
    """One name of a registry: the object, or what gives it."""

    origin: str
    target: Any = None
    load: Callable[[], Any] | None = None


@dataclass(slots=True)
class _Source:
    """The plugin that is being loaded, and what it has added so far."""

    origin: str
    added: list[tuple[Registry[Any], str]] = field(default_factory=list)


_source: ContextVar[_Source | None] = ContextVar("_source", default=None)


class Registry(Generic[T]):
    """Plugins of one kind.

    Args:
        noun: what a member is called in messages, for example ``"corpus layout"``; entry points
            are looked up in the group ``harken.<plural>``, unless `group` says otherwise.
        members: name -> ``"package.module:attribute"``, or the member itself where that is light.
        group: the last part of the group of entry points, for example ``"layouts"``.
        shape: ``"package.module:Class"`` that every member is an instance or a subclass of;
            checked for members from outside. Empty: anything with `name` and `about`.
    """

    def __init__(
        self, noun: str, members: Mapping[str, str | T], *, group: str = "", shape: str = ""
    ) -> None:
        self.noun = noun
        self.group = f"harken.{group or _plural(noun).replace(' ', '_')}"
        self._shape = shape
        self._members = {name: _Entry(BUILT_IN, target) for name, target in members.items()}
        self._looked_up = False

    def __iter__(self) -> Iterator[str]:
        """The names: those of the package in its order, then those from outside."""
        self._look_up()
        return iter(list(self._members))

    def __contains__(self, name: object) -> bool:
        """Whether there is a member of that name."""
        return name in self._members or name in list(self)

    def add(self, member: T) -> T:
        """Register an object from outside the package, and return it.

        Raises:
            ConfigError: it is no member of this registry, or its name is taken.
        """
        self._look_up_entry_points()
        source = _source.get()
        origin = source.origin if source else "added at run time"
        name = self._checked(member, origin)
        if name in self._members:
            raise ConfigError(
                f"the {self.noun} {name!r} exists already ({self._members[name].origin})",
                where=origin,
                hint="Give yours another name.",
            )
        self._members[name] = _Entry(origin, member)
        if source:
            source.added.append((self, name))
        return member

    def get(self, name: str) -> T:
        """The member called `name`, imported if it was not.

        Raises:
            ConfigError: no member has that name (the nearest ones are told), or a plugin is broken.
        """
        if name not in self:
            raise ConfigError(
                f"no {self.noun} is called {name!r}", hint=nearest(name, self._members)
            )
        entry = self._members[name]
        if entry.load is not None:
            try:
                with redirect_stdout(sys.stderr):
                    member = entry.load()
            except (Exception, SystemExit) as error:
                raise ConfigError(
                    f"the {self.noun} {name!r} cannot be loaded: {_told(error)}",
                    where=entry.origin,
                    hint="Repair or uninstall that distribution.",
                ) from error
            if self._checked(member, entry.origin) != name:
                raise ConfigError(
                    f"the {self.noun} {name!r} calls itself {member.name!r}", where=entry.origin
                )
            entry.target, entry.load = member, None
        elif isinstance(entry.target, str):
            entry.target = imported(entry.target)
        return cast(T, entry.target)

    def members(self) -> Iterator[T]:
        """Every member, those of the package first; broken ones are warned of and left out."""
        for name in self:
            try:
                yield self.get(name)
            except ConfigError as error:
                if self.is_built_in(name):
                    raise
                warnings.warn(str(error), PluginWarning, stacklevel=2)
                del self._members[name]

    def about(self, name: str) -> str:
        """What a member is, in a sentence; imports it. Raises ConfigError as `get` does."""
        return str(getattr(self.get(name), "about", ""))

    def origin(self, name: str) -> str:
        """Where a member comes from: built in, an entry point, a plugin module or file."""
        return self._members[name].origin if name in self else ""

    def is_built_in(self, name: str) -> bool:
        """Whether a member is of the package itself."""
        return self.origin(name) == BUILT_IN

    def _checked(self, member: Any, origin: str) -> str:
        """The member's name; raises ConfigError if it has not the shape of this registry."""
        for attribute in ("name", "about"):
            if not isinstance(getattr(member, attribute, None), str) or not member.name:
                raise ConfigError(
                    f"a {self.noun} needs the text `{attribute}`, and {member!r} has none",
                    where=origin,
                )
        if _UNUSABLE.search(member.name):
            raise ConfigError(
                f"the {self.noun} {member.name!r} could not be asked for by that name",
                where=origin,
                hint="Use a name without white space and without any of , : = ?",
            )
        wanted: Any = imported(self._shape) if self._shape else object
        fits = issubclass(member, wanted) if isinstance(member, type) else None
        if fits is False or (fits is None and not isinstance(member, wanted)):
            raise ConfigError(
                f"{member.name!r} is no {wanted.__name__}, and every {self.noun} is one",
                where=origin,
                hint=f"See {self._shape.replace(':', '.')}.",
            )
        return str(member.name)

    def _look_up(self) -> None:
        load_plugins()
        self._look_up_entry_points()

    def _look_up_entry_points(self) -> None:
        """Note the entry points of the group, once. None is imported here."""
        if self._looked_up:
            return
        self._looked_up = True
        from importlib import metadata

        for point in metadata.entry_points(group=self.group):
            owner = point.dist.name if point.dist else "an unknown distribution"
            origin = f"entry point of {owner}"
            if point.name in self._members:
                told = f"the {self.noun} {point.name!r} is left out ({origin}): the name belongs "
                told += f"to another one ({self._members[point.name].origin})"
                warnings.warn(told, PluginWarning, stacklevel=2)
            else:
                self._members[point.name] = _Entry(origin, load=point.load)

    def forget(self, name: str) -> None:
        """Take a member out again; for plugins that failed while they were loaded, and tests."""
        self._members.pop(name, None)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that does not exist: the nearest names, or all there are."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"Did you mean {' or '.join(near)}?" if near else "Known: " + ", ".join(known)


def named(name: str, members: Mapping[str, T], noun: str) -> T:
    """The member of a fixed table called `name`, as `Registry.get` for what outsiders may extend.

    Raises:
        ConfigError: there is none; the nearest names are told.
    """
    if name not in members:
        raise ConfigError(f"no {noun} is called {name!r}", hint=nearest(name, members))
    return members[name]


def imported(target: str) -> Any:
    """The object that ``"package.module:attribute"`` names."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def later(target: str) -> Callable[..., Any]:
    """A function ``"package.module:attribute"`` that is imported when it is first called."""

    def call(*args: Any, **options: Any) -> Any:
        return imported(target)(*args, **options)

    return call


def load_plugin(spec: str) -> None:
    """Import a plugin, which adds its members to registries; one that is loaded is left alone.

    Args:
        spec: the dotted name of a module, or the path of a ``.py`` file. Of a file nothing beside
            it can be imported: its folder is not put on the search path.

    Raises:
        ConfigError: there is no such module or file, or it fails. What it had added is taken out.
    """
    is_file = spec.endswith(".py")
    if not is_file and not all(part.isidentifier() for part in spec.split(".")):
        raise ConfigError(f"{spec!r} is neither a module nor a .py file", hint=_HINT)
    if is_file and not Path(spec).is_file():
        raise ConfigError("there is no such plugin file", where=spec, hint=_HINT)
    name = _file_module(spec) if is_file else spec
    if name in sys.modules:
        return
    source = _Source(f"plugin {'file' if is_file else 'module'} {spec}")
    token = _source.set(source)
    try:
        with redirect_stdout(sys.stderr):  # the output of --json is one object and nothing else
            _run_file(name, spec) if is_file else importlib.import_module(name)
    except (Exception, SystemExit) as error:
        for registry, member in source.added:
            registry.forget(member)
        sys.modules.pop(name, None)
        if isinstance(error, HarkenError):
            raise
        unknown = isinstance(error, ModuleNotFoundError) and spec.startswith(f"{error.name}")
        raise ConfigError(
            f"the plugin cannot be loaded: {_told(error)}",
            where=_place(error, spec),
            hint=_HINT if unknown and not is_file else "Repair the plugin, or leave it out.",
        ) from error
    finally:
        _source.reset(token)


def load_plugins(specs: Iterable[str] = ()) -> None:
    """Load `specs` and what ``HARKEN_PLUGINS`` names, and have subprocesses load them too.

    Raises:
        ConfigError: one of them cannot be loaded, or has a comma in its path.
    """
    if _source.get() is not None:  # a plugin that lists a registry while it is loaded
        return
    known = [spec.strip() for spec in os.environ.get(VARIABLE, "").split(",") if spec.strip()]
    given = [str(Path(spec).absolute()) if spec.endswith(".py") else spec for spec in specs]
    for spec in given:
        if "," in spec:
            raise ConfigError(
                "the path of a plugin has a comma",
                where=spec,
                hint=f"Rename it: {VARIABLE}, by which subprocesses find it, is split at commas.",
            )
    for spec in dict.fromkeys([*known, *given]):
        try:
            load_plugin(spec)
        except ConfigError as error:
            if spec in given:
                raise
            where = f"{error.where or spec}, named by {VARIABLE}"
            raise ConfigError(error.found, where=where, hint=error.hint) from error
    if given:
        os.environ[VARIABLE] = ",".join(dict.fromkeys([*known, *given]))


_HINT = "Name an importable module (my_package.my_plugin) or a file (./my_plugin.py)."


def _plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def _file_module(spec: str) -> str:
    """A module name of its own for a plugin file."""
    from zlib import crc32

    path = os.path.realpath(spec)
    return f"harken_plugin_{re.sub(r'[^0-9A-Za-z]', '_', Path(path).stem)}_{crc32(path.encode()):x}"


def _run_file(name: str, path: str) -> None:
    from importlib import util

    spec = util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while it runs
    spec.loader.exec_module(module)


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _place(error: BaseException, spec: str) -> str:
    """The plugin, with the line that failed if it is its own."""
    import traceback

    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.realpath(frame.filename) == os.path.realpath(spec)
    ]
    line = error.lineno if isinstance(error, SyntaxError) else next(reversed(lines), None)
    return f"{spec}:{line}" if line else spec
