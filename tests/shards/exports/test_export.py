"""Exports: what is written is read back as the same question; what does not fit is kept apart."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from exported_items import foa, heard, items

from harken.errors import ConfigError, DataError
from harken.shards.exports.export import LEFT_OUT, MARKER, ExportSettings, export
from harken.shards.exports.load import EXPORTS
from harken.shards.formats.load import recognise
from harken.shards.read import read_items
from made_items import contents

READ_BACK = {
    "ms-swift": {"hidden"},
    "llama-factory": {"hidden"},
    "nemo": {"hidden"},
    "audiomcq": {"hidden", "open", "several", "pair", "none", "dialogue"},
    "hf-datasets": {"hidden"},
}
"""Formats that harken reads too -> the kinds that they cannot hold."""


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("name", READ_BACK)
def test_what_is_written_is_read_back_as_the_same_questions(tmp_path: Path, name: str) -> None:
    made = items(tmp_path / "corpus")
    missing = READ_BACK[name]
    about = export(made.values(), tmp_path / "out", EXPORTS.get(name))
    known = {(item.question, item.answer.replace("\n", " ")): kind for kind, item in made.items()}
    found = set()
    for file in about["files"]:
        path = tmp_path / "out" / file
        recognised = recognise(path)
        assert recognised is not None and recognised.name == name
        for item in read_items(path):
            key = (" ".join(item.question.split()), item.answer)  # NeMo joins turns by spaces
            if key not in known:  # an earlier turn of a dialogue is taught too
                assert key == ("What is this?", "a dog")
                continue
            kind = known[key]
            own = made[kind]
            found.add(kind)
            assert [one.replace("\n", " ") for one in own.choices] == [
                one.replace("\n", " ") for one in item.choices
            ]
            assert heard(item) == heard(own) and file.startswith(own.split or "data")
            if kind == "dialogue" and name in ("ms-swift", "llama-factory"):
                assert item.dialogue == own.dialogue
    assert found == {*made} - missing
    assert sum(about["left_out"].values()) == len(missing)
    assert about["items"] == len(made) - len(missing)


@pytest.mark.parametrize("name", [*EXPORTS])
def test_the_same_items_give_the_same_bytes_and_each_clip_is_written_once(
    tmp_path: Path, name: str
) -> None:
    made = [*items(tmp_path / "corpus").values(), foa(tmp_path)]
    for out in ("a", "b"):
        export(made, tmp_path / out, EXPORTS.get(name))
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b")
    export(made, tmp_path / "a", EXPORTS.get(name))  # again into the same folder
    assert contents(tmp_path / "a") == first
    audio = [sum_ for path, sum_ in first.items() if path.startswith("audio/")]
    assert (
        len(audio) == len(set(audio)) == json.loads((tmp_path / "a" / MARKER).read_text())["clips"]
    )


def test_nothing_is_left_out_in_silence(tmp_path: Path) -> None:
    made = items(tmp_path / "corpus")
    about = export(made.values(), tmp_path / "out", EXPORTS.get("audiomcq"))
    apart = rows(tmp_path / "out" / LEFT_OUT)
    written = [one for file in about["files"] for one in rows(tmp_path / "out" / file)]
    assert {one["id"] for one in [*apart, *written]} == {one.id for one in made.values()}
    assert all(one["reason"] for one in apart)
    assert about["left_out"]["it has no answer (its source withholds it)"] == 1
    lost = export(made.values(), tmp_path / "nemo", EXPORTS.get("nemo"))["without"]
    assert lost["the rejected answer"] == 1 and lost["the licence"] == 4
    assert lost["white space within options"] == lost["the reasoning"] == 1


def test_a_file_of_what_is_left_out_is_there_only_if_something_is(tmp_path: Path) -> None:
    made = items(tmp_path / "corpus")
    export(made.values(), tmp_path / "out", EXPORTS.get("nemo"))
    assert (tmp_path / "out" / LEFT_OUT).is_file()
    export([made["open"]], tmp_path / "out", EXPORTS.get("nemo"))
    assert not [path for path in (tmp_path / "out").iterdir() if "left-out" in path.name]


def test_a_clip_that_cannot_be_read_is_left_out_with_its_reason(tmp_path: Path) -> None:
    made = items(tmp_path / "corpus")
    Path(made["pair"].clips[0].path).unlink()
    about = export(made.values(), tmp_path / "out", EXPORTS.get("ms-swift"))
    assert about["left_out"]["its audio cannot be read [missing]"] == 2  # several, pair


@pytest.mark.parametrize("name", ["ms-swift", "llama-factory"])
def test_pairs_have_files_of_their_own(tmp_path: Path, name: str) -> None:
    made = items(tmp_path / "corpus")
    about = export(made.values(), tmp_path / "out", EXPORTS.get(name))
    pairs = [file for file in about["files"] if "pairs" in file]
    for file in about["files"]:
        told = [
            bool({"rejected_response", "rejected"} & {*row})
            for row in rows(tmp_path / "out" / file)
        ]
        assert all(told) if file in pairs else not any(told)
    assert pairs == ["train-pairs.jsonl"]


@pytest.mark.parametrize(
    ("reply", "closed"), [("both", "(B) dog"), ("letter", "B"), ("text", "dog")]
)
def test_replies(tmp_path: Path, reply: str, closed: str) -> None:
    made = items(tmp_path / "corpus")
    settings = ExportSettings(reply=reply, reasoning=True)
    export(made.values(), tmp_path / "out", EXPORTS.get("ms-swift"), settings)
    by_id = {one["id"]: one for one in rows(tmp_path / "out/train.jsonl")}
    first = by_id[made["closed"].id]
    (pair,) = rows(tmp_path / "out/train-pairs.jsonl")
    assert first["messages"][-1]["content"] == f"<think>It barks.</think>\n{closed}"
    assert first["messages"][0]["content"] == (
        "<audio>\nWhich animal?\n(A) cat\n(B) dog\n(C) two lines"
    )
    assert pair["rejected_response"] == "a cat" and len(pair["audios"]) == 1
    with pytest.raises(ConfigError, match="reply"):
        ExportSettings(reply="number")


def test_recordings_are_named_where_they_are_if_that_is_asked_for(tmp_path: Path) -> None:
    made = items(tmp_path / "corpus")
    export(made.values(), tmp_path / "out", EXPORTS.get("ms-swift"), ExportSettings(reference=True))
    by_id = {one["id"]: one for one in rows(tmp_path / "out/train.jsonl")}
    assert by_id[made["closed"].id]["audios"] == [made["closed"].clips[0].path]
    assert by_id[made["open"].id]["audios"][0].startswith("audio/")  # a part of a recording
    written = [path for path in (tmp_path / "out/audio").rglob("*") if path.is_file()]
    assert len(written) == 2  # the part, and silence


def test_numbers_of_several_clips_in_audio_flamingo_3(tmp_path: Path) -> None:
    made = items(tmp_path / "corpus")
    export(made.values(), tmp_path / "out", EXPORTS.get("audio-flamingo-3"))
    (pair,) = json.loads((tmp_path / "out/test.json").read_text())
    assert len(pair["sound"]) == 2 and pair["duration"] == 1.0
    assert pair["conversations"][0]["value"].startswith("<sound-1><sound-2>\nWhich clip")
    by_id = {one["id"]: one for one in json.loads((tmp_path / "out/train.json").read_text())}
    single = by_id[made["open"].id]
    assert single["sound"].endswith(".flac") and "<sound>\n" in single["conversations"][0]["value"]
    (text,) = json.loads((tmp_path / "out/dev.json").read_text())
    assert "sound" not in text and text["conversations"][1] == {"from": "gpt", "value": "2"}


def test_verl_holds_prompts_without_replies(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    made = items(tmp_path / "corpus")
    export(made.values(), tmp_path / "out", EXPORTS.get("verl"), ExportSettings(reply="letter"))
    found = pq.read_table(tmp_path / "out/train.parquet").to_pylist()
    by_id = {one["extra_info"]["id"]: one for one in found}
    assert [one["extra_info"]["index"] for one in found] == [*range(len(found))]
    closed = by_id[made["closed"].id]
    assert closed["reward_model"] == {"style": "rule", "ground_truth": "B"}
    assert closed["extra_info"]["audio_contribution"] == "strong"
    for one in found:
        assert one["prompt"][-1]["role"] == "user"
        tags = sum(message["content"].count("<audio>") for message in one["prompt"])
        assert tags == len(one["audios"])


def test_cuts_of_lhotse(tmp_path: Path) -> None:
    made = items(tmp_path / "corpus")
    about = export(made.values(), tmp_path / "out", EXPORTS.get("lhotse"))
    assert about["left_out"]["it has no clip"] == 1
    text = gzip.decompress((tmp_path / "out/train-cuts.jsonl.gz").read_bytes()).decode()
    cuts = {one["id"]: one for one in map(json.loads, text.splitlines())}
    own = cuts[f"{made['closed'].id}-0"]
    assert own["recording"]["num_samples"] == 4000 and own["duration"] == 0.5
    dog, said = own["supervisions"]
    assert (dog["start"], dog["duration"]) == (0.1, pytest.approx(0.2))
    assert dog["custom"] == {"kind": "sound", "label": "dog"} and "text" not in dog
    assert said["text"] == "hello" and said["speaker"] == "ann" and said["duration"] == 0.5
    assert own["custom"]["answer"] == "dog"


def test_shards_of_webdataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harken.shards.exports.webdataset.SHARD", 2)
    made = items(tmp_path / "corpus")
    about = export(made.values(), tmp_path / "out", EXPORTS.get("webdataset"))
    shards = {name: count for name, count in about["files"].items() if name.startswith("train")}
    assert shards == {"train-000000.tar": 2, "train-000001.tar": 2}
    (several,) = [name for name in about["files"] if name.startswith("test")]
    with tarfile.open(tmp_path / "out" / several) as tar:
        names = tar.getnames()
        about_item = json.loads(tar.extractfile(names[-1]).read())  # type: ignore[union-attr]
    key = made["several"].id
    assert names == [f"{key}.0.flac", f"{key}.1.flac", f"{key}.json"]
    assert about_item["answer"] == "second" and "clips" not in about_item


def test_rows_of_spatial_omni(tmp_path: Path) -> None:
    import soundfile

    item = foa(tmp_path)
    others = items(tmp_path / "corpus").values()
    about = export([item, *others], tmp_path / "out", EXPORTS.get("spatial-omni"))
    assert about["items"] == 1 and about["files"] == {"qa/train.jsonl": 1}
    (row,) = rows(tmp_path / "out/qa/train.jsonl")
    path = tmp_path / "out" / row["audio_path"]
    assert soundfile.info(path).samplerate == 16_000 and soundfile.info(path).channels == 4
    table = list(csv.DictReader(io.StringIO((tmp_path / "out/so_vocab.csv").read_text())))
    by_number = {int(one["label_id"]): one["label"] for one in table}
    assert by_number == {0: "cat, wild", 1: "wolf"}
    for ref in row["source_refs"]:
        assert by_number[ref["class_id"]] == ref["class_name"]
    assert row["source_refs"][0]["azimuth_deg"] == -90.0


KILLED = """
import os, sys
sys.path[:0] = sys.argv[1:3]
from pathlib import Path
from exported_items import items
from harken.shards.exports.export import export
from harken.shards.exports.load import EXPORTS

def some():
    for number, item in enumerate(items(Path("corpus")).values()):
        if number == 4:
            os._exit(9)
        yield item

export(some(), Path("out"), EXPORTS.get("webdataset"))
"""


def test_a_killed_export_starts_over(tmp_path: Path) -> None:
    here = Path(__file__).parent
    words = [sys.executable, "-c", KILLED, str(here), str(here.parent.parent)]
    assert subprocess.run(words, cwd=tmp_path, check=False).returncode == 9
    made = items(tmp_path / "corpus").values()
    for out in ("out", "whole"):
        export(made, tmp_path / out, EXPORTS.get("webdataset"))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_files_of_splits_that_are_gone_go_too(tmp_path: Path) -> None:
    made = items(tmp_path / "corpus")
    export(made.values(), tmp_path / "out", EXPORTS.get("nemo"))
    assert (tmp_path / "out/test.jsonl").is_file()
    about = export([made["open"]], tmp_path / "out", EXPORTS.get("nemo"))
    assert [path.name for path in (tmp_path / "out").glob("*.jsonl")] == [*about["files"]]


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    made = items(tmp_path / "corpus")
    with pytest.raises(DataError, match="not empty"):
        export(made.values(), tmp_path / "full", EXPORTS.get("nemo"))
    export(made.values(), tmp_path / "nemo", EXPORTS.get("nemo"))
    with pytest.raises(DataError, match="an export as nemo, and verl is asked for"):
        export(made.values(), tmp_path / "nemo", EXPORTS.get("verl"))
    with pytest.raises(DataError, match="no item can be written as spatial-omni"):
        export(made.values(), tmp_path / "out", EXPORTS.get("spatial-omni"))
    assert not (tmp_path / "out" / MARKER).exists()
