"""ESC-10 and ESC-50: environmental sounds of 5 s in 5 official folds (Piczak 2015).

ESC-10: class folders ``NNN - Name`` with ``fold-source-take.ogg``. ESC-50: ``audio/`` and
``meta/esc50.csv``. Clips cut from one Freesound recording share its id and are in one fold. ESC-10
is CC BY, with CC0 clips named in its README; the rest of ESC-50 is CC BY-NC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.fields import label, licences
from harken.corpora.tables import read_heading, read_rows, read_text
from harken.errors import DataError
from harken.listed import listed
from harken.parsing import text_lines

_NAME = re.compile(r"(?P<fold>\d)-(?P<source>\d+)-(?P<take>[A-Z])(?:-(?P<target>\d+))?$")
_COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file", "take")
_CLASS = re.compile(r"\d{3} - \S")


def matches(root: Path) -> bool:
    """``meta/esc50.csv``, or at least two class folders ``NNN - Name``."""
    if (root / "meta" / "esc50.csv").is_file():
        return True
    return sum(bool(_CLASS.match(path.name)) for path in root.iterdir() if path.is_dir()) >= 2


def entries(root: Path) -> Iterator[Entry | Reject]:
    """Every clip with its class, fold, source recording and licence.

    Raises:
        DataError: ``esc50.csv`` has no names of files or classes.
    """
    meta = root / "meta" / "esc50.csv"
    table: dict[str, dict[str, str]] = {}
    if meta.is_file():
        names, _, _ = read_heading(meta, _COLUMNS)
        lacking = [name for name in ("filename", "category") if name not in names]
        if lacking:
            raise DataError(
                f"no column {' and '.join(lacking)}: the first line has {listed(names, 8)}",
                where="meta/esc50.csv",
                hint="Take the table as it was published.",
            )
        for number, row in read_rows(meta, _COLUMNS):
            if isinstance(row, str) or None in row or not row.get("filename"):
                why = row if isinstance(row, str) else "no filename, or too many fields"
                yield Reject(f"meta/esc50.csv:{number}", "bad-row", why)
            else:
                table[row["filename"].strip()] = row
    own = read_licences(root / "README.md") if not table else {}
    seen = set()
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
            continue
        name = PurePath(path)
        seen.add(name.name)
        match = _NAME.match(name.stem)
        row = table.get(name.name)
        if row is not None:
            esc10 = (row.get("esc10") or "").lower() == "true"
            labels: tuple[str, ...] = (label(row.get("category") or ""),)
            licence = "CC BY 3.0" if esc10 else "CC BY-NC 3.0"
        else:
            labels = (label(name.parent.name),) if _CLASS.match(name.parent.name) else ()
            licence = own.get(name.name, "CC BY 3.0" if not table else "")
        yield Entry(
            path,
            id=f"freesound:{match['source']}" if match else "",
            labels=labels,
            fold=int(match["fold"]) if match else None,
            licence=licence,
        )
    for missing in sorted(table.keys() - seen - {""}):  # probing reports it as missing
        yield Entry(f"audio/{missing}")


def read_licences(readme: Path) -> dict[str, str]:
    """File name -> licence, from the list of clips in ESC-10's README."""
    found = {}
    if readme.is_file():
        for line in text_lines(read_text(readme)):
            match = re.match(r"- \*\*\[([^\]]+\.ogg)\]", line)
            stated = licences(line) if match else set()
            if match and len(stated) == 1:
                (found[match[1]],) = stated
    return found


LAYOUT = Layout(
    "esc", "ESC-10 and ESC-50: environmental sounds in 5 official folds", matches, entries
)
