"""A run under faults: what is retried, what is excluded, and that nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harken.errors import RunError, TooManyFailures
from harken.evaluate import run as evaluate
from harken.evaluate.about import BenchmarkRequest
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.types import Release
from harken.item import HIDDEN, Item
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.listeners.listener import ClipListener
from scored_records import chirp, make_items


class Says:
    """Says one thing, or breaks in a given way; counts what it is asked."""

    name, max_clips, style, batch = "says", 9, PromptStyle(), 4

    def __init__(self, reply: Any = "A", chances: Any = None) -> None:
        self.reply, self.chances, self.asked = reply, chances, 0

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Any]:
        self.asked += len(prompts)
        if isinstance(self.reply, Exception):
            raise self.reply
        return [Reply(self.reply) if isinstance(self.reply, str) else self.reply for _ in prompts]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[Any]:
        return [self.chances for _ in prompts]

    def identity(self) -> str:
        return "says"


class Scribe(Says):
    """A listener that fails on clips whose path holds one of `bad`."""

    def __init__(self, bad: Sequence[str] = (), reply: Any = None) -> None:
        super().__init__(reply)
        self.bad = bad

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Any]:
        self.asked += len(prompts)
        found = []
        for prompt in prompts:
            path = prompt.clips[0].path
            if any(word in path for word in self.bad):
                raise OSError("busy")
            found.append(self.reply or Reply(f"heard {Path(path).stem}"))
        return found

    def identity(self) -> str:
        return "scribe"


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return make_items(tmp_path_factory.mktemp("items"), 9)


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.glob("*.json*") if p.name != "log.jsonl"}


def test_only_what_a_listener_failed_on_is_retried(items: list[Item], tmp_path: Path) -> None:
    def sit(folder: Path, bad: Sequence[str], reader: Says) -> Any:
        listener = ClipListener(Scribe(bad), "transcript")
        return evaluate.run(reader, items, folder, conditions=("audio", "transcript"),
                            listeners={"transcript": listener}, max_failed=0.0)  # fmt: skip

    reader, whole = Says(), tmp_path / "whole"
    sit(whole, (), Says())
    with pytest.raises(TooManyFailures, match="busy"):
        sit(tmp_path / "run", ("/0-0-", "/7-1-"), reader)
    before = reader.asked
    assert not (tmp_path / "run" / "done.json").exists()
    found = sit(tmp_path / "run", (), reader)
    cell = found["overall"]["cells"]["transcript"]
    assert cell["outcomes"]["failed"] == 0 and cell["asked"] == 9
    assert 2 <= reader.asked - before < 2 * len(items)
    assert files(tmp_path / "run") == files(whole)


@pytest.mark.parametrize(
    "reply",
    [Reply("half a tale", stop="length"), Reply("x", error="gone"), "raise"],
    ids=["cut off", "error", "raises"],
)
def test_partial_transcripts_are_not_used(items: list[Item], tmp_path: Path, reply: Any) -> None:
    scribe = Scribe([""] if reply == "raise" else (), None if reply == "raise" else reply)
    listener = ClipListener(scribe, "caption")
    (found,) = listener.written(items[0].clips[:1])
    assert found.stop == "failed" and found.error
    with pytest.raises(TooManyFailures):
        evaluate.run(Says(), items, tmp_path,
                     conditions=("caption",), listeners={"caption": listener})  # fmt: skip


def test_a_run_that_cannot_be_rescored_stays_as_it_is(items: list[Item], tmp_path: Path) -> None:
    evaluate.run(Says(), items, tmp_path / "run", conditions=("audio",))
    for name in ("plan.jsonl", "checksums.json"):
        (tmp_path / "run" / name).unlink()
    before = files(tmp_path / "run")
    with pytest.raises(RunError, match="no plan"):
        evaluate.rescore(tmp_path / "run")
    assert files(tmp_path / "run") == before and "done.json" in before


def test_rescoring_does_not_finish_an_open_run(items: list[Item], tmp_path: Path) -> None:
    evaluate.run(Says(), items, tmp_path / "run", conditions=("audio",), until="infer")
    assert evaluate.rescore(tmp_path / "run")["records"] == 9
    assert not (tmp_path / "run" / "done.json").exists()
    found = evaluate.run(Says(), items, tmp_path / "run", conditions=("audio",))
    assert found["blind"] is not None


def test_stages_of_a_finished_run_are_reported_not_run(items: list[Item], tmp_path: Path) -> None:
    from harken.report.plan import planned_text

    evaluate.run(Says(), items, tmp_path / "run", conditions=("audio", "clip-2"))
    before, model = files(tmp_path / "run"), Says()
    for stage in ("plan", "infer"):
        counts = evaluate.run(model, items, tmp_path / "run", conditions=("audio", "clip-2"),
                            until=stage)  # type: ignore[arg-type]  # fmt: skip
        assert counts["requests"] == 12 and "12 requests" in planned_text(counts)
    assert counts["replies"] == 12 and model.asked == 0
    assert files(tmp_path / "run") == before


def test_exclusions_survive_a_kill_beside_the_plan(items: list[Item], tmp_path: Path) -> None:
    conditions = ("audio", "clip-2")
    whole = evaluate.run(Says(), items, tmp_path / "a", conditions=conditions)
    evaluate.run(Says(), items, tmp_path / "b", conditions=conditions, until="plan")
    (tmp_path / "b" / "records-excluded.json").unlink()
    assert evaluate.run(Says(), items, tmp_path / "b", conditions=conditions) == whole
    assert whole["excluded"]


def test_other_audio_under_the_same_name_is_another_question(
    items: list[Item], tmp_path: Path
) -> None:
    shutil.copytree(Path(items[0].clips[0].path).parent, tmp_path / "sounds")
    moved = [
        replace(item, clips=tuple(
            replace(clip, path=str(tmp_path / "sounds" / Path(clip.path).name))
            for clip in item.clips))
        for item in items
    ]  # fmt: skip
    evaluate.run(Says(), moved, tmp_path / "run", conditions=("audio",), until="infer")
    chirp(Path(moved[0].clips[0].path), 999)
    with pytest.raises(RunError, match="its audio"):
        evaluate.run(Says(), moved, tmp_path / "run", conditions=("audio",))


@pytest.mark.parametrize(
    "chances",
    [(float("nan"),) * 4, (float("inf"), -1, -1, -1), (float("-inf"),) * 4, (5.0, -1, -1, -1), (),
     ("a",) * 4, 7],
)  # fmt: skip
def test_an_invalid_distribution_is_not_used(
    items: list[Item], tmp_path: Path, chances: Any
) -> None:
    four = [item for item in items if len(item.choices) == 4]
    evaluate.run(Says(chances=chances), four, tmp_path / "run", conditions=("audio",))
    records = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").open()]
    assert {(t["how"], t["logprobs"]) for t in records} == {("text", None)}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply("A", error="bad"), "bad"),
        (Reply("", stop="failed", logprobs=(-0.1, -3.0, -3.0, -3.0)), "the request failed"),
        (Reply(None), "the text of the reply is NoneType, not str"),  # type: ignore[arg-type]
        (b"A", "the model returned bytes, not harken.models.base.Reply"),
        (ValueError("broken"), "ValueError: broken"),
    ],
)
def test_a_failed_reply_is_failed_whatever_else_it_holds(
    items: list[Item], tmp_path: Path, reply: Any, reason: str
) -> None:
    with pytest.raises(TooManyFailures, match=reason):
        evaluate.run(Says(reply), items, tmp_path / "run", conditions=("audio",))
    found = evaluate.results(tmp_path / "run")["overall"]["cells"]["audio"]
    assert found["outcomes"]["failed"] == 9 and found["accuracy"] is None


def test_a_lone_surrogate_is_stored_unchanged(items: list[Item], tmp_path: Path) -> None:
    evaluate.run(Says("A \udcff ش"), items, tmp_path / "run", conditions=("audio",))
    (line, *_) = (tmp_path / "run" / "records.jsonl").read_text().splitlines()
    assert json.loads(line)["reply"] == "A \udcff ش"


def test_withheld_answers_have_no_score_even_when_unreadable(
    items: list[Item], tmp_path: Path
) -> None:
    hidden = [replace(item, answer="", tags=(*item.tags, HIDDEN))
              for item in items if item.choices]  # fmt: skip

    class Mixed(Says):
        def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Any]:
            return [Reply(("A", "hm")[i % 2]) for i in range(len(prompts))]

    found = evaluate.run(Mixed(), hidden, tmp_path / "run", conditions=("audio",))
    cell = found["overall"]["cells"]["audio"]
    assert cell["asked"] == len(hidden) == found["items"] and cell["accuracy"] is None
    assert cell["outcomes"]["hidden"] == found["hidden"]
    records = [json.loads(line) for line in (tmp_path / "run" / "records.jsonl").open()]
    assert {t["text_outcome"] for t in records} <= {"hidden", "unparsable"}


def benchmark_of(folder: Path, count: int = 4) -> BenchmarkRequest:
    """A tiny MMAU, its last row twice under two keys."""
    rows = []
    for at in range(count):
        chirp(folder / f"{min(at, count - 2)}.wav", min(at, count - 2), 0.3)
        rows.append(
            {
                "id": f"m{at}", "audio_id": f"{min(at, count - 2)}.wav",
                "question": f"Which sound is number {min(at, count - 2)}?",
                "choices": ["dog", "cat"], "answer": "dog", "dataset": "made", "task": "sound",
                "split": "test-mini", "category": "Reasoning", "sub-category": "one",
                "difficulty": "easy",
            }
        )  # fmt: skip
    (folder / "mmau-test-mini.json").write_text(json.dumps(rows))
    bench = open_benchmark("mmau")
    return BenchmarkRequest(
        bench, bench.release(folder, need_audio=True, partial=True), str(folder)
    )


def test_official_is_of_audio_and_of_every_row_that_was_answered(tmp_path: Path) -> None:
    benchmark = benchmark_of(tmp_path)

    class BusyOnOne(Says):
        def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Any]:
            bad = Reply("", stop="failed", error="busy")
            return [bad if "0?" in p.question else Reply("A" if p.clips else "B") for p in prompts]

    items = benchmark.release.items
    found = evaluate.run(BusyOnOne(), items, tmp_path / "run", benchmark=benchmark,
                         conditions=("none", "audio"), replies="plain", max_failed=1)  # fmt: skip
    official = found["official"]
    assert official["condition"] == "audio" and official["failed"] == 1
    # The release holds one question under two keys: the official rule counts both.
    assert official["submitted"]["n"] == 3 and official["submitted"]["counts"] == {"parsed": 3}
    assert official["submitted"]["strict"]["accuracy"] == 1.0
    assert found["items"] == 3 and official["raw"]["n"] == 3


def test_rescoring_moves_the_official_score_with_the_scores(tmp_path: Path) -> None:
    benchmark = benchmark_of(tmp_path, 5)
    # Without the row that is there twice, which the run's own copy of the items cannot hold.
    own = benchmark.release
    benchmark = replace(benchmark, release=Release("mmau", own.items[:-1], own.fingerprint, "", ()))
    evaluate.run(Says(), benchmark.release.items, tmp_path / "run", benchmark=benchmark)
    about = json.loads((tmp_path / "run" / "about.json").read_text())
    stale = json.loads(json.dumps(about))
    stale["official"]["submitted"]["official"]["accuracy"] = 0.123
    (tmp_path / "run" / "about.json").write_text(json.dumps(stale))
    evaluate.rescore(tmp_path / "run")
    assert json.loads((tmp_path / "run" / "about.json").read_text()) == about


def test_open_answers_are_submitted_as_generated(tmp_path: Path) -> None:
    from harken.evaluate.about import official

    benchmark, seen = benchmark_of(tmp_path), []
    item = replace(benchmark.release.items[0], choices=(), answer="Two dogs are barking")

    def catch(bench: Any, items: Any, texts: Any, helpers: Any) -> Any:
        seen.append(dict(texts))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harken.evaluate.about.score", catch)
        record = {"item": item.id, "condition": "audio", "rotation": 0, "clip_rotation": 0,
                 "outcome": "wrong", "parsed": "3 cat were singing", "words": True,
                 "reply": "Three cats were singing, loudly."}  # fmt: skip
        official([item], benchmark, [record])
    assert [set(one.values()) for one in seen] == [{"Three cats were singing, loudly."}] * 2


class Killed(BaseException):
    """Nothing catches it: what is written when it comes is all there is."""


def test_a_kill_at_any_write_ends_with_the_same_bytes(
    items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync, left = os.fsync, [10**9]

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        sync(handle)

    def sit(folder: Path, writes: int) -> bool:
        left[0] = writes
        try:
            evaluate.run(Says(), items, folder, conditions=("audio", "swap", "clip-2"),
                         clip_rotations="all", guards=evaluate.Guards(2, floor=False))  # fmt: skip
        except Killed:
            return False
        return True

    monkeypatch.setattr(os, "fsync", fsync)
    assert sit(tmp_path / "whole", 10**9)
    whole, at = files(tmp_path / "whole"), 1
    while not sit(tmp_path / str(at), at):
        assert sit(tmp_path / str(at), 10**9)
        assert files(tmp_path / str(at)) == whole, at
        at += 3
    assert at > 20
