"""The listening exam, `examples/harken_small/exam.py`, on small folders made like the real ones."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from harken.audio.load import write_wav
from harken.audio.single import duration_s
from harken.corpora.layouts.fsdd import DIGITS
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.models.released import card_head
from harken.shards.read import read_items

RATE = 16_000
CLASSES = ("Dog bark", "Rain", "Sea waves", "Baby cry", "Rooster")
SENTENCES = (
    "the yellow garden lies behind an ancient house, nobody painted it. A silent letter "
    "arrived yesterday from some distant captain; 42 humble windows"
)
TEXT = SENTENCES.split()


def said_by(speaker: int) -> list[str]:
    """The words of a speaker: each begins at another."""
    start = 3 * speaker % len(TEXT)
    return TEXT[start:] + TEXT[:start]


@pytest.fixture(scope="module")
def exam() -> ModuleType:
    path = Path(__file__).parents[2] / "examples" / "harken_small" / "exam.py"
    sys.path.insert(0, str(path.parent))  # as Python does for a script
    spec = importlib.util.spec_from_file_location("harken_small_exam", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def tone(path: Path, seed: int, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE))
    write_wav(path, noise.astype(np.float32), RATE)


@pytest.fixture(scope="module")
def made(exam: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips a class and fold; three recordings a digit and speaker; forty speakers who read."""
    root = tmp_path_factory.mktemp("exam")
    for number, name in enumerate(CLASSES, 1):
        for fold in (4, 5):
            for take in range(2):
                file = f"{fold}-{1000 * number + 10 * fold + take}-A.wav"
                tone(
                    root / "esc10" / f"{number:03d} - {name}" / file,
                    5000 + 100 * number + 10 * fold + take,
                    0.4,
                )
    for digit in range(10):
        for speaker in ("theo", "jackson"):
            for take in range(3):
                tone(root / "fsdd" / "recordings" / f"{digit}_{speaker}_{take}.wav",
                     100 * digit + 10 * take + len(speaker), 0.3)  # fmt: skip
    lines = []
    for number in range(40):
        clean = number < 35
        where = ["train-clean-100"] if clean else ["test-other", str(number + 500)]
        path = Path(*where) / f"{number + 500}-7-0000.flac"
        (root / "librispeech" / path).parent.mkdir(parents=True, exist_ok=True)
        tone(root / "wave.wav", number, 0.5 * len(TEXT))
        import soundfile

        soundfile.write(root / "librispeech" / path, soundfile.read(root / "wave.wav")[0], RATE)
        words = [[word, 0.5 * i, 0.5 * (i + 1)] for i, word in enumerate(said_by(number + 500))]
        told = {"path": f"/elsewhere/librispeech/{path}", "text": " ".join(TEXT), "words": words}
        lines.append(json.dumps(told))
    lines.append(json.dumps({"path": "/elsewhere/ljspeech/wavs/LJ.wav", "words": []}))
    (root / "words.jsonl").write_text("\n".join(lines) + "\n")
    counts = exam.make(root, [root / "words.jsonl"], root / "out")
    assert set(counts) == set(exam.PARTS)
    return root / "out"


def items(made: Path, part: str) -> list[Item]:
    return list(read_items(made / f"{part}.jsonl"))


def test_nothing_is_of_a_training_recording(exam: ModuleType, made: Path) -> None:
    for part in exam.PARTS:
        for item in items(made, part):
            assert item.split == "test"
            for clip in item.clips:
                path = Path(clip.path)
                if "esc10" in clip.path:
                    assert path.name.startswith("5-")
                elif "fsdd" in clip.path:
                    assert "_theo_" in path.name
                else:  # the last 16 of 35 speakers by number, and test-other
                    assert 519 <= int(path.name.split("-")[0]) < 540


@pytest.mark.parametrize(
    ("part", "count", "names"), [("esc10", 10, CLASSES), ("digits", 30, DIGITS)]
)
def test_every_recording_is_asked_once_among_four_names(
    made: Path, part: str, count: int, names: tuple[str, ...]
) -> None:
    found = items(made, part)
    assert len({item.clips[0].path for item in found}) == len(found) == count
    assert set(Counter(item.answer for item in found).values()) == {count // len(names)}
    assert all(len(set(item.choices)) == 4 for item in found)
    places = Counter(item.gold for item in found)
    assert max(places.values()) - min(places.values()) <= 1
    # Its name stands in the file: the answer is true.
    for item in found:
        path = Path(item.clips[0].path)
        told = path.parent.name[6:].lower() if part == "esc10" else DIGITS[int(path.name[0])]
        assert item.answer == told


@pytest.mark.parametrize(
    ("open_part", "closed"), [("esc10-open", "esc10"), ("digits-open", "digits")]
)
def test_open_parts_ask_the_same_recordings(made: Path, open_part: str, closed: str) -> None:
    asked = {item.clips[0].path: item.answer for item in items(made, open_part)}
    assert asked == {item.clips[0].path: item.answer for item in items(made, closed)}
    assert all(not item.choices for item in items(made, open_part))


def test_segments_have_two_to_eight_words_in_their_time(made: Path) -> None:
    found = items(made, "librispeech-transcript")
    for item in found:
        words = item.answer.split()
        assert 2 <= len(words) <= 8 and "42" not in item.answer
        (clip,) = item.clips
        assert clip.duration_s == pytest.approx(0.5 * len(words), abs=0.25)
        speaker = int(item.speakers[0].partition(":")[2])
        first = [w.strip(".,;").lower() for w in said_by(speaker)].index(words[0])
        assert clip.start_s == pytest.approx(0.5 * first, abs=0.13)
        assert duration_s(clip) == pytest.approx(clip.duration_s, abs=0.01)
    assert len({item.speakers for item in found}) > 15


def test_of_four_words_one_is_in_the_segment(made: Path) -> None:
    texts = {(i.clips[0].path, i.clips[0].start_s): i.answer.split()
             for i in items(made, "librispeech-transcript")}  # fmt: skip
    checked = 0
    for item in items(made, "librispeech-word"):
        said = texts.get((item.clips[0].path, item.clips[0].start_s))
        if said is not None:
            assert [word for word in item.choices if word in said] == [item.answer]
            checked += 1
    assert checked > 10


def test_pairs_have_two_clips_of_two_recordings(made: Path) -> None:
    for part in ("same-sound", "same-word", "which-clip"):
        found = items(made, part)
        assert all(len(item.clips) == len(item.recordings) == 2 for item in found)
        counts = Counter(item.answer for item in found)
        assert len(counts) == 2 and abs(np.diff(list(counts.values()))[0]) <= 2
        assert not any("background" in item.tags for item in found)


@pytest.mark.parametrize(
    ("text", "plainly"),
    [
        ("Mrs. Lynde's house,", "mrs lynde's house"),
        ("It’s so", "it's so"),
        ("Chapter 1", ""),
        ("half-hearted", "half hearted"),
        ("naïve", ""),
        ("50%", ""),
    ],
)
def test_only_words_of_plain_letters_are_asked(exam: ModuleType, text: str, plainly: str) -> None:
    assert exam.plain(text) == plainly


@pytest.mark.parametrize("size", [0, 1, 2, 8, 9, 17, 40])
def test_segments_follow_one_another(exam: ModuleType, size: int) -> None:
    words = ["word." if i % 5 == 4 else "word" for i in range(size)]
    found = list(exam.spans(words))
    assert all(2 <= last - first <= 8 for first, last in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert sum(last - first for first, last in found) >= size - 1


def test_a_model_is_asked_every_part_and_gets_its_card(
    exam: ModuleType, made: Path, tmp_path: Path
) -> None:
    texts = [
        text for part in exam.PARTS for i in items(made, part) for text in (i.question, i.answer)
    ]
    model = ComposedModel.preset("harken-mini", texts, seed=1)
    model.save(tmp_path / "model")
    found: dict[str, Any] = exam.run(str(tmp_path / "model"), made, tmp_path / "runs", limit=6)
    assert list(found) == list(exam.PARTS)
    for part, results in found.items():
        assert results["conditions"] == ["audio", "none", "silence", "swap"], part
    assert found["librispeech-transcript"]["transcripts"]["audio"]["words"] > 0
    path = tmp_path / "README.md"
    runs = tmp_path / "runs"
    card = exam.write_card(path, tmp_path / "model", runs, beside={"same": [runs]})
    assert card["parts"] == len(exam.PARTS) + 2 and not card["warnings"]  # and two of word errors
    assert card_head(path)["license"] == "apache-2.0"
