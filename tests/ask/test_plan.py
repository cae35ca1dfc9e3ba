"""Plans: what is asked, what it is known by, and in which order."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harken.ask.conditions.load import conditioned, named
from harken.ask.infer import batches_of
from harken.ask.plan import count, plan, sampling_of
from harken.ask.record import ask_and_score, score_all
from harken.audio.clip import Clip
from harken.errors import ConfigError, RunError
from harken.item import HIDDEN, Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling

sys.path.insert(0, str(Path(__file__).parent))
from fakes import Fake, items


class Scribe:
    """Writes each clip's file name, and fails on those in `deaf_to`."""

    name = "scribe"

    def __init__(self, deaf_to: str = "") -> None:
        self.deaf_to = deaf_to

    def read(self, prompts):
        return [self._one(prompt) for prompt in prompts]

    def _one(self, prompt: Prompt):
        if any(clip.path == self.deaf_to for clip in prompt.clips):
            return Reply("", stop="failed", error="scribe: too loud")
        parts = [p if isinstance(p, str) else f"heard: {p.path}" for p in prompt.parts]
        return replace(prompt, parts=tuple(parts))

    def identity(self):
        return "scribe"


def test_fragments_tile_every_clip():
    (item,) = items(1, clips=2)
    names = named(["audio", "fragment-4", "audio"])
    assert names == ["audio", *(f"fragment-{k}of4" for k in (1, 2, 3, 4))]
    for clip in (0, 1):
        cuts = [conditioned([item], name)[0][1].clips[clip] for name in names[1:]]
        assert [cut.start_s for cut in cuts] == [0.0, 0.25, 0.5, 0.75]
        assert {cut.duration_s for cut in cuts} == {0.25}
        assert len({cut.key for cut in cuts}) == 4


@pytest.mark.parametrize("name", ["fragment-5of4", "fragment-1of1", "fragment-0of4", "fragment"])
def test_no_such_fragment(name):
    with pytest.raises(ConfigError):
        plan(Fake(), items(1), {"conditions": [name]})


def test_a_broken_recording_is_left_out_with_its_reason():
    item = replace(items(1)[0], clips=(Clip(path="/nowhere.wav"),))
    made = plan(Fake(), [item], {"conditions": ["audio", "fragment-2", "silence"]})
    nobody = dict.fromkeys(("fragment-1of2", "fragment-2of2", "silence"), 0)
    assert count(made)["by"] == {"audio": 1, **nobody}
    assert set(made.excluded) == {"fragment-1of2", "fragment-2of2", "silence"}


def test_texts_replace_clips_and_nothing_else_changes():
    made = plan(Fake(), items(2, clips=2), {"conditions": ["audio", "transcript"],
                                            "listeners": {"transcript": Scribe()}})  # fmt: skip
    heard, read = (r.prompt for r in made.requests if r.planned["item"] == items(2, 2)[0].id)
    assert len(heard.clips) == 2 and not read.clips
    assert "heard: 0-1.wav" in read.parts and "clip 2:" in read.parts
    assert heard.choices == read.choices and heard.parts[-1] == read.parts[-1]


def test_a_failed_listener_gives_a_failed_record_never_a_wrong_one():
    model = Fake()
    records = ask_and_score(model, items(3), conditions=["transcript"], max_failed=0.5,
                        listeners={"transcript": Scribe(deaf_to="1-0.wav")})  # fmt: skip
    assert [t["outcome"] for t in records].count("failed") == 1
    assert records[1]["error"] == "scribe: too loud" and records[1]["value"] is None
    assert model.asked == 2


def test_a_condition_without_its_listener_is_refused():
    with pytest.raises(ConfigError, match="--asr"):
        plan(Fake(), items(1), {"conditions": ["transcript"]})


def test_orders_of_clips_keep_the_right_answer_right():
    item = Item(
        question="Which clip is the dog?",
        answer="clip 2",
        choices=("clip 1", "clip 2", "clip 3"),
        clips=tuple(Clip(path=f"{name}.wav", duration_s=1.0) for name in ("rain", "dog", "cat")),
    )

    def say(prompt):  # hears: the place of the dog among the clips that are there
        paths = [clip.path for clip in prompt.clips]
        return f"clip {paths.index('dog.wav') + 1}" if paths else "clip 2"

    records = ask_and_score(Fake(say), [item], clip_rotations="all", rotations="all",
                        conditions=("audio", "none"))  # fmt: skip
    assert len(records) == 2 * 3 * 3 and len({t["key"] for t in records}) == 18
    heard = [t for t in records if t["condition"] == "audio"]
    assert all(t["outcome"] == "correct" and t["parsed"] == "clip 2" for t in heard)
    assert all(t["choices"][t["gold_shown"]] == t["reply"] for t in heard)
    # "clip 2" said blindly is right in one order of three.
    assert [t["outcome"] for t in records if t["condition"] == "none"].count("correct") == 3


def test_an_item_whose_text_fixes_the_order_has_one_order_and_a_reason():
    item = replace(items(1, clips=2)[0], question="What is in the first clip?")
    made = plan(Fake(), [item], {"clip_rotations": 2})
    assert len(made.requests) == 1 and not made.excluded
    assert "'first'" in made.exclusions()["clip-rotations"][item.id]


def test_rotations_share_a_batch_and_swapped_items_follow_their_donors():
    made = plan(Fake(), items(32), {"conditions": ["audio", "none", "swap"], "rotations": "all"})
    batches = batches_of(made, 8)
    assert sorted(r.planned["key"] for b in batches for r in b) == sorted(
        r.planned["key"] for r in made.requests
    )
    for batch in batches:
        names = [(r.planned["item"], r.planned["condition"]) for r in batch]
        assert len(batch) == 4 * len(set(names)) <= 32
        assert names == [name for name in dict.fromkeys(names) for _ in range(4)]
    spread: dict[str, list[int]] = {}
    for place, batch in enumerate(batches):
        for request in batch:
            for clip in request.prompt.clips:
                spread.setdefault(clip.key, []).append(place)
    assert max(max(places) - min(places) for places in spread.values()) <= 2 * 3


def test_the_key_covers_all_that_determines_a_reply():
    def keys(model, **asking):
        return {r.planned["key"] for r in plan(model, items(2), asking).requests}

    first = keys(Fake())
    assert first == keys(Fake())
    for other in (keys(Fake(tag="b")), keys(Fake(), seed=1), keys(Fake(), conditions=["none"])):
        assert first.isdisjoint(other)


def test_the_key_holds_how_replies_are_drawn_and_what_is_shown():
    def keys(item, style=None, **asking):
        model = Fake()
        model.style = style or model.style
        return {r.planned["key"] for r in plan(model, [item], asking).requests}

    (item,) = items(1)
    first = keys(item)
    for sampling in (Sampling(max_tokens=8), Sampling(temperature=1.0), Sampling(top_k=3)):
        assert first.isdisjoint(keys(item, sampling=sampling))
    # The words of the prompt are the same, and yet the one says "yes" and the other "A".
    polar = replace(item, answer="yes", choices=("yes", "no"))
    text, letters = (PromptStyle(letters=shown, hide_implied=True) for shown in (False, True))
    assert keys(polar, text).isdisjoint(keys(polar, letters))


def test_the_seed_of_a_run_decides_replies_and_swaps():
    """A sampling may have a seed of its own; clips are swapped by the seed of the run."""
    assert sampling_of({"seed": 3}).seed == 3
    assert sampling_of({"seed": 3, "sampling": Sampling(temperature=1.0)}).seed == 3
    assert sampling_of({"seed": 3, "sampling": Sampling(seed=5)}).seed == 5

    def swapped(seed):
        made = plan(Fake(), items(20), {"conditions": ["swap"], "seed": seed})
        return [request.prompt.clips[0].path for request in made.requests]

    assert swapped(1) == swapped(1) != swapped(2)
    assert sorted(swapped(1)) == sorted(swapped(2))


def test_clips_under_a_condition_are_turned_with_the_words():
    """Clip 2 alone is heard: where it stands is where the sound is."""
    item = Item(
        question="Which clip is the dog?",
        answer="clip 2",
        choices=("clip 1", "clip 2", "clip 3"),
        clips=tuple(Clip(path=f"{name}.wav", duration_s=1.0) for name in ("rain", "dog", "cat")),
    )

    def say(prompt):
        heard = [clip.path == "dog.wav" and clip.kind == "file" for clip in prompt.clips]
        return f"clip {heard.index(True) + 1}"

    records = ask_and_score(Fake(say), [item], clip_rotations="all", conditions=("clip-2",))
    assert [t["clip_rotation"] for t in records] == [0, 1, 2]
    assert {t["outcome"] for t in records} == {"correct"}
    assert {t["parsed"] for t in records} == {"clip 2"}  # in the item's own words
    assert [t["reply"] for t in records] == ["clip 2", "clip 1", "clip 3"]


def test_replies_for_all_for_plain_or_for_no_requests():
    chances = (-0.1, -3.0, -3.0, -3.0)
    for mode, words in (("all", 24), ("plain", 3), ("none", 0)):
        model = Fake(chances=lambda prompt: chances)
        ask_and_score(model, items(3), conditions=("audio", "none"), rotations="all", replies=mode)
        assert model.asked == words


def test_items_with_withheld_answers_are_asked_but_not_scored():
    hidden = [replace(item, answer="", tags=(HIDDEN,)) for item in items(2)]
    records = ask_and_score(Fake(), hidden)
    assert [t["outcome"] for t in records] == ["hidden", "hidden"]
    assert records[0]["parsed"] == "rain" and records[0]["value"] is None


def test_scoring_needs_every_reply():
    made = plan(Fake(), items(1), {})
    with pytest.raises(RunError, match="no reply"):
        score_all([r.planned for r in made.requests], {})
