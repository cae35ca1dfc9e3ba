"""The model card: figures of runs, the curve over stages, what it cannot do, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from test_training_page import stage
from typer.testing import CliRunner

from harken.cli.main import app
from harken.errors import ConfigError, DataError, RunError
from harken.files import write_json
from harken.item import Item
from harken.models.released import card_head
from harken.report.card_beside import beside_section
from harken.report.card_results import ExamPart, Figure, read_parts
from harken.report.model_card import MOST_ROWS, PLOT, CardTexts, write_model_card
from harken.report.training_data import read_trainings
from harken.runs import Run
from scored_records import EVIL, make_items, make_records, make_run, make_world, record, text_only

TEXTS = CardTexts("apache-2.0", "a small listener")


def model(folder: Path, **more: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    saved = {"kind": "composed", "name": "small", "identity": "abc123", "bases": [], **more}
    write_json(folder / "harken-model.json", saved)
    return folder


def part(audio: float | None, low: float | None = None, **changes: Any) -> ExamPart:
    """Ninety items, four options, and no gain unless one is given."""
    figures = {"audio": Figure(audio, low, 1.0, 90)}
    own: dict[str, Any] = {"figures": figures, "chance": 0.25, "gain": {}, "over": ""}
    return ExamPart("p", "m", "i", items=90, **(own | changes))


def gain(difference: float, p: float | None) -> dict[str, Any]:
    return {"difference": difference, "p": p, "low": None, "high": None}


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (part(0.9, 0.8, gain=gain(0.6, 0.001), over="swap"), ""),
        (part(0.9, 0.8), ""),  # no control was asked: above chance is all that is known
        (part(0.3, 0.2), "not above guessing"),
        (part(0.3, 0.25), "not above guessing"),
        (part(0.9, None), "not above guessing"),  # one recording: no interval
        (part(0.9, 0.8, gain=gain(0.01, 0.4), over="silence"), "not better than under silence"),
        (part(0.9, 0.8, gain=gain(0.5, None), over="none"), "not better than under none"),
        (part(0.9, 0.8, gain=gain(-0.5, 0.001), over="none"), "not better than under none"),
        (part(None), "no question was answered"),
        (part(0.0, 0.0, chance=None), "no answer was right"),
        (part(0.2, 0.1, chance=None, gain=gain(0.2, 0.001), over="none"), ""),
        (part(0.9, 0.8, figures={"none": Figure(0.9, 0.8, 1.0, 90)}), "without its audio only"),
    ],
)
def test_a_part_that_shows_nothing_is_told(own: ExamPart, why: str) -> None:
    assert (why in own.shortfall()) if why else not own.shortfall()


@pytest.mark.parametrize(
    ("audio", "none", "why"),
    [(0.3, 1.1, ""), (0.5, 1.1, "half of the words"), (1.4, 2.0, "half"), (0.3, 0.3, "no fewer")],
)
def test_of_error_rates_less_is_better(audio: float, none: float, why: str) -> None:
    figures = {"audio": Figure(audio, 0, 1, 9), "none": Figure(none, 0, 1, 9)}
    found = part(0, figures=figures, chance=None, errors=True).shortfall()
    assert (why in found) if why else not found


def exam(root: Path) -> Path:
    """Two runs below one folder: three closed tasks, and transcripts."""
    items = make_items(root, 24)
    make_run(root / "runs" / "sounds", items, make_records(items, text_only), root / "s", "small")
    said = [
        record(Item(f"What is said {i}?", f"one two {i}", ("x", "y", f"one two {i}"),
                    task="transcribe", recordings=(f"r{i}",)), condition, 0.9)
        | {"choices": [], "options": [], "order": [], "gold": -1, "gold_shown": -1,
           "logprobs": None, "reply": f"one two {i}" if condition == "audio" else "",
           "outcome": "correct" if condition == "audio" else "wrong"}
        for i in range(6) for condition in ("audio", "none")
    ]  # fmt: skip
    make_run(root / "runs" / "spoken", [], said, root / "spoken", "small")
    return root / "runs"


def test_parts_are_named_by_data_and_task_and_transcripts_have_error_rates(tmp_path: Path) -> None:
    parts = {one.name: one for one in read_parts([exam(tmp_path)])}
    assert list(parts) == [
        "s: identify", "s: presence", "s: which-clip", "spoken", "spoken, word errors",
    ]  # fmt: skip
    rates = parts["spoken, word errors"]
    assert rates.errors and rates.figures["audio"].value == 0.0
    assert rates.figures["none"].value == 1.0 and not rates.shortfall()
    assert parts["s: identify"].chance == 0.25 and parts["spoken"].chance is None
    assert read_parts([tmp_path / "runs" / "spoken"])[0].name == "spoken"


def test_what_is_no_run_and_what_is_not_finished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no evaluation here"):
        read_parts([tmp_path])
    with Run.open(tmp_path / "half", {"kind": "evaluate"}):
        pass
    with pytest.raises(RunError, match="not a finished evaluation"):
        read_parts([tmp_path / "half"])
    parts = [part(0.9, 0.8)]
    for texts in (CardTexts("", "x"), CardTexts("mit", " ")):
        with pytest.raises(ConfigError, match="licence, a summary"):
            write_model_card(tmp_path / "README.md", model(tmp_path / "m"), parts, texts)


def test_the_head_is_what_the_hub_and_a_release_read(tmp_path: Path) -> None:
    bases = [{"source": "openai/whisper-base"}, {"source": "/data/me/weights/smollm2"}]
    texts = CardTexts("apache-2.0", "a: small\n# listener", data=("LibriSpeech (CC BY 4.0)",))
    path = tmp_path / "README.md"
    write_model_card(path, model(tmp_path / "m", bases=bases), read_parts([exam(tmp_path)]), texts)
    head = card_head(path)
    assert head["license"] == "apache-2.0" and head["summary"] == "a: small # listener"
    assert head["base_model"] == ["openai/whisper-base", "smollm2"]
    (index,) = head["model-index"]
    values = {one["dataset"]["name"]: one["metrics"][0] for one in index["results"]}
    assert values["spoken"]["value"] == 1.0 and values["spoken"]["type"] == "accuracy"
    assert values["spoken, word errors"]["type"] == "wer" and head["metrics"] == ["accuracy", "wer"]
    assert "/data/me" not in path.read_text()


def test_other_weights_than_those_measured_are_told(tmp_path: Path) -> None:
    parts, path = read_parts([exam(tmp_path)]), tmp_path / "README.md"
    made = write_model_card(path, model(tmp_path / "m", identity="ffff"), parts, TEXTS)
    assert "abc123" in made["warnings"][0] and "ffff" in path.read_text()
    assert not write_model_card(path, model(tmp_path / "m"), parts, TEXTS)["warnings"]


def test_the_gap_is_that_of_all_stages_one_after_the_other(tmp_path: Path) -> None:
    stage(tmp_path / "one" / "ctc", "a", "b", [0.0, 0.1])
    stage(tmp_path / "two" / "align", "b", "c", [0.1, 0.4, 0.7])
    trainings = read_trainings([tmp_path / "one", tmp_path / "two"])
    path = tmp_path / "card" / "README.md"
    texts = CardTexts("mit", "s", hardware="two cores")
    write_model_card(path, model(tmp_path / "m"), [part(0.9, 0.8)], texts, trainings)
    text = path.read_text()
    rows = [line for line in text.splitlines() if "| ctc |" in line or "| align |" in line]
    steps = [line.split("|")[1].strip() for line in rows if line.split("|")[1].strip().isdigit()]
    assert steps == ["0", "10", "10", "20", "30"]  # align begins where ctc has ended
    assert "+0.70 (+0.60 to +0.80)" in text and "two cores" in text
    drawn = (path.parent / PLOT).read_text()
    assert drawn.startswith("<?xml") and f"]({PLOT})" in text
    stage(tmp_path / "long" / "sft", "a", "b", [0.01 * n for n in range(60)])
    write_model_card(path, model(tmp_path / "m"), [part(0.9, 0.8)], texts,
                     read_trainings([tmp_path / "long"]))  # fmt: skip
    rows = [line for line in path.read_text().splitlines() if line.count("| sft |")]
    assert len(rows) == MOST_ROWS + 1 and rows[1].startswith("| 0 |")
    assert rows[-1].startswith("| 590 |")  # the last evaluation is always there


def by_item(right: int, of: int = 20, name: str = "p") -> ExamPart:
    """The first so many items right, each of a recording of its own."""
    keys = [(f"i{i}", 0, 0) for i in range(of)]
    scores = {key: float(i < right) for i, key in enumerate(keys)}
    groups = {key[0]: key[0] for key in keys}
    return replace(part(right / of, 0.8), name=name, right=scores, groups=groups)


def test_other_models_stand_beside_by_part(tmp_path: Path) -> None:
    mine = [by_item(18, name="a"), by_item(10, name="b"), by_item(2, name="c"), part(0.9, 0.8)]
    other = [by_item(2, name="a"), by_item(9, name="b"), by_item(18, name="c")]
    alone = [part(0.5, 0.4, figures={"none": Figure(0.5, 0.4, 0.6, 90)})]
    text = "\n\n".join(beside_section(mine, {"cascade": other, "LM": alone}))
    # Sixteen items differ, all on one side: p = 2 / 2**16, times three parts by Holm's rule.
    assert "+80.0 (" in text and "−80.0 (" in text and "p < 0.001".replace(" ", "\xa0") in text
    assert "- than cascade: better in a; worse in c; no difference is shown in b." in text
    assert "- than LM: no part is paired." in text
    assert "| p | 90.0 (80.0–100.0) | – | – | 50.0 (40.0–60.0) under none | – |" in text
    rates = replace(by_item(18, name="a"), errors=True)
    assert "no part is paired" in beside_section([rates], {"x": [rates]})[-1]
    assert not beside_section(mine, {})


def test_items_of_both_models_are_paired_from_their_runs(tmp_path: Path) -> None:
    world = make_world(tmp_path, 72)
    before, after = (read_parts([world[name]]) for name in ("before", "after"))
    text = "\n".join(beside_section(after, {"before": before}))
    assert "better in items: identify" in text and "worse in" not in text


def test_other_trainings_stand_beside_this_one(tmp_path: Path) -> None:
    stage(tmp_path / "all" / "ctc", "a", "b", [0.0, 0.4])
    stage(tmp_path / "all" / "align", "b", "c", [0.4, 0.9])
    stage(tmp_path / "less" / "align", "a", "c", [0.0, 0.05, 0.06])
    found = {name: read_trainings([tmp_path / name]) for name in ("all", "less")}
    path = tmp_path / "README.md"
    write_model_card(path, model(tmp_path / "m"), [part(0.9, 0.8)], TEXTS, found["all"],
                     ablations={"without ctc": found["less"], "nothing": []})  # fmt: skip
    text = path.read_text()
    assert "| this model | 20 | align | +0.90 (+0.80 to +1.00) | 50.0" in text
    assert "| without ctc | 20 | align | +0.06 (−0.04 to +0.16) | 50.0" in text
    assert "| nothing | 0 | – | – | – |" in text


def test_hostile_names_are_text(tmp_path: Path) -> None:
    world = make_world(tmp_path, evil=True)
    texts = CardTexts("mit", EVIL, name=EVIL + "\n---\nlicense: evil", data=(EVIL,),
                      hardware=EVIL, notes=(EVIL, "| a | b |"))  # fmt: skip
    saved = model(tmp_path / "m", lora={EVIL: {"rank": EVIL}}, bases=[{"source": EVIL}])
    path = tmp_path / "README.md"
    parts = read_parts([world["after"]])
    write_model_card(path, saved, parts, texts, beside={EVIL: parts})
    head, _, body = path.read_text()[4:].partition("\n---\n")
    assert yaml.safe_load(head)["license"] == "mit"
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(body)
    assert not any(tag in html for tag in ("<script", "<img", "<a ", "onerror=alert(2)>\"'<"))
    for block in html.split("<table>")[1:]:
        rows = block.partition("</table>")[0].split("<tr>")[1:]
        assert len({row.count("<td") + row.count("<th") - row.count("<thead") for row in rows}) == 1


def test_the_command(tmp_path: Path) -> None:
    run, runs, out = CliRunner(), exam(tmp_path), tmp_path / "README.md"
    words = ["card", str(model(tmp_path / "m")), str(runs), "-o", str(out), "--licence", "mit"]
    assert run.invoke(app, words).exit_code == 2  # no summary
    made = run.invoke(app, [*words, "--summary", "s", "--beside", f"x={runs}", "--json"])
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert told["parts"] == 5 and "s: identify" in told["cannot"] and "spoken" not in told["cannot"]
    assert "What it cannot do" in out.read_text() and "s: identify" in out.read_text()
    for wrong, error in ((["--beside", "x"], ConfigError), (["--ablation", "=y"], ConfigError)):
        found = run.invoke(app, [*words, "--summary", "s", *wrong])
        assert isinstance(found.exception, error)
    words[1] = str(tmp_path)
    assert isinstance(run.invoke(app, [*words, "--summary", "s"]).exception, DataError)
