"""The descent of an item as text for the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harken.report.item_text import describe

if TYPE_CHECKING:
    from harken.item import Item

_WIDTH = 96


def descent_text(found: dict[str, Any]) -> str:
    """Where an item is, what it is, its plan, its history by folder, and the items it leads to.

    Args:
        found: as `harken.clean.explain.Descent.to_dict` gives it.
    """
    from harken.item import Item

    places = [(one["folder"], Item.from_dict(one["item"])) for one in found["places"]]
    last = max((item for _, item in places), key=lambda item: len(item.history))
    lines = [describe(last), "", "plan:", *_plan(last.plan)]
    own = last.contribution
    if own is not None:
        lines.append(
            f"contribution: {own.label} by {own.rule}, {own.text_only_right} of "
            f"{own.text_only_asked} voters right without the audio"
        )
        lines += [f"  {name}: {bits:+.3f} bits" for name, bits in own.voters]
    lines += ["", "where it is:"]
    lines += [f"  {folder}{_last(item)}" for folder, item in places]
    lines += _others("made of, or a duplicate of:", found["made_of"])
    lines += _others("items that name it:", found["named_by"])
    if found["more"]:
        lines.append(f"  and {found['more']:,} more")
    if found["not_found"]:
        lines.append(
            f"named in its history, in none of the folders: {', '.join(found['not_found'])}"
        )
    return "\n".join(lines)


def _plan(plan: dict[str, Any]) -> list[str]:
    """A line for each value of the plan; long ones are cut."""
    if not plan:
        return ["  none: the item was not drawn by harken synth"]
    lines = []
    for key, value in plan.items():
        text = json.dumps(value, ensure_ascii=False)
        lines.append(f"  {key}: {text if len(text) <= _WIDTH else text[: _WIDTH - 1] + '…'}")
    return lines


def _last(item: Item) -> str:
    """The last line of an item's history."""
    if not item.history:
        return ""
    entry = item.history[-1]
    return f"  ({entry.step}: {entry.note})" if entry.note else f"  ({entry.step})"


def _others(title: str, held: dict[str, Any]) -> list[str]:
    """Other items with where they are."""
    from harken.item import Item

    if not held:
        return []
    lines = ["", title]
    for name, places in held.items():
        lines.append(f"  {name}")
        for one in places:
            lines.append(f"    {one['folder']}{_last(Item.from_dict(one['item']))}")
    return lines
