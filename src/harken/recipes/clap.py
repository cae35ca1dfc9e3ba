"""A contrastive model from labelled recordings or scenes; tagging and search with it.

Run:  harken train-clap recordings -o clap --text hf:minilm-l6
      harken tag clap/model clip.wav --labels "dog bark,rain"
      harken search clap/model "a dog barks" recordings
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from harken import files
from harken.audio.clip import Clip
from harken.config import settings_of
from harken.corpora.base import Recording
from harken.errors import ConfigError, DataError
from harken.evaluate.similarity import retrieval_scores, zero_shot
from harken.facts import ClipFacts, SourceFacts
from harken.models.contrastive.model import ContrastiveModel
from harken.models.contrastive.presets import contrastive_preset
from harken.recipes.codec import recordings_of
from harken.runs import Run
from harken.stats.measures import wilson
from harken.synth.scenes.kept import MARKER
from harken.synth.scenes.write import read_truth
from harken.train.clap import CaptionedClip, ClapTraining, train_clap

TEMPLATES = ("the sound of {}", "{}", "a recording of {}")
"""Captions of a label; the first one is the prompt of zero-shot classification and of queries."""

MOST_ORDERS = 6
"""Sounds of a scene beyond which nothing is said of their order."""

LOUDER_DB = 10.0
"""Difference of two levels above the background from which one is called loud and one quiet."""

HIGHER = 8.0
"""Semitones between what two sounds were raised or lowered by, from which one is called high.

High and low are meant beside the sound as it is: a lowered whistle may be above a raised hum.
"""


@dataclass(frozen=True, slots=True)
class Towers:
    """The towers of a new model; see `ContrastiveModel.build`."""

    encoder: str = "resnet"
    text: str = "ngrams"


def captions_of(facts: ClipFacts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """True captions of a scene, and false ones of the same words.

    Of sounds with different names and known onsets the order is told, and every other order is
    false. Of two sounds on different sides (azimuth above 0 is left) the sides are told, of two
    whose levels differ by `LOUDER_DB` which one is loud, and of two whose pitches were both
    changed, by different intervals (`HIGHER`), which one is high; the swapped ones are false. Where
    nothing of that is known, the captions name the sounds and nothing is false.
    """
    names, front = facts.names, facts.front
    if names is None:
        return (), ()
    if len(names) == 1:
        return tuple(form.format(names[0]) for form in TEMPLATES), ()
    onsets = [source.onset_s for source in front]
    true, false = [" and ".join(names)], list[str]()
    distinct = 2 <= len(set(names)) == len(names) <= MOST_ORDERS
    known = [onset for onset in onsets if onset is not None]
    if distinct and len(set(known)) == len(names):
        order = tuple(name for _, name in sorted(zip(known, names, strict=True)))
        true = [", then ".join(order)]
        few = permutations(order) if len(order) <= 3 else (order[::-1],)
        false += [", then ".join(other) for other in few if other != order]
    if distinct and len(names) == 2:
        for form, first in _attributes(front):
            own = names if first else names[::-1]
            true.append(form.format(*own))
            false.append(form.format(*own[::-1]))
    return tuple(true), tuple(false)


def _attributes(front: Sequence[SourceFacts]) -> list[tuple[str, bool]]:
    """What tells two sounds apart: a form of two names, and whether the first sound comes first."""
    found = list[tuple[str, bool]]()
    sides = [source.azimuth_deg for source in front if source.azimuth_deg is not None]
    if len(sides) == 2 and sides[0] * sides[1] < 0:
        found.append(("{} on the left and {} on the right", sides[0] > 0))
    levels = [source.snr_db for source in front if source.snr_db is not None]
    if len(levels) == 2 and abs(levels[0] - levels[1]) >= LOUDER_DB:
        found.append(("loud {} and quiet {}", levels[0] > levels[1]))
    pitches = [s.pitch_semitones for s in front if s.pitch_semitones is not None]
    if len(pitches) == 2 and abs(pitches[0] - pitches[1]) >= HIGHER:
        found.append(("high-pitched {} and low-pitched {}", pitches[0] > pitches[1]))
    return found


def pairs_of(places: Sequence[Path], split: str, seed: int) -> list[CaptionedClip]:
    """Clips and captions of corpora (their labels) and of folders of scenes (their facts).

    Raises:
        DataError: a folder that is neither.
    """
    found = []
    for place in places:
        if (place / MARKER).is_file():
            for row in read_truth(place):
                true, false = captions_of(ClipFacts.from_dict(row["facts"]))
                if true:
                    clip = Clip("file", str(place / row["file"]))
                    found.append(CaptionedClip(clip, true, false))
            continue
        for one in recordings_of([place], split, seed):
            texts = tuple(form.format(label) for label in one.labels for form in TEMPLATES)
            found += [CaptionedClip(one.clip, texts)] if texts else []
    return found


def train(
    places: Sequence[Path],
    out: Path,
    *,
    towers: Towers = Towers(),
    config: Path | None = None,
    overrides: Sequence[str] = (),
    preset: str = "",
    split: str = "train",
    seed: int = 0,
) -> dict[str, Any]:
    """Train a contrastive model; returns where it is.

    Args:
        places: labelled corpora, and folders of scenes.
        out: the run's folder; the model is in ``model`` below it.
        towers: of the model.
        config: a YAML file of settings.
        overrides: settings, as ``clap.steps=200``.
        preset: a published model, whose hard negatives are taken; empty: none.
        split: of the recordings of corpora.
        seed: of splits, weights and everything drawn.

    Raises:
        ConfigError: an unknown or impossible setting. DataError: no captions.
        RunError: the folder has a run with other settings.
    """
    start = ClapTraining(seed=seed)
    if preset:
        start = replace(start, hard_negatives=contrastive_preset(preset).hard_negatives)
    parts = {"clap": start}
    settings: ClapTraining = settings_of(parts, config, overrides)["clap"]
    pairs = pairs_of(places, split, seed)
    content = sorted(f"{pair.clip.key} {pair.captions} {pair.negatives}" for pair in pairs)
    spec = {
        "train": "clap",
        "settings": asdict(settings),
        "towers": asdict(towers),
        "split": split,
        "pairs": [len(content), files.sha256_of_text("\n".join(content))],
    }
    model = ContrastiveModel.build(
        towers.encoder,
        towers.text,
        dim=settings.dim,
        seed=settings.seed,
        stretches=settings.stretches,
    )
    with Run.open(out, spec) as run:
        train_clap(model, pairs, settings, run)
        model.training = {"steps": settings.steps, "hard_negatives": settings.hard_negatives}
        identity = model.save(out / "model")
        if not run.done:
            run.finish({"model": identity, "clips": len(pairs)})
    return {
        "model": str(out / "model"),
        "identity": identity,
        "clips": len(pairs),
        "with_negatives": sum(bool(pair.negatives) for pair in pairs),
        "steps": settings.steps,
        "towers": asdict(towers),
        "trained": sum(p.numel() for p in model.net.parameters() if p.requires_grad),
    }


def tag(
    model: str,
    places: Sequence[Path],
    labels: Sequence[str],
    *,
    split: str = "test",
    top: int = 3,
    seed: int = 0,
) -> dict[str, Any]:
    """Zero-shot classification: the labels whose captions are most similar to each clip.

    Args:
        model: see `ContrastiveModel.open`.
        places: recordings, or folders of labelled ones, whose `split` is classified.
        labels: to choose from; none: all labels of the folders.
        split: of folders.
        top: labels told of each clip.
        seed: of the splits.

    Returns:
        ``clips``: file, the best labels with the cosine of each, and the clip's own ``label`` if it
        has one of `labels`; ``accuracy`` over those: right, n, share, 95 % Wilson interval.

    Raises:
        ConfigError: no labels. ModelError: no such model. AudioError: a clip that cannot be read.
    """
    opened, found = ContrastiveModel.open(model), _clips(places, split, seed)
    known = sorted({label for _, own in found for label in own})
    chosen = list(dict.fromkeys(labels)) or known
    if len(chosen) < 2:
        raise ConfigError("there are fewer than two labels to choose from", hint="Give --labels.")
    texts = opened.embed_text([TEMPLATES[0].format(label) for label in chosen])
    similar = opened.embed_audio([clip for clip, _ in found]) @ texts.T
    rows, asked, gold = [], [], []
    for number, ((clip, own), row) in enumerate(zip(found, similar, strict=True)):
        best = np.argsort(-row, kind="stable")[:top]
        told: dict[str, Any] = {
            "file": clip.path,
            "labels": [[chosen[i], float(row[i])] for i in best],
        }
        fits = [label for label in own if label in chosen]
        if len(fits) == 1:
            told["label"] = fits[0]
            asked.append(number)
            gold.append(chosen.index(fits[0]))
        rows.append(told)
    right = zero_shot(similar[asked], gold) if asked else []
    return {"labels": chosen, "clips": rows, "accuracy": _share(right)}


def search(
    model: str,
    query: str,
    places: Sequence[Path],
    *,
    split: str = "",
    top: int = 10,
    seed: int = 0,
) -> dict[str, Any]:
    """Retrieval: the clips most similar to a text; and, where clips have labels, how good that is.

    Args:
        model: see `ContrastiveModel.open`.
        query: the text.
        places: recordings, or folders of them.
        split: of folders; ``""``: all.
        top: clips told.
        seed: of the splits.

    Returns:
        ``clips``: file and cosine, the most similar first; ``exam``: with the caption of every
        label as query, R@1, R@5, R@10 and mAP@10, the means over the labels; None without labels.

    Raises:
        ModelError: no such model. AudioError: a clip that cannot be read.
    """
    opened, found = ContrastiveModel.open(model), _clips(places, split, seed)
    vectors = opened.embed_audio([clip for clip, _ in found])
    alike = (vectors @ opened.embed_text([query]).T)[:, 0]
    best = np.argsort(-alike, kind="stable")[:top]
    labels = sorted({label for _, own in found for label in own})
    exam = None
    if labels:
        texts = opened.embed_text([TEMPLATES[0].format(label) for label in labels])
        fits = [[i for i, (_, own) in enumerate(found) if label in own] for label in labels]
        scores = retrieval_scores(vectors @ texts.T, fits)
        exam = {name: float(np.mean(values)) for name, values in scores.items()}
        exam["queries"] = len(labels)
    rows = [{"file": found[i][0].path, "cosine": float(alike[i])} for i in best]
    return {"query": query, "searched": len(found), "clips": rows, "exam": exam}


def _clips(places: Sequence[Path], split: str, seed: int) -> list[tuple[Clip, tuple[str, ...]]]:
    """Clips with their labels, of files and folders."""
    found: list[tuple[Clip, tuple[str, ...]]] = []
    for place in places:
        if place.is_dir():
            own: list[Recording] = recordings_of([place], split, seed)
            found += [(one.clip, one.labels) for one in own]
        elif place.is_file():
            found.append((Clip("file", str(place)), ()))
        else:
            raise DataError("there is no such file or folder", where=str(place))
    return found


def _share(right: Sequence[bool]) -> dict[str, Any] | None:
    """Right answers with their interval; None where nothing was asked."""
    if not right:
        return None
    low, high = wilson(sum(right), len(right))
    return {
        "right": sum(right),
        "n": len(right),
        "share": sum(right) / len(right),
        "interval": [low, high],
    }
