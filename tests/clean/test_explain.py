"""An item's descent through folders of synth, clean and curate."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harken.audio.clip import Clip
from harken.clean.explain import explain
from harken.clean.run import run
from harken.cli.main import app
from harken.curate.run import run as curate
from harken.errors import DataError
from harken.item import Item
from harken.models.text_only.longest import Longest
from harken.parsing import parse_json
from harken.shards.read import read_items
from harken.shards.write import write_dataset


def item(number: int, answer: str = "rain", split: str = "train") -> Item:
    sha = f"{number:02x}" * 32
    return Item(
        question="What is heard?",
        answer=answer,
        choices=("rain", "dog", "an old bell"),
        clips=(Clip(path=f"/x/{number}.wav", sha256=sha, duration_s=1.0),),
        task="identify",
        split=split,
        plan={"family": "identify", "index": number},
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven items, one of them in two splits, options reordered, then curated."""
    root = tmp_path_factory.mktemp("descent")
    items = [*(item(n) for n in range(6)), item(0, split="test")]
    write_dataset(items, root / "items", name="items", plan="items")
    run(
        read_items(root / "items"),
        root / "cleaned",
        filters=["exact", "length?min_s=0", "position?mend=true"],
    )
    train = [one for one in read_items(root / "cleaned" / "kept") if one.split == "train"]
    curate(train, [Longest()], root / "curated")
    return root


def test_a_moved_item_leads_back_and_forth(folders: Path) -> None:
    moved = next(
        one for one in read_items(folders / "cleaned" / "kept")
        if one.history and one.split == "train"
    )  # fmt: skip
    before = moved.history[0].note.split()[-1]
    where = [folders / "items", folders / "cleaned", folders / "curated"]
    found = explain(moved.id[:12], where)
    assert found.id == moved.id and list(found.made_of) == [before] and not found.not_found
    assert [Path(p.folder).relative_to(folders).as_posix() for p in found.places] == [
        "cleaned/kept",
        "curated/undecided",
    ]
    last = found.places[-1].item
    assert [entry.step for entry in last.history] == ["position", "curate"]
    assert last.contribution is not None and last.plan["family"] == "identify"
    (origin,) = found.made_of[before]
    assert Path(origin.folder).name == "items" and origin.item.id == before
    back = explain(before, where)
    assert list(back.named_by) == [moved.id]


def test_a_dropped_copy_names_what_stays(folders: Path) -> None:
    (gone,) = read_items(folders / "cleaned" / "dropped")
    assert gone.split == "train" and gone.history[-1].step == "exact"
    # The copy has the id of the one that stays: both places are told, with their histories.
    found = explain(gone.id, [folders / "items", folders / "cleaned" / "dropped"])
    assert [Path(p.folder).name for p in found.places] == ["items", "dropped"]
    done = CliRunner().invoke(app, ["explain", gone.id, str(folders / "cleaned")])
    assert done.exit_code == 0
    assert "exact: an exact duplicate: of" in done.stdout and "dropped" in done.stdout


def test_the_command_tells_plan_voters_and_places(folders: Path) -> None:
    one = next(iter(read_items(folders / "curated" / "undecided")))
    words = ["explain", one.id, str(folders / "items"), str(folders / "cleaned"),
             str(folders / "curated")]  # fmt: skip
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    for part in ('family: "identify"', "contribution: undecided by bits", "where it is:",
                 "curated/undecided", "longest: +0.000 bits"):  # fmt: skip
        assert part in done.stdout, part
    told = parse_json(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert told["id"] == one.id and told["places"][-1]["item"]["contribution"]["voters"]


def test_what_is_nowhere_is_an_error(folders: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no item has the id"):
        explain("0123456789abcdef", [folders / "items"])
    with pytest.raises(DataError, match="is no id"):
        explain("dog", [folders / "items"])
    with pytest.raises(DataError, match="no such folder"):
        explain("0", [folders / "nowhere"])
    with pytest.raises(DataError, match="no dataset"):
        explain("0", [tmp_path])
    many = [item(n) for n in range(17)]  # of 17 ids two begin with one digit
    write_dataset(many, tmp_path / "many", name="many")
    digits = [one.id[0] for one in many]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(DataError, match=f"items have ids that begin with '{shared}'"):
        explain(shared, [tmp_path / "many"])


def test_a_file_of_items_is_searched_too(folders: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"question": "What?", "answer": "a", "choices": ["a", "b"]}\n')
    (one,) = read_items(path)
    assert explain(one.id, [folders / "items", path]).places[0].item == one
