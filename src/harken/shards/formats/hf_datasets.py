"""Hugging Face `datasets`: folders of ``save_to_disk``, Parquet and Arrow files with audio.

Read with pyarrow; audio stays where it is and is decoded by harken (no torchcodec). Audio columns
are those that the stored features call so, or structs of ``bytes`` and ``path``
(`harken.audio.packed`); without bytes, and in columns of text such as ``audio_path``, the path
counts. A row is, by the first that fits: a conversation of ms-swift or LLaMA-Factory; a question
(``question``, ``instruction``, ``prompt`` …) with an answer (``answer``, ``output`` …) and choices
(``choices``, ``options``, ``choice_a`` …); captions; a transcript; a label. For the last three the
set states no question: the plainest one is asked, and that is told. ``rejected`` is the worse
answer of a pair. ``validation`` becomes ``dev``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harken.audio.packed import (
    audio_columns,
    cells_of,
    features,
    packing,
    page_sizes,
    read_columns,
    schema_of,
    state_of,
)
from harken.errors import AudioError, DataError
from harken.letters import place_of
from harken.parsing import load_json
from harken.shards.formats import llama_factory, ms_swift
from harken.shards.formats.base import (
    BadRow,
    DatasetFormat,
    Found,
    LeftOut,
    Message,
    Row,
    Sample,
    Sound,
    placed,
    sounds_of,
    text_of,
    with_sounds,
)
from harken.shards.formats.rows import converted

QUESTION = ("question", "instruction", "query", "prompt", "problem")
ANSWER = ("answer", "output", "response", "target", "solution")
PATHS = ("audio", "audios", "audio_path", "audio_filepath", "path", "file", "wav", "file_name")
ASKED: Mapping[str, tuple[str, ...]] = {
    "Describe the sounds in the audio.": ("caption", "captions", "description"),
    "Transcribe the speech in the audio.": (
        *("transcription", "transcript", "sentence", "normalized_text", "text"),
    ),
    "Name the sound in the audio.": ("label", "category", "class", "sound"),
}
"""What is asked where the set states no question -> the columns that answer it."""

_SPLITS = {"validation": "dev", "valid": "dev", "val": "dev", "dev": "dev", "train": "train",
           "training": "train", "test": "test", "eval": "test"}  # fmt: skip
_SUFFIXES = (".parquet", ".arrow")


def matches(path: Path, rows: Sequence[Row]) -> bool:
    """A folder of ``save_to_disk``, a folder with Parquet files, or one such file."""
    if path.is_file():
        return path.suffix.lower() in _SUFFIXES
    if not path.is_dir():
        return False
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return True
    tables = path.rglob("*.parquet")
    # Shards of harken without their description: what was made of them was interrupted.
    return any(not re.fullmatch(r"shard-\d+\.parquet", table.name) for table in tables)


def samples(path: Path) -> Iterator[Found]:
    """See `DatasetFormat.samples`.

    Raises:
        DataError: a file of the set is missing or cannot be read, or no column fits.
    """
    for split, file in _files(path):
        yield from _rows(file, split, file.name if path.is_dir() else "")


def _files(path: Path) -> list[tuple[str, Path]]:
    """(split, file) of everything that a set is made of."""
    if path.is_file():
        return [("", path)]
    if (path / "dataset_dict.json").is_file():
        names = load_json(path / "dataset_dict.json")["splits"]
        return [(_split(name), file) for name in names for _, file in _files(path / name)]
    if (path / "state.json").is_file():
        state = load_json(path / "state.json")
        if state.get("_indices_files") or state.get("_indices_data_files"):
            raise DataError(
                "the folder was saved with a selection of rows beside its data",
                where=str(path),
                hint="Save it again after dataset.flatten_indices().",
            )
        files = [path / one["filename"] for one in state["_data_files"]]
        gone = [file.name for file in files if not file.is_file()]
        if gone:
            raise DataError(f"missing: {', '.join(gone)}", where=str(path), hint="Copy all files.")
        return [(_split(str(state.get("_split") or "")), file) for file in files]
    found = sorted(path.rglob("*.parquet"))
    return [(_split(file.stem) or _split(file.parent.name), file) for file in found]


def _split(name: str) -> str:
    first = re.split(r"[-_.\d]", name.lower(), maxsplit=1)[0]
    return _SPLITS.get(first, "")


def _rows(file: Path, split: str, where: str) -> Iterator[Found]:
    """Every row of one table."""
    path = str(file)
    try:
        kind = packing(path)
        schema = schema_of(path, kind)
        pages = page_sizes(path, kind, state_of(file))
    except (AudioError, OSError, ValueError, IndexError) as error:  # the last three of pyarrow
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"the table cannot be read: {text}", where=path) from None
    names = list(schema.names)
    if "clips" in names and "contribution" in names:
        raise DataError(
            "one shard of a harken dataset", where=path, hint="Name the folder that it is in."
        )
    audio = audio_columns(schema)
    labels = {
        name: one["names"]
        for name, one in features(schema).items()
        if isinstance(one, dict) and one.get("_type") == "ClassLabel"
    }
    _require_columns(names, audio, path)
    number = 0
    for page in range(len(pages)):
        columns = read_columns(path, kind, page, names)
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(names, values, strict=True))
            place = f"{where} row {number}".strip()
            for found in _found(row, audio, labels, (path, number), split):
                yield place, found
            number += 1


def _require_columns(names: Sequence[str], audio: Sequence[str], path: str) -> None:
    """Raise DataError where no row of such columns could be read."""
    known = {*QUESTION, *ANSWER, *(name for own in ASKED.values() for name in own)}
    if not {*known, "messages", "conversations", "conversation", "query"} & {*names}:
        raise DataError(
            f"no column holds a question, an answer, captions, transcripts or labels; "
            f"found {', '.join(names)}",
            where=path,
            hint="Rename them, for example to question and answer.",
        )


def _found(
    row: Row,
    audio: Sequence[str],
    labels: Mapping[str, Sequence[str]],
    at: tuple[str, int],
    split: str,
) -> list[Sample | LeftOut | BadRow]:
    """What one row gives: one sample, or several where it has several captions."""
    try:
        sounds = _sounds(row, audio, *at)
        texts = {name: value for name, value in row.items() if name not in audio}
        for name, names in labels.items():
            if isinstance(texts.get(name), int):
                texts[name] = names[texts[name]] if 0 <= texts[name] < len(names) else None
        note = "it has no audio and is taught as text alone" if audio and not sounds else ""
        return [_completed(one, split, note) for one in _samples(texts, sounds)]
    except BadRow as fault:
        return [fault]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return [BadRow(f"cannot be understood ({type(error).__name__}: {error})")]


def _completed(
    found: Sample | LeftOut | BadRow, split: str, note: str
) -> Sample | LeftOut | BadRow:
    if not isinstance(found, Sample):
        return found
    return replace(found, split=found.split or split, note=note or found.note)


def _sounds(row: Row, audio: Sequence[str], path: str, number: int) -> list[Sound]:
    """The sounds of a row: audio cells with bytes in the table, or the paths they name."""
    found = []
    slot = 0
    for name in audio:
        for cell in cells_of(row[name]):
            named = str(cell.get("path") or "")
            if cell.get("bytes"):
                found.append(Sound(named, path, number, slot))
            elif named:
                found.append(Sound(named))
            else:
                raise BadRow(f"{name!r} has neither bytes nor a path")
            slot += 1
    if not audio:
        found = sounds_of(next((row[name] for name in PATHS if row.get(name)), None))
    return found


def _samples(row: dict[str, Any], sounds: list[Sound]) -> list[Sample | LeftOut | BadRow]:
    """The samples of a row whose audio columns are taken out."""
    plain = {name: value for name, value in row.items() if value is not None}
    talk = {**plain, "audios": list(sounds)}
    if ms_swift.matches(Path(), [talk]):
        if "rejected_response" not in talk and isinstance(talk.get("rejected"), str):
            talk["rejected_response"] = talk["rejected"]
        return [converted(talk, ms_swift.sample)]
    alpaca = "instruction" in plain and "output" in plain and not _has_choices(plain)
    if alpaca or isinstance(plain.get("conversations"), list):
        return [converted(talk, llama_factory.sample)]
    if question := text_of(plain, *QUESTION):
        return [_asked(plain, question, sounds)]
    for question, columns in ASKED.items():
        for name in columns:
            if name in plain:
                texts = plain[name] if isinstance(plain[name], list) else [plain[name]]
                note = f"the set states no question: asked {question!r} of the column {name}"
                return [_open(question, text, sounds, note) for text in texts]
    raise BadRow(f"no question and no text to be learned among {', '.join(plain)}")


def _asked(row: Row, question: str, sounds: list[Sound]) -> Sample:
    """A question with an answer, and choices where there are any."""
    answer = next((row[name] for name in ANSWER if name in row), None)
    if not question.strip():
        raise BadRow("the question is empty")
    if not isinstance(answer, str):
        raise BadRow(f"the answer is {answer!r}, not text"[:200])
    if question == row.get("instruction") and text_of(row, "input"):
        question = f"{question}\n{row['input']}"
    choices = _choices(row)
    answer = _option(answer, choices)
    if choices and answer.strip() not in choices:
        raise BadRow(f"the answer {answer!r} is not among the choices {list(choices)!r}")
    messages = [Message("user", placed(question, sounds)), Message("assistant", (answer,))]
    if system := text_of(row, "system"):
        messages.insert(0, Message("system", (system,)))
    return Sample(
        with_sounds(messages, sounds),
        choices=choices,
        rejected=_option(text_of(row, "rejected"), choices),
        key=str(row.get("id") or ""),
        task=text_of(row, "task"),
        split=_split(text_of(row, "split")),
    )


def _option(text: str, choices: tuple[str, ...]) -> str:
    """The choice that a text names by its letter, else the text."""
    place = -1 if text.strip() in choices else place_of(text.strip(" ()."))
    return choices[place] if 0 <= place < len(choices) else text


def _has_choices(row: Row) -> bool:
    return any(row.get(name) for name in ("choices", "options", "choice_a", "choice_b"))


def _choices(row: Row) -> tuple[str, ...]:
    """The choices of a row: a list, a list as text, or one column each."""
    value = next((row[name] for name in ("choices", "options") if row.get(name)), None)
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            raise BadRow(f"the choices are no list: {value!r}"[:200]) from None
    if value is None:
        value = [row[f"choice_{sign}"] for sign in "abcdefgh" if row.get(f"choice_{sign}")]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadRow(f"the choices are no list of texts: {value!r}"[:200])
    return tuple(one.strip() for one in value)


def _open(question: str, answer: Any, sounds: list[Sound], note: str) -> Sample | BadRow:
    if not isinstance(answer, str):
        return BadRow(f"the text to be learned is {answer!r}"[:200])
    messages = (Message("user", (*sounds, question)), Message("assistant", (answer,)))
    return Sample(messages, note=note)


FORMAT = DatasetFormat(
    "hf-datasets",
    "Hugging Face datasets: save_to_disk folders, Parquet and Arrow with audio",
    matches,
    samples,
)
