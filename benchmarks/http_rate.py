"""Requests a second against a local server that answers at once: harken beside the openai client.

    python benchmarks/http_rate.py            # prints a table; about a minute

Each request carries one clip of 10 s (16 kHz, 16 bit, base64 WAV inline: 427 kB of JSON). The
server is a process of its own that reads every byte and answers a fixed completion. Peers' way,
the baseline: the official `openai` async client with one shared session, its messages made
beforehand (so that it pays for no audio at all), as many in flight. harken's figure is
`Model.generate` on prompts with clips: keys, order, pacing and reading of replies included; `kept`
adds writing every reply to disk, `cold` the decoding and encoding of every clip, once.
Medians of 3 rounds, the ways taking turns within a round.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harken import progress
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import clear_cache, write_wav
from harken.audio.probe import file_sha256
from harken.models.base import Prompt, Sampling
from harken.models.load import load_model

SECONDS = 10.0
_REPLY = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "standin",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "A"},
            }
        ],
        "usage": {"prompt_tokens": 250, "completion_tokens": 1, "total_tokens": 251},
    }
).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(_REPLY)).encode()
    + b"\r\n\r\n"
    + _REPLY
)


class Spent(NamedTuple):
    """Requests a second, and the client's processor time a request (which a busy machine keeps)."""

    rate: float
    cpu_ms: float


class Instant(asyncio.BufferedProtocol):
    """Reads a request to its last byte, then answers."""

    seen = 0

    def __init__(self) -> None:
        self._buffer = bytearray(1 << 20)
        self._view = memoryview(self._buffer)
        self._head = b""
        self._left = 0

    def connection_made(self, transport: Any) -> None:
        """Nothing is read yet."""
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """One buffer for everything that comes."""
        return self._view

    def buffer_updated(self, count: int) -> None:
        """Count down to the last byte."""
        if self._left:
            self._left -= count
        else:
            self._head += bytes(self._view[:count])
            head, found, body = self._head.partition(b"\r\n\r\n")
            if not found:
                return
            names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            self._left = int(names[b"content-length"]) - len(body)
            self._head = b""
        if self._left == 0:
            Instant.seen += 1
            self._transport.write(_ANSWER)


def serve(pipe: Connection) -> None:
    """The server process; says its port."""

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Instant, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def make_prompts(folder: Path, clips: int, count: int) -> list[Prompt]:
    """`count` prompts over `clips` noises of 10 s."""
    draw = np.random.default_rng(0)
    sounds = []
    for i in range(clips):
        path = folder / f"{i}.wav"
        wave = draw.normal(0, 0.1, int(SECONDS * RATE_HZ)).astype(np.float32)
        write_wav(path, wave, RATE_HZ)
        hash_ = file_sha256(str(path))
        sounds.append(Clip(path=str(path), duration_s=SECONDS, sha256=hash_))
    return [
        Prompt((sounds[i % clips], f"Question {i}: is this noise?"), "is this noise?")
        for i in range(count)
    ]


def by_openai(url: str, prompts: list[Prompt], flying: int) -> Spent:
    """The official client."""
    from openai import AsyncOpenAI

    data = {}
    for prompt in prompts:
        clip = prompt.clips[0]
        if clip not in data:
            data[clip] = base64.b64encode(Path(clip.path).read_bytes()).decode()
    bodies: list[Any] = [
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "input_audio",
                        "input_audio": {"data": data[prompt.clips[0]], "format": "wav"},
                    },
                    {"type": "text", "text": prompt.parts[1]},
                ],
            }
        ]
        for prompt in prompts
    ]

    async def main() -> Spent:
        async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            todo = iter(bodies)

            async def work() -> None:
                for messages in todo:
                    reply = await client.chat.completions.create(
                        model="standin", messages=messages, max_tokens=32, temperature=0
                    )
                    assert reply.choices[0].message.content == "A"

            begin, cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(work() for _ in range(flying)))
            return Spent(
                len(bodies) / (time.perf_counter() - begin),
                1e3 * (time.process_time() - cpu) / len(bodies),
            )

    return asyncio.run(main())


def by_harken(url: str, prompts: list[Prompt], flying: int, warm: bool, kept: bool) -> Spent:
    """Harken's model."""
    with tempfile.TemporaryDirectory() as folder:
        extra = {"replies": folder} if kept else {}
        model: Any = load_model(f"openai:standin@{url}", concurrency=flying, **extra)
        clear_cache()
        if warm:
            for prompt in prompts:
                model._encoder(prompt.clips[0])
        begin, cpu = time.perf_counter(), time.process_time()
        replies = model.generate(prompts, Sampling())
        spent = Spent(
            len(prompts) / (time.perf_counter() - begin),
            1e3 * (time.process_time() - cpu) / len(prompts),
        )
        assert all(reply.text == "A" for reply in replies), replies[0]
        model.close()
    return spent


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    asked.add_argument("--requests", type=int, default=6000)
    asked.add_argument("--clips", type=int, default=200)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--flying", type=int, default=64, help="most requests in flight")
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    progress.quiet()
    here, there = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}/v1"
    with tempfile.TemporaryDirectory() as folder:
        prompts = make_prompts(Path(folder), given.clips, given.requests)
        few = prompts[: max(given.clips, given.requests // 6)]
        ways: dict[str, Callable[[], Spent]] = {
            "openai AsyncOpenAI, messages ready": lambda: by_openai(url, few, given.flying),
            "harken": lambda: by_harken(url, prompts, given.flying, True, False),
            "harken, replies kept": lambda: by_harken(url, prompts, given.flying, True, True),
            "harken, kept, cold": lambda: by_harken(url, prompts, given.flying, False, True),
        }
        found: dict[str, list[Spent]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, way in ways.items():
                found[name].append(way())
    server.kill()
    medians = {
        name: Spent(*(statistics.median(values) for values in zip(*spent, strict=True)))
        for name, spent in found.items()
    }
    if given.json:
        print(json.dumps({"requests": given.requests, "clips": given.clips, "rates": found}))
        return
    base = next(iter(medians.values()))
    print(f"{given.requests} requests over {given.clips} clips of {SECONDS:g} s, medians")
    for name, (rate, cpu_ms) in medians.items():
        each = " ".join(f"{spent.rate:.0f}" for spent in found[name])
        times, leaner = rate / base.rate, base.cpu_ms / cpu_ms
        print(
            f"{name:36} {rate:6.0f} /s {times:5.1f} x   {cpu_ms:.2f} ms of processor each, "
            f"{leaner:4.1f} x less   ({each})"
        )


if __name__ == "__main__":
    main()
