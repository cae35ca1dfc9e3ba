"""A codec from recordings to a saved folder, files through it and back, and what is lost of them.

Run:  harken train-codec recordings -o codec
      harken encode codec/model clip.wav -o codes
      harken decode codec/model codes/clip.safetensors -o sounds
      harken reconstruct codec/model recordings
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from harken import files
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load, write_wav
from harken.config import settings_of
from harken.corpora.base import Recording
from harken.corpora.read import read_corpus
from harken.corpora.splits import assign_splits
from harken.errors import ConfigError, DataError
from harken.listed import listed
from harken.models.codec.base import Codes
from harken.models.codec.measures import log_mel_distance_db, snr_db
from harken.models.codec.open import open_codec
from harken.parsing import parse_json
from harken.progress import track
from harken.runs import Run
from harken.train.codec import CodecTraining, train_codec

SUFFIX = ".safetensors"
"""Of a file of codes: the tensor ``codes``, int64 (codebooks, frames), and where it is from."""

_HEAD = "harken"  # key of the JSON in such a file


def recordings_of(corpora: Sequence[Path], split: str, seed: int) -> list[Recording]:
    """The recordings of a split of several corpora; ``""``: all of them.

    Raises:
        DataError: a folder that is none, or a split without recordings.
    """
    found = []
    for root in corpora:
        own = assign_splits(read_corpus(root).recordings, seed)
        found += [one for one in own if split in ("", one.split)]
    if not found:
        raise DataError(
            f"there is no recording in split {split!r}",
            where=", ".join(map(str, corpora)),
            hint="See what is there: harken scan CORPUS",
        )
    return found


def train(
    corpora: Sequence[Path],
    out: Path,
    *,
    config: Path | None = None,
    overrides: Sequence[str] = (),
    split: str = "train",
    seed: int = 0,
) -> dict[str, Any]:
    """Train a codec; returns where it is and how its codebooks are used.

    Args:
        corpora: folders of recordings.
        out: the run's folder; the codec is in ``model`` below it.
        config: a YAML file of settings.
        overrides: settings, as ``codec.steps=200``.
        split: of the recordings; ``""``: all.
        seed: of splits, weights and everything drawn.

    Raises:
        ConfigError: an unknown or impossible setting.
        DataError: no recordings.
        RunError: the folder has a run with other settings.
    """
    parts = {"codec": CodecTraining(seed=seed)}
    settings: CodecTraining = settings_of(parts, config, overrides)["codec"]
    found = recordings_of(corpora, split, seed)
    content = sorted(one.clip.key for one in found)
    spec = {
        "train": "codec",
        "settings": asdict(settings),
        "split": split,
        "clips": [len(content), files.sha256_of_text("\n".join(content))],
    }
    with Run.open(out, spec) as run:
        codec = train_codec([one.clip for one in found], settings, run)
        identity = codec.save(out / "model")
        if not run.done:
            run.finish({"model": identity, "recordings": len(found)})
    return {
        "model": str(out / "model"),
        "identity": identity,
        "recordings": len(found),
        "hours": sum(one.clip.duration_s or 0.0 for one in found) / 3600,
        "parameters": sum(p.numel() for p in codec.net.parameters()),
        "steps": settings.steps,
        **{key: value for key, value in codec.describe().items() if key != "identity"},
        "usage": codec.training,
    }


def encode_files(
    codec: str, sounds: Sequence[Path], out: Path, *, codebooks: int | None = None
) -> dict[str, Any]:
    """Write the codes of recordings, a file each; returns what was written.

    Raises:
        ConfigError: two recordings of one name, or more codebooks than there are.
        AudioError: a recording that cannot be read.
        ModelError: no such codec.
    """
    _one_each(sounds)
    opened = open_codec(codec)
    opened.require(codebooks)
    identity, rows = opened.identity(), []
    out.mkdir(parents=True, exist_ok=True)
    for path in track(sounds, "encoding"):
        samples = load(Clip("file", str(path)))
        codes = opened.encode(samples, codebooks)
        place = out / f"{path.stem}{SUFFIX}"
        write_codes(place, codes, {"codec": identity, "samples": len(samples)})
        rows.append({"file": str(place), "codebooks": len(codes), "frames": codes.shape[1]})
    return {"codec": opened.describe(), "files": rows}


def decode_files(
    codec: str, codes: Sequence[Path], out: Path, *, codebooks: int | None = None
) -> dict[str, Any]:
    """Write the sounds of files of codes, as WAV; returns what was written.

    Args:
        codec: the one that encoded.
        codes: files of `encode_files`.
        out: folder of the sounds.
        codebooks: how many are used, the first ones; None: all that a file has.

    Raises:
        DataError: a file that holds no codes, or those of another codec.
        ConfigError: more codebooks than a file has.
    """
    _one_each(codes)
    opened, rows = open_codec(codec), []
    identity = opened.identity()
    out.mkdir(parents=True, exist_ok=True)
    for path in track(codes, "decoding"):
        own, head = read_codes(path)
        if head.get("codec") != identity:
            raise DataError(
                f"these are the codes of another codec ({head.get('codec')}, and not {identity})",
                where=str(path),
                hint="Decode with the codec that encoded.",
            )
        if codebooks is not None and not 1 <= codebooks <= len(own):
            raise ConfigError(
                f"{codebooks} codebooks are asked for, and the file has {len(own)}", where=str(path)
            )
        used = own[:codebooks] if codebooks else own
        samples = opened.decode(used, int(head["samples"]))
        place = out / f"{path.stem}.wav"
        write_wav(place, np.clip(samples, -1.0, 1.0), RATE_HZ)
        rows.append({"file": str(place), "codebooks": len(used), "s": len(samples) / RATE_HZ})
    return {"codec": opened.describe(), "files": rows}


def write_codes(path: Path, codes: Codes, head: dict[str, Any]) -> None:
    """A file of codes, whole or not at all; `head`: JSON values told beside them."""
    from safetensors.numpy import save

    # One key: safetensors writes several in an order of its own, which differs between runs.
    told = {_HEAD: json.dumps(head, sort_keys=True)}
    files.write_whole(path, save({"codes": np.ascontiguousarray(codes)}, metadata=told))


def read_codes(path: Path) -> tuple[Codes, dict[str, Any]]:
    """The codes of a file, and what is told beside them.

    Raises:
        DataError: it cannot be read, or holds no codes.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, "np") as held:
            codes = held.get_tensor("codes")
            head = parse_json((held.metadata() or {}).get(_HEAD, "null"))
    except Exception as error:  # safetensors raises errors of several kinds for a damaged file
        raise DataError(
            f"no codes can be read: {error}",
            where=str(path),
            hint="Name a file that harken encode wrote.",
        ) from None
    if not isinstance(head, dict) or not isinstance(head.get("samples"), int) or codes.ndim != 2:
        raise DataError("the file holds no codes of harken", where=str(path))
    return codes, head


def reconstruct(
    codec: str,
    corpora: Sequence[Path],
    *,
    split: str = "test",
    limit: int = 0,
    seconds: float = 10.0,
    seed: int = 0,
) -> dict[str, Any]:
    """What is lost of recordings, by number of codebooks, and how the codebooks are used.

    Args:
        codec: see `open_codec`.
        corpora: folders of recordings.
        split: of them; ``""``: all.
        limit: most recordings, spread evenly; 0: all.
        seconds: longer recordings are cut to their first ones.
        seed: of the splits.

    Returns:
        ``levels``: for 1 to all codebooks, the mean and the median over the recordings of SNR and
        log-mel distance in dB; ``usage``: for each codebook its perplexity and the share of its
        entries that were used.

    Raises:
        DataError: no recordings. ModelError: no such codec. AudioError: one that cannot be read.
    """
    opened, found = open_codec(codec), recordings_of(corpora, split, seed)
    if limit and len(found) > limit:
        found = [found[i * len(found) // limit] for i in range(limit)]
    snr: list[list[float]] = [[] for _ in range(opened.codebooks)]
    mel: list[list[float]] = [[] for _ in range(opened.codebooks)]
    counts = np.zeros((opened.codebooks, opened.size), np.int64)
    frames = silent = 0
    for one in track(found, "reconstructing"):
        samples = load(_first(one.clip, seconds))
        if not samples.any():
            silent += 1
            continue
        codes = opened.encode(samples)
        frames += codes.shape[1]
        for number, own in enumerate(codes):
            counts[number] += np.bincount(own, minlength=opened.size)
            made = opened.decode(codes[: number + 1], len(samples))
            snr[number].append(snr_db(samples, made))
            mel[number].append(log_mel_distance_db(samples, made))
    return {
        "codec": opened.describe(),
        "recordings": len(found) - silent,
        "silent": silent,
        "frames": frames,
        "levels": [
            {
                "codebooks": number + 1,
                "bits_per_s": opened.bits_per_s * (number + 1) / opened.codebooks,
                "snr_db": _mean(snr[number]),
                "snr_db_median": float(np.median(snr[number])) if snr[number] else None,
                "log_mel_db": _mean(mel[number]),
            }
            for number in range(opened.codebooks)
        ],
        "usage": [usage_row(own) for own in counts],
    }


def usage_row(counts: Any) -> dict[str, float]:
    """Perplexity and share of used entries of counts (size,)."""
    share = counts[counts > 0] / max(1, counts.sum())
    return {
        "perplexity": math.exp(float(-(share * np.log(share)).sum())),
        "used": float((counts > 0).mean()),
    }


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else None


def _first(clip: Clip, seconds: float) -> Clip:
    """At most the first `seconds` of a clip."""
    known = clip.duration_s
    return replace(clip, duration_s=seconds) if known is None or known > seconds else clip


def _one_each(paths: Sequence[Path]) -> None:
    """Raise ConfigError where two files would be written under one name."""
    counts = Counter(path.stem for path in paths)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ConfigError(
            f"several inputs have the name {listed(twice, 3)}",
            hint="Run the command for each of their folders, with an output of its own.",
        )
