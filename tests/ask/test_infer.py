"""Replies that were cut, and items without clips: in the denominator, or not asked, always told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import Fake, items

from harken.ask.plan import plan
from harken.ask.record import ask_and_score
from harken.audio.clip import Clip
from harken.item import Item
from harken.models.base import PromptStyle, Reply, Sampling
from harken.runs import Run


def cut(text: str) -> Fake:
    return Fake(say=lambda prompt: Reply(text, "length"))


@pytest.mark.parametrize("text", ["", " \n", "<think>It may be A. Or", "The sound in this"])
def test_a_cut_reply_without_an_answer_is_unparsable_and_counts(text):
    (record,) = ask_and_score(cut(text), items(1))
    assert (record["outcome"], record["value"]) == ("unparsable", 0.0)
    assert (record["stop"], record["error"]) == ("length", None)
    assert record["text_outcome"] == "unparsable"


@pytest.mark.parametrize("text", ["A", "A. rain", "The answer is A. Because it", "rain"])
def test_a_cut_reply_with_an_answer_is_read(text):
    (record,) = ask_and_score(cut(text), items(1))
    assert (record["outcome"], record["stop"]) == ("correct", "length")


def test_probabilities_decide_although_the_reply_was_cut():
    model = cut("")
    model.chances = lambda prompt: (-0.1, -3.0, -4.0, -5.0)
    (record,) = ask_and_score(model, items(1))
    assert (record["how"], record["outcome"]) == ("logprob", "correct")
    assert record["text_outcome"] == "unparsable"


def test_a_cut_reply_stays_an_answer_where_probabilities_cannot_be_computed():
    model = cut("")

    def broken(prompt):
        raise ValueError("no probabilities")

    model.chances = broken
    with pytest.warns(UserWarning, match="one by one"):
        records = ask_and_score(model, items(2))
    assert {record["outcome"] for record in records} == {"unparsable"}


def test_open_answers_that_were_cut_count_as_well():
    item = Item(question="Name all sounds", answer="rain, dog", clips=items(1)[0].clips)
    assert [r["outcome"] for r in ask_and_score(cut(""), [item])] == ["unparsable"]
    assert [r["outcome"] for r in ask_and_score(cut("rain, dog"), [item])] == ["correct"]


HEARING = ("audio", "silence", "silence-30", "swap", "clip-1", "fragment-1of2", "clips-1+2")


@pytest.mark.parametrize("condition", HEARING)
def test_an_item_without_clips_is_asked_under_no_condition_with_sound(condition):
    bare, *others = items(3, clips=2)
    bare = bare.with_clips(())
    made = plan(Fake(), [bare, *others], {"conditions": [condition, "none"]})
    asked = [(r.planned["item"], r.planned["condition"]) for r in made.requests]
    assert (bare.id, condition) not in asked and (bare.id, "none") in asked
    assert bare.id in made.excluded[condition]
    assert all(r.prompt.clips for r in made.requests if r.planned["condition"] != "none")


@pytest.mark.parametrize("path", ["", "there is no such.wav"])
def test_a_clip_that_names_no_file_is_heard_by_nobody(path):
    """The prompt keeps its clip, so a model that cannot load it fails with the reason."""
    item = replace(items(1)[0], clips=(Clip(path=path),))
    made = plan(Fake(), [item], {"conditions": ["audio"]})
    assert [len(r.prompt.clips) for r in made.requests] == [1]


def test_other_sampling_is_another_plan():
    how = [Sampling(), Sampling(64), Sampling(32, 0.5), Sampling(32, 0.5, top_p=0.9),
           Sampling(thinking_tokens=9), Sampling(32, 0.5, seed=7)]  # fmt: skip
    keys = [plan(Fake(), items(1), {"sampling": one}).requests[0].planned["key"] for one in how]
    assert len(set(keys)) == len(how)


@pytest.mark.parametrize(
    ("chances", "asked"),
    [
        ((-0.7, -0.7, -9.0, -9.0), 1),  # two at the top
        ((-0.1, -3.0, -3.0, -9.0), 0),  # two below it
        ((0.005, -5.0, -6.0, -7.0), 0),  # half precision may exceed 0 a little
        ((0.5, -5.0, -6.0, -7.0), 1),  # no log-probability
    ],
)
def test_text_is_generated_where_probabilities_do_not_decide(chances, asked):
    model = Fake(say=lambda prompt: "B", chances=lambda prompt: chances)
    (record,) = ask_and_score(model, items(1), replies="none")
    assert model.asked == asked
    assert (record["how"], record["parsed"]) == (("text", "dog") if asked else ("logprob", "rain"))


def test_a_failed_reply_has_no_probabilities():
    """Those that came with it are of a reply that is not there."""
    failed = Reply("", stop="failed", error="the line was cut", logprobs=(-0.1, -3.0, -4.0, -5.0))
    model = Fake(say=lambda prompt: failed)
    model.style = PromptStyle(letters=False)
    (record,) = ask_and_score(model, items(1), max_failed=1.0)
    assert (record["outcome"], record["value"], record["logprobs"]) == ("failed", None, None)


class Keeping(Fake):
    """Stores its replies; `down` are the questions that fail for now."""

    def __init__(self, down):
        super().__init__(say=lambda prompt: self.answer(prompt))
        self.down = down

    def answer(self, prompt):
        failed = any(name in prompt.question for name in self.down)
        return Reply("", stop="failed", error="busy") if failed else Reply("A")

    def keep(self, folder):
        pass

    def report(self):
        return {}


@pytest.mark.parametrize("down", ["in 0?", "in 1?", "in 3?"])
def test_what_failed_is_asked_again_of_a_model_that_stores_its_replies(down, tmp_path):
    with Run.open(tmp_path, {}) as run:
        first = ask_and_score(Keeping([down]), items(4), run=run, batch=2, max_failed=1.0)
        assert [r["outcome"] == "failed" for r in first].count(True) == 1
        whole = Keeping([])
        again = ask_and_score(whole, items(4), run=run, batch=2)
    assert all(record["outcome"] != "failed" for record in again)
    assert whole.asked == 2  # the batch of the failed one; the other is kept
