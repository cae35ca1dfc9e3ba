"""Every command on every bad file: a line that says what is wrong, and a documented exit code."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from zlib import crc32

import pytest
from bad_inputs import BAD, harken, put

from harken.evaluate.run import run
from harken.files import write_json
from harken.hashing import sealed
from harken.models.load import load_model
from harken.shards.jsonl import write_jsonl
from harken.shards.write import write_dataset
from made_items import make, tone
from paths import REPO
from tiny_audio import mini

DATA = REPO / "tests" / "data"
CODES = {int(n) for n in re.findall(r"^\| (\d+) \|", (REPO / "docs/guide.md").read_text(), re.M)}

FILES: dict[str, list[str]] = {
    "items.jsonl": [
        "show items.jsonl",
        "check items.jsonl",
        "eval longest items.jsonl -o out --split train",
        "curate items.jsonl -o out --voter longest",
        "train sft items.jsonl -o out --model harken-mini --set sft.steps=1",
        "leaks items.jsonl good.jsonl --matches out.jsonl",
        "leaks good.jsonl items.jsonl --check text",
    ],
    "rows.csv": ["leaks rows.csv good.jsonl", "leaks good.jsonl rows.csv"],
    "rows.tsv": ["leaks rows.tsv good.jsonl"],
    "replies.json": [
        "score -b mmau -p replies.json --data mmau/release",
        "parse-report -b mmau -p replies.json --data mmau/release",
    ],
    "replies.jsonl": ["score -b mmsu -p replies.jsonl --data mmsu/release"],
    "replies.csv": ["score -b compa -p replies.csv --data compa/release"],
    "release.json": [
        "floor mmau --data release.json",
        "benchmarks mmau --data release.json --items out.jsonl",
        "score -b mmau -p mmau/predictions.json --data release.json",
        "eval longest -b mmau --data release.json -o out",
    ],
    "own.yaml": ["floor own.yaml", "score -b own.yaml -p mmau/predictions.json"],
    "settings.yaml": [
        "train sft items -o out --model harken-mini --set sft.steps=1 --config settings.yaml"
    ],
    "texts.jsonl": [
        "eval longest items -o out --split train --condition transcript "
        "--transcriber written:texts.jsonl"
    ],
    "plugin.py": ["--plugin plugin.py plugins"],
    "corpus/metadata.csv": ["scan corpus", "synth corpus -o out --per-family 2"],
    "corpus/manifest.jsonl": ["scan corpus", "synth corpus -o out --per-family 2"],
    "corpus/dog/1.wav": ["scan corpus"],
    "items/dataset.json": ["show items", "eval longest items -o out", "check items"],
    "items/shard-00000.parquet": ["show items", "eval longest items -o out", "check items"],
    "run/run.json": ["report run -o out.html", "compare run run", "rescore run", "check run"],
    "run/results.json": ["report run -o out.html", "compare run run"],
    "run/records.jsonl": ["report run -o out.html", "compare run run", "rescore run"],
    "run/plan.jsonl": ["rescore run", "eval longest items -o run"],
    "run/replies.jsonl": ["rescore run", "check run"],
    "run/done.json": ["report run -o out.html", "check run"],
    "run/checksums.json": ["report run -o out.html", "check run"],
    "run/about.json": ["report run -o out.html", "rescore run"],
    "curated/curate.json": ["report run -o out.html --curate curated", "check curated"],
    "model/harken-model.json": ["eval model items -o out --limit 2", "check model",
                                "train sft items -o out --model model --set sft.steps=1"],
    "model/model.safetensors": ["eval model items -o out --limit 2", "check model"],
    "model/tokenizer.json": ["eval model items -o out --limit 2", "check model"],
    "native/config.json": ["eval native:native items -o out --limit 2",
                           "compose --encoder native --lm native -o out"],
    "native/model.safetensors": ["compose --encoder native --lm native -o out",
                                 "eval native:native items -o out --limit 2"],
    "native/tokenizer.json": ["compose --encoder log-mel --lm native -o out"],
}  # fmt: skip
"""File -> the commands that read it."""

PAIRS = [(place, words) for place, lines in FILES.items() for words in lines]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with a good file at every place."""
    out = tmp_path_factory.mktemp("world")
    clip = tone(out / "corpus" / "dog" / "1.wav", 300)
    for number in range(2, 5):
        tone(out / "corpus" / "cat" / f"{number}.wav", 300 + number)
    items = [make(n, (clip,)) for n in range(12)]
    for name in ("items.jsonl", "good.jsonl"):
        write_jsonl(items, out / name)
    write_dataset(items, out / "items", name="n", plan=1)
    run(load_model("longest"), items, out / "run", dataset=out / "items")
    mini().save(out / "model")
    (out / "curated").mkdir()
    write_json(out / "curated" / "curate.json", sealed({"counts": {"weak": 1}}))
    for name in ("mmau", "mmsu", "compa"):
        shutil.copytree(DATA / name, out / name)
    shutil.copy(DATA / "mmau/predictions.json", out / "replies.json")
    shutil.copy(DATA / "mmsu/predictions.jsonl", out / "replies.jsonl")
    shutil.copy(DATA / "compa/predictions.csv", out / "replies.csv")
    shutil.copy(next((DATA / "mmau/release").iterdir()), out / "release.json")
    shutil.copy(DATA / "own-described/kitchen.yaml", out / "own.yaml")
    shutil.copy(DATA / "own-described/kitchen.csv", out / "kitchen.csv")
    for name in ("rows.csv", "rows.tsv"):
        (out / name).write_text("question,answer\nwhat?,that\n")
    (out / "settings.yaml").write_text("sft:\n  steps: 1\n")
    (out / "texts.jsonl").write_text(json.dumps({"audio": clip.path, "transcript": "words"}) + "\n")
    (out / "native").mkdir()
    (out / "native" / "config.json").write_text('{"model_type": "qwen2_audio"}')
    (out / "native" / "tokenizer.json").write_text("{}")
    (out / "native" / "model.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    return out


def cases(share: int) -> list[tuple[str, str, str]]:
    """(file, command, bad thing); every `share`-th of them, evenly spread."""
    every = [(place, words, bad) for place, words in PAIRS for bad in BAD]
    return [one for one in every if crc32(" ".join(one).encode()) % share == 0]


def try_one(
    world: Path, folder: Path, case: tuple[str, str, str], patch: pytest.MonkeyPatch
) -> None:
    place, words, bad = case
    here = folder / "w"
    shutil.copytree(world, here, symlinks=True)
    put(here / place, bad)
    patch.chdir(here)
    code, out, err = harken(words, patch)
    assert code in CODES, (code, err)
    assert "Traceback" not in out + err
    assert code in (0, 8, 9, 10) or err.strip(), "nothing is said"


@pytest.mark.parametrize("case", cases(12), ids=" | ".join)
def test_a_bad_file_is_told(
    world: Path, tmp_path: Path, case: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    try_one(world, tmp_path, case, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(1), ids=" | ".join)
def test_every_bad_file_is_told(
    world: Path, tmp_path: Path, case: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    try_one(world, tmp_path, case, monkeypatch)
