"""features: encode the clips of a dataset once, before trainings with a frozen audio encoder.

Run:  harken features MODEL DATASET --features FOLDER
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.errors import ConfigError, HarkenError
from harken.item import Item
from harken.models.engine.feature_store import use_store
from harken.models.kept_frames import keep_frames
from harken.models.learner import load_learner
from harken.progress import track
from harken.recipes.steps import items_of

SHOWN = 20
"""Most clips named that cannot be kept; the rest are counted."""


def keep_features(
    model: str,
    dataset: Path,
    *,
    features: str = "",
    storage: str = "exact",
    trained: Sequence[str] = ("projector", "lm"),
    split: str = "train",
    audio_root: Path | None = None,
    device: str = "",
    dtype: str = "",
) -> dict[str, Any]:
    """Encode every clip of a dataset that is not kept yet.

    Args:
        model: a saved model, or ``native:FOLDER``.
        dataset: anything that `read_items` takes.
        features: folder, ``FOLDER?limit_gb=50``; see `open_store`.
        storage: ``exact``, ``float16`` or ``bfloat16``; as the setting ``features`` of training.
        trained: groups that will be trained; without the projector, a native class keeps its
            audio tokens.
        split: of the dataset; empty: all.
        audio_root: where the audio of another program's set is.
        device: as in training.
        dtype: as in training.

    Returns:
        ``clips``, how many of them were ``made``, were ``kept`` before or ``failed`` (with the
        reasons in ``failures``); ``folder``, its ``entries`` and ``bytes``; ``counts``.

    Raises:
        ConfigError: nothing is kept of this model, or with these groups.
    """
    learner = load_learner(model, device=device, dtype=dtype)
    learner.trainable(trained)
    store = use_store(features)
    kept = keep_frames(learner, storage, store)
    if kept is None:
        raise ConfigError(
            f"nothing can be kept of {learner.name} while {', '.join(trained)} are trained",
            hint="Keep features where the audio encoder is frozen, such as --trained lm.",
        )
    clips = distinct(items_of(dataset, split, audio_root))
    failures: list[dict[str, str]] = []
    for clip in track(clips, "features", total=len(clips)):
        try:
            given = kept.audio_input(clip, partial(learner.load_audio, clip))
            kept.entry(given)
        except HarkenError as error:
            failures.append({"clip": clip.path or clip.key, "reason": error.found})
    entries, held = store.size()
    return {
        "clips": len(clips),
        "made": kept.made,
        "kept": len(clips) - kept.made - len(failures),
        "failed": len(failures),
        "failures": failures,
        "folder": str(store.folder) if store.folder else "",
        "entries": entries,
        "bytes": held,
        "limit_bytes": store.limit,
        "counts": asdict(store.counts),
    }


def use_features(spec: str) -> None:
    """Make the folder of `spec` that of all trainings of this process; empty: as it is.

    See `open_store`.

    Raises:
        ConfigError: an unknown setting, or one that makes no sense.
    """
    if spec:
        use_store(spec)


def distinct(items: Sequence[Item]) -> list[Clip]:
    """The clips of `items`, each once, in the order in which they are first used."""
    return list({clip.key: clip for item in items for clip in item.clips}.values())
