"""dpo: the loss by hand, the reference computed once, and what is no pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from harken.ask.prompt import target
from harken.errors import ConfigError, DataError, RunError
from harken.item import Item
from harken.models.composed.model import ComposedModel
from harken.runs import Run, read_run
from harken.train.dpo import STAGE, DpoSettings, dpo
from harken.train.preferences import pair_prompt
from harken.train.sft import SftSettings, sft
from made_items import contents
from tiny_audio import NAMES, mini, named

QUICK: dict[str, Any] = {"threads": 1, "batch": 2, "lr": 3e-3}


def pairs(folder: Path) -> list[Item]:
    """Open-ended pairs and pairs of options."""
    found = []
    for place, name in enumerate(NAMES):
        item = named(folder, name, 0, 0.3)
        other = NAMES[(place + 1) % len(NAMES)]
        found.append(replace(item, choices=(), rejected=other))
        found.append(replace(item, rejected=other))
    return found


def summed(learner: ComposedModel, item: Item, settings: DpoSettings) -> tuple[float, float]:
    """Log-probabilities of both answers, by another way than training's."""
    prompt = pair_prompt(learner, item, settings.seed)
    with torch.no_grad():
        found = learner.logprobs([prompt, prompt], [target(item, prompt), item.rejected])
    return float(found[0]), float(found[1])


def run_in(folder: Path) -> Run:
    return Run.open(folder, {})


def test_the_loss_of_a_step_is_that_of_the_formula(tmp_path: Path) -> None:
    """Margin and loss from the log-probabilities of the model and of its start."""
    items, start, learner = pairs(tmp_path / "sounds"), mini(1), mini(1)
    step = DpoSettings(steps=1, warmup=0.0, **{**QUICK, "batch": 8})
    dpo(learner, items, step, run_in(tmp_path / "run"))
    for loss, smoothing in (("sigmoid", 0.0), ("sigmoid", 0.2), ("ipo", 0.0)):
        how = replace(step, beta=0.3, loss=loss, smoothing=smoothing)
        losses, margins = [], []
        for item in items:
            new, old = summed(learner, item, how), summed(start, item, how)
            ratios = torch.tensor([a - b for a, b in zip(new, old, strict=True)])
            margins.append(0.3 * float(ratios[0] - ratios[1]))
            if loss == "ipo":
                texts = (item.answer, item.rejected)
                lengths = [len(learner.tokenizer.encode(text)) + 1 for text in texts]
                h = ratios / torch.tensor(lengths)
                losses.append(float((h[0] - h[1] - 1 / 0.6) ** 2))
            else:
                h = 0.3 * (ratios[0] - ratios[1])
                right, wrong = (float(torch.nn.functional.logsigmoid(s * h)) for s in (1, -1))
                losses.append(-(1 - smoothing) * right - smoothing * wrong)
        found = Settled(learner, start, items, how)
        assert found.loss == pytest.approx(sum(losses) / len(losses), abs=1e-4)
        assert found.metrics["margin"] == pytest.approx(sum(margins) / len(margins), abs=1e-4)
        assert found.metrics["accuracy"] == sum(margin > 0 for margin in margins) / len(margins)
        assert found.metrics["margin"] > 0.001


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_divergence_of_a_step_is_a_mean_over_pairs(batch: int, tmp_path: Path) -> None:
    """However a step is divided, though answers are of different lengths."""
    items = [one for one in pairs(tmp_path / "sounds") if not one.choices]
    items[0] = replace(items[0], answer=" and ".join([items[0].answer] * 4))
    size = 6 if batch == 3 else 4
    found = []
    for few in (size, batch):
        changes = {**QUICK, "batch": few, "lr": 1e-2}
        how = DpoSettings(steps=3, warmup=0.0, accumulate=size // few, **changes)
        run = run_in(tmp_path / f"run{few}")
        dpo(mini(1), items, how, run)
        found.append([record["kl"] for record in run.records("metrics")])
    assert found[0][-1] > 1e-4 and found[1] == pytest.approx(found[0], rel=1e-3, abs=1e-6)


class Settled:
    """The loss of all pairs at once, with the reference of another model."""

    def __init__(
        self, learner: ComposedModel, start: ComposedModel, items: list[Item], how: DpoSettings
    ) -> None:
        from harken.train.dpo import ScoredPair, pair_loss
        from harken.train.preferences import tokenized_pair

        scored = []
        for item in items:
            pair = tokenized_pair(learner, item, how.seed)
            with torch.no_grad():
                chosen, rejected = (
                    start.engine.token_logprobs([one])[0] for one in (pair.chosen, pair.rejected)
                )
            scored.append(ScoredPair(pair, chosen, rejected))
        loss, self.metrics = pair_loss(learner, scored, how)
        self.loss = float(loss.detach())


def test_preferences_are_learned_and_the_reference_is_that_of_the_start(tmp_path: Path) -> None:
    items, learner, start = pairs(tmp_path / "sounds"), mini(2), mini(2)
    how = DpoSettings(steps=40, beta=0.5, checkpoint_every=10, **{**QUICK, "batch": 8})
    with run_in(tmp_path / "run") as run:
        dpo(learner, items, how, run)
        records, kept = run.records("metrics"), run.records("dpo-reference")
    first, last = records[0], records[-1]
    assert first["loss"] == pytest.approx(0.693147, abs=1e-5)
    assert max(abs(first[name]) for name in ("margin", "kl", "reward_chosen")) < 1e-5
    assert last["accuracy"] == 1 and last["margin"] > 2 and last["kl"] > 0
    assert last["reward_chosen"] - last["reward_rejected"] == pytest.approx(last["margin"], 1e-4)
    assert first["pairs"] == 8 and first["clips"] == 8
    for item in items:
        better, worse = summed(learner, item, how)
        assert better > worse
    assert [record["item"] for record in kept] == [item.id for item in items]
    for item, record in zip(items, kept, strict=True):
        own = summed(start, item, how)
        assert sum(record["chosen_logprobs"]) == pytest.approx(own[0], abs=1e-4)
        assert sum(record["rejected_logprobs"]) == pytest.approx(own[1], abs=1e-4)


def test_the_reference_without_adapters(tmp_path: Path) -> None:
    pytest.importorskip("peft")
    items, how = pairs(tmp_path / "sounds"), DpoSettings(steps=1, reference="base", **QUICK)
    with pytest.raises(ConfigError, match="no adapters to switch off"):
        dpo(mini(), items, how, run_in(tmp_path / "none"))
    learner, plain = mini(), mini()
    learner.add_lora(rank=2)
    sft(learner, items, SftSettings(steps=10, lr=2e-2, threads=1), run_in(tmp_path / "sft"))
    projector = {n: t for n, t in learner.state().items() if not n.startswith("lm.")}
    plain.load_state({**plain.state(), **projector})
    references = {}
    for reference in ("base", "start"):
        with run_in(tmp_path / reference) as run:
            dpo(learner.clone(), items, replace(how, reference=reference, lr=1e-9), run)
            references[reference] = run.records("dpo-reference")
    for item_number, record in enumerate(references["base"]):
        item = next(item for item in items if item.id == record["item"])
        assert sum(record["chosen_logprobs"]) == pytest.approx(
            summed(plain, item, how)[0], abs=1e-4
        )
        tuned = references["start"][item_number]
        assert sum(tuned["chosen_logprobs"]) == pytest.approx(
            summed(learner, item, how)[0], abs=1e-4
        )
        assert abs(sum(tuned["chosen_logprobs"]) - sum(record["chosen_logprobs"])) > 0.1


def test_what_is_no_pair_is_told(tmp_path: Path) -> None:
    item = named(tmp_path / "sounds", "noise", 0, 0.3)
    opened = replace(item, choices=())
    how, choices = DpoSettings(steps=1, **QUICK), DpoSettings(steps=1, from_choices=True, **QUICK)
    alone = replace(item, choices=("noise",))
    for number, (own, settings, words) in enumerate(
        [
            ([], how, "no items"),
            ([item, replace(item, rejected="clicks")], how, f"1 of 2 .* no rejected .*: {item.id}"),
            ([opened, item], choices, f"1 of 2 items .* no wrong option: {opened.id}"),
            ([alone], choices, "1 of 1 items .* no wrong option"),
            ([replace(opened, answer='a "dog"', rejected='a " dog"')], how, "same tokens"),
        ]
    ):
        with pytest.raises(DataError, match=words):
            dpo(mini(), own, settings, run_in(tmp_path / f"run{number}"))
    with pytest.raises(ConfigError, match="no audio is in the pairs"):
        bare = replace(opened.with_clips(()), rejected="clicks")
        dpo(mini(), [bare], replace(how, groups=("projector",)), run_in(tmp_path / "bare"))
    with pytest.raises(ConfigError, match="no audio is in the pairs"):
        dpo(mini(), [bare], replace(how, lr_lm=0.0), run_in(tmp_path / "rate"))


def test_items_are_refused_and_not_left_out_unless_pairs_are_made(tmp_path: Path) -> None:
    item = named(tmp_path, "noise", 0, 0.3)
    opened = replace(item, choices=())
    own = [item, opened, replace(opened, rejected="clicks")]
    assert STAGE.chosen(own, DpoSettings()) == own
    assert STAGE.chosen(own, DpoSettings(from_choices=True)) == [own[0], own[2]]


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in (
        {"beta": 0.0},
        {"smoothing": 0.5},
        {"loss": "hinge"},
        {"reference": "other"},
        {"loss": "ipo", "smoothing": 0.1},
        {"batch": 0},
    ):
        with pytest.raises(ConfigError, match=next(iter(sorted(wrong, reverse=True)))):
            DpoSettings(**wrong)


class Killed(Exception):
    """In place of a signal."""


@pytest.mark.parametrize("appends", [0, 1, 2, 3])
def test_killed_while_the_reference_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, appends: int
) -> None:
    """Half a piece is made again with its neighbours: the bytes are the same."""
    items, how = pairs(tmp_path / "sounds")[:7], DpoSettings(steps=4, **QUICK)
    learner = mini()
    with run_in(tmp_path / "whole") as run:
        dpo(learner, items, how, run)
    plain, done = Run.append, []

    def append(run: Run, name: str, records: Any, **more: Any) -> None:
        if name == "dpo-reference" and len(done) == appends:
            plain(run, name, list(records)[:1], **more)
            raise Killed
        done.extend([name] if name == "dpo-reference" else [])
        plain(run, name, records, **more)

    with monkeypatch.context() as patch, run_in(tmp_path / "cut") as run:
        patch.setattr(Run, "append", append)
        with pytest.raises(Killed):
            dpo(mini(), items, how, run)
    again = mini()
    with run_in(tmp_path / "cut") as run:
        dpo(again, items, how, run)
    assert again.identity() == learner.identity()
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_reference_that_is_gone_is_not_made_of_a_trained_model(tmp_path: Path) -> None:
    items, how = pairs(tmp_path / "sounds"), DpoSettings(steps=2, **QUICK)
    with run_in(tmp_path / "run") as run:
        dpo(mini(), items, how, run)
    (tmp_path / "run" / "dpo-reference.jsonl").unlink()
    with pytest.raises(RunError, match="0 of 4 records"), run_in(tmp_path / "run") as run:
        dpo(mini(), items, how, run)
    assert read_run(tmp_path / "run").count("metrics") == 2
