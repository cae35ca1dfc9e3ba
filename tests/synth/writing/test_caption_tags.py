"""Captions from weak tags: what is dropped and why, and what a lying writer gets through."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from labelled_sounds import world

from harken.item import Item
from harken.shards.read import read_items
from harken.synth.verify.lexicon import Lexicon
from harken.synth.writing.base import WriterSettings
from harken.synth.writing.job import WriteJob, plan_of, write_texts
from harken.synth.writing.recorded import file_words, recorded_items
from harken.synth.writing.rounds import RoundSettings
from harken.synth.writing.tasks.caption_tags import TASK, names_in, weak_facts

SOUNDS = [one for one in world(["train"]) if one.kind == "sound" and len(one.labels) == 1]
ONE = replace(SOUNDS[0], labels=("dog bark",))


def of(description: str, *labels: str) -> Item:
    clip = replace(ONE.clip, path="/a/1-100.wav")
    (item,) = recorded_items([replace(ONE, clip=clip, labels=labels, description=description)])
    return item


DOG = of("Zoom H6, Bergen 2019. My dog Rex barks at a passing train.", "dog bark")


@pytest.mark.parametrize(
    ("caption", "kinds"),
    [
        ("A dog is barking.", []),
        ("A dog barks while a train passes.", ["order"]),  # at the same time is not known
        ("A dog and a train can be heard.", []),
        ("Barking.", ["short"]),
        ("", ["nothing"]),
        ("None", ["nothing"]),
        ("A dog called Rex is barking.", ["particular"]),
        ("a dog and rex can be heard", ["particular"]),
        ("A dog is barking in Bergen.", ["particular"]),
        ("A dog is barking in 2019.", ["particular"]),
        ("A dog barking, recorded with a handheld.", ["particular"]),
        ("A stereo recording of a dog barking.", ["particular"]),
        ("A cat is meowing at a train.", ["label", "missing"]),
        ("A train can be heard passing.", ["missing"]),
        ("Two dogs are barking.", ["count"]),
        ("Is a dog barking here?", ["form"]),
        ("A dog is barking. A train passes.", ["form"]),
    ],
)
def test_faults_of_captions_are_named(caption: str, kinds: list[str]) -> None:
    faults = TASK.check(DOG, {"caption": caption}, Lexicon(["dog bark"]))
    assert sorted({one.kind for one in faults}) == sorted(kinds), faults


def test_sounds_of_a_description_count_where_there_are_no_labels() -> None:
    rain = of("Heavy rain and distant thunder on a tin roof, no wind")
    assert [one.label for one in weak_facts(rain).front] == ["rain", "thunder"]
    assert TASK.takes(rain) == ""
    assert not TASK.check(rain, {"caption": "Rain and thunder can be heard."}, Lexicon())
    assert TASK.check(rain, {"caption": "Wind and rain can be heard."}, Lexicon())
    assert TASK.takes(of("Test of my new interface")) == "no sound is described"
    speech = next(one for one in world(["train"]) if one.kind == "speech")
    (said,) = recorded_items([speech])
    assert "no sound to describe" in TASK.takes(said)
    assert names_in("Rain in Berlin with Anna. Dog Barking In The Park.") == {"berlin", "anna"}
    assert file_words("/x/DogBark_02-near.wav") == "dog bark near."
    assert file_words("/x/1-100032-A-0.wav") == ""


def test_the_grammar_writes_what_passes() -> None:
    lexicon = Lexicon(label for one in SOUNDS for label in one.labels)
    items = [*recorded_items(SOUNDS), DOG, of("Some music, then birds")]
    found = set()
    for number, item in enumerate(items):
        fields = TASK.grammar(item, np.random.default_rng(number))
        assert not TASK.check(item, fields, lexicon), (fields, item.facts)
        found.add(fields["caption"])
    assert len(found) > 10


LIES = ("true", "true", "name", "number", "short", "nothing", "label", "words")


def liar() -> Any:
    pytest.importorskip("aiohttp")
    from fake_server import Standin, question

    class TagLiar(Standin):
        """Captions of the labels in the prompt; the lie is drawn from the words of the prompt."""

        def __init__(self) -> None:
            super().__init__()
            self.told: Counter[str] = Counter()

        def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
            words = question(body)
            lie = LIES[crc32(words.encode()) % len(LIES)]
            self.told[lie] += 1
            label = words.split("labels: ")[2].split("\n")[0]
            text = {
                "true": f"The sound of {label} can be heard.",
                "name": f"The sound of {label} in Lisbon.",
                "number": f"The sound of {label}, take 7.",
                "short": "Noise.",
                "nothing": "",
                "label": f"A violin plays over the sound of {label}.",
                "words": "",
            }[lie]
            made = super()._completion(body)
            reply = "It is a nice sound." if lie == "words" else json.dumps({"caption": text})
            made["choices"][0]["message"]["content"] = reply
            return made

    return TagLiar()


def test_a_lying_writer_gets_nothing_through_and_the_reasons_are_counted(tmp_path: Path) -> None:
    few = enumerate(SOUNDS[:40])
    recordings = [replace(r, description=f"Take {n} in my garden") for n, r in few]
    items = [*recorded_items(recordings), of("My new interface")]
    with liar() as server:
        job = WriteJob(
            "caption-tags",
            f"openai:liar@{server.url}?backoff_s=0.01",
            rounds=RoundSettings(rounds=2, otherwise="drop"),
            settings=WriterSettings(),
        )
        assert plan_of(items, job).left_out == {"no sound is described": 1}
        made = write_texts(items, tmp_path / "out", job)
        lies = server.told
    kept = list(read_items(tmp_path / "out"))
    labels = [one.facts[0].sources[0].label or "" for one in kept]
    assert made["kept"] == len(kept) == lies["true"] > 5
    for item, label in zip(kept, labels, strict=True):
        assert item.answer == f"The sound of {label} can be heard."
        assert item.question.startswith("Describe") and "caption" in item.tags
        assert item.plan["written"][-1]["template"] == "caption_tags/1"
    rejected = made["rejected"]
    assert rejected["particular"] == lies["name"] + lies["number"]
    assert (rejected["short"], rejected["nothing"]) == (lies["short"], lies["nothing"])
    assert rejected["label"] >= lies["label"] and rejected["unparsed"] == lies["words"]
    assert made["dropped"] == len(list(read_items(tmp_path / "out" / "dropped"))) > 0
