"""Prediction files of other programs, in other encodings, and damaged ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_bench_cli import harken
from test_bench_golden import DATA, opened

from harken.errors import ConfigError, DataError
from harken.evaluate.benchmarks.align import align
from harken.evaluate.benchmarks.formats import adapted
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.rows import read_rows
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import key_of, options_of, row_of
from harken.evaluate.benchmarks.writing import write_rows
from harken.item import Item
from harken.letters import letter


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


TEXTS = {
    ".json": json.dumps([{"id": "m1", "prediction": "café 狗"}], ensure_ascii=False),
    ".jsonl": lines([{"id": "m1", "prediction": "café 狗"}]),
    ".csv": "id,prediction\nm1,café 狗\n",
    ".tsv": "id\tprediction\nm1\tcafé 狗\n",
    "": "m1\tcafé 狗\n",
}
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "gb18030")


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_another_encoding_is_refused_with_the_reason(
    suffix: str, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / f"p{suffix}"
    path.write_bytes(TEXTS[suffix].encode(encoding, "replace"))
    with pytest.raises(DataError) as refused:
        open_benchmark("mmau").read_predictions(path)
    assert refused.value.exit_code == 3 and "UTF-8" in refused.value.found
    assert "iconv" in refused.value.hint and str(path) == refused.value.where
    if encoding in ("latin-1", "cp1252"):
        assert "byte 0xe9 in line" in refused.value.found


@pytest.mark.parametrize("suffix", TEXTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_and_without_its_mark(
    suffix: str, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / f"p{suffix}"
    path.write_bytes(TEXTS[suffix].encode(encoding))
    assert dict(open_benchmark("mmau").read_predictions(path).texts) == {"m1": "café 狗"}


def test_a_description_and_a_release_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_bytes("name: café\ndata: d.csv".encode("latin-1"))
    with pytest.raises(DataError, match="byte 0xe9 in line 1"):
        open_benchmark(str(tmp_path / "my.yaml"))
    (tmp_path / "d.csv").write_bytes("id,q,gold\n1,Café?,x\n".encode("latin-1"))
    (tmp_path / "my.yaml").write_text("name: x\ndata: d.csv\nquestion: q\nanswer: gold\n")
    benchmark = open_benchmark(str(tmp_path / "my.yaml"))
    with pytest.raises(DataError, match="not UTF-8"):
        benchmark.release(benchmark.default, partial=True)
    (tmp_path / "84-1.trans.txt").write_bytes("84-1-0 CAF\u00c9\n".encode("latin-1"))
    with pytest.raises(DataError, match="byte 0xc9 in line 1"):
        open_benchmark("asr").release(tmp_path, partial=True)
    (tmp_path / "no.yaml").write_text("- a list")
    with pytest.raises(ConfigError):
        open_benchmark(str(tmp_path / "no.yaml"))


@pytest.mark.parametrize(
    "reply", ["a\u2028b", "a\x85b", "a\x0bb", "a\x1cb", "a\nb", "\ud800 x", ""]
)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv"])
def test_line_ends_and_surrogates_within_a_reply_survive(
    reply: str, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"p{suffix}"
    write_rows(path, [{"id": "1", "prediction": reply}, {"id": "2", "prediction": "x"}])
    wanted = reply if suffix.startswith(".j") else reply.replace("\ud800", "\\ud800")
    assert [row["prediction"] for row in read_rows(path)] == [wanted, "x"]


@pytest.mark.parametrize("text, reason", [
    ("id,prediction\nm1,a,b\n", "line 2 has more cells"),
    ('id,prediction\nm1,"never closed\nm2,b\n', "cannot be read near line"),
    ("id,prediction,prediction\nm1,a,b\n", "'prediction' more than once"),
    ('id,prediction\nm1,"a"b\n', "cannot be read near line 1"),
])  # fmt: skip
def test_a_damaged_table_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=reason):
        read_rows(path)


def test_other_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 200_000)
    (tmp_path / "deep.jsonl").write_text("[" * 200_000)
    (tmp_path / "p.parquet").write_bytes(b"PAR1 no table")
    for name in ("deep.json", "deep.jsonl", "p.parquet"):
        with pytest.raises(DataError):
            read_rows(tmp_path / name)
    long = "x" * 300_000  # over the limit of the csv module
    (tmp_path / "long.csv").write_text(f"id,prediction\n1,{long}\n")
    assert read_rows(tmp_path / "long.csv")[0]["prediction"] == long


# SLAM-LLM.


@pytest.mark.parametrize("name", ["asr", "spatial", "captioning", "mmau", "mmsu", "hallucination"])
def test_slam_llms_decode_file(name: str, tmp_path: Path) -> None:
    benchmark, items = opened(name)
    texts = {key_of(item): f"{item.answer}\t!" if n else "" for n, item in enumerate(items)}
    path = tmp_path / "decode_beam4_pred"
    path.write_text("".join(f"{key}\t{text}\n" for key, text in texts.items()))
    back = benchmark.read_predictions(path)
    assert dict(back.texts) == texts
    with_gold = tmp_path / "decode_beam4_gt"
    with_gold.write_text(path.read_text())
    with pytest.raises(DataError, match="file of references"):
        benchmark.read_predictions(with_gold)


def test_a_clip_decoded_for_each_of_its_references_is_read_once(tmp_path: Path) -> None:
    """AudioCaps has five captions a clip: the decode file repeats the clip with the same text."""
    path = tmp_path / "decode_pred"
    path.write_text("a\tdog\na\tdog\nb\train\n")
    back = open_benchmark("captioning").read_predictions(path)
    assert dict(back.texts) == {"a": "dog", "b": "rain"} and "repeat another row" in back.notes[0]
    path.write_text("a\tdog\na\tcat\n")
    with pytest.raises(DataError, match="row 2 has the id of row 1"):
        open_benchmark("captioning").read_predictions(path)


def test_an_object_of_texts_is_by_the_benchmarks_own_key(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"7": "Yes", "3": "No"}))
    assert dict(open_benchmark("hallucination").read_predictions(path).texts) == {
        "7": "Yes", "3": "No"}  # fmt: skip
    path.write_text(json.dumps({"a1": "A"}))
    assert dict(open_benchmark("air-bench").read_predictions(path).texts) == {"a1": "A"}


# AIR-Bench.


def air_rows(reply: str = "response") -> list[dict[str, Any]]:
    """The right letter to every question, as the repository's inference writes rows."""
    benchmark, items = opened("air-bench")
    rows = [{**row_of(item), reply: benchmark.submitted(item, item.gold)} for item in items]
    return [{**row, "choice_c": row.get("choice_c"), "choice_d": row.get("choice_d")}
            for row in rows]  # fmt: skip


RELEASE = str(DATA / "air-bench" / "release" / "Foundation_meta.json")


@pytest.mark.parametrize("turn", [0, 1, 3])
def test_air_bench_rows_without_their_id(turn: int, tmp_path: Path) -> None:
    rows = [{k: v for k, v in row.items() if k != "uniq_id"} for row in air_rows()]
    path = tmp_path / "Foundation_result_modelx.jsonl"
    path.write_text(lines(rows[turn:] + rows[:turn]))
    alone = harken("score", "-b", "air-bench", "-p", str(path), "--json")
    given = harken("score", "-b", "air-bench", "-p", str(path), "--data", RELEASE, "--json")
    assert alone["official"]["value"] == given["official"]["value"] == 1
    assert given["strict"]["accuracy"] == 1 and alone["n"] == given["n"] == len(rows)
    assert any(f"{len(rows)} rows without the release's key" in w for w in given["warnings"])


def batch(rows: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    asked = {"openai_args": {"messages": []}, "prompt_tokens": 3, "finish_reason": "stop", **more}
    return [{"uuid": f"u{n}", **{k: v for k, v in row.items() if k != "uniq_id"}, **asked}
            for n, row in enumerate(rows)]  # fmt: skip


def test_air_benchs_output_of_the_alignment(tmp_path: Path) -> None:
    path = tmp_path / "batch_run_output.jsonl"
    rows = batch([{**row, "response": "It sounds like that."} for row in air_rows("gen")])
    path.write_text(lines([{**rows[0], "gen": "error"}, *rows]))
    found = harken("score", "-b", "air-bench", "-p", str(path), "--data", RELEASE, "--json")
    assert found["official"]["value"] == 1 and found["official"]["n"] == len(rows)
    assert any("1 rows left out: their request failed" in w for w in found["warnings"])
    assert any("the letter in gen is scored" in w for w in found["warnings"])


def test_air_benchs_output_of_the_judge(tmp_path: Path) -> None:
    benchmark, items = opened("air-bench-chat")
    rows = batch([row_of(item) for item in items], gen="8 6")
    rows = [{**row, "Audio-LLM-response": f"reply {n}"} for n, row in enumerate(rows)]
    path = tmp_path / "batch_run_output.jsonl"
    path.write_text(lines(rows))
    back = align(benchmark, items, benchmark.read_predictions(path), ())
    assert [back.text(key_of(item)) for item in items] == [f"reply {n}" for n in range(len(items))]
    assert {row["gpt-score"] for row in back.raw.values()} == {"8 6"}


# DCASE 2025.


@pytest.mark.parametrize("by", ["id", "question"])
def test_the_challenges_own_submission(by: str, tmp_path: Path) -> None:
    benchmark, items = opened("dcase2025")
    path = tmp_path / "submission.csv"
    rows = [{"question": key_of(item) if by == "id" else item.question,
             "answer": benchmark.submitted(item, item.gold)} for item in items]  # fmt: skip
    write_rows(path, rows)
    data = str(DATA / "dcase2025" / "release")
    found = harken("score", "-b", "dcase2025", "-p", str(path), "--data", data, "--json")
    assert found["official"]["value"] == 1 and found["strict"]["accuracy"] == 1
    gold = open_benchmark("mmau")
    with pytest.raises(DataError, match="no row has a prediction"):
        gold.read_predictions(path)  # elsewhere "answer" is the gold, and never taken for a reply


# lmms-eval.


def sample(item: Item, n: int, **metrics: Any) -> dict[str, Any]:
    """A row as lmms-eval writes it: without the release's row, ``resps`` and ``arguments``."""
    shown = "\n".join(f"{letter(at)}. {one}" for at, one in enumerate(options_of(item)))
    right = letter(options_of(item).index(item.answer))
    return {
        "doc_id": n, "target": item.answer, "filtered_resps": [right] if n % 2 else right,
        "doc_hash": f"{n:064x}", "token_counts": None, **metrics,
        "input": f"{item.question}\n{shown}\nAnswer with the option's letter directly.",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["mmau", "mmar", "mmsu", "air-bench"])
def test_samples_of_lmms_eval(name: str, tmp_path: Path) -> None:
    benchmark, items = opened(name)
    metrics = {
        "mmau": lambda item: {"accuracy": {"overall": 1.0}, "submission": dict(row_of(item))},
        "mmar": lambda item: {"mmar_accuracy": {"id": key_of(item), "score": 1.0}},
        "mmsu": lambda item: {"accuracy": {"score": 1.0}},
        "air-bench": lambda item: {"accuracy": {}, "submission": {key_of(item): "A"}},
    }[name]
    rows = [sample(item, n, **metrics(item)) for n, item in enumerate(items)][::-1]
    path = tmp_path / f"20260101_samples_{name}.jsonl"
    path.write_text(lines(rows))
    back = align(benchmark, items, benchmark.read_predictions(path), ())
    assert set(back.rows) == {key_of(item) for item in items}
    found = score(benchmark, items, back)
    assert found["strict"]["accuracy"] == 1 and found["counts"] == {"parsed": len(items)}
    assert "samples of lmms-eval" in found["notes"][0]


def test_samples_that_fit_two_items_or_none_are_reported(tmp_path: Path) -> None:
    benchmark, items = opened("mmsu")
    path = tmp_path / "s.jsonl"
    rows = [sample(items[0], 0), {**sample(items[1], 1), "input": "another question"}]
    path.write_text(lines(rows))
    back = align(benchmark, items, benchmark.read_predictions(path), ())
    assert back.rows == (key_of(items[0]), "doc 1")
    with pytest.raises(DataError, match="'doc 1', which is not in the data"):
        score(benchmark, items, back)
    path.write_text(lines([sample(items[0], 0), sample(items[0], 1)]))
    back = align(benchmark, items, benchmark.read_predictions(path), ())
    assert back.rows == (key_of(items[0]), "doc 1")  # one item is not answered twice


@pytest.mark.parametrize("turned", [False, True])
def test_one_question_about_several_clips_is_told_by_its_place(
    turned: bool, tmp_path: Path
) -> None:
    """Only where the rows that are clear stand at their place in the release."""
    benchmark = open_benchmark("mmsu")
    row = row_of(opened("mmsu")[1][0])
    names = ["a", "b", "clear 1", "c", "clear 2"]
    items = [benchmark.item({**row, "id": name, "question": name if " " in name else "Who?"}, ())
             for name in names]  # fmt: skip
    order = [4, 3, 2, 1, 0] if turned else [0, 1, 2, 3, 4]
    path = tmp_path / "s.jsonl"
    path.write_text(lines([sample(items[at], n) for n, at in enumerate(order)]))
    back = align(benchmark, items, benchmark.read_predictions(path), ())
    assert back.rows == (("clear 2", "doc 1", "clear 1", "doc 3", "doc 4") if turned
                         else tuple(names))  # fmt: skip


def test_a_question_that_begins_another_is_not_taken_for_it(tmp_path: Path) -> None:
    benchmark = open_benchmark("mmsu")
    row = row_of(opened("mmsu")[1][0])
    rows = [{**row, "id": "short", "question": "What is heard"},
            {**row, "id": "long", "question": "What is heard after the bell?"}]  # fmt: skip
    items = [benchmark.item(one, ()) for one in rows]
    path = tmp_path / "s.jsonl"
    path.write_text(lines([sample(item, n) for n, item in enumerate(items)]))
    back = align(benchmark, items, benchmark.read_predictions(path), ())
    assert "long" in back.rows


def test_rows_are_never_matched_by_their_place(tmp_path: Path) -> None:
    """Rows of the first hallucination script have numbers; in another order they are others."""
    rows = [{"entry_id": f"e{n}", "audio_index": f"c{n}", "label": "Yes", "prompt_text": f"Is {n}?"}
            for n in range(3)]  # fmt: skip
    benchmark = open_benchmark("hallucination")
    items = [benchmark.item(benchmark.keyed(row, n), ()) for n, row in enumerate(rows)]
    path = tmp_path / "p.csv"
    write_rows(path, [{"audio_index": f"c{n}", "label": "Yes", "response": "Yes"} for n in (2, 1)])
    back = align(benchmark, items, benchmark.read_predictions(path), ())
    assert back.rows == ("0", "1")


def test_a_question_within_a_line_is_the_longest_that_fits(tmp_path: Path) -> None:
    benchmark = open_benchmark("mmsu")
    row = row_of(opened("mmsu")[1][0])
    rows = [{**row, "id": "short", "question": "What is heard"},
            {**row, "id": "long", "question": "What is heard after the bell?"}]  # fmt: skip
    items = [benchmark.item(one, ()) for one in rows]
    asked = sample(items[1], 0)
    path = tmp_path / "s.jsonl"
    path.write_text(lines([{**asked, "input": f"Question: {asked['input']}"}]))
    back = align(benchmark, items, benchmark.read_predictions(path), ())
    assert back.rows == ("long",)


def test_rows_of_two_forms_are_left_as_they_are() -> None:
    own = {"doc_id": 0, "filtered_resps": ["A"], "input": "Which?"}
    rows = [own, {"id": "b", "prediction": "B"}]
    assert adapted(rows, "id") == (rows, ())
    judged = {"gen": "8 9", "openai_args": {}}
    assert adapted([judged, {"id": "b"}], "id") == ([judged, {"id": "b"}], ())
    assert adapted([], "id") == ([], ())


@pytest.mark.parametrize(
    ("held", "key"), [({"id": "q7"}, "q7"), ({"id": ""}, "doc 3"), ({"id": 7}, 7), ({}, "doc 3")]
)
def test_the_id_that_a_metric_repeats(held: dict[str, Any], key: Any) -> None:
    (row,), _ = adapted([{"doc_id": 3, "filtered_resps": [["A"]], "accuracy": held}], "id")
    assert (row["id"], row["prediction"]) == (key, "A")
