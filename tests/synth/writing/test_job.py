"""The job of writing: what is accepted is true, nothing is asked twice, reruns give one result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from written_items import Liar, of

from harken.errors import ConfigError, DataError, TooManyFailures
from harken.item import Item
from harken.shards.read import read_items
from harken.synth.verify.described import TextRules, description_faults
from harken.synth.verify.lexicon import Lexicon
from harken.synth.writing.base import WriterSettings
from harken.synth.writing.job import WriteJob, plan_of, write_texts
from harken.synth.writing.phrasing import facts_text
from harken.synth.writing.rounds import RoundSettings
from made_items import contents

DRAWN = [item for item in of("first", "order", n=30) if len(item.clips) == 1]
ITEMS = list({facts_text(item.facts): item for item in DRAWN}.values())  # no two prompts are alike
CAPTIONS = WriteJob(task="caption-short")


def openai(server: Liar, **settings: object) -> WriteJob:
    spec = f"openai:liar@{server.url}?backoff_s=0.01"
    rounds = RoundSettings(otherwise="drop")
    return replace(CAPTIONS, writer=spec, rounds=rounds, settings=WriterSettings(**settings))  # type: ignore[arg-type]


def true(item: Item) -> bool:
    names = [s.label for s in item.facts[0].sources if s.label and s.kind != "speech"]
    faults = description_faults(item.answer, item.facts, Lexicon(names), TextRules(all_named=True))
    return not faults and "violin" not in item.answer and "ten times" not in item.answer


def test_what_a_lying_writer_gets_through_is_true(tmp_path: Path) -> None:
    with Liar() as server:
        made = write_texts(ITEMS, tmp_path / "out", openai(server))
        told, asked = server.told, len(server.seen.bodies)
        again = write_texts(ITEMS, tmp_path / "out", openai(server))
        assert len(server.seen.bodies) == asked  # a complete dataset asks nothing
    kept = list(read_items(tmp_path / "out"))
    dropped = list(read_items(tmp_path / "out" / "dropped"))
    assert made["kept"] == len(kept) > 10 and again["kept"] == made["kept"]
    assert all(true(item) for item in kept)
    assert made["drafts"] == asked == sum(told.values())
    assert sum(made["written"].values()) == told["true"] + told["fenced"] == len(kept)
    rejected = made["rejected"]
    assert rejected["unparsed"] == told["words"] + told["keys"] + told["cut"]
    assert rejected["refused"] == told["refusal"]
    assert rejected["count"] == told["count"]
    assert rejected["label"] >= told["label"]
    assert made["dropped"] == len(dropped) > 0
    assert all(item.history[-1].note.startswith("no accepted text") for item in dropped)
    notes = [record for item in kept for record in item.plan["written"]]
    assert {record["template"] for record in notes} == {"caption_short/1"}
    assert all(record["request"] and record["writer"] == "liar" for record in notes)
    later = [record for record in notes if record["round"] > 1]
    assert later and all(len(r["rejected"]) == r["round"] - 1 for r in later)


def test_a_stopped_job_goes_on_and_a_replay_needs_no_model(tmp_path: Path) -> None:
    with Liar() as server:
        write_texts(ITEMS, tmp_path / "whole", openai(server))
        asked = len(server.seen.bodies)
        server.forget()
        with pytest.raises(TooManyFailures, match="budget"):
            write_texts(ITEMS, tmp_path / "cut", openai(server, max_requests=9))
        assert len(server.seen.bodies) == 9
        assert not (tmp_path / "cut" / "dataset.json").exists()
        write_texts(ITEMS, tmp_path / "cut", openai(server))
        assert len(server.seen.bodies) == asked  # nine were stored, the others asked once
        identity = openai(server)
    replay = replace(identity, writer=f"replay:{tmp_path / 'whole' / 'replies'}")
    write_texts(ITEMS, tmp_path / "again", replay)
    whole, cut, again = (data(tmp_path / name) for name in ("whole", "cut", "again"))
    assert whole == cut == again


def data(folder: Path) -> dict[str, str]:
    """Everything but stored replies, which stand in the order of arrival."""
    return {name: sha for name, sha in contents(folder).items() if not name.startswith("replies")}


def test_the_grammar_takes_over_where_the_writer_fails(tmp_path: Path) -> None:
    with Liar() as server:
        rounds = RoundSettings(rounds=1)
        made = write_texts(ITEMS, tmp_path / "out", replace(openai(server), rounds=rounds))
    assert made["dropped"] == 0 and made["grammar"] > 5
    assert made["kept"] == made["grammar"] + made["written"]["round 1"]
    kept = list(read_items(tmp_path / "out"))
    assert all(true(item) for item in kept)
    writers = {item.plan["written"][-1]["writer"] for item in kept}
    assert writers == {"liar", "grammar"}


@pytest.mark.parametrize(
    "task", ["reword", "caption-short", "caption-dense", "caption-tags", "reasoning", "answer"]
)
def test_the_grammar_writes_every_task_with_one_result_a_seed(tmp_path: Path, task: str) -> None:
    items = of("identify", "presence", "which-clip", "count", "first", "word", "same-sound", n=4)
    folders = []
    for number, seed in enumerate((1, 1, 2)):
        settings = WriterSettings(seed=seed)
        job = WriteJob(task=task, rounds=RoundSettings(seed=seed), settings=settings)
        made = write_texts(items, tmp_path / str(number), job)
        assert made["dropped"] == 0 and made["kept"] > 0
        folders.append(data(tmp_path / str(number)))
    assert folders[0] == folders[1] != folders[2]
    for item in read_items(tmp_path / "0"):
        assert item.history[-1].step == "write" and item.facts
        if task == "reasoning":
            assert len(item.rationales) == 2
            assert set(item.plan["written"][-1]["grades"].values()) <= {4, 5}


def test_a_plan_counts_and_asks_nothing() -> None:
    job = replace(CAPTIONS, writer="openai:m@http://127.0.0.1:9/v1")
    found = plan_of([*ITEMS, *of("count", n=5), ITEMS[0]], job)
    assert len(found.items) < len(ITEMS) + 1
    assert found.left_out["captions are of one clip"] >= 5
    assert found.left_out["the same is written already"] >= 1
    assert (found.least, found.most) == (len(found.items), 3 * len(found.items))
    assert found.tokens > 20 * len(found.items)
    assert plan_of(ITEMS, CAPTIONS).most == 0


def test_nothing_to_write_and_wrong_names_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="captions are of one clip"):
        write_texts(of("count", n=3), tmp_path / "a", CAPTIONS)
    with pytest.raises(ConfigError, match="no writing task"):
        write_texts(ITEMS, tmp_path / "b", replace(CAPTIONS, task="poem"))
    with pytest.raises(ConfigError, match="holds no replies"):
        write_texts(ITEMS, tmp_path / "c", replace(CAPTIONS, writer=f"replay:{tmp_path}"))
    with pytest.raises(ConfigError, match="otherwise"):
        RoundSettings(otherwise="hope")
