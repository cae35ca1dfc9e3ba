"""Only a voter that is shown to know answers without audio can make a question strong."""

from __future__ import annotations

from itertools import product

import pytest

from harken.audio.clip import Clip
from harken.curate.knowledge import Knowledge, knowledge, luck
from harken.curate.labels import LABELS, CurateSettings
from harken.curate.run import run
from harken.item import Item
from harken.models.text_only.constant import Constant
from harken.models.text_only.longest import Longest
from harken.models.text_only.random import Random
from harken.shards.read import open_dataset

WORDS = ("rain", "dogs", "cats", "bell")


def planted(count, options=4, leaky=True):
    """Questions; the leaky ones say what is heard, in words that only a reader understands."""
    names = WORDS[:options]
    return [
        Item(
            question=f"What {'is wet, barks, purrs or rings' if leaky else 'is heard'} in {n}?",
            answer=names[n * 7 % options],
            choices=names,
            clips=(Clip(path=f"/x/{n}-{leaky}.wav", duration_s=1.0),),
            tags=("leaky",) if leaky else (),
            recordings=(f"r{n}{leaky}",),
            split="train",
            licence="CC0",
        )
        for n in range(count)
    ]


class Reader(Constant):
    """Knows the answer of leaky questions; of others it finds all options equally likely."""

    def __init__(self, items):
        super().__init__(0)
        self.key = {i.id: i.answer for i in items if "leaky" in i.tags}
        self.name = "reader"

    def choice_logprobs(self, prompts):
        return [
            tuple(
                -1.4 if p.item_id not in self.key else -0.03 if c == self.key[p.item_id] else -5.0
                for c in p.choices
            )
            for p in prompts
        ]

    def identity(self):
        return "reader"


def folders(out):
    return {name: [*open_dataset(out / name)] for name in LABELS}


@pytest.mark.parametrize("rule", ["bits", "silence-vote"])
@pytest.mark.parametrize("options", [2, 4])
@pytest.mark.parametrize(
    "voters",
    [
        [Random(1)],
        [Constant(0)],
        [Longest()],
        [Random(1), Random(2), Constant(1)],
        [Longest(), Constant(0), Random(3)],
    ],
    ids=lambda voters: "+".join(v.name for v in voters),
)
def test_voters_that_cannot_know_make_nothing_strong(tmp_path, voters, options, rule):
    items = [*planted(40, options), *planted(40, options, leaky=False)]
    summary = run(items, voters, tmp_path / "c", rule=rule)
    found = folders(tmp_path / "c")
    assert found["strong"] == [] and summary["counts"]["strong"] == 0
    assert not any(own["shown"] for own in summary["knows"].values())
    assert len(found["undecided"]) + len(found["weak"]) == 80
    for item in found["undecided"]:
        assert item.contribution.label == "undecided"
        assert item.history[-1].note.startswith("undecided: ")
    assert sum(summary["undecided"].values()) == len(found["undecided"])


@pytest.mark.parametrize("rule", ["bits", "silence-vote"])
def test_a_voter_that_reads_makes_the_planted_ones_weak_and_the_others_strong(tmp_path, rule):
    items = [*planted(40), *planted(40, leaky=False)]
    summary = run(items, [Reader(items)], tmp_path / "c", rule=rule)
    found = folders(tmp_path / "c")
    assert summary["knows"]["reader"]["shown"]
    assert not any("leaky" in item.tags for item in found["strong"])
    assert all("leaky" in item.tags or rule == "silence-vote" for item in found["weak"])
    assert len(found["strong"]) >= 20
    assert not found["undecided"]


def test_a_voter_that_is_not_shown_to_know_adds_nothing_to_one_that_is(tmp_path):
    items = [*planted(40), *planted(40, leaky=False)]
    run(items, [Reader(items)], tmp_path / "a")
    run(items, [Reader(items), Random(1), Constant(0)], tmp_path / "b")
    one, other = ({i.id for i in folders(tmp_path / n)["strong"]} for n in "ab")
    assert one == other


class Failing(Reader):
    """Fails on some items."""

    def __init__(self, items, failed):
        super().__init__(items)
        self.failed = failed

    def choice_logprobs(self, prompts):
        rows = super().choice_logprobs(prompts)
        return [None if p.item_id in self.failed else r for p, r in zip(prompts, rows, strict=True)]

    def generate(self, prompts, sampling):
        from harken.models.base import Reply

        return [
            Reply("", stop="failed", error="no") if p.item_id in self.failed else Reply("?")
            for p in prompts
        ]


def test_an_item_on_which_only_voters_that_cannot_know_voted_is_undecided(tmp_path):
    items = [*planted(40), *planted(40, leaky=False)]
    lost = {item.id for item in items[-3:]}
    run(items, [Failing(items, lost), Random(5)], tmp_path / "c")
    found = folders(tmp_path / "c")
    assert {item.id for item in found["undecided"]} == lost


@pytest.mark.parametrize(("right", "held", "options"), [(1, 1, 4), (2, 3, 2), (3, 4, 3), (0, 5, 4)])
def test_luck_counted_by_hand(right, held, options):
    """Of all ways to guess `held` times, the share that is right at least `right` times."""
    ways = [sum(pick == 0 for pick in picks) >= right
            for picks in product(range(options), repeat=held)]  # fmt: skip
    assert luck(right, held, options) == pytest.approx(sum(ways) / len(ways))


def test_knowledge_is_corrected_for_the_number_of_tests():
    # 4 of 4 at four options: 1/256 = 0.39 %
    assert knowledge({4: (4, 4)}, 0.01, 1).shown
    assert knowledge({4: (4, 4)}, 0.01, 1).p == pytest.approx(1 / 256)
    assert not knowledge({4: (4, 4)}, 0.01, 3).shown  # three tests: 1.2 %
    assert not knowledge({4: (4, 4), 2: (1, 3), 3: (0, 1)}, 0.01, 1).shown  # three as well
    assert knowledge({}, 0.01, 1) == Knowledge(0, 0, 1.0, False)


class Prone(Reader):
    """Knows some leaky questions, and holds some option, right or wrong, on all others."""

    def __init__(self, items):
        super().__init__(items)
        self.name = "prone"
        for place, item in enumerate(items):
            if item.id not in self.key or place % 3:
                self.key[item.id] = item.choices[place * 5 % len(item.choices)]


def test_a_voter_better_than_chance_that_is_often_sure_and_wrong_makes_nothing_strong(tmp_path):
    """Which single answers it knows cannot be told, so neither that it does not know one."""
    items = [*planted(200), *planted(200, leaky=False)]
    summary = run(items, [Prone(items), Longest()], tmp_path / "c")
    own = summary["knows"]["prone"]
    assert own["p"] < 0.001 and not own["shown"]
    assert summary["counts"]["strong"] == summary["counts"]["weak"] == 0


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3)])
def test_many_guesses_make_neither_weak_nor_strong(tmp_path, seed):
    """Of 1,500 questions a guesser holds the gold of some; a quorum of luck is none."""
    items = planted(1500, leaky=False)
    summary = run(items, [Random(seed)], tmp_path / "c", settings=CurateSettings(shapley=False))
    assert summary["counts"] == {"weak": 0, "strong": 0, "undecided": 1500, "dropped": 0}


@pytest.mark.parametrize(("count", "label"), [(1, "undecided"), (3, "undecided"), (4, "weak")])
def test_a_few_right_answers_are_weak_only_where_luck_is_ruled_out(tmp_path, count, label):
    """1 of 1 at four options is luck in 25 % of cases, 3 of 3 in 1.6 %, 4 of 4 in 0.4 %."""
    items = [*planted(count), *planted(8, leaky=False)]
    run(items, [Reader(items)], tmp_path / "c")
    found = folders(tmp_path / "c")
    assert {i.id for i in items if "leaky" in i.tags} <= {i.id for i in found[label]}
    assert len(found["strong"]) == (8 if label == "weak" else 0)


@pytest.mark.parametrize("readers", [1, 2])
def test_a_silence_vote_needs_as_many_that_can_know_as_make_it_weak(tmp_path, readers):
    """Two of three must be right for a weak item, so one that can know proves nothing."""
    items = [*planted(40), *planted(40, leaky=False)]
    voters = [Reader(items) for _ in range(readers)]
    for number, voter in enumerate(voters):
        voter.name = f"reader {number}"
    voters += [Random(seed) for seed in range(1, 4 - readers)]
    run(items, voters, tmp_path / "c", rule="silence-vote", settings=CurateSettings(need=2))
    found = folders(tmp_path / "c")
    assert bool(found["strong"]) is (readers == 2)
    assert not any("leaky" in item.tags for item in found["strong"])


@pytest.mark.parametrize(
    ("voters", "options", "tests"), [(1, [4], 1), (3, [4], 7), (3, [3, 4], 14), (2, [2, 4], 3)]
)
def test_a_quorum_is_one_of_all_sets_of_voters_for_every_number_of_options(
    tmp_path, monkeypatch, voters, options, tests
):
    """Each might have looked good by luck; two voters make no quorum at two options."""
    corrected = []

    def spy(counts, alpha, tried):
        corrected.append(tried)
        return knowledge(counts, alpha, tried)

    monkeypatch.setattr("harken.curate.labels.knowledge", spy)
    items = [i for size in options for known in (True, False) for i in planted(40, size, known)]
    readers = [Reader(items) for _ in range(voters)]
    for number, reader in enumerate(readers):
        reader.name = f"reader {number}"
    run(items, readers, tmp_path / "c")
    assert corrected == [tests] * len(options) + [voters] * voters
