"""Hugging Face datasets: Parquet and save_to_disk, audio as bytes or as paths, many columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harken.audio.load import load
from harken.item import Dialogue, Exchange
from harken.shards.read import read_items
from harken.shards.write import write_dataset
from made_sets import names, read, refused, turns, wavs

CELL = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    wavs(tmp_path, "a.wav", "b.wav")
    return tmp_path


def cell(folder: Path, name: str = "a.wav", inside: bool = True) -> dict[str, Any]:
    data = (folder / name).read_bytes() if inside else None
    return {"bytes": data, "path": name}


def table(
    rows: list[dict[str, Any]], sounds: dict[str, Any] | None = None, **features: Any
) -> pa.Table:
    """A table with audio columns, and the features that `datasets` would store with it."""
    own = {"audio": CELL} if sounds is None else sounds
    fields = []
    for name in rows[0]:
        plain = pa.array([row[name] for row in rows]).type if name not in own else own[name]
        fields.append(pa.field(name, plain))
    schema = pa.schema(fields)
    if features:
        told = {"info": {"features": features}}
        schema = schema.with_metadata({b"huggingface": json.dumps(told).encode()})
    return pa.Table.from_pylist(rows, schema)


def parquet(folder: Path, rows: list[dict[str, Any]], name: str = "d.parquet", **own: Any) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(rows, **own), path, row_group_size=2)
    return path


def test_bytes_and_paths_are_the_same_clip(folder: Path) -> None:
    rows = [{"audio": cell(folder, inside=inside), "question": "Q?", "answer": word}
            for inside, word in ((True, "x"), (False, "y"))]  # fmt: skip
    inside, beside = read(parquet(folder, rows), "hf-datasets")
    assert [item.clips[0].kind for item in (inside, beside)] == ["shard", "file"]
    assert inside.clips[0].key == beside.clips[0].key
    assert np.array_equal(load(inside.clips[0]), load(beside.clips[0]))


def test_every_row_has_its_own_sound_over_row_groups_and_columns(folder: Path) -> None:
    rows = [
        {
            "first": cell(folder, "ab"[i % 2] + ".wav"),
            "question": f"Which is louder, {i}?",
            "others": [cell(folder, "b.wav"), cell(folder)][: 1 + i % 2],
            "answer": str(i),
        }
        for i in range(5)
    ]
    items = read(
        parquet(folder, rows, sounds={"first": CELL, "others": pa.list_(CELL)}), "hf-datasets"
    )
    pitch = {name: load(item.clips[0]) for name, item in
             {"a": items[0], "b": items[1]}.items()}  # fmt: skip
    for i, item in enumerate(items):
        expected = ["ab"[i % 2], "b", *(["a"] if i % 2 else [])]
        assert [(clip.row, clip.slot) for clip in item.clips] == [
            (i, k) for k in range(len(expected))
        ]
        for clip, name in zip(item.clips, expected, strict=True):
            assert np.array_equal(load(clip), pitch[name])


@pytest.mark.parametrize(
    ("columns", "question", "answer", "choices"),
    [
        ({"question": "Q?", "answer": "x"}, "Q?", "x", ()),
        ({"instruction": "Q?", "response": "x"}, "Q?", "x", ()),
        ({"question": "Q?", "answer": "x", "choices": ["y", "x"]}, "Q?", "x", ("y", "x")),
        ({"question": "Q?", "answer": "B", "choices": ["y", "x"]}, "Q?", "x", ("y", "x")),
        ({"question": "Q?", "answer": "(B)", "options": "['y', 'x']"}, "Q?", "x", ("y", "x")),
        (
            {"question": "Q?", "answer": "x", "choice_a": "y", "choice_b": "x"},
            "Q?",
            "x",
            ("y", "x"),
        ),
        ({"text": "hello you"}, "Transcribe the speech in the audio.", "hello you", ()),
        ({"sentence": "hello you"}, "Transcribe the speech in the audio.", "hello you", ()),
        ({"caption": "A dog."}, "Describe the sounds in the audio.", "A dog.", ()),
        ({"category": "dog"}, "Name the sound in the audio.", "dog", ()),
        ({"messages": turns("<audio>Q?", "x")}, "Q?", "x", ()),
        ({"query": "<audio>Q?", "response": "x"}, "Q?", "x", ()),
        ({"instruction": "<audio>Q?", "output": "x"}, "Q?", "x", ()),
        *(
            ({"instruction": text, "output": said, **more}, "Q?", "x", ("y", "x"))
            for text, said, more in (
                ("Q?", "x", {"choices": ["y", "x"]}),
                ("<audio>Q?", "B", {"options": ["y", "x"]}),
                ("Q?", "x", {"choice_a": "y", "choice_b": "x"}),
            )
        ),
        (
            {"instruction": "Name", "input": "it.", "output": "x", "choices": ["y", "x"]},
            *("Name\nit.", "x", ("y", "x")),
        ),
        ({"instruction": "Q?", "output": "x", "choices": None}, "Q?", "x", ()),
        (
            {"conversations": [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "x"}]},
            *("Q?", "x", ()),
        ),
    ],
)
def test_columns(
    folder: Path, columns: dict[str, Any], question: str, answer: str, choices: tuple[str, ...]
) -> None:
    (item,) = read(parquet(folder, [{"audio": cell(folder), **columns}]), "hf-datasets")
    assert (item.question, item.answer, item.choices) == (question, answer, choices)
    assert len(item.clips) == 1
    assert item.dialogue is None


def test_each_caption_is_an_item_and_a_label_has_its_name(folder: Path) -> None:
    rows = [{"audio": cell(folder), "captions": ["A dog.", "A hound."]}]
    assert [i.answer for i in read(parquet(folder, rows), "hf-datasets")] == ["A dog.", "A hound."]
    rows = [{"audio": cell(folder), "label": 1}]
    features = {
        "audio": {"_type": "Audio"},
        "label": {"_type": "ClassLabel", "names": ["c", "dog"]},
    }
    (item,) = read(parquet(folder, rows, "l.parquet", **features), "hf-datasets")
    assert item.answer == "dog"


def test_what_the_features_call_an_image_is_no_audio(folder: Path) -> None:
    rows = [{"image": {"bytes": b"GIF", "path": "i.gif"}, "audio": cell(folder), "text": "hello"}]
    own: dict[str, Any] = {"sounds": {"image": CELL, "audio": CELL}}
    features = {"image": {"_type": "Image"}, "audio": {"_type": "Audio"}}
    (item,) = read(parquet(folder, rows, **own, **features), "hf-datasets")
    assert [(clip.row, clip.slot) for clip in item.clips] == [(0, 0)]
    assert len(load(item.clips[0])) > 0


def test_text_columns_may_name_files(folder: Path) -> None:
    rows = [{"audio_path": "b.wav", "question": "Q?", "answer": "x"}]
    (item,) = read(parquet(folder, rows, sounds={}), "hf-datasets")
    assert names(item) == ["b.wav"]


def saved(folder: Path, rows: list[dict[str, Any]], split: str = "train") -> Path:
    """What save_to_disk writes, by hand: an Arrow stream, its state and its description."""
    folder.mkdir(parents=True, exist_ok=True)
    own = table(rows, audio={"_type": "Audio"})
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as file,
        pa.ipc.new_stream(file, own.schema) as writer,
    ):
        writer.write_table(own, max_chunksize=2)
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": split}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text(json.dumps({"features": {"audio": {}}}))
    return folder


def test_folders_of_save_to_disk_with_their_splits(folder: Path) -> None:
    rows = [{"audio": cell(folder), "question": f"{i}?", "answer": "x"} for i in range(3)]
    (one,) = {item.split for item in read(saved(folder / "one", rows), "hf-datasets")}
    assert one == "train"
    for name in ("train", "validation", "test"):
        own = [{**row, "question": f"{name} {row['question']}"} for row in rows]
        saved(folder / "all" / name, own, name)
    (folder / "all" / "dataset_dict.json").write_text('{"splits": ["train", "validation", "test"]}')
    items = read(folder / "all", "hf-datasets")
    assert [item.split for item in items] == ["train"] * 3 + ["dev"] * 3 + ["test"] * 3
    assert len(load(items[8].clips[0])) == len(load(items[0].clips[0]))


def test_a_folder_that_the_library_saved(folder: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [{"audio": cell(folder, name), "question": name, "answer": "x"}
            for name in ("a.wav", "b.wav", "a.wav")]  # fmt: skip
    made = datasets.Dataset.from_list(rows).cast_column("audio", datasets.Audio(decode=False))
    made.save_to_disk(str(folder / "saved"))
    made.to_parquet(str(folder / "hub" / "train-00000-of-00001.parquet"))
    disk, hub = (read(folder / name, "hf-datasets") for name in ("saved", "hub"))
    assert [item.id for item in disk] == [item.id for item in hub]
    assert len(disk) == 2  # the third row repeats the first
    assert {item.split for item in hub} == {"train"}
    assert np.array_equal(load(disk[1].clips[0]), load(hub[1].clips[0]))


def test_turns_and_clips_of_a_conversation(folder: Path) -> None:
    row = {"audio": [cell(folder), cell(folder, "b.wav")],
           "messages": turns("<audio>One?", "1", "<audio>Two?", "2")}  # fmt: skip
    first, second = read(parquet(folder, [row], sounds={"audio": pa.list_(CELL)}), "hf-datasets")
    assert first.dialogue is None
    assert second.dialogue == Dialogue(earlier=(Exchange("One?", "1"),), places=((0, 0), (1, 0)))
    assert [clip.slot for clip in second.clips] == [0, 1]


def test_items_can_be_written_as_a_dataset_with_the_bytes_as_they_are(folder: Path) -> None:
    rows = [{"audio": cell(folder), "question": "Q?", "answer": "x"}]
    (item,) = read(parquet(folder, rows), "hf-datasets")
    write_dataset([item], folder / "mine", name="mine", embed=True)
    (back,) = read_items(folder / "mine")
    assert back.id == item.id
    assert np.array_equal(load(back.clips[0]), load(item.clips[0]))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"question": "Q?", "answer": None}, "the answer is None"),
        ({"question": "Q?", "answer": "C", "choices": ["y", "x"]}, "not among the choices"),
        ({"question": "Q?", "answer": "x", "choices": "no list"}, "no list"),
        ({"question": " ", "answer": "x"}, "question is empty"),
        ({"text": ""}, "empty"),
    ],
)
def test_faults_have_their_row(folder: Path, columns: dict[str, Any], told: str) -> None:
    filler = {name: "fine" if isinstance(value, str | None) else value
              for name, value in columns.items()}  # fmt: skip
    if "choices" in columns:
        filler |= {"choices": ["x", "fine"] if isinstance(columns["choices"], list)
                   else "['x', 'fine']"}  # fmt: skip
    rows = [{"audio": cell(folder), **filler}, {"audio": cell(folder), **columns}]
    refused(parquet(folder, rows), "1 fault", "row 1: ", told)


def test_audio_that_is_not_there_is_a_fault_and_none_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    rows = [
        {"audio": {"bytes": None, "path": "gone.wav"}, "question": "Q?", "answer": "x"},
        {"audio": {"bytes": None, "path": None}, "question": "Q?", "answer": "y"},
        {"audio": None, "question": "Q?", "answer": "z"},
    ]
    message = refused(parquet(folder, rows), "2 faults", "row 0: audio 'gone.wav'")
    assert "row 1: 'audio' has neither bytes nor a path" in message
    alone = parquet(folder, [{"audio": cell(folder), "question": "Q?", "answer": "x"}, rows[2]])
    heard, text_only = read(alone, "hf-datasets")
    assert (len(heard.clips), len(text_only.clips)) == (1, 0)
    assert any("1 of 2" in line and "text alone" in line for line in told)


def test_sets_that_cannot_be_read_say_why(folder: Path) -> None:
    refused(parquet(folder, [{"audio": cell(folder), "x": 1}]), "no column holds", "audio, x")
    (folder / "bad.parquet").write_bytes(b"PAR1 and nothing")
    refused(folder / "bad.parquet", "cannot be read")
    rows = [{"audio": cell(folder), "question": "Q?", "answer": "x"}]
    (saved(folder / "s", rows) / "data-00000-of-00001.arrow").unlink()
    refused(folder / "s", "missing: data-00000-of-00001.arrow")
    (folder / "s" / "state.json").write_text('{"_data_files": [], "_indices_files": [{}]}')
    refused(folder / "s", "selection", "flatten_indices")
    (item,) = read(parquet(folder, rows, "good.parquet"), "hf-datasets")
    write_dataset([item], folder / "own", name="own")
    refused(next((folder / "own").glob("*.parquet")), "one shard of a harken dataset")


def test_equal_names_in_two_tables_are_two_recordings_and_equal_bytes_one(folder: Path) -> None:
    for number, name in enumerate(("a.wav", "b.wav", "a.wav")):
        sound = {"bytes": (folder / name).read_bytes(), "path": "1.wav"}
        own = {"audio": sound, "question": f"{number}?", "answer": "x"}
        parquet(folder, [own], f"set/{number}.parquet")
    items = read(folder / "set", "hf-datasets")
    one, two, three = (item.recordings for item in items)
    assert one == three != two
    assert items[0].plan["audio_names"] == ["1.wav"]


def test_files_of_two_folders_are_two_recordings(folder: Path) -> None:
    found = []
    for name in ("x", "y"):
        wavs(folder / name, "a.wav")
        rows = [{"audio_path": "a.wav", "question": "Q?", "answer": "x"}]
        (item,) = read(parquet(folder, rows, f"{name}/d.parquet", sounds={}), "hf-datasets")
        found += item.recordings
    assert len({*found}) == 2


def test_an_interrupted_dataset_of_harken_is_no_foreign_set(folder: Path) -> None:
    rows = [{"audio": cell(folder), "question": "Q?", "answer": "x"}]
    (item,) = read(parquet(folder, rows), "hf-datasets")
    write_dataset([item], folder / "own", name="own")
    (folder / "own" / "dataset.json").unlink()
    refused(folder / "own", "writing it was interrupted", "Run the command that makes it again")
    for name in ("shard-00000-of-00001.parquet", "shard-1.parquet.parquet", "train.parquet"):
        parquet(folder, rows, f"{name[:-8]}/{name}")
        assert len(read(folder / name[:-8], "hf-datasets")) == 1


def empty_split(folder: Path, batches: bool) -> None:
    own = table([{"audio": cell(folder.parent), "question": "Q?", "answer": "x"}])
    folder.mkdir(parents=True)
    with (
        pa.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb") as file,
        pa.ipc.new_stream(file, own.schema) as writer,
    ):
        if batches:
            writer.write_table(own.slice(0, 0))
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": folder.name}
    (folder / "state.json").write_text(json.dumps(state))


@pytest.mark.parametrize("batches", [True, False])
def test_an_empty_split_gives_no_rows(folder: Path, batches: bool) -> None:
    rows = [{"audio": cell(folder), "question": "Q?", "answer": "x"}]
    saved(folder / "train", rows)
    empty_split(folder / "test", batches)
    (folder / "dataset_dict.json").write_text('{"splits": ["test", "train"]}')
    (item,) = read(folder, "hf-datasets")
    assert item.split == "train"
    refused(folder / "test", "no items")


@pytest.mark.parametrize("worse", ["no", "B", "(B)"])
def test_the_rejected_answer_of_a_pair(folder: Path, worse: str) -> None:
    rows = [{"audio": cell(folder), "question": "Q?", "answer": "A", "choices": ["yes", "no"],
             "rejected": worse}]  # fmt: skip
    (item,) = read(parquet(folder, rows), "hf-datasets")
    assert (item.answer, item.rejected) == ("yes", "no")
    talk = [{"audio": [cell(folder)], "messages": turns("<audio>Q?\n(A) yes\n(B) no", "(A) yes"),
             "rejected": worse}]  # fmt: skip
    path = parquet(folder, talk, "t.parquet", sounds={"audio": pa.list_(CELL)})
    (item,) = read(path, "hf-datasets")
    assert (item.choices, item.answer, item.rejected) == (("yes", "no"), "yes", "no")
