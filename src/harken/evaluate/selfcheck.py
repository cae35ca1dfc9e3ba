"""Batch against single: k prompts asked again, each alone, and compared to what was answered.

Padding, masks and positions of a batch are where an answer can change with its neighbours; a model
that answers otherwise alone was not measured but its batches were. Numbers may differ in their last
digits (sums are taken in another order), choices may not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harken.ask.parse import parse
from harken.models.base import Model, Prompt, Reply, Sampling

TIE = 1e-3
"""Nats. Where the two best choices lay closer than this, a change of choice is a rounding."""


Earlier = tuple[Prompt, str | None, Sequence[float] | None]
"""A prompt as it was put to the model, its reply (None, or empty beside log-probabilities, where no
words were asked for), and the log-probabilities of its shown choices, or None."""


def selfcheck(
    model: Model,
    answered: Sequence[Earlier],
    k: int,
    seed: int = 0,
    *,
    sampling: Sampling | None = None,
    folder: Path | str | None = None,
) -> dict[str, Any]:
    """Ask `k` of the prompts again, one at a time.

    Args:
        model: the one that answered. What it remembers of clips is dropped before each prompt
            (its `clear_cache`, where it or its `engine` has one).
        answered: prompts with their answers in a batch; failed requests do not belong here.
        k: how many; all if there are fewer. Drawn without replacement by `seed`.
        seed: of the draw.
        sampling: how replies were drawn; only greedy or seeded ones can be compared.
        folder: for a model that keeps its replies (`keep`): another folder, or it would be asked
            nothing. Without one, ``fresh`` is False for such a model.

    Returns:
        ``asked``, ``ok`` (no choice differs, none failed), ``fresh``, ``differing`` choices,
        ``rounded`` (choices that changed within `TIE`), ``texts`` that differ, ``failed`` alone,
        ``largest`` difference of log-probabilities in nats (None if there are none), and ``items``:
        one record for each prompt that differs, in order.
    """
    rng = np.random.default_rng([seed, len(answered)])
    drawn = sorted(rng.permutation(len(answered))[: max(0, k)].tolist())
    fresh = _unkept(model, folder)
    forget = _forgetting(model)
    records = [_again(model, answered[place], sampling or Sampling(), forget) for place in drawn]
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
    model: Model, before: Earlier, sampling: Sampling, forget: Callable[[], None]
) -> dict[str, Any]:
    """One prompt asked alone, beside what was answered."""
    prompt, said, values = before
    if values is not None and not said:
        said = None
    error = ""
    logprobs: Sequence[float] | None = None
    reply: Reply | None = None
    forget()
    try:
        if values is not None:
            (logprobs,) = model.choice_logprobs([prompt])
        if said is not None:
            (reply,) = model.generate([prompt], sampling)
            logprobs = logprobs or reply.logprobs
            if reply.stop == "failed":
                error = reply.error or "the request failed"
    except Exception as fault:  # a model is asked not to raise; one that does has failed here
        error = f"{type(fault).__name__}: {fault}"
    if values is not None and logprobs is None and not error:
        error = "no log-probabilities this time"
    text = None if reply is None else reply.text
    differs = rounded = False
    if not error:
        differs, rounded = _compared((prompt, said, values), text, logprobs)
    return {
        "item": prompt.item_id,
        "order": list(prompt.order),
        "differing": differs and not rounded,
        "rounded": rounded,
        "texts": not error and said is not None and text != said,
        "failed": bool(error),
        "difference": None if error else _largest(values, logprobs),
        "before": {"text": said, "logprobs": _plain(values)},
        "alone": {"text": text, "logprobs": _plain(logprobs), "error": error or None},
    }


def _compared(
    before: Earlier, text: str | None, logprobs: Sequence[float] | None
) -> tuple[bool, bool]:
    """(the choice is another one, and that is but a rounding): by probability, else by the words.

    Of an open question the words are the choice.
    """
    prompt, said, values = before
    if values is not None and logprobs is not None:
        first, second = (int(np.argmax(own)) for own in (values, logprobs))
        if first == second:
            return False, False
        gap = abs(values[first] - values[second])
        return True, gap <= TIE and abs(logprobs[first] - logprobs[second]) <= TIE
    if said is None or text is None:
        return False, False
    if not prompt.choices:
        return text.strip() != said.strip(), False
    return parse(text, prompt).choice != parse(said, prompt).choice, False


def _largest(first: Sequence[float] | None, second: Sequence[float] | None) -> float | None:
    if first is None or second is None or len(first) != len(second):
        return None
    # A choice as good as impossible has no last digits worth comparing: below e^-30 it is that.
    both = [(max(a, -30.0), max(b, -30.0)) for a, b in zip(first, second, strict=True)]
    found = max((abs(a - b) for a, b in both), default=0.0)
    return found if math.isfinite(found) else None


def _plain(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else [max(float(value), -60.0) for value in values]


def _unkept(model: Model, folder: Path | str | None) -> bool:
    """Let a model that keeps replies keep these elsewhere; whether it will be asked anew."""
    keep = getattr(model, "keep", None)
    if not callable(keep):
        return True
    if folder is not None:
        keep(folder)
    return folder is not None


def _forgetting(model: Model) -> Callable[[], None]:
    """What drops remembered clips: or what was heard in a batch would be heard again."""
    for owner in (model, getattr(model, "engine", None)):
        forget: Callable[[], None] | None = getattr(owner, "clear_cache", None)
        if callable(forget):
            return forget
    return lambda: None
