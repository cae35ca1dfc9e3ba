"""Your own benchmark: a dataset, a training set of another program, or a described table.

``harken score --benchmark own --data items.jsonl --predictions replies.json`` or, for a table in
columns of its own, ``harken score --benchmark my.yaml --predictions replies.json``::

    name: kitchen
    data: kitchen.csv              # json, jsonl, csv, tsv or parquet, beside this file
    id: clip_id                    # all names are columns of the table
    question: Which sound is this?         # a column, or the question itself
    choices: [option_1, option_2, option_3]  # columns; or one column that holds a list
    answer: label                  # text of a choice; or free text where there are no choices
    audio: file                    # a column, or a list of columns; optional
    prediction: reply              # the reply's column; optional
    by: [room, distance]           # breakdown columns; optional
    letters: true                  # the answer column holds A, B, C …; optional

Official rule: there is no official script, so official and strict are the same number: choices by
harken's cascade, open answers by their normalised text; missing and unreadable replies are wrong.
Predictions: rows with ``id`` (of the item, or of the described column) and ``prediction``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.errors import ConfigError
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row, read_rows
from harken.evaluate.benchmarks.types import Official, key_of, micro
from harken.item import Item
from harken.parsing import parse_yaml, read_text

KEYS = ("name", "data", "id", "question", "choices", "answer", "audio", "prediction", "by",
        "letters")  # fmt: skip


_WHY = " faults"
"""Where a line of a JSONL that is no item has the reasons; no key of an item begins so."""


class Own(Benchmark):
    """See the module's docstring."""

    name = "own"
    title = "your own items"
    paper = "–"
    rule = "harken's own: the cascade for choices, normalised text for open answers"
    files = ("dataset.json", "*.jsonl", "*.yaml", "*.yml")
    fewest = 0
    requires_audio = False
    by = ("task",)

    def __init__(self, described: Mapping[str, Any] | None = None, folder: Path = Path()) -> None:
        """`described` is the content of a YAML; `folder` is where its data is."""
        self._map = dict(described or {})
        if self._map:
            # Facts of this one benchmark; the class keeps the common ones.
            vars(self).update(
                name=str(self._map.get("name", "own")),
                key=str(self._map.get("id", "id")),
                prediction=(str(self._map.get("prediction", "prediction")),),
                by=tuple(self._map.get("by") or ()),
                default=str(folder / str(self._map.get("data", ""))),
            )

    @staticmethod
    def described(path: Path) -> Own:
        """Read a YAML; all unknown or missing keys are reported at once."""
        if not path.is_file():
            raise ConfigError("there is no such description", where=str(path))
        try:
            raw = parse_yaml(read_text(path))
        except ValueError as error:
            raise ConfigError(f"not YAML: {error}", where=str(path)) from error
        if not isinstance(raw, dict):
            raise ConfigError("the description is not a mapping", where=str(path))
        faults = [f"unknown key {key!r}" for key in raw if key not in KEYS]
        faults += [f"no {key!r}" for key in ("data", "question", "answer") if key not in raw]
        if faults:
            raise ConfigError("; ".join(faults), where=str(path), hint=f"Keys: {', '.join(KEYS)}")
        return Own(raw, path.parent)

    def rows(self, source: Path | str) -> list[Row]:
        """Rows of the described table; or items of a dataset or JSONL as rows."""
        if self._map:
            return read_rows(Path(source))
        from harken.shards.formats.items import Reading
        from harken.shards.formats.load import recognise
        from harken.shards.jsonl import read_valid
        from harken.shards.read import audio_root, read_items

        path = Path(source)
        if path.is_dir() and not (path / "dataset.json").is_file():
            path = next(iter(sorted(path.glob("*.jsonl"))), path)
        found = None if (path / "dataset.json").is_file() else recognise(path)
        if found is not None:
            reading = Reading(path, found, audio_root())
            own: list[Row] = [{**i.to_dict(), "item": i} for _, i in reading.items()]
            split = (fault.partition(": ") for fault in reading.faults)
            return [*own, *({"id": place, _WHY: [why]} for place, _, why in split)]
        if not path.is_file():
            return [{**item.to_dict(), "item": item} for item in read_items(path)]
        valid, faults = read_valid(path)
        rows: dict[int, Row] = {line: {**item.to_dict(), "item": item} for line, item in valid}
        for fault in faults:
            line, _, why = fault.partition(": ")
            row = rows.setdefault(int(line.removeprefix("line ")), {"id": line, _WHY: []})
            row[_WHY].append(why)
        return [rows[line] for line in sorted(rows)]

    def question(self, row: Row) -> str:
        """The column, or the described text itself."""
        if _WHY in row:
            return "–"
        name = str(self._map.get("question", "question"))
        return str(row[name] or "") if name in row else (name if self._map else "")

    def options(self, row: Row) -> list[str]:
        """One column of lists, or several columns; empty cells are no options."""
        names = self._map.get("choices", "choices")
        if isinstance(names, str):
            value = row.get(names) or ()
            return [str(one) for one in (value.split("|") if isinstance(value, str) else value)]
        return [str(row[name]) for name in names if row.get(name) not in (None, "")]

    def answer(self, row: Row) -> str | None:
        """The column; a letter is turned into its option where ``letters`` says so."""
        value = row.get(str(self._map.get("answer", "answer")))
        if value is None:
            return None
        if self._map.get("letters"):
            place, options = ord(str(value).strip().upper()[:1] or "?") - 65, self.options(row)
            return options[place] if 0 <= place < len(options) else str(value)
        return str(value)

    def audio(self, row: Row) -> list[str]:
        """The described columns."""
        names = self._map.get("audio") or ()
        return [str(row[name]) for name in ([names] if isinstance(names, str) else names)
                if str(row.get(name) or "").strip()]  # fmt: skip

    def faults(self, row: Row) -> list[str]:
        """Rows that lack the described answer column; lines that are no items."""
        if _WHY in row:
            return list(row[_WHY])
        name = str(self._map.get("answer", "answer"))
        return [] if name in row else [f"no {name!r}"]

    def item(self, row: Row, clips: tuple[Clip, ...]) -> Item:
        """An item of a dataset is kept as it is; a row of a table becomes one."""
        given = row.get("item")
        if isinstance(given, Item):
            plain = {k: v for k, v in row.items() if k != "item"}
            plan = {"benchmark": self.name, "key": given.id, "options": list(given.choices),
                    "row": plain, "plan": given.plan}  # fmt: skip
            return replace(given, plan=plan)
        return super().item(row, clips)

    def clips_of(self, row: Row, root: Path | None) -> tuple[tuple[Clip, ...], list[str]]:
        """Items of a dataset bring their own clips, checked by the dataset's reader.

        Where audio is looked up, a described column may be empty only after all that are filled:
        without its clip a question would be asked without sound, or of other clips.
        """
        if "item" in row:
            return (), []
        clips, lost = super().clips_of(row, root)
        names = self._map.get("audio") or ()
        names = [names] if isinstance(names, str) else list(names)
        filled = [bool(str(row.get(name) or "").strip()) for name in names]
        needed = max(1, sum(filled))
        if root is not None and names and not all(filled[:needed]):
            lost = [*lost, f"no audio in the column {names[filled.index(False)]!r}"]
        return clips, lost

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """The strict scores: nothing leaves the denominator."""
        from harken.evaluate.benchmarks.scoring import strict

        scores: dict[str, float | None] = {
            key_of(item): own.value
            for item, own in zip(items, strict(self, items, predictions), strict=True)
        }
        value, n = micro(scores)
        return Official("accuracy", value, n, scores)
