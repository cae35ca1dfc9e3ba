"""Your own benchmark: items, a described table, and the faults of a description."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_bench_golden import DATA

from harken.errors import ConfigError, DataError
from harken.evaluate.benchmarks.floors import floor
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import key_of
from harken.shards.jsonl import read_jsonl
from harken.shards.write import write_dataset


def test_a_jsonl_of_items_and_a_dataset_give_the_same(tmp_path: Path) -> None:
    path = DATA / "own" / "release" / "items.jsonl"
    benchmark = open_benchmark("own")
    items = benchmark.load(path)
    assert [key_of(item) for item in items] == [item.id for item in read_jsonl(path)]
    write_dataset(read_jsonl(path), tmp_path / "set", name="own")
    again = benchmark.load(tmp_path / "set")
    assert [item.id for item in again] == [item.id for item in items]
    texts = {key_of(items[0]): "B", key_of(items[1]): "two", key_of(items[2]): "dog, then bell"}
    found = score(benchmark, items, texts)
    assert found["official"]["accuracy"] == found["strict"]["accuracy"] == pytest.approx(2 / 3)
    assert set(found["by"]["task"]) == {"identify", "word", "order"}


def test_a_table_described_in_nine_lines() -> None:
    text = (DATA / "own-described" / "kitchen.yaml").read_text()
    assert len(text.splitlines()) <= 20
    benchmark = open_benchmark(str(DATA / "own-described" / "kitchen.yaml"))
    items = benchmark.load(benchmark.default)
    assert [item.answer for item in items] == ["kettle", "fridge", "door"]
    assert [len(item.choices) for item in items] == [2, 3, 3]
    given = benchmark.read_predictions(DATA / "own-described" / "predictions.csv")
    found = score(benchmark, items, given)
    assert found["strict"]["right"] == 1 and found["counts"] == {"empty": 1, "parsed": 2}
    assert found["by"]["room"]["kitchen"]["strict"] == 0.5
    assert floor(benchmark, items, linear=False)["chance"] == pytest.approx((1 / 2 + 2 / 3) / 3)


def test_all_faults_of_a_description_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("data: a.csv\nquestoin: q\ncolour: red\n")
    with pytest.raises(ConfigError) as refused:
        open_benchmark(str(path))
    for fault in ("'questoin'", "'colour'", "no 'question'", "no 'answer'"):
        assert fault in refused.value.found


def test_rows_that_do_not_fit_their_description(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "data: a.csv\nquestion: q\nchoices: [a, b]\nanswer: gold\nid: n\n"
    )
    (tmp_path / "a.csv").write_text("n,q,a,b,gold\n1,What?,x,y,z\n1,,x,y,x\n")
    benchmark = open_benchmark(str(tmp_path / "x.yaml"))
    with pytest.raises(DataError) as refused:
        benchmark.load(benchmark.default)
    for fault in ("row 1 (1): the gold 'z'", "row 2 (1): empty question", "row 2 (1): duplicate"):
        assert fault in refused.value.found


HEARD = "data: a.csv\nid: n\nquestion: q\nchoices: [x, y]\nanswer: gold\naudio: "


@pytest.mark.parametrize(
    ("audio", "head", "cells", "column"),
    [
        ("file", "file", "", "file"),
        ("file", "file", "  ", "file"),
        ("file", "sound", "a.wav", "file"),  # the description names a column that is not there
        ("[one, two]", "one,two", ",", "one"),
        ("[one, two]", "one,two", ",b.wav", "one"),
        ("[one, two, three]", "one,two,three", "a.wav,,b.wav", "two"),
    ],
)
def test_a_row_that_lacks_its_clip_is_refused_where_audio_is_needed(
    tmp_path: Path, audio: str, head: str, cells: str, column: str
) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    (tmp_path / "x.yaml").write_text(HEARD + audio + "\n")
    full = ",".join(["a.wav"] * (head.count(",") + 1))
    rows = [f"n,q,x,y,gold,{head}", f"1,What?,k,l,k,{full}", f"2,What?,k,l,k,{cells}"]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    benchmark = open_benchmark(str(tmp_path / "x.yaml"))
    with pytest.raises(DataError, match=rf"row 2 \(2\): no audio in the column '{column}'"):
        benchmark.release(benchmark.default, need_audio=True)
    assert len(benchmark.load(benchmark.default)) == 2  # replies made elsewhere can be scored


def test_columns_after_the_last_clip_may_be_empty(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    (tmp_path / "x.yaml").write_text(HEARD + "[one, two, three]\n")
    rows = ["n,q,x,y,gold,one,two,three", "1,What?,k,l,k,a.wav,,", "2,What?,k,l,k,a.wav,b.wav,"]
    (tmp_path / "a.csv").write_text("\n".join(rows) + "\n")
    benchmark = open_benchmark(str(tmp_path / "x.yaml"))
    items = benchmark.load(benchmark.default, need_audio=True)
    assert [len(item.clips) for item in items] == [1, 2]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(HEARD + "file\n")
    (tmp_path / "a.csv").write_text("n,q,x,y,gold,file\n1,What?,k,l,k,gone.wav\n")
    benchmark = open_benchmark(str(tmp_path / "x.yaml"))
    with pytest.raises(DataError, match=r"missing audio 'gone.wav'"):
        benchmark.release(benchmark.default, need_audio=True)


LINES = (
    '{"question": "Which?", "choices": ["a", "b"], "answer": "zebra"}',
    '{"question": "Which?", "choices": ["a", "a"], "answer": "a"}',
    '{"question": "", "answer": "a"}',
    '{"answer": "a"}',
    '{"question": "Which?", "answer": 3}',
    '{"question": "Which?", "answer": "a", "choises": []}',
    '{"question": "Which?", "answer": "a", "audio": "missing.wav"}',
    "not json",
    "[1]",
)


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_item_is_told_and_the_others_are_scored(
    line: str, tmp_path: Path
) -> None:
    good = [f'{{"question": "Q{n}?", "choices": ["a", "b"], "answer": "b"}}' for n in range(3)]
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join([good[0], line, *good[1:]]) + "\n")
    benchmark = open_benchmark("own")
    release = benchmark.release(path, partial=True)
    assert [item.question for item in release.items] == ["Q0?", "Q1?", "Q2?"]
    assert release.faults and all("(line 2)" in one for one in release.faults), release.faults
    assert any("1 row left out: row 2 (line 2)" in note for note in release.notes)
    found = score(benchmark, release.items, {item.id: "b" for item in release.items})
    assert found["official"]["value"] == 1 and found["n"] == 3
    with pytest.raises(DataError):
        benchmark.release(path)  # a check refuses it
