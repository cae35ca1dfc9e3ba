"""Commands on training sets of other programs: whatever takes a dataset takes them too."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import DataError
from harken.report.gather import read_run_results
from harken.runs import read_run
from made_sets import array, lines, turns
from tiny_audio import NAMES, mini, sound

ASKED = "What do you hear?"


def told(*arguments: object, code: int = 0) -> dict[str, Any]:
    """The JSON of a command that ends with `code`."""
    found = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert found.exit_code == code, f"{found.output}\n{found.exception}"
    return dict(json.loads(found.stdout)) if found.stdout.strip() else {}


def rows(folder: Path) -> list[tuple[str, str]]:
    """(file name, answer) of eight recordings."""
    return [(Path(sound(folder, NAMES[i % 4], seed=i).path).name, NAMES[i % 4]) for i in range(8)]


def ms_swift(folder: Path) -> Path:
    made = [{"messages": turns(f"<audio>{ASKED}", word), "audios": [name]}
            for name, word in rows(folder)]  # fmt: skip
    return lines(folder / "swift.jsonl", *made)


def llama_factory(folder: Path) -> Path:
    made = [{"instruction": f"<audio>{ASKED}", "output": word, "audios": [name]}
            for name, word in rows(folder)]  # fmt: skip
    return array(folder / "llama.json", *made)


def sharegpt(folder: Path) -> Path:
    made = [
        {
            "conversations": [
                {"from": "human", "value": f"<audio>{ASKED}"},
                {"from": "gpt", "value": word},
            ],
            "audios": [name],
        }
        for name, word in rows(folder)
    ]
    return lines(folder / "shared.jsonl", *made)


def audiomcq(folder: Path) -> Path:
    made = [{"id": str(i), "question": ASKED, "choices": list(NAMES), "answer": word,
             "audio_path": name, "question_type": "sound"}
            for i, (name, word) in enumerate(rows(folder))]  # fmt: skip
    return array(folder / "mcq.json", *made)


def nemo(folder: Path) -> Path:
    shards = folder / "shards"
    made = []
    (shards).mkdir()
    with tarfile.open(shards / "audio_0.tar", "w") as tar:
        for name, word in rows(folder):
            tar.add(folder / name, name)
            turn = {"from": "User", "type": "audio", "value": name, "duration": 0.5}
            said = [{"from": "User", "type": "text", "value": ASKED},
                    {"from": "Assistant", "type": "text", "value": word}]  # fmt: skip
            made.append({"id": name, "conversations": [turn, *said]})
    lines(shards / "manifest_0.jsonl", *made)
    return shards


def moved(folder: Path, name: str = "swift") -> tuple[Path, Path]:
    """A set of ms-swift, and the folder of its audio elsewhere."""
    (folder / "lists").mkdir(exist_ok=True)
    audio = folder / f"audio-{name}"
    made = [{"messages": turns(f"<audio>{ASKED} {name}", word), "audios": [file]}
            for file, word in rows(audio)]  # fmt: skip
    return lines(folder / "lists" / f"{name}.jsonl", *made), audio


def test_the_audio_root_is_that_of_every_set_of_a_training(tmp_path: Path) -> None:
    """Also of held-out items and of items to replay."""
    own, audio = moved(tmp_path)
    for name in ("other", "old"):
        shutil.rmtree(moved(tmp_path, name)[1])  # the same recordings as in the one folder
    mini().save(tmp_path / "mini")
    asked = ["train", "sft", own, "--model", tmp_path / "mini", "--audio-root", audio,
             "--set", "sft.steps=1", "--set", "sft.batch=4", "--set", "hearing.items=2",
             "--held-out", tmp_path / "lists" / "other.jsonl", "--set", "sft.replay_share=0.5",
             "--set", f"sft.replay={tmp_path / 'lists' / 'old.jsonl'}"]  # fmt: skip
    found = told(*asked, "-o", tmp_path / "out")
    assert found["held_out"]["source"] == "other.jsonl"
    assert sum(found["held_out"]["items"].values()) == 2 and found["held_out"]["shared"] > 0
    assert told(*asked, "-o", tmp_path / "out") == found  # a finished one is loaded
    # Two of the eight have recordings of what is held out: they are not replayed.
    assert read_run(tmp_path / "out" / "sft").read_json("sft-replay")["items"] == 6


def test_check_is_told_where_the_audio_is(tmp_path: Path) -> None:
    path, audio = moved(tmp_path)
    assert told("check", path, "--audio", code=9)["states"] == {"damaged": 1}
    assert told("check", path, "--audio", "--audio-root", audio)["states"] == {"whole": 1}


@pytest.mark.parametrize("kind", ["dataset", "benchmark"])
def test_the_audio_root_of_an_evaluation_is_known_again(tmp_path: Path, kind: str) -> None:
    path, audio = moved(tmp_path)
    asked = [path, "--split", ""] if kind == "dataset" else ["-b", "own", "--data", path]
    out = tmp_path / "runs" / "one"
    mini().save(tmp_path / "mini")
    asked = ["eval", tmp_path / "mini", *asked, "--max-tokens", "4", "-o", out, "--max-failed", "1"]
    found = told(*asked, "--audio-root", audio)
    assert read_run(out).spec["items"] == 8
    again = tmp_path / "elsewhere"
    shutil.move(audio, again)  # another place of the same audio resumes the run
    assert told(*asked, "--audio-root", again) == found
    shutil.move(again, audio)
    if kind == "dataset":
        shutil.copytree(tmp_path, tmp_path.parent / f"{tmp_path.name}-copy")
        run = read_run_results(tmp_path.parent / f"{tmp_path.name}-copy" / "runs" / "one")
        assert run.audio_root == tmp_path.parent / f"{tmp_path.name}-copy" / "audio-swift"
        told("report", out, "-o", tmp_path / "page.html")
        page = (tmp_path / "page.html").read_text()
        assert "cannot be found" not in page and page.count('"data:audio/') >= 8, page[-3000:]


def hf_datasets(folder: Path) -> Path:
    made = [{"audio": {"bytes": (folder / name).read_bytes(), "path": name}, "question": ASKED,
             "answer": word} for name, word in rows(folder)]  # fmt: skip
    (folder / "hub" / "data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(made), folder / "hub" / "data" / "train-00000.parquet")
    return folder / "hub"


SETS = [ms_swift, llama_factory, sharegpt, audiomcq, nemo, hf_datasets]


@pytest.mark.parametrize("make", SETS)
def test_a_stage_is_trained_on_each_format(make: Callable[[Path], Path], tmp_path: Path) -> None:
    found = told(
        *("train", "sft", make(tmp_path), "-o", tmp_path / "out", "--model", "harken-mini"),
        *("--set", "sft.steps=2", "--set", "sft.batch=2", "--set", "sft.threads=1"),
    )
    assert found["items"] == 8
    assert (tmp_path / "out" / "model" / "harken-model.json").is_file()


@pytest.mark.parametrize("make", SETS)
def test_items_are_shown_and_their_clips_written(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    found = told("show", make(tmp_path), "-n", 2, "--clips", tmp_path / "listen")
    assert [item["question"] for item in found["items"]] == [ASKED] * 2
    assert (len(found["clips"]), found["failed"]) == (2, [])


@pytest.mark.parametrize("make", SETS)
def test_leaks_are_found_by_the_bytes_of_the_audio(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    apart = tmp_path / "apart"
    bench = lines(
        tmp_path / "bench.jsonl",
        {
            "question": "Which?",
            "answer": "x",
            "audio": Path(sound(apart, "noise", seed=2).path).name,
        },
    )
    (tmp_path / Path(sound(apart, "noise", seed=2).path).name).write_bytes(
        Path(sound(apart, "noise", seed=2).path).read_bytes()
    )
    found = told("leaks", make(tmp_path), bench, "--check", "bytes", code=8)
    assert len(found["leaked"]) == 1
    assert found["train"]["items"] == 8


def test_without_the_audio_leaks_compares_names_and_words(tmp_path: Path) -> None:
    made = {"messages": turns("<audio>Who sings the second verse of it?", "Ann")}
    train = lines(tmp_path / "t.jsonl", {**made, "audios": ["gone/very-special-take-7731.wav"]})
    bench = lines(
        tmp_path / "b.jsonl", {"question": "Another?", "audio": "very-special-take-7731.wav"}
    )
    found = told("leaks", train, bench, "--check", "name", "--check", "text", code=10)
    assert [match["kind"] for match in found["matches"]] == ["name"]
    assert found["train"]["items"] == 1


def test_curate_eval_and_check_take_them(tmp_path: Path) -> None:
    mcq = audiomcq(tmp_path)
    curated = told(
        *("curate", mcq, "-o", tmp_path / "curated", "--voter", "longest", "--voter", "random"),
        *("--split", ""),
    )
    assert sum(curated["counts"].values()) == 8
    told("eval", "longest", mcq, "-o", tmp_path / "run", "--split", "")
    asked = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").open()]
    assert len({record["item"] for record in asked}) == 8
    checked = told("check", mcq)
    assert checked["artefacts"][0]["state"] == "whole"


def test_audio_of_another_root(tmp_path: Path) -> None:
    sets = tmp_path / "sets"
    made = ms_swift(tmp_path)
    sets.mkdir()
    made.rename(sets / "swift.jsonl")
    options = ("-o", tmp_path / "out", "--model", "harken-mini", "--set", "sft.steps=1",
               "--set", "sft.batch=2")  # fmt: skip
    missing = CliRunner().invoke(
        app, ["train", "sft", str(sets / "swift.jsonl"), *map(str, options)]
    )
    assert isinstance(missing.exception, DataError)
    assert "8 faults" in str(missing.exception) and "line 1: audio" in str(missing.exception)
    assert told("show", sets / "swift.jsonl", "--audio-root", tmp_path)["items"]
    told("train", "sft", sets / "swift.jsonl", *options, "--audio-root", tmp_path)
    told(*("eval", "longest", sets / "swift.jsonl", "-o", tmp_path / "run", "--split", ""),
         *("--audio", tmp_path))  # fmt: skip


def test_own_items_are_scored_from_any_format(tmp_path: Path) -> None:
    mcq = audiomcq(tmp_path)
    ids = [item["id"] for item in told("show", mcq, "-n", 8)["items"]]
    replies = lines(tmp_path / "r.jsonl", *({"id": i, "prediction": "noise"} for i in ids))
    found = told("score", "-b", "own", "--data", mcq, "-p", replies)
    assert json.dumps(found).count("0.25") > 0
