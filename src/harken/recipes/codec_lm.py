"""A codec language model from recordings to a saved folder.

Run:  harken train-codec recordings -o codec
      harken train-codec-lm codec/model recordings -o speech
      harken speak speech/model "three" -o three.wav
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harken import files
from harken.config import settings_of
from harken.corpora.base import Recording
from harken.models.codec.open import open_codec
from harken.models.codec_lm.presets import codec_lm_preset
from harken.recipes.codec import recordings_of
from harken.runs import Run
from harken.train.codec_lm import CodecLMTraining, Utterance, train_codec_lm


def said_in(recording: Recording) -> Utterance | None:
    """What a recording says: its transcript, else its labels; None: neither is known."""
    text = recording.transcript or ", ".join(recording.labels)
    voice = (recording.speaker or "").rpartition(":")[2]
    return Utterance(recording.clip, text, voice) if text else None


def utterances_of(corpora: Sequence[Path], split: str, seed: int) -> list[Utterance]:
    """The recordings of a split of corpora that say something.

    Raises:
        DataError: see `recordings_of`.
    """
    found = map(said_in, recordings_of(corpora, split, seed))
    return [one for one in found if one is not None]


def train(
    codec: str,
    corpora: Sequence[Path],
    out: Path,
    *,
    config: Path | None = None,
    overrides: Sequence[str] = (),
    preset: str = "",
    split: str = "train",
    seed: int = 0,
) -> dict[str, Any]:
    """Train a codec language model; returns where it is and how well it predicts codes.

    Args:
        codec: see `open_codec`.
        corpora: folders of recordings with transcripts or labels.
        out: the run's folder; the model is in ``model`` below it.
        config: a YAML file of settings.
        overrides: settings, as ``codec-lm.steps=200``.
        preset: a published model, whose pattern, codebooks (as many of them as the codec has) and
            kind of decoder are taken; empty: none.
        split: of the recordings; ``""``: all.
        seed: of splits, weights and everything drawn.

    Raises:
        ConfigError: an unknown or impossible setting.
        DataError: no recordings that say something. ModelError: no such codec.
        RunError: the folder has a run with other settings.
    """
    opened, start = open_codec(codec), CodecLMTraining(seed=seed)
    if preset:
        known = codec_lm_preset(preset)
        count = min(known.codebooks, opened.codebooks)
        start = replace(start, pattern=known.pattern, codebooks=count, lm=known.kind)
    parts = {"codec-lm": start}
    settings: CodecLMTraining = settings_of(parts, config, overrides)["codec-lm"]
    said = utterances_of(corpora, split, seed)
    content = sorted(f"{one.clip.key} {one.text} {one.voice}" for one in said)
    spec = {
        "train": "codec-lm",
        "settings": asdict(settings),
        "codec": opened.identity(),
        "split": split,
        "said": [len(content), files.sha256_of_text("\n".join(content))],
    }
    with Run.open(out, spec) as run:
        model = train_codec_lm(codec, said, settings, run)
        identity = model.save(out / "model")
        if not run.done:
            run.finish({"model": identity, "recordings": len(said)})
    return {
        "model": str(out / "model"),
        "identity": identity,
        "recordings": len(said),
        "texts": len({one.text for one in said}),
        "training": model.training,
        **{key: value for key, value in model.describe().items() if key != "name"},
    }
