"""From a run to replies that can be handed in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from harken.evaluate.benchmarks import submit
from harken.evaluate.benchmarks.load import open_benchmark
from harken.item import Item


def test_the_first_order_is_submitted_and_open_replies_as_generated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shut = Item("Which?", "clip 1", ("clip 1", "clip 2"), plan={"key": "a", "row": {}})
    free = Item("What?", "a dog", plan={"key": "b", "row": {}})

    def record(item: Item, parsed: str, reply: str, turned: int = 0) -> dict[str, object]:
        about = {"condition": "audio", "rotation": 0, "clip_rotation": turned}
        return {"item": item.id, "outcome": "wrong", "parsed": parsed, "reply": reply, **about}

    records = [
        record(shut, "clip 1", "Clip 1."),
        record(free, "dog", "It is a dog!"),
        record(shut, "clip 2", "Clip 1.", turned=1),  # the same words mean another clip here
    ]
    del records[0]["clip_rotation"]  # as in runs of before clips were turned
    run = SimpleNamespace(records=lambda _: records)
    monkeypatch.setattr(submit, "read_run", lambda _: run)
    texts, notes = submit.replies_of(open_benchmark("own"), [shut, free], Path("run"))
    assert texts == {"a": "clip 1", "b": "It is a dog!"} and not notes
