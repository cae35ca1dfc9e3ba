"""The page as text: one file, nothing fetched, nothing unescaped, all that was asked for in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harken.errors import DataError, RunError
from harken.report.html import script_json, write_report
from harken.shards.jsonl import write_jsonl
from harken.shards.write import write_dataset
from scored_records import (
    EVIL,
    listens,
    make_items,
    make_records,
    make_run,
    make_world,
    page_data,
    record,
)


class Reader(HTMLParser):
    """Every tag with its attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def page(world: dict[str, Path]) -> str:
    path = write_report(
        world["after"].parent / "page.html",
        after=world["after"],
        before=world["before"],
        train=[world["train"]],
    )
    return path.read_text("utf-8")


def test_the_page_loads_nothing(page: str) -> None:
    for tag, attributes in Reader(page).tags:
        for name in ("src", "href", "action", "poster", "srcset"):
            value = attributes.get(name) or ""
            assert not value or value.startswith(("data:", "#")), (tag, name, value)
    assert "@import" not in page and "url(" not in page


def test_the_policy_allows_this_style_and_this_script_only(page: str) -> None:
    policy = next(a["content"] for t, a in Reader(page).tags if a.get("http-equiv"))
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    style = page[page.index("<style>") + 7 : page.index("</style>")]
    script = page[page.rindex("<script>") + 8 : page.rindex("</script>")]
    for text in (style, script):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_the_headline_has_the_numbers(page: str, world: dict[str, Path]) -> None:
    results = json.loads((world["after"] / "results.json").read_text())
    cell = results["overall"]["cells"]["audio"]
    assert f"{100 * cell['accuracy']:.1f}\u00a0%" in page
    assert re.search(r"<h1>[A-Z][^<]+\.</h1>", page)
    assert "exact test by recording" in page and "Before: " in page


def test_all_sections_and_plots_are_there(page: str) -> None:
    tags = Reader(page).tags
    ids = {a["id"] for t, a in tags if t == "section"}
    assert ids == {
        "conditions", "tasks", "change", "calibration", "clips", "contribution", "training",
        "outcomes", "browse",
    }  # fmt: skip
    labels = [a.get("aria-label") or "" for t, a in tags if t == "svg"]
    assert any("Histogram of bits" in label for label in labels)
    assert any("loss over" in label for label in labels)
    assert any("clip 2: mean" in label for label in labels)


def test_every_item_is_there_with_sound_and_answers(page: str) -> None:
    data = page_data(page)
    assert len(data["items"]) == 24
    for item in data["items"]:
        assert item["clips"] and all(clip["sound"] in data["sounds"] for clip in item["clips"])
        assert [a["heading"] for a in item["answers"]] == [
            "audio", "none", "silence", "swap", "before audio", "before none",
        ]  # fmt: skip
    assert {item["flip"] for item in data["items"]} <= {"gained", "lost", "kept", "missed", ""}


def test_hostile_strings_stay_text(tmp_path: Path) -> None:
    world = make_world(tmp_path, 12, evil=True)
    path = write_report(
        tmp_path / "page.html", after=world["after"], before=world["before"], title="t" + EVIL
    )
    page = path.read_text("utf-8")
    tags = [tag for tag, _ in Reader(page).tags]
    assert tags.count("script") == 2 and "img" not in tags
    assert page.count("</script>") == 2
    assert not any(name.startswith("on") for _, a in Reader(page).tags for name in a)
    item = page_data(page)["items"][0]
    assert EVIL in item["question"] and any(EVIL in choice for choice in item["choices"])


@pytest.mark.parametrize("text", [EVIL, "<!--", "]]>", "a\u2028b", "</SCRIPT>", "\\u003c"])
def test_script_json_cannot_leave_its_element(text: str) -> None:
    made = script_json({"x": text})
    assert not set("<>&\u2028") & set(made)
    assert json.loads(made) == {"x": text}


def test_the_same_runs_give_the_same_bytes(world: dict[str, Path], tmp_path: Path) -> None:
    pages = [
        write_report(tmp_path / name, after=world["after"], before=world["before"]).read_bytes()
        for name in ("a.html", "b.html")
    ]
    assert pages[0] == pages[1]


def test_the_number_of_items_is_capped_and_stated(world: dict[str, Path], tmp_path: Path) -> None:
    page = write_report(tmp_path / "p.html", after=world["after"], max_items=7).read_text("utf-8")
    assert len(page_data(page)["items"]) == 7
    assert "7 of 24 items are in this page" in page
    assert 'id="change"' not in page


def test_a_run_without_its_dataset_still_makes_a_page(tmp_path: Path) -> None:
    items = make_items(tmp_path, 6)
    make_run(tmp_path / "run", items, make_records(items, listens), None, "m")
    page = write_report(tmp_path / "p.html", after=tmp_path / "run").read_text("utf-8")
    assert "the run does not record where its items are" in page
    assert len(page_data(page)["items"]) == 6
    moved = write_dataset(items, tmp_path / "elsewhere", name="d", root=tmp_path)
    assert moved.items == 6
    page = write_report(
        tmp_path / "p.html", after=tmp_path / "run", dataset=tmp_path / "elsewhere"
    ).read_text("utf-8")
    assert page_data(page)["sounds"]


def test_a_lost_dataset_is_noted_on_the_page(tmp_path: Path) -> None:
    items = make_items(tmp_path, 6)
    make_run(tmp_path / "run", items, make_records(items, listens), tmp_path / "gone", "m")
    page = write_report(tmp_path / "p.html", after=tmp_path / "run").read_text("utf-8")
    assert "could not be read" in page


def test_unfinished_and_unrelated_runs_are_refused(tmp_path: Path) -> None:
    items = make_items(tmp_path, 6)
    for name, some in (("a", items[:3]), ("b", items[3:])):
        make_run(tmp_path / name, some, make_records(some, listens), None, name)
    with pytest.raises(RunError, match="share no item"):
        write_report(tmp_path / "p.html", after=tmp_path / "a", before=tmp_path / "b")
    (tmp_path / "a" / "done.json").unlink()
    with pytest.raises(RunError, match="not a finished evaluation"):
        write_report(tmp_path / "p.html", after=tmp_path / "a")
    with pytest.raises(DataError, match="no measured items"):
        write_report(tmp_path / "p.html", after=tmp_path / "b", curate=tmp_path)
    assert not (tmp_path / "p.html").exists()


def test_contributions_come_from_curation_if_given(tmp_path: Path) -> None:
    items = make_items(tmp_path, 12)
    make_run(tmp_path / "run", items, make_records(items, listens), None, "m")
    for label in ("weak", "strong"):
        some = [i for i in items if i.contribution and i.contribution.label == label]
        write_dataset(some, tmp_path / "curated" / label, name=label, root=tmp_path)
    alone = write_report(tmp_path / "a.html", after=tmp_path / "run").read_text("utf-8")
    assert (
        re.search(r"Bits of contribution over \w+, item by item", alone)
        and "Each clip" not in alone
    )
    both = write_report(
        tmp_path / "b.html", after=tmp_path / "run", curate=tmp_path / "curated"
    ).read_text("utf-8")
    assert "Bits of contribution, by label" in both and "Each clip" in both
    weak = sum(i.contribution is not None and i.contribution.label == "weak" for i in items)
    assert f"weak, {weak} items" in both


@pytest.mark.parametrize("conditions", [("audio",), ("none",), ("silence", "clips-1+2")])
def test_a_run_of_any_conditions_makes_a_page(tmp_path: Path, conditions: tuple[str, ...]) -> None:
    items = make_items(tmp_path, 6)
    records = [record(item, condition, 0.6) for condition in conditions for item in items]
    make_run(tmp_path / "run", items, records, None, "m")
    page = write_report(tmp_path / "p.html", after=tmp_path / "run").read_text("utf-8")
    said = ("no accuracy to report", "nothing was asked without", "Asked without audio only")
    assert any(one in page for one in said)


def test_items_may_come_from_a_jsonl_file(tmp_path: Path) -> None:
    items = make_items(tmp_path, 6)
    make_run(tmp_path / "run", items, make_records(items, listens), None, "m")
    write_jsonl(items, tmp_path / "items.jsonl")
    page = write_report(
        tmp_path / "p.html", after=tmp_path / "run", dataset=tmp_path / "items.jsonl"
    ).read_text("utf-8")
    assert page_data(page)["sounds"] and "could not be read" not in page
