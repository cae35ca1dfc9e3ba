"""Each filter on items made by hand, with numbers that can be counted."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_fingerprint import RATE, events

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.load import write_wav
from harken.clean.load import filters_of
from harken.clean.workspace import Workspace
from harken.curate.run import run as curate
from harken.errors import ConfigError, DataError
from harken.item import Dialogue, Drop, Exchange, Item
from harken.models.base import PromptStyle, Reply

FOUR = ("rain", "dog", "cat", "bell")


def clip(name: str, seconds: float = 2.0) -> Clip:
    return Clip(path=f"/x/{name}.wav", sha256=name.ljust(64, "0"), duration_s=seconds)


def item(answer: str = "rain", choices: tuple[str, ...] = FOUR, **more: Any) -> Item:
    return Item(**{"question": "What is heard?", "clips": (clip("a"),), "split": "train",
                   "answer": answer, "choices": choices, **more})  # fmt: skip


def judged(spec: str, items: list[Item], seed: int = 0) -> tuple[dict[int, str], Any]:
    """Place -> why it is dropped; and what the filter told."""
    (step,) = filters_of([spec], Workspace(seed=seed))
    found = list(step(items))
    assert len(found) == len(items)
    return {n: one.why for n, one in enumerate(found) if isinstance(one, Drop)}, step.told


def first(*items: Item) -> int:
    """The place of the item that comes first by its id."""
    return min(range(len(items)), key=lambda n: items[n].id)


# exact


def test_exact_compares_bytes_spans_and_text() -> None:
    one = item()
    moved = replace(one, clips=(replace(one.clips[0], path="/elsewhere.wav"),), licence="CC0")
    others = [
        item(clips=(replace(clip("a"), start_s=0.5),)),
        item(clips=(clip("b"),)),
        item("dog"),
        item(task="other"),
        item(clips=(clip("a"), clip("a"))),
        item(dialogue=Dialogue("Be brief.")),
    ]
    dropped, _ = judged("exact", [one, moved, *others])
    assert dropped == {0: f"an exact duplicate: of {one.id} in the split train"} or dropped == {
        1: f"an exact duplicate: of {one.id} in the split train"
    }


def test_exact_keeps_the_test_item() -> None:
    both = [item(), item(split="test")]
    assert judged("exact", both)[0] == {0: f"an exact duplicate: of {both[1].id} in the split test"}
    assert list(judged("exact", both[::-1])[0]) == [1]


# acoustic


@pytest.fixture(scope="module")
def waves(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    folder = tmp_path_factory.mktemp("waves")
    made = {
        "a": events(1),
        "cut of a": events(1)[:, RATE:],
        "b": events(2),
        "soft b": events(2) / 4,
    }
    for name, wave in made.items():
        write_wav(folder / f"{name}.wav", wave, RATE)
    return {name: Clip(path=str(folder / f"{name}.wav"), duration_s=3.0) for name in made}


def test_acoustic_needs_the_same_text_unless_told_otherwise(waves: dict[str, Clip]) -> None:
    items = [
        item(clips=(waves["a"],)),
        item(clips=(waves["cut of a"],)),
        item("dog", clips=(waves["cut of a"],)),
        item(clips=(waves["b"],)),
    ]
    dropped, told = judged("acoustic", items)
    assert list(dropped) == [1 - first(*items[:2])] and told["clips"] == 3
    dropped, _ = judged("acoustic?text=any", items)
    stays = first(*items[:3])
    assert sorted(dropped) == sorted({0, 1, 2} - {stays})
    with pytest.raises(ConfigError, match="neither same nor any"):
        judged("acoustic?text=some", items)


def test_acoustic_compares_clips_in_their_order(waves: dict[str, Clip]) -> None:
    pairs = [("a", "b"), ("cut of a", "soft b"), ("b", "a"), ("a", "a")]
    items = [item(clips=(waves[x], waves[y])) for x, y in pairs]
    assert list(judged("acoustic", items)[0]) == [1 - first(*items[:2])]


def test_no_recording_is_in_two_splits_afterwards(waves: dict[str, Clip]) -> None:
    scene = ScenePlan((Part(waves["soft b"], 0.0, 12.0), Part(waves["a"], 6.0, -40.0)), 12.0)
    items = [
        item(clips=(waves["a"],), split="test"),
        item("cat", question="Which?", clips=(waves["cut of a"],)),
        item("dog", question="And this?", clips=(Clip(kind="plan", plan=scene, duration_s=12.0),)),
        item(clips=(waves["b"],)),
        item("cat", clips=(waves["a"],), split=""),
    ]
    dropped, _ = judged("acoustic", items)
    assert sorted(dropped) == [1, 2]
    assert all(f"of {items[0].id} in the split test" in why for why in dropped.values())
    assert judged("acoustic?splits=false", items)[0] == {}


# minhash, embedding


def test_minhash_needs_the_same_audio_and_answer() -> None:
    long = "In which of the two recordings does the smaller dog bark before the door is shut?"
    items = [
        item(question=long),
        item(question=long.replace("recordings", "recording")),
        item("dog", question=long.replace("smaller", "small")),
        item(question=long.replace("shut", "shutt"), clips=(clip("b"),)),
    ]
    assert list(judged("minhash", items)[0]) == [1 - first(*items[:2])]
    dropped, _ = judged("minhash?audio=any", items)
    assert sorted({0, 1, 3} - {*dropped}) == [[0, 1, 3][first(items[0], items[1], items[3])]]
    assert judged("minhash?similarity=1.0", items)[0] == {}
    for wrong in ("minhash?similarity=0", "minhash?shingle=9", "minhash?audio=all"):
        with pytest.raises(ConfigError):
            judged(wrong, items)


def test_embedding_compares_questions_with_one_answer() -> None:
    """By spelling here: the model that comes without weights."""
    items = [
        item(question="What animal is it that barks?"),
        item(question="What animal is it that barks now?"),
        item(question="How many seconds is the silence?"),
        item("dog", question="What animal is it that barks?"),
    ]
    dropped, told = judged("embedding?model=ngrams&cosine=0.8", items)
    assert list(dropped) == [1 - first(*items[:2])] and told["encoded"] == 3
    assert "cosine 0." in next(iter(dropped.values()))
    assert judged("embedding?model=ngrams", [item(), item("dog")])[1] == {"encoded": 0}


PARAPHRASES = (
    ("What animal is heard in the clip?", "Which animal can you hear in the recording?"),
    ("How many times does the bell ring?", "What is the number of times the bell rings?"),
    ("Which sound comes first?", "What is the first sound?"),
    ("Is the speaker a man or a woman?", "What is the gender of the speaker?"),
    ("What word is spoken?", "Which word does the person say?"),
    ("Where was this recording probably made?", "In which place was this most likely recorded?"),
    ("What instrument plays the melody?", "Which instrument is playing the tune?"),
    ("What happens after the door closes?", "What occurs once the door is shut?"),
    ("Which emotion does the voice express?", "What feeling is conveyed by the voice?"),
    ("How long does the rain last?", "For how long can the rain be heard?"),
    ("What is the tempo of the music?", "How fast is the music?"),
    ("Is there any speech in the clip?", "Does anyone speak in this recording?"),
)
MINILM = Path(os.environ.get("HARKEN_WEIGHTS", "")) / "minilm-l6"


@pytest.mark.skipif(
    not (MINILM / "model.safetensors").is_file(),
    reason="needs minilm-l6 below HARKEN_WEIGHTS (a folder of pretrained models)",
)
def test_paraphrases_are_found_and_questions_of_the_same_audio_are_not() -> None:
    """All questions are about one clip and have one answer, the hardest case."""
    pytest.importorskip("transformers")
    items = [item(question=text) for pair in PARAPHRASES for text in pair]
    opposite = item("dog", question="What happens before the door closes?")
    found = {}
    for cosine in (0.9, 0.8, 0.75):
        spec = f"embedding?model=hf:{MINILM}&cosine={cosine}"
        dropped, _ = judged(spec, [*items, opposite])
        assert len(items) not in dropped
        right = [n for n, why in dropped.items() if items[n ^ 1].id in why]
        assert len(right) == len(dropped)
        found[cosine] = len(right)
    print(f"\nparaphrases found of {len(PARAPHRASES)}, by cosine: {found}")
    assert found[0.9] >= 2 and found[0.8] >= 5 and found[0.75] >= 8


# leak, source, licence, length


def test_leak_drops_by_text_and_tells_what_was_compared(tmp_path: Path) -> None:
    question = ("After the second thunder, how many times does the smaller of the two dogs bark "
                "before the door is shut?")  # fmt: skip
    bench = tmp_path / "bench.jsonl"
    row = {"id": "b1", "question": question, "choices": ["one", "two"]}
    bench.write_text(json.dumps(row) + "\n")
    items = [item(), item("one", ("one", "two"), question=question.upper())]
    dropped, told = judged(f"leak?against={bench}&check=text", items)
    assert list(dropped) == [1] and dropped[1].startswith("a leak of the benchmark by text: b1 of ")
    assert told["verdict"] == "leaked" and told["leaked"] == 1 and told["bench"]["items"] == 1
    _, told = judged(f"leak?against={bench}&check=print", items)
    assert told["verdict"] == "not checked" and told["lacks"]
    with pytest.raises(ConfigError, match="needs its setting 'against'"):
        judged("leak", items)
    with pytest.raises(ConfigError, match="no such check"):
        judged(f"leak?against={bench}&check=smell", items)


def test_source_names_corpora_as_words() -> None:
    items = [
        item(recordings=("audio_caps/train/1",)),
        item(recordings=("recaps/1",)),
        item(licence="from ESC-50, CC-BY-NC"),
        item(plan={"audio_names": ["data/AudioCaps-v2/7.wav"]}),
        item(clips=(replace(clip("c"), path="/x/ESC_50-master/1.wav"),)),
        item(clips=(replace(clip("c"), path="/x/desc500/1.wav"),)),
    ]
    dropped, _ = judged("source?names=AudioCaps|ESC-50", items)
    assert list(dropped) == [0, 2, 3, 4]
    assert dropped[0] == "audio of AudioCaps: audio_caps/train/1"
    with pytest.raises(ConfigError, match="names"):
        judged("source", items)


def test_licences_are_allowed_or_denied() -> None:
    items = [item(licence=text) for text in
             ("CC0-1.0", "CC-BY-4.0", "CC0-1.0 + CC-BY-NC-4.0", "", "cc-by-nc-3.0")]  # fmt: skip
    assert list(judged("licence?allow=CC0*|CC-BY-4*", items)[0]) == [2, 3, 4]
    assert list(judged("licence?deny=*-NC*", items)[0]) == [2, 4]
    assert list(judged("licence?allow=CC0*&unstated=keep", items)[0]) == [1, 2, 4]
    assert list(judged("licence?unstated=drop", items)[0]) == [3]
    for wrong in ("licence", "licence?unstated=maybe"):
        with pytest.raises(ConfigError):
            judged(wrong, items)


def test_tags_and_tasks_are_kept_or_dropped() -> None:
    items = [item(tags=("single", "skill:temporal")), item(tags=("skill:counting",)),
             item(task="leaky"), item(tags=("skill:temporal", "music"))]  # fmt: skip
    assert judged("tag?keep=skill:temporal", items)[0] == {
        1: "no tag that is kept", 2: "no tag that is kept: leaky"
    }  # fmt: skip
    assert list(judged("tag?keep=skill:*&drop=music|leaky", items)[0]) == [2, 3]
    with pytest.raises(ConfigError):
        judged("tag", items)


def test_lengths_in_seconds_and_words() -> None:
    talk = Dialogue(earlier=(Exchange("one two three", "four five"),))
    items = [
        item(clips=(clip("a", 0.05),)),
        item(clips=(clip("a", 40.0),)),
        item(clips=(clip("a", 20.0), clip("b", 20.0))),
        item(question="What?"),
        item(dialogue=talk),
        item("x y z", ("x y z", "y")),
        item(clips=(Clip(path="/nowhere/at/all.wav"),)),
    ]
    dropped, _ = judged("length?max_s=30&total_s=35", items)
    assert dropped[0] == "a clip under 0.1 s: 0.05 s" and dropped[1] == "a clip over 30 s: 40.00 s"
    assert dropped[2] == "clips of over 35 s together: 40.00 s"
    assert dropped[6].startswith("a clip whose length cannot be read (missing)")
    assert list(dropped) == [0, 1, 2, 6]
    words = "length?min_s=0&min_words=2&max_words=7&answer_words=2"
    assert judged(words, items)[0] == {
        3: "a question under 2 words: 1 words",
        4: "a question over 7 words: 8 words",
        5: "an answer over 2 words: 3 words",
    }


# disagreement


def test_contradictions_go_and_a_majority_stays() -> None:
    a, b, c = clip("a"), clip("b"), clip("c")
    items = [
        item("rain", clips=(a,)), item("dog", clips=(a,)),  # one against one: both
        item("rain", clips=(b,), task="1"), item("rain", clips=(b,), task="2"),
        item("dog", clips=(b,)),  # two against one: the one
        item("rain", clips=(c,)), item("dog", ("dog", "owl"), clips=(c,)),  # other options
    ]  # fmt: skip
    dropped, _ = judged("disagreement", items)
    assert list(dropped) == [0, 1, 4]
    assert dropped[4] == "other answers to the same question: 'dog' 1, 'rain' 2"
    opened = [item(text, (), clips=(a,)) for text in ("a dog barks", "rain falls")]
    assert judged("disagreement", opened)[0] == {}
    assert list(judged("disagreement?open=true", opened)[0]) == [0, 1]


class Sure:
    """Gives 0.95 to one option, by name."""

    max_clips = 8
    style = PromptStyle()

    def __init__(self, name: str, held: str) -> None:
        self.name, self.held = name, held

    def choice_logprobs(self, prompts: Any) -> Any:
        import math

        rest = 0.05 / 3
        return [
            tuple(math.log(0.95 if c == self.held else rest) for c in p.choices) for p in prompts
        ]

    def generate(self, prompts: Any, sampling: Any) -> list[Reply]:
        return [Reply(self.held) for _ in prompts]

    def identity(self) -> str:
        return self.name


def test_confident_voters_contradict_a_label(tmp_path: Path) -> None:
    items = [item("rain"), item("dog"), item("cat", clips=(clip("c"),))]
    voters = [Sure("one", "dog"), Sure("two", "dog"), Sure("three", "cat")]
    curate(items, voters, tmp_path / "curated")
    spec = f"disagreement?votes={tmp_path / 'curated'}"
    dropped, told = judged(spec, [items[0], items[2]])
    assert told == {"voters": ["one", "three", "two"], "voted_on": 2}
    assert dropped == {
        0: "an answer that voters contradict: one and two hold 'dog', the answer is 'rain'"
    }  # of the cat, three holds the gold
    assert judged(f"{spec}&need=3", items[:1])[0] == {}
    assert judged(f"{spec}&mass=0.99", items[:1])[0] == {}
    with pytest.raises(DataError, match="no votes"):
        judged(f"disagreement?votes={tmp_path}", items)


# position, longest, distractors


def test_positions_are_told_and_evened() -> None:
    items = [item("rain", question=f"What is {n}?") for n in range(8)]
    both = [item("both", ("x", "y", "both of the above"), question="q") for _ in range(0)]
    dropped, told = judged("position", [*items, *both])
    assert not dropped and told["positions"] == [
        {"options": 4, "counts": [8, 0, 0, 0], "p": pytest.approx(2e-5, abs=2e-5)}
    ]
    (step,) = filters_of(["position?mend=true"], Workspace(seed=3))
    mended = [one for one in step(items) if isinstance(one, Item)]
    assert step.told["after"][0]["counts"] == [2, 2, 2, 2] and step.told["mended"] == 6
    for old, new in zip(items, mended, strict=True):
        assert sorted(new.choices) == sorted(old.choices) and new.answer == old.answer
        wrong = [c for c in new.choices if c != "rain"]
        assert wrong == ["dog", "cat", "bell"]
        if new.id != old.id:
            assert new.history[-1].note.endswith(f"was {old.id}")
    (again,) = filters_of(["position?mend=true"], Workspace(seed=3))
    assert {one.id for one in again(items[::-1])} == {one.id for one in mended}  # type: ignore[union-attr]
    (other,) = filters_of(["position?mend=true"], Workspace(seed=4))
    assert {one.id for one in other(items)} != {one.id for one in mended}  # type: ignore[union-attr]


def test_options_that_speak_of_others_are_not_moved() -> None:
    fixed = [
        item("all of the above", ("rain", "dog", "all of the above"), question=f"q{n}")
        for n in range(3)
    ]
    (step,) = filters_of(["position?mend=true"], Workspace())
    assert list(step(fixed)) == fixed and step.told["fixed_orders"] == 3


def test_the_longest_option_is_counted_and_resampled() -> None:
    """Of 20 items with two options, 15 have the longest as answer; 10 of them may stay with 5."""
    long = [item("a long one", ("a long one", "short"), question=f"l{n}") for n in range(15)]
    short = [item("short", ("a long one", "short"), question=f"s{n}") for n in range(5)]
    tie = [item("one", ("one", "two"), question="t")]
    dropped, told = judged("longest", [*long, *short, *tie])
    (row,) = told["longest"]
    assert not dropped and (row["items"], row["longest"], row["share"]) == (20, 15, 0.75)
    assert row["interval"][0] == pytest.approx(0.5313, abs=1e-4)  # Wilson, 15 of 20
    assert row["interval"][1] == pytest.approx(0.8881, abs=1e-4)
    assert row["chance"] == 0.5 and row["biased"]
    dropped, _ = judged("longest?mend=true", [*long, *short, *tie], seed=1)
    assert len(dropped) == 10 and all(place < 15 for place in dropped)
    again, _ = judged("longest?mend=true", [*long, *short, *tie], seed=1)
    other, _ = judged("longest?mend=true", [*long, *short, *tie], seed=2)
    assert again == dropped != other
    kept = [one for n, one in enumerate([*long, *short]) if n not in dropped]
    assert judged("longest?mend=true", kept)[0] == {}
    even = [item("a", ("a", "bb", "cc"), question=f"e{n}") for n in range(4)]
    assert judged("longest", even)[1] == {"longest": []}


def test_distractors_that_give_the_answer_away() -> None:
    items = [
        item("rain", ("rain", "a unicorn"), question="1"),
        item("dog", ("dog", "a unicorn"), question="2"),
        item("rain", ("rain", "dog"), question="3"),
        item("3", ("3", "cat", "owl", "dog"), question="4"),
        item("cat", ("cat", "owl", "5", "dog"), question="5"),
        item("a very long answer about a dog", ("bell", "a very long answer about a dog", "owl"),
             question="6"),
    ]  # fmt: skip
    dropped, told = judged("distractors", items)
    assert not dropped and told["wrong_options"] == 11
    assert told["given_away"] == {
        "of another length than the options": 1,
        "the only option of its type": 1,
        "the only option that is ever an answer": 2,
    }
    assert told["most_frequent"] == [
        {"option": "owl", "items": 3}, {"option": "unicorn", "items": 2}
    ] or told["most_frequent"][1] == {"option": "a unicorn", "items": 2}  # fmt: skip
    assert told["never_an_answer"] == 5
    assert sorted(judged("distractors?drop=true", items)[0]) == [0, 1, 3, 5]


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("length?min_s=nan", "min_s is nan"),
        ("length?max_s=-1", "max_s is -1"),
        ("length?min_s=3&max_s=2", "min_s is 3 and max_s is 2"),
        ("length?min_words=9&max_words=2", "min_words is 9 and max_words is 2"),
        ("embedding?cosine=nan", "cosine is nan"),
        ("embedding?cosine=2", "cosine is 2"),
        ("distractors?times=1", "times is 1"),
        ("distractors?times=nan", "times is nan"),
        ("minhash?similarity=nan", "similarity above 0"),
        ("disagreement?mass=nan", "a mass from 0 to 1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(spec: str, found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        judged(spec, [item()])


def test_a_clip_that_cannot_be_used_is_dropped(tmp_path: Path) -> None:
    import numpy as np

    write_wav(tmp_path / "quiet.wav", np.zeros(8000, np.float32), 16_000)
    write_wav(tmp_path / "good.wav", events(1), RATE)
    items = [
        item(clips=(Clip(path=str(tmp_path / "good.wav")),)),
        item(clips=(Clip(path=str(tmp_path / "quiet.wav")),)),
        item(clips=(Clip(path=str(tmp_path / "nowhere.wav")),)),
        item(clips=(Clip(kind="silence", duration_s=1.0),)),
    ]
    dropped, _ = judged("readable", items)
    assert list(dropped) == [1, 2]
    assert dropped[1].startswith("a clip that cannot be used (silent)")
    assert dropped[2].startswith("a clip that cannot be used (missing)")
