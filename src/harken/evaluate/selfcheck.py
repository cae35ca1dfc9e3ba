"""Batch against single: k prompts run again, each alone, and compared to the first answers.

Padding, masks and positions in a batch can change an answer; if a model answers differently alone,
the results measure its batches. Numbers may differ in their last digits (sums are taken in another
order), choices may not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harken.ask.parse import parse
from harken.models.base import Model, Prompt, Reply, Sampling, capabilities

TIE = 1e-3
"""Nats. Where the two best choices are closer than this, a change of choice is rounding."""


Earlier = tuple[Prompt, str | None, Sequence[float] | None]
"""A prompt as given to the model, its reply (None, or empty beside log-probabilities, where no text
was generated), and the log-probabilities of its shown choices, or None."""


def selfcheck(
    model: Model,
    answered: Sequence[Earlier],
    k: int,
    seed: int = 0,
    *,
    sampling: Sampling | None = None,
    folder: Path | str | None = None,
) -> dict[str, Any]:
    """Run `k` of the prompts again, one at a time.

    Args:
        model: the one that answered. Its caches are cleared before each prompt (by
            `clear_cache`, where it or its `engine` has one).
        answered: prompts with their answers in a batch, without failed requests.
        k: how many; all if there are fewer. Drawn without replacement by `seed`.
        seed: of the draw.
        sampling: how replies were drawn; only greedy or seeded ones can be compared.
        folder: for a model with a reply cache (`keep`): another cache folder, or the cached replies
            would be compared. Without one, ``fresh`` is False for such a model.

    Returns:
        ``asked``, ``ok`` (no choice differs, none failed), ``fresh``, ``differing`` choices,
        ``rounded`` (choices that changed within `TIE`), ``texts`` that differ, ``failed`` alone,
        ``largest`` difference of log-probabilities in nats (None if there are none), and ``items``:
        one record for each prompt that differs, in order.
    """
    rng = np.random.default_rng([seed, len(answered)])
    drawn = sorted(rng.permutation(len(answered))[: max(0, k)].tolist())
    fresh = _uncached(model, folder)
    clear = _cache_clearer(model)
    records = [_again(model, answered[place], sampling or Sampling(), clear) for place in drawn]
    largest = [r["difference"] for r in records if r["difference"] is not None]
    counts = {name: sum(r[name] for r in records)
              for name in ("differing", "rounded", "texts", "failed")}  # fmt: skip
    return {
        "asked": len(records),
        "ok": not counts["differing"] and not counts["failed"],
        "fresh": fresh,
        **counts,
        "largest": max(largest, default=None),
        "items": [r for r in records if any(r[name] for name in counts)],
    }


def _again(
    model: Model, before: Earlier, sampling: Sampling, clear: Callable[[], None]
) -> dict[str, Any]:
    """One prompt run alone, beside the first answer."""
    prompt, reply_before, values = before
    if values is not None and not reply_before:
        reply_before = None
    error = ""
    logprobs: Sequence[float] | None = None
    reply: Reply | None = None
    clear()
    try:
        if values is not None:
            (logprobs,) = model.choice_logprobs([prompt])
        if reply_before is not None:
            (reply,) = model.generate([prompt], sampling)
            logprobs = logprobs or reply.logprobs
            if reply.stop == "failed":
                error = reply.error or "the request failed"
    except Exception as fault:  # a model should not raise; if it does, the request failed
        error = f"{type(fault).__name__}: {fault}"
    if values is not None and logprobs is None and not error:
        error = "no log-probabilities this time"
    text = None if reply is None else reply.text
    differs = rounded = False
    if not error:
        differs, rounded = _compared((prompt, reply_before, values), text, logprobs)
    return {
        "item": prompt.item_id,
        "order": list(prompt.order),
        "differing": differs and not rounded,
        "rounded": rounded,
        "texts": not error and reply_before is not None and text != reply_before,
        "failed": bool(error),
        "difference": None if error else _largest(values, logprobs),
        "before": {"text": reply_before, "logprobs": _plain(values)},
        "alone": {"text": text, "logprobs": _plain(logprobs), "error": error or None},
    }


def _compared(
    before: Earlier, text: str | None, logprobs: Sequence[float] | None
) -> tuple[bool, bool]:
    """(the choice differs, and only by rounding): by probability, else by the text.

    For an open-ended question the text is the choice.
    """
    prompt, reply_before, values = before
    if values is not None and logprobs is not None:
        first, second = (int(np.argmax(own)) for own in (values, logprobs))
        if first == second:
            return False, False
        gap = abs(values[first] - values[second])
        return True, gap <= TIE and abs(logprobs[first] - logprobs[second]) <= TIE
    if reply_before is None or text is None:
        return False, False
    if not prompt.choices:
        return text.strip() != reply_before.strip(), False
    return parse(text, prompt).choice != parse(reply_before, prompt).choice, False


def _largest(first: Sequence[float] | None, second: Sequence[float] | None) -> float | None:
    if first is None or second is None or len(first) != len(second):
        return None
    # Below e^-30 a choice is as good as impossible, and its digits are not worth comparing.
    both = [(max(a, -30.0), max(b, -30.0)) for a, b in zip(first, second, strict=True)]
    found = max((abs(a - b) for a, b in both), default=0.0)
    return found if math.isfinite(found) else None


def _plain(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else [max(float(value), -60.0) for value in values]


def _uncached(model: Model, folder: Path | str | None) -> bool:
    """Give a model with a reply cache another cache folder; whether it will generate again."""
    keep = capabilities(model).keep
    if keep is None:
        return True
    if folder is not None:
        keep(folder)
    return folder is not None


def _cache_clearer(model: Model) -> Callable[[], None]:
    """What clears the model's caches: or features computed in a batch would be used again."""
    return capabilities(model).clear_cache or (lambda: None)
