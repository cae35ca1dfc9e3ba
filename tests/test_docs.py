"""README and docs do what they say: their commands and Python are run in order, on small settings.

Each page has a folder of its own, in which the README has been followed from the beginning. A line
is left out only for a reason in `NOT_HERE`, which is printed; a whole block only where an HTML
comment before it says ``not run: REASON``. `SMALL` shortens what would take long.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from harken.audio.load import write_wav
from harken.cli.main import VERBS, app
from harken.files import sha256_of
from paths import REPO
from tones import tones

PAGES = ["README.md", *sorted(f"docs/{p.name}" for p in (REPO / "docs").glob("*.md"))]

LONG_NAMES = ("clean", "scale", "scenes", "speaking", "systems", "training")
LONG = tuple(f"docs/{name}.md" for name in LONG_NAMES)
"""Pages that take longest, and are run with the slow tests."""

NOT_HERE = {
    r"^make |^pip install": "installs, and runs all tests",
    r"Qwen/": "needs the weights of a model that is not here",
    r"native:FOLDER": "needs the weights of a native model",
    r"--encoder whisper-base|--model (mine|spelled/model)": "needs pretrained weights and a GPU",
    r"^harken (merge|export) ": "needs a model with adapters: the lines before it are not run",
    r"openai:": "needs a server",
    r"^harken serve": "serves until it is stopped",
    r"hf:minilm-l6": "needs pretrained weights",
    r"^harken chat": "asks for questions on a terminal",
    r"harken-small": "needs pretrained weights",
    r"^harken explain ID": "needs an id: test_explain.py runs it",
    r"^harken demo|/harken demo": "takes a minute: test_the_demo_of_the_readme runs it",
}
"""Lines that are not run, by pattern, and why."""

FEW = r"--set \1.threads=1 --set hearing.items=8"
"""Settings of a training, its name the first group of a pattern."""

SMALL = [
    (r"^harken synth .*", r"\g<0> --per-family 32"),
    (r"^harken train (align|sft) .*", r"\g<0> --set \1.steps=1 --set \1.batch=2 " + FEW),
    (
        r"^harken train (grpo) .*",
        r"\g<0> --set grpo.steps=1 --set grpo.items=2 --set grpo.group=2 " + FEW,
    ),
    (
        r"^harken train mixed-to-strong .*",
        r"\g<0> --set drill.steps=1 --set text-warmup.steps=1 --set align.steps=1 "
        r"--set sft.steps=1 --set sft.batch=2 --set grpo.steps=1 --set grpo.items=2 "
        r"--set grpo.group=2 --set hearing.items=8",
    ),
    (r"^harken train-codec .*", r"\g<0> --set codec.steps=2 --set codec.batch=2"),
    (
        r"^harken train-codec-lm .*",
        r"\g<0> --set codec-lm.steps=2 --set codec-lm.batch=4 --set codec-lm.width=16",
    ),
    (r"^harken eval-speech .*", r"\g<0> --per-text 1"),
    (r"^harken train-clap .*", r"\g<0> --set clap.steps=2 --set clap.batch=4"),
    (r"--set align\.steps=200", ""),
    (r"--long-minutes 1,30 --per-family 4", "--long-minutes 1,2"),
    (r" --min-gap \S+ --patience \S+", ""),  # one step is too few to be watched
    (r"^harken curate .*", r"\g<0> --limit 96"),
    (r"^harken eval (?!.* -b ).*", r"\g<0> --limit 6"),
    (r".* --asr written:.*", r"\g<0> --max-failed 0.5"),  # mixed clips have no words of their own
    # Names that stand for something of the reader's.
    (r"\bMODEL\b", "random"),
    (r"\bRUN\b", "runs/release"),
    (r"\bout/items 2bb3\b", "items"),
    (r"\bout/items\b", "items"),
]
PYTHON_SMALL = [(r'families=\["which-clip"\]', r'families=["which-clip"], per_family=6')]
ENDS = {
    r"^harken train (grpo|mixed-to-strong|weak-to-strong) ": 11,  # one step without a signal
    r"^harken leaks ": 8,  # the lists of training and test items here share questions
    r"^harken benchmarks mmau --data MMAU($| --items)": 3,  # a release of four rows is a fault
}
"""Commands that may end with another code than 0 here, by pattern."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, line, language, text, and why it is not run, if so."""

    page: str
    line: int
    language: str
    text: str
    reason: str


def blocks(page: str) -> Iterator[Block]:
    lines = (REPO / page).read_text("utf-8").splitlines()
    start = None
    for at, line in enumerate(lines):
        if start is None and (found := re.fullmatch(r"```(\w*)", line.strip())):
            start, language = at, found[1]
        elif start is not None and line.strip() == "```":
            above = next((one for one in reversed(lines[:start]) if one.strip()), "")
            reason = re.search(r"<!-- not run: (.+?) -->", above)
            text = "\n".join(lines[start + 1 : at])
            yield Block(page, start + 1, language, text, reason[1] if reason else "")
            start = None


def commands(block: Block) -> list[str]:
    """The command lines of a block, without comments."""
    found = (re.sub(r"\s+#.*", "", line).strip() for line in block.text.splitlines())
    return [line for line in found if line and not line.startswith("#")]


def skipped(line: str) -> str:
    return next((why for pattern, why in NOT_HERE.items() if re.search(pattern, line)), "")


def shortened(text: str, rules: list[tuple[str, str]]) -> str:
    for pattern, small in rules:
        text = re.sub(pattern, small, text)
    return text


def run(line: str) -> None:
    """Run one command in this process, with the variables before it."""
    words = shlex.split(shortened(line, SMALL))
    variables = {}
    while "=" in words[0]:
        name, _, variables[name] = words.pop(0).partition("=")
    assert words[0] in ("harken", ".venv/bin/harken"), f"no command of harken: {line}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARKEN_PLUGINS", "")  # --plugin sets it for subprocesses: only for this line
        for name, value in variables.items():
            patch.setenv(name, value)
        patch.syspath_prepend(os.getcwd())
        done = CliRunner().invoke(app, words[1:])
    failed = done.exception if not isinstance(done.exception, SystemExit) else None
    code = getattr(failed, "exit_code", done.exit_code)
    right = code == 0 or any(code == other for at, other in ENDS.items() if re.search(at, line))
    assert right, f"{line}\n{failed!r}\n{done.output[-1500:]}"


def follow(page: str, namespace: dict[str, Any]) -> tuple[int, list[str]]:
    """Run the blocks of a page in this folder; returns how many lines ran, and what did not."""
    ran, left = 0, []
    for block in blocks(page):
        at = f"{page}:{block.line}"
        if block.reason:
            left.append(f"{at}: {block.reason}")
        elif block.language == "python":
            code = compile(shortened(block.text, PYTHON_SMALL), at, "exec")
            exec(code, namespace)
            ran += 1
        elif block.language == "sh":
            for line in commands(block):
                if why := skipped(line):
                    left.append(f"{at}: {line}: {why}")
                else:
                    run(line)
                    ran += 1
    return ran, left


def release(root: Path) -> None:
    """A release of MMAU of four made rows, with sound, and replies to it."""
    data = REPO / "tests" / "data" / "mmau"
    shutil.copytree(data / "release", root / "MMAU")
    shutil.copy(data / "predictions.json", root / "replies.json")
    rows = json.loads((root / "MMAU" / "mmau-test-mini.json").read_text())
    (root / "MMAU" / "test-mini-audios").mkdir()
    for place, row in enumerate(rows):
        noise = 0.1 * np.random.default_rng(place).standard_normal(16_000)
        write_wav(root / "MMAU" / row["audio_id"], noise.astype(np.float32), 16_000)


def others(root: Path) -> None:
    """What docs name beside that: lists of training and test items, plugins, settings, words."""
    for name, offset in (("train", 0), ("bench", 90)):
        rows = []
        for number in range(4):
            path = root / f"{name}-audio" / f"{number}.wav"
            path.parent.mkdir(exist_ok=True)
            noise = 0.1 * np.random.default_rng(number + offset).standard_normal(16_000)
            write_wav(path, noise.astype(np.float32), 16_000)
            rows.append({"id": f"{name}{number}", "question": f"{name} {number}?",
                         "audio": str(path)})  # fmt: skip
        (root / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    examples = REPO / "examples" / "plugins"
    shutil.copy(examples / "layout_double_underscore.py", root / "my_layout.py")
    (root / "my_package").mkdir()
    (root / "my_package" / "__init__.py").write_text("")
    shutil.copy(examples / "condition_start.py", root / "my_package" / "my_module.py")
    shutil.copy(sorted((root / "recordings").rglob("*.wav"))[0], root / "clip.wav")
    block = next(b for b in blocks("docs/training.md") if b.language == "yaml")
    (root / "settings.yaml").write_text(block.text)
    scenes = [b for b in blocks("docs/scenes.md") if b.language == "yaml"]
    for name, block in zip(("scene.yaml", "around.yaml"), scenes, strict=True):
        (root / name).write_text(block.text)


def swift(root: Path) -> None:
    """A training set in the format of ms-swift, whose audio is below the recordings."""
    rows = [
        {
            "messages": [
                {"role": "user", "content": "<audio>What is heard?"},
                {"role": "assistant", "content": path.parent.name},
            ],
            "audios": [str(path.relative_to(root / "recordings"))],
        }
        for path in sorted((root / "recordings").rglob("*.wav"))[:4]
    ]
    (root / "swift.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def words(root: Path) -> None:
    """Transcripts of the recordings, for the condition of that name."""
    paths = sorted((root / "recordings").rglob("*.wav"))
    rows = [{"sha256": sha256_of(path), "text": path.parent.name} for path in paths]
    (root / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README has been followed."""
    pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("readme")
    tones(root / "recordings")
    release(root)
    others(root)
    words(root)
    swift(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("HARKEN_BENCHMARKS", str(root))
        ran, left = follow("README.md", {})
    print("\n".join(left))
    assert ran >= 14
    return root


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=pytest.mark.slow) if page in LONG else page for page in PAGES],
)
def test_what_a_page_says_to_run_runs(
    page: str, followed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if page == "README.md":
        for made in ("items", "tuned/model", "curated/undecided", "runs/after", "report.html",
                     "tables/index.csv", "runs/first", "listen"):  # fmt: skip
            assert (followed / made).exists(), made
        return
    if not any(b.language in ("sh", "python") for b in blocks(page)):
        pytest.skip("nothing to run on this page")
    root = tmp_path / "work"
    shutil.copytree(followed, root)
    # Each page is followed by itself: what it writes is not there yet.
    for one in ("runs", "model", "train", "bench"):
        shutil.rmtree(root / one, ignore_errors=True)
    shutil.copytree(followed / "items", root / "train")
    shutil.copytree(followed / "pairs", root / "bench")
    if page != "docs/training.md":  # it makes one
        shutil.copytree(followed / "model", root / "model")
    if page == "docs/plugins.md":
        for number, path in enumerate(sorted((root / "recordings").rglob("*.wav"))):
            path.rename(root / "recordings" / f"{path.parent.name.replace(' ', '_')}__{number}.wav")
    monkeypatch.chdir(root)
    ran, left = follow(page, {})
    print("\n".join(left))
    assert ran or left


def test_what_is_not_run_says_why_and_every_reason_is_needed() -> None:
    lines = [
        line
        for page in PAGES
        for block in blocks(page)
        if block.language == "sh" and not block.reason
        for line in commands(block)
    ]
    for pattern in NOT_HERE:
        assert any(re.search(pattern, line) for line in lines), f"nothing matches {pattern}"
    assert sum(not skipped(line) for line in lines) >= 35


def test_no_block_of_commands_hides_behind_another_language() -> None:
    """A fenced block with commands of harken is marked sh, so that it is run."""
    for page in PAGES:
        for block in blocks(page):
            if block.language not in ("sh", "python"):
                assert not re.search(r"^(\S+=\S+ )?harken ", block.text, re.MULTILINE), (
                    f"{page}:{block.line}"
                )


def inline() -> Iterator[tuple[str, str]]:
    """(page, command) of every command in running text or a table."""
    for page in PAGES:
        text = re.sub(r"```.*?```", "", (REPO / page).read_text("utf-8"), flags=re.DOTALL)
        for code in re.findall(r"`(harken [^`]+)`", text):
            yield page, " ".join(code.replace("\\|", "|").split())


def test_every_command_and_option_that_is_named_exists() -> None:
    tool = typer.main.get_command(app)
    found = 0
    for page, line in inline():
        words = shlex.split(line.replace("…", "x"))[1:]
        while words and words[0].startswith("-"):
            words = words[2:] if words[0] == "--plugin" else words[1:]
        if not words or not re.fullmatch(r"[a-z-]+", words[0]):
            continue
        assert words[0] in VERBS, f"{page}: {line}"
        options = {name for one in tool.commands[words[0]].params for name in one.opts}  # type: ignore[attr-defined]
        for word in words[1:]:
            if re.match(r"--?[a-z]", word):
                assert word.partition("=")[0] in options | {"--help", "-h"}, f"{page}: {line}"
        found += 1
    assert found >= 30


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    line = next(
        line
        for block in blocks("README.md")
        if block.language == "sh"
        for line in commands(block)
        if "/harken demo" in line
    )
    tones(tmp_path / "path" / "to" / "recordings")
    monkeypatch.chdir(tmp_path)
    run(re.sub(r"--minutes \S+", "--minutes 0.05", line))
    assert (tmp_path / "out" / "report.html").is_file()
