"""Dead codes of a residual quantiser on real recordings, before and after dead codes are revived.

The frames of a trained codec's encoder are quantised anew by fresh codebooks (drawn, or set by
k-means), which learn for some steps without revival, and go on for as many with it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from harken.audio.load import load
from harken.models.codec.codebook import CodebookSettings
from harken.models.codec.conv import ConvCodec
from harken.models.codec.quantiser import ResidualQuantiser
from harken.recipes.codec import recordings_of


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("codec", help="folder of a trained codec")
    asked.add_argument("corpus", type=Path, nargs="+")
    asked.add_argument("--steps", type=int, default=150)
    asked.add_argument("--batch", type=int, default=1024, help="frames in a step")
    asked.add_argument("--limit", type=int, default=60, help="recordings")
    asked.add_argument("--seeds", type=int, default=3)
    own = asked.parse_args()
    torch.set_num_threads(1)
    codec = ConvCodec.open(own.codec)
    found = recordings_of(own.corpus, "train", 0)
    found = [found[i * len(found) // own.limit] for i in range(min(own.limit, len(found)))]
    frames = torch.cat([encoded(codec, load(one.clip)) for one in found])
    print(f"{len(frames)} frames of {len(found)} recordings, {codec.codebooks} codebooks")
    for start in ("drawn", "k-means"):
        for seed in range(own.seeds):
            settings = CodebookSettings(
                size=codec.size, kmeans_steps=10 * (start == "k-means"), revive_below=0, seed=seed
            )
            quantiser = ResidualQuantiser(frames.shape[1], codec.codebooks, settings)
            for name, bound in (("without revival", 0.0), ("with revival", 2.0)):
                quantiser.set_revival(bound)
                learn(quantiser, frames, own.steps, own.batch, seed)
                error, used = measured(quantiser, frames)
                dead = ", ".join(f"{1 - share:.0%}" for share in used)
                print(f"{start} seed {seed} {name}: error {error:.3f}, dead {dead}", flush=True)


def encoded(codec: ConvCodec, samples: np.ndarray) -> torch.Tensor:
    count = min(len(samples), 160_000) // codec.hop * codec.hop
    with torch.no_grad():
        return codec.net.vectors(torch.from_numpy(samples[:count])[None])[0]


def learn(
    quantiser: ResidualQuantiser, frames: torch.Tensor, steps: int, batch: int, seed: int
) -> None:
    quantiser.train()
    for step in range(steps):
        draw = np.random.default_rng([seed, step]).integers(0, len(frames), batch)
        with torch.no_grad():
            quantiser(frames[draw][None])
    quantiser.eval()


def measured(quantiser: ResidualQuantiser, frames: torch.Tensor) -> tuple[float, list[float]]:
    """Error over the variance of the frames, and the share of used entries of each codebook."""
    codes = quantiser.encode(frames[None])
    error = (quantiser.decode(codes)[0] - frames).square().sum()
    spread = (frames - frames.mean(0)).square().sum()
    size = quantiser.codebooks[0].entries.shape[0]
    return float(error / spread), [len(torch.unique(own)) / size for own in codes[0]]


if __name__ == "__main__":
    main()
