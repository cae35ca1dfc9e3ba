"""A model behind an HTTP address: what is sent, what is understood, how it is paced and paid."""

from __future__ import annotations

import base64
import io
import math
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harken.audio.probe import file_sha256

pytest.importorskip("aiohttp")

from fake_server import Plan, Standin
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load, write_wav
from harken.errors import ConfigError
from harken.models.base import Earlier, Prompt, PromptStyle, Sampling
from harken.models.http.rate_limit import AdaptiveConcurrency
from harken.models.http.settings import HttpSettings, read_target
from harken.models.http.wire import WireFault, choice_logprobs, read_answer, read_refusal
from harken.models.load import load_model

GREEDY = Sampling()


def model(server: Standin, **options: Any) -> Any:
    return load_model(f"openai:test-model@{server.url}", backoff_s=0.01, **options)


def tone(folder: Path, hertz: float, seconds: float = 0.25, hashed: bool = True) -> Clip:
    path = folder / f"{hertz:g}.wav"
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    write_wav(path, (0.5 * np.sin(2 * np.pi * hertz * t)).astype(np.float32), RATE_HZ)
    sha = file_sha256(str(path)) if hashed else None
    return Clip(path=str(path), duration_s=seconds, sha256=sha)


def words(i: int) -> Prompt:
    return Prompt((f"question {i}",), f"question {i}", item_id=str(i))


def chosen(style: PromptStyle | None = None) -> Prompt:
    return Prompt(
        ("which?\nA. dog\nB. cat",), "which?", ("dog", "cat"), (0, 1), style or PromptStyle()
    )


@pytest.mark.parametrize("block", ["input_audio", "audio_url"])
def test_two_clips_are_sent_in_order_between_the_texts(tmp_path: Path, block: str) -> None:
    low, high = tone(tmp_path, 300), tone(tmp_path, 3000)
    prompt = Prompt(("clip 1:", low, "clip 2:", high, 'which "one"?'), "which?", system="Be brief.")
    with Standin() as server:
        (reply,) = model(server, block=block).generate([prompt], GREEDY)
        (body,) = server.seen.bodies
    assert reply.text == "A" and reply.stop == "end" and reply.error is None
    assert body["model"] == "test-model" and body["temperature"] == 0
    assert body["max_tokens"] == GREEDY.max_tokens
    system, user = body["messages"]
    assert system == {"role": "system", "content": "Be brief."}
    kinds = [entry["type"] for entry in user["content"]]
    assert kinds == ["text", block, "text", block, "text"]
    assert user["content"][4]["text"] == 'which "one"?'
    for entry, clip in ((user["content"][1], low), (user["content"][3], high)):
        if block == "input_audio":
            assert entry["input_audio"]["format"] == "wav"
            data = entry["input_audio"]["data"]
        else:
            head, _, data = entry["audio_url"]["url"].partition(",")
            assert head == "data:audio/wav;base64"
        with wave.open(io.BytesIO(base64.b64decode(data, validate=True))) as sound:
            assert sound.getparams()[:3] == (1, 2, 16000)  # mono, 2 bytes, 16 kHz
            heard = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
        assert np.allclose(heard, load(clip), atol=1e-4)


def test_without_clips_the_message_is_plain_text() -> None:
    with Standin() as server:
        model(server).generate([words(1)], Sampling(temperature=0.7, seed=5, top_k=3))
        (body,) = server.seen.bodies
    assert body["messages"] == [{"role": "user", "content": "question 1"}]
    assert (body["temperature"], body["seed"], body["top_k"]) == (0.7, 5, 3)
    assert "logprobs" not in body


def test_earlier_turns_are_messages_of_their_own(tmp_path: Path) -> None:
    """And a text of the user is no reply: the kept reply to one is not the reply to the other."""
    clip = tone(tmp_path, 300)
    turns = ("what?", Earlier('a "dog"'), clip, "and this?", Earlier("rain"), "sure?")
    said = tuple(str(part) if isinstance(part, Earlier) else part for part in turns)
    with Standin() as server:
        asked = model(server)
        for parts in (turns, said):
            asked.generate([Prompt(parts, "sure?")], GREEDY)
        first, second = (body["messages"] for body in server.seen.bodies)
    assert [message["role"] for message in first] == ["user", "assistant"] * 2 + ["user"]
    contents = [message["content"] for message in first]
    assert contents[0] == "what?" and contents[1] == 'a "dog"' and contents[3:] == ["rain", "sure?"]
    assert [block["type"] for block in contents[2]] == ["input_audio", "text"]
    assert [message["role"] for message in second] == ["user"]
    assert len({asked._key(Prompt(parts, "sure?"), GREEDY) for parts in (turns, said)}) == 2


def test_each_clip_is_encoded_once_and_each_request_sent_once(tmp_path: Path) -> None:
    clips = [tone(tmp_path, 200 + 100 * i) for i in range(3)]
    prompts = [Prompt((clips[i % 3], f"question {i // 3}"), "q") for i in range(30)]
    with Standin() as server:
        own = model(server)
        replies = own.generate([*prompts, *prompts], GREEDY)
        assert len(server.seen.bodies) == 30
        assert own.report()["clips_encoded"] == 3
    assert len(replies) == 60 and all(reply.text == "A" for reply in replies)


def test_the_longest_go_first(tmp_path: Path) -> None:
    clips = [tone(tmp_path, 200 + 100 * i, seconds=0.1 * (i + 1)) for i in range(6)]
    prompts = [Prompt((clip, f"question {i}"), "q") for i, clip in enumerate(clips)]
    with Standin() as server:
        model(server, concurrency=1).generate(prompts, GREEDY)
        order = [body["messages"][0]["content"][1]["text"][-1] for body in server.seen.bodies]
    assert order == list("543210")


def test_probabilities_of_choices_come_from_the_first_token() -> None:
    with Standin(Plan(logprobs=True)) as server:
        (reply,) = model(server).generate([chosen()], GREEDY)
        assert server.seen.bodies[0]["top_logprobs"] == 20
    a, b = math.exp(-2.0), math.exp(-0.2)
    assert reply.logprobs == pytest.approx((math.log(a / (a + b)), math.log(b / (a + b))))


def test_a_token_that_is_no_letter_gives_no_probabilities() -> None:
    assert choice_logprobs(chosen(), (("The", -0.1), ("A", -4.0))) is None
    assert choice_logprobs(chosen(PromptStyle(letters=False)), (("A", -0.1),)) is None
    assert choice_logprobs(chosen(), ()) is None
    # B is not listed: it gets the least listed probability, and the letters still sum to one.
    found = choice_logprobs(chosen(), (("A", math.log(0.8)), ("x", math.log(0.1))))
    assert found == pytest.approx((math.log(8 / 9), math.log(1 / 9)))


def test_a_server_without_log_probabilities_is_still_used() -> None:
    with Standin(Plan(refuse_logprobs=True)) as server:
        own = model(server, concurrency=1)
        replies = own.generate([chosen(), replace(chosen(), parts=("other\nA. x\nB. y",))], GREEDY)
        assert [reply.text for reply in replies] == ["A", "A"]
        assert server.seen.did == {"400": 1, "answer": 2}
        assert "log-probabilities are not requested" in own.report()["notes"][0]


def test_requests_in_flight_at_the_first_refusal_are_retried() -> None:
    with Standin(Plan(refuse_logprobs=True, delay_s=0.05)) as server:
        own = model(server, concurrency=8)
        asked = [replace(chosen(), parts=(f"{n}\nA. x\nB. y",)) for n in range(8)]
        assert [reply.text for reply in own.generate(asked, GREEDY)] == ["A"] * 8
        assert len(own.report()["notes"]) == 1
        own.close()


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", "malformed JSON"),
        (b"<html>", "malformed JSON"),
        (b"[" * 100_000, "malformed JSON"),
        (b"null", "wrong schema"),
        (b'{"choices": []}', "wrong schema"),
        (b'{"choices": [{"message": {"content": 7}}]}', "wrong schema"),
        (b'{"choices": [{"message": {"content": [{"type": "text"}]}}]}', "wrong schema"),
        (b'{"error": {"message": "overloaded"}}', "error in a 200"),
        (b'{"choices": [{"message": {"content": null}}]}', "empty reply"),
        (b'{"choices": [{"message": {"content": " \\n"}}]}', "empty reply"),
        (
            b'{"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}',
            "filtered",
        ),
    ],
)
def test_every_kind_of_invalid_response_has_its_name(raw: bytes, kind: str) -> None:
    with pytest.raises(WireFault) as fault:
        read_answer(raw)
    assert fault.value.kind == kind


def test_answers_are_read_in_all_their_shapes() -> None:
    body = (
        b'{"choices": [{"message": {"content": [{"type": "text", "text": "B"}],'
        b'"reasoning_content": "why"}, "finish_reason": "length"}],'
        b'"usage": {"prompt_tokens": 3, "completion_tokens": 4}, "system_fingerprint": "f"}'
    )
    answer = read_answer(body)
    assert (answer.text, answer.stop, answer.explanation) == ("B", "length", "why")
    assert (answer.tokens_in, answer.tokens_out, answer.fingerprint) == (3, 4, "f")
    half = b'{"choices": [{"message": {"content": "\\ud83d B"}}]}'
    assert read_answer(half).text == "? B"
    refusal = b'{"choices": [{"message": {"content": null, "refusal": "I cannot tell."}}]}'
    assert read_answer(refusal).text == "I cannot tell."


@pytest.mark.parametrize(
    ("status", "raw", "retryable", "overloaded", "fatal"),
    [
        (429, b"{}", True, True, False),
        (429, b'{"error": {"code": "insufficient_quota"}}', False, True, True),
        (500, b"boom", True, False, False),
        (503, b"", True, True, False),
        (400, b'{"error": {"message": "too long"}}', False, False, False),
        (401, b"{}", False, False, True),
        (404, b'"no such model"', False, False, True),
        (302, b"", False, False, True),
    ],
)
def test_statuses_mean_what_they_say(
    status: int, raw: bytes, retryable: bool, overloaded: bool, fatal: bool
) -> None:
    fault = read_refusal(status, raw)
    assert (fault.retryable, fault.overloaded, fault.fatal) == (retryable, overloaded, fatal)


def test_concurrency_adapts_to_the_server() -> None:
    with Standin(Plan(capacity=4, delay_s=0.005)) as server:
        own = model(server, retries=20)
        replies = own.generate([words(i) for i in range(300)], GREEDY)
        refused, most = server.seen.did["429"], server.seen.most_open
    assert all(reply.text == "A" for reply in replies)
    lowest, highest = own.report()["in_flight"]
    assert lowest < 8 <= highest
    assert most <= 24, "slow start may pass the capacity once, not run away"
    assert refused < 150


def test_the_limit_is_halved_once_for_requests_in_flight_together() -> None:
    import asyncio

    async def act() -> list[float]:
        pace = AdaptiveConcurrency(HttpSettings("m", "http://h/v1"))
        sent = [await pace.enter() for _ in range(8)]
        await asyncio.sleep(0.01)
        limits = [pace.limit]
        for at in sent:  # eight refusals of requests that flew together
            pace.overloaded(at)
            pace.leave()
        limits.append(pace.limit)
        for _ in range(4):
            pace.answered()
        return [*limits, pace.limit]

    start, cut, later = asyncio.run(act())
    assert (start, cut) == (8.0, 4.0)
    assert 4.9 < later < 5.0  # one more for a whole round of answers


def test_a_requested_wait_is_observed() -> None:
    import time

    plan = Plan(capacity=1, retry_after="0.3", delay_s=0.01)
    with Standin(plan) as server:
        own = model(server, concurrency=2)
        begin = time.monotonic()
        replies = own.generate([words(0), words(1)], GREEDY)
        assert time.monotonic() - begin > 0.3
        assert [reply.text for reply in replies] == ["A", "A"]
    with Standin(replace(plan, retry_after="7200")) as server:
        replies = model(server, concurrency=2).generate([words(0), words(1)], GREEDY)
        assert sum(reply.stop == "failed" for reply in replies) == 1
        assert any("asks to wait 7200 s" in (reply.error or "") for reply in replies)


def test_budgets_stop_requests_with_a_reason() -> None:
    prompts = [words(i) for i in range(40)]
    with Standin() as server:
        replies = model(server, max_requests=7).generate(prompts, GREEDY)
        assert server.seen.did == {"answer": 7}
        failed = [reply for reply in replies if reply.stop == "failed"]
        assert len(failed) == 33 and failed[0].error == "budget: 7 requests are sent"
    with Standin() as server:  # 100 tokens each
        replies = model(server, max_tokens=1050).generate(prompts, GREEDY)
        assert server.seen.did == {"answer": 10}
    with Standin() as server:  # 90 tokens at 1 and 10 at 9 a million: 0.00018 each
        own = model(server, max_cost=0.001, price_in=1.0, price_out=9.0)
        own.generate(prompts, GREEDY)
        assert server.seen.did == {"answer": 5}
        assert own.report()["cost"] == pytest.approx(0.0009)


def test_a_rate_cap_holds() -> None:
    import time

    with Standin() as server:
        own = model(server, rpm=60 * 50)
        begin = time.monotonic()
        own.generate([words(i) for i in range(26)], GREEDY)
        assert time.monotonic() - begin >= 25 / 50


def test_an_unreachable_server_is_given_up_soon_with_a_reason() -> None:
    with Standin() as server:
        url = server.url
    own: Any = load_model(f"openai:m@{url}", backoff_s=0.001, give_up_after=5, retries=3)
    replies = own.generate([words(i) for i in range(500)], GREEDY)
    assert all(reply.stop == "failed" and "reach" in (reply.error or "") for reply in replies)
    assert own.report()["requests"] < 200


def test_the_key_goes_to_the_server_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HARKEN_API_KEY", "sk-very-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-you")
    with Standin(reply="your key is sk-very-secret") as server:
        own = model(server, replies=tmp_path, retries=0)
        (reply,) = own.generate([words(1)], GREEDY)
        assert server.seen.headers[0]["authorization"] == "Bearer sk-very-secret"
        own.close()
    shown = f"{reply} {own.report()} {own.settings} {own.identity()} {vars(own)}"
    assert "sk-very-secret" not in shown and "sk-not-for-you" not in shown
    assert "sk-very-secret" not in (tmp_path / "replies.jsonl").read_text()
    official = HttpSettings("m", "https://api.openai.com/v1")
    assert official.key_name == "OPENAI_API_KEY"
    assert HttpSettings("m", "https://api.openai.com.evil.org/v1").key_name == "HARKEN_API_KEY"


def test_broken_audio_fails_alone(tmp_path: Path) -> None:
    good = tone(tmp_path, 440)
    (tmp_path / "bad.wav").write_bytes(b"RIFF nothing")
    bad = Clip(path=str(tmp_path / "bad.wav"), duration_s=1.0, sha256="0" * 64)
    gone = Clip(path=str(tmp_path / "gone.wav"), duration_s=1.0)
    with Standin() as server:
        prompts = [Prompt((clip, "q 1"), "q") for clip in (good, bad, gone)]
        replies = model(server).generate(prompts, GREEDY)
        assert server.seen.did == {"answer": 1}
    assert [reply.stop for reply in replies] == ["end", "failed", "failed"]
    assert "hash-mismatch" in (replies[1].error or "") and "missing" in (replies[2].error or "")


def test_settings_are_read_from_the_name_strictly() -> None:
    found = read_target(
        "org/m@v1@http://h:1/v1?block=audio_url&rpm=60&letters=false", {"max_clips": 2}
    )
    assert (found.model, found.url) == ("org/m@v1", "http://h:1/v1")
    assert (found.block, found.rpm, found.letters, found.max_clips) == ("audio_url", 60.0, False, 2)
    assert found.endpoint == "http://h:1/v1/chat/completions"
    for wrong in (
        "m",
        "m@ftp://h/v1",
        "m@http://u:p@h/v1",
        "m@http://h/v1?rmp=3",
        "m@http://h/v1?rpm=fast",
        "m@http://h/v1?concurrency=0",
        "m@http://h/v1?block=image",
        "m@http://h/v1?max_cost=1",
    ):
        with pytest.raises(ConfigError):
            read_target(wrong, {})
    with pytest.raises(ConfigError, match="concurrency"):
        read_target("m@http://h/v1", {"concurency": 3})


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "2.5"}, 2.5, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5, 1.5),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 1e10, 1e12),
    ],
)
def test_waits_are_read_as_numbers_and_dates(
    headers: dict[str, str], low: float, high: float
) -> None:
    from harken.models.http.pool import _retry_after

    found = _retry_after(headers)
    assert found is not None and low <= found <= high


@pytest.mark.parametrize("text", ["", "soon", "0", "-3", "nan", "inf", "Sat, 01 Jan 2000 00:00:00"])
def test_waits_that_say_nothing_are_none(text: str) -> None:
    from harken.models.http.pool import _retry_after

    assert _retry_after({"retry-after": text}) is None
