"""Benchmarks: one file each, all of one shape, marked as officially and strictly.

The shape of a file. It opens with a text: what the benchmark is, its citation, the layout of the
official release and of a prediction file, the official rule, and the faults of the official script
that are reproduced. Then one class, a subclass of `base.Benchmark`, in this order:

1. facts: ``name title paper rule traps hub files key prediction required task by sizes counts
   versions fewest share``;
2. how a row reads: ``question options answer audio value faults rows`` (only where they differ);
3. ``official(items, predictions, helpers) -> Official``: what the benchmark's own script says, bit
   for bit, with the faults that took effect named;
4. ``strict_mark(item, predictions) -> Mark`` (only where a reply is not an option or a text).

Loading, validation (every fault at once), fingerprints and prediction files are written once, in
`base`; numbers in `scoring`; what needs no listening in `floors`; parsers side by side in
`parsers`. The official options of an item stand in ``plan["options"]``: an item whose release
repeats an option keeps the repeats there, and holds each text once in `Item.choices`.
"""

from __future__ import annotations

from pathlib import Path

from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.nouns import Official, Release
from harken.evaluate.benchmarks.predictions import Predictions
from harken.registry import Registry

_HERE = "harken.evaluate.benchmarks"

BENCHMARKS: Registry[type[Benchmark]] = Registry(
    "benchmark",
    {
        "mmau": f"{_HERE}.mmau:Mmau",
        "mmau-pro": f"{_HERE}.mmau_pro:MmauPro",
        "mmar": f"{_HERE}.mmar:Mmar",
        "mmsu": f"{_HERE}.mmsu:Mmsu",
        "mae": f"{_HERE}.mae:Mae",
        "air-bench": f"{_HERE}.air_bench:AirBench",
        "air-bench-chat": f"{_HERE}.air_bench_chat:AirBenchChat",
        "dcase2025": f"{_HERE}.dcase2025:Dcase2025",
        "dcase2026": f"{_HERE}.dcase2026:Dcase2026",
        "longaudiobench": f"{_HERE}.longaudiobench:LongAudioBench",
        "compa": f"{_HERE}.compa:Compa",
        "hallucination": f"{_HERE}.hallucination:Hallucination",
        "hallucination-generative": f"{_HERE}.hallucination_generative:HallucinationGenerative",
        "rgi": f"{_HERE}.rgi:Rgi",
        "deafness": f"{_HERE}.deafness:Deafness",
        "grounding": f"{_HERE}.grounding:Grounding",
        "spatial": f"{_HERE}.spatial:SpatialSoundQa",
        "jailbreak": f"{_HERE}.jailbreak:Jailbreak",
        "captioning": f"{_HERE}.captioning:Captioning",
        "retrieval": f"{_HERE}.retrieval:Retrieval",
        "asr": f"{_HERE}.asr:Asr",
        "own": f"{_HERE}.own:Own",
    },
)


def open_benchmark(name: str) -> Benchmark:
    """The benchmark called `name`, or the one that a ``.yaml`` file describes (see `own`).

    Raises:
        ConfigError: an unknown name, answered with its neighbours.
    """
    if Path(name).suffix in (".yaml", ".yml"):
        from harken.evaluate.benchmarks.own import Own

        return Own.described(Path(name))
    return BENCHMARKS.get(name)()


__all__ = ["BENCHMARKS", "Benchmark", "Official", "Predictions", "Release", "open_benchmark"]
