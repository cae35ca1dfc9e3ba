"""docs/training.md lists every setting of every stage, and no other."""

from __future__ import annotations

import re
from dataclasses import fields

from harken.train.stages import STAGES
from paths import REPO


def test_the_guide_lists_every_setting() -> None:
    text = (REPO / "docs" / "training.md").read_text()
    rows = re.findall(r"^\| (all|`[a-z`, -]+`) \| (`.*`) \|$", text, re.MULTILINE)
    listed = {names: set(re.findall(r"`(\w+)`", keys)) for names, keys in rows}
    for name in STAGES:
        keys = {key for names, own in listed.items() if f"`{name}`" in names for key in own}
        known = {entry.name for entry in fields(STAGES.get(name).settings)} - {"name"}
        assert keys | listed["all"] == known, name
