"""Every command that writes something: the same bytes under any hash seed and number of threads."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harken.audio.probe import file_sha256
from harken.cli.main import VERBS
from made_items import tone
from paths import REPO
from smoke_starter import smoke_starter

MMAU = REPO / "tests" / "data" / "mmau"
REPLIES, RELEASE = "../mmau/predictions.json", "../mmau/release"

SCENE = """
duration: {uniform: [4, 6]}
background: {}
layout: foa
events: {count: 2, duration: 1, snr: {normal: [10, 2]}, tempo: 1.1, place: {azimuth: 30}}
"""

AROUND = "background: {level: {uniform: [-50, -40]}}"

COMMANDS: dict[str, list[str]] = {
    "scan": ["scan ../corpus --json"],
    "synth": [
        "synth ../corpus -o items --per-family 5",
        "synth ../corpus -o embedded --per-family 1 --embed --json",
        "synth ../corpus -o played --per-family 2 --embed --family music --family say-when "
        "--family stream --family dialogue --around ../around.yaml --json",
        "synth ../corpus -o long --per-family 1 --family long --long-minutes 1 --json",
    ],
    "scene": [
        "scene ../scene.yaml ../corpus -o scenes --count 3 --json",
        "scene scenes -o again --json",
    ],
    "show": ["show items -n 30 --clips clips --json"],
    "curate": [
        "curate items -o curated --limit 40 --voter longest --voter linear --voter random --json"
    ],
    "compose": [
        "compose --encoder ../parts/encoder --lm ../parts/lm -o composed --json",
        "compose --preset moss-audio -o preset --json",
    ],
    "show-model": ["show-model preset -o preset.svg --json"],
    "train": [
        "train align items -o aligned --model harken-mini --set align.steps=3 --json "
        "--set hearing.items=6",
        "train sft items -o tuned --model aligned/model --set sft.steps=3 --json "
        "--set hearing.items=6",
        "train grpo items -o rewarded --model tuned/model --set grpo.steps=1 --set grpo.items=2 "
        "--set grpo.group=2 --set grpo.max_tokens=3 --set hearing.items=6 --json",
    ],
    "eval": [
        "eval tuned/model items -o before --limit 12 --json",
        "eval linear items -o guessed --limit 12 --json",
        "eval longest items -o after --limit 12 --json",
        "eval longest -b mmau --data ../mmau/release --audio ../mmau/release -o bench --json",
    ],
    "rescore": ["rescore guessed --json"],
    "report": [
        "report before after -o page.html --curate curated --train tuned/sft --max-items 6",
        "report guessed -o linear.html",
    ],
    "compare": ["compare before after --json", "compare before after"],
    "check": ["check . --json"],
    "score": [f"score -b mmau -p {REPLIES} --data {RELEASE} --json"],
    "floor": [f"floor mmau --data {RELEASE} --json"],
    "parse-report": [f"parse-report -b mmau -p {REPLIES} --data {RELEASE} --json"],
    "benchmarks": [
        "benchmarks --json",
        "benchmarks own --data ../own/release --items bench.jsonl --json",
    ],
    "leaks": [
        "leaks items embedded --matches matches.jsonl --json --workers 2",
        f"leaks items -b mmau --data {RELEASE} --json",
    ],
    "starter": ["starter sounds --size smoke --json"],
    "plugins": ["plugins --json"],
    "demo": ["demo --corpus ../corpus -o demo --minutes 0.02 --json"],
    "merge": [
        "compose --encoder ../parts/encoder --lm ../parts/lm --lora lm:2 -o adapted --json",
        "merge adapted -o merged --json",
    ],
    "effect": ["effect time --size smoke --seeds 1 --model harken-mini -o effects --json"],
    "export": ["export adapted -o exported --copy-bases --json"],
    "card": [
        "card tuned/model after guessed --train tuned --beside guess=guessed -o card/README.md "
        "--licence mit --summary small --json"
    ],
    "clean": [
        "clean items -o cleaned --workers 2 --json",
        "clean items -o mended --filter position?mend=true --filter longest?mend=true --seed 1",
    ],
    "mix": ["mix curated/undecided=2 curated/dropped=1 -o mixed --order clips --parts 2 --json"],
    "convert": [
        f"convert items --to {name} -o {name} --json"
        for name in ("ms-swift", "llama-factory", "audiomcq", "webdataset")
    ],
    "train-codec": [
        "train-codec ../corpus -o coded --set codec.steps=3 --set codec.batch=2 "
        "--set codec.size=8 --set codec.watch_every=2 --json"
    ],
    "encode": ["encode coded/model ../clip.wav -o codes --json"],
    "decode": ["decode coded/model codes/clip.safetensors -o sounds --json"],
    "reconstruct": ["reconstruct coded/model ../corpus --limit 3 --json"],
    "train-codec-lm": [
        "train-codec-lm coded/model ../corpus -o spoken --set codec-lm.steps=3 "
        "--set codec-lm.batch=4 --set codec-lm.width=16 --set codec-lm.watch_every=2 --json"
    ],
    "speak": ["speak spoken/model dog -o dog.wav --seconds 0.3 --guidance 2 --json"],
    "eval-speech": [
        "eval-speech spoken/model ../corpus -o judged --per-text 1 --seconds 0.1 --json"
    ],
    "train-clap": [
        "train-clap ../corpus -o paired --set clap.steps=2 --set clap.batch=4 --set clap.dim=8 "
        "--json"
    ],
    "tag": ["tag paired/model ../clip.wav --labels dog,rain"],
    "search": ["search paired/model rain ../clip.wav"],
    "eval-clap": ["eval-clap paired/model ../corpus --json"],
    "write": [
        "write items -o reworded --limit 30 --json",
        "write items -o captions --task caption-short --limit 30",
        "write items -o reasoned --task reasoning --limit 30 --json",
        "write ../corpus -o told --recordings --task caption-tags --limit 20",
    ],
}  # fmt: skip
"""Command -> what is run of it, in this order; all in one folder, paths relative to it."""

NOT_RUN = {
    "serve": "writes nothing",
    "chat": "writes nothing",
    "explain": "needs an id, and writes nothing",
    "models": "tells what is on this computer and writes nothing",
    "doctor": "speaks of the computer and not of an artefact",
    "features": "fills a cache, which is no artefact",
}

DRIVER = """
import contextlib, io, json, sys
from pathlib import Path
from harken.cli.main import main
for number, words in enumerate(json.load(sys.stdin)):
    sys.argv, out = ["harken", *words], io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            main()
        code = 0
    except SystemExit as end:
        code = end.code
    assert code in (0, None, 8, 10, 11), (words, code)
    Path(f"{number:02d}-{words[0]}.out").write_text(out.getvalue())
"""


def test_every_command_is_run_or_left_out_with_a_reason() -> None:
    assert {*COMMANDS} | {*NOT_RUN} == {*VERBS}
    assert not {*COMMANDS} & {*NOT_RUN}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus whose names belong to several groups, a benchmark, and parts of a model."""
    root = tmp_path_factory.mktemp("same")
    smoke_starter(root / "corpus")
    (root / "scene.yaml").write_text(SCENE)
    (root / "around.yaml").write_text(AROUND)
    tone(root / "clip.wav", 300)
    shutil.copytree(MMAU, root / "mmau")
    shutil.copytree(MMAU.parent / "own", root / "own")
    for number, row in enumerate(json.loads((MMAU / "predictions.json").read_text())):
        tone(root / "mmau" / "release" / row["audio_id"], 200 + 50 * number)
    return root


def commands() -> list[list[str]]:
    return [line.split() for own in COMMANDS.values() for line in own]


def contents(world: Path, hash_seed: int, threads: int) -> dict[str, str]:
    """Run everything; SHA-256 of all files but those of times, by path."""
    work = world / "work"  # always the same place: a path in an output is no difference
    work.mkdir()
    given = {"PYTHONHASHSEED": str(hash_seed), "COLUMNS": "80"}
    given |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps(commands()),
        env={**os.environ, **given},
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = {
        str(path.relative_to(work)): file_sha256(path)
        for path in sorted(work.rglob("*"))
        if path.is_file() and plain(path.name) not in TIMES
    }
    work.rename(world / f"{hash_seed}-{threads}")
    return found


TIMES = ("log.jsonl", "demo.out")
"""What tells how long something took."""

PROBABILITIES = (
    "eval.out", "before/", "demo/before/", "demo/after/", "demo/curated/",
    "demo/report.html", "demo/summary.json", "demo/training/grpo/rollouts.jsonl",
    "demo/training/grpo/checksums.json", "reconstruct.out", "sounds/",
    "dog.wav", "speak.out", "judged/", "eval-speech.out", "eval-clap.out",
)  # fmt: skip
"""Where numbers that a torch model has computed are written: probabilities, sounds."""


def plain(name: str) -> str:
    """The name of a command's output without its number."""
    return re.sub(r"^\d+-(?=[a-z-]+\.out$)", "", name)


def differing(first: dict[str, str], other: dict[str, str]) -> list[str]:
    return sorted(name for name in first.keys() | other if first.get(name) != other.get(name))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_all_commands_give_the_same_bytes_under_three_hash_seeds_and_two_threads(
    world: Path,
) -> None:
    pytest.importorskip("transformers")
    from composed.test_build import folders

    folders(world / "parts", "whisper", "qwen2")
    one = contents(world, 1, 1)
    assert differing(one, contents(world, 2, 1)) == []
    two = contents(world, 3, 2)
    # What a torch model computes differs in its last digits with the number of threads, and so does
    # what holds it; everything else is the same.
    assert [name for name in differing(one, two) if not plain(name).startswith(PROBABILITIES)] == []


def test_names_of_two_groups_are_of_one_group_whatever_the_hash_seed() -> None:
    names = ["car horn", "washing machine", "door wood knock", "water drops", "clock alarm"]
    code = (
        "import sys; from harken.synth.vocabulary import group_of; "
        "print([*map(group_of, sys.argv[1:])])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, *names],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(6)
    }
    assert len(found) == 1
