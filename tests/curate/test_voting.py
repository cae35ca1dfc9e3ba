"""What voters are asked: controls beside the audio, and what need not be asked."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from test_curate import Listener, labels, make_items

from harken.ask.prompt import prompt_text
from harken.curate.labels import CurateSettings
from harken.curate.run import run
from harken.errors import ConfigError
from harken.models.base import Prompt
from harken.models.text_only.linear import Linear
from harken.models.text_only.random import Random
from harken.shards.read import open_dataset


class Reader(Listener):
    """Also finds the gold in words that stand in the place of a clip."""

    name = "reader"

    def chances(self, prompt: Prompt) -> list[float]:
        said = [choice for choice in prompt.choices if f"sound of {choice}" in prompt_text(prompt)]
        size = len(prompt.choices)
        if said:
            return [0.7 if c == said[0] else 0.3 / (size - 1) for c in prompt.choices]
        return super().chances(prompt)


class Captioner:
    """Writes what the items' answers are, but for the last half."""

    name = "captioner"

    def __init__(self, items):
        self.answers = {item.clips[0].key: item.answer for item in items[: len(items) // 2]}

    def read(self, prompts):
        found = []
        for prompt in prompts:
            words = f"sound of {self.answers.get(prompt.clips[0].key, 'something')}"
            parts = tuple(words if not isinstance(p, str) else p for p in prompt.parts)
            found.append(replace(prompt, parts=parts))
        return found

    def identity(self):
        return "captioner"


def requests(folder):
    """(item, condition) of every record of a curated folder."""
    return [
        (record["item"], record["condition"])
        for file in sorted((folder / "votes").glob("*.jsonl"))
        if not file.name.endswith((".plan.jsonl", ".replies.jsonl"))
        for record in map(json.loads, file.read_text().splitlines())
    ]


def test_controls_are_measured_beside_the_audio(tmp_path):
    """By hand: no text 1/4, the audio 0.91, a caption that says it 0.7, one that does not 1/4."""
    items = make_items(24)[12:]  # their text says nothing
    settings = CurateSettings(controls=("caption", "swap"))
    summary = run(items, [Reader(items)], tmp_path / "c", settings=settings,
                  listeners={"caption": Captioner(items)})  # fmt: skip
    for at, item in enumerate(items):
        own = labels(tmp_path / "c")[item.question][1].contribution
        told = math.log2(0.7 / 0.25) if at < 6 else 0.0
        assert dict(own.controls)["caption"] == pytest.approx(told, abs=1e-4)
        assert own.bits == pytest.approx(math.log2(0.91 / 0.25), abs=1e-4)
    measured = summary["measured"]["identify"]
    assert list(measured) == ["audio", "caption", "none", "swap"]
    assert {own["asked"] for own in measured.values()} == {12}
    assert measured["audio"]["right"] == 1.0 and measured["none"]["bits"] is None
    assert measured["caption"]["bits"] == pytest.approx(math.log2(0.7 / 0.25) / 2, abs=1e-4)
    # This voter's own answer stays the item's under another clip: it is looked up by the item.
    assert measured["swap"]["right"] == 1.0
    stored = next(iter(open_dataset(tmp_path / "c" / "undecided")))
    assert [name for name, _ in stored.contribution.controls] == ["caption", "swap"]


@pytest.mark.parametrize(
    ("controls", "listeners", "told"),
    [
        (("captoin",), (), "not a control"),
        (("audio",), (), "not a control"),
        (("caption",), (), "needs a model that writes it"),
        ((), ("caption",), "is not a control"),
    ],
)
def test_a_control_that_cannot_be_asked_is_refused_before_anything_is(
    tmp_path, controls, listeners, told
):
    items = make_items(4)
    with pytest.raises(ConfigError, match=told):
        run(items, [Reader(items)], tmp_path / "c", settings=CurateSettings(controls=controls),
            listeners={name: Captioner(items) for name in listeners})  # fmt: skip
    assert not (tmp_path / "c").exists()


def test_early_stop_gives_the_same_labels_and_asks_no_audio_of_weak_items(tmp_path):
    items = make_items(40, clips=2)
    voters = [Listener(items), Linear()]
    whole = run(items, voters, tmp_path / "whole")
    short = run(items, voters, tmp_path / "short", settings=CurateSettings(early_stop=True))
    assert whole["counts"] == short["counts"] and whole["counts"]["weak"] == 20
    before, after = labels(tmp_path / "whole"), labels(tmp_path / "short")
    for question, (label, item) in before.items():
        found, own = after[question]
        assert found == label
        if label == "weak":
            assert own.contribution.bits is None and own.contribution.shapley == ()
        else:
            assert own.contribution == item.contribution
    weak = {item.id for label, item in before.values() if label == "weak"}
    asked = requests(tmp_path / "short")
    assert {condition for item, condition in asked if item in weak} == {"none"}
    kept = [one for one in requests(tmp_path / "whole") if one[0] not in weak or one[1] == "none"]
    assert sorted(asked) == sorted(kept)


@pytest.mark.parametrize("need", [None, 1, 3])
def test_a_majority_is_not_asked_further_once_it_stands(tmp_path, need):
    """The third of three voters is asked only where the first two do not decide."""
    items = make_items(24)
    voters = [Listener(items), Listener(items), Random(1)]
    found, settings = {}, CurateSettings(need=need)
    for name, early in (("whole", False), ("short", True)):
        run(items, voters, tmp_path / name, rule="silence-vote",
            settings=replace(settings, early_stop=early))  # fmt: skip
        found[name] = {q: label for q, (label, _) in labels(tmp_path / name).items()}
    weak = {name: {q for q, label in own.items() if label == "weak"} for name, own in found.items()}
    assert weak["whole"] == weak["short"] != set()
    assert set(found["short"].values()) <= {"weak", "strong", "undecided"}
    saved = len(requests(tmp_path / "whole")) - len(requests(tmp_path / "short"))
    leaky = sum("leaky" in item.tags for item in items)
    assert saved >= {None: leaky, 1: 2 * leaky, 3: 0}[need]


def test_audio_dependence_takes_three_steps(tmp_path):
    """By silence, by common sense, by probability; else strong, if voters are shown to know."""
    items = make_items(40)

    class Sure(Listener):
        """Reads hints and is sure of them; ignores audio."""

        max_clips = 0

    class Silent(Listener):
        """Knows nothing but the first strong item, and that in silence only."""

        name = "silent"

        def chances(self, prompt):
            silent = bool(prompt.clips) and prompt.item_id == items[20].id
            return [0.97 if silent and c == items[20].answer else 0.25 for c in prompt.choices]

    summary = run(items, [Sure(items), Silent(items)], tmp_path / "c", rule="audio-dependence",
                  settings=CurateSettings(need=1))  # fmt: skip
    found = labels(tmp_path / "c")
    assert summary["counts"] == {"weak": 21, "strong": 19, "undecided": 0, "dropped": 0}
    assert "right in silence" in found[items[20].question][1].history[-1].note
    assert "right without audio" in found[items[0].question][1].history[-1].note
    # Two voters, both needed: only the probability is left, the mean of 0.91 and 0.25.
    both = run(items, [Sure(items), Silent(items)], tmp_path / "d", rule="audio-dependence")
    note = labels(tmp_path / "d")[items[0].question][1].history[-1].note
    assert both["counts"]["weak"] == 21 and "a probability of 0.58" in note
