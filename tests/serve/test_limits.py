"""What a client does wrong is a 4xx, and no request costs the server more than its limits."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import soundfile as sf

pytest.importorskip("aiohttp")

from test_client import tone
from test_server import PitchModel, Served, block, data, post, text, user

from harken.audio.clip import Clip
from harken.errors import ConfigError
from harken.models.base import Prompt, Reply, Sampling
from harken.serve.access import Access
from harken.serve.fields import BOOKKEEPING, HONOURED, NEUTRAL, BadRequest, Limits, read_json
from harken.serve.queue import ALIKE, PATIENCE_S, PendingRequest, RequestQueue
from harken.serve.request import ChatRequest

GOOD: dict[str, Any] = {"model": "pitch", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    limits = Limits(
        body_bytes=1 << 20, clip_s=5.0, samples=2_000_000, values=500, upload_s=2.0, text=10_000
    )
    one = Served(PitchModel(), limits=limits)
    yield one
    one.close()


@pytest.mark.parametrize("name", [*NEUTRAL])
def test_a_field_is_taken_where_it_changes_nothing_and_refused_elsewhere(
    name: str, served: Served
) -> None:
    for value in NEUTRAL[name]:
        assert post(served.url, {**GOOD, name: value})[0] == 200, value
    assert post(served.url, {**GOOD, name: None})[0] == 200
    others: list[Any] = [0.5, 7, "x", ["x"], {"a": 1}, True, False, 0, 1]
    for value in others:
        if any(type(value) is type(one) and value == one for one in NEUTRAL[name]):
            continue
        status, told = post(served.url, {**GOOD, name: value})
        assert status == 400 and told["error"]["param"] == name, (name, value, told)


ODD: list[Any] = [
    {"prediction": {"type": "content"}},
    {"reasoning_effort": "high"},
    {"web_search_options": {}},
    {"guided_json": {}},
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"max_tokens": 5, "max_completion_tokens": 6},
    {"max_completion_tokens": 0},
    {"max_completion_tokens": "7"},
    {"stop": [f"s{i}" for i in range(17)]},
    {"stop": False},
    {"stop": 0},
    {"stop": [""]},
    {"stop": {"a": "b"}},
    {"stream": 1},
    {"stream": 0.0},
    {"logprobs": 1},
    {"seed": 1.5},
    {"seed": True},
    {"temperature": True},
    {"temperature": 10**300},
    {"top_k": -2},
    {"messages": {"role": "user"}},
    {"messages": [{"role": ["user"], "content": "x"}]},
    {"messages": [{"role": {}, "content": "x"}]},
    {"messages": [{"role": "user", "content": 3}]},
    {"messages": user({"type": ["text"], "text": "x"})},
    {"messages": user({"type": {}, "text": "x"})},
    {"messages": user({"type": "input_audio", "input_audio": {"format": ["wav"], "data": ""}})},
    {"messages": user({"type": "input_audio", "input_audio": {"format": {}, "data": ""}})},
    {"messages": user({"type": "input_audio", "input_audio": {"format": "wav", "data": 7}})},
    {"messages": user({"type": "input_audio", "input_audio": {"format": "wav", "data": "é"}})},
    {"messages": user({"type": "audio_url", "audio_url": {"url": ["data:"]}})},
    {"messages": user({"type": "text", "text": "half \ud800"})},
    {"messages": [{"role": "user", "content": "\udfff"}]},
    {"stop": "\ud800"},
    {"user": "\udc00"},
    {"\ud800": 1},
    {"messages": [{"role": "user", "content": "x", "name": "me"}]},
    {"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]},
    {"messages": user({"type": "text", "text": "x", "start": 3})},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:60])
def test_what_the_client_did_wrong_is_a_400(odd: dict[str, Any], served: Served) -> None:
    status, told = post(served.url, {**GOOD, **odd})
    assert status == 400, told
    assert told["error"]["type"] == "invalid_request_error" and told["error"]["message"]


def test_known_fields_are_three_disjoint_groups() -> None:
    assert not HONOURED & BOOKKEEPING and not HONOURED & set(NEUTRAL)
    assert not BOOKKEEPING & set(NEUTRAL)


@pytest.mark.parametrize("every", [60, 64, 76, 100])
def test_base64_in_lines_is_read(every: int, served: Served, tmp_path: Path) -> None:
    whole = data(tone(tmp_path, 400))
    for end in ("\n", "\r\n", " \n"):
        lines = end.join(whole[at : at + every] for at in range(0, len(whole), every)) + end
        held = {"type": "input_audio", "input_audio": {"data": lines, "format": "wav"}}
        status, told = post(served.url, {**GOOD, "messages": user(held, text("?"))})
        assert status == 200 and told["choices"][0]["message"]["content"].startswith("400 Hz")


def encoded(format: str, subtype: str, seconds: float = 1.0, rate: int = 16_000) -> str:
    wave = 0.3 * np.sin(2 * np.pi * 700 * np.arange(round(seconds * rate)) / rate)
    out = io.BytesIO()
    sf.write(out, wave, rate, format=format, subtype=subtype)
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize("stated", ["wav", "mp3", "flac", "OGG", "aiff"])
def test_the_bytes_decide_whatever_format_is_stated(stated: str, served: Served) -> None:
    for kind in (
        ("WAV", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("MP3", "MPEG_LAYER_III"),
        ("AU", "PCM_16"),
    ):
        held = {"type": "input_audio", "input_audio": {"data": encoded(*kind), "format": stated}}
        status, told = post(served.url, {**GOOD, "messages": user(held)})
        assert status == 200, told
        assert abs(float(told["choices"][0]["message"]["content"].split()[0]) - 700) < 3


def test_clips_are_not_decoded_beyond_the_limits(served: Served) -> None:
    bomb = io.BytesIO()
    with sf.SoundFile(bomb, "w", 655_350, 8, "PCM_16", format="FLAC") as file:
        for _ in range(4):
            file.write(np.zeros((655_350, 8), np.int16))
    whole = bomb.getvalue()
    fields = int.from_bytes(whole[18:26], "big") >> 36 << 36
    unknown = whole[:18] + fields.to_bytes(8, "big") + whole[26:]
    for one in (whole, unknown):
        held = {"data": base64.b64encode(one).decode(), "format": "flac"}
        status, told = post(
            served.url, {**GOOD, "messages": user({"type": "input_audio", "input_audio": held})}
        )
        assert status == 400 and "too-long" in told["error"]["message"]
    # Each is small enough, and not all of them together: 4 x 600,000 samples of 2,000,000.
    quiet = io.BytesIO()
    sf.write(quiet, np.zeros(600_000, np.int16), 150_000, format="FLAC", subtype="PCM_16")
    held = {"data": base64.b64encode(quiet.getvalue()).decode(), "format": "flac"}
    blocks = [{"type": "input_audio", "input_audio": held}] * 4
    assert post(served.url, {**GOOD, "messages": user(*blocks[:3])})[0] == 200
    status, told = post(served.url, {**GOOD, "messages": user(*blocks)})
    assert status == 400 and "too-long" in told["error"]["message"]


@pytest.mark.parametrize("role", ["system", "user"])
def test_a_prompt_of_too_much_text_is_refused_before_it_is_tokenized(
    role: str, served: Served
) -> None:
    served.model.batches.clear()
    for size, status in ((9_990, 200), (9_996, 400), (100_000, 400)):  # 10,000 with "hello"
        texts = {"system": "hello", "user": "hello", role: "x" * size}
        messages = [{"role": name, "content": said} for name, said in texts.items()]
        assert post(served.url, {**GOOD, "messages": messages})[0] == status
    assert len(served.model.batches) == 1


def test_a_body_of_many_values_is_refused_before_it_is_parsed() -> None:
    limits = Limits(values=1000)
    for raw in (b"[" + b"[]," * 1000 + b"[]]", b'{"a":' * 1001, b"[" + b"1," * 1001 + b"1]"):
        with pytest.raises(BadRequest) as caught:
            read_json(raw, limits)
        assert caught.value.status == 413
    assert read_json(json.dumps({"a": "x" * 100_000}).encode(), limits)


def lines(url: str, *more: str) -> tuple[socket.socket, bytes]:
    place = urlsplit(url)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\n" + "".join(more)
    head += "Content-Type: application/json\r\n\r\n"
    return socket.create_connection((place.hostname, place.port), timeout=20), head.encode()


def test_a_dropped_upload_gives_no_traceback(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for part in (b"", b'{"model": "pitch"', b"x" * 10_000):
            sock, head = lines(served.url, "Content-Length: 100000\r\n")
            sock.sendall(head + part)
            sock.close()
        sock, head = lines(served.url, "Transfer-Encoding: chunked\r\n")
        sock.sendall(head + b"10\r\nabc")
        sock.close()
        time.sleep(0.5)
        assert post(served.url, GOOD)[0] == 200
    assert not [record for record in caplog.records if record.exc_info], caplog.text


def test_a_full_disk_is_the_fault_of_the_server(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, raw: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    held = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    status, told = post(served.url, {**GOOD, "messages": user(held)})
    assert status == 500 and "No space left" in told["error"]["message"]


def test_an_upload_that_does_not_end_is_answered(served: Served) -> None:
    sock, head = lines(served.url, "Content-Length: 100000\r\n")
    sock.sendall(head + b'{"model"')
    answer = sock.recv(10_000)
    sock.close()
    assert b" 408 " in answer.split(b"\r\n")[0] and b"did not arrive" in answer


class Strict(PitchModel):
    """Fails as a whole on one prompt of a batch, or says what a server would."""

    def _reply(self, prompt: Prompt, sampling: Sampling) -> Reply:
        if "too long" in prompt.question:
            return Reply("", "failed", "http 400: the prompt has 9000 tokens")
        return super()._reply(prompt, sampling)


def test_the_fault_of_one_request_is_not_that_of_others() -> None:
    model = Strict()
    one = Served(model)
    model.gate.clear()
    found: dict[str, tuple[int, Any]] = {}

    def ask(words: str) -> None:
        body = {"model": "pitch", "messages": user(text(words)), "temperature": 0, "seed": 1}
        found[words] = post(one.url, body)

    threads = [threading.Thread(target=ask, args=(w,)) for w in ("a", "fall over", "too long", "b")]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    model.gate.set()
    for thread in threads:
        thread.join(20)
    one.close()
    assert {words: status for words, (status, _) in found.items()} == {
        "a": 200,
        "b": 200,
        "fall over": 500,
        "too long": 400,
    }


def pending(tokens: int, seconds: float = 0.0, **more: Any) -> PendingRequest:
    clips = (Clip(duration_s=seconds),) if seconds else ()
    prompt = Prompt((*clips, "?"), "?")
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    return PendingRequest(ChatRequest(prompt, Sampling(max_tokens=tokens, **more)), future)


def test_small_requests_are_not_held_up_by_long_ones() -> None:
    async def main() -> None:
        queue = RequestQueue()
        long, short, heard = pending(8000), pending(8), pending(8, seconds=1800.0)
        for one in (long, heard, short):
            queue.put(one)
        assert [queue.take(16) for _ in range(3)] == [[short], [long], [heard]]
        assert queue.take(16) == [] and len(queue) == 0
        old = pending(8000)
        old.since -= PATIENCE_S + 1
        for one in (pending(8), old, pending(8)):
            queue.put(one)
        assert queue.take(16) == [old], "nobody waits for ever"
        assert len(queue.take(16)) == 2
        alike = [pending(10, seed=1) for _ in range(5)]
        for one in alike:
            queue.put(one)
        assert queue.take(3) == alike[:3] and queue.take(3) == alike[3:]
        gone = pending(8)
        gone.reply.cancel()
        queue.put(gone)
        assert queue.take(3) == []
        assert ALIKE > 1

    asyncio.run(main())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_another_host_needs_a_key_or_a_word(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARKEN_SERVE_KEY", raising=False)
    with pytest.raises(ConfigError, match="HARKEN_SERVE_KEY"):
        Access(host)
    Access(host, open=True)
    monkeypatch.setenv("HARKEN_SERVE_KEY", "open-sesame")
    Access(host)
    for local in ("127.0.0.1", "localhost", "::1"):
        Access(local)


def test_the_host_header_is_checked_on_every_address() -> None:
    one = Served(PitchModel(), access=Access("0.0.0.0", hosts=["proxy.example"], open=True))
    for host in ("evil.example", "127.0.0.1.evil.example", "[::bad", "10.9.8.7", ""):
        assert post(one.url, GOOD, Host=host)[0] in (400, 403), host
    for host in ("127.0.0.1", "localhost:8000", "proxy.example", "PROXY.example:80"):
        assert post(one.url, GOOD, Host=host)[0] == 200, host
    one.close()


class Patient(PitchModel):
    """Says how many were asked after the client had gone."""

    asked: Sequence[str] = ()

    def _reply(self, prompt: Prompt, sampling: Sampling) -> Reply:
        self.asked = [*self.asked, prompt.question]
        return super()._reply(prompt, sampling)


def test_a_client_that_has_gone_is_not_answered() -> None:
    model = Patient()
    one = Served(model)
    model.gate.clear()
    first = threading.Thread(target=post, args=(one.url, GOOD))
    first.start()
    time.sleep(0.3)
    body = json.dumps({**GOOD, "messages": user(text("gone"))}).encode()
    sock, head = lines(one.url, f"Content-Length: {len(body)}\r\n")
    sock.sendall(head + body)
    time.sleep(0.5)
    sock.close()
    time.sleep(0.5)
    model.gate.set()
    first.join(20)
    assert post(one.url, GOOD)[0] == 200
    one.close()
    assert "gone" not in model.asked and len(model.asked) == 2


def test_a_clip_block_counts_before_it_is_decoded(served: Served, tmp_path: Path) -> None:
    blocks = [block(tone(tmp_path, 400))] * 4 + [
        {"type": "input_audio", "input_audio": {"data": "%%%", "format": "wav"}}
    ]
    status, told = post(served.url, {**GOOD, "messages": user(*blocks)})
    assert status == 400 and "4 clips at most" in told["error"]["message"]
