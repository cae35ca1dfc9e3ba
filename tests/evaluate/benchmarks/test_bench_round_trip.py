"""Every benchmark: evaluated, submitted, the submission read back and scored by the official rule.

A perfect, a random (seeded) and an empty model. What a submission scores is worked out from the
options that the model chose, by a few lines of arithmetic here, and not from the file.
"""

from __future__ import annotations

import math
import random
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_models import Says
from test_bench_golden import DATA

from harken.audio.load import write_wav
from harken.evaluate import run as evaluate
from harken.evaluate.about import BenchmarkRequest
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.dcase2025 import domain
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.load import BENCHMARKS, open_benchmark
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.submit import about_file, replies_of
from harken.evaluate.benchmarks.types import Release, key_of, row_of
from harken.evaluate.run import Guards
from harken.item import Item
from harken.letters import letter
from harken.models.base import Prompt, PromptStyle, Reply
from harken.models.embedding import load_embedder
from harken.shards.jsonl import write_jsonl

JUDGES = {
    "mmau-pro": "OVERALL: 5", "mae": "CORRECT", "longaudiobench": "10", "air-bench-chat": "10 10",
    "jailbreak": "#thescore: 1",
}  # fmt: skip
"""What the judge always says; where it is asked, a perfect model gets the best score."""

BEST = {
    "hallucination-generative": 0.0,
    "asr": 0.0,
    "meetings": 0.0,
    "jailbreak": 0.0,
    "air-bench-chat": 10.0,
}
"""The official number of a perfect model where it is not 1; lower is better, or points."""


class Scripted:
    """Says what it is told to say about each item."""

    name, max_clips, style, batch = "scripted", 8, PromptStyle(), 4

    def __init__(self, said: Mapping[str, str]) -> None:
        self.said = said

    def generate(self, prompts: Sequence[Prompt], sampling: Any) -> list[Reply]:
        return [Reply(self.said[prompt.item_id]) for prompt in prompts]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "scripted"


def released(name: str, folder: Path) -> tuple[Benchmark, Release]:
    """The made-up release of a benchmark, with a recording for each name in it."""
    benchmark = open_benchmark(name)
    if name == "own":
        items = [Item(f"Which sound is {n}?", "bell", ("dog", "bell", "rain"), task="t")
                 for n in range(6)]  # fmt: skip
        write_jsonl(items, folder / "items.jsonl")
        return benchmark, benchmark.release(folder / "items.jsonl", partial=True)
    shutil.copytree(DATA / name / "release", folder / "release")
    names = {one for item in benchmark.load(folder / "release", partial=True)
             for one in benchmark.audio(row_of(item))}  # fmt: skip
    for number, one in enumerate(sorted(names)):
        path = folder / "release" / one
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path.with_suffix(".wav"), np.full(800, 0.001 * (number + 1), np.float32), 16_000)
        if path.suffix != ".wav":
            path.with_suffix(".wav").rename(path)
    return benchmark, benchmark.release(folder / "release", need_audio=True, partial=True)


def open_reply(benchmark: Benchmark, item: Item) -> str:
    """The perfect reply to an open question."""
    row = row_of(item)
    if benchmark.name == "retrieval":
        return "\n".join(row["clips"])
    if row.get("category") == "instruction following":
        return FOLLOWED[row["task_identifier"]]
    return item.answer or "I cannot help with that."


FOLLOWED = {"No Commas": "no comma here", "Number Words (at most)": "one two"}


def round_trip(
    benchmark: Benchmark, release: Release, said: Mapping[str, str], folder: Path
) -> dict[str, Any]:
    """The official part of the score of the submission of a model that says `said` (by item id)."""
    judge = JUDGES.get(benchmark.name)
    helpers = Helpers(judge=Says(lambda text: judge) if judge else None,
                      embed=load_embedder("ngrams"))  # fmt: skip
    asked = BenchmarkRequest(benchmark, release, "made up", helpers)
    found = evaluate.run(
        Scripted(said), release.items, folder / "run", benchmark=asked,
        conditions=("audio", "none"),
        guards=Guards(floor=False),
    )  # fmt: skip
    texts, notes = replies_of(benchmark, release.items, folder / "run")
    assert not notes and len(texts) == len(release.items)
    path = folder / f"submission{(*benchmark.suffixes, '.jsonl')[0]}"
    benchmark.write_predictions(path, release.items, texts)
    assert not about_file(benchmark, path, 0)
    back = benchmark.read_predictions(path)
    scored = score(benchmark, release.items, back, helpers)["official"]
    reported = found["official"]["submitted"]["official"]
    assert (scored["value"], scored["stops"]) == (reported["value"], reported["stops"])
    return scored


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def by(items: Sequence[Item], right: Mapping[str, bool], group: Callable[[Item], str]) -> float:
    """The mean over groups of the share of right items."""
    groups: dict[str, list[float]] = {}
    for item in items:
        groups.setdefault(group(item), []).append(float(right[item.id]))
    return mean([mean(own) for own in groups.values()])


def from_choices(name: str, items: Sequence[Item], right: Mapping[str, bool]) -> float:
    """The official number of choices, by its definition."""
    if name == "dcase2025":
        return by(items, right, lambda item: domain(row_of(item)["audio_url"]))
    if name == "mae":
        return by(items, right, lambda item: row_of(item)["set"])
    if name == "spatial":
        return by([item for item in items if item.choices], right, lambda item: item.task)
    if name == "compa":
        pairs: dict[str, list[bool]] = {}
        for item in items:
            pairs.setdefault(row_of(item)["pair"], []).append(right[item.id])
        return mean([float(all(own)) for own in pairs.values()])
    if name == "mmau-pro":
        items = [item for item in items if len(item.choices) != 1]  # the script drops these
    if name == "deafness":
        items = [item for item in items if row_of(item)["snr_db"] is not None]
    # rgi: without refusals, truthfulness is the share that is not wrong.
    return mean([float(right[item.id]) for item in items])


def counts_as_gold(name: str, item: Item, place: int) -> bool:
    """Whether the choice is the gold; to the rule of MMAU, one with the same words is as well."""
    own, gold = item.choices[place], item.answer
    if name in ("mmau", "mmar"):
        return set(re.findall(r"\w+", own.lower())) == set(re.findall(r"\w+", gold.lower()))
    return own == gold


CHOICES = [
    "mmau", "mmar", "mmsu", "air-bench", "dcase2025", "dcase2026", "compa", "hallucination", "rgi",
    "deafness", "mae", "spatial", "mmau-pro", "own",
]  # fmt: skip


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_a_perfect_model_is_perfect_by_the_official_rule(name: str, tmp_path: Path) -> None:
    benchmark, release = released(name, tmp_path)
    said = {item.id: letter(item.gold) if item.choices else open_reply(benchmark, item)
            for item in release.items}  # fmt: skip
    found = round_trip(benchmark, release, said, tmp_path)
    assert not found["stops"], found
    if name == "captioning":  # CIDEr-D has no highest value
        perfect = {key_of(item): said[item.id] for item in release.items}
        assert found["value"] == score(benchmark, release.items, perfect)["official"]["value"] > 1
    else:
        assert found["value"] == pytest.approx(BEST.get(name, 1.0)), found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CHOICES)
def test_a_random_models_submission_scores_what_its_choices_are_worth(
    name: str, seed: int, tmp_path: Path
) -> None:
    benchmark, release = released(name, tmp_path)
    draw = random.Random(seed)
    said, right = {}, {}
    for item in release.items:
        place = draw.randrange(len(item.choices)) if item.choices else 0
        said[item.id] = letter(place) if item.choices else open_reply(benchmark, item)
        right[item.id] = not item.choices or counts_as_gold(name, item, place)
    found = round_trip(benchmark, release, said, tmp_path)
    if name == "hallucination" and found["stops"]:
        assert not any(right[item.id] and item.answer == "No" for item in release.items)
    else:
        assert found["value"] == pytest.approx(from_choices(name, release.items, right)), found


EMPTY: dict[str, float | str | None] = {
    "mmau": 0.0, "mmar": 0.0, "dcase2025": 0.0, "dcase2026": 0.0, "compa": 0.0, "rgi": 0.0,
    "deafness": 0.0, "mae": 0.0, "spatial": 0.0, "own": 0.0, "retrieval": 0.0, "captioning": 0.0,
    "grounding": 0.0, "longaudiobench": 0.0, "jailbreak": 0.0, "asr": 1.0, "meetings": 1.0,
    "hallucination-generative": -1.0,  # the script averages -1 in
    "mmsu": "is empty and there is no letter before it to reuse",
    "air-bench": "could be read",
    "hallucination": "no right No",
}  # fmt: skip
"""What the script gives for empty replies to all items: a number, or why it stops."""


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_an_empty_model_gets_what_the_script_gives_for_empty_replies(
    name: str, tmp_path: Path
) -> None:
    benchmark, release = released(name, tmp_path)
    found = round_trip(benchmark, release, {item.id: "" for item in release.items}, tmp_path)
    wanted = EMPTY.get(name)
    if isinstance(wanted, str):
        assert wanted in found["stops"] and found["value"] is None
    elif wanted is not None:
        assert found["value"] == wanted and not found["stops"], found


@pytest.mark.parametrize("name", ["mmsu", "air-bench", "dcase2025", "mmau", "rgi", "deafness"])
@pytest.mark.parametrize("options", [["C", "A", "B", "D"], ["D", "C", "B", "A"], ["B", "A"]])
def test_options_that_are_letters_are_submitted_as_what_they_are(
    name: str, options: list[str], tmp_path: Path
) -> None:
    """The key of a piece of music is C: as bare text a letter's rule reads the third option."""
    benchmark, release = released(name, tmp_path)
    row = dict(row_of(release.items[0]))
    row |= {"choices": options, "answer": options[0], "answer_gt": options[0]}
    row |= {f"choice_{'abcd'[n]}": one for n, one in enumerate(options)}
    row["choice"] = [f"{letter(n)}. {one}" for n, one in enumerate(options)]
    if len(options) < 4:
        row = {k: v for k, v in row.items() if k not in ("choice_c", "choice_d")}
    item = benchmark.item(row, ())
    path = tmp_path / f"s{(*benchmark.suffixes, '.jsonl')[0]}"
    for place in range(len(options)):
        benchmark.write_predictions(path, [item], {key_of(item): benchmark.submitted(item, place)})
        scores = benchmark.official([item], benchmark.read_predictions(path), Helpers()).scores
        assert scores[key_of(item)] == float(place == 0), (place, path.read_text())
