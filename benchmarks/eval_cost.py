"""What controls cost: 4 conditions x 4 rotations beside one plain generate pass, in one run.

Run: ``OMP_NUM_THREADS=1 python benchmarks/eval_cost.py`` (about ten minutes on one core).

The baseline is the peers' way, once: every item asked as it is, `--batch` prompts at a time, each
clip decoded and encoded, prompts padded and prefilled, the reply generated token by token by
transformers' own ``generate``. ``naive`` is that for each of the 16 prompts of an item, as is done
where no work is shared. Ours plan, ask and score the same 16 prompts: for the probabilities of all
choices, for the plain prompt's reply as well, or for all 16 replies. Every pass begins with nothing
remembered.

Times are CPU seconds of this process (one thread), medians over rounds; ratios are taken within a
round. Models are random: what they say is noise, what they cost is not. ``--growth 1000,10000``
shows what one item costs among many, and what writing and scoring its records takes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import transformers

from harken import progress
from harken.ask import record as record_file
from harken.ask.conditions.load import conditioned
from harken.ask.plan import Replies
from harken.ask.prompt import make_prompt
from harken.ask.record import ask_and_score
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import clear_cache, load, write_wav
from harken.item import Item
from harken.models.base import Prompt, Sampling
from harken.models.composed import model as model_file
from harken.models.composed.model import ComposedModel
from harken.models.engine.batch import collate
from harken.models.engine.tokenizer import TextTokenizer
from harken.runs import Run

CONDITIONS = ("audio", "none", "silence", "swap")
ROTATIONS = 4
QUESTION = "Which of these sounds do you hear in the recording?"
LABELS = (
    "dog barking", "church bell", "siren", "rain", "engine idling", "snare drum", "violin",
    "typewriter", "thunder", "door creaking", "bee buzzing", "whale song", "crow cawing",
    "frog croaking", "clock ticking", "helicopter",
)  # fmt: skip


def make_items(folder: Path, count: int, shortest_s: float, longest_s: float) -> list[Item]:
    """One clip each, all of other lengths and other sounds; stretches of files of a minute."""
    items = []
    for i in range(count):
        rng = np.random.default_rng([7, i])
        length = round(float(rng.uniform(shortest_s, longest_s)), 4)
        clip = Clip(path=str(_file(folder, i // 8)), start_s=0.5 * (i % 8), duration_s=length)
        picks = [LABELS[int(k)] for k in rng.permutation(len(LABELS))[:4]]
        items.append(
            Item(
                question=QUESTION,
                answer=picks[0],
                choices=tuple(picks),
                clips=(clip,),
                recordings=(f"r{i}",),
            )
        )
    return items


def _file(folder: Path, number: int) -> Path:
    path = folder / f"{number}.wav"
    if not path.is_file():
        rng = np.random.default_rng([11, number])
        t = np.arange(15 * RATE_HZ) / RATE_HZ
        wave = 0.3 * np.sin(2 * np.pi * rng.uniform(100, 3000) * t * (1 + 0.01 * t))
        wave += 0.05 * rng.standard_normal(len(t))
        write_wav(path, wave.astype(np.float32), RATE_HZ)
    return path


def make_model(name: str) -> ComposedModel:
    """`harken-tiny`, or a Whisper-shaped encoder (10 s window) before a Llama-shaped LM.

    ``composed`` has the encoder of whisper-tiny and spends most on hearing; ``composed-lm`` spends
    as Qwen2-Audio does, about twice as much on reading a prompt as on hearing its clip.
    """
    texts = [QUESTION, *LABELS]
    if name == "tiny":
        return ComposedModel.preset("harken-tiny", texts)
    width, layers, pool = (384, 4, 4) if name == "composed" else (128, 2, 2)
    torch.manual_seed(0)
    heard = transformers.WhisperConfig(
        d_model=width, encoder_layers=layers, encoder_attention_heads=width // 64,
        decoder_attention_heads=width // 64, decoder_ffn_dim=width,
        encoder_ffn_dim=4 * width, decoder_layers=1, max_source_positions=500, num_mel_bins=80,
    )  # fmt: skip
    tokenizer = TextTokenizer.train(texts, 4096)
    spoken = transformers.LlamaConfig(
        vocab_size=max(4096, tokenizer.size), hidden_size=256, intermediate_size=768,
        num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4,
    )  # fmt: skip
    encoder = transformers.WhisperModel(heard).get_encoder()
    return ComposedModel.compose(
        encoder, transformers.LlamaForCausalLM(spoken), tokenizer, pool=pool, name=name
    )


class Clock:
    """CPU seconds by stage; what a stage calls of another counts there only."""

    def __init__(self) -> None:
        """Nothing spent."""
        self.spent: Counter[str] = Counter()
        self._open: list[str] = ["rest"]
        self._since = time.process_time()

    def _turn(self) -> None:
        now = time.process_time()
        self.spent[self._open[-1]] += now - self._since
        self._since = now

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Count every call of ``owner.name`` to `stage`."""
        inner = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            self._turn()
            self._open.append(stage)
            try:
                return inner(*args, **options)
            finally:
                self._turn()
                self._open.pop()

        setattr(owner, name, timed)

    def lap(self) -> dict[str, float]:
        """Seconds by stage since the last lap."""
        self._turn()
        found = {name: round(value, 4) for name, value in self.spent.items()}
        self.spent.clear()
        return found


class Passes:
    """The passes over one set of items with one model."""

    def __init__(
        self, model: ComposedModel, items: Sequence[Item], batch: int, tokens: int
    ) -> None:
        """Stages are watched from here on."""
        self.model, self.items, self.batch = model, items, batch
        self.sampling = Sampling(max_tokens=tokens)
        self.plain = [make_prompt(item, model.style) for item in items]
        self.clock = Clock()
        self.clock.watch(model.net.audio_encoder, "features", "features")
        self.clock.watch(model.net, "encode", "encode")
        self.clock.watch(model.engine, "choices", "probabilities")
        self.clock.watch(model.engine, "generate", "words")

    def clear_cache(self) -> None:
        """Nothing is remembered of any clip."""
        self.model.engine.clear_cache()
        self.model.engine.encodes = 0
        model_file._features.clear()
        clear_cache()

    @torch.no_grad()
    def peer(self, prompts: Sequence[Prompt]) -> None:
        """Padded batches: clips encoded together, then transformers' ``generate``."""
        model, lm = self.model, self.model.net.lm
        for start in range(0, len(prompts), self.batch):
            lines = []
            for prompt in prompts[start : start + self.batch]:
                audio_encoder = model.net.audio_encoder
                audio_inputs = [
                    model.prepare(audio_encoder.features(load(c))) for c in prompt.clips
                ]
                lines.append(model.tokenize(prompt, audio=audio_inputs))
            sheet = collate(lines, model.tokenizer, left=True)
            rows = lm.get_input_embeddings()(sheet.ids)
            if sheet.audio_inputs:
                heard = torch.cat(model.net.encode([s.features for s in sheet.audio_inputs]))
                rows = rows.flatten(0, 1).index_copy(0, sheet.audio, heard).view(rows.shape)
            out = lm.generate(
                inputs_embeds=rows,
                attention_mask=sheet.mask.long(),
                max_new_tokens=self.sampling.max_tokens,
                do_sample=False,
                eos_token_id=model.tokenizer.eos,
                pad_token_id=model.tokenizer.pad,
            )
            for ids in out.tolist():
                model.tokenizer.decode(ids)

    def own(self, prompts: Sequence[Prompt]) -> None:
        """The same with our own ``generate``."""
        for start in range(0, len(prompts), self.batch):
            self.model.generate(prompts[start : start + self.batch], self.sampling)

    def naive(self) -> None:
        """What `peer` does, for every condition and rotation."""
        for condition in CONDITIONS:
            for turn in range(ROTATIONS):
                changed = [item for _, item in conditioned(self.items, condition) if item]
                self.peer([make_prompt(item, self.model.style, turn) for item in changed])

    def ours(self, replies: Replies) -> None:
        """Plan, infer and score, as an evaluation does, without a run folder."""
        ask_and_score(
            self.model,
            self.items,
            conditions=CONDITIONS,
            rotations=ROTATIONS,
            batch=self.batch,
            sampling=self.sampling,
            replies=replies,
        )


def measure(passes: Passes, rounds: int, naive: bool) -> dict[str, Any]:
    """Every pass, round by round; CPU seconds, encodes and stages."""
    todo: dict[str, Callable[[], None]] = {
        "peer": lambda: passes.peer(passes.plain),
        "own generate": lambda: passes.own(passes.plain),
        "probabilities": lambda: passes.ours("none"),
        "probabilities + plain words": lambda: passes.ours("plain"),
        "probabilities + all words": lambda: passes.ours("all"),
    }
    if naive:
        todo["naive"] = passes.naive
    passes.peer(passes.plain[: passes.batch])  # libraries warm up once
    seconds: dict[str, list[float]] = {name: [] for name in todo}
    stages: dict[str, dict[str, float]] = {}
    encodes: dict[str, int] = {}
    for number in range(rounds):
        for name, run in todo.items():
            if name == "naive" and number:
                continue
            passes.clear_cache()
            passes.clock.lap()
            run()
            stages[name] = passes.clock.lap()
            seconds[name].append(sum(stages[name].values()))
            encodes[name] = passes.model.engine.encodes
    ratios = {
        name: [value / base for value, base in zip(spent, seconds["peer"], strict=False)]
        for name, spent in seconds.items()
    }
    return {
        name: {
            "seconds": round(median(spent), 3),
            "ratio": round(median(ratios[name]), 2),
            "ratios": [round(value, 2) for value in ratios[name]],
            "encodes": encodes[name],
            "stages": stages[name],
        }
        for name, spent in seconds.items()
    }


def growth(counts: Sequence[int], folder: Path) -> dict[str, dict[str, float]]:
    """What an item costs among `counts` items: all 16 probabilities, written and scored.

    Clips of one to two seconds, so that what does not hear weighs as much as it can.
    """
    found = {}
    for count in counts:
        model = make_model("tiny")
        items = make_items(folder, count, 1.0, 2.0)
        clock = Clock()
        clock.watch(model.net.audio_encoder, "features", "features")
        clock.watch(model.net, "encode", "encode")
        clock.watch(model, "choice_logprobs", "probabilities")
        clock.watch(record_file, "plan", "plan")
        clock.watch(record_file, "score_all", "score")
        clear_cache()
        model_file._features.clear()
        clock.lap()
        with Run.open(folder / f"run-{count}", {}) as run:
            records = ask_and_score(
                model,
                items,
                run=run,
                conditions=CONDITIONS,
                rotations=ROTATIONS,
                replies="none",
            )
        stages = {name: 1000 * value / count for name, value in clock.lap().items()}
        assert len(records) == count * len(CONDITIONS) * ROTATIONS
        found[str(count)] = {
            "ms an item": round(sum(stages.values()), 3),
            **{f"{name}, ms an item": round(value, 3) for name, value in stages.items()},
            "encodes": model.engine.encodes,
            "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
    first, *_, last = found.values()
    found["growth"] = {name: round(last[name] / first[name], 3) for name in first}
    return found


def show(found: dict[str, Any], name: str, items: int, tokens: int) -> None:
    """One table."""
    print(f"{name}: {items} items, {tokens} reply tokens at most; CPU seconds, ratio to peer")
    for label, row in found.items():
        stages = "  ".join(f"{stage} {value:.2f}" for stage, value in row["stages"].items())
        spread = f"{min(row['ratios']):.2f}-{max(row['ratios']):.2f}"
        count = f"encodes {row['encodes']}" if row["encodes"] else ""
        print(
            f"  {label:<32}{row['seconds']:9.2f} s {row['ratio']:7.2f}x ({spread})  {count}\n"
            f"      {stages}"
        )


def main() -> None:
    """Print or write all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", default="tiny,composed,composed-lm")
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--seconds", default="5,10", help="shortest and longest clip")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--tokens", default="4,32", help="longest replies to try")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", default="", help="numbers of items, such as 1000,10000")
    parser.add_argument("--no-naive", action="store_true", help="leave out the slowest pass")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args()
    progress.quiet()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    tables: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        shortest, longest = map(float, asked.seconds.split(","))
        items = make_items(Path(folder), asked.items, shortest, longest)
        for name in filter(None, asked.models.split(",")):
            for tokens in map(int, asked.tokens.split(",")):
                passes = Passes(make_model(name), items, asked.batch, tokens)
                found = measure(passes, asked.rounds, not asked.no_naive)
                tables[f"{name}, {tokens} tokens"] = found
                if not asked.json:
                    show(found, name, asked.items, tokens)
        if asked.growth:
            tables["growth"] = growth([int(n) for n in asked.growth.split(",")], Path(folder))
            if not asked.json:
                for label, row in tables["growth"].items():
                    print(f"  {label:<8}" + "  ".join(f"{k} {v:g}" for k, v in row.items()))
    if asked.json:
        print(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
