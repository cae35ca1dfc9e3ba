"""GRPO through a server: weights go there, replies come back, and both are compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_qwen2_audio
import torch
from tiny import write

pytest.importorskip("aiohttp")

from test_server import Served

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError, ModelError
from harken.item import Item
from harken.models.http.push import WeightPush
from harken.models.http.wire import WireAnswer
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.recipes.steps import run_stage
from harken.runs import Run, read_run
from harken.train.grpo_settings import GrpoSettings
from harken.train.rollouts import AskedPrompt
from harken.train.server_rollouts import ServerRollouts, reply_ids
from tiny_audio import NAMES, alike, mini

FEW: dict[str, Any] = {
    "steps": 3, "items": 2, "group": 3, "max_tokens": 4, "temperature": 2.0, "lr": 2e-2,
    "checkpoint_every": 1, "threads": 1, "kl": 0.02, "warmup": 0.0, "parity_every": 1,
    "rewards": "accuracy=1,length=1", "reward_settings": {"length": {"limit": 1}},
}  # fmt: skip


def items(folder: Path) -> list[Item]:
    """Each has two clips."""
    return [alike(folder, a, b) for a in NAMES[:2] for b in NAMES[1:3]]


@contextmanager
def serving(model: Learner, folder: Path) -> Iterator[str]:
    one = Served(model, reload_from=folder)
    try:
        yield one.url
    finally:
        one.close()


def settings(url: str, push: str, **changes: Any) -> GrpoSettings:
    asked = f"openai:harken-mini@{url}?retries=1"
    return GrpoSettings(**{**FEW, **changes}, rollouts=asked, push=push)


def test_two_clips_through_a_server_and_in_process(tmp_path: Path) -> None:
    """Metrics are written alike, and learner and sampler agree to the fourth decimal."""
    asked, weights = items(tmp_path), tmp_path / "weights"
    with serving(mini(1), weights) as url:
        learner = mini(1)
        run_stage("grpo", learner, asked, settings(url, f"folder:{weights}"), tmp_path / "served")
    served = read_run(tmp_path / "served" / "grpo").records("metrics")
    run_stage("grpo", mini(1), asked, GrpoSettings(**FEW), tmp_path / "local")
    local = read_run(tmp_path / "local" / "grpo").records("metrics")
    assert [set(record) for record in served] == [set(record) for record in local]
    for record in served:
        assert record["parity_sequences"] == 6 and record["parity_nats"] < 1e-3
        assert record["replies_left_out"] == 0 and record["clips"] in (0, 6, 12)
    assert learner.identity() != mini(1).identity()
    assert any(record["loss"] is not None for record in served)


class Stop(Exception):
    """What a process is stopped by in these tests."""


def test_a_killed_run_goes_on_with_what_the_server_had_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same weights and bytes, and no request for what is written."""
    asked, append = items(tmp_path), Run.append
    weights = tmp_path / "weights"

    def stopping(run: Run, stem: str, records: Any, **more: Any) -> None:
        records = list(records)
        append(run, stem, records, **more)
        if stem == "rollouts" and records[0]["turn"] == 1:
            raise Stop

    with serving(mini(1), weights) as url:
        plan = settings(url, f"folder:{weights}")
        whole = mini(1)
        run_stage("grpo", whole, asked, plan, tmp_path / "whole")
        monkeypatch.setattr(Run, "append", stopping)
        with pytest.raises(Stop):
            run_stage("grpo", mini(1), asked, plan, tmp_path / "cut")
        monkeypatch.setattr(Run, "append", append)
        turns = []
        sample = ServerRollouts.sample

        def counted(self: Any, asked: Any, turn: int, logprobs: bool) -> Any:
            turns.append(turn)
            return sample(self, asked, turn, logprobs)

        monkeypatch.setattr(ServerRollouts, "sample", counted)
        learner = mini(1)
        run_stage("grpo", learner, asked, plan, tmp_path / "cut")
    assert turns == [2] and learner.identity() == whole.identity()
    # The last digits of log-probabilities depend on which requests shared a batch.
    first, second = (
        [{**record, "logprobs": len(record["logprobs"])} for record in
         read_run(tmp_path / name / "grpo").records("rollouts")]
        for name in ("whole", "cut")
    )  # fmt: skip
    assert first == second and len(first) == 3 * 6


def test_a_server_that_is_gone_ends_the_stage_with_its_reason(tmp_path: Path) -> None:
    plan = settings("http://127.0.0.1:9/v1", "none")
    with pytest.raises(ModelError, match=r"none of 6 replies could be used: unreachable"):
        run_stage("grpo", mini(1), items(tmp_path), plan, tmp_path / "run")
    with serving(mini(1), tmp_path / "weights") as url:
        plan = settings(url, f"folder:{tmp_path / 'other'}")
        with pytest.raises(ModelError, match="harken serve MODEL --reload-from"):
            run_stage("grpo", mini(1), items(tmp_path), plan, tmp_path / "run2")


def asked_of(learner: Learner, item: Item) -> AskedPrompt:
    prompt = make_prompt(item, learner.style)
    return AskedPrompt(item, prompt, learner.tokenize(prompt))


def test_replies_by_other_weights_than_were_pushed_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as those of a second trainer that uses the same server; none is used."""
    learner, weights = mini(1), tmp_path / "weights"
    asked = [asked_of(learner, item) for item in items(tmp_path)]
    learner.trainable(("lm",))
    with serving(mini(1), weights) as url:
        source = ServerRollouts(learner, settings(url, f"folder:{weights}"))
        assert all(one.used for one in source.sample(asked, 0, False))
        plain = WeightPush.reload
        monkeypatch.setattr(WeightPush, "reload", lambda self, sha: plain(self, sha) and "another")
        with pytest.raises(ModelError, match=r"none of 4 .* with other weights than were pushed"):
            source.sample(asked, 1, False)
        source.close()


def test_a_reply_that_does_not_fit_the_context_is_left_out(tmp_path: Path) -> None:
    learner = mini(1)
    asked = [asked_of(learner, item) for item in items(tmp_path)]
    longest = max(len(one.tokenized.ids) for one in asked)
    learner.prompt_tokenizer.context = longest + 1
    with serving(mini(1), tmp_path) as url:
        source = ServerRollouts(learner, settings(url, "none"))
        try:
            found = source.sample(asked, 0, True)
        except ModelError as error:
            assert "longer than the context" in error.found
        else:
            assert all(one.used == (len(a.tokenized.ids) + len(one.ids) <= longest + 1)
                       for a, one in zip(asked, found, strict=True) if one.ids)  # fmt: skip
            assert any("longer than the context" in one.left_out for one in found)
        finally:
            source.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rollouts": "openai:x@http://h/v1"}, "both or"),
        ({"push": "none"}, "both or"),
        ({"rollouts": "openai:x", "push": "none"}, "MODEL@URL"),
        ({"rollouts": "native:x", "push": "none"}, "openai:MODEL@URL"),
        ({"rollouts": "openai:x@http://h/v1?no=1", "push": "none"}, "no setting"),
        ({"rollouts": "openai:x@http://h/v1", "push": "disk:/x"}, "folder:PATH"),
        ({"scale": "max"}, "std, none"),
        ({"normalise": "words"}, "reply, token, room"),
        ({"token_share": 0}, "above 0"),
        ({"parity_nats": 0}, "above 0"),
        ({"signal_patience": -1}, "0 or more"),
        ({"rewards": "judge"}, "names no model"),
        ({"reward_settings": {"length": {"limit": 3}}}, "no weight"),
        ({"reward_settings": {"accuracy": 3}}, "key: value"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        GrpoSettings(**changes)


def answer(text: str, ids: Sequence[int] = (), stop: str = "end", tokens: int = 0) -> WireAnswer:
    return WireAnswer(text, stop, ids=tuple(ids), tokens=(("x", -1.0),) * tokens)


def test_tokens_of_a_reply_are_the_servers_or_those_of_its_text() -> None:
    learner = mini(1)
    tokenizer = learner.tokenizer
    noise, end = tokenizer.encode("noise"), tokenizer.eos
    spelled = [i for letter in "noise" for i in tokenizer.encode(letter)]
    assert reply_ids(learner, answer("noise", [*noise, end])) == ((*noise, end), "")
    assert reply_ids(learner, answer("noise", noise)) == ((*noise, end), "")
    assert reply_ids(learner, answer("noise", noise, "length")) == (noise, "")
    assert reply_ids(learner, answer("noise")) == ((*noise, end), "")
    assert reply_ids(learner, answer("noise", tokens=len(noise) + 1)) == ((*noise, end), "")
    assert reply_ids(learner, answer("", [end])) == ((end,), "")
    wrong = [
        (answer("noise", tokenizer.encode("clicks")), "token ids gives another text"),
        (answer("noise", [10**6]), "another tokenizer"),
        (answer("noise", [tokenizer.audio]), "another tokenizer"),
        (answer("noise", tokens=9), "other tokens than its text"),
        (answer("", stop="length"), "empty"),
        (answer("<think>a</think>noise", noise), "another text"),
    ]
    for one, says in wrong:
        ids, reason = reply_ids(learner, one)
        assert says in reason, (one, ids)
    assert len(spelled) >= len(noise)


@pytest.mark.slow
def test_two_clips_through_a_process_of_harken_serve(tmp_path: Path) -> None:
    """`harken train grpo` beside `harken serve`, as a user starts them."""
    mini(1).save(tmp_path / "model")
    path = tmp_path / "items.jsonl"
    rows = [{"question": item.question, "answer": item.answer, "choices": list(item.choices),
             "audio": [clip.path for clip in item.clips]} for item in items(tmp_path)]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    weights = tmp_path / "weights"
    harken = [sys.executable, "-c", "from harken.cli.main import main; main()"]
    serve = [*harken, "serve", str(tmp_path / "model"), "--port", "0", "--json"]
    with subprocess.Popen(
        [*serve, "--reload-from", str(weights)], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["address"]
            options = {
                "steps": 2, "items": 2, "group": 3, "max_tokens": 4, "temperature": 2.0,
                "lr": 0.01, "parity_every": 1, "rollouts": f"openai:harken-mini@{url}",
                "push": f"folder:{weights}", "rewards": "accuracy=1,length=1",
                "reward_settings.length.limit": 1,
            }  # fmt: skip
            words = [*harken, "train", "grpo", str(path), "-o", str(tmp_path / "out"), "--model",
                     str(tmp_path / "model"), "--json"]  # fmt: skip
            for name, value in options.items():
                words += ["--set", f"grpo.{name}={value}"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=280)
            assert done.returncode in (0, 11), done.stderr
        finally:
            server.terminate()
    records = read_run(tmp_path / "out" / "grpo").records("metrics")
    assert len(records) == 2 and all(record["parity_nats"] < 1e-3 for record in records)
    assert len(read_run(tmp_path / "out" / "grpo").records("rollouts")) == 2 * 2 * 3


class LoraServer:
    """A server of vLLM's kind: it loads adapter folders by name, and answers with what it has."""

    def __init__(self, model: Learner) -> None:
        self.model, self.folders = model, []
        self.served = Served(model)
        self.url = self.served.url

    def load(self, folder: Path) -> None:
        from safetensors.torch import load

        self.folders.append(folder)
        config = json.loads((folder / "adapter_config.json").read_text())
        assert config["r"] == 2
        state = load((folder / "adapter_model.safetensors").read_bytes())
        own = dict(self.model.family.model.named_parameters())  # type: ignore[attr-defined]
        with torch.no_grad():
            for name, tensor in state.items():
                plain = name.removeprefix("base_model.model.")
                own[plain.replace(".weight", ".default.weight")].copy_(tensor)


def test_adapters_are_pushed_as_a_folder_of_peft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Qwen2-Audio with LoRA; parity is checked in every step, so the adapters are the learner's."""
    pytest.importorskip("peft")
    write(tiny_qwen2_audio.TINY, tmp_path / "base", FAMILIES.get("qwen2_audio").template)

    def opened() -> Learner:
        learner = load_learner(f"native:{tmp_path / 'base'}")
        learner.add_lora(rank=2)
        return learner

    server = LoraServer(opened())
    monkeypatch.setattr(WeightPush, "load_adapter", lambda self, folder: server.load(folder))
    plan = {**FEW, "groups": ("lm",), "rollouts": f"openai:{server.model.name}@{server.url}",
            "push": f"lora:{tmp_path / 'adapters'}", "lr": 0.05}  # fmt: skip
    learner = opened()
    try:
        run_stage("grpo", learner, items(tmp_path), GrpoSettings(**plan), tmp_path / "run")
    finally:
        server.served.close()
    records = read_run(tmp_path / "run" / "grpo").records("metrics")
    assert len(server.folders) == 3 == len(records)
    kept = sorted(path.name for path in (tmp_path / "adapters").iterdir())
    assert kept == [folder.name for folder in server.folders[1:]]  # the last two
    assert all(record["parity_nats"] < 1e-3 for record in records)
    assert learner.identity() != opened().identity()


@pytest.mark.parametrize(("groups", "says"), [(("lm", "projector"), "no adapters"), (("lm",), "")])
def test_what_is_no_adapter_cannot_be_pushed_as_one(
    groups: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    write(tiny_qwen2_audio.TINY, tmp_path / "base", FAMILIES.get("qwen2_audio").template)
    learner = load_learner(f"native:{tmp_path / 'base'}")
    learner.add_lora(rank=2)
    plan = GrpoSettings(
        **{**FEW, "groups": groups}, rollouts="openai:x@http://127.0.0.1:9/v1", push="lora:/tmp/x"
    )
    if says:
        with pytest.raises(ConfigError, match=says):
            ServerRollouts(learner, plan)
        for frozen in ({"lr_projector": 0.0}, {"lr": 1e-3, "lr_projector": 0.0}):
            ServerRollouts(learner, replace(plan, **frozen)).close()  # a rate of 0 freezes it
    else:
        ServerRollouts(learner, plan).close()
    with pytest.raises(ConfigError, match="no adapters that vLLM"):
        ServerRollouts(mini(1), plan)
