"""harken behind the OpenAI API: asked by the official client, by harken's own, and by bad ones."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from test_client import tone

from harken.ask.record import ask_and_score
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.load import load_model
from harken.serve import server as serve
from harken.serve.fields import Limits
from scored_records import make_items


class PitchModel:
    """Replies with the pitch of each clip, in order, and the texts around them."""

    name = "pitch"
    max_clips = 4
    style = PromptStyle()

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.samplings: list[Sampling] = []
        self.gate = threading.Event()
        self.gate.set()

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        self.gate.wait(10)
        self.batches.append(len(prompts))
        self.samplings.append(sampling)
        return [self._reply(prompt, sampling) for prompt in prompts]

    def _reply(self, prompt: Prompt, sampling: Sampling) -> Reply:
        if "fall over" in prompt.question:
            raise RuntimeError("the model fell over")
        heard = [pitch(p) if isinstance(p, Clip) else p for p in prompt.parts]
        text = " | ".join([prompt.system, *heard] if prompt.system else heard)
        if len(text) > sampling.max_tokens:
            return Reply(text[: sampling.max_tokens], "length")
        return Reply(text)

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "pitch-1"


def pitch(clip: Clip) -> str:
    wave = load(clip)
    return f"{np.argmax(np.abs(np.fft.rfft(wave))) * RATE_HZ / len(wave):.0f} Hz"


class Served:
    """A server on a thread."""

    def __init__(self, model: Any, **options: Any) -> None:
        self.model = model
        self.loop = asyncio.new_event_loop()
        server = serve.Server(model, **options)
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        start = asyncio.run_coroutine_threadsafe(serve.start(server, "127.0.0.1", 0), self.loop)
        self.runner, self.url = start.result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served(PitchModel(), limits=Limits(body_bytes=1 << 20, clip_s=5.0, waiting=8))
    yield one
    one.close()


def data(clip: Clip) -> str:
    return base64.b64encode(Path(clip.path).read_bytes()).decode()


def block(clip: Clip) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data(clip), "format": "wav"}}


def link(url: str) -> dict[str, Any]:
    return {"type": "audio_url", "audio_url": {"url": url}}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def user(*content: Any) -> list[Any]:
    return [{"role": "user", "content": list(content)}]


def test_the_official_client_sends_two_clips_in_one_message(served: Served, tmp_path: Path) -> None:
    openai = pytest.importorskip("openai")
    low, high = tone(tmp_path, 400), tone(tmp_path, 2000)
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:
        assert [card.id for card in client.models.list()] == ["pitch"]

        def ask(*content: Any, **more: Any) -> Any:
            messages = [{"role": "system", "content": "Listen."}, *user(*content)]
            return client.chat.completions.create(
                model="pitch", messages=messages, **{"max_tokens": 100, "temperature": 0, **more}
            )

        there = ask(text("first"), block(low), text("then"), block(high), text("?"))
        assert there.choices[0].message.content == "Listen. | first | 400 Hz | then | 2000 Hz | ?"
        assert there.choices[0].finish_reason == "stop"
        assert there.system_fingerprint == "pitch-1" and there.model == "pitch"
        back = ask(link("data:audio/wav;base64," + data(high)), block(low), text("?"))
        assert back.choices[0].message.content == "Listen. | 2000 Hz | 400 Hz | ?"
        short = ask(text("?"), max_tokens=4)
        assert short.choices[0].message.content == "List"
        assert short.choices[0].finish_reason == "length"
        cut = ask(text("one two"), stop=[" two"])
        assert cut.choices[0].message.content == "Listen. | one"
        pieces = list(ask(block(low), text("?"), stream=True))
        said = "".join(piece.choices[0].delta.content or "" for piece in pieces)
        assert said == "Listen. | 400 Hz | ?" and pieces[-1].choices[0].finish_reason == "stop"
        with pytest.raises(openai.BadRequestError, match="4 clips at most"):
            ask(*[block(low)] * 5, text("?"))
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="other", messages=user(text("?")))
        with pytest.raises(openai.InternalServerError, match="fell over"):
            ask(text("fall over"))


def post(url: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    asked = Request(url + "/chat/completions", raw, {"Content-Type": "application/json", **headers})
    try:
        with urlopen(asked, timeout=20) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


def test_bad_requests_are_refused_in_json(served: Served, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    clip = tone(tmp_path, 400)
    secret.write_bytes(Path(clip.path).read_bytes())
    good = {"model": "pitch", "messages": user(text("hello"))}
    assert post(served.url, good)[0] == 200
    long = tone(tmp_path, 500, seconds=6.0)
    cases: list[tuple[int, Any, str]] = [
        (400, b"{", "not JSON"),
        (400, b"[" * 100_000, "not JSON"),
        (400, b"\xff\xfe", "not JSON"),
        (400, [], "not a JSON object"),
        (404, {**good, "model": 3}, "no model"),
        (404, {"messages": good["messages"]}, "no model"),
        (400, {"model": "pitch"}, "messages"),
        (400, {**good, "messages": []}, "messages"),
        (400, {**good, "messages": ["x"]}, "not an object"),
        (400, {**good, "messages": [{"role": "user"}]}, "content"),
        (400, {**good, "messages": [{"role": "assistant", "content": "x"}]}, "role"),
        (400, {**good, "messages": [*user(text("a")), *user(text("b"))]}, "one user message"),
        (400, {**good, "messages": user(text("  "))}, "the user message is empty"),
        (400, {**good, "messages": user({"type": "text"})}, "text"),
        (400, {**good, "messages": user({"type": "image_url", "image_url": {}})}, "image_url"),
        (400, {**good, "messages": user({"type": "input_audio"})}, "input_audio"),
        (400, {**good, "messages": user(link(secret.as_uri()))}, "addresses are not fetched"),
        (400, {**good, "messages": user(link(str(secret)))}, "addresses are not fetched"),
        (400, {**good, "messages": user(link(served.url))}, "addresses are not fetched"),
        (
            400,
            {**good, "messages": user(link("data:text/html;base64,AAAA"))},
            "addresses are not fetched",
        ),
        (400, {**good, "messages": user(link("data:audio/midi;base64,AAAA"))}, "format"),
        (400, {**good, "messages": user(link("data:audio/wav;base64,%%%"))}, "not base64"),
        (400, {**good, "messages": user(link("data:audio/wav;base64,AAAA"))}, "not-audio"),
        (400, {**good, "messages": user(link("data:audio/wav;base64,"))}, "empty"),
        (400, {**good, "messages": user(link("data:audio/wav;base64," + data(clip)[:200]))}, ""),
        (400, {**good, "messages": user(block(long))}, "too-long: the clip lasts 6.0 s"),
        (413, b"x" * (2 << 20), "larger"),
        (400, {**good, "temperature": "hot"}, "temperature"),
        (400, {**good, "temperature": float("nan")}, "temperature"),
        (400, {**good, "temperature": 3}, "temperature"),
        (400, {**good, "max_tokens": 0}, "max_tokens"),
        (400, {**good, "max_tokens": 1e9}, "max_tokens"),
        (400, {**good, "max_tokens": True}, "max_tokens"),
        (400, {**good, "n": 2}, "n = 1"),
        (400, {**good, "tools": [{}]}, "tools"),
        (400, {**good, "stop": 7}, "stop"),
        (400, {**good, "stream": "yes"}, "stream"),
        (400, {**good, "modalities": ["text", "audio"]}, "text only"),
    ]
    for status, body, words in cases:
        found, told = post(served.url, body)
        shown = f"{str(body)[:80]} -> {found} {told}"
        assert found == status and words in told["error"]["message"], shown
        assert told["error"]["type"] == "invalid_request_error", shown
    assert post(served.url, good)[0] == 200, "and it still answers"
    assert post(served.url, good, Host="evil.example")[0] == 403
    assert post(served.url, good, **{"Content-Type": "text/plain"})[0] == 415
    for coding in ("gzip", "deflate", "br", "identity, gzip"):
        status, told = post(served.url, good, **{"Content-Encoding": coding})
        assert status == 415 and coding in told["error"]["message"]
    assert post(served.url, good, **{"Content-Encoding": "identity"})[0] == 200
    assert post(served.url.removesuffix("/v1") + "/v2", good)[0] == 404


def test_a_key_is_asked_for_when_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARKEN_SERVE_KEY", "open-sesame")
    one = Served(PitchModel())
    good = {"model": "pitch", "messages": user(text("hello"))}
    assert post(one.url, good)[0] == 401
    assert post(one.url, good, Authorization="Bearer open-sesamE")[0] == 401
    assert post(one.url, good, Authorization="Bearer open-sesame")[0] == 200
    one.close()


def test_concurrent_requests_share_batches_and_too_many_get_429(
    served: Served,
) -> None:
    model: PitchModel = served.model
    model.gate.clear()
    found: list[tuple[int, str]] = []
    good = {"model": "pitch", "messages": user(text("hello")), "temperature": 0, "seed": 1}

    def ask() -> None:
        status, body = post(served.url, good)
        found.append((status, str(body)))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    while sum(status == 429 for status, _ in found) == 0 and any(t.is_alive() for t in threads):
        threading.Event().wait(0.01)
    model.gate.set()
    for thread in threads:
        thread.join(20)
    statuses = [status for status, _ in found]
    assert len(found) == 40 and set(statuses) == {200, 429}
    assert sum(model.batches) == statuses.count(200) and max(model.batches) > 1


def test_sampled_replies_differ_unless_seeded(served: Served) -> None:
    body = {"model": "pitch", "messages": user(text("hello")), "temperature": 1.0, "top_k": 5}
    for more in ({}, {}, {"seed": 3}, {"seed": 3}):
        assert post(served.url, {**body, **more})[0] == 200
    first, second, third, fourth = served.model.samplings
    assert first.seed != second.seed and third == fourth
    assert third == Sampling(max_tokens=256, temperature=1.0, top_k=5, seed=3)


def test_over_http_a_model_is_asked_the_same_as_in_process(tmp_path: Path) -> None:
    """harken's client against harken's server: the parts arrive as they were sent."""
    model = PitchModel()
    questions = [replace(item, choices=()) for item in make_items(tmp_path, 9)]
    inside = ask_and_score(
        model, questions, conditions=("audio", "none", "silence"), max_failed=1.0
    )
    one = Served(model, name="org/pitch")
    far: Any = load_model(f"openai:org/pitch@{one.url}", instruction="", max_clips=4)
    outside = ask_and_score(far, questions, conditions=("audio", "none", "silence"), max_failed=1.0)
    far.close()
    one.close()
    assert [record["reply"] for record in outside] == [record["reply"] for record in inside]
    assert all(record["stop"] != "failed" for record in outside)


def test_the_command_listens_on_the_loopback_and_prints_its_address() -> None:
    code = "from harken.cli.main import main; main()"
    command = [sys.executable, "-c", code, "serve", "constant:1", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:") and url.endswith("/v1")
        body = {"model": "constant:1", "messages": user(text("hello"))}
        status, reply = post(url, body)
        assert status == 200 and reply["choices"][0]["message"]["content"]
        port = url.split(":")[2].split("/")[0]
        taken = subprocess.run([*command[:-1], port], capture_output=True, text=True)
        assert taken.returncode == 4 and "cannot listen" in taken.stderr
    finally:
        process.terminate()
        process.communicate(timeout=20)


class Frank:
    """Says how probable the built-in model finds "dog": an untrained one says the same always."""

    max_clips, style = 4, PromptStyle(letters=False)

    def __init__(self, model: Any) -> None:
        self.model, self.name = model, model.name

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        said = self.model.generate(prompts, sampling)
        values = [self.model.logprobs([prompt], ["dog"]).item() for prompt in prompts]
        return [replace(s, text=f"{v:.4f} {s.text}") for s, v in zip(said, values, strict=True)]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return str(self.model.identity())


def test_a_composed_model_gets_two_clips_from_the_official_client(tmp_path: Path) -> None:
    openai = pytest.importorskip("openai")
    pytest.importorskip("torch")
    from harken.models.composed.model import ComposedModel

    words = "which clip is higher, the first or the second?"
    frank = Frank(
        ComposedModel.preset("harken-tiny", [words, "dog", "cat", "rain", "a bell"], seed=1)
    )
    clips = [tone(tmp_path, 150 * 4**i, seconds=1.0) for i in range(3)]
    pairs = [(a, b) for a in clips for b in clips]
    prompts = [Prompt(("clip 1:", a, "clip 2:", b, words), words) for a, b in pairs]
    inside = [frank.generate([prompt], Sampling(max_tokens=6))[0].text for prompt in prompts]
    one = Served(frank)
    outside = []
    with openai.OpenAI(base_url=one.url, api_key="none", max_retries=0) as client:
        for a, b in pairs:
            content = [text("clip 1:"), block(a), text("clip 2:"), block(b), text(words)]
            there = client.chat.completions.create(
                model="harken-tiny", messages=user(*content), max_tokens=6, temperature=0
            )
            outside.append(there.choices[0].message.content)
    one.close()
    assert outside == inside
    assert len(set(inside)) == len(pairs), "every pair, and every order, sounds different"
