"""Rows, audio and predictions on disk: formats, embedded audio, escapes, parsers side by side."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_bench_golden import DATA, opened

from harken.audio.load import encode_wav, load, write_wav
from harken.errors import ConfigError, DataError
from harken.evaluate.benchmarks.helpers import Helpers, nearest
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.parsers import PARSERS, parse_report
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import locate, read_rows, unpack
from harken.evaluate.benchmarks.types import key_of
from harken.evaluate.benchmarks.writing import write_rows
from harken.models.embedding import load_embedder

TONE = np.sin(np.arange(1600) / 8).astype(np.float32)


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".tsv", ".parquet"])
def test_rows_survive_every_format(suffix: str, tmp_path: Path) -> None:
    rows = [{"id": "1", "prediction": 'a, "quoted"\nline'}, {"id": "2", "prediction": "ü"}]
    path = tmp_path / f"rows{suffix}"
    write_rows(path, rows)
    assert read_rows(path) == rows


def test_an_object_of_texts_is_rows(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"a": "x", "b": {"response": "y"}}')
    assert read_rows(path) == [{"id": "a", "prediction": "x"}, {"id": "b", "response": "y"}]


def test_all_bad_lines_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": 1}\nnot json\n[1]\n')
    with pytest.raises(DataError) as refused:
        read_rows(path)
    assert (
        "line 2: not JSON" in refused.value.found
        and "line 3: not an object but list" in refused.value.found
    )
    with pytest.raises(DataError, match="no file of the official layout"):
        locate(tmp_path, ("mmau-test-mini.json",))


def test_duplicate_and_keyless_predictions_are_all_reported(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(json.dumps([{"id": 1, "prediction": "a"}, {"prediction": "b"},
                                {"id": 1, "prediction": "c"}]))  # fmt: skip
    with pytest.raises(DataError) as refused:
        open_benchmark("mmau").read_predictions(path)
    assert "row 2 has no 'id'" in refused.value.found
    assert "row 3 has the id of row 1" in refused.value.found


def test_audio_is_found_hashed_and_kept_inside(tmp_path: Path) -> None:
    rows = read_rows(DATA / "dcase2026" / "release" / "dev.json")
    for row in rows:
        path = tmp_path / row["audio_path"]
        path.parent.mkdir(exist_ok=True)
        write_wav(path, TONE, 16_000)
    write_rows(tmp_path / "dev.json", rows)
    items = open_benchmark("dcase2026").load(tmp_path, need_audio=True, partial=True)
    assert all(item.clips[0].sha256 for item in items)
    assert load(items[0].clips[0]).shape == (1600,)
    rows[0]["audio_path"] = "../outside.wav"
    write_rows(tmp_path / "dev.json", rows)
    with pytest.raises(DataError, match="is outside") as refused:
        open_benchmark("dcase2026").load(tmp_path, need_audio=True, partial=True)
    assert "--audio" in refused.value.hint


def test_embedded_audio_of_a_multi_audio_set_is_unpacked(tmp_path: Path) -> None:
    def cell(path: str) -> dict[str, object]:
        return {"bytes": encode_wav(TONE, 16_000), "path": path}

    folder = tmp_path / "esc50-retrieval"
    folder.mkdir()
    rows = [
        {"question": "In which is a dog?", "answer": f"Audio{n}", "audio1": cell("a.wav"),
         "audio2": cell("a.wav")}
        for n in (1, 2)
    ]  # fmt: skip
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    path = folder / "test-00000-of-00001.parquet"
    path.write_bytes(buffer.getvalue())
    assert unpack(path, tmp_path / "audio") == 4
    items = open_benchmark("mae").load(
        tmp_path, audio_root=tmp_path / "audio", need_audio=True, partial=True
    )
    assert [len(item.clips) for item in items] == [2, 2]
    assert key_of(items[1]) == "esc50-retrieval-1" and items[1].answer == "Audio2"
    assert load(items[0].clips[1]).shape == (1600,)
    json.dumps([item.to_dict() for item in items])  # no bytes ride along


def test_an_unsafe_name_in_embedded_audio_stays_in_the_folder(tmp_path: Path) -> None:
    rows = [{"id": "1", "audio": {"bytes": b"RIFF", "path": "../../evil.wav"}}]
    path = tmp_path / "x.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    unpack(path, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 1 and not (tmp_path / "evil.wav").exists()


def test_parsers_side_by_side_on_replies_they_read_differently() -> None:
    benchmark, items = opened("mmsu")  # golds B B A B D
    replies = ["A dog? No, it is sad.", "B", "one", "I do not know.", "(D) w"]
    keys = [key_of(item) for item in items]
    found = parse_report(benchmark, items, Predictions.of(dict(zip(keys, replies, strict=True))))
    table = found["parsers"]
    assert set(table) == set(PARSERS) and found["n"] == 5
    assert table["exact"]["accuracy"] == 0.2  # only "one"
    assert table["letter-place"]["accuracy"] == 0.2  # "A dog" is A, "(D) w" is no letter
    assert table["harken"]["parsed"] == 0.8  # the refusal is not read
    assert table["letter-or-random"]["accuracy"] == 0.5  # 0, 1, a guess, a guess, 1
    assert table["harken"]["differ"] == 0 and found["spread"] > 0


def test_mmau_pro_is_read_from_parquet_with_its_nulls(tmp_path: Path) -> None:
    rows = read_rows(DATA / "mmau-pro" / "release" / "test.jsonl")
    path = tmp_path / "test.parquet"
    rows[1]["kwargs"] = {"keywords": "rain"}  # makes a key that is null in the other row
    pq.write_table(pa.Table.from_pylist(rows), path)
    items = open_benchmark("mmau-pro").load(tmp_path, partial=True)
    assert items[2].plan["row"]["kwargs"] == {"keywords": None, "N": 3.0}
    assert len(items[5].clips) == 2 and items[5].choices == ("first clip", "second clip")
    found = open_benchmark("mmau-pro").official(
        items, Predictions.of({key_of(items[2]): "one two three"}), Helpers()
    )
    assert found.scores["f2"] == 1.0


def test_a_transformers_embedding_by_folder(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "cat", "bell"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(tmp_path)
    transformers.BertTokenizerFast(vocab=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    embed = load_embedder(f"hf:{tmp_path}")
    vectors = embed.encode(["a dog", "", "a bell a bell a bell"])
    assert vectors.shape == (3, 16) and vectors.dtype == np.float32
    alone = embed.encode(["a dog"])
    assert np.allclose(vectors[0], alone[0], atol=1e-5)  # padding does not enter the mean
    assert nearest(embed, "a dog", ["cat", "a dog", "bell"]) == 1


def test_embeddings_have_names() -> None:
    assert nearest(load_embedder("ngrams"), "a barking dog", ["cat", "dog bark"]) == 1
    with pytest.raises(ConfigError, match="no embedding model"):
        load_embedder("ngram")


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        ({"audios": ["a.wav", "b.wav"]}, ["a.wav", "b.wav"]),
        ({"audios": ["a.wav", ""]}, ["a.wav"]),
        ({"audios": ["", "b.wav"]}, ["", "b.wav"]),  # never asked with b.wav as the first clip
        ({"audios": [None, "b.wav", None]}, ["", "b.wav"]),
        ({"audio1": "", "audio2": "b.wav"}, ["", "b.wav"]),
        ({"audio1": "a.wav", "audio2": None}, ["a.wav"]),
        ({"audios": []}, []),
    ],
)
def test_mae_keeps_the_place_of_a_clip_that_is_missing(cells, names):
    assert open_benchmark("mae").audio({"id": "1", **cells}) == names
