"""`harken check`: whole artefacts pass, every flipped bit is found, and the exit code says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from harken.cli.artefacts import check_all
from harken.cli.main import app
from harken.errors import DataError, ModelError, RunError
from harken.evaluate.run import run
from harken.files import write_json
from harken.hashing import sealed
from harken.models.load import load_model
from harken.models.reply_store import ReplyStore
from harken.runs import read_run
from harken.shards.jsonl import write_jsonl
from harken.shards.write import write_dataset
from made_items import make, tone
from tiny_audio import mini, named


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one artefact of each kind."""
    out = tmp_path_factory.mktemp("artefacts")
    clip = tone(out / "sounds" / "a.wav", 300)
    items = [make(n, (clip,)) for n in range(12)]
    write_dataset(items, out / "items", name="n", plan=1)
    run(load_model("oracle", items=items), items, out / "run", dataset=out / "items")
    mini().save(out / "model")
    store = ReplyStore(out / "store")
    for n in range(5):
        store.add(f"k{n}", {"text": f"reply {n}"})
    store.close()
    write_json(out / "curate.json", sealed({"counts": {"weak": 1}}))
    return out


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "out")
    return tmp_path / "out"


def harken_check(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["check", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def test_all_kinds_are_found_and_whole(place: Path) -> None:
    code, text = harken_check(str(place), "--audio", "--json")
    found = json.loads(text)
    kinds = {one["kind"]: one for one in found["artefacts"]}
    assert code == 0 and found["states"] == {"whole": 5}
    assert set(kinds) == {"dataset", "run", "model", "replies", "curated"}
    assert kinds["dataset"]["files"] == 3  # dataset.json, one shard, one recording
    assert kinds["run"]["files"] == len([*(place / "run").iterdir()]) - 2  # but log and checksums
    assert "5 artefacts" in harken_check(str(place))[1]


@pytest.mark.parametrize(
    "name",
    [
        "items/dataset.json",
        "items/shard-00000.parquet",
        "sounds/a.wav",
        "run/run.json",
        "run/records.jsonl",
        "run/replies.jsonl",
        "run/results.json",
        "run/done.json",
        "run/checksums.json",
        "model/harken-model.json",
        "model/model.safetensors",
        "model/tokenizer.json",
        "store/replies.jsonl",
        "curate.json",
    ],
)
def test_ten_flipped_bits_of_any_file_are_found(place: Path, name: str) -> None:
    path = place / name
    whole = path.read_bytes()
    rng = np.random.default_rng(len(name))
    for bit in rng.integers(8 * len(whole), size=10):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(bytes(changed))
        states = [one.state for one in check_all(place, audio=True)]
        # Without its own name a checksum is no checksum: then nothing is said to be whole.
        unnamed = b'"checksum"' in whole and changed.count(b'"checksum"') < whole.count(
            b'"checksum"'
        )
        blank = name.endswith(".json") and changed.split() == whole.split()
        assert states.count("damaged") == 1 or blank or (unnamed and "unverified" in states)
    path.write_bytes(whole[:-2])
    code, text = harken_check(str(place), "--audio")
    if name == "store/replies.jsonl":  # appended to for hours: a kill leaves this, and no damage
        assert code == 0 and "incomplete" in text and "asked again" in text
    else:
        assert code == 9 and Path(name).name in text


def test_a_missing_file_is_damage_and_the_others_are_named(place: Path) -> None:
    (place / "items" / "shard-00000.parquet").unlink()
    (place / "model" / "model.safetensors").unlink()
    code, text = harken_check(str(place))
    assert code == 9 and "shard-00000.parquet: missing" in text
    assert "model.safetensors: missing" in text and "2 damaged, 3 whole" in text


def test_what_has_not_ended_is_incomplete_and_not_damaged(place: Path) -> None:
    (place / "items" / "dataset.json").unlink()
    (place / "run" / "done.json").unlink()
    code, text = harken_check(str(place), "--json")
    assert code == 0 and json.loads(text)["states"] == {"incomplete": 2, "whole": 3}


def test_a_file_of_items_is_checked_by_its_ids(place: Path) -> None:
    path = place / "items.jsonl"
    write_jsonl([make(1), make(2)], path)
    assert harken_check(str(path))[0] == 0
    path.write_text(path.read_text().replace("number 2", "number 3"))
    code, text = harken_check(str(path))
    assert code == 9 and "line 2" in text


@pytest.mark.parametrize("name", ["nowhere", "sounds"])
def test_nothing_to_check_is_an_error_of_the_data(place: Path, name: str) -> None:
    with pytest.raises(DataError):
        check_all(place / name)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("records.jsonl", lambda folder: read_run(folder).records("records")),
        ("replies.jsonl", lambda folder: read_run(folder).count("replies")),
        ("results.json", lambda folder: read_run(folder).read_json("results")),
        ("done.json", lambda folder: read_run(folder).summary),
    ],
)
def test_a_damaged_file_of_a_run_is_not_read(
    place: Path, name: str, read: Callable[[Path], object]
) -> None:
    path = place / "run" / name
    read(place / "run")
    text = path.read_text()
    path.write_text(text.replace("1", "2"))  # valid all the same
    assert path.read_text() != text
    with pytest.raises(RunError, match="damaged") as caught:
        read(place / "run")
    assert "checksums.json" in caught.value.hint
    (place / "run" / "checksums.json").unlink()  # as the hint says
    read(place / "run")


@pytest.mark.parametrize("name", ["harken-model.json", "model.safetensors", "tokenizer.json"])
def test_a_damaged_model_is_not_opened(place: Path, name: str) -> None:
    path = place / "model" / name
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError):
        load_model(str(place / "model"))


def test_a_changed_reply_in_a_store_is_asked_again(place: Path) -> None:
    path = place / "store" / "replies.jsonl"
    path.write_text(path.read_text().replace("reply 3", "reply 4"))
    store = ReplyStore(place / "store")
    assert (len(store), store.damaged, store.get("k3")) == (4, 1, None)
    store.close()


def test_a_checkpoint_that_was_damaged_is_not_resumed(place: Path, tmp_path: Path) -> None:
    from harken.models.learner import Learner
    from harken.runs import Run
    from harken.train.answers import TrainSettings, train_on_answers

    def train(learner: Learner, folder: Path, steps: int) -> None:
        settings = TrainSettings(name="sft", steps=steps, checkpoint_every=1, batch=1, threads=1)
        with Run.open(folder, {"n": 1}) as own:
            train_on_answers(learner, [named(tmp_path, "noise")], settings, own)

    folder = tmp_path / "trained"
    train(mini(), folder, 2)
    (one,) = [one for one in check_all(folder) if one.kind == "checkpoint"]
    assert one.state == "whole" and one.files == 2
    (path,) = folder.rglob("model.safetensors")
    data = bytearray(path.read_bytes())
    data[-9] ^= 64
    path.write_bytes(bytes(data))
    (one,) = [one for one in check_all(folder) if one.kind == "checkpoint"]
    assert one.state == "damaged"
    with pytest.raises(RunError, match="checkpoint is damaged"):
        train(mini(), folder, 2)


@pytest.mark.parametrize("name", ["page.html", "items.json", "shard-00000.parquet", "a.wav"])
def test_a_file_of_another_kind_is_not_called_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<html>\nnothing of it is JSON\n")
    with pytest.raises(DataError, match=r"\.jsonl of items"):
        check_all(tmp_path / name)


def nemo(folder: Path, sound: Path) -> None:
    said = [{"from": "User", "type": "audio", "value": str(sound)},
            {"from": "User", "type": "text", "value": "Q?"},
            {"from": "Assistant", "type": "text", "value": "x"}]  # fmt: skip
    for number in range(2):
        row = json.dumps({"id": str(number), "conversations": said})
        (folder / f"manifest_{number}.jsonl").write_text(row + "\n")


def parquet(folder: Path, sound: Path) -> None:
    row = {"audio": {"bytes": sound.read_bytes(), "path": "a"}, "question": "Q?", "answer": "x"}
    pq.write_table(pa.Table.from_pylist([row]), folder / "shard-00000-of-00001.parquet")


def listed(folder: Path, sound: Path) -> None:
    (folder / "dataset_info.json").write_text(json.dumps({"m": {"file_name": "m.json"}}))
    row = {"instruction": "Q?", "output": "x", "audios": [str(sound)]}
    (folder / "m.json").write_text(json.dumps([row]))


@pytest.mark.parametrize("write", [nemo, parquet, listed])
def test_folders_that_are_training_sets_are_checked(
    tmp_path: Path, write: Callable[[Path, Path], None]
) -> None:
    sound = Path(tone(tmp_path / "a.wav", 300).path)
    (tmp_path / "set").mkdir()
    write(tmp_path / "set", sound)
    for more in ((), ("--audio",)):
        code, text = harken_check(str(tmp_path / "set"), *more)
        assert code == 0 and "whole" in text and "items" in text
    if write is not parquet:
        sound.unlink()
        code, text = harken_check(str(tmp_path / "set"))
        assert code == 9 and "a.wav" in text
