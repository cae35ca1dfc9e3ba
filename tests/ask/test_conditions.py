from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harken.ask.conditions.clip import clips_kept, minus, subset_name
from harken.ask.conditions.load import conditioned
from harken.ask.prompt import make_prompt, prompt_text, rotations_of, target
from harken.audio.clip import Clip, Part, ScenePlan
from harken.errors import ConfigError
from harken.item import Item
from harken.models.base import PromptStyle


def make(number, clips=1, recordings=None):
    own = recordings or [f"r{number}-{k}" for k in range(clips)]
    return Item(
        question=f"What is heard in {number}?",
        answer="dog",
        choices=("rain", "dog", "cat"),
        clips=tuple(Clip(path=f"{name}.wav", duration_s=1.5 + k) for k, name in enumerate(own)),
        recordings=tuple(own),
    )


def under(item, name):
    ((original, changed),) = conditioned([item], name)
    assert original is item
    return changed


def test_audio_and_none():
    item = make(1, 2)
    assert under(item, "audio") == item
    assert under(item, "none").clips == ()
    text = prompt_text(make_prompt(under(item, "none"), PromptStyle()))
    assert "clip" not in text


def test_silence_keeps_lengths_and_the_other_kind_is_30_s():
    item = make(1, 2)
    assert [(c.kind, c.duration_s) for c in under(item, "silence").clips] == [
        ("silence", 1.5),
        ("silence", 2.5),
    ]
    assert [c.duration_s for c in under(item, "silence-30").clips] == [30.0, 30.0]


def test_clip_k_leaves_one_audible():
    item = make(1, 3)
    for k in (1, 2, 3):
        kinds = [clip.kind for clip in under(item, f"clip-{k}").clips]
        assert kinds == ["file" if i == k - 1 else "silence" for i in range(3)]
    assert under(item, "clips-1+3") == minus(item, {0, 2})
    reasons = {}
    assert conditioned([item], "clip-4", 0, reasons) == [(item, None)]
    assert "no clip 4" in reasons[item.id]


def test_subset_names_round_trip():
    assert subset_name((), 3) == "silence" and subset_name((0, 1, 2), 3) == "audio"
    assert clips_kept(subset_name({2, 0}, 3)) == (0, 2)


@pytest.mark.parametrize("name", ["noise", "clip-0", "clip-", "clips-1+", "clip-1+2", "silence-20"])
def test_unknown_names_are_refused(name):
    with pytest.raises(ConfigError):
        conditioned([make(1)], name)


def test_items_without_clips_are_excluded_with_a_reason():
    item = Item(question="2 + 2?", answer="4", choices=("4", "5"))
    for name in ("audio", "silence", "swap", "clip-1", "silence-30"):
        reasons = {}
        assert conditioned([item], name, 0, reasons) == [(item, None)]
        assert "no clips" in reasons[item.id]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=3, unique=True), max_size=25),
    st.integers(0, 5),
)
def test_swap_gives_everyone_foreign_sounds_or_a_reason(shapes, seed):
    items = {i.id: i for n, s in enumerate(shapes) for i in [make(n, len(s), [f"r{x}" for x in s])]}
    known, reasons = list(items.values()), {}
    pairs = conditioned(known, "swap", seed, reasons)
    assert [a for a, _ in pairs] == known
    assert pairs == conditioned(known, "swap", seed)
    for item, changed in pairs:
        others = [
            other
            for other in known
            if len(other.clips) == len(item.clips)
            and not set(other.recordings) & set(item.recordings)
        ]
        if changed is None:
            assert not others and item.id in reasons
        else:
            assert changed.clips in [other.clips for other in others]
            assert changed.question == item.question


def test_swap_is_a_derangement_that_seeds_change():
    items = [make(n) for n in range(50)]
    got = [changed.clips for _, changed in conditioned(items, "swap", 1)]
    assert sorted(c[0].path for c in got) == sorted(i.clips[0].path for i in items)
    assert got != [changed.clips for _, changed in conditioned(items, "swap", 2)]


def foreign(items):
    """Pairs of each item and the one whose clips it gets under ``swap``; there must be one."""
    donors = {item.clips: item for item in items}
    for seed in range(5):
        for item, changed in conditioned(items, "swap", seed):
            assert changed is not None
            yield item, donors[changed.clips]


def cut(number, source, **more):
    """An item about a file of its own, cut from the recording `source`."""
    clip = Clip(path=f"cut-{number}.wav", duration_s=1.0, **more)
    return replace(make(number), clips=(clip,), recordings=(source,))


def test_swap_takes_no_other_cut_of_the_same_recording():
    """Files and hashes of cuts differ, and yet what is heard may be the same dog."""
    items = [cut(n, f"source {n % 6}", sha256=f"{n:064x}") for n in range(24)]
    for item, donor in foreign(items):
        assert item.recordings != donor.recordings


def test_swap_takes_no_copy_under_another_name():
    """Equal bytes are one sound, whatever corpus they were found in and wherever it is cut."""
    items = [cut(n, f"source {n}", sha256=f"{n % 6:064x}", start_s=n / 10) for n in range(24)]
    for item, donor in foreign(items):
        assert item.clips[0].sha256 != donor.clips[0].sha256


def test_swap_takes_no_scene_that_holds_the_same_sound():
    def scene(number):
        """Sound `number` of six, and another one."""
        parts = [Clip(path=f"{n}.wav", duration_s=1.0) for n in (number % 6, 6 + number)]
        plan = ScenePlan(tuple(Part(part, float(i)) for i, part in enumerate(parts)), 2.0)
        clip = Clip("plan", duration_s=2.0, plan=plan)
        return replace(make(number), clips=(clip,), recordings=())

    for item, donor in foreign([scene(n) for n in range(24)]):
        held = [{part.clip.path for part in one.clips[0].plan.parts} for one in (item, donor)]
        assert held[0].isdisjoint(held[1])


def test_rotations_are_cyclic_and_the_target_follows():
    item = make(1)
    prompts = [make_prompt(item, PromptStyle(), r) for r in rotations_of(item, "all")]
    assert [p.order for p in prompts] == [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    assert [target(item, p) for p in prompts] == ["B", "A", "C"]
    assert target(item, make_prompt(item, PromptStyle(letters=False))) == "dog"
    assert list(rotations_of(item, 9)) == [0, 1, 2]
    with pytest.raises(ConfigError):
        rotations_of(item, 0)


def test_prompts_mark_clips_and_follow_the_style():
    item = make(1, 2)
    parts = make_prompt(item, PromptStyle(instruction="Answer with the letter.")).parts
    assert parts[0] == "clip 1:" and parts[1] == item.clips[0]
    assert parts[-1].endswith("C. cat\nAnswer with the letter.")
    first = make_prompt(item, PromptStyle(question_first=True, mark_clips=False, letters=False))
    assert first.parts[1:] == item.clips and "- dog" in first.parts[0]
    assert make_prompt(item, PromptStyle(), order=(2, 0, 1)).choices == ("cat", "rain", "dog")
    with pytest.raises(ConfigError):
        make_prompt(item, PromptStyle(), order=(0, 0, 1))


def test_a_part_without_samples_is_none() -> None:
    clip = Clip(path="a.wav", duration_s=1 / 16_000)
    item = Item(question="What?", answer="a", choices=("a", "b"), clips=(clip,))
    reasons: dict[str, str] = {}
    assert conditioned([item], "fragment-1of2", reasons=reasons) == [(item, None)]
    assert "no 2 parts" in reasons[item.id]


SHARED = {
    "one recording everywhere": lambda n: "hub",
    "all but a few": lambda n: "hub" if n % 400 else f"r{n}",
    "all but one in twenty": lambda n: "hub" if n % 20 else f"r{n}",
    "two recordings": lambda n: ("hub", "other")[n % 300 == 0],
    "every other one": lambda n: "hub" if n % 2 else f"r{n}",
}


@pytest.mark.parametrize("kind", SHARED)
def test_swap_looks_at_few_others_where_most_items_share_a_recording(kind, monkeypatch):
    """Twice the items, about twice the comparisons; whoever can have a donor has one."""
    from harken.ask.conditions import swap as module

    compared = []

    class Counted(frozenset):
        def isdisjoint(self, other):
            compared.append(1)
            return frozenset.isdisjoint(self, other)

    sounds = module._sounds
    monkeypatch.setattr(module, "_sounds", lambda item: Counted(sounds(item)))
    counts = []
    for size in (800, 1600):
        known = [make(n, 1, [SHARED[kind](n)]) for n in range(size)]
        compared.clear()
        found = module.swap(known, 0)
        counts.append(len(compared))
        for item, other in zip(known, found, strict=True):
            if isinstance(other, str):
                assert len({i.recordings for i in known}) == 1
            else:
                assert not {c.path for c in other.clips} & {c.path for c in item.clips}
    assert counts[1] < 2.5 * counts[0] + 100 and counts[1] < 600 * 1600
