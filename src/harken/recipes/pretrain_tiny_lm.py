"""Pretrain harken-tiny's language model: text warm-up on all questions, with made-up names.

Run:  python -m harken.recipes.pretrain_tiny_lm OUT      (about ten minutes on one core)

Three rounds of `harken.train.text_warmup`: sets of one or two clips, then of up to four, then all
families of questions. The model learns to name, to choose, to tell the order and whether two are
the same; "which clip" and "is it there" stay near chance with so many names, and are learned later,
on the few labels of a corpus, by the drill of `harken.recipes.tiny_curriculum` (docs/log.md has the
figures).

The file in the package was made with earlier question texts of `harken.synth.families.talk`: made
again, it is equally good, but not the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from harken.audio.clip import Clip
from harken.corpora.base import Recording
from harken.item import Item
from harken.models.composed.lm_init import export_lm_init
from harken.models.composed.model import ComposedModel
from harken.runs import Run
from harken.synth.make import draw
from harken.train.text_warmup import TextWarmupSettings, text_warmup

NAMES = 64
"""Number of made-up sounds, and of made-up words."""

ROUNDS = ((500, 2e-3, 2), (600, 2e-3, 4), (900, 1.5e-3, 0))
"""(steps, learning rate, most clips; 0: also questions of `ASKED`) of each round."""

ASKED = (
    *("identify", "presence", "word", "same-sound", "same-word", "same-speaker", "which-clip"),
    *("caption", "first", "count", "order", "transcribe", "name"),
)
"""Families of the last round; a fixed list, so that the weights can be made again."""


def made_up_names(seed: int) -> tuple[list[str], list[str]]:
    """Names of sounds (half of two words) and words; no two begin with the same three letters."""
    rng = np.random.default_rng([seed, 1])
    found: dict[str, str] = {}
    while len(found) < 3 * NAMES:
        letters = [rng.choice(list(kind)) for kind in ("bdfgklmnprstvz", "aeiou") * 3]
        found.setdefault("".join(letters[:3]), "".join(letters[: int(rng.integers(4, 7))]))
    words = list(found.values())
    sounds = words[:NAMES]
    sounds[::2] = [f"{a} {b}" for a, b in zip(sounds[::2], words[2 * NAMES :], strict=False)]
    return sounds, words[NAMES : 2 * NAMES]


def made_up_recordings(seed: int) -> list[Recording]:
    """Four recordings of each sound, and of each word by four voices; the files do not exist."""
    sounds, words = made_up_names(seed)
    found = []
    for kind, names in (("sound", sounds), ("speech", words)):
        for name in names:
            for number in range(4):
                key = f"{kind} {name} {number}"
                clip = Clip(
                    path=f"{key}.wav", duration_s=1.0, sha256=sha256(key.encode()).hexdigest()
                )
                engine = f"voice {number}" if kind == "speech" else None
                transcript = name if kind == "speech" else None
                found.append(
                    Recording(clip, key, kind, (name,), transcript, engine, "train", licence="CC0")  # type: ignore[arg-type]
                )
    return found


def practice(seed: int, most: int) -> Iterator[Item]:
    """Items of one round."""
    recordings = made_up_recordings(seed)
    for item in draw(recordings, "train", "talk", 24_000, seed + most):
        if not most or len(item.clips) <= most:
            yield item
    for family in ASKED if not most else ():
        yield from draw(recordings, "train", family, 3_000, seed)


def pretrain_tiny_lm(out: Path, seed: int = 0) -> ComposedModel:
    """Train, and write ``lm_init.safetensors`` and its table into `out`."""
    rounds = [list(practice(seed, most)) for _, _, most in ROUNDS]
    texts = sorted(
        {t for items in rounds for i in items for t in (i.question, i.answer, *i.choices)}
    )
    learner = ComposedModel.preset("harken-tiny", texts=texts, seed=seed, pretrained_lm=False)
    with Run.open(out / "run", {"pretrain tiny lm": seed, "rounds": ROUNDS}) as run:
        for number, (items, (steps, lr, _)) in enumerate(zip(rounds, ROUNDS, strict=True)):
            settings = TextWarmupSettings(
                name=f"round-{number + 1}",
                steps=steps,
                batch=16,
                lr=lr,
                turns=12,
                seed=seed + number,
                threads=1,
                warmup=0.1,
                decay=0.02,
            )
            text_warmup(learner, items, settings, run)
    sounds, words = made_up_names(seed)
    about = {"seed": seed, "names": 2 * NAMES, "rounds": [list(r) for r in ROUNDS]}
    export_lm_init(learner, [*sounds, *words], out, about)
    return learner


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the weights and of the run")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    pretrain_tiny_lm(given.out, given.seed)
