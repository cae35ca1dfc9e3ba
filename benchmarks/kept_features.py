"""What kept features save: a training step with a frozen whisper-base, encoded again or kept.

CPU seconds of forward and backward passes over real clips, without and with kept frames, for clips
at their own length and padded to 30 s: of the stage ctc (projector only), and of align through
SmolLM2, whose passes stay. Also the same stage ctc against align, both on kept frames: what a pass
without the language model saves.

    python benchmarks/kept_features.py SPEECH WEIGHTS [CLIPS]

SPEECH is a folder of recordings with transcripts, such as LJSpeech.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from harken import progress
from harken.ask.prompt import make_prompt
from harken.corpora.read import read_corpus
from harken.item import Item
from harken.models.composed.model import ComposedModel, compose_pretrained
from harken.models.engine.feature_store import FeatureStore
from harken.models.kept_frames import keep_frames
from harken.train.ctc import CtcScorer, CtcSettings, Example, Vocabulary
from harken.train.losses import answer_loss


def items_of(folder: Path, count: int) -> list[Item]:
    found = [r for r in read_corpus(folder).recordings if r.transcript]
    return [Item("What is said?", one.transcript, clips=(one.clip,)) for one in found[:count]]


def ctc_step(learner: ComposedModel, items: Sequence[Item]) -> Callable[[], Any]:
    vocabulary = Vocabulary.of(learner, [item.answer for item in items], "")
    scorer = CtcScorer(learner, vocabulary, CtcSettings())

    def step() -> None:
        examples = [
            Example(learner.audio_input(item.clips[0]), vocabulary.target(learner, item))
            for item in items
        ]
        scorer.loss(examples)[0].backward()

    return step


def align_step(learner: ComposedModel, items: Sequence[Item]) -> Callable[[], Any]:
    def step() -> None:
        prompts = [
            learner.tokenize(make_prompt(item, learner.style), item.answer) for item in items
        ]
        logits, ids, _ = learner.engine.answer_logits(prompts)
        answer_loss(logits, ids).backward()

    return step


def seconds(step: Callable[[], Any], times: int = 3) -> float:
    """CPU seconds of a step, the median of `times`, after one to warm up."""
    step()
    took = []
    for _ in range(times):
        start = time.process_time()
        step()
        took.append(time.process_time() - start)
    return median(took)


def main() -> None:
    speech, weights = map(Path, sys.argv[1:3])
    items = items_of(speech, int((*sys.argv[3:], "8")[0]))
    progress.quiet()
    torch.set_num_threads(1)
    print(f"{len(items)} clips a step, one thread, CPU seconds")
    print(f"{'whisper-base':12s} {'stage':6s} {'encoded':>8s} {'kept':>8s} {'ratio':>6s}")
    for name in ("own_length", "padded"):
        settings = f"?own_length={'true' if name == 'own_length' else 'false'}"
        learner = compose_pretrained(
            f"{weights / 'whisper-base'}{settings}",
            weights / "smollm2-135m-instruct",
            projector="mlp?norm=true",
        )
        learner.trainable(["projector"])
        learner.net.train()
        learner.net.audio_encoder.eval()
        kept_seconds = {}
        for stage, make in (("ctc", ctc_step), ("align", align_step)):
            step = make(learner, items)
            learner.engine.kept = None
            without = seconds(step, 2)
            with tempfile.TemporaryDirectory() as folder:
                learner.engine.kept = keep_frames(learner, "exact", FeatureStore(Path(folder)))
                kept_seconds[stage] = kept = seconds(step)
            print(f"{name:12s} {stage:6s} {without:8.2f} {kept:8.2f} {without / kept:6.1f}")
        ratio = kept_seconds["align"] / kept_seconds["ctc"]
        print(f"{name:12s} align / ctc, both kept: {ratio:.1f}")


if __name__ == "__main__":
    main()
