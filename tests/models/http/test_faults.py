"""The fault run: everything goes wrong by plan, the client is killed, and nothing is lost.

``python -m pytest -s tests/models/test_faults.py`` prints the table of faults and outcomes.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from test_client import tone

from fake_server import FAULTS, Plan, Standin
from harken.errors import TooManyFailures
from harken.evaluate import run as evaluate
from harken.item import Item
from harken.models.base import Prompt, Sampling
from harken.models.load import load_model
from harken.shards.jsonl import write_jsonl

REASONS = {
    "429": "http 429",
    "500": "http 500",
    "hang": "timeout",
    "cut": "cut",
    "half": "cut",
    "malformed": "malformed JSON",
    "schema": "wrong schema",
    "empty": "empty reply",
}


def quick(server: Standin, **options: Any) -> Any:
    options = {"timeout_s": 1.0, "retries": 3, "backoff_s": 0.005, **options}
    return load_model(f"openai:m@{server.url}", **options)


def test_every_request_ends_answered_or_failed_with_its_reason(tmp_path: Path) -> None:
    plan = Plan(seed=7, share=0.25, lasting=0.1)
    clips = [tone(tmp_path, 200 + 50 * i) for i in range(8)]
    prompts = [Prompt((clips[i % 8], f"question {i}"), f"question {i}") for i in range(300)]
    with Standin(plan, keep=False) as server:
        own = quick(server, replies=tmp_path / "replies")
        replies = own.generate(prompts, Sampling())
        seen, report = server.seen, own.report()
        lasting = Counter(seen.lasting.values())
        failed: Counter[str] = Counter()
        for prompt, reply in zip(prompts, replies, strict=True):
            if reply.stop == "failed":
                kind = str(reply.error).split(":")[0]
                failed[kind] += 1
                expected = seen.lasting.get(prompt.question)
                assert expected is None or REASONS[expected] == kind, reply
                silent = kind == "empty reply" and "after 3 attempts" in str(reply.error)
                assert silent or "after 4 attempts" in str(reply.error)
            else:
                assert (reply.text, reply.error) == ("A", None)
                assert prompt.question not in seen.lasting
        show(seen.did, lasting, report, failed)
        assert set(seen.did) == {*FAULTS, "answer"} and set(lasting) == set(FAULTS)
        for kind in set(REASONS.values()):
            faults = sum(seen.did[fault] for fault in FAULTS if REASONS[fault] == kind)
            assert report["faults"][kind] == faults, "every fault is seen as what it was"
        missing = [p.question for p, r in zip(prompts, replies, strict=True) if r.stop == "failed"]
        assert sum(failed.values()) == len(missing) >= sum(lasting.values()) > 0
        own.close()
        server.plan.share = server.plan.lasting = 0.0
        server.forget()
        again = quick(server, replies=tmp_path / "replies")
        assert all(reply.text == "A" for reply in again.generate(prompts, Sampling()))
        assert sorted(server.seen.tries) == sorted(missing), "a rerun asks what is missing, once"
        assert set(server.seen.tries.values()) == {1}
        again.close()


def show(
    did: Counter[str], lasting: Counter[str], report: dict[str, Any], failed: Counter[str]
) -> None:
    print(f"\n{'the server did':16}{'attempts':>9}{'lasting':>9}   what the client called it")
    for fault in (*FAULTS, "answer"):
        kind = REASONS.get(fault, "answer")
        ends = f"{failed[kind]} requests failed with it" if failed[kind] else ""
        print(f"{fault:16}{did[fault]:9}{lasting[fault]:9}   {kind:16}{ends}")
    print(f"{sum(did.values())} attempts, {report['in_flight']} in flight; {report['ends']}")


VICTIM = """
import sys
from harken import progress
from harken.models.load import load_model
from harken.models.base import Prompt, Sampling
from harken.shards.jsonl import write_jsonl
progress.quiet()
url, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
model = load_model(f"openai:m@{url}", backoff_s=0.005, retries=8, replies=folder, concurrency=8)
prompts = [Prompt((f"question {i}",), "q") for i in range(count)]
print("begin", flush=True)
replies = model.generate(prompts, Sampling())
assert all(reply.text == "A" for reply in replies), [r for r in replies if r.error][:3]
model.close()
print("done", flush=True)
"""


@pytest.mark.slow
def test_a_kill_anywhere_loses_no_reply_that_had_arrived(tmp_path: Path) -> None:
    count, kills, draw = 1200, 0, np.random.default_rng(5)
    rounds: list[int] = []
    plan = Plan(seed=1, share=0.1, faults=("429", "500", "cut", "malformed"), delay_s=0.002)
    prompts = [Prompt((f"question {i}",), "q") for i in range(count)]
    with Standin(plan, keep=False) as server:
        own = quick(server)
        names = {own._key(prompt, Sampling()): str(prompt.parts[0]) for prompt in prompts}
        while True:
            kept = _kept(tmp_path, names)
            before, sent = Counter(server.seen.tries), Counter(server.seen.answered)
            command = [sys.executable, "-c", VICTIM, server.url, str(tmp_path), str(count)]
            client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert client.stdout and client.stdout.readline() == "begin\n"
            while sum(server.seen.answered.values()) < sum(sent.values()) + 20:
                assert client.poll() is None or kills == 5
                if client.poll() is not None:
                    break
                time.sleep(0.001)
            time.sleep(float(draw.uniform(0.0, 0.1)))
            # The last round is left to end by itself; the others are killed in the thick of it.
            if kills < 5 and client.poll() is None:
                client.send_signal(signal.SIGKILL)
                kills += client.wait() == -signal.SIGKILL
            else:
                assert client.wait() == 0 and client.stdout.read() == "done\n"
            client.stdout.close()
            asked = {key for key, n in server.seen.tries.items() if n > before[key]}
            assert not asked & kept, "nothing that was kept is asked, and paid, again"
            arrived = _kept(tmp_path, names) - kept
            rounds.append(len(arrived))
            answered = {key for key, n in server.seen.answered.items() if n > sent[key]}
            assert len(answered - arrived) <= 8, "only what was under way is lost"
            if client.returncode == 0:
                break
    sent_again = sum(server.seen.answered.values()) - count
    print(f"\n{kills} kills; kept, round by round: {rounds}; answered twice: {sent_again}")
    assert kills == 5 and min(rounds) > 0 and sum(rounds) == count
    assert len(_kept(tmp_path, names)) == count
    assert sum(server.seen.answered.values()) <= count + kills * 8


def _kept(folder: Path, names: dict[str, str]) -> set[str]:
    """The questions whose replies are in the file."""
    path = folder / "replies.jsonl"
    if not path.is_file():
        return set()
    lines = path.read_bytes().split(b"\n")[:-1]
    found = {json.loads(line)["key"] for line in lines}
    assert len(found) == len(lines), "no reply is kept twice"
    return {names[key] for key in found}


def items(folder: Path, count: int) -> list[Item]:
    return [
        Item(
            question=f"What is it, number {i}?",
            answer=("dog", "cat")[i % 2],
            choices=("dog", "cat"),
            clips=(tone(folder, 200 + 10 * i, seconds=0.1),),
            recordings=(f"r{i}",),
        )
        for i in range(count)
    ]


def test_an_evaluation_resumes_where_requests_failed(tmp_path: Path) -> None:
    questions = items(tmp_path, 24)
    with Standin(Plan(seed=2, lasting=0.3, faults=("500", "empty")), keep=False) as server:
        with pytest.raises(TooManyFailures):
            evaluate.run(quick(server, retries=1), questions, tmp_path / "run", max_failed=0.0)
        found = json.loads((tmp_path / "run" / "results.json").read_text())
        cell = found["overall"]["cells"]["audio"]
        bad = cell["outcomes"]["failed"]
        assert 0 < bad < 24 and cell["outcomes"]["correct"] + cell["outcomes"]["wrong"] == 24 - bad
        assert not (tmp_path / "run" / "done.json").exists()
        lasting, server.plan.lasting = set(server.seen.lasting), 0.0
        server.forget()
        found = evaluate.run(quick(server), questions, tmp_path / "run", max_failed=0.0)
        assert set(server.seen.tries) == lasting
        assert found["overall"]["cells"]["audio"]["outcomes"]["failed"] == 0
        server.forget()
        # The same bytes as a run in which nothing ever failed.
        evaluate.run(quick(server), questions, tmp_path / "smooth")
    for name in ("records.jsonl", "results.json", "done.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "smooth" / name).read_bytes()


@pytest.mark.slow
def test_the_command_resumes_after_kills_and_failures(tmp_path: Path) -> None:
    """`harken eval` over HTTP: killed, then run with lasting faults, then with none."""
    questions = items(tmp_path, 40)
    write_jsonl(questions, tmp_path / "items.jsonl")
    plan = Plan(seed=4, delay_s=0.02, lasting=0.1, faults=("500", "cut", "empty"))
    with Standin(plan, keep=False) as server:

        def verb(out: str) -> list[str]:
            spec = f"openai:m@{server.url}?backoff_s=0.001&retries=2&concurrency=4"
            code = "from harken.cli.main import main; main()"
            where = [str(tmp_path / "items.jsonl"), "-o", str(tmp_path / out), "--split", ""]
            return [sys.executable, "-c", code, "eval", spec, *where, "--json"]

        killed = subprocess.Popen(verb("run"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while sum(server.seen.answered.values()) < 50:
            assert killed.poll() is None, killed.communicate()
            time.sleep(0.005)
        killed.kill()
        killed.communicate()
        before = Counter(server.seen.answered)
        failed = subprocess.run(verb("run"), capture_output=True, text=True)
        assert failed.returncode == 7 and "requests failed" in failed.stderr, failed.stderr
        assert sum((server.seen.answered - before).values()) <= 160 - len(before) + 4
        plan.lasting = 0.0
        lasting = set(server.seen.lasting)
        server.forget()
        ended = subprocess.run(verb("run"), capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        assert set(server.seen.tries) <= lasting
        smooth = subprocess.run(verb("smooth"), capture_output=True, text=True)
        assert smooth.returncode == 0 and json.loads(smooth.stdout) == json.loads(ended.stdout)
    for name in ("run.json", "records.jsonl", "results.json", "done.json"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "smooth" / name).read_bytes()
