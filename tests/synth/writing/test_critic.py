"""Five grades: read from a model's JSON, or counted by rules; below 4 does not pass."""

from __future__ import annotations

import json

import numpy as np
import pytest
from written_items import of

from harken.item import Item
from harken.models.base import Reply
from harken.synth.verify.lexicon import Lexicon
from harken.synth.writing.critic import GRADES, RulesCritic, verdict_of
from harken.synth.writing.load import TASKS
from harken.synth.writing.tasks.questions import names_of

ITEM: Item = of("identify", n=1)[0]
LEXICON = Lexicon(names_of(ITEM))


def test_grades_are_whole_numbers_from_one_to_five() -> None:
    good = dict.fromkeys(GRADES, 4)
    assert verdict_of(Reply(f"```json\n{json.dumps(good)}\n```"), "r").passes
    low = verdict_of(Reply(json.dumps({**good, "fluency": 3, "reasons": "clumsy"})), "r")
    assert not low.passes and low.low == "fluency 3" and low.reasons == "clumsy"
    for bad in ("no", json.dumps({**good, "fluency": 7}), json.dumps({"fluency": 5})):
        found = verdict_of(Reply(bad), "r")
        assert not found.passes and "no grade for" in found.reasons
    failed = verdict_of(Reply("", stop="failed", error="timeout"), "r")
    assert failed.failed and not failed.passes


@pytest.mark.parametrize(
    ("field", "text", "low"),
    [
        ("short", "It is something. So the answer is unknown", "consistency"),
        ("audio", "One hears a violin and a banjo.", "structured"),
        ("type", 'it is is "asked', "fluency"),
    ],
)
def test_rules_give_low_grades_for_faults(field: str, text: str, low: str) -> None:
    fields = TASKS.get("reasoning").grammar(ITEM, np.random.default_rng(0))
    (good,) = RulesCritic().grade([ITEM], [fields], LEXICON)
    assert good.passes
    (bad,) = RulesCritic().grade([ITEM], [{**fields, field: text}], LEXICON)
    assert not bad.passes and low in bad.low
