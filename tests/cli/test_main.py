"""The command line: commands work from a shell, --json gives one object, exit codes are set."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from harken.audio.load import write_wav
from harken.cli import main as cli
from harken.cli.main import VERBS, app
from harken.report.text import printable, table


def harken(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harken", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five classes of tones, eight recordings each, and one broken file."""
    root = tmp_path_factory.mktemp("tones")
    for place, name in enumerate(["hum", "low tone", "tone", "high tone", "whistle"]):
        (root / name).mkdir()
        for number in range(8):
            rng = np.random.default_rng([place, number])
            time = np.arange(8_000) / 16_000
            wave = 0.3 * np.sin(2 * np.pi * (110 * 2**place + 3 * number) * time)
            noise = 0.01 * rng.standard_normal(len(time))
            write_wav(root / name / f"{number}.wav", wave + noise, 16_000)
    (root / "hum" / "broken.wav").write_bytes(b"RIFF")
    return root


@pytest.fixture(scope="module")
def items(corpus: Path) -> Path:
    out = corpus.parent / "items"
    done = harken("synth", str(corpus), "-o", str(out), "--per-family", "24")
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help_with_an_example(verb: str) -> None:
    done = harken(verb, "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout and "--json" in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_no_help_has_what_a_terminal_takes_as_markup(verb: str) -> None:
    """``[default: 3]`` in the help of an option is not shown: rich reads it as a style."""
    root: Any = typer.main.get_command(app)
    command = root.commands[verb]
    texts = [command.help or "", *(getattr(one, "help", "") or "" for one in command.params)]
    assert not [text for text in texts if re.search(r"\[[a-z/@#]", text)]


def test_scan_counts_and_lists_rejects_as_one_json_object(corpus: Path) -> None:
    done = harken("scan", str(corpus), "--json")
    found = json.loads(done.stdout)
    assert (found["clips"], len(found["labels"])) == (40, 5)
    assert [r["path"] for r in found["rejects"]] == ["hum/broken.wav"]
    assert found["rejects"][0]["reason"]
    assert "broken.wav" in harken("scan", str(corpus)).stdout


def test_show_prints_items_and_writes_clips(items: Path, tmp_path: Path) -> None:
    done = harken("show", str(items), "-n", "2", "--clips", str(tmp_path), "--json")
    shown = json.loads(done.stdout)
    assert len(shown["items"]) == 2 and all(Path(p).is_file() for p in shown["clips"])
    again = harken("show", str(items), shown["items"][0]["id"])
    assert shown["items"][0]["answer"] in again.stdout


def test_eval_compare_report_of_text_only_models(items: Path, tmp_path: Path) -> None:
    for name in ("random", "oracle"):
        out = str(tmp_path / name)
        done = harken("eval", name, str(items), "-o", out, "--condition", "audio", "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
    assert found["overall"]["cells"]["audio"]["accuracy"] == 1.0
    runs = [str(tmp_path / "random"), str(tmp_path / "oracle")]
    assert json.loads(harken("compare", *runs, "--json").stdout)["items"] == found["items"]
    page = tmp_path / "page.html"
    done = harken("report", *runs, "-o", str(page), "--max-items", "4")
    assert done.returncode == 0, done.stderr
    assert page.stat().st_size > 10_000


def test_eval_of_one_item_with_room_for_thinking(items: Path, tmp_path: Path) -> None:
    out = tmp_path / "one"
    words = ["eval", "random", str(items), "-o", str(out), "--limit", "1", "--max-tokens", "64"]
    words += ["--thinking-tokens", "1000", "--temperature", "0.5", "--top-p", "0.9"]
    done = harken(*words)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    shown = " ".join(done.stdout.split())
    assert "at most 64 tokens a reply and 1,000 more for thinking, sampled at" in shown
    assert "at temperature 0.5, top-p 0.9" in shown and "Asked without audio only." in shown
    spec = json.loads((out / "run.json").read_text())["spec"]
    assert spec["conditions"] == ["none"] and spec["sampling"]["thinking_tokens"] == 1000
    again = harken(*words[:-1], "0.8")
    assert again.returncode == 6 and "sampling.top_p: 0.9 -> 0.8" in again.stderr


def test_curate_splits_and_explains(items: Path, tmp_path: Path) -> None:
    words = ["curate", str(items), "-o", str(tmp_path / "c"), "--limit", "60"]
    done = harken(*words, "--voter", "longest", "--voter", "random", "--json")
    assert done.returncode == 0, done.stderr
    assert sum(json.loads(done.stdout)["counts"].values()) == 60


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["scan", "nowhere"], 3, "nowhere"),
        (["eval", "lonegst", "items.jsonl", "-o", "x"], 3, "items.jsonl"),
        (["show", "nowhere"], 3, "harken synth"),
        (["compare", "nowhere", "nowhere"], 6, "nowhere"),
        (["scan"], 2, "Missing argument"),
        (["eval", "random", "i", "-o", "x", "--rotations", "-2"], 2, "should be greater"),
        (["eval", "random", "i", "-o", "x", "--clip-rotations", "-1"], 2, "should be greater"),
        (["eval", "random", "i", "-o", "x", "--selfcheck", "-1"], 2, "should be greater"),
        (["eval", "random", "i", "-o", "x", "--max-failed", "7"], 2, "should be less"),
        (["eval", "random", "i", "-o", "x", "--max-tokens", "0"], 2, "max_tokens is 0"),
        (["eval", "random", "i", "-o", "x", "--max-tokens", "-3"], 2, "1 to 1,000,000"),
        (["eval", "random", "i", "-o", "x", "--max-tokens", "1000000000"], 2, "1 to 1,000,000"),
        (["eval", "random", "i", "-o", "x", "--thinking-tokens", "-1"], 2, "thinking_tokens"),
        (["eval", "random", "i", "-o", "x", "--temperature", "nan"], 2, "temperature is nan"),
        (["eval", "random", "i", "-o", "x", "--top-p", "0"], 2, "top_p is 0"),
        (["floor", "own", "--data", "i", "--max-tokens", "0"], 2, "max_tokens is 0"),
        (["no-such-verb"], 2, "No such command"),
    ],
)
def test_errors_say_what_where_and_a_hint(
    words: list[str], code: int, says: str, tmp_path: Path
) -> None:
    done = harken(*words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert says in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_unknown_model_is_answered_with_similar_names(items: Path, tmp_path: Path) -> None:
    done = harken("eval", "lonegst", str(items), "-o", str(tmp_path / "x"))
    assert done.returncode == 2 and "longest" in done.stderr


def test_doctor_tries_the_codecs() -> None:
    found = json.loads(harken("doctor", "--json").stdout)
    assert found["ok"] and all(found["codecs"].values())


def test_terminal_text_cannot_drive_the_terminal() -> None:
    assert printable("dog\x1b[2Jbark\n") == "dog\\x1b[2Jbark\n"


def test_table_aligns_numbers_to_the_right() -> None:
    assert table([("a", 5), ("bb", 10)], ("name", "n")) == "name   n\na      5\nbb    10"


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_paragraphs_on_one_line_and_an_example_on_each_line(verb: str) -> None:
    shown = cli._help(VERBS[verb])
    about, _, examples = shown.partition("\n\nExample")
    assert all("\n" not in paragraph for paragraph in about.split("\n\n"))
    lines = examples.splitlines()[1:]
    assert lines and all(line.startswith(("  harken ", "  torchrun ")) for line in lines)


def test_the_version_is_told_without_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib import metadata

    from harken.cli.main import app

    with pytest.raises(SystemExit) as ended:
        app(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == metadata.version("harken")
