"""New weights for a served model: from one folder, for this computer, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import torch

pytest.importorskip("aiohttp")

from test_server import PitchModel, Served

from harken.ask.prompt import make_prompt
from harken.errors import ConfigError, ModelError
from harken.models.base import Sampling
from harken.models.composed.model import ComposedModel
from harken.models.engine.generate import prompt_seed
from harken.models.engine.weights import WEIGHTS, write_tensors
from harken.models.http.model import HttpModel
from harken.models.http.push import WeightPush, read_push
from harken.models.http.settings import HttpSettings
from harken.serve.fields import BadRequest
from harken.serve.reload import WeightReloader, check_local
from harken.serve.start import serve_model
from tiny_audio import NAMES, mini, named


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    one = Served(mini(0), reload_from=tmp_path / "weights")
    yield one
    one.close()


def client(url: str, **more: Any) -> HttpModel:
    return HttpModel(HttpSettings("harken-mini", url, token_logprobs=True, retries=0, **more))


def post(url: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = Request(f"{url}/reload", raw, {"Content-Type": "application/json", **headers})
    try:
        with urlopen(asked, timeout=20) as response:
            return response.status, json.loads(response.read())
    except HTTPError as error:
        return error.code, json.loads(error.read())


def changed(model: ComposedModel, seed: int) -> dict[str, torch.Tensor]:
    """The tensors of another model of the same shape."""
    other = mini(seed)
    model.load_state(other.state())
    model.trainable(("audio_encoder", "projector", "lm"))
    return model.trained_tensors()


def test_replies_are_of_the_weights_that_were_loaded_last(server: Served, tmp_path: Path) -> None:
    learner = mini(0)
    prompt = make_prompt(named(tmp_path, NAMES[0], 0, 0.3), learner.style)
    sampling = Sampling(max_tokens=6, temperature=1.0, seed=5)
    asked = client(server.url)
    first = asked.answers([prompt], [sampling])[0]
    assert not isinstance(first, str) and first.text == learner.generate([prompt], sampling)[0].text
    push = WeightPush(asked.settings)
    stated = {first.fingerprint}
    for seed in (3, 4):
        made = write_tensors(changed(learner, seed), tmp_path / "weights")
        told = push.reload(made)
        found = asked.answers([prompt], [sampling])[0]
        assert not isinstance(found, str) and found.fingerprint == told not in stated
        stated.add(told)
        expected = learner.generate([prompt], sampling)[0].text
        assert found.text == expected


def test_a_reply_has_the_ids_and_log_probabilities_that_were_sampled(
    server: Served, tmp_path: Path
) -> None:
    """Of every length, an end at once among them, which is an answer here and not a failure."""
    learner = mini(0)
    prompt = make_prompt(named(tmp_path, NAMES[0], 0, 0.3), learner.style)
    samplings = [Sampling(max_tokens=8, temperature=2.0, seed=k) for k in range(40)]
    found = client(server.url).answers([prompt] * 40, samplings)
    tokenized = learner.tokenize(prompt)
    ends = learner.tokenizer.ends
    for sampling, answer in zip(samplings, found, strict=True):
        assert not isinstance(answer, str), answer
        seeds = [[sampling.seed, prompt_seed(prompt)]]
        mine = learner.sample({0: tokenized}, sampling, seeds)[0]
        assert answer.ids == mine.ids and answer.text == mine.text
        assert len(answer.tokens) == len([one for one in mine.ids if one not in ends])
        assert answer.tokens_in == len(tokenized.ids)
    assert len({answer.ids for answer in found if not isinstance(answer, str)}) > 5


def test_a_model_that_gives_no_ids_refuses_to_be_asked_for_them() -> None:
    one = Served(PitchModel())
    try:
        body = {"model": "pitch", "messages": [{"role": "user", "content": "?"}],
                "return_token_ids": True}  # fmt: skip
        asked = Request(f"{one.url}/chat/completions", json.dumps(body).encode(),
                        {"Content-Type": "application/json"})  # fmt: skip
        with pytest.raises(HTTPError) as caught:
            urlopen(asked, timeout=20)
        assert caught.value.code == 400 and b"return_token_ids" in caught.value.read()
    finally:
        one.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', {}, {"sha256": 1}, {"sha256": "00"}, {"sha256": "A" * 64},
     {"sha256": "0" * 64, "folder": "/etc"}, {"path": "/etc"}],
)  # fmt: skip
def test_nothing_but_a_checksum_is_taken(server: Served, body: Any) -> None:
    status, told = post(server.url, body)
    assert status == 400 and told["error"]["message"]


def test_weights_that_are_not_announced_or_do_not_fit_change_nothing(
    server: Served, tmp_path: Path
) -> None:
    before = server.model.identity()
    assert post(server.url, {"sha256": "0" * 64})[0] == 409  # no file
    tensors = changed(mini(0), 3)
    name, tensor = next(iter(tensors.items()))
    strange = [{**tensors, "lm.other": torch.zeros(2)}, {**tensors, name: tensor.flatten()[:1]}]
    for wrong in strange:
        made = write_tensors(wrong, tmp_path / "weights")
        status, told = post(server.url, {"sha256": made})
        assert status == 409 and "are not in this model" in told["error"]["message"]
    made = write_tensors(tensors, tmp_path / "weights")
    file = tmp_path / "weights" / WEIGHTS
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert (
        "not those that were announced" in post(server.url, {"sha256": made})[1]["error"]["message"]
    )
    assert server.model.identity() == before
    push = WeightPush(HttpSettings("harken-mini", server.url))
    with pytest.raises(ModelError, match="reload-from"):
        push.reload(made)


def test_a_server_that_was_not_told_to_reload_does_not(tmp_path: Path) -> None:
    one = Served(mini(0))
    try:
        assert post(one.url, {"sha256": "0" * 64})[0] == 404
        with pytest.raises(ModelError, match="harken serve MODEL --reload-from"):
            WeightPush(HttpSettings("harken-mini", one.url)).reload("0" * 64)
    finally:
        one.close()
    with pytest.raises(ModelError, match="cannot be reached"):
        WeightPush(HttpSettings("harken-mini", one.url)).reload("0" * 64)
    with pytest.raises(ConfigError, match="no weights of its own"):
        WeightReloader(PitchModel(), tmp_path)


def test_the_key_of_a_server_guards_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARKEN_SERVE_KEY", "correct-horse-battery")
    one = Served(mini(0), reload_from=tmp_path)
    try:
        assert post(one.url, {"sha256": "0" * 64})[0] == 401
        monkeypatch.setenv("HARKEN_API_KEY", "correct-horse-battery")
        made = write_tensors(changed(mini(0), 3), tmp_path)
        assert WeightPush(HttpSettings("harken-mini", one.url)).reload(made)
    finally:
        one.close()


@pytest.mark.parametrize(
    ("remote", "local"),
    [("127.0.0.1", True), ("127.8.0.9", True), ("::1", True), ("10.0.0.3", False),
     ("fe80::1%eth0", False), ("", False), (None, False), ("localhost", False)],
)  # fmt: skip
def test_weights_are_reloaded_for_this_computer_only(remote: str | None, local: bool) -> None:
    request: Any = SimpleNamespace(remote=remote, headers={"Host": "x", "Viable": "1"})
    if local:
        check_local(request)
    else:
        with pytest.raises(BadRequest, match="this computer only"):
            check_local(request)


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-FORWARDED-HOST", "Via", "X-Real-IP"],
)
def test_a_client_behind_a_proxy_is_not_on_this_computer(server: Served, header: str) -> None:
    status, told = post(server.url, {"sha256": "0" * 64}, **{header: "10.0.0.3"})
    assert status == 403 and "proxy" in told["error"]["message"]


def test_a_server_behind_a_proxy_reloads_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--reload-from and --allow-host") as caught:
        serve_model(mini(0), print, hosts=["models.example"], reload_from=tmp_path)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[:7],
        lambda raw: raw[: len(raw) // 2],
        lambda raw: b"\xff" * 8 + raw[8:],
        lambda raw: raw[:8] + b"[" + raw[9:],
        lambda raw: raw.replace(b'"F32"', b'"F99"', 1),
    ],
)
def test_a_damaged_file_is_told_and_changes_nothing(
    server: Served, tmp_path: Path, damage: Any
) -> None:
    before = server.model.identity()
    write_tensors(changed(mini(0), 3), tmp_path / "weights")
    file = tmp_path / "weights" / WEIGHTS
    raw = damage(file.read_bytes())
    file.write_bytes(raw)
    status, told = post(server.url, {"sha256": sha256(raw).hexdigest()})
    assert status == 409 and "no whole file of safetensors" in told["error"]["message"]
    assert server.model.identity() == before


def test_a_client_elsewhere_is_refused_whatever_it_posts(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(request: Any) -> None:
        raise BadRequest("on this computer only", status=403)

    monkeypatch.setattr("harken.serve.server.check_local", elsewhere)
    assert post(server.url, {"sha256": "0" * 64})[0] == 403


@pytest.mark.parametrize("text", ["", "folder", "folder:", "disk:/x", "none:/x", "lora"])
def test_ways_to_push_are_named_where_the_given_one_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="folder:PATH"):
        read_push(text)
    assert read_push("lora:/tmp/a:b").folder == Path("/tmp/a:b")


def test_requests_of_different_seeds_share_a_batch(server: Served, tmp_path: Path) -> None:
    """And get the reply that each would have had alone."""
    learner = mini(0)
    prompt = make_prompt(named(tmp_path, NAMES[0], 0, 0.3), learner.style)
    sizes: list[int] = []
    plain = server.model.sample

    def counted(prompts: Any, *args: Any, **more: Any) -> Any:
        sizes.append(len(prompts))
        return plain(prompts, *args, **more)

    server.model.sample = counted
    samplings = [Sampling(max_tokens=6, temperature=2.0, seed=k) for k in range(24)]
    found = client(server.url).answers([prompt] * 24, samplings)
    assert sum(sizes) == 24 and len(sizes) < 20
    for sampling, answer in zip(samplings, found, strict=True):
        assert not isinstance(answer, str)
        assert answer.text == learner.generate([prompt], sampling)[0].text
