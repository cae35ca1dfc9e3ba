"""Replies that were paid for are never lost and never mistaken for others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from test_client import tone, words

from fake_server import Plan, Standin
from harken.audio.clip import RATE_HZ, Clip, Part, silence
from harken.audio.clip import ScenePlan as Scene
from harken.audio.load import write_wav
from harken.models.base import Prompt, Sampling
from harken.models.load import load_model
from harken.models.reply_store import ReplyStore


def test_what_is_kept_is_found_again_and_a_torn_line_is_not(tmp_path: Path) -> None:
    store = ReplyStore(tmp_path)
    for i in range(5):
        store.add(f"k{i}", {"text": f"é\n{i}"})
    store.sync()
    store.close()
    path = tmp_path / "replies.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for cut in range(len(whole) - len(lines[-1]), len(whole)):
        path.write_bytes(whole[:cut])
        store = ReplyStore(tmp_path)
        assert len(store) == 4 and store.get("k3") == {"text": "é\n3"} and store.damaged == 0
        store.add("k4", {"text": "again"})
        store.close()
        assert len(path.read_bytes().splitlines()) == 5
    path.write_bytes(b"".join([lines[0], b"\x00\xff{\n", b"7\n", *lines[2:]]))
    store = ReplyStore(tmp_path)
    assert len(store) == 4 and store.damaged == 2 and store.get("k1") is None
    store.close()


def keys(prompts: list[Prompt], sampling: Sampling = Sampling(), **options: Any) -> list[str]:  # noqa: B008
    own: Any = load_model("openai:m@http://127.0.0.1:1/v1", **options)
    return [own._key(prompt, sampling) for prompt in prompts]


def test_a_key_covers_all_that_determines_a_reply(tmp_path: Path) -> None:
    clip, other = tone(tmp_path, 300), tone(tmp_path, 500)
    base = Prompt((clip, "q"), "q")
    scene = Clip(kind="plan", plan=Scene((Part(clip), Part(other, at_s=0.1)), 0.5))
    louder = Clip(kind="plan", plan=Scene((Part(clip), Part(other, at_s=0.1, gain_db=3)), 0.5))
    prompts = [
        base,
        Prompt((other, "q"), "q"),
        Prompt((silence(0.25), "q"), "q"),
        Prompt(("q",), "q"),
        Prompt((clip, "q?"), "q"),
        Prompt(("q", clip), "q"),
        Prompt((clip, clip, "q"), "q"),
        replace(base, system="s"),
        replace(base, choices=("a", "b")),
        Prompt((replace(clip, duration_s=0.2), "q"), "q"),
        Prompt((scene, "q"), "q"),
        Prompt((louder, "q"), "q"),
    ]
    found = keys(prompts)
    found += keys([base], Sampling(max_tokens=5)) + keys([base], Sampling(temperature=1.0))
    found += keys([base], Sampling(temperature=1.0, seed=1))
    found += keys([base], revision="2") + keys([base], block="audio_url")
    assert len(set(found)) == len(found)
    assert keys([base]) == keys([replace(base, item_id="x", question="other")]) == found[:1]


def test_a_path_is_no_content(tmp_path: Path) -> None:
    """Clips whose bytes are not known by hash are keyed by their samples, wherever they lie."""
    clip = tone(tmp_path, 300, hashed=False)
    (before,) = keys([Prompt((clip, "q"), "q")])
    (moved,) = keys([Prompt((replace(clip, path=str(_copy(clip, tmp_path))), "q"), "q")])
    write_wav(clip.path, np.zeros(4000, np.float32), RATE_HZ)
    (after,) = keys([Prompt((clip, "q"), "q")])
    assert before == moved != after


def _copy(clip: Clip, folder: Path) -> Path:
    to = folder / "copy.wav"
    to.write_bytes(Path(clip.path).read_bytes())
    return to


def test_a_rerun_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    prompts = [words(i) for i in range(60)]
    with Standin(Plan(seed=3, lasting=0.2, faults=("500", "empty", "schema"))) as server:
        own: Any = load_model(
            f"openai:m@{server.url}", backoff_s=0.001, retries=1, replies=tmp_path
        )
        first = own.generate(prompts, Sampling())
        missing = {p.question for p, r in zip(prompts, first, strict=True) if r.stop == "failed"}
        assert set(server.seen.lasting) == missing and 5 < len(missing) < 25
        own.close()
        server.plan.lasting = 0.0
        server.forget()
        own = load_model(f"openai:m@{server.url}", backoff_s=0.001, replies=tmp_path)
        second = own.generate(prompts, Sampling())
        assert set(server.seen.tries) == missing
        server.forget()
        third = own.generate(prompts, Sampling())
        assert not server.seen.tries and own.report()["ends"]["kept before"] == 60 + 60 - len(
            missing
        )
        own.close()
    assert all(reply.text == "A" for reply in second) and third == second


def test_a_full_disk_stops_the_spending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Standin() as server:
        own: Any = load_model(f"openai:m@{server.url}", replies=tmp_path, concurrency=2)

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(own._store, "add", full)
        replies = own.generate([words(i) for i in range(50)], Sampling())
        assert sum(server.seen.did.values()) <= 4
        asked = sum(server.seen.did.values())
        again = own.generate([words(i) for i in range(50)], Sampling())
        assert sum(server.seen.did.values()) == asked
    assert "No space left" in (replies[-1].error or replies[0].error or "")
    assert all(reply.stop == "failed" for reply in again)
