"""Progress: lines with an ETA in a log, and a bar that can be read on a narrow terminal."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator

import pytest
from rich.console import Console
from rich.progress import Progress

from harken import progress


@pytest.fixture(autouse=True)
def _loud() -> Iterator[None]:
    progress.quiet(False)
    yield
    progress.quiet()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "said"),
    [
        (0, 10, 30.0, "0 of 10 done in 0:30"),
        (5, 10, 30.0, "5 of 10 done in 0:30, 0:30 left"),
        (1, 4, 90.0, "1 of 4 done in 1:30, 4:30 left"),
        (10, 10, 61.0, "10 of 10 done in 1:01, 0:00 left"),
        (1, 121, 60.0, "1 of 121 done in 1:00, 2:00:00 left"),
        (12, 10, 5.0, "12 of 10 done in 0:05"),  # a total that was too low
        (7, None, 3725.0, "7 done in 1:02:05"),
    ],
)
def test_a_line_says_what_is_done_and_what_is_left(
    done: int, total: int | None, seconds: float, said: str
) -> None:
    assert progress.state(done, total, seconds) == said


@pytest.mark.parametrize("total", [3, None])
def test_a_log_has_lines_while_one_thing_takes_long(
    total: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.05)
    slow = (time.sleep(0.3 if at == 1 else 0) or at for at in range(3))
    assert list(progress.track(slow, "ask", total)) == [0, 1, 2]
    first, *middle, last = capsys.readouterr().err.splitlines()
    assert first == f"ask: {'?' if total is None else 3} to do" and last == "ask: 3 done"
    assert len(middle) >= 3
    assert all(re.fullmatch(r"ask: \d( of 3)? done in \d:\d\d(, \d:\d\d left)?", m) for m in middle)


def test_a_quick_job_has_two_lines_and_a_quiet_one_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(progress.track([1, 2], "read")) == [1, 2]
    assert capsys.readouterr().err == "read: 2 to do\nread: 2 done\n"
    progress.quiet()
    assert list(progress.track([1, 2], "read")) == [1, 2]
    assert capsys.readouterr().err == ""


def test_reports_end_with_the_job_however_it_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.02)

    def failing() -> Iterator[int]:
        yield 1
        raise ValueError

    with pytest.raises(ValueError):
        list(progress.track(failing(), "fails", 2))
    left = progress.track(range(5), "left early")
    next(left)
    left.close()  # type: ignore[attr-defined]
    capsys.readouterr()
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("width", [24, 40, 60, 71, 72, 100, 200])
@pytest.mark.parametrize("label", ["ask", "ask [b]native:Qwen/Qwen2-Audio-7B-Instruct[/b]"])
def test_a_bar_fits_its_terminal_and_shows_how_far_and_how_long(width: int, label: str) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    bar = Progress(*progress.columns(console, 400), console=console)
    task = bar.add_task(label, total=400)
    bar.advance(task, 100)
    console.print(bar.get_renderable())
    lines = out.getvalue().rstrip("\n").splitlines()
    assert len(lines) == 1 and len(lines[0]) <= width
    shown = lines[0]
    assert label[:3] in shown and "━" in shown
    assert ("25%" in shown) if width < progress.NARROW else ("100/400" in shown)
    assert re.search(r"-?-:--|\d:\d\d", shown), "the time left"


def test_a_narrow_bar_without_a_total_counts() -> None:
    out = io.StringIO()
    console = Console(file=out, width=40, force_terminal=True, color_system=None)
    bar = Progress(*progress.columns(console, None), console=console)
    bar.advance(bar.add_task("read", total=None), 12)
    console.print(bar.get_renderable())
    assert "12/?" in out.getvalue()
