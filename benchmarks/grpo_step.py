"""A step of GRPO with prompts and encodings shared by the group, beside a naive one.

Run: ``python benchmarks/grpo_step.py`` (small model), or with pretrained parts
``python benchmarks/grpo_step.py --encoder whisper-base --lm smollm2-135m-instruct``.

Both steps sample a group of replies to each item, take the gradient of GRPO's loss and update the
weights. Naive: each rollout encodes its clips again, in sampling and in the gradient pass, and its
prompt is in a row of its own. Shared: prompt and clips of a group are computed once in each pass.
Replies and gradients of the two are compared; the ratio is of medians of CPU seconds on one thread,
so that other programs count little, and rounds take turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from harken import progress
from harken.ask.prompt import make_prompt
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.item import Item
from harken.models.base import Sampling
from harken.models.composed.model import ComposedModel, compose_pretrained
from harken.models.engine.batch import TokenizedPrompt
from harken.models.engine.reply_logprobs import reply_logprobs
from harken.models.learner import Learner
from harken.train.policy_loss import grpo_loss
from harken.train.trained_model import with_reply

NAMES = ("dog", "rain", "clock", "siren")


def make_items(folder: Path, count: int, seconds: float) -> list[Item]:
    """Questions about one clip of noise each."""
    items = []
    for number in range(count):
        rng = np.random.default_rng(number)
        path = folder / f"{number}.wav"
        write_wav(
            path, (0.1 * rng.standard_normal(round(seconds * RATE_HZ))).astype(np.float32), RATE_HZ
        )
        clip = Clip(path=str(path), duration_s=seconds)
        items.append(Item("Which sound is this?", NAMES[number % 4], NAMES, (clip,)))
    return items


def shared(learner: Learner, items: Sequence[Item], group: int) -> list[TokenizedPrompt]:
    """One tokenized prompt for all replies of a group."""
    return [
        prompt
        for item in items
        for prompt in [learner.tokenize(make_prompt(item, learner.style))] * group
    ]


def naive(learner: Learner, items: Sequence[Item], group: int) -> list[TokenizedPrompt]:
    """A tokenized prompt for each reply, whose clips are nobody else's."""
    found = []
    for prompt in shared(learner, items, group):
        own = tuple(
            replace(clip, key="", given=np.array(clip.features)) for clip in prompt.audio_inputs
        )
        found.append(replace(prompt, audio_inputs=own))
    return found


def step(
    learner: Learner, prompts: Sequence[TokenizedPrompt], room: int, turn: int
) -> tuple[float, float, list[tuple[int, ...]], Tensor]:
    """CPU seconds of sampling and of learning, the replies, and the norm of the gradient."""
    began = time.process_time()
    seeds = [[turn, row] for row in range(len(prompts))]
    sampled = learner.sample(dict(enumerate(prompts)), Sampling(room, 1.0), seeds)
    middle = time.process_time()
    replies = [with_reply(prompt, sampled[row].ids) for row, prompt in enumerate(prompts)]
    advantage = torch.tensor([1.0 if row % 2 else -1.0 for row in range(len(prompts))])
    engine = learner.engine
    # Prompts that share nothing are in rows of their own.
    new, rows = reply_logprobs(engine, replies)
    loss = grpo_loss(new, new.detach(), None, advantage, rows)
    loss.backward()  # type: ignore[no-untyped-call]
    engine.audio = None
    done = time.process_time()
    norm = torch.nn.utils.get_total_norm(
        [p.grad for p in learner.parameters() if p.grad is not None]
    )
    return middle - began, done - middle, [sampled[row].ids for row in sampled], norm


def main() -> None:
    """Print both, and the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--encoder", default="", help="with --lm: pretrained parts")
    parser.add_argument("--lm", default="")
    parser.add_argument("--items", type=int, default=1)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--room", type=int, default=8, help="tokens of a reply")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a clip")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    progress.quiet()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        items = make_items(Path(folder), options.items, options.seconds)
        learner: Any
        if options.encoder:
            learner = compose_pretrained(options.encoder, options.lm)
        else:
            learner = ComposedModel.preset("harken-tiny", texts=["Which sound is this?", *NAMES])
        groups = ("projector", "lm") if options.encoder else ("audio_encoder", "projector", "lm")
        optimiser = torch.optim.AdamW(learner.trainable(groups), lr=1e-6)
        times: dict[str, list[tuple[float, float]]] = {"naive": [], "shared": []}
        for turn in range(options.rounds):
            seen = []
            for name, made in (("naive", naive), ("shared", shared)):
                learner.clear_cache()
                optimiser.zero_grad(set_to_none=True)
                prompts = made(learner, items, options.group)
                sampling, learning, ids, norm = step(learner, prompts, options.room, turn)
                times[name].append((sampling, learning))
                seen.append((ids, float(norm)))
            alike = seen[0][0] == seen[1][0]
            print(f"round {turn}: replies {'equal' if alike else 'differ'}, gradient norms "
                  f"{seen[0][1]:.6f} and {seen[1][1]:.6f}", flush=True)  # fmt: skip
            optimiser.step()
    tokens = len(prompts[0].ids)
    print(
        f"{learner.name}: {options.items} x {options.group} replies of up to {options.room} tokens "
        f"to prompts of {tokens} tokens, clips of {options.seconds:g} s, one thread"
    )
    total = {}
    for name, own in times.items():
        sampling, learning = (statistics.median(one[k] for one in own) for k in (0, 1))
        total[name] = statistics.median(sum(one) for one in own)
        parts = f"sampling {sampling:.2f}, learning {learning:.2f}"
        print(f"{name:>7}: {total[name]:8.2f} CPU seconds a step ({parts})")
    print(f"ratio: {total['naive'] / total['shared']:.2f}")


if __name__ == "__main__":
    main()
