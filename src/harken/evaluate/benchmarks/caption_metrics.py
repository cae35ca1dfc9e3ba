"""Caption metrics in plain Python: BLEU-1…4, ROUGE-L, CIDEr-D.

Papineni et al. 2002 (corpus BLEU, closest reference length); Lin 2004 (ROUGE-L, beta 1.2, best
precision and best recall over the references); Vedantam et al. 2015 (CIDEr-D: n = 1…4, sigma 6,
clipped, times 10, document frequencies from the references at hand). They take words: those of the
COCO tools (`harken.evaluate.benchmarks.ptb`) or plain ones (`words`). SPICE, METEOR and FENSE need
Java or weights and are not here.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

Words = Sequence[str]

_TINY, _SMALL = 1e-15, 1e-9
"""What the COCO tools add to counts that may be 0: BLEU-4 without a common 4-gram is about 1e-5."""


def words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", text.lower())


def grams(text: Words, size: int) -> Counter[tuple[str, ...]]:
    """How often each run of `size` words occurs."""
    return Counter(tuple(text[i : i + size]) for i in range(len(text) - size + 1))


def bleu(predicted: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """Corpus BLEU-1 to BLEU-4."""
    length = sum(map(len, predicted))
    closest = sum(
        min((abs(len(one) - len(own)), len(one)) for one in refs)[1]
        for own, refs in zip(predicted, references, strict=True)
    )
    ratio = (length + _TINY) / (closest + _SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, found = 1.0, []
    for size in range(1, 5):
        met = total = 0
        for own, refs in zip(predicted, references, strict=True):
            counts = grams(own, size)
            most: Counter[tuple[str, ...]] = Counter()
            for one in refs:
                most |= grams(one, size)
            met += sum((counts & most).values())
            total += sum(counts.values())
        product *= (met + _TINY) / (total + _SMALL)
        found.append(penalty * product ** (1 / size))
    return found


def rouge_l(predicted: Words, references: Sequence[Words]) -> float:
    """ROUGE-L of one caption."""
    if not predicted:
        return 0.0
    common = [_longest_common(predicted, one) for one in references]
    precision = max(n / len(predicted) for n in common)
    recall = max(n / len(one) for n, one in zip(common, references, strict=True) if one)
    if not precision or not recall:
        return 0.0
    square = 1.2**2
    return (1 + square) * precision * recall / (recall + square * precision)


def _longest_common(a: Words, b: Words) -> int:
    row = [0] * (len(b) + 1)
    for one in a:
        before = 0
        for j, other in enumerate(b, 1):
            old, row[j] = row[j], before + 1 if one == other else max(row[j], row[j - 1])
            before = old
    return row[-1]


def cider_d(predicted: Sequence[Words], references: Sequence[Sequence[Words]]) -> list[float]:
    """CIDEr-D of each caption; the corpus score is their mean. 0..10, in practice 0..1 and more."""
    seen: Counter[tuple[str, ...]] = Counter()
    for refs in references:
        seen.update({gram for one in refs for size in range(1, 5) for gram in grams(one, size)})
    log_n = math.log(max(1, len(references)))

    def vector(text: Words, size: int) -> dict[tuple[str, ...], float]:
        return {gram: count * (log_n - math.log(max(1, seen[gram])))
                for gram, count in grams(text, size).items()}  # fmt: skip

    found = []
    for own, refs in zip(predicted, references, strict=True):
        total = 0.0
        for size in range(1, 5):
            mine = vector(own, size)
            norm = math.sqrt(sum(v * v for v in mine.values()))
            for one in refs:
                theirs = vector(one, size)
                other = math.sqrt(sum(v * v for v in theirs.values()))
                dot = sum(min(v, theirs[g]) * theirs[g] for g, v in mine.items() if g in theirs)
                gap = len(own) - len(one)
                if norm and other:
                    total += dot / (norm * other) * math.exp(-(gap**2) / 72) / len(refs)
        found.append(10 * total / 4)
    return found
