"""The drawing of a model: text and SVG, from plain data."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from harken.report.systems import amount, stated, system_table, systems_markdown
from harken.report.wiring import numbers, wiring_svg, wiring_text

EVIL = '<script>alert("&")</script>'


def found(**changes: Any) -> dict[str, Any]:
    def part(group: str, title: str, trained: int) -> dict[str, Any]:
        return {
            "group": group, "title": title, "lines": ["2 layers, 8 wide"], "total": 1500,
            "trained": trained, "adapters": False,
        }  # fmt: skip

    parts = [part("audio_encoder", EVIL, 0), part("audio_encoder", "beats", 0)]
    return {
        "name": EVIL, "parts": [*parts, part("projector", "mlp", 1500), part("lm", "llama", 0)],
        "tokens_s": 12.5, "enters": "added before layers", "layers": [1, 2, 3], "total": 6000,
        "trained": 1500, "frozen": ["audio_encoder", "lm"], "adapters": "", "departures": [],
        **changes,
    }  # fmt: skip


def test_the_text_has_every_part_and_where_audio_goes_in() -> None:
    text = wiring_text(found())
    for words in ("beats", "projector: mlp", "lm: llama", "12.5 tokens a second", "1 to 3",
                  "frozen: audio_encoder, lm", "side by side"):  # fmt: skip
        assert words in text, words
    lines = text.splitlines()
    assert lines[0] == EVIL and any("1.5 K parameters, trained" in line for line in lines)


def test_the_svg_is_xml_and_names_are_text_in_it() -> None:
    root = ElementTree.fromstring(wiring_svg(found()))
    space = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{space}svg" and not list(root.iter(f"{space}script"))
    words = [node.text for node in root.iter(f"{space}text")]
    assert EVIL in words and "lm: llama" in words
    boxes = list(root.iter(f"{space}rect"))
    dashed = [box for box in boxes if box.get("stroke-dasharray")]
    assert (len(boxes), len(dashed)) == (4, 3)  # all but the projector are frozen


def test_numbers_in_words() -> None:
    assert [amount(n) for n in (7, 12_345, 33e6, 2.25e9)] == ["7", "12.3 K", "33 M", "2.25 B"]
    assert numbers([0, 1, 2, 3]) == "0 to 3" and numbers([1, 3]) == "1, 3"
    sizes = [{"what": "all", "count": 2.2e9}, {"what": "projector+lora", "count": 33e6}]
    assert stated(sizes) == "2.2 B, 33 M (projector+lora)" and stated([]) == "not stated"


def test_the_table_tells_what_cannot_be_opened() -> None:
    part = {
        "source": "x/enc",
        "kind": "ast",
        "licence": "MIT",
        "opens": False,
        "why_not": "a pickle",
    }
    row = {
        "name": "one", "encoders": ["x/enc", "y/other"], "lm": "z/lm", "projector": "mlp?pool=2",
        "lora": "lm:8", "stated": [], "built": 1e9, "tokens_s": 3.0, "paper": "arXiv 1",
        "weights": "", "licence": "none", "parts": [part], "kind": "composed", "trains": "",
        "family": "prefix",
    }  # fmt: skip
    other = {**row, "name": "two", "kind": "contrastive", "trains": "harken train-clap", "lora": "",
             "tokens_s": None, "built": None}  # fmt: skip
    text = system_table([row, other])
    assert "ast (enc) + other" in text and "lm + LoRA" in text and "a pickle" in text
    assert "two" in text and "harken train-clap" in text and "1 a clip" in text
    heard = "| prefix | ast (enc) + other, mlp, lm"
    assert systems_markdown([row, other]).splitlines()[2:] == [
        f"| `one` {heard} with LoRA | 3 | not stated | 1 B | none | 1 | `train align` |",
        f"| `two` {heard} | 1 a clip | not stated | not public | none | 1 | `train-clap` |",
    ]
