from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harken.ask.record import ask_and_score, check_failures
from harken.errors import ConfigError, RunError, TooManyFailures
from harken.models.base import Reply
from harken.runs import Run

sys.path.insert(0, str(Path(__file__).parent))
from fakes import Fake, items

CONDITIONS = ("audio", "none", "swap")


def test_one_record_for_each_item_condition_and_rotation():
    records = ask_and_score(Fake(), items(5), conditions=CONDITIONS, rotations="all")
    assert len(records) == 5 * 3 * 4
    assert len({t["key"] for t in records}) == len(records)
    assert {t["clips"] for t in records if t["condition"] == "none"} == {0}
    for record in records:
        assert record["choices"][record["gold_shown"]] == record["answer"]
        assert record["order"][record["gold_shown"]] == record["gold"]
        assert record["how"] == "text" and record["rule"] == "letter"
        assert (record["outcome"] == "correct") == (record["gold_shown"] == 0)
    # Always A is right in exactly one rotation of each item.
    assert sum(t["value"] for t in records) == 15


def test_records_pair_across_conditions_by_the_original_item():
    records = ask_and_score(Fake(), items(4), conditions=CONDITIONS)
    ids = [[t["item"] for t in records if t["condition"] == c] for c in CONDITIONS]
    assert ids[0] == ids[1] == ids[2] == [item.id for item in items(4)]


def test_probabilities_decide_and_the_text_is_kept_beside_them():
    sure = Fake(say=lambda p: "B", chances=lambda p: (-0.1, -3.1234567, -4.0, float("-inf")))
    (record,) = ask_and_score(sure, items(1))
    assert (record["how"], record["parsed"], record["outcome"]) == ("logprob", "rain", "correct")
    assert (record["reply"], record["text_outcome"]) == ("B", "wrong")
    assert record["logprobs"] == [-0.1, -3.123457, -4.0, -60.0]


def test_on_ties_or_bad_probabilities_the_text_is_scored():
    for odd in ((-1.4, -1.4, -1.4, -1.4), (float("nan"), 0.0, 0.0, 0.0), (-1.0,)):
        (record,) = ask_and_score(Fake(say=lambda p: "B", chances=lambda p, o=odd: o), items(1))
        assert (record["how"], record["parsed"]) == ("text", "dog")


def test_the_scorer_of_the_run_decides(all_right):
    (record,) = ask_and_score(Fake(say=lambda p: "?"), items(1), scorer=all_right)
    assert (record["outcome"], record["value"], record["rule"]) == ("correct", 1.0, all_right)
    (record,) = ask_and_score(Fake(say=lambda p: "?"), items(1))
    assert (record["outcome"], record["value"]) == ("unparsable", 0.0)


def test_without_replies_only_undecided_requests_generate_text():
    model = Fake(chances=lambda p: (-0.1, -3.0, -3.0, -3.0) if "in 0" in p.question else None)
    records = ask_and_score(model, items(3), replies="none")
    assert model.asked == 2
    assert [t["how"] for t in records] == ["logprob", "text", "text"]
    assert records[0]["text_outcome"] is None


def test_failures_are_data_and_too_many_raise_after_everything_is_written(tmp_path):
    def say(prompt):
        if "in 1?" in prompt.question:
            return Reply("", stop="failed", error="timeout")
        if "in 2?" in prompt.question:
            raise ValueError("broken prompt")
        return "A"

    with Run.open(tmp_path, {}) as run:
        with (
            pytest.warns(UserWarning, match="batch of 5 prompts: ValueError: broken prompt"),
            pytest.raises(TooManyFailures, match="2 of 5 requests failed; the first: timeout"),
        ):
            ask_and_score(Fake(say), items(5), run=run, max_failed=0.3)
        records = run.records("records")
    assert [t["outcome"] == "failed" for t in records] == [False, True, True, False, False]
    assert records[1]["value"] is None
    assert records[2]["error"] == "ValueError: broken prompt"
    check_failures(records, 0.4)
    with pytest.raises(TooManyFailures):
        check_failures(records, 0.39)


def test_more_clips_than_the_model_takes_fail_without_being_sent():
    model = Fake()
    records = ask_and_score(model, items(2, clips=5), max_failed=1.0)
    assert model.asked == 0
    assert {t["error"] for t in records} == {"5 clips, and fake takes 4"}


def test_excluded_items_are_written_down(tmp_path):
    known = [*items(1, clips=2), *items(2)[1:]]
    with Run.open(tmp_path, {}) as run:
        records = ask_and_score(Fake(), known, run=run, conditions=("audio", "clip-2"))
        excluded = run.read_json("records-excluded")
    assert len(records) == 3
    assert list(excluded["clip-2"]) == [known[1].id]


def test_a_run_of_other_questions_is_refused(tmp_path):
    with Run.open(tmp_path, {}) as run:
        ask_and_score(Fake(), items(4), run=run)
        for other in ({"seed": 1}, {"conditions": ("none",)}):
            with pytest.raises(RunError):
                ask_and_score(Fake(), items(4), run=run, **other)
        with pytest.raises(RunError):
            ask_and_score(Fake(tag="other"), items(4), run=run)
        with pytest.raises(RunError):
            ask_and_score(Fake(), items(3), run=run)


def test_nothing_is_asked_twice(tmp_path):
    model = Fake()
    with Run.open(tmp_path, {}) as run:
        first = ask_and_score(model, items(10), run=run, batch=4)
        run.truncate("replies", 7)  # one complete batch of 4, and a torn one
        again = ask_and_score(model, items(10), run=run, batch=4)
    assert first == again
    assert model.asked == 10 + 6


@pytest.mark.parametrize("failing", [False, True])
def test_cut_after_any_reply_the_run_ends_with_the_same_bytes(tmp_path, failing):
    """Replies of half a batch are asked again with it, and no reply stands there twice."""

    def say(prompt):
        broken = failing and "in 3?" in prompt.question
        return Reply("", stop="failed", error="timeout") if broken else "A"

    def asked(folder, kept=None):
        model = Fake(say)
        with Run.open(folder, {}) as run:
            if kept is not None:
                run.truncate("replies", kept)
                (folder / "records.jsonl").unlink()
            ask_and_score(model, items(6), run=run, batch=4, conditions=("audio", "none"),
                          max_failed=1.0)  # fmt: skip
        return model.asked

    whole = tmp_path / "whole"
    assert asked(whole) == 12
    expected = {path.name: path.read_bytes() for path in whole.iterdir()}
    assert len(expected["replies.jsonl"].splitlines()) == 12
    for kept in range(12):
        shutil.copytree(whole, tmp_path / "cut")
        # Batches of four items: 4 under each condition, then the 2 that are left under each.
        done = max(end for end in (0, 4, 8, 12) if end <= kept)
        assert asked(tmp_path / "cut", kept) == 12 - done
        assert {p.name: p.read_bytes() for p in (tmp_path / "cut").iterdir()} == expected
        shutil.rmtree(tmp_path / "cut")


def test_unknown_conditions_are_refused_before_anything_is_asked():
    model = Fake()
    with pytest.raises(ConfigError):
        ask_and_score(model, items(2), conditions=("audio", "nosie"))
    assert model.asked == 0


JOB = """
import sys
sys.path.insert(0, {here!r})
from fakes import Fake, items
from harken.ask.record import ask_and_score
from harken.runs import Run
run = Run.open(sys.argv[1], {{"job": "records"}})
say = lambda prompt: "ABCD"[len(prompt.question) % 4]
ask_and_score(Fake(say, pause_s=float(sys.argv[2])), items(30), run=run, batch=4,
              conditions=("audio", "none", "swap"), rotations=2)
run.finish()
"""


def test_a_killed_job_ends_with_the_same_bytes(tmp_path):
    job = tmp_path / "job.py"
    job.write_text(JOB.format(here=str(Path(__file__).parent)))

    def start(folder, pause_s):
        command = [sys.executable, str(job), str(folder), str(pause_s)]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, env=dict(os.environ))

    assert start(tmp_path / "whole", 0).wait(60) == 0
    killed = 0
    while killed < 3:
        process = start(tmp_path / "killed", 0.03)
        path = tmp_path / "killed" / "replies.jsonl"
        size = path.stat().st_size if path.exists() else 0
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            if path.exists() and path.stat().st_size > size:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.005)
        assert process.wait(30) == -signal.SIGKILL
        killed += 1
    with (tmp_path / "killed" / "replies.jsonl").open("ab") as file:
        file.write(b'{"key": "torn')
    assert start(tmp_path / "killed", 0).wait(60) == 0
    for name in (
        "plan.jsonl", "replies.jsonl", "records.jsonl", "records-excluded.json", "run.json",
        "done.json",
    ):  # fmt: skip
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
