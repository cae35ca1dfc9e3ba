"""The page in a real browser: it opens quietly, filters, plays, sorts, and runs no one's script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harken.item import Item
from harken.report.dataset_page import write_dataset_report
from harken.report.html import write_report
from made_items import tone
from scored_records import make_world

pytestmark = pytest.mark.browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    with sync.sync_playwright() as engine:
        try:
            opened = engine.chromium.launch(executable_path=found, args=FLAGS)
        except sync.Error as error:
            pytest.skip(f"no Chromium can be started: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


class Tab:
    """A page with everything it complained of or asked for."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.noise: list[str] = []
        self.page = browser.new_context(**options).new_page()
        self.page.on("console", lambda m: self.noise.append(m.text))
        self.page.on("pageerror", lambda e: self.noise.append(str(e)))
        self.page.on("dialog", lambda d: (self.noise.append(f"dialog {d.message}"), d.dismiss()))
        self.page.on("request", self._asked)
        self.url = path.as_uri()
        self.page.goto(self.url)

    def _asked(self, request: Any) -> None:
        if request.url.split("#")[0] != self.url and not request.url.startswith("data:"):
            self.noise.append(f"request {request.url[:100]}")

    def until(self, condition: str) -> None:
        """Wait for a condition, by polling: the page's policy forbids Playwright's own way."""
        for _ in range(400):
            if self.page.evaluate(condition):
                return
            self.page.wait_for_timeout(50)
        pytest.fail(f"never came true: {condition}")

    def shown(self) -> int:
        return int(self.page.locator("#items details.item:visible").count())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = make_world(tmp_path_factory.mktemp("world"), 24)
    return write_report(
        world["after"].parent / "page.html", after=world["after"], before=world["before"]
    )


@pytest.fixture
def tab(browser: Any, path: Path) -> Iterator[Tab]:
    opened = Tab(browser, path)
    yield opened
    assert opened.noise == []
    opened.page.context.close()


def test_filters_change_what_is_shown(tab: Tab) -> None:
    page = tab.page
    assert page.locator("#count").text_content() == "24 of 24 items" and tab.shown() == 24
    page.select_option("[name=task]", "which-clip")
    assert page.locator("#count").text_content() == "8 of 24 items" and tab.shown() == 8
    page.select_option("[name=outcome]", "correct")
    with_audio = tab.shown()
    page.select_option("[name=condition]", "none")
    assert 0 < tab.shown() != with_audio
    page.click("#clear")
    assert tab.shown() == 24
    page.fill("form.filters [name=find]", "rec-8 yes")
    assert tab.shown() == 1
    page.fill("form.filters [name=find]", "")
    for flip in ("gained", "lost", "kept", "missed"):
        page.select_option("[name=flip]", flip)
        assert tab.shown() == page.locator(f"#items details.item:visible .chip.{flip}").count() or (
            flip in ("kept", "missed")
        )


def test_an_item_opens_and_plays(tab: Tab) -> None:
    page = tab.page
    item = page.locator("#items details.item").filter(has_text="which-clip").first
    item.locator("summary").click()
    sounds = item.locator("audio")
    sounds.nth(1).wait_for(state="attached")  # an item is filled in when it opens
    assert sounds.count() == 2 and item.locator("canvas").count() == 4
    sounds.first.evaluate("a => a.play()")
    tab.until("document.querySelector('audio').currentTime > 0.2")
    head = item.locator(".head").first.evaluate("h => parseFloat(h.style.left)")
    assert 0 < head <= 100
    sounds.nth(1).evaluate("a => a.play()")  # one sound at a time
    tab.until("document.querySelector('audio').paused")
    assert sounds.first.evaluate("a => a.duration") == pytest.approx(1.5, abs=0.01)
    drawn = item.locator("canvas.mel").first.evaluate(
        "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    )
    assert drawn > 50
    assert item.locator("tr.gold").count() == 1 and item.locator(".pick").count() == 6
    assert "CC BY 4.0" in item.locator(".facts").text_content()


def test_the_keyboard_is_enough(tab: Tab) -> None:
    page = tab.page
    page.locator("#items details.item summary").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    second = page.locator("#items details.item").nth(1)
    assert second.get_attribute("open") is not None
    page.keyboard.press("p")
    tab.until("document.querySelector('audio').currentTime > 0.1")


def test_tables_sort(tab: Tab) -> None:
    page = tab.page
    head = page.locator("#task-table thead th").nth(2)
    for order, mirror in (("descending", -1), ("ascending", 1)):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == order
        cells = page.locator("#task-table tbody tr:not(.whole) td:nth-child(3)")
        values = [float(v) for v in cells.evaluate_all("a => a.map(c => c.dataset.value)")]
        assert values == sorted(values, key=lambda v: mirror * v) and len(values) == 3
    assert page.locator("#task-table tbody tr").first.get_attribute("class") == "whole"


def test_a_link_opens_its_item(browser: Any, path: Path, tab: Tab) -> None:
    anchor = tab.page.locator("#items details.item").nth(5).get_attribute("id")
    tab.page.goto(f"{tab.url}#{anchor}")
    tab.until(f"document.getElementById('{anchor}').open")


def test_flipped_items_are_filtered_and_shown_both_ways(tab: Tab) -> None:
    page = tab.page
    flips = page.locator("#flips details.item")
    whole = flips.count()
    counts = []
    for name in ("better", "worse"):
        page.locator("form.tabs label", has_text=name).click()
        counts.append(page.locator("#flips details.item:visible").count())
        assert (
            page.locator("#flips details.item:visible .chip", has_text=name).count() == counts[-1]
        )
    assert sum(counts) == whole and min(counts) > 0
    page.locator("form.tabs label", has_text="all").click()
    page.fill("form.tabs [name=find]", "presence")
    assert 0 < page.locator("#flips details.item:visible").count() < whole
    page.fill("form.tabs [name=find]", "")
    first = flips.first
    first.locator("summary").click()
    tab.until("document.querySelector('#flips audio') !== null")
    text = first.locator("dl.facts").first.text_content()
    assert "true answer" in text and "before" in text and "after" in text
    assert tab.shown() == 24  # the other list is not touched


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_fits_its_width(browser: Any, path: Path, width: int) -> None:
    tab = Tab(browser, path, viewport={"width": width, "height": 800}, color_scheme="dark")
    tab.page.locator("#items details.item summary").first.click()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.noise == []
    tab.page.context.close()


def test_hostile_strings_run_nothing(browser: Any, tmp_path: Path) -> None:
    world = make_world(tmp_path, 9, evil=True)
    tab = Tab(
        browser,
        write_report(tmp_path / "page.html", after=world["after"], before=world["before"]),
    )
    page = tab.page
    for item in page.locator("details.item summary").all():
        item.click()
    page.wait_for_timeout(300)
    assert tab.noise == []
    assert page.locator("img").count() == 0 and page.locator("script").count() == 2
    assert "<script>alert(1)</script>" in page.locator(".ask").first.text_content()
    assert "alert(1)" in page.locator("table.answers").first.text_content()
    page.context.close()


def test_the_policy_stops_foreign_scripts(browser: Any, path: Path) -> None:
    """Were a string ever to come through unescaped, the browser still would not run it."""
    hurt = path.with_name("hurt.html")
    text = path.read_text("utf-8").replace("<main>", "<main><script>window.ran = 1</script>", 1)
    hurt.write_text(text, "utf-8")
    tab = Tab(browser, hurt)
    assert tab.page.evaluate("window.ran") is None
    assert any("Content Security Policy" in line for line in tab.noise)
    tab.page.context.close()


def test_a_page_of_a_dataset_filters_and_plays(browser: Any, tmp_path: Path) -> None:
    sound = tone(tmp_path / "a.wav", 300.0)
    items = [
        Item(f"Number {n}?", "b", ("a", "b"), (sound,), ("pick", "take")[n % 2]) for n in range(8)
    ]
    opened = Tab(browser, write_dataset_report(tmp_path / "page.html", items, "tones"))
    page = opened.page
    assert opened.shown() == 8 and not page.locator("[name=condition]").count()
    page.select_option("[name=task]", "take")
    assert page.locator("#count").text_content() == "4 of 8 items" and opened.shown() == 4
    item = page.locator("#items details.item:visible").first
    item.locator("summary").click()
    item.locator("audio").wait_for(state="attached")
    item.locator("audio").evaluate("a => a.play()")
    opened.until("document.querySelector('audio').currentTime > 0.1")
    assert item.locator("tr.gold").count() == 1
    assert opened.noise == []
    page.context.close()
