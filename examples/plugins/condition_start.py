"""A condition: only the first so many seconds of every clip, ``start-2`` for two seconds.

Run: ``harken --plugin condition_start.py eval model items -o runs/start --condition audio
--condition start-2``; then ``harken --plugin condition_start.py report runs/start``
"""

from harken.ask.conditions.base import Condition, each
from harken.ask.conditions.load import CONDITIONS
from harken.audio.single import duration_s, span
from harken.item import Item


def change(item: Item, seconds: str) -> Item | str:
    if any(duration_s(clip) <= int(seconds) for clip in item.clips):
        return f"a clip is no longer than {seconds} s"
    return item.with_clips([span(clip, 0.0, float(seconds)) for clip in item.clips])


CONDITIONS.add(
    Condition(
        "start-S",
        "only the first S seconds of each clip",
        each(change),
        pattern=r"start-([1-9]\d*)",
        says=lambda seconds: f"only the first {seconds} s of each clip",
    )
)
