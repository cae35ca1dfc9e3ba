"""What is reported beside the numbers of a run: text-only floor, official score, versions.

All of it is computed from items and records, without the model. It is stored in the run's
``about.json``, because a floor takes longer to compute than a table.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from harken.ask.plan import RequestPlan
from harken.errors import DataError, HarkenError
from harken.evaluate.benchmarks.base import Benchmark
from harken.evaluate.benchmarks.floors import floor
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.lmms import reading
from harken.evaluate.benchmarks.own import Own
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.submit import chosen, in_release_order
from harken.evaluate.benchmarks.types import Release, key_of
from harken.item import HIDDEN, Item
from harken.stats import measures as stats

_LINEAR_ITEMS = range(50, 5001)  # too few to train a text-only linear model; too many take long
_LIBRARIES = ("harken", "numpy", "scipy", "soundfile", "soxr", "torch", "transformers", "peft")


@dataclass(frozen=True, slots=True)
class BenchmarkRequest:
    """A benchmark to evaluate on.

    Attributes:
        bench: its rules.
        release: its items, with their audio resolved.
        data: where the release is, as the user gave it.
        helpers: the judge or embedding its official rule may need.
    """

    bench: Benchmark
    release: Release
    data: str
    helpers: Helpers = field(default_factory=Helpers)

    def facts(self) -> dict[str, Any]:
        """Name, version and content fingerprint, for the run's spec."""
        return {
            "name": self.bench.name,
            "version": self.release.version,
            "fingerprint": self.release.fingerprint,
            "items": len(self.release.items),
        }

    def write_items(self, path: Path) -> None:
        """Write the items, so that reports find questions and audio."""
        from harken.shards.jsonl import write_jsonl

        write_jsonl({item.id: item for item in self.release.items}.values(), path)


def about(
    model: str,
    items: Sequence[Item],
    benchmark: BenchmarkRequest | None,
    records: Sequence[Mapping[str, Any]],
    checks: Sequence[Mapping[str, Any]],
    floored: bool,
) -> dict[str, Any]:
    """``blind``, ``official`` and ``checks`` of a run of `model`; what is absent is None."""
    found: dict[str, Any] = {
        "blind": text_only_floor(items, benchmark) if floored else None,
        "official": official(items, benchmark, records) if benchmark is not None else None,
        "checks": [dict(one) for one in checks],
    }
    if benchmark is None:
        return found
    found["benchmark"] = benchmark.facts()
    found["judge"] = judge = benchmark.helpers.report(model)
    notes = [("release", note) for note in benchmark.release.notes]
    notes += [("judge", note) for note in (judge or {}).get("warnings", ())]
    found["checks"] += [{"name": name, "ok": None, "text": note} for name, note in notes]
    return found


def served_checks(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A check that failed for each server that answered as more than one model during a run.

    Args:
        report: what a model tells of its requests (`harken.models.base.Capabilities`): a list
            ``served`` anywhere in it has ``model``, ``fingerprint`` and ``replies``.
    """
    found = []
    for name, value in report.items():
        if isinstance(value, Mapping):
            found += served_checks(value)
        elif name == "served":
            for what in ("model", "fingerprint"):
                counts: Counter[str] = Counter()
                for one in value:
                    counts[one[what]] += one["replies"]
                named = {one: n for one, n in sorted(counts.items()) if one}  # "": not stated
                if len(named) > 1:
                    text = (
                        f"the {what} that the server stated changed during the run: "
                        + ", ".join(f"{one!r} gave {n:,} replies" for one, n in named.items())
                    )
                    found.append({"name": "server", "ok": False, "text": text, "replies": named})
    return found


def text_only_floor(
    items: Sequence[Item], benchmark: BenchmarkRequest | None = None
) -> dict[str, Any] | None:
    """The best baseline that needs neither audio nor the model, and every floor behind it.

    Candidates: best constant position, longest option, best position of each task (held out), and
    the cross-validated text-only linear model. The best of several is a little too high,
    which is the safe side: a model that does not beat it has shown nothing.
    """
    closed_ended = [item for item in items if item.choices and HIDDEN not in item.tags]
    if not closed_ended:
        return None
    bench = benchmark.bench if benchmark is not None else Own()
    rows = (
        closed_ended
        if benchmark is not None
        else [bench.item({**i.to_dict(), "item": i}, ()) for i in closed_ended]
    )
    found = floor(bench, rows, linear=len(closed_ended) in _LINEAR_ITEMS)
    cells: dict[str, dict[str, Any]] = {
        f"always position {cell['position'] + 1}": cell for cell in found["constant"]
    }
    cells["longest option"] = found["longest"]
    for name, cell in found["fields"].items():
        cells[f"best position by {name}"] = cell["held_out"]
    if found["linear"]:
        cells["linear, text only"] = found["linear"]
    best = max(cells, key=lambda name: cells[name]["accuracy"])
    return {
        "name": best,
        **{key: cells[best][key] for key in ("accuracy", "low", "high")},
        "n": found["n"],
        "chance": found["chance"],
        "floors": {
            name: {key: cell[key] for key in ("accuracy", "low", "high")}
            for name, cell in cells.items()
        },
    }


def official(
    items: Sequence[Item], benchmark: BenchmarkRequest, records: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The benchmark's own score of the replies under ``audio``, raw and as submitted.

    *Submitted* is what `submit.chosen` makes of a reply: the chosen option in the form that the
    official rule reads; *raw* is the reply as generated, under the same rule. None where answers
    are withheld or nothing was asked under ``audio`` (or ``none``, for a model without audio
    input). A request that failed was never answered: its item is left out, and counted under
    ``failed``. ``lmms_eval`` is how that harness reads the same replies (see `lmms`).
    """
    condition, by_item = in_release_order(items, records)
    known = [item for item in items if HIDDEN not in item.tags and item.id in by_item]
    answered = [item for item in known if by_item[item.id]["outcome"] != "failed"]
    if not answered:
        return None
    raw, submitted = {}, {}
    for item in answered:
        record = by_item[item.id]
        submitted[key_of(item)] = chosen(benchmark.bench, item, record)
        if record["reply"] or record.get("words"):
            raw[key_of(item)] = record["reply"]
    replied = any(raw.values())
    return {
        "condition": condition,
        "failed": len(known) - len(answered),
        "lmms_eval": reading(benchmark.bench.name, answered, raw) if replied else None,
        "submitted": score(benchmark.bench, answered, submitted, benchmark.helpers),
        "raw": score(benchmark.bench, answered, raw, benchmark.helpers) if replied else None,
    }


def rescored_about(
    folder: Path, spec: Mapping[str, Any], before: Mapping[str, Any], records: Sequence[Any]
) -> dict[str, Any]:
    """``about.json`` after rescoring: the official score is computed again.

    Where that needs a judge or an embedding, or items are missing, it stays as it was, and a check
    says so.
    """
    from harken.evaluate.benchmarks.load import open_benchmark
    from harken.shards.jsonl import read_jsonl

    facts, path = spec.get("benchmark"), folder / "items.jsonl"
    if not facts or not before.get("official"):
        return dict(before)
    checks = [check for check in before.get("checks", ()) if check["name"] != "rescore"]
    try:
        items = tuple(read_jsonl(path))
        if before.get("judge") or len(items) != facts["items"]:
            raise DataError("it needs the judge, or items that are not stored", where=str(path))
        bench = open_benchmark(facts["name"])
        release = Release(bench.name, items, facts["fingerprint"], facts["version"], ())
        rescored = official(items, BenchmarkRequest(bench, release, str(path)), records)
    except HarkenError as error:
        text = f"the official score is from before rescoring: {error}"
        checks.append({"name": "rescore", "ok": None, "text": text})
        return {**before, "checks": checks}
    return {**before, "official": rescored, "checks": checks}


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that affect numbers, if installed."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def detectable(made: RequestPlan) -> dict[str, Any]:
    """Before inference: the smallest audio gain that this many items can show."""
    items = len({request.planned["item"] for request in made.requests})
    return {"items": items, "power": 0.8, "alpha": 0.05, "difference": stats.detectable(items)}
