"""Packed training against the padded Hugging Face Trainer: real tokens a second.

Run: ``python benchmarks/packing.py`` (some minutes on one core; no network).

Both train the same composed model (audio encoder, projector, Llama) on the same tokenized examples
of mixed length, in batches of the same size, in float32, with AdamW on all weights and the same
limit of the gradient's norm. The model of the Trainer embeds audio with harken's own code, so what
differs is what is measured: padding to the longest example, and logits of all positions, against
rows that are packed (`pack_tokens`) and logits of answer tokens. Three ways:

- ``trainer``: `transformers.Trainer` with a collator that pads to the longest of the batch;
- ``trainer, grouped``: the same with ``train_sampling_strategy="group_by_length"``, which changes
  which examples share a batch;
- ``harken, padded`` and ``harken, packed``: the stage `sft` without and with `pack_tokens`.

Rounds of the four are interleaved; a rate is the median over rounds of the real tokens (padding
left out) of all steps but the first by their time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harken import progress
from harken.ask.prompt import make_prompt, target
from harken.audio.clip import Clip
from harken.audio.load import write_wav
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.models.engine.batch import TokenizedPrompt, collate
from harken.runs import Run
from harken.train import train_loop
from harken.train.batch import epoch_picks
from harken.train.sft import SftSettings, sft

WORDS = [f"{a}{b}" for a in ("ba", "co", "du", "fi", "ga", "le", "mo", "nu") for b in
         ("rin", "sel", "tak", "vom", "zur", "pel", "kan", "dor")]  # fmt: skip


def made_items(folder: Path, count: int, seed: int) -> list[Item]:
    """Questions of mixed length: words by a log-normal law, clips of 0.5 to 6 s."""
    rng = np.random.default_rng(seed)
    items = []
    for number in range(count):
        size = int(np.clip(rng.lognormal(4.0, 0.9), 8, 700))
        text = " ".join(rng.choice(WORDS, size))
        seconds = float(np.clip(rng.lognormal(0.3, 0.6), 0.5, 6.0))
        path = folder / f"{number}.wav"
        write_wav(path, (0.1 * rng.standard_normal(round(16_000 * seconds))).astype("f"), 16_000)
        answer = " ".join(rng.choice(WORDS, int(rng.integers(2, 12))))
        items.append(Item(text, answer, (), (Clip(path=str(path), duration_s=seconds),)))
    return items


def fresh(layers: int, width: int) -> ComposedModel:
    """The model that both train."""
    return ComposedModel.preset(
        "harken-mini",
        WORDS,
        audio_encoder="conformer",
        layers=layers,
        width=width,
        inner=4 * width,
        heads=8,
        vocabulary=4096,
        context=2048,
        dropout=0.0,
        mimetic=0.0,
    )


class Padded(nn.Module):
    """A learner as the Trainer takes it: embeddings and labels in, the loss out."""

    def __init__(self, learner: ComposedModel) -> None:
        super().__init__()
        self.net = learner.net
        self._learner = [learner]  # not a module of this one

    def forward(self, prompts: list[TokenizedPrompt], labels: Tensor) -> dict[str, Tensor]:
        """As the audio classes of transformers: logits of all positions, loss on the labels."""
        embedded, mask = self._learner[0].engine.embedded(prompts)
        out = self.net.lm(
            inputs_embeds=embedded, attention_mask=mask.long(), labels=labels, use_cache=False
        )
        return {"loss": out.loss}


class Examples(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Tokenized examples, with their length for grouping."""

    def __init__(self, examples: list[TokenizedPrompt]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.examples)

    def __getitem__(self, at: int) -> dict[str, Any]:
        """One row for the collator."""
        one = self.examples[at]
        return {"prompt": one, "input_ids": one.ids}


def trainer_rate(
    learner: ComposedModel,
    examples: list[TokenizedPrompt],
    batch: int,
    steps: int,
    grouped: bool,
    clock: Callable[[], float],
) -> float:
    """Real tokens a second of the Trainer."""
    import transformers as tf

    seen: list[int] = []

    def pad(rows: list[dict[str, Any]]) -> dict[str, Any]:
        prompts = [row["prompt"] for row in rows]
        labels = collate(prompts, learner.tokenizer).ids.clone()
        for row, one in enumerate(prompts):
            labels[row, : one.start] = -100
            labels[row, len(one.ids) :] = -100
        seen.append(sum(len(one.ids) for one in prompts))
        return {"prompts": prompts, "labels": labels}

    ends: list[float] = []

    class Clock(tf.TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            ends.append(clock())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(clock())

    with tempfile.TemporaryDirectory() as folder:
        arguments = tf.TrainingArguments(
            folder,
            per_device_train_batch_size=batch,
            max_steps=steps,
            learning_rate=1e-4,
            max_grad_norm=1.0,
            use_cpu=not torch.cuda.is_available(),
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            remove_unused_columns=False,
            dataloader_num_workers=0,
            disable_tqdm=True,
            train_sampling_strategy="group_by_length" if grouped else "random",
        )
        trainer = tf.Trainer(
            Padded(learner),
            arguments,
            train_dataset=Examples(examples),
            data_collator=pad,
            callbacks=[Clock()],
        )
        learner.net.train()
        trainer.train()
    times = [b - a for a, b in zip(ends[::2], ends[1::2], strict=True)]
    tokens = seen[: len(times)]
    return sum(tokens[1:]) / sum(times[1:])


def harken_rate(
    learner: ComposedModel, items: list[Item], batch: int, steps: int, pack_tokens: int
) -> float:
    """Real tokens a second of the stage `sft`, preparing its batches included."""
    settings = SftSettings(
        steps=steps,
        batch=batch,
        lr=1e-4,
        pack_tokens=pack_tokens,
        threads=1,
        checkpoint_every=steps,
    )
    with tempfile.TemporaryDirectory() as folder, Run.open(Path(folder) / "run", {}) as run:
        sft(learner, items, settings, run)
        sizes = {record["item"]: record["tokens"] for record in run.records("measured")}
        times = [record["s"] for record in run.records("log") if "s" in record]
        tokens = [
            sum(sizes[items[i].id] for i in epoch_picks(len(items), batch, 0, step))
            for step in range(steps)
        ]
    return sum(tokens[1:]) / sum(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=128)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pack-tokens", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument(
        "--cpu-time", action="store_true", help="CPU seconds in place of wall time: busy machines"
    )
    args = parser.parse_args()
    clock = time.process_time if args.cpu_time else time.perf_counter
    # The loop logs the time of its steps by this clock.
    train_loop.time = SimpleNamespace(perf_counter=clock, monotonic=time.monotonic)  # type: ignore[attr-defined]
    torch.set_num_threads(1)
    progress.quiet()
    with tempfile.TemporaryDirectory() as folder:
        items = made_items(Path(folder), args.items, 0)
        learner = fresh(args.layers, args.width)
        examples = []
        for item in items:
            prompt = make_prompt(item, learner.style)
            examples.append(learner.tokenize(prompt, target(item, prompt)))
        lengths = [len(one.ids) for one in examples]
        groups = [lengths[i : i + args.batch] for i in range(0, len(lengths), args.batch)]
        padded = sum(max(own) * len(own) for own in groups)
        print(
            f"tokens of an example: {min(lengths)} to {max(lengths)}, median "
            f"{np.median(lengths):g}; of padded batches {sum(lengths) / padded:.0%} are real"
        )
        rates: dict[str, list[float]] = {}
        for _ in range(args.rounds):
            for name in ("trainer", "trainer, grouped", "harken, padded", "harken, packed"):
                own = learner.clone()
                own.trainable(("audio_encoder", "projector", "lm"))
                if name.startswith("trainer"):
                    rate = trainer_rate(
                        own, examples, args.batch, args.steps, "grouped" in name, clock
                    )
                else:
                    room = args.pack_tokens if "packed" in name else 0
                    rate = harken_rate(own, items, args.batch, args.steps, room)
                rates.setdefault(name, []).append(rate)
        found = {name: float(np.median(own)) for name, own in rates.items()}
        for name, rate in found.items():
            print(f"{name:18s} {rate:8.0f} real tokens/s, {rate / found['trainer']:.2f} times")
        print(json.dumps({"rates": rates, "ratio": found["harken, packed"] / found["trainer"]}))


if __name__ == "__main__":
    main()
