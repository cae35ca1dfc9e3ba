"""Names for plugins: the name is known at once, the library behind it is imported on first use.

A shelf (corpora, models, conditions, synthesis families, recipes) is one `Registry`: a table from a
name to ``"module:attribute"``. A miss answers with the nearest names.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from typing import Generic, TypeVar, cast

from harken.errors import ConfigError

T = TypeVar("T")


class Registry(Generic[T]):
    """A shelf of plugins of one shape.

    Args:
        shelf: what a member is called in messages, for example ``"corpus layout"``.
        members: name -> ``"package.module:attribute"``.
    """

    def __init__(self, shelf: str, members: dict[str, str]) -> None:
        self.shelf = shelf
        self._members = dict(members)

    def __iter__(self) -> Iterator[str]:
        """The names, in the order in which they were put on the shelf."""
        return iter(self._members)

    def __contains__(self, name: object) -> bool:
        """Whether a name is on the shelf."""
        return name in self._members

    def add(self, name: str, target: str) -> None:
        """Put one more plugin on the shelf; an existing name is refused."""
        if name in self._members:
            raise ConfigError(f"the {self.shelf} {name!r} exists already", where=target)
        self._members[name] = target

    def get(self, name: str) -> T:
        """Import and return the member called `name`; raises ConfigError with the nearest names."""
        if name not in self._members:
            near = difflib.get_close_matches(name, self._members, n=3, cutoff=0.4)
            known = f"Did you mean {' or '.join(near)}?" if near else "Known: " + ", ".join(self)
            raise ConfigError(f"no {self.shelf} is called {name!r}", hint=known)
        module, _, attribute = self._members[name].partition(":")
        return cast(T, getattr(importlib.import_module(module), attribute))
