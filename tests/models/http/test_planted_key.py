"""A server that puts the API key wherever it can: none of it is on disk or on the screen."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from harken.models.http.secret import Secret
from harken.shards.jsonl import write_jsonl
from made_items import make, tone

pytest.importorskip("aiohttp")

KEY = "sk-proj-Zq3vX8mR_t41LkWb9Yp02sNdHc7"
SPLIT = [KEY[:12], KEY[12:24], KEY[24:]]


def answer(text: str = "B", **fields: Any) -> dict[str, Any]:
    token = {"token": "B", "logprob": -0.1, "top_logprobs": [{"token": "B", "logprob": -0.1}]}
    choice = {
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
        "logprobs": {"content": [token]},
    }
    return {"model": "m", "choices": [choice], **fields}


def within(path: str, value: Any) -> dict[str, Any]:
    """An answer with `value` at a place such as ``choices.0.finish_reason``."""
    found: Any = answer()
    here = found
    *steps, last = [int(one) if one.isdigit() else one for one in path.split(".")]
    for step in steps:
        here = here[step]
    here[last] = value
    return found  # type: ignore[no-any-return]


def alternatives(*tokens: str) -> list[dict[str, Any]]:
    listed = [{"token": t, "logprob": -1.0 - i} for i, t in enumerate(tokens)]
    return [{"token": "B", "logprob": -0.1, "top_logprobs": listed}]


Place = tuple[int, dict[str, str], Any]
"""Status, headers, and body (JSON-able, or text as it is)."""

BASE64 = base64.b64encode(KEY.encode()).decode()
PERCENT = "".join(f"%{ord(c):02x}" for c in KEY)
PLACES: dict[str, Place] = {
    "the reply": (200, {}, answer(f"B. Your key is {KEY}")),
    "the reply, in capitals": (200, {}, answer(f"B {KEY.upper()}")),
    "the reply, spaced": (200, {}, answer("B " + " ".join(KEY))),
    "the reply, base64": (200, {}, answer(f"B {BASE64}")),
    "the reasoning": (200, {}, within("choices.0.message.reasoning_content", f"hm {KEY[:20]}")),
    "finish_reason": (200, {}, within("choices.0.finish_reason", KEY)),
    "finish_reason of nothing": (
        200,
        {},
        answer("", choices=[{"message": {"content": ""}, "finish_reason": KEY}]),
    ),
    "the model's name": (200, {}, answer(model=f"m/{KEY}")),
    "the model's name, cut": (200, {}, answer(model="m" * 80 + KEY)),
    "the fingerprint": (200, {}, answer(system_fingerprint=quote(KEY, safe=""))),
    "model and fingerprint": (200, {}, answer(model=KEY[:17], system_fingerprint=KEY[17:])),
    "a token": (200, {}, within("choices.0.logprobs.content", alternatives("B", KEY))),
    "tokens, split": (200, {}, within("choices.0.logprobs.content", alternatives("B", *SPLIT))),
    "bytes of a token": (200, {}, within("choices.0.logprobs.content.0.bytes", list(KEY.encode()))),
    "usage": (200, {}, answer(usage={"prompt_tokens": KEY, "completion_tokens": 3, KEY: 1})),
    "the id": (200, {}, answer(id=f"chatcmpl-{KEY}", object=KEY)),
    "a header": (200, {"X-Request-Id": KEY, "Set-Cookie": f"session={KEY}"}, answer()),
    "an error in a 200": (200, {}, {"error": {"message": f"bad key {KEY}"}}),
    "a field that is no list": (200, {}, {"choices": {KEY: BASE64}}),
    "what is no JSON": (200, {}, "<html>" + "x" * 270 + KEY),  # cut within the key
    "a stream": (200, {"Content-Type": "text/event-stream"}, f"data: {KEY}\n\ndata: [DONE]\n"),
    "an error": (400, {}, {"error": {"message": f"Incorrect API key provided: {KEY}"}}),
    "an error, masked": (400, {}, {"error": {"message": f"{KEY[:10]}****{KEY[-14:]}"}}),
    "an error, encoded": (422, {}, {"detail": [{"input": PERCENT}]}),
    "an error about logprobs": (400, {}, {"error": {"message": f"logprobs not for {KEY}"}}),
    "an error's code": (400, {}, {"error": {"message": "no", "code": KEY, "param": KEY}}),
    "a plain error": (400, {}, f"Unauthorized: Bearer {KEY}"),
    "a wait": (429, {"Retry-After": KEY}, {"error": {"message": KEY.lower()}}),
    "a redirect": (307, {"Location": f"http://127.0.0.1:9/{KEY}"}, f"moved to {KEY}"),
}


class Planting:
    """The server; answers request number n from `places` in turn."""

    def __init__(self, places: list[Place]) -> None:
        count = iter(range(10**9))

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                status, headers, body = places[next(count) % len(places)]
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def __enter__(self) -> Planting:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()


PIECES = [KEY[:14], KEY[8:20], KEY[-14:], BASE64[:16], BASE64[-16:-4], PERCENT[:36], " ".join(KEY)]


def holds(text: str) -> bool:
    """Whether `text` holds a part of the key, by the package's own eye and without it."""
    low = text.lower()
    return Secret(KEY).held_by(text) or any(piece.lower() in low for piece in PIECES)


def leaks(folder: Path) -> list[str]:
    """Files below `folder` that hold a part of the key in any form."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and holds(path.read_text("utf-8", errors="replace"))
    ]


def harken(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from harken.cli.main import main; main()", *words],
        env={**os.environ, "HARKEN_API_KEY": KEY},
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )


def evaluate(folder: Path, places: list[Place], items: int) -> str:
    """`eval`, `rescore` and `report` against a planting server; all that they printed."""
    clip = tone(folder / "a.wav", 300)
    write_jsonl([make(n, (clip,)) for n in range(items)], folder / "items.jsonl")
    with Planting(places) as server:
        model = f"openai:m@{server.url}?retries=1&backoff_s=0.001&concurrency=1&give_up_after=999"
        words = ["eval", model, "items.jsonl", "-o", "run", "--max-failed", "1", "--json"]
        done = harken(folder, *words, "--condition", "audio", "--condition", "none")
    assert done.returncode == 0 or places[0][0] == 307, done.stderr
    shown = done.stdout + done.stderr
    for words in (["rescore", "run"], ["report", "run", "-o", "page.html"], ["check", "run"]):
        done = harken(folder, *words)
        shown += done.stdout + done.stderr
    return shown


@pytest.mark.slow
def test_planted_in_every_place_of_the_replies_it_is_nowhere(tmp_path: Path) -> None:
    places = [place for name, place in PLACES.items() if name != "a redirect"]  # ends the run
    shown = evaluate(tmp_path, places, 40)
    assert leaks(tmp_path) == []
    assert not holds(shown), shown
    assert "API key" in (tmp_path / "run" / "log.jsonl").read_text()  # it is told, without it
    texts = [one["reply"] for one in map(json.loads, (tmp_path / "run/records.jsonl").open())]
    assert "B" in texts  # replies beside a planted field are kept


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_planted_in_one_place_it_is_nowhere(tmp_path: Path, name: str) -> None:
    shown = evaluate(tmp_path, [PLACES[name]], 4)
    assert leaks(tmp_path) == []
    assert not holds(shown), shown


@pytest.mark.parametrize("word", ["none", "EMPTY", "sk-xxx"])
def test_a_reply_may_hold_the_word_that_stands_for_no_key(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harken.models.base import Prompt, Sampling
    from harken.models.load import load_model

    monkeypatch.setenv("HARKEN_API_KEY", word)
    with Planting([(200, {}, answer(f"The answer is {word}"))]) as server:
        own = load_model(f"openai:m@{server.url}")
        (reply,) = own.generate([Prompt(("which?",), "which?")], Sampling())
        own.close()
    assert reply.text == f"The answer is {word}" and reply.error is None
