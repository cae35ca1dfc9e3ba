"""Exams of a contrastive model: what a perfect and a blind one score, and the command's rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from harken.audio.clip import Clip
from harken.cli.main import app
from harken.item import Item
from harken.recipes.clap import train
from harken.recipes.clap_exam import (
    LEFT_OUT,
    ask_labels,
    ask_quadruples,
    ask_retrieval,
    ask_two_labels,
    partners,
)
from harken.recipes.effects.study import Exam
from tones import tones


class Known:
    """A model that gives every text and every clip the vector it was told."""

    def __init__(self, vectors: dict[str, Sequence[float]], left_out: Sequence[str] = ()) -> None:
        self._vectors = vectors
        self.training: dict[str, Any] = {LEFT_OUT: [*left_out]} if left_out else {}

    def embed_text(self, texts: Sequence[str]) -> Any:
        return np.array([self._vectors[text] for text in texts], np.float32)

    def embed_audio(self, clips: Sequence[Clip]) -> Any:
        return np.array([self._vectors[clip.path] for clip in clips], np.float32)


def pair(number: int) -> Item:
    return Item(
        question="Which caption belongs to the first clip?",
        answer=f"a{number}, then b{number}",
        choices=(f"a{number}, then b{number}", f"b{number}, then a{number}"),
        clips=(Clip("file", f"ab{number}"), Clip("file", f"ba{number}")),
        plan={"block": f"block-{number}"},
    )


def labelled(label: str) -> Item:
    return Item("What is heard?", label, ("cat", "dog", "hen", "owl"),
                (Clip("file", label),), recordings=(label,))  # fmt: skip


def scores(lines: Any) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for line in lines:
        found.setdefault(line["exam"], []).append(line["right"])
    return found


def test_order_is_scored_by_captions_by_clips_and_by_both() -> None:
    items = [pair(0), pair(1), pair(2)]
    vectors = {}
    for number, (ab, ba) in enumerate([((1, 0), (0, 1)), ((1, 0.5), (1, 0)), ((1, 1), (1, 1))]):
        vectors |= {f"a{number}, then b{number}": (1, 0), f"b{number}, then a{number}": (0, 1)}
        vectors |= {f"ab{number}": ab, f"ba{number}": ba}
    found = scores(ask_quadruples(Known(vectors), Exam("order", items, ask_quadruples)))  # type: ignore[arg-type]
    # both right; the second caption prefers the wrong clip and its clip the wrong caption; a tie
    assert found["order text"] == [1.0, 0.0, 0.0]
    assert found["order audio"] == [1.0, 0.0, 0.0]
    assert found["order group"] == [1.0, 0.0, 0.0]


def test_retrieval_asks_every_caption_once_and_counts_reversals_as_one_draw() -> None:
    items = [pair(0), pair(1)]
    vectors = {}
    for at, item in enumerate(items):
        for side in (0, 1):
            vector = np.eye(4)[2 * at + side]
            vectors |= {item.choices[side]: vector, item.clips[side].path: vector}
    lines = list(ask_retrieval(Known(vectors), Exam("retrieval", items, ask_retrieval)))  # type: ignore[arg-type]
    assert {name: sum(values) for name, values in scores(lines).items()} == {
        "R@1": 4.0, "R@5": 4.0, "R@10": 4.0, "mAP@10": 4.0,
    }  # fmt: skip
    assert len({line["group"] for line in lines}) == 2


def test_labels_that_were_left_out_are_asked_about_alone() -> None:
    items = [labelled(label) for label in ("cat", "dog", "hen", "owl")]
    vectors: dict[str, Sequence[float]] = {}
    for at, item in enumerate(items):
        vectors |= {f"the sound of {item.answer}": np.eye(4)[at], item.answer: np.eye(4)[at]}
    vectors["owl"] = np.eye(4)[0]  # an owl that sounds like a cat
    whole: Any = Known(vectors)
    assert scores(ask_labels(whole, Exam("zero-shot", items, ask_labels))) == {
        "zero-shot": [1.0, 1.0, 1.0, 0.0]
    }
    two = partners(["cat", "dog", "hen", "owl"])["owl"]
    part: Any = Known(vectors, two)
    found = list(ask_two_labels(part, Exam("two labels", items, ask_two_labels)))
    assert sorted(line["task"] for line in found) == sorted(two)
    assert not list(ask_quadruples(part, Exam("order", [pair(0)], ask_quadruples)))


def test_the_command_gives_every_exam_with_its_chance(tmp_path: Path) -> None:
    tones(tmp_path / "corpus")
    steps = ["clap.steps=4", "clap.batch=8", "clap.dim=8"]
    made = train([tmp_path / "corpus"], tmp_path / "clap", overrides=steps)
    words = ["eval-clap", made["model"], str(tmp_path / "corpus")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "zero-shot", "two labels", "linear probe", "R@1", "R@5", "R@10", "mAP@10",
        "order text", "order audio", "order group",
        "loudness text", "loudness audio", "loudness group",
        "pitch text", "pitch audio", "pitch group",
    ]  # fmt: skip
    assert lines[0].endswith("chance 0.20") and lines[9].endswith("chance 0.17")
    assert "order text: 0.000" in lines[7]  # n-grams have one vector for both captions
