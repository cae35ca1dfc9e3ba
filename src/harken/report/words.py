"""How numbers and findings are written: percentages, p-values, intervals, the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import harken.ask.conditions.load as conditions
from harken.report.reference import gain_over, reference

ALPHA = 0.05

OUTCOMES = ("correct", "wrong", "abstained", "unparsable", "failed", "hidden")
SYMBOLS = {
    "correct": "✓",
    "wrong": "✗",
    "abstained": "–",
    "unparsable": "?",
    "failed": "!",
    "hidden": "·",
}
FLIPS = {
    "gained": "wrong before, right after",
    "lost": "right before, wrong after",
    "kept": "right both times",
    "missed": "wrong both times",
}
GAP = "\u00a0"

Json = Mapping[str, Any]


def percent(share: float | None, digits: int = 1) -> str:
    """0.825 -> ``82.5 %`` (unbreakable); a dash where there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f}{GAP}%"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, signed: ``+12.5`` or ``−3.0``."""
    if difference is None:
        return "–"
    return ("+" if difference >= 0 else "−") + f"{abs(100 * difference):.1f}"


def signed(value: float | None, digits: int = 2) -> str:
    """A signed number with a true minus sign."""
    if value is None:
        return "–"
    return ("+" if value >= 0 else "−") + f"{abs(value):.{digits}f}"


def short(text: str, most: int) -> str:
    """`text` cut to `most` letters, the last of them an ellipsis where something is cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def count(items: int) -> str:
    """``1 item``, ``1,200 items``."""
    return f"{items:,} item" + ("" if items == 1 else "s")


def p_value(p: float | None) -> str:
    """``0.034``, ``< 0.001``; a dash where no test was made."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def p_clause(p: float | None) -> str:
    """``p < 0.001`` or ``p = 0.034`` for use in a sentence."""
    text = p_value(p).replace(" ", GAP)
    return f"p{GAP}{text}" if text.startswith("<") else f"p{GAP}={GAP}{text}"


def interval(low: float | None, high: float | None) -> str:
    """``78.0–86.1`` (percent, without the sign)."""
    if low is None or high is None:
        return "–"
    return f"{100 * low:.1f}–{100 * high:.1f}"


def gain_interval(low: float | None, high: float | None) -> str:
    """``+40.1 to +55.9`` (percentage points)."""
    if low is None or high is None:
        return "–"
    return f"{points(low)} to {points(high)}"


def meaning(condition: str) -> str:
    """What a model is given under a condition, in the condition's own words."""
    return conditions.meaning(condition) or f"{condition!r}, a condition that is not installed here"


def not_asked(excluded: Mapping[str, int]) -> list[str]:
    """``3 under audio, none (reason)`` from ``{"audio: reason": 3, …}``, one line per reason."""
    found: dict[tuple[str, int], list[str]] = {}
    for key, items in excluded.items():
        condition, _, reason = key.partition(": ")
        found.setdefault((reason, items), []).append(condition)
    return [
        f"{items:,} under {', '.join(names)} ({reason})" for (reason, items), names in found.items()
    ]


def sampling(results: Json) -> str:
    """How replies were drawn: ``At most 32 tokens, greedy.``; empty where a run does not say."""
    own = results.get("sampling")
    if not own:
        return ""
    room = f"at most {own['max_tokens']:,} tokens a reply"
    if own.get("thinking_tokens"):
        room += f" and {own['thinking_tokens']:,} more for thinking"
    drawn = "greedy"
    if own["temperature"]:
        drawn = f"sampled at temperature {own['temperature']:g}"
        drawn += f", top-p {own['top_p']:g}" if own.get("top_p", 1) < 1 else ""
        drawn += f", top-k {own['top_k']:,}" if own.get("top_k") else ""
    return f"Replies: {room}, {drawn}."


def restricted(results: Json) -> list[str]:
    """What is to be known of replies that were cut, and of items asked in one order only."""
    found = []
    cut, own = results.get("cut") or {"replies": 0}, results.get("sampling")
    if cut["replies"] and own:
        room = own["max_tokens"] + own.get("thinking_tokens", 0)
        found.append(
            f"{cut['replies']:,} replies were cut at {room:,} tokens, {cut['unparsable']:,} of "
            "them unparsable (--max-tokens gives more room)"
        )
    if results.get("one_option_order"):
        found.append(
            f"{results['one_option_order']:,} items have one order of options only (the options "
            "speak of others or of letters: see records-excluded.json)"
        )
    if results.get("one_order"):
        found.append(f"{results['one_order']:,} items have one order of clips only")
    return found


def verdict(results: Json) -> tuple[str, str]:
    """The headline: (does it listen, the numbers behind that) for one evaluation.

    It listens only if audio beats the hardest control (`harken.report.reference`) by both the exact
    test and the interval: a model that ignores the audio but refuses to answer without a clip gains
    over none, but not over mismatched audio. All numbers are over that control.
    """
    whole = results["overall"]
    cells, audio = whole["cells"], whole["cells"].get("audio")
    if audio is None and (cells.get("none") or {}).get("accuracy") is not None:
        return (
            "Asked without audio only.",
            f"It is right on {percent(cells['none']['accuracy'])} (chance "
            f"{percent(whole['chance'])}).",
        )
    if audio is None or audio["accuracy"] is None:
        return "Nothing was answered with audio.", "There is no accuracy to report."
    name = reference(results)
    if not name:
        return (
            "Not known whether it listens.",
            f"It is right on {percent(audio['accuracy'])} with audio; nothing was asked without.",
        )
    gain, over_none = whole["gains"][name], gain_over(whole, "none")
    if _sure(gain, 1):
        short = "It listens."
    elif over_none and name != "none" and _sure(over_none, 1):
        short = (
            "It gains from any audio, not from the item's own."
            if name == "swap"
            else f"It gains over none, not over {name}."
        )
    else:
        short = "The audio makes it worse." if _sure(gain, -1) else "No proof that it listens."
    none = cells.get("none") or {"accuracy": None}
    without = f" ({percent(none['accuracy'])} under none)" if name != "none" else ""
    numbers = (
        f"{percent(audio['accuracy'])} right with the audio, {percent(cells[name]['accuracy'])} "
        f"under {name}, the hardest control{without}: a paired gain over {name} of "
        f"{points(gain['difference'])} points "
        f"(95{GAP}% interval {gain_interval(gain['low'], gain['high'])}, {TEST} "
        f"{p_clause(gain['p'])}, {count(gain['items'])}; chance {percent(whole['chance'])})."
    )
    return short, numbers


TEST = "exact test by recording"
"""The paired test of gains and changes (`harken.stats.paired`), as sentences name it."""


def _sure(gain: Json, sign: int) -> bool:
    """Whether test and interval both show a gain of this sign."""
    low, high = gain["low"], gain["high"]
    if low is None or high is None:  # one recording only
        return False
    return bool(gain["p"] < ALPHA and (low if sign > 0 else -high) > 0)


def change(row: Json, condition: str = "audio") -> str:
    """One sentence on before (a) and after (b), from the comparison's row of all tasks."""
    paired = row["paired"]
    under = "with audio" if condition == "audio" else f"under {condition}"
    return (
        f"Before: {percent(row['a'])} {under}; after: {percent(row['b'])}, "
        f"{points(paired['difference'])} points on {count(paired['items'])} both answered "
        f"(95{GAP}% interval {gain_interval(paired['low'], paired['high'])}, {TEST} "
        f"{p_clause(paired['p'])}); {count(len(paired['better']))} gained, "
        f"{len(paired['worse']):,} lost."
    )
