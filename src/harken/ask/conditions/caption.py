"""caption: in place of every clip, what a named captioner wrote of it.

The item stays as it is; `harken.ask.plan` has the listener write the words into its prompt.
"""

from __future__ import annotations

from harken.ask.conditions.base import Condition, each

CONDITION = Condition(
    "caption",
    "a captioner's words in place of the sound",
    each(lambda item: item),
    listener="--captioner openai:NAME@URL",
)
