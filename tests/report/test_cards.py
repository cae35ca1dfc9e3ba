"""Which items are shown, and what is shown of each."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harken.audio.clip import Clip, Part, ScenePlan, silence
from harken.item import Item
from harken.report.cards import SoundBudget, card, changed_answers, choose, clip_name, picked
from scored_records import chirp, make_items, record

GROUPS = st.dictionaries(
    st.integers(0, 10_000).map(lambda n: f"{n:016x}"),
    st.tuples(st.sampled_from(["t", "u", "v"]), st.sampled_from(["correct", "wrong", "failed"])),
    max_size=60,
)


@given(GROUPS, st.integers(0, 40))
def test_groups_take_turns(groups: dict[str, tuple[str, ...]], most: int) -> None:
    picked = choose(groups, most)
    assert len(picked) == len(set(picked)) == min(most, len(groups))
    counts = dict.fromkeys(groups.values(), 0)
    for item in picked:
        counts[groups[item]] += 1
    for group, n in counts.items():
        # A group has fewer than another only if it has no more items to give.
        whole = sum(g == group for g in groups.values())
        assert n == whole or n >= max(counts.values()) - 1


def test_the_choice_depends_on_ids_and_seed_only() -> None:
    groups = {f"{n:016x}": ("t",) for n in range(50)}
    backwards = dict(reversed(groups.items()))
    assert choose(groups, 10) == choose(backwards, 10)
    assert choose(groups, 10) != choose(groups, 10, seed=1)


def test_a_shared_clip_is_stored_once(tmp_path: Path) -> None:
    clip = chirp(tmp_path / "a.wav", 1)
    items = [Item(f"{i}?", "a", ("a", "b"), clips=(clip, clip)) for i in range(3)]
    sounds = SoundBudget()
    entries = [sounds.take(item) for item in items]
    assert len(sounds.stored) == 1 and all(e and len(e) == 2 for e in entries)
    (stored,) = sounds.stored.values()
    assert sounds.used == pytest.approx(sum(len(stored[k]) for k in ("uri", "wave", "mel")), abs=50)


def test_the_audio_budget_is_kept(tmp_path: Path) -> None:
    items = make_items(tmp_path, 9)
    sounds = SoundBudget(budget=150_000)
    fitted = [sounds.take(item) is not None for item in items]
    assert any(fitted) and not all(fitted)
    assert sounds.used <= 150_000


def test_a_broken_clip_is_noted_on_its_card(tmp_path: Path) -> None:
    item = Item("q?", "a", ("a", "b"), clips=(Clip(path=str(tmp_path / "no.wav")),))
    entries = SoundBudget().take(item)
    assert entries is not None
    assert entries[0]["sound"] is None and "missing" in entries[0]["fault"]


def test_answers_over_rotations_are_brought_back_to_the_items_own_order() -> None:
    item = Item("q?", "hen", ("dog", "cat", "hen"), recordings=("r",))
    records = [record(item, "audio", 0.7, rotation) for rotation in range(3)]
    records.append(record(item, "none", 0.1))
    shown = card(item, records, [("before", [record(item, "audio", 0.2)])], "gained", [])
    audio, none, before = shown["answers"]
    assert audio["p"] == pytest.approx([0.15, 0.15, 0.7], abs=1e-3)
    assert audio["picks"] == [0, 0, 3] and audio["right"] == 3
    assert none["outcome"] == "wrong" and before["heading"] == "before audio"
    assert shown["outcomes"] == {"audio": "correct", "none": "wrong"}


def test_a_card_can_be_made_without_the_dataset() -> None:
    item = Item("q?", "hen", ("dog", "cat", "hen"), task="t", recordings=("r",))
    shown = card(None, [record(item, "audio", 0.7, rotation=1)], [], "", [])
    assert shown["choices"] == ["dog", "cat", "hen"] and shown["question"] == "q?"
    assert shown["answer"] == "hen" and shown["answers"][0]["picks"] == [0, 0, 1]


def test_no_parsed_answer_is_no_pick() -> None:
    item = Item("q?", "a", ("a", "b"))
    assert picked(record(item, "audio", 0.9) | {"parsed": None}) is None
    assert picked(record(item, "audio", 0.9, rotation=1)) == 0


def test_names_of_clips_show_no_folders() -> None:
    clip = Clip(path="/home/someone/secret/dog.wav", start_s=1.0, duration_s=2.5)
    assert clip_name(clip) == "dog.wav 1.0–3.5 s"
    plan = ScenePlan((Part(clip), Part(clip, 3.0)), 6.0)
    assert clip_name(Clip(kind="plan", plan=plan)) == "scene of 2: dog.wav"
    assert clip_name(silence(2.0)) == "silence, 2.0 s"


def test_picks_are_found_where_the_clips_were_in_another_order() -> None:
    item = Item("Which?", "clip 1", ("clip 1", "clip 2"), recordings=("r",))
    plain = record(item, "audio", 0.9)
    # Clips exchanged: the clip that is clip 1 is shown as clip 2; the answer is brought back.
    other = record(item, "audio", 0.9, clip_rotation=1) | {"choices": ["clip 2", "clip 1"]}
    (answer,) = card(None, [other, plain], [], "", [])["answers"]
    assert answer["picks"] == [2, 0] and answer["right"] == 2


def test_a_flip_shows_the_pass_that_differs() -> None:
    item = Item("q?", "hen", ("dog", "cat", "hen"), recordings=("r",))
    before = [record(item, "audio", p, r) for r, p in enumerate((0.9, 0.1, 0.9))]
    after = [record(item, "audio", 0.9, r) for r in range(3)]
    change = changed_answers(before, after, "audio")
    assert change is not None and [t["rotation"] for t in change] == [1, 1]
    shown = card(item, after, [("before", before)], "gained", [])["change"]
    assert [one["outcome"] for one in shown] == ["wrong", "correct"]
    assert shown[1]["word"] == "hen" and changed_answers(after, after, "audio") is None
    assert card(item, after, [("before", before)], "kept", [])["change"] is None


def test_flipped_items_come_first_but_do_not_fill_the_page() -> None:
    groups = {f"{n:016x}": ("t", "wrong", "gained" if n % 2 else "missed") for n in range(40)}
    picked = choose(groups, 8)
    flipped = [groups[item][-1] == "gained" for item in picked]
    assert flipped[:6] == [True] * 6 and not all(flipped)
