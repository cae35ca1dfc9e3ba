"""A voice space for ``turns:MODEL?voices=FILE``, fitted to the named speakers of a corpus.

    python fit_voices.py CORPUS -o voices.json [--split train] [--ask test]

Recordings with one named speaker, of at most ten seconds, of one split. With ``--ask`` it prints
how well speakers of another split are told apart: for pairs of their recordings, the equal error
rate, and how often two of one speaker are nearer than two of different speakers (area under the
receiver operating characteristic). harken's own file is that of the starter corpus:

    harken starter starter
    python fit_voices.py starter -o voices.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from harken.audio.load import load
from harken.audio.voices import RATE_HZ, VoiceSpace, equal_error, fit_voices, pieces, voice
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits
from harken.progress import track

LONGEST_S = 10.0


def spoken(corpus: Path, split: str) -> tuple[np.ndarray, list[str]]:
    """Voices (n, d) and speakers of the recordings of a split; SystemExit if there are none."""
    read = assign_splits(read_corpus(corpus).recordings, 0)
    own = [one for one in read if one.split == split and one.speaker]
    own = [one for one in own if (one.clip.duration_s or 0) <= LONGEST_S]
    found, names = [], []
    for one in track(own, f"voices of {split}"):
        samples = load(one.clip, RATE_HZ)
        if pieces(samples):
            found.append(voice(samples))
            names.append(str(one.speaker))
    if not found:
        raise SystemExit(f"no recording of the split {split!r} has a speaker")
    return np.array(found), names


def told_apart(space: VoiceSpace, voices: np.ndarray, names: list[str]) -> tuple[int, float, float]:
    """Pairs, equal error rate, area under the curve."""
    from scipy.spatial.distance import pdist
    from scipy.stats import rankdata

    first, second = np.triu_indices(len(names), 1)
    same = np.array(names)[first] == np.array(names)[second]
    distance = pdist(space.placed(voices))
    ranks = rankdata(-distance)
    n, m = int(same.sum()), int((~same).sum())
    area = (ranks[same].sum() - n * (n + 1) / 2) / (n * m)
    return len(distance), equal_error(distance, same)[1], float(area)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--split", default="train")
    parser.add_argument("--ask", default="")
    given = parser.parse_args()
    voices, names = spoken(given.corpus, given.split)
    about = f"{len(names)} recordings of {len({*names})} speakers of {given.corpus.name}"
    space = fit_voices(voices, names, about)
    space.write(given.out)
    print(f"{about}; equal error rate of its pairs {space.error:.3f}, apart {space.apart:.2f}")
    if given.ask:
        pairs, error, area = told_apart(space, *spoken(given.corpus, given.ask))
        print(f"{given.ask}: {pairs} pairs, equal error rate {error:.3f}, area {area:.3f}")


if __name__ == "__main__":
    main()
