"""Every error harken raises on purpose, and the exit code a command ends with for each.

::

    HarkenError                 exit 1
    ├── ConfigError             exit 2   a setting, an argument, an unknown name
    │   └── MissingExtra        exit 2   an optional library is not installed
    ├── DataError               exit 3   a corpus, a dataset, a manifest
    │   └── AudioError          exit 3   one recording; carries a short reason code
    ├── ModelError              exit 4   a model that cannot be built, loaded or asked
    ├── ScoreError              exit 5   an answer that cannot be scored (never scored as wrong)
    ├── RunError                exit 6   a run folder that does not fit what is asked of it
    ├── TooManyFailures         exit 7   more failed requests or units of work than may fail
    └── NoSignal                exit 11  training by rewards had nothing to learn from

A message says what was found, where, and how to fix it. The failure of one item is data (a reject,
a failed request); only a failure of the whole run is raised.
"""

from __future__ import annotations


class HarkenError(Exception):
    """Root of the tree.

    Args:
        found: what was found, as a sentence.
        where: the file, key, item or URL it was found at.
        hint: what the reader can do about it.
    """

    exit_code = 1

    def __init__(self, found: str, *, where: str = "", hint: str = "") -> None:
        self.found = found
        self.where = where
        self.hint = hint
        super().__init__(found)

    def __str__(self) -> str:
        """The message in one line: found, where, hint."""
        text = self.found
        if self.where:  # a list of faults already ends in a newline
            text += f"{'' if text.endswith(chr(10)) else ' '}(in {self.where})"
        if self.hint:
            text += f"{' ' if text.endswith('?') else '. '}{self.hint}"
        return text


class ConfigError(HarkenError):
    """A setting, an argument or a name that does not exist."""

    exit_code = 2


class MissingExtra(ConfigError):
    """An optional library is needed and not installed."""

    def __init__(self, library: str, extra: str) -> None:
        super().__init__(f"{library} is not installed", hint=f"Run: pip install 'harken[{extra}]'")


class DataError(HarkenError):
    """A corpus, dataset or manifest that cannot be used as it is."""

    exit_code = 3


class AudioError(DataError):
    """One recording that cannot be used.

    Args:
        reason: short code, counted in reports (see `harken.audio.probe.REASONS`).
        found: the message for people.
        where: the path.
    """

    def __init__(self, reason: str, found: str, *, where: str = "", hint: str = "") -> None:
        self.reason = reason
        super().__init__(found, where=where, hint=hint)


class ModelError(HarkenError):
    """A model that cannot be built, loaded or asked."""

    exit_code = 4


class ScoreError(HarkenError):
    """An answer that cannot be scored."""

    exit_code = 5


class RunError(HarkenError):
    """A run folder that does not fit what is asked of it."""

    exit_code = 6


class TooManyFailures(HarkenError):
    """More failed requests, or units of work, than may fail."""

    exit_code = 7


class NoSignal(HarkenError):
    """Training by rewards had nothing to learn from, for longer than its patience."""

    exit_code = 11


class HarkenWarning(UserWarning):
    """What is told in one line on stderr, and does not end a command."""
