"""A benchmark from its release to official score, text-only floor and checks, in one run folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harken.errors import ConfigError, RunError
from harken.evaluate import run as evaluate
from harken.evaluate.about import BenchmarkRequest
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.run import Guards
from harken.models.base import PromptStyle, Reply
from harken.models.listeners.load import load_listener
from harken.models.load import load_model
from harken.report.terminal import results
from scored_records import chirp

SOUNDS = ("dog bark", "church bells", "steady rain", "a loud siren")


class Parrot:
    """Says the letter of the option that the clip's file is named after; batch 4."""

    name, max_clips, style, batch = "parrot", 2, PromptStyle(), 4

    def __init__(self, drift: bool = False) -> None:
        self.drift = drift  # whether an answer hangs on its neighbours in the batch
        self.asked = 0

    def generate(self, prompts, sampling):
        self.asked += len(prompts)
        return [self._one(p, alone=len(prompts) == 1) for p in prompts]

    def _one(self, prompt, alone):
        names = [Path(clip.path).stem.split("-")[-1] for clip in prompt.clips]
        shown = [i for i, text in enumerate(prompt.choices) if text in names]
        at = shown[0] if shown else 0
        return Reply("ABCD"[(at + (self.drift and alone)) % 4])

    def choice_logprobs(self, prompts):
        return [None] * len(prompts)

    def identity(self):
        return "parrot"


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkRequest:
    folder = tmp_path_factory.mktemp("mmau")
    rows = []
    for at in range(12):
        name = f"test-mini-audios/{at}-{SOUNDS[at % 4]}.wav"
        chirp(folder / name, at, 0.4)
        rows.append(
            {
                "id": f"m{at}", "audio_id": f"./{name}", "question": f"Which sound is number {at}?",
                "choices": list(SOUNDS), "answer": SOUNDS[at % 4], "dataset": "made",
                "task": ("sound", "music", "speech")[at % 3], "split": "test-mini",
                "category": "Reasoning", "sub-category": "one", "difficulty": "easy",
            }
        )  # fmt: skip
    (folder / "mmau-test-mini.json").write_text(json.dumps(rows))
    bench = open_benchmark("mmau")
    release = bench.release(folder, need_audio=True, partial=True)
    return BenchmarkRequest(bench, release, str(folder))


def test_one_folder_holds_plan_replies_scores_official_score_and_floor(
    benchmark: BenchmarkRequest, tmp_path: Path
) -> None:
    items = benchmark.release.items
    found = evaluate.run(
        Parrot(), items, tmp_path, benchmark=benchmark, guards=Guards(), rotations="all"
    )
    assert found["overall"]["cells"]["audio"]["accuracy"] == 1.0
    assert found["overall"]["cells"]["none"]["accuracy"] == 0.25
    assert found["benchmark"]["name"] == "mmau" and len(found["benchmark"]["fingerprint"]) == 16
    assert any("12 items; known releases hold" in check["text"] for check in found["checks"])
    # The official rule matches words: letters are nothing to it, the option's own text is right.
    assert found["official"]["submitted"]["official"]["accuracy"] == 1.0
    assert found["official"]["raw"]["official"]["accuracy"] == 0.0
    assert found["official"]["raw"]["strict"]["accuracy"] == 1.0
    assert found["official"]["lmms_eval"] == {"accuracy": 1.0, "n": 12, "guessed": 0.0}
    shown = results(found)
    for whose in ("of the file that --submit writes", "of a file that holds them unchanged",
                  "lmms-eval, which reads letters"):  # fmt: skip
        assert whose in " ".join(shown.split())
    assert found["blind"]["chance"] == 0.25 and found["blind"]["n"] == 12
    assert found["versions"]["harken"]
    lines = {name: (tmp_path / f"{name}.jsonl").read_text().count("\n")
             for name in ("items", "plan", "replies", "records")}  # fmt: skip
    assert lines == {"items": 12, "plan": 192, "replies": 192, "records": 192}


def test_stages_one_by_one_end_as_all_at_once(benchmark: BenchmarkRequest, tmp_path: Path) -> None:
    items, model = benchmark.release.items, Parrot()
    evaluate.run(Parrot(), items, tmp_path / "whole", benchmark=benchmark)
    counts = evaluate.run(model, items, tmp_path / "steps", benchmark=benchmark, until="plan")
    assert model.asked == 0 and counts["requests"] == 48
    assert counts["by"] == dict.fromkeys(evaluate.CONDITIONS, 12) and counts["clips"] == 13
    counts = evaluate.run(model, items, tmp_path / "steps", benchmark=benchmark, until="infer")
    assert model.asked == 48 and counts["replies"] == 48
    evaluate.run(model, items, tmp_path / "steps", benchmark=benchmark)
    assert model.asked == 48
    for path in sorted((tmp_path / "whole").glob("*.json*")):
        if path.name != "log.jsonl":
            assert path.read_bytes() == (tmp_path / "steps" / path.name).read_bytes(), path.name


def test_rescoring_calls_no_model_and_reports_what_changed(
    benchmark: BenchmarkRequest, tmp_path: Path
) -> None:
    evaluate.run(Parrot(), benchmark.release.items, tmp_path, benchmark=benchmark)
    before = (tmp_path / "results.json").read_bytes()
    same = evaluate.rescore(tmp_path)
    assert same["changed"] == 0 and (tmp_path / "results.json").read_bytes() == before
    changed = (tmp_path / "records.jsonl").read_text().replace('"correct"', '"wrong"', 1)
    (tmp_path / "records.jsonl").write_text(changed)
    (tmp_path / "checksums.json").unlink()  # or the change would be told as damage
    again = evaluate.rescore(tmp_path)
    assert again["changed"] == 1 and again["after"]["audio"] == 1.0
    for name in ("plan.jsonl", "checksums.json"):
        (tmp_path / name).unlink()
    with pytest.raises(RunError, match="no plan"):
        evaluate.rescore(tmp_path)


@pytest.mark.parametrize("drift", [False, True])
def test_the_selfcheck_finds_answers_that_depend_on_the_batch(
    benchmark: BenchmarkRequest, tmp_path: Path, drift: bool
) -> None:
    found = evaluate.run(
        Parrot(drift), benchmark.release.items, tmp_path, guards=Guards(selfcheck=5)
    )
    (check,) = [one for one in found["checks"] if one["name"] == "selfcheck"]
    assert check["asked"] == 5 and check["ok"] is not drift
    assert check["differing"] == (5 if drift else 0)


def test_a_model_without_audio_input_gets_the_text_alone(
    benchmark: BenchmarkRequest, tmp_path: Path
) -> None:
    reader = load_model("constant:1")
    reader.max_clips = 0
    found = evaluate.run(reader, benchmark.release.items, tmp_path, benchmark=benchmark)
    assert found["conditions"] == ["none"]
    assert found["official"]["condition"] == "none"
    assert found["official"]["submitted"]["official"]["accuracy"] == 0.25


def test_transcripts_from_a_file_are_read_once_and_cached(
    benchmark: BenchmarkRequest, tmp_path: Path
) -> None:
    words = tmp_path / "words.jsonl"
    lines = [
        {"audio": Path(i.clips[0].path).name, "text": i.answer} for i in benchmark.release.items
    ]
    words.write_text("".join(json.dumps(line) + "\n" for line in lines))

    class Reader(Parrot):
        """Chooses the option whose words stand in the prompt outside the choices."""

        def _one(self, prompt, alone):
            transcripts = [p for p in prompt.parts if isinstance(p, str) and "transcript" in p]
            at = [i for i, text in enumerate(prompt.choices) if any(text in p for p in transcripts)]
            return Reply("ABCD"[at[0]] if at else "A")

    listener = load_listener(f"written:{words}", "transcript")
    found = evaluate.run(Reader(), benchmark.release.items, tmp_path / "run",
                         conditions=("none", "transcript"),
                         listeners={"transcript": listener})  # fmt: skip
    cells = found["overall"]["cells"]
    assert (cells["none"]["accuracy"], cells["transcript"]["accuracy"]) == (0.25, 1.0)
    with pytest.raises(ConfigError, match="needs no transcriber"):
        evaluate.run(
            Reader(), benchmark.release.items, tmp_path / "other", listeners={"none": listener}
        )


def test_a_benchmark_runs_from_the_command_line(
    benchmark: BenchmarkRequest, tmp_path: Path
) -> None:
    words = [sys.executable, "-c", "from harken.cli.main import main; main()", "eval", "longest"]
    words += [
        "-b",
        "mmau",
        "--data",
        benchmark.data,
        "-o",
        str(tmp_path / "run"),
        "--rotations",
        "2",
    ]
    alone = subprocess.run([*words, "--stage", "plan"], capture_output=True, text=True, check=True)
    assert "24 requests" in alone.stdout, "a baseline of the text is asked none only"
    words[words.index(str(tmp_path / "run"))] = str(tmp_path / "all")
    for condition in ("audio", "none", "silence", "swap"):
        words += ["--condition", condition]
    plan = subprocess.run([*words, "--stage", "plan"], capture_output=True, text=True, check=True)
    assert "96 requests" in plan.stdout and "12 items are too few" in plan.stdout
    assert "0.1 min of audio" in plan.stdout
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["benchmark"]["items"] == 12 and found["official"]["submitted"]["n"] == 12
    both = subprocess.run([*words, "items.jsonl"], capture_output=True, text=True, check=False)
    assert both.returncode == 2 and "either a dataset" in both.stderr
