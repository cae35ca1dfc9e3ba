"""Texts of exports: options, tags, replies and pairs come back, or are counted."""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from exported_items import foa

from harken.audio.clip import Clip
from harken.errors import ConfigError
from harken.facts import ClipFacts, SourceFacts
from harken.item import Contribution, Dialogue, Exchange, Item, ListeningNeed
from harken.shards.exports.base import LOSSES, REPLIES, Style
from harken.shards.exports.export import ExportSettings, export
from harken.shards.exports.load import EXPORTS
from harken.shards.read import read_items
from made_items import tone

TAGGED = {
    **dict.fromkeys(("ms-swift", "llama-factory", "verl", "hf-datasets", "webdataset"), "<audio>"),
    "audio-flamingo-3": "<sound-2>",
}
"""Formats that mark clips within texts -> such a mark."""

BARE = ("audiomcq", "lhotse")
"""Formats that keep options apart from the question, and the answer as its text."""

READ = ("ms-swift", "llama-factory", "hf-datasets")
"""Formats whose pairs harken reads."""


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return tone(tmp_path / "one.wav", 300.0)


def written(name: str, items: Iterable[Item], folder: Path, **settings: Any) -> dict[str, Any]:
    return export(items, folder, EXPORTS.get(name), ExportSettings(**settings))


def back(name: str, items: Iterable[Item], folder: Path, **settings: Any) -> list[Item]:
    """What is read of what is written."""
    about = written(name, items, folder, **settings)
    files = [one for one in about["files"] if not one.endswith("info.json")]
    return [item for file in files for item in read_items(folder / file)]


def asked(item: Item) -> tuple[object, ...]:
    return item.question, item.choices, item.answer, item.rejected


def all_text(folder: Path) -> str:
    """Everything that an export has written beside audio, as one text."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".gz":
            found.append(gzip.decompress(path.read_bytes()).decode())
        elif path.suffix == ".tar":
            with tarfile.open(path) as tar:
                names = [name for name in tar.getnames() if name.endswith(".json")]
                found += [tar.extractfile(name).read().decode() for name in names]  # type: ignore[union-attr]
        elif path.suffix == ".parquet":
            import pyarrow.parquet as pq

            rows = pq.read_table(path).to_pylist()
            found.append(json.dumps([{k: v for k, v in r.items() if k != "audio"} for r in rows]))
        elif path.suffix in (".json", ".jsonl") and path.name not in ("export.json",):
            found.append(path.read_text("utf-8"))
    return "".join(found)


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("name", READ)
def test_a_pair_with_options_comes_back(tmp_path: Path, clip: Clip, name: str, reply: str) -> None:
    made = [
        Item("Which?", "good", ("good", "bad", "neither"), (clip,), rejected="bad", split="train"),
        Item("What?", "good", ("bad", "good"), (clip,), rejected="I cannot tell", split="train"),
    ]
    found = back(name, made, tmp_path / "out", reply=reply)
    assert [*map(asked, found)] == [*map(asked, made)]


def test_a_pair_whose_options_are_not_recognised_is_told(
    tmp_path: Path, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr("harken.progress.note", told.append)
    made = Item("Which?", "Dog", ("Dog", "dog", "cat"), (clip,), rejected="cat", split="train")
    (item,) = back("ms-swift", [made], tmp_path / "out")
    assert item.choices == () and item.rejected == "(C) cat"
    assert "open question: two options are alike" in item.history[0].note
    assert any("1 of 1 items: asked as an open question" in line for line in told)


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("name", [*READ, "nemo"])
def test_more_options_than_letters_come_back(
    tmp_path: Path, clip: Clip, name: str, reply: str
) -> None:
    options = tuple(f"sound {n}" for n in range(30))
    made = [Item(f"Which, {n}?", options[n], options, (clip,), split="train") for n in (2, 25, 29)]
    found = back(name, made, tmp_path / "out", reply=reply)
    assert [*map(asked, found)] == [*map(asked, made)]
    text = all_text(tmp_path / "out")
    assert "(AD) sound 29" in text and "([) " not in text


@pytest.mark.parametrize("name", [*EXPORTS])
def test_options_that_differ_in_white_space_only(tmp_path: Path, name: str) -> None:
    whole = foa(tmp_path)
    alike = replace(whole, choices=("a b", "a  b"), answer="a  b")
    about = written(name, [whole, alike], tmp_path / "out")
    if name in BARE:
        assert about["items"] == 2
        return
    reason = "options that differ in white space only would be equal lines"
    assert about["left_out"] == {reason: 1} and about["items"] == 1


@pytest.mark.parametrize("name", [*EXPORTS])
def test_a_text_with_the_mark_of_a_clip_is_left_out_where_it_would_be_one(
    tmp_path: Path, name: str
) -> None:
    whole = foa(tmp_path)
    mark = TAGGED.get(name, "<audio>")
    around = Dialogue(f"Say {mark}.", (Exchange("a", "b"),))
    spoken = Dialogue("", (Exchange("a", f"b {mark}"),))
    prompts = [
        replace(whole, question=f"What is {mark}?"),
        replace(whole, choices=(mark, "right")),
        replace(whole, dialogue=around),
        replace(whole, dialogue=spoken),
    ]
    replies = [
        replace(whole, answer=f"a {mark}", choices=()),
        replace(whole, choices=(), rejected=f"no {mark}"),
    ]
    about = written(name, [whole, *prompts, *replies], tmp_path / "out")
    reason = f"a text has {mark}, which marks the place of a clip"
    expected = 0 if name not in TAGGED else 4 if name == "verl" else 6
    assert about["left_out"].get(reason, 0) == expected
    assert about["items"] + sum(about["left_out"].values()) == 7


@pytest.mark.parametrize("name", READ)
def test_texts_that_only_look_like_tags_come_back(tmp_path: Path, clip: Clip, name: str) -> None:
    made = Item("Is <audio > or <Audio> a tag?", "no <sound>", clips=(clip,), split="train")
    (found,) = back(name, [made], tmp_path / "out")
    assert asked(found) == asked(made)


def test_reasoning_with_tags_of_reasoning_is_left_out(tmp_path: Path, clip: Clip) -> None:
    made = Item("Q?", "a", clips=(clip,), rationales=("so </think> b",), split="train")
    whole = replace(made, rationales=("so",))
    about = written("ms-swift", [made, whole], tmp_path / "a", reasoning=True)
    assert about["left_out"] == {"a text has <think> tags, which mark the reasoning": 1}
    assert written("ms-swift", [made], tmp_path / "b")["items"] == 1


@pytest.mark.parametrize("name", [*EXPORTS])
def test_a_style_is_followed_or_refused(tmp_path: Path, name: str) -> None:
    item = replace(foa(tmp_path), rationales=("It is on my right.",), facts=foa(tmp_path).facts)
    to = EXPORTS.get(name)
    shown = {"both": "(B) right", "letter": '"B"', "text": '"right"'}
    for reply in REPLIES:
        if reply not in to.replies:
            with pytest.raises(ConfigError, match=f"not as {reply}") as caught:
                written(name, [item], tmp_path / reply, reply=reply)
            assert "ms-swift" in str(caught.value) and not (tmp_path / reply).exists()
            continue
        assert written(name, [item], tmp_path / reply, reply=reply)["settings"]["reply"] == reply
        assert shown[reply] in all_text(tmp_path / reply)
    if to.reasons:
        written(name, [item], tmp_path / "thought", reasoning=True)
        assert "<think>It is on my right.</think>" in all_text(tmp_path / "thought")
    else:
        with pytest.raises(ConfigError, match="no place for reasoning") as caught:
            written(name, [item], tmp_path / "thought", reasoning=True)
        assert "ms-swift" in str(caught.value) and "verl" not in str(caught.value.hint)
    assert name in BARE or len(to.replies) == 3
    assert to.reasons == (name not in (*BARE, "verl"))


def full(folder: Path) -> Item:
    """An item with a word of its own in every field."""
    bare = foa(folder)
    (facts,) = bare.facts
    source = SourceFacts("sound", label="wolf", pitch_semitones=1.25, snr_db=0.0625)
    return replace(
        bare,
        question="Where is it?",
        rationales=("first thought", "second thought", "third thought"),
        rejected="left",
        task="task-word",
        tags=("tag-one", "tag-two"),
        recordings=("recording-word",),
        speakers=("speaker-word",),
        licence="licence-word",
        contribution=Contribution("strong", "bits", 1.03125),
        facts=(replace(facts, sources=(*facts.sources, source)),),
        need=ListeningNeed(True, 0.40625, 0.5),
        twins="twins-word",
    )


def test_every_loss_is_counted(tmp_path: Path) -> None:
    """What of an item stands nowhere in an export is named in ``without``."""
    item = full(tmp_path)
    words = {
        "rejected": ("rejected", "the rejected answer"),
        "rationales": ("first thought", "the reasoning"),
        "third": ("third thought", "the reasoning", "further reasoning"),
        "task": ("task-word", "the task"),
        "tags": ("tag-one", "the tags"),
        "further": ("tag-two", "the tags", "further tags"),
        "recordings": ("recording-word", "the recordings"),
        "speakers": ("speaker-word", "the speakers"),
        "licence": ("licence-word", "the licence"),
        "contribution": ("strong", "the audio's contribution"),
        "measured": ("1.03125", "the audio's contribution",
                     "how the audio's contribution was measured"),
        "facts": ("wolf", "the facts of the clips"),
        "pitch": ("1.25", "the facts of the clips", "further facts of the clips"),
        "need": ("0.40625", "the need to listen"),
        "twins": ("twins-word", "the twins"),
    }  # fmt: skip
    assert {*LOSSES} - {*words} == {"dialogue"}
    for name in EXPORTS:
        for reasoning in (False, True)[: 1 + EXPORTS.get(name).reasons]:
            folder = tmp_path / f"{name}-{reasoning}"
            about = written(name, [item], folder, reasoning=reasoning)
            assert about["items"] == 1, (name, about["left_out"])
            text = all_text(folder)
            for what, (word, *losses) in words.items():
                told = any(about["without"].get(loss) for loss in losses)
                assert told == (word not in text), (name, reasoning, what, about["without"])


def test_a_conversation_is_written_or_its_loss_counted(tmp_path: Path) -> None:
    item = replace(
        foa(tmp_path), dialogue=Dialogue("system-word", (Exchange("asked-word", "said-word"),))
    )
    losses = {"the system message", "the conversation around the question"}
    for name in EXPORTS:
        if EXPORTS.get(name).unfit(item, Style()):
            continue
        about = written(name, [item], tmp_path / name)
        text = all_text(tmp_path / name)
        whole = all(word in text for word in ("system-word", "asked-word", "said-word"))
        assert whole != bool(losses & {*about["without"]}), name


def test_fields_of_an_item_in_hf_datasets(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    item = full(tmp_path)
    talk = replace(item, dialogue=Dialogue("S", (Exchange("a", "b"),), ((1, 4),)), plan={"n": 1})
    talk = talk.with_history("made", "by hand")
    bare = Item("Q?", "x", split="dev")
    written("hf-datasets", [talk, bare], tmp_path / "out")
    (row,) = pq.read_table(tmp_path / "out/data.parquet").to_pylist()
    whole = talk.to_dict()
    for column, key in (
        *((name, name) for name in ("dialogue", "facts", "need", "history", "plan")),
        ("contribution_measured", "contribution"),
    ):
        assert json.loads(row[column]) == whole[key]
    assert row["twins"] == "twins-word" and row["contribution"] == "strong"
    assert [ClipFacts.from_dict(one) for one in json.loads(row["facts"])] == [*talk.facts]
    (row,) = pq.read_table(tmp_path / "out/dev.parquet").to_pylist()
    assert row["facts"] is None and row["history"] is None and row["plan"] is None
    (found,) = read_items(tmp_path / "out/data.parquet")
    assert asked(found) == asked(talk) and found.dialogue == talk.dialogue


def test_line_separators_within_texts_of_spatial_omni(tmp_path: Path) -> None:
    item = replace(foa(tmp_path), question="What\u2028is\x85heard?", answer="left", choices=())
    written("spatial-omni", [item], tmp_path / "out")
    text = (tmp_path / "out/qa/train.jsonl").read_text("utf-8")
    (line,) = filter(None, text.split("\n"))
    row = json.loads(line)
    assert row["question"] == item.question
    assert [one["class_id"] for one in row["source_refs"]] == [1, 0]
