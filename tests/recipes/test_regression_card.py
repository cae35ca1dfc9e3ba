"""The card: hand-checkable changes by skill, forgetting only where test and interval agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harken.errors import RunError
from harken.item import Item
from harken.recipes.regression_card import card, measure_skills
from harken.report import regression_card as words
from harken.runs import Run, read_run
from made_items import contents
from tiny_audio import NAMES, alike, mini, named

Answer = Mapping[str, Any]


def written(folder: Path, answers: list[Answer]) -> Path:
    """A finished measurement with these answers: skill, group, right, or reply; and the loss."""
    with Run.open(folder, {"kind": "held-out", "name": folder.name}) as run:
        for at, own in enumerate(answers):
            record = {
                "item": f"i{at}",
                "outcome": own.get("outcome") or ("correct" if own.get("right") else "wrong"),
                "options": [] if "reply" in own else ["a", "b"],
                "reply": own.get("reply", ""),
            }
            asked = {"item": f"i{at}", "skill": own["skill"], "group": own.get("group", at)}
            run.append("records" if own["skill"] != "text-only" else "text-only", [record])
            run.append("asked", [{**asked, "answer": own.get("answer", "")}])
            if "nats" in own:
                run.append("losses", [{"item": f"i{at}", "nats": own["nats"], "tokens": 2}])
        run.finish()
    return folder


def closed(skill: str, right: list[int], **more: Any) -> list[Answer]:
    return [{"skill": skill, "right": bool(one), **more} for one in right]


def made(tmp_path: Path, old: list[Answer], new: list[Answer]) -> dict[str, Any]:
    return card(written(tmp_path / "before", old), written(tmp_path / "after", new))


def row(found: Mapping[str, Any], skill: str, measure: str) -> dict[str, Any]:
    (own,) = (s for s in found["skills"] if s["skill"] == skill)
    (one,) = (m for m in own["measures"] if m["measure"] == measure)
    return dict(one)


def test_gained_and_forgotten_by_mcnemar(tmp_path: Path) -> None:
    old = closed("single-audio", [0] * 20 + [1] * 5) + closed("text-only", [1] * 20 + [0] * 5)
    new = closed("single-audio", [1] * 20 + [1] * 5) + closed("text-only", [0] * 10 + [1] * 15)
    found = made(tmp_path, old, new)
    single, text = (row(found, name, "right") for name in ("single-audio", "text-only"))
    assert (single["before"], single["after"], single["difference"]) == (0.2, 1.0, 0.8)
    assert single["p"] == pytest.approx(2 * 0.5**20, abs=1e-6) and single["change"] == "better"
    # Ten lost and five gained: far from sure.
    assert text["difference"] == -0.2 and text["change"] == "not shown"
    assert text["p"] == pytest.approx(0.301758, abs=1e-6)
    assert found["gained"] == ["single-audio"] and found["forgotten"] == []
    assert found["not_measured"] == ["multi-audio", "words", "open-ended"]


def test_forgetting_is_named(tmp_path: Path) -> None:
    old = closed("text-only", [1] * 20) + closed("multi-audio", [1] * 12)
    new = closed("text-only", [0] * 12 + [1] * 8) + closed("multi-audio", [1] * 12)
    found = made(tmp_path, old, new)
    assert found["forgotten"] == ["text-only"] and found["gained"] == []
    assert row(found, "multi-audio", "right")["change"] == "not shown"
    text = words.card_text({**found, "source": "the split dev"})
    assert "forgotten in text-only." in text and "no gain is shown" in text
    assert "forgotten: text-only: right 100.0 % → 40.0 % (−60.0 points" in text
    assert "Not measured, for lack of items: single-audio, words and open-ended." in " ".join(
        text.split()
    )


def test_items_of_one_recording_are_one_observation(tmp_path: Path) -> None:
    old, new = (closed("single-audio", [n] * 20, group=0) for n in (1, 0))
    found = row(made(tmp_path, old, new), "single-audio", "right")
    assert found["low"] is None and found["change"] == "too few" and found["difference"] == -1


def test_words_and_losses(tmp_path: Path) -> None:
    """Errors by hand: one substitution of three words, then none, with a clip of one word."""

    def said(replies: list[str], nats: float) -> list[Answer]:
        answers = ["the red dog", "stop"]
        both = zip(replies * 6, answers * 6, strict=True)
        return [{"skill": "words", "reply": r, "answer": a, "nats": nats} for r, a in both]

    found = made(
        tmp_path, said(["The red cat.", "stop now"], 2.0), said(["the red dog", "stop"], 3)
    )
    errors, loss = row(found, "words", "word errors"), row(found, "words", "loss")
    assert errors["before"] == pytest.approx(2 / 4) and errors["after"] == 0
    assert errors["difference"] == pytest.approx(-0.5) and errors["change"] == "better"
    assert (loss["before"], loss["after"], loss["difference"]) == (1.0, 1.5, 0.5)
    assert loss["change"] == "worse" and found["gained"] == found["forgotten"] == ["words"]
    text = words.verdict({**found, "source": "x"})
    assert "In words, one measure rose and another fell" in text


def test_failed_answers_are_not_wrong_ones(tmp_path: Path) -> None:
    old = closed("single-audio", [1] * 10)
    new = [*closed("single-audio", [1] * 8), *closed("single-audio", [0] * 2, outcome="failed")]
    found = row(made(tmp_path, old, new), "single-audio", "right")
    assert found["items"] == 8 and found["before"] == found["after"] == 1.0


def test_other_items_and_unfinished_measurements_are_refused(tmp_path: Path) -> None:
    old = written(tmp_path / "a", closed("words", [1, 1]))
    with pytest.raises(RunError, match="other items"):
        card(old, written(tmp_path / "b", closed("words", [1, 1, 1])))
    with Run.open(tmp_path / "c", {}):
        pass
    with pytest.raises(RunError, match="not complete"):
        card(old, tmp_path / "c")


def test_a_model_is_measured_once_and_on_everything(tmp_path: Path) -> None:
    learner = mini(2)
    items: list[Item] = [named(tmp_path, name, 0, 0.2) for name in NAMES[:2]]
    items += [alike(tmp_path, "noise", "clicks"), items[0].with_clips(())]
    items += [replace(items[1], choices=(), question="Name the sound in the clip.", tags=("word",),
                      facts=())]  # fmt: skip
    for _ in range(2):
        measure_skills(learner, items, tmp_path / "m", 0)
        done = contents(tmp_path / "m")
    run = read_run(tmp_path / "m")
    assert run.count("records") == 4 and run.count("text-only") == 1
    assert run.count("losses") == 5 == run.count("asked")
    assert {one["skill"] for one in run.records("asked")} == {
        "single-audio", "multi-audio", "text-only", "words",
    }  # fmt: skip
    measure_skills(mini(2), items, tmp_path / "m", 0)  # an equal model: loaded
    assert contents(tmp_path / "m") == done
    with pytest.raises(RunError):
        measure_skills(mini(3), items, tmp_path / "m", 0)
    found = card(tmp_path / "m", tmp_path / "m")
    assert found["gained"] == found["forgotten"] == [] and found["items"] == 5
