"""How the next token is chosen: top-k, temperature, and what is never said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harken.ask.prompt import make_prompt
from harken.item import Item
from harken.models.base import Sampling
from harken.models.composed.model import ComposedModel
from harken.models.engine.batch import TokenizedPrompt
from tiny_audio import mini, named

DRAWS = 600


@pytest.fixture(scope="module")
def learner() -> ComposedModel:
    """With a wide spread of its logits, so that temperature is felt."""
    found = mini(2)
    with torch.no_grad():
        found.net.lm.get_input_embeddings().weight.mul_(3.0)
    return found


@pytest.fixture(scope="module")
def line(learner: ComposedModel, tmp_path_factory: pytest.TempPathFactory) -> TokenizedPrompt:
    item = named(tmp_path_factory.mktemp("sounds"), "noise", 0, 0.3)
    return learner.tokenize(make_prompt(item, learner.style))


@pytest.fixture(scope="module")
def expected(learner: ComposedModel, line: TokenizedPrompt) -> Callable[[float], np.ndarray]:
    """The probability of each first token at a temperature: p^(1/T), normalised."""
    size = learner.net.lm.get_input_embeddings().num_embeddings
    answers = [(token,) for token in range(size) if token != learner.tokenizer.audio]
    (found,) = learner.engine.choices([(line, answers)])
    logprobs = np.full(size, -np.inf)
    logprobs[[token for (token,) in answers]] = found

    def at(temperature: float) -> np.ndarray:
        powers = np.exp((logprobs - logprobs.max()) / temperature)
        return powers / powers.sum()

    return at


def first_tokens(learner: ComposedModel, line: TokenizedPrompt, **how: float) -> Counter[int]:
    """First tokens of many replies to one prompt."""
    lines = dict.fromkeys(range(DRAWS), line)
    seeds = [[7, row] for row in range(DRAWS)]
    said = learner.sample(lines, Sampling(max_tokens=1, **how), seeds)  # type: ignore[arg-type]
    return Counter(reply.ids[0] for reply in said.values())


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_leaves_the_k_likeliest_tokens(
    learner: ComposedModel, line: TokenizedPrompt, expected: Callable[[float], np.ndarray], k: int
) -> None:
    """At a high temperature they are all said, and no other is."""
    best = np.argsort(expected(1.0))[::-1][:k]
    said = first_tokens(learner, line, temperature=20.0, top_k=k)
    assert set(said) == set(best.tolist())


def test_one_of_one_is_greedy(learner: ComposedModel, line: TokenizedPrompt) -> None:
    sampled = learner.sample({0: line}, Sampling(max_tokens=8, temperature=5.0, top_k=1), [[3]])
    assert sampled == learner.sample({0: line}, Sampling(max_tokens=8), [[4]])


def test_a_reply_ends_with_the_token_that_was_drawn(tmp_path: Path) -> None:
    """Chat models have several that end a turn; training by reward needs the one that was said."""
    found = mini(2, pretrained_lm=False, mimetic=0.0, init=0.5)
    prompt = found.tokenize(make_prompt(named(tmp_path, "noise", 0, 0.3), found.style))
    whole = found.sample({0: prompt}, Sampling(max_tokens=8), [[0]])[0]
    assert len(whole.ids) == 8 and not whole.ended
    at = next(i for i in range(1, 8) if whole.ids[i] not in whole.ids[:i])
    found.tokenizer.ends |= {whole.ids[at]}
    cut = found.sample({0: prompt}, Sampling(max_tokens=8), [[0]])[0]
    assert cut.ids == whole.ids[: at + 1] and cut.ended
    assert cut.text == found.tokenizer.decode(whole.ids[:at])


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.0])
def test_tokens_are_as_frequent_as_they_are_probable(
    learner: ComposedModel,
    line: TokenizedPrompt,
    expected: Callable[[float], np.ndarray],
    temperature: float,
) -> None:
    """The share of the likelier half, by probability mass, of 600 draws: four standard errors."""
    chances = expected(temperature)
    order = np.argsort(expected(1.0))[::-1]
    said = first_tokens(learner, line, temperature=temperature)
    for top in (1, 5, 20, 80):
        mass = chances[order[:top]].sum()
        share = sum(said[int(token)] for token in order[:top]) / DRAWS
        assert share == pytest.approx(mass, abs=4 * np.sqrt(mass * (1 - mass) / DRAWS) + 1e-9), top
    # Places in the vocabulary as well: nothing is said of its beginning only.
    half = chances[: len(chances) // 2].sum()
    share = sum(count for token, count in said.items() if token < len(chances) // 2) / DRAWS
    assert share == pytest.approx(half, abs=4 * np.sqrt(half * (1 - half) / DRAWS))


@pytest.mark.parametrize("how", [{}, {"temperature": 1.0}, {"temperature": 1.0, "top_k": 3}])
def test_the_placeholder_of_audio_is_never_said(tmp_path: Path, how: dict[str, float]) -> None:
    """However likely a model finds it: no clip would stand behind it."""
    eager = mini(2)
    prompt = eager.tokenize(make_prompt(named(tmp_path, "noise", 0, 0.3), eager.style))
    embeddings = eager.net.lm.get_input_embeddings().weight
    head = eager.net.lm.get_output_embeddings()
    audio = eager.tokenizer.audio
    with torch.no_grad():  # a head of its own, whose placeholder is like the answer's last state
        head.weight = torch.nn.Parameter(embeddings.clone())
        hidden: list[torch.Tensor] = []
        hook = head.register_forward_pre_hook(lambda _, args: hidden.append(args[0]))
        eager.engine.branches(prompt, [(5, 6)])
        hook.remove()
        head.weight[audio] = 50 * hidden[0].reshape(-1, hidden[0].shape[-1])[0]
    sums = eager.engine.branches(prompt, [(audio,), (5,)])
    assert sums[0] > sums[1] + 5  # it would be said if it could be
    said = first_tokens(eager, prompt, **how)
    assert audio not in said and sum(said.values()) == DRAWS


@pytest.mark.parametrize("top_p", [0.01, 0.3, 0.6, 0.9])
def test_top_p_leaves_the_fewest_tokens_that_have_that_share(
    learner: ComposedModel,
    line: TokenizedPrompt,
    expected: Callable[[float], np.ndarray],
    top_p: float,
) -> None:
    """By hand: sorted by probability, up to and with the one that reaches the share."""
    chances = expected(2.0)
    order = np.argsort(chances)[::-1]
    kept = order[: 1 + int((chances[order].cumsum() < top_p).sum())]
    said = first_tokens(learner, line, temperature=2.0, top_p=top_p)
    assert set(said) <= set(kept.tolist())
    likely = [token for token in kept if chances[token] / chances[kept].sum() > 0.02]
    assert set(likely) <= set(said)  # 600 draws miss one with p < 1e-5


def test_one_rest_of_the_probability_is_greedy(
    learner: ComposedModel, line: TokenizedPrompt
) -> None:
    tight = Sampling(max_tokens=8, temperature=1.0, top_p=1e-9)
    sampled = learner.sample({0: line}, tight, [[3]])
    assert sampled == learner.sample({0: line}, Sampling(max_tokens=8), [[4]])


def test_thinking_has_room_of_its_own(learner: ComposedModel, line: TokenizedPrompt) -> None:
    learner.tokenizer.ends, before = frozenset(), learner.tokenizer.ends
    try:
        how = Sampling(max_tokens=3, thinking_tokens=5)
        (reply,) = learner.sample({0: line}, how, [[0]]).values()
        (whole,) = learner.sample({0: line}, Sampling(max_tokens=8), [[0]]).values()
    finally:
        learner.tokenizer.ends = before
    assert len(reply.ids) == 8 and not reply.ended and reply == whole


def test_a_reply_is_cut_where_the_context_ends(
    learner: ComposedModel, line: TokenizedPrompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever room was given: 5 tokens after one prompt, 1 after one that fills the context."""
    monkeypatch.setattr(learner.tokenizer, "ends", frozenset())
    long = learner.tokenize(make_prompt(named_long(), learner.style))
    lines = {0: line, 1: long}
    size = len(line.ids)
    assert len(long.ids) > size
    monkeypatch.setattr(learner.prompt_tokenizer, "context", size + 5)
    said = learner.sample(lines, Sampling(max_tokens=1_000_000), [[0], [0]])
    assert [len(said[i].ids) for i in (0, 1)] == [5, max(1, size + 5 - len(long.ids))]
    assert not said[0].ended
    alone = learner.sample({0: line}, Sampling(max_tokens=5), [[0]])
    assert said[0] == alone[0], "a reply does not depend on the others of its batch"


def named_long() -> Item:
    words = "Which of these sounds do you hear? " * 30
    return Item(question=words, answer="yes", choices=("yes", "no"))
