"""Acoustic fingerprints on real recordings: what is found again, and what is found by mistake.

    python benchmarks/fingerprint.py ../shared/corpora

Recall: every recording of ESC-10 is changed (`changes`) and looked for among the 400. A recording
of which nothing but silence is left is counted apart: there is nothing to be found. False matches:
every recording of all corpora is looked for among all; a match with another source recording (or
another speaker, for digits) is a mistake, as far as the corpora know.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from harken.audio.codec import Samples, resample
from harken.audio.container import AUDIO_SUFFIXES
from harken.audio.fingerprint import FEWEST, FingerprintIndex, fingerprint
from harken.audio.source import EncodedSource, read_source

Change = Callable[[Samples, int, np.random.Generator], tuple[Samples, int]]


def read(path: Path) -> tuple[Samples, int]:
    samples, rate = read_source(EncodedSource(str(path), -1, 0, 0.0, None, None))
    return np.array(samples), rate


def coded(format: str, subtype: str, level: float) -> Change:
    def change(x: Samples, rate: int, _: np.random.Generator) -> tuple[Samples, int]:
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, x.T, rate, format=format, subtype=subtype, compression_level=level)
        file.seek(0)
        back, rate = soundfile.read(file, dtype="float32", always_2d=True)
        return back.T, rate

    return change


def resampled(to_hz: int) -> Change:
    return lambda x, rate, _: (resample(x, rate, to_hz), to_hz)


def louder(gain_db: float) -> Change:
    return lambda x, rate, _: (np.clip(x * 10 ** (gain_db / 20), -1, 1).astype(np.float32), rate)


def cut(least_s: float, most_s: float) -> Change:
    def change(x: Samples, rate: int, rng: np.random.Generator) -> tuple[Samples, int]:
        return x[:, int(rng.uniform(least_s, most_s) * rate) :], rate

    return change


def noisy(ratio_db: float) -> Change:
    def change(x: Samples, rate: int, rng: np.random.Generator) -> tuple[Samples, int]:
        power = float(np.mean(np.square(x))) / 10 ** (ratio_db / 10)
        return (x + rng.normal(0, power**0.5, x.shape)).astype(np.float32), rate

    return change


def after(*changes: Change) -> Change:
    def change(x: Samples, rate: int, rng: np.random.Generator) -> tuple[Samples, int]:
        for one in changes:
            x, rate = one(x, rate, rng)
        return x, rate

    return change


CHANGES: dict[str, Change] = {
    "mp3, middling": coded("MP3", "MPEG_LAYER_III", 0.5),
    "mp3, lowest": coded("MP3", "MPEG_LAYER_III", 0.99),
    "ogg, middling": coded("OGG", "VORBIS", 0.5),
    "ogg, lowest": coded("OGG", "VORBIS", 0.99),
    "16-bit flac": coded("FLAC", "PCM_16", 0.5),
    "to 8 kHz": resampled(8000),
    "to 16 kHz": resampled(16_000),
    "to 48 kHz": resampled(48_000),
    "6 dB louder": louder(6.0),
    "6 dB softer": louder(-6.0),
    "first 0.5-1 s cut": cut(0.5, 1.0),
    "noise at 20 dB": noisy(20.0),
    "noise at 10 dB": noisy(10.0),
    "cut, 16 kHz, mp3, -6 dB": after(
        cut(0.5, 1.0), resampled(16_000), coded("MP3", "MPEG_LAYER_III", 0.5), louder(-6.0)
    ),
}


def sounds(folder: Path) -> Iterator[Path]:
    yield from sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES)


def source_of(path: Path) -> str:
    """What a recording was cut from, as far as its name tells."""
    name = path.stem
    if "esc10" in path.parts:
        return "esc " + name.split("-")[1]
    return str(path)


def recall(paths: list[Path], rng: np.random.Generator) -> dict[str, dict[str, float]]:
    own = FingerprintIndex()
    waves = [read(path) for path in paths]
    for wave, rate in waves:
        own.add(fingerprint(wave, rate))
    table: dict[str, dict[str, float]] = {}
    for name, change in CHANGES.items():
        found = silent = wrong = 0
        errors: list[float] = []
        for number, (wave, rate) in enumerate(waves):
            query = fingerprint(*change(wave, rate, rng))
            silent += int(query.clear.sum()) < FEWEST
            echoes = own.find(query)
            hits = [e for e in echoes if e.number == number]
            found += bool(hits)
            errors += [e.errors for e in hits]
            here = source_of(paths[number])
            wrong += any(source_of(paths[e.number]) != here for e in echoes)
        table[name] = {
            "asked": len(waves),
            "nothing left": silent,
            "found": found,
            "recall": found / (len(waves) - silent),
            "errors": float(np.median(errors)) if errors else 1.0,
            "with a false match": wrong,
        }
        print(name, json.dumps(table[name]), file=sys.stderr, flush=True)
    return table


def mistakes(paths: list[Path]) -> dict[str, object]:
    own = FingerprintIndex()
    prints = []
    began = time.perf_counter()
    seconds = 0.0
    for path in paths:
        wave, rate = read(path)
        seconds += wave.shape[1] / rate
        prints.append(fingerprint(wave, rate))
        own.add(prints[-1])
    made = time.perf_counter()
    pairs = []
    for number, query in enumerate(prints):
        here = source_of(paths[number])
        for echo in own.find(query):
            if echo.number > number and source_of(paths[echo.number]) != here:
                pairs.append((echo.errors, echo.seconds, paths[number], paths[echo.number]))
    ended = time.perf_counter()
    for errors, length, one, other in sorted(pairs)[:60]:
        names = " ".join(f"{path.parent.name}/{path.name}" for path in (one, other))
        print(f"{errors:.3f} over {length:.2f} s: {names}", file=sys.stderr)
    every = len(paths) * (len(paths) - 1) // 2
    return {
        "recordings": len(paths),
        "hours": round(seconds / 3600, 3),
        "pairs": every,
        "matched": len(pairs),
        "rate": len(pairs) / every,
        "print_times_real_time": round(seconds / (made - began)),
        "ms_a_query": round(1000 * (ended - made) / len(prints), 2),
    }


def main(root: str) -> None:
    folder = Path(root)
    esc = list(sounds(folder / "esc10"))
    table = recall(esc, np.random.default_rng(0)) if esc else {}
    found = {name: mistakes(list(sounds(folder / name))) for name in ("esc10", "fsdd", "sonicpi",
             "soundfx", "librispeech") if (folder / name).is_dir()}  # fmt: skip
    every = list(sounds(folder))
    if not every:
        sys.exit(f"there are no recordings in {folder}; give the folder of the corpora")
    found["all"] = mistakes(every)
    print(json.dumps({"recall": table, "mistakes": found}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "../shared/corpora")
