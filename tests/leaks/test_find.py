"""A benchmark looked for in a training set: every kind of match, on generated audio."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from test_fingerprint import RATE, coded, events
from typer.testing import CliRunner

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.codec import resample
from harken.audio.load import encode_flac, write_wav
from harken.cli.main import app
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.leaks.find import KINDS, contamination
from harken.leaks.read import ComparedItem, ItemSource, entry_of, read_entries
from harken.shards.write import write_dataset


def sound(
    path: Path, seed: int, change: Callable[[Any], Any] = lambda x: x, rate: int = RATE
) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, change(events(seed)), rate)
    return str(path)


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six test items; training items that repeat five, one way each, and some that do not."""
    folder = tmp_path_factory.mktemp("sets")
    bench = [
        {"id": f"b{n}", "question": f"What is heard in place {n}?", "choices": ["rain", "dog"],
         "audio": sound(folder / f"bench/b{n}.wav", n)}
        for n in range(6)
    ]  # fmt: skip
    bench[4]["audio"] = sound(folder / "bench/1-100032-A-0.wav", 4)
    bench[5]["question"] = ("After the second thunder, how many times does the smaller of the two "
                            "dogs bark before the door is shut?")  # fmt: skip
    (folder / "train").mkdir()
    flac = folder / "train/same_samples.flac"
    flac.write_bytes(encode_flac(read(bench[1]["audio"]), RATE))
    copy = folder / "train/copy.wav"
    copy.write_bytes(Path(bench[0]["audio"]).read_bytes())
    low = resample(0.5 * coded(events(2), "MP3", "MPEG_LAYER_III")[:, 9000:], RATE, 8000)
    write_wav(folder / "train/low.wav", low, 8000)
    train = [
        {"id": f"t{n}", "question": f"Something else, {n}?", "audio": sound(
            folder / f"train/{n}.wav", 50 + n)} for n in range(6)
    ]  # fmt: skip
    train += [
        {"id": "bytes", "question": "q?", "audio": str(copy)},
        {"id": "samples", "question": "q?", "audio": str(flac)},
        {
            "id": "print",
            "question": "q?",
            "audio": [train[0]["audio"], str(folder / "train/low.wav")],
        },
        {"id": "source", "question": "q?", "url": "https://freesound.org/s/100032/"},
        {"id": "text", "question": bench[5]["question"].upper(), "choices": ["dog", "rain"]},
        {"id": "lost", "question": "q?", "audio": str(folder / "nowhere.wav")},
    ]
    return lines(folder / "train.jsonl", train), lines(folder / "bench.jsonl", bench)


def read(path: str) -> Any:
    from harken.audio.load import load

    return load(Clip(path=path), RATE)


def compared(sets: tuple[Path, Path], **more: Any) -> dict[str, Any]:
    ours, theirs = ItemSource("train"), ItemSource("bench")
    bench = list(read_entries(sets[1], theirs))
    return contamination(read_entries(sets[0], ours), bench, source=ours, **more)


def test_every_kind_is_found_once_and_nothing_else(sets: tuple[Path, Path]) -> None:
    found = compared(sets)
    pairs = [(m["kind"], m["bench"], m["train"]) for m in found["matches"]]
    assert pairs == [
        ("bytes", "b0", "bytes"),
        ("samples", "b1", "samples"),
        ("print", "b2", "print"),
        ("source", "b4", "source"),
        ("text", "b5", "text"),
    ]
    assert found["leaked"] == ["b0", "b1", "b2", "b4", "b5"] and found["share"] == 5 / 6
    assert found["train"] == {
        "items": 12,
        "clips": 11,
        "questions": 12,
        "unheard": 1,
        "unreadable": {"missing": 1},
    }
    assert found["bench"]["unreadable"] == {} and found["bench"]["clips"] == 6
    assert set(found["kinds"]) == set(KINDS)
    one = {"bench_items": 1, "train_items": 1, "pairs": 1}
    assert found["kinds"]["print"] == one and found["kinds"]["near"]["pairs"] == 0
    match = found["matches"][2]
    assert 0.5 < match["strength"] < 1 and "of bits differ over" in match["found"]
    assert match["train_clip"].endswith("low.wav") and match["bench_clip"].endswith("b2.wav")


def test_threads_and_the_stream_of_matches_change_nothing(sets: tuple[Path, Path]) -> None:
    seen: list[Any] = []
    found = compared(sets, jobs=4, each=seen.append)
    assert found == compared(sets)
    assert [m.train for m in seen] == ["bytes", "samples", "print", "source", "text"], "in order"
    assert asdict(seen[0]) == found["matches"][0]


def test_only_what_is_asked_for_is_looked_for(
    sets: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harken.leaks.find.features_of", None)  # no audio may be opened
    found = compared(sets, checks=("text", "source"))
    assert found["leaked"] == ["b4", "b5"] and found["train"]["unreadable"] == {}
    with pytest.raises(ConfigError, match="no such check: smell"):
        compared(sets, checks=("smell",))


def test_the_strongest_few_are_listed_and_all_are_counted(tmp_path: Path) -> None:
    bench = [ComparedItem("b", names=("freesound:1234",))]
    names = ["audio/1234.wav", "freesound:1234", "freesound:1234", "freesound:1234"]
    found = contamination(
        [ComparedItem(f"t{n}", names=(x,)) for n, x in enumerate(names)], bench, shown=2
    )
    listed = [(m["kind"], m["train"]) for m in found["matches"]]
    assert listed == [("source", "t1"), ("source", "t2"), ("name", "t0")], "a bare number is a hint"
    assert found["kinds"]["source"] == {"bench_items": 1, "train_items": 3, "pairs": 3}


def test_hints_do_not_count_as_leaks(tmp_path: Path) -> None:
    bench = [
        ComparedItem("speaker", names=("84-121123-0000.flac",)),
        ComparedItem("video", names=("Yb0RFKhbpFJA_30000_40000.wav",)),
        ComparedItem("name", names=("a/kitchen7a.wav",)),
        ComparedItem("file", clips=(Clip(path="x.wav", sha256="ab", start_s=0.0, duration_s=2.0),)),
    ]
    train = [
        ComparedItem("t0", names=("84-121123-0001.flac",)),
        ComparedItem("t1", names=("Yb0RFKhbpFJA_90000_100000.wav",)),
        ComparedItem("t2", names=("b/KITCHEN7A.mp3",)),
        ComparedItem("t3", clips=(Clip(path="y.wav", sha256="ab", start_s=2.0, duration_s=2.0),)),
    ]
    found = contamination(train, bench)
    assert [(m["kind"], m["bench"]) for m in found["matches"]] == [
        ("name", "name"), ("near", "file"), ("near", "speaker"), ("near", "video"),
    ]  # fmt: skip
    assert found["leaked"] == [] and found["train"]["unreadable"] == {"missing": 1}
    half = ComparedItem("t", clips=(Clip(path="y.wav", sha256="ab", start_s=1.0, duration_s=2.0),))
    (match,) = contamination([half], bench)["matches"]
    assert match["kind"] == "bytes" and match["strength"] == 0.5, "half of the stretch"


def test_a_speaker_of_half_the_benchmark_is_no_evidence() -> None:
    bench = [ComparedItem(f"b{n}", speakers=("ann",)) for n in range(60)]
    found = contamination([ComparedItem("t", speakers=("ann",))], bench)
    assert found["matches"] == [] and found["common_names"] == {"speaker named ann": 60}


def test_a_scene_leaks_what_it_is_mixed_from(tmp_path: Path) -> None:
    path = sound(tmp_path / "x.wav", 1)
    scene = Clip(kind="plan", plan=ScenePlan((Part(Clip(path=path), 0.5),), 6.0))
    train = Item("Which?", "a", ("a", "b"), (scene,), recordings=("kitchen 7",))
    bench = Item("What?", "rain", clips=(Clip(path=path),))
    write_dataset([train], tmp_path / "set", name="t")
    source = ItemSource("t")
    entries = list(read_entries(tmp_path / "set", source))
    assert source.total == 1 and len(entries[0].clips) == 2
    found = contamination(entries, [entry_of(bench)])
    kinds = [m["kind"] for m in found["matches"]]
    assert kinds == ["bytes", "print"], "the part by its bytes, the whole by its sound"
    assert found["leaked"] == [bench.id]


def test_rows_of_many_layouts(tmp_path: Path) -> None:
    rows: list[Any] = [
        {"instruction": "Describe.", "audio_path": ["a.wav", "b.wav"], "youtube_id": "b0RFKhbpFJA"},
        {
            "conversations": [
                {"from": "human", "value": "What is it?"},
                {"from": "gpt", "value": "x"},
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hm?"}]}]},
        {"question": "Q", "choice_a": "one", "choice_b": "two"},
        {"question": "Q", "options": {"A": "one", "B": "two"}},
        {"weight": 3},
        [1],
    ]
    path = lines(tmp_path / "x.jsonl", rows)
    with path.open("a") as file:
        file.write("nonsense\n")
    source = ItemSource("x")
    found = list(read_entries(path, source, tmp_path / "audio"))
    assert [entry.question for entry in found] == ["Describe.", "What is it?", "Hm?", "Q", "Q"]
    assert [Path(clip.path).name for clip in found[0].clips] == ["a.wav", "b.wav"]
    assert found[0].clips[0].path == str(tmp_path / "audio" / "a.wav")
    assert "https://youtu.be/b0RFKhbpFJA" in found[0].names
    assert found[3].choices == ("one", "two") == found[4].choices
    assert source.faulty == 3 and "line 6" in source.faults[0] and source.total == 8
    sheet = tmp_path / "x.csv"
    sheet.write_text("question,choices,audio\nWhat?,one|two,a.wav\n")
    (row,) = read_entries(sheet, ItemSource("s"))
    assert row.choices == ("one", "two") and row.id == "line 2"
    for bad, words in (("none.jsonl", "no such manifest"), ("x.xml", "cannot be read line by")):
        (tmp_path / "x.xml").write_text("<x/>")
        with pytest.raises(DataError, match=words):
            list(read_entries(tmp_path / bad, ItemSource("b")))
    with pytest.raises(DataError, match="no line can be read"):
        list(read_entries(lines(tmp_path / "y.jsonl", [{"weight": 3}]), ItemSource("y")))


def run(*words: object) -> Any:
    return CliRunner().invoke(app, ["leaks", *map(str, words)])


def test_the_command_reports_and_exits_with_8(sets: tuple[Path, Path], tmp_path: Path) -> None:
    every = tmp_path / "every.jsonl"
    done = run(*sets, "--matches", every, "--json", "--workers", 2)
    assert done.exit_code == 8, done.output
    found = json.loads(done.stdout)
    assert len(found["leaked"]) == 5 and found["written"] == 5
    assert [json.loads(line)["kind"] for line in every.read_text().splitlines()] == [
        "bytes", "samples", "print", "source", "text",
    ]  # fmt: skip
    assert found["warnings"] == ["1 of 11 clips of train could not be decoded: missing"]
    text = run(*sets)
    assert "5 of 6 test items leaked (83.33 %)" in text.stdout and text.exit_code == 8
    clean = run(sets[1], sets[1].with_name("train.jsonl"), "--check", "name")
    assert clean.exit_code == 0
    wrong = run(sets[0])
    assert isinstance(wrong.exception, ConfigError)


def test_a_benchmark_by_name_without_its_audio(tmp_path: Path) -> None:
    release = Path(__file__).parents[1] / "data" / "mmau" / "release" / "mmau-test-mini.json"
    rows = json.loads(release.read_text())
    path = lines(tmp_path / "t.jsonl", [{"question": rows[0]["question"],
                                         "choices": rows[0]["choices"][::-1]}])  # fmt: skip
    found = json.loads(run(path, "-b", "mmau", "--data", release, "--json").stdout)
    assert found["bench"]["items"] == 4
    assert any("clips of bench could not be decoded: missing" in w for w in found["warnings"])
    assert any("train has no audio" in w for w in found["warnings"])


def test_memory_is_bounded_by_the_benchmark() -> None:
    import tracemalloc

    def stream(count: int) -> Any:
        for n in range(count):
            words = " ".join(f"w{n}x{k}" for k in range(60))  # none of it in the benchmark
            yield ComparedItem(f"t{n}", words, names=(f"place{n}a.wav",))

    bench = [
        ComparedItem("b", "what is it that is heard in the second place", names=("hall7b.wav",))
    ]
    peaks = []
    for count in (100, 1000):
        tracemalloc.start()
        assert contamination(stream(count), bench)["train"]["items"] == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 50_000, peaks
