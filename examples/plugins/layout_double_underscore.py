"""A corpus layout: recordings named ``label__take.wav``, all in one folder.

Run: ``harken --plugin layout_double_underscore.py scan recordings``
"""

from collections.abc import Iterator
from pathlib import Path

from harken.corpora.base import Entry, Layout, Reject, audio_paths
from harken.corpora.read import LAYOUTS


def matches(root: Path) -> bool:
    names = [path.stem for path in root.glob("*.wav")]
    return bool(names) and all("__" in name for name in names)


def entries(root: Path) -> Iterator[Entry | Reject]:
    for path in audio_paths(root):
        if isinstance(path, Reject):
            yield path
        else:
            label, _, _take = Path(path).stem.partition("__")
            yield Entry(path, labels=(label.replace("_", " "),))


LAYOUTS.add(Layout("double-underscore", "files named label__take.wav", matches, entries))
