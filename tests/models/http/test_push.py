"""Weights pushed to a server: what is sent, in which order, and what goes wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harken.errors import ModelError
from harken.models.http.push import WeightPush
from harken.models.http.settings import HttpSettings


class FakeVllm:
    """Answers as vLLM does, in plain text, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any], str]] = []
        self.status: dict[str, int] = {}
        self.body = b"Success: LoRA adapter added."
        self.headers: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                body = json.loads(raw or b"{}")  # a client that follows a redirect sends none
                key = self.headers.get("Authorization", "")
                outer.asked.append((self.path, body, key))
                self.send_response(outer.status.get(self.path, 200))
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def vllm() -> Iterator[FakeVllm]:
    one = FakeVllm()
    yield one
    one.server.shutdown()
    one.server.server_close()


def push(url: str) -> WeightPush:
    return WeightPush(HttpSettings("tuned", url, timeout_s=5.0))


@pytest.mark.parametrize("first", [200, 400, 404])
def test_an_adapter_replaces_the_last_one_under_its_name(vllm: FakeVllm, first: int) -> None:
    """The first time there is none to unload."""
    vllm.status["/v1/unload_lora_adapter"] = first
    push(vllm.url).load_adapter(Path("/runs/turn-000003"))
    assert [(path, body) for path, body, _ in vllm.asked] == [
        ("/v1/unload_lora_adapter", {"lora_name": "tuned"}),
        ("/v1/load_lora_adapter", {"lora_name": "tuned", "lora_path": "/runs/turn-000003"}),
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/load_lora_adapter", 400), ("/v1/load_lora_adapter", 404), ("/v1/load_lora_adapter", 500),
     ("/v1/unload_lora_adapter", 500), ("/v1/unload_lora_adapter", 401)],
)  # fmt: skip
def test_a_refusal_ends_with_the_servers_words_and_what_to_start(
    vllm: FakeVllm, path: str, status: int
) -> None:
    vllm.status[path] = status
    vllm.body = b'{"error": {"message": "Rank 512 is greater than max_lora_rank"}}'
    with pytest.raises(ModelError) as caught:
        push(vllm.url).load_adapter(Path("/runs/x"))
    assert "Rank 512" in caught.value.found and "--enable-lora" in caught.value.hint
    assert caught.value.where.endswith(path)


def test_the_key_is_sent_and_never_told(vllm: FakeVllm, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "sk-abcdefgh12345678"
    monkeypatch.setenv("HARKEN_API_KEY", key)
    vllm.status["/v1/load_lora_adapter"] = 403
    vllm.body = f"no access with {key}".encode()
    with pytest.raises(ModelError) as caught:
        push(vllm.url).load_adapter(Path("/runs/x"))
    assert {one[2] for one in vllm.asked} == {f"Bearer {key}"}
    assert key not in str(caught.value) and "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(vllm: FakeVllm, status: int) -> None:
    vllm.status["/v1/reload"] = status
    vllm.headers["Location"] = f"{vllm.url}/elsewhere"
    with pytest.raises(ModelError):
        push(vllm.url).reload("0" * 64)
    assert [path for path, _, _ in vllm.asked] == ["/v1/reload"]


@pytest.mark.parametrize("body", [b"", b"ok", b"[1]", b'{"tensors": 3}', b"{"])
def test_a_server_that_states_no_fingerprint_has_none(vllm: FakeVllm, body: bytes) -> None:
    vllm.body = body
    assert push(vllm.url).reload("0" * 64) == ""
