"""Prompts have versions: a changed text without a new version is found here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from written_items import of

from harken.errors import ConfigError
from harken.synth.writing.base import WriteRequest
from harken.synth.writing.load import TASKS
from harken.synth.writing.templates import read_template

KNOWN = {
    "reword/1": "e1178e5134b5d873",
    "caption_short/1": "50c2cff0d6512db1",
    "caption_dense/1": "c226ac2bc5fe9e50",
    "reasoning/1": "513aa40917192f69",
    "answer/1": "5de7b343235b5126",
    "critic/1": "cba2333f8178d76f",
}
"""Name and version -> hash of the texts; a changed template gets a new version and a new line."""


def test_a_template_with_other_words_has_another_version() -> None:
    names = [key.partition("/")[0] for key in KNOWN]
    assert {read_template(name).id: read_template(name).digest for name in names} == KNOWN


@pytest.mark.parametrize("name", tuple(TASKS))
def test_every_task_fills_its_template(name: str) -> None:
    task = TASKS.get(name)
    item = next(one for one in of("first", n=3) if not task.takes(one))
    template = read_template(task.template)
    first = template.prompt(task.material(item), WriteRequest(item))
    assert "$" not in first.question and first.item_id == item.id and not first.clips
    for field in (*task.texts, *task.lists):
        assert f'"{field}"' in first.question
    again = WriteRequest(item, 2, "a false text", "label: a cat is not in the clip")
    second = template.prompt(task.material(item), again).question
    assert second.startswith(first.question)
    assert "a false text" in second and "a cat is not in the clip" in second


def test_a_template_of_a_plugin_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    file.write_text("version: 3\n---\nBe brief.\n---\nWrite $facts")
    task = replace(TASKS.get("caption-short"), template=str(file))
    assert read_template(task.template).id == "own/3"
    for text in ("no version\n---\na\n---\nb", "version: 1\n---\nno body"):
        file.with_name("bad.txt").write_text(text)
        read_template.cache_clear()
        with pytest.raises(ConfigError, match="no template"):
            read_template(str(file.with_name("bad.txt")))
