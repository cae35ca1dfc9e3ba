"""RGI: does a model that may say "I don't know" abstain on wrong answers rather than right ones?

"Towards Reliable Large Audio Language Model", ACL 2025 Findings, arXiv 2505.19294.
``harken score --benchmark rgi --data mmau-test-mini.json --predictions FILE``.

Data: any choice questions in the layout of MMAU. Predictions: rows by ``id`` with ``model_output``
(the model allowed to decline) and ``baseline_output`` (the same model before).

Official rule: Nc right, Nw wrong, Nr refused of N. Acc = Nc/N; truthfulness = 1 - Nw/N; Rej = Nr/N;
reliability = Rej * Acc + (1 - Rej) * truthfulness, the headline. Against the baseline: dCon = share
of its right answers that are no longer right, (Nc - Nc')/Nc; dHum = (Nw - Nw')/Nw; RGI =
log10(dHum / dCon). The base 10 follows from the paper's table. Undefined where a share is not
positive: then only both shares are given. Refusals are read by harken's cascade, as are answers; a
reply that is neither is wrong, and so is a missing one (see ``faults``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harken.ask.parse import is_refusal
from harken.evaluate.benchmarks.helpers import Helpers
from harken.evaluate.benchmarks.mmau import Mmau
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rows import Row
from harken.evaluate.benchmarks.types import Official, key_of
from harken.item import Item


class Rgi(Mmau):
    """See the module's docstring."""

    name = "rgi"
    title = "Reliability gain (IDK)"
    paper = "arXiv 2505.19294"
    rule = "reliability = Rej*Acc + (1-Rej)*truthfulness; RGI = log10(dHum/dCon)"
    traps = ("undefined where no right or no wrong answer became a refusal",)
    files = ("*.json", "*.jsonl")
    sizes: ClassVar[Mapping[int, str]] = {}
    counts: ClassVar[Mapping[int, Mapping[str, Mapping[str, int]]]] = {}
    versions: ClassVar[Mapping[str, str]] = {}
    scores_odd_rows = False
    suffixes: ClassVar[tuple[str, ...]] = ()
    share = False

    def audio(self, row: Row) -> list[str]:
        """MMAU's ``audio_id``."""
        return [str(row["audio_id"])]

    def official(
        self, items: Sequence[Item], predictions: Predictions, helpers: Helpers
    ) -> Official:
        """Reliability; accuracy, truthfulness, rejection and RGI under ``parts``."""
        after = [self._outcome(item, predictions.text(key_of(item))) for item in items]
        parts = reliability(after.count("right"), after.count("wrong"), len(items))
        scores: dict[str, float | None] = {
            key_of(item): {"right": 1.0, "wrong": 0.0}.get(own)
            for item, own in zip(items, after, strict=True)
        }
        faults = []
        missing = sum(not predictions.text(key_of(item)).strip() for item in items)
        if missing:
            faults.append(f"{missing} missing or empty replies are wrong, not refusals")
        before = [str(predictions.raw.get(key_of(item), {}).get("baseline_output") or "")
                  for item in items]  # fmt: skip
        if any(before):
            outcomes = [self._outcome(item, text) for item, text in zip(items, before, strict=True)]
            parts["baseline"] = reliability(
                outcomes.count("right"), outcomes.count("wrong"), len(items)
            )
            parts |= gain(
                (outcomes.count("right"), outcomes.count("wrong")),
                (after.count("right"), after.count("wrong")),
            )
        else:
            faults.append("no baseline_output in the predictions: RGI is not computed")
        return Official(
            "reliability", parts["reliability"], len(items), scores, tuple(faults), parts
        )

    def _outcome(self, item: Item, text: str) -> str:
        parsed = self.understand(item, text)
        if parsed.choice is None:
            return "refused" if parsed.abstained or is_refusal(text) else "wrong"
        return "right" if parsed.choice == item.gold else "wrong"


def reliability(right: int, wrong: int, total: int) -> dict[str, Any]:
    """The four shares of one run."""
    refused = (total - right - wrong) / total
    accuracy, truth = right / total, 1 - wrong / total
    return {
        "accuracy": accuracy,
        "truthfulness": truth,
        "rejection": refused,
        "reliability": refused * accuracy + (1 - refused) * truth,
    }


def gain(before: tuple[int, int], after: tuple[int, int]) -> dict[str, float | None]:
    """dCon, dHum and RGI from (right, wrong) before and after."""
    con = (before[0] - after[0]) / before[0] if before[0] else None
    hum = (before[1] - after[1]) / before[1] if before[1] else None
    defined = con is not None and hum is not None and con > 0 and hum > 0
    value = math.log10(hum / con) if defined and con and hum else None
    return {"delta_conservative": con, "delta_humble": hum, "rgi": value}
