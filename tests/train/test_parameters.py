"""What a stage trains is told at its start."""

from __future__ import annotations

from pathlib import Path

import pytest
from short_training import fresh

from harken import progress
from harken.parsing import parse_json
from harken.recipes.steps import run_stage
from harken.train.parameters import parameters_text
from harken.train.sft import SftSettings
from tiny_audio import NAMES, named


def test_the_line_has_every_group_and_the_sums() -> None:
    counts = {
        "audio_encoder": {"trained": 0, "frozen": 1200},
        "projector": {"trained": 300, "frozen": 0},
        "lm": {"trained": 64, "frozen": 9000},
    }
    assert parameters_text(counts, ("audio_encoder", "lm")) == (
        "trains audio_encoder 0 of 1,200 | projector 300 of 300 | lm 64 of 9,064 (LoRA) | "
        "all 364, frozen 10,200"
    )


def test_it_is_printed_and_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("peft")
    monkeypatch.setattr(progress, "_quiet", False)  # as it is without --json
    items = [named(tmp_path / "sounds", name) for name in NAMES]
    settings = SftSettings(steps=1, batch=2, groups=("projector", "lm"), threads=1)
    for _ in range(2):  # the finished stage says nothing
        learner = fresh()
        learner.add_lora(2)
        run_stage("sft", learner, items, settings, tmp_path / "run")
    told = [line for line in capsys.readouterr().err.splitlines() if "sft: trains" in line]
    log = (tmp_path / "run" / "sft" / "log.jsonl").read_text().splitlines()
    (record,) = [one for one in map(parse_json, log) if "parameters" in one]
    layers = 2 * 4  # of attention
    adapters = layers * 2 * (32 + 32)
    assert record["parameters"]["lm"]["trained"] == adapters
    assert record["parameters"]["audio_encoder"]["trained"] == 0
    assert record["adapters"] == ["lm"]
    assert len(told) == 1 and f"lm {adapters:,} of" in told[0] and "(LoRA)" in told[0]
