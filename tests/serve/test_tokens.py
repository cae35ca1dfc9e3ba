"""Tokens of served replies: counted, spelt and weighed as the model drew them; conversations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("torch")

from test_client import tone
from test_server import PitchModel, Served, block, post, text, user

from harken.models.base import Earlier, Prompt, Sampling
from harken.models.composed.model import ComposedModel
from harken.models.engine.batch import TokenizedPrompt
from harken.models.load import load_model
from harken.serve.tokens import Token, TokenizedReply, cut, spelling, token_reporter

WORDS = ['Which sound is it, the "dog bark" or the bell?', "dog", "a bell", "rain — falls"]


@pytest.fixture(scope="module")
def lalm() -> ComposedModel:
    return ComposedModel.preset("harken-mini", WORDS, seed=3)


@pytest.fixture(scope="module")
def served(lalm: ComposedModel) -> Iterator[Served]:
    one = Served(lalm, name="mini")
    yield one
    one.close()


def generate_with_tokens(
    lalm: ComposedModel, prompts: list[Prompt], sampling: Sampling, top: int | None
) -> list[TokenizedReply]:
    reporter = token_reporter(lalm)
    assert reporter is not None
    return reporter.generate_with_tokens(prompts, sampling, top)


@pytest.mark.parametrize("sampling", [Sampling(12), Sampling(12, 1.0, 0, 5), Sampling(12, 2.0, 9)])
def test_replies_are_those_of_generate_with_log_probabilities(
    lalm: ComposedModel, sampling: Sampling, tmp_path: Path
) -> None:
    clip = tone(tmp_path, 400)
    prompts = [Prompt((clip, words), words) for words in WORDS]
    found = generate_with_tokens(lalm, prompts, sampling, 3)
    assert [one.reply for one in found] == lalm.generate(prompts, sampling)
    for prompt, one in zip(prompts, found, strict=True):
        line = lalm.tokenize(prompt)
        assert one.prompt == len(line.ids) and one.audio == line.ids.count(lalm.tokenizer.audio) > 0
        assert one.tokens is not None and one.drawn is not None
        ended = one.reply.stop == "end"
        assert one.drawn == len(one.tokens) + ended
        assert "".join(token.text for token in one.tokens) == one.reply.text
        for token in one.tokens:
            logs = [value for _, value in token.top]
            assert logs == sorted(logs, reverse=True) and token.logprob <= logs[0] + 1e-5
            if sampling.temperature == 0:
                assert token.logprob == pytest.approx(logs[0], abs=1e-4)
                assert token.top[0][0] == token.text or token.text in ("", "\ufffd")


def test_the_token_that_ends_a_turn_is_counted_and_not_spelt() -> None:
    """Chat models have several such tokens."""
    learner = ComposedModel.preset("harken-mini", WORDS, seed=3)
    prompt, sampling = Prompt((WORDS[0],), WORDS[0]), Sampling(12, 2.0, 0, 5)
    whole = learner.sample({0: learner.tokenize(prompt)}, sampling, [_seed(prompt, 5)])[0].ids
    at = next(i for i in range(1, len(whole)) if whole[i] not in whole[:i])
    learner.tokenizer.ends |= {whole[at]}
    (one,) = generate_with_tokens(learner, [prompt], sampling, 0)
    assert (one.reply.stop, one.drawn) == ("end", at + 1)
    assert one.tokens is not None and len(one.tokens) == at
    assert "".join(token.text for token in one.tokens) == one.reply.text


def test_the_numbers_are_those_of_the_drawn_tokens(lalm: ComposedModel) -> None:
    prompt = Prompt((WORDS[0],), WORDS[0])
    (one,) = generate_with_tokens(lalm, [prompt], Sampling(8, 1.5, 0, 2), 0)
    line = lalm.tokenize(prompt)
    (said,) = lalm.sample({0: line}, Sampling(8, 1.5, 0, 2), [_seed(prompt, 2)]).values()
    kept = [i for i in said.ids if i != lalm.tokenizer.eos]
    whole = TokenizedPrompt((*line.ids, *kept), line.clip_numbers, line.audio_inputs, len(kept))
    total = float(lalm.engine.logprobs([whole])[0].detach())
    assert one.tokens is not None and one.tokens[0].top == ()
    # The placeholder for audio is never drawn, so its share is given to the others.
    assert sum(token.logprob for token in one.tokens) == pytest.approx(total, abs=0.05)
    assert sum(token.logprob for token in one.tokens) >= total - 1e-4


def _seed(prompt: Prompt, seed: int) -> list[int]:
    from harken.models.engine.generate import prompt_seed

    return [seed, prompt_seed(prompt)]


def test_a_letter_of_several_tokens_belongs_to_the_last_of_them(lalm: ComposedModel) -> None:
    ids = lalm.tokenizer.encode('bark — 🦊 "dog bark"')
    parts = spelling(lalm.tokenizer, ids)
    assert "".join(parts) == lalm.tokenizer.decode(ids) and "" in parts
    assert all("\ufffd" not in part for part in parts)
    tokens = [Token(part, -1.0) for part in ("ab", "", "cd", "e")]
    assert [t.text for t in cut(tokens, "abc")] == ["ab", "", "cd"] and cut(tokens, "") == ()


def test_a_prompt_that_fails_fails_alone(lalm: ComposedModel) -> None:
    long = "dog " * 5000
    good, bad = generate_with_tokens(
        lalm, [Prompt(("dog",), "dog"), Prompt((long,), long)], Sampling(2), None
    )
    assert good.tokens is None and good.drawn and bad.reply.stop == "failed"
    assert "tokens long" in (bad.reply.error or "") and bad.prompt is None


def test_the_official_client_reads_counts_and_probabilities(
    served: Served, lalm: ComposedModel, tmp_path: Path
) -> None:
    openai = pytest.importorskip("openai")
    low, high = tone(tmp_path, 300), tone(tmp_path, 900)
    prompt = Prompt((low, high, WORDS[0]), WORDS[0])
    with openai.OpenAI(base_url=served.url, api_key="none", max_retries=0) as client:

        def ask(**more: Any) -> Any:
            return client.chat.completions.create(
                model="mini", messages=user(block(low), block(high), text(WORDS[0])),
                max_tokens=6, temperature=0, **more,
            )  # fmt: skip

        plain = ask()
        (inside,) = generate_with_tokens(lalm, [prompt], Sampling(6), 4)
        assert plain.choices[0].message.content == inside.reply.text
        assert plain.choices[0].logprobs is None
        assert plain.usage.prompt_tokens == inside.prompt
        assert plain.usage.completion_tokens == inside.drawn
        assert plain.usage.total_tokens == inside.prompt + inside.drawn
        assert plain.usage.prompt_tokens_details.audio_tokens == inside.audio
        told = ask(logprobs=True, top_logprobs=4).choices[0].logprobs.content
        assert [one.token for one in told] == [token.text for token in inside.tokens or ()]
        for one, token in zip(told, inside.tokens or (), strict=True):
            assert one.logprob == pytest.approx(token.logprob, abs=1e-5)
            assert bytes(one.bytes).decode() == one.token and len(one.top_logprobs) == 4
            assert sum(math.exp(other.logprob) for other in one.top_logprobs) <= 1 + 1e-6
        assert ask(logprobs=True).choices[0].logprobs.content[0].top_logprobs == []
        pieces = list(ask(stream=True, logprobs=True, stream_options={"include_usage": True}))
        assert pieces[-1].choices == [] and pieces[-1].usage == plain.usage
        streamed = [one for p in pieces if p.choices and p.choices[0].logprobs
                    for one in p.choices[0].logprobs.content]  # fmt: skip
        # With alternatives they are of another pass over the same tokens.
        expected = pytest.approx([one.logprob for one in told], abs=1e-5)
        assert [one.logprob for one in streamed] == expected
        assert pieces[-2].choices[0].finish_reason == plain.choices[0].finish_reason
        with pytest.raises(openai.BadRequestError, match="0 to 20 is supported"):
            ask(logprobs=True, top_logprobs=21)
        with pytest.raises(openai.BadRequestError, match="needs logprobs: true"):
            ask(top_logprobs=2)


def turn(role: str, words: Any) -> dict[str, Any]:
    return {"role": role, "content": words}


def test_conversations_need_a_multi_turn_model(
    served: Served, lalm: ComposedModel, tmp_path: Path
) -> None:
    clip = tone(tmp_path, 300)
    talk = [turn("system", "Be brief."), turn("user", [block(clip), text(WORDS[0])]),
            turn("assistant", "dog"), turn("user", "a bell")]  # fmt: skip
    body = {"model": "mini", "messages": talk, "max_tokens": 8, "temperature": 0}
    status, found = post(served.url, body)
    assert status == 200, found
    prompt = Prompt((clip, WORDS[0], Earlier("dog"), "a bell"), "a bell", system="Be brief.")
    (inside,) = generate_with_tokens(lalm, [prompt], Sampling(8), None)
    assert found["choices"][0]["message"]["content"] == inside.reply.text
    assert found["usage"]["prompt_tokens"] == inside.prompt
    # As the model was taught several questions about one clip: `Writer.turns`.
    first = Prompt((clip, WORDS[0]), WORDS[0])
    taught = lalm.tokenize_turns([first, Prompt(("a bell",), "a bell")], ["dog", "x"])
    plain = Prompt((clip, WORDS[0], Earlier("dog"), "a bell"), "a bell")
    assert lalm.tokenize(plain, "x").ids == taught.ids
    for messages, words in (
        ([turn("assistant", "dog"), *talk], "is not allowed there"),
        (talk[:3], "the last message must be the user's"),
        ([*talk, turn("user", "x")], "two user messages in a row"),
        ([*talk, turn("assistant", "x"), turn("system", "x"), turn("user", "x")], "is not allowed"),
        ([talk[1], turn("assistant", [block(clip)]), talk[3]], "may hold text only"),
        ([talk[1], turn("assistant", "x"), turn("user", " ")], "the user message is empty"),
    ):
        status, found = post(served.url, {**body, "messages": messages})
        assert status == 400 and words in found["error"]["message"], (messages, found)


def test_a_model_without_tokens_and_turns_says_so() -> None:
    one = Served(PitchModel())
    body = {"model": "pitch", "messages": user(text("hello"))}
    talk = [*user(text("a")), turn("assistant", "b"), *user(text("c"))]
    cases: list[tuple[dict[str, Any], str]] = [
        ({**body, "logprobs": True}, "logprobs are not supported"),
        ({**body, "messages": talk}, "takes one user message only"),
        ({**body, "stream_options": {"include_usage": True}}, "needs stream"),
        ({**body, "stream": True, "stream_options": {"speed": 2}}, "speed is not supported"),
    ]
    for asked, words in cases:
        status, found = post(one.url, asked)
        assert status == 400 and words in found["error"]["message"], found
    status, found = post(one.url, body)
    assert status == 200 and "usage" not in found and found["choices"][0]["logprobs"] is None
    one.close()


def test_harkens_client_works_without_log_probabilities(
    served: Served,
) -> None:
    words = "Which?\nA. dog\nB. a bell"
    prompt = Prompt((words,), "Which?", ("dog", "a bell"), (0, 1))
    for model in (load_model("constant:1"), None):
        one = Served(model, name="mini") if model else served
        far: Any = load_model(f"openai:mini@{one.url}", instruction="")
        (reply,) = far.generate([prompt], Sampling(4))
        assert reply.stop != "failed", reply
        assert far.report()["tokens_out"] == (0 if model else 4)
        far.close()
        if model:
            one.close()
