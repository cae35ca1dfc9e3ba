"""Errors of the system (a full disk, a folder that is not writable …) as lines with exit codes.

What is foreseen where it happens has its own error; this is for what any write or read may meet.
"""

from __future__ import annotations

import errno
import re

from harken.errors import ConfigError, DataError, HarkenError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No room: for the disk, for the user, or for one file."""

CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""Not permitted."""

MISPLACED = frozenset(
    {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO}
)
"""A path that cannot be what it is used as."""

_NUMBER = re.compile(r"\b(?:errno|os error) (\d+)", re.IGNORECASE)


def explained(error: Exception) -> HarkenError | None:
    """The error to show instead of a traceback; None for what is no error of the system."""
    if isinstance(error, UnicodeError):
        return DataError(f"text that is not valid: {error}", hint="Save the file as UTF-8.")
    if isinstance(error, RecursionError):
        return DataError("a value is nested too deeply", hint="Look for the file that was made so.")
    if isinstance(error, MemoryError):
        found = HarkenError("there is not enough memory", hint="Use a smaller batch or model.")
        return found
    number = _number(error)
    if number is None and not isinstance(error, OSError):
        return None
    where = str(getattr(error, "filename", None) or "")
    why = errno_text(error, number)
    if number in FULL:
        return ConfigError(
            f"cannot write: {why}",
            where=where,
            hint="Free some space and run the same command again: what is complete is kept.",
        )
    if number in CLOSED:
        hint = "Choose another folder with -o, or change its permissions."
        return ConfigError(f"not permitted: {why}", where=where, hint=hint)
    if number in MISPLACED:
        return ConfigError(why, where=where, hint="Name another path.")
    return DataError(f"the system reports: {why}", where=where, hint="Check the path.")


def _number(error: Exception) -> int | None:
    """The system's number of an error; libraries in other languages have it in their text only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    match = _NUMBER.search(str(error))
    return int(match[1]) if match else None


def errno_text(error: Exception, number: int | None) -> str:
    """What the system calls the error, in small letters as a part of a sentence."""
    import os

    text = (
        os.strerror(number)
        if number is not None
        else (str(error).strip() or type(error).__name__).splitlines()[0]
    )
    return text[:1].lower() + text[1:]
