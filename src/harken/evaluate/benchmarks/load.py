"""Benchmarks by name."""

from __future__ import annotations

from pathlib import Path

from harken.evaluate.benchmarks.base import Benchmark
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
        "asr": f"{_HERE}.asr:AsrBenchmark",
        "meetings": f"{_HERE}.meetings:Meetings",
        "own": f"{_HERE}.own:Own",
    },
    shape="harken.evaluate.benchmarks.base:Benchmark",
)


def open_benchmark(name: str) -> Benchmark:
    """The benchmark called `name`, or the one that a ``.yaml`` file describes (see `own`).

    Raises:
        ConfigError: an unknown name; the error suggests similar ones.
    """
    if Path(name).suffix in (".yaml", ".yml"):
        from harken.evaluate.benchmarks.own import Own

        return Own.described(Path(name))
    return BENCHMARKS.get(name)()
