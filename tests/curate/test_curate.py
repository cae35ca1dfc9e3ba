from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harken.audio.clip import Clip
from harken.curate.labels import LABELS, CurateSettings
from harken.curate.run import run
from harken.errors import ConfigError, DataError, RunError, TooManyFailures
from harken.hashing import sealed
from harken.item import Item
from harken.models.base import PromptStyle, Reply, Sampling
from harken.models.text_only.linear import Linear
from harken.models.text_only.longest import Longest
from harken.models.text_only.random import Random
from harken.shards.read import open_dataset

HERE = Path(__file__).resolve().parent
CHOICES = ("rain", "dog", "cat", "bell")


def make_items(count, clips=1):
    """Half of the questions name their answer; the others say nothing."""
    items = []
    for n in range(count):
        answer = CHOICES[n % 4]
        hint = f"the {answer} like thing" if n < count // 2 else "it"
        own = tuple(Clip(path=f"/x/{n}-{k}.wav", duration_s=1.0) for k in range(clips))
        items.append(
            Item(
                question=f"What is {hint} in {n}?",
                answer=answer,
                choices=CHOICES,
                clips=own,
                task="identify",
                tags=("leaky",) if n < count // 2 else (),
                recordings=tuple(f"r{n}-{k}" for k in range(clips)),
                split="train",
                licence="CC0",
            )
        )
    return items


class Listener:
    """Knows the gold from clip 1 only, unless it is silenced; reads hints; else guesses."""

    name = "listener"
    max_clips = 8
    style = PromptStyle()

    def __init__(self, items=(), pause_s=0.0, mute=()):
        self.key = {item.id: item.answer for item in items}
        self.pause_s, self.mute = pause_s, set(mute)

    def chances(self, prompt):
        clips = prompt.clips
        heard = bool(clips) and clips[0].kind == "file"
        named = [c for c in prompt.choices if f"the {c} like" in prompt.question]
        answer = self.key[prompt.item_id] if heard else named[0] if named else None
        size = len(prompt.choices)
        return [1 / size if answer is None else 0.91 if c == answer else 0.03
                for c in prompt.choices]  # fmt: skip

    def choice_logprobs(self, prompts):
        time.sleep(self.pause_s)
        return [
            None if p.item_id in self.mute else tuple(math.log(x) for x in self.chances(p))
            for p in prompts
        ]

    def generate(self, prompts, sampling):
        return [
            Reply("", stop="failed", error="mute") if p.item_id in self.mute else Reply("?")
            for p in prompts
        ]

    def identity(self):
        return "listener"


def labels(out):
    found = {}
    for name in LABELS:
        for item in open_dataset(out / name):
            found[item.question] = (name, item)
    return found


def test_bits_sorts_leaky_from_audio_only_and_says_why(tmp_path):
    items = make_items(40)
    summary = run(items, [Listener(items), Linear(), Longest()], tmp_path / "c")
    assert summary["counts"] == {"weak": 20, "strong": 20, "undecided": 0, "dropped": 0}
    assert summary["by_task"]["identify"] == summary["counts"]
    assert summary["listens"] == {"listener": True, "linear": False, "longest": False}
    for name, item in labels(tmp_path / "c").values():
        own = item.contribution
        assert name == own.label == ("weak" if "leaky" in item.tags else "strong")
        assert own.rule == "bits" and own.text_only_asked == 3
        assert item.history[-1].step == "curate" and item.history[-1].note.startswith(name)
        # log2 0.91 - log2 0.25 where the text says nothing; pooled over who listens only.
        expected = 0.0 if name == "weak" else math.log2(0.91 / 0.25)
        assert own.bits == pytest.approx(expected, abs=1e-4)
        assert dict(own.voters)["listener"] == own.bits and dict(own.voters)["longest"] == 0.0
    assert json.loads((tmp_path / "c" / "curate.json").read_text()) == sealed(summary)


def test_shapley_shares_name_the_clip_that_matters(tmp_path):
    items = make_items(16, clips=2)
    run(items, [Listener(items)], tmp_path / "c")
    for name, item in labels(tmp_path / "c").values():
        gain = math.log2(0.91 / 0.25) if name == "strong" else 0.0
        assert item.contribution.shapley == pytest.approx((gain, 0.0), abs=1e-4)
        assert item.contribution.interaction == pytest.approx(0.0, abs=1e-4)


class HalfSure(Listener):
    """Hears the same and is half as sure."""

    name = "half-sure"

    def chances(self, prompt):
        size = len(prompt.choices)
        return [(p + 1 / size) / 2 for p in super().chances(prompt)]

    def identity(self):
        return "half-sure"


def test_bits_and_shares_are_means_over_those_who_listen(tmp_path):
    items = make_items(16, clips=2)
    run(items, [HalfSure(items), Listener(items), Longest()], tmp_path / "c")
    gains = [math.log2(0.91 / 0.25), math.log2((0.91 + 0.25) / 2 / 0.25)]
    for name, item in labels(tmp_path / "c").values():
        mean = sum(gains) / 2 if name == "strong" else 0.0
        assert item.contribution.bits == pytest.approx(mean, abs=1e-4)
        assert item.contribution.shapley == pytest.approx((mean, 0.0), abs=1e-4)


def test_every_number_of_options_has_its_own_quorum(tmp_path):
    """One voter names the answer of every item: proof enough of four options, not of two."""
    four = make_items(8)
    two = [
        Item(f"Is {n} the yes like thing?", "yes", ("yes", "no"), four[n].clips) for n in range(6)
    ]
    items = [*four[:4], *two, *four[4:]]
    summary = run(items, [Listener(items)], tmp_path / "c")
    assert [quorum["options"] for quorum in summary["quorums"]] == [2, 4]
    found = labels(tmp_path / "c")
    assert {found[item.question][0] for item in two} == {"undecided"}
    assert all("knows or guesses" in found[i.question][1].history[-1].note for i in two)
    assert {found[item.question][0] for item in four[:4]} == {"weak"}


def test_a_voter_that_failed_has_no_vote_in_silence(tmp_path):
    """Two of three are needed, and of two that answered both must be right."""
    items = make_items(8)
    mute = [items[0].id, items[1].id]
    voters = [
        Listener(items, mute=mute), Listener(items, mute=mute[:1]), Listener(items),
    ]  # fmt: skip
    settings = CurateSettings(max_failed=0.5)
    run(items, voters, tmp_path / "c", rule="silence-vote", settings=settings)
    found = labels(tmp_path / "c")
    label, item = found[items[0].question]
    assert label == "dropped" and "1 voters answered and 2 are needed" in item.history[-1].note
    label, item = found[items[1].question]
    assert (label, item.contribution.text_only_right, item.contribution.text_only_asked) == (
        "weak", 2, 2,
    )  # fmt: skip


def test_shapley_of_many_clips_is_sampled_and_can_be_left_out(tmp_path):
    items = make_items(2, clips=5)
    run(items, [Listener(items)], tmp_path / "a")
    for _, item in labels(tmp_path / "a").values():
        assert len(item.contribution.shapley) == 5
        assert item.contribution.interaction is None
    run(items, [Listener(items)], tmp_path / "b", settings=CurateSettings(shapley=False))
    assert all(i.contribution.shapley == () for _, i in labels(tmp_path / "b").values())


def test_silence_vote(tmp_path):
    items = make_items(24)
    readers = [Listener(items), Listener(items), Random(1)]
    summary = run(items, readers, tmp_path / "c", rule="silence-vote")
    assert list(summary["voters"]) == ["listener", "listener.2", "random-1"]
    for name, item in labels(tmp_path / "c").values():
        assert item.contribution.rule == "silence-vote" and item.contribution.text_only_asked == 3
        assert name == ("weak" if item.contribution.text_only_right >= 2 else "strong")
        assert "leaky" not in item.tags or name == "weak"
    votes = (tmp_path / "c" / "votes" / "0-listener-1clips-0000.jsonl").read_text().splitlines()
    assert {json.loads(v)["condition"] for v in votes} == {"silence-30"} and len(votes) == 24


class WordsOnly(Listener):
    """Gives no probabilities, and a reply that names no option: it is not shown to know any."""

    def choice_logprobs(self, prompts):
        return [None] * len(prompts)


def test_votes_in_words_are_read_by_the_scorer_of_the_settings(all_right, tmp_path):
    items = make_items(4)
    for scorer, label in (("strict", "undecided"), (all_right, "weak")):
        settings = CurateSettings(scorer=scorer)
        run(items, [WordsOnly()], tmp_path / scorer, rule="silence-vote", settings=settings)
        assert {name for name, _ in labels(tmp_path / scorer).values()} == {label}


def test_what_cannot_be_labelled_is_dropped_with_a_reason(tmp_path):
    items = make_items(8)
    open_one = Item(question="Name all", answer="rain, dog", clips=items[0].clips)
    mute = [items[3].id]
    voters = [Listener(items, mute=mute)]
    summary = run(
        [*items, open_one], voters, tmp_path / "c", settings=CurateSettings(max_failed=0.5)
    )
    assert summary["counts"]["dropped"] == 2
    found = labels(tmp_path / "c")
    assert "open question" in found["Name all"][1].history[-1].note
    assert found[items[3].question][1].history[-1].note == "dropped: all voters failed on it"
    assert sum(summary["dropped"].values()) == 2


def test_too_many_failures_raise_after_everything_is_written(tmp_path):
    items = make_items(8)
    with pytest.raises(TooManyFailures):
        run(items, [Listener(items, mute=[i.id for i in items[:4]])], tmp_path / "c")
    assert (tmp_path / "c" / "curate.json").is_file()


def test_a_voter_that_accepts_fewer_clips_is_asked_without_audio(tmp_path):
    items = make_items(8, clips=2)
    deaf = Listener(items)
    deaf.max_clips = 1
    summary = run(items, [deaf], tmp_path / "c")
    assert summary["bits"] is None and summary["counts"]["weak"] == 4
    assert summary["outcomes"]["listener"].get("failed", 0) == 0


def test_bad_calls_are_refused(tmp_path):
    items = make_items(4)
    with pytest.raises(ConfigError, match="unknown rule"):
        run(items, [Longest()], tmp_path / "c", rule="bit")
    with pytest.raises(ConfigError, match="no voters"):
        run(items, [], tmp_path / "c")
    with pytest.raises(DataError, match="twice"):
        run([*items, items[0]], [Longest()], tmp_path / "c")
    with pytest.raises(DataError, match="no items"):
        run([], [Longest()], tmp_path / "c")
    run(items, [Longest()], tmp_path / "c")
    with pytest.raises(RunError):
        run(items, [Random(1)], tmp_path / "c")


JOB = """
import sys
sys.path[:0] = {here!r}
from test_curate import *
items = make_items(24, clips=2)
voters = [Listener(items, pause_s=float(sys.argv[2])), Linear(), Random(1)]
run(items, voters, sys.argv[1], settings=CurateSettings(batch=16))
"""


def test_items_that_were_annotated_anew_are_another_job(tmp_path):
    """Their ids are the same; what was written before is not given back."""
    items = make_items(8)
    run(items, [Longest()], tmp_path)
    for change in ({"licence": "CC-BY"}, {"rationales": ("since",)}, {"tags": ("mended",)}):
        with pytest.raises(RunError):
            run([replace(item, **change) for item in items], [Longest()], tmp_path)


def files(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_a_killed_job_ends_with_the_same_bytes_and_a_finished_one_changes_nothing(tmp_path):
    job = tmp_path / "job.py"
    job.write_text(JOB.format(here=[str(HERE), str(HERE.parent)]))

    def start(folder, pause_s):
        command = [sys.executable, str(job), str(folder), str(pause_s)]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=dict(os.environ))

    assert start(tmp_path / "whole", 0).wait(60) == 0
    path = tmp_path / "killed" / "votes" / "0-listener-2clips-0000.replies.jsonl"
    for _ in range(2):
        process = start(tmp_path / "killed", 0.05)
        size = path.stat().st_size if path.exists() else 0
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            if path.exists() and path.stat().st_size > size:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        assert process.wait(30) == -signal.SIGKILL
    assert start(tmp_path / "killed", 0).wait(60) == 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    (tmp_path / "killed" / "curate.json").unlink()  # killed just before the end
    assert start(tmp_path / "killed", 0).wait(60) == 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


@pytest.mark.parametrize("last", ["None of the above", "both A and B", "alle oben genannten"])
def test_items_that_keep_their_order_are_not_called_weak_or_strong(tmp_path, last):
    """A voter that always says A would "know" them: they are asked in one order."""
    items = make_items(12)
    odd = [Item(question=f"{item.question} ({last})", answer=item.answer,
                choices=(*item.choices, last), clips=item.clips) for item in items[:4]]  # fmt: skip
    known = [*items, *odd]
    summary = run(known, [Listener(known), Longest()], tmp_path / "c")
    found = {item.question: name for name, item in labels(tmp_path / "c").values()}
    assert {found[item.question] for item in odd} == {"undecided"}
    assert sum(summary["counts"].values()) == 16
    why = {item.question: item.history[-1].note
           for item in open_dataset(tmp_path / "c" / "undecided")}  # fmt: skip
    assert all("asked in one order" in why[item.question] for item in odd)
    assert not any("asked in one order" in why.get(item.question, "") for item in items)


def test_the_room_of_voters_that_write_is_a_setting(tmp_path):
    rooms = []

    class Wordy(WordsOnly):
        def generate(self, prompts, sampling):
            rooms.append(sampling.room)
            return super().generate(prompts, sampling)

    items = make_items(4)
    settings = CurateSettings(sampling=Sampling(64, thinking_tokens=1000))
    run(items, [Wordy()], tmp_path / "c", settings=settings)
    assert set(rooms) == {1064}
    with pytest.raises(RunError, match=r"settings.sampling.max_tokens"):
        run(items, [Wordy()], tmp_path / "c", settings=CurateSettings())
