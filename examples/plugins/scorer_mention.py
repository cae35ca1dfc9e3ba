"""A scorer: a reply is right that mentions the gold and no other option, whatever else it says.

Run: ``harken --plugin scorer_mention.py eval model items -o runs/mention --scorer mention``
"""

from harken.ask.score import Score
from harken.ask.scorers.base import Scorer
from harken.ask.scorers.load import SCORERS
from harken.item import Item
from harken.models.base import Prompt, Reply


def score(item: Item, prompt: Prompt, reply: Reply) -> Score:
    if reply.stop == "failed":
        return Score("failed", None, rule="failed", note=reply.error or "the request failed")
    text = reply.text.casefold()
    options = item.choices or (item.answer,)
    found = [option for option in options if option.casefold() in text]
    if len(found) != 1:
        return Score("unparsable", 0.0, rule="mention", note=f"{len(found)} options mentioned")
    right = found[0] == item.answer
    return Score("correct" if right else "wrong", float(right), found[0], "mention")


SCORERS.add(Scorer("mention", "the reply mentions the gold and no other option", score))
