"""What holds of every reply, whatever the options: no crash, no guess, no effect of the order."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harken.ask import words as w
from harken.ask.parse import answer_text, is_refusal, parse, starts_with_letter
from harken.ask.prompt import make_prompt
from harken.item import Item
from harken.letters import letter
from harken.models.base import PromptStyle

sys.path.insert(0, str(Path(__file__).parent))
from replies import read

WORDS = [
    "dog",
    "cat",
    "rain",
    "horn",
    "bell",
    "piano",
    "speech",
    "laughter",
    "engine",
    "crowd",
    "bird",
    "violin",
    "thunder",
    "footsteps",
    "siren",
]
TEXTS = st.one_of(
    st.sampled_from(WORDS),
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=3, unique=True).map(" ".join),
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=3, unique=True).map(", ".join),
    st.integers(2, 4000).map(str),
    st.integers(2, 900).map(lambda n: f"{n / 100:g} kHz"),
    st.integers(2, 60).map(lambda n: f"-{n} dB"),
    st.tuples(st.sampled_from("ABCDEFG"), st.sampled_from(("", "b", "#")),
              st.sampled_from(("major", "minor"))).map(lambda k: f"{k[0]}{k[1]} {k[2]}"),
    st.sampled_from(("狗叫", "猫叫", "汽车喇叭", "雨声", "犬", "猫", "개", "고양이")),
    st.sampled_from(("Yes, it is there.", "F. Scott Fitzgerald", "R&B", "3:15 p.m.", "AC/DC")),
    st.sampled_from(("not present", "no speech", "Hund", "le chien", "el gato", "собака")),
)  # fmt: skip
OPTIONS = st.lists(TEXTS, min_size=2, max_size=5, unique_by=lambda text: w.key(text))
THINKING = (
    ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("< think >", "</ think >"),
    ('<think a="b">', "</think>"), ("[THINK]", "[/THINK]"), ("◁think▷", "◁/think▷"),
    ("<|think|>", "<|/think|>"), ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<PLANNING>p</PLANNING><REASONING>", "</REASONING>"),
    ("<THINK><CAPTION>", "</CAPTION></THINK>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
)  # fmt: skip
ANSWERS = ("{}", "<answer>{}</answer>", "<RESPONSE>{}</RESPONSE>", "<CONCLUSION>{}</CONCLUSION>")


def nested(options):
    """Whether an option's words hold another's, so that one text may name both."""
    keys = [" ".join(w.key(one)) for one in options]
    return any(a in b for i, a in enumerate(keys) for j, b in enumerate(keys) if i != j)


@settings(max_examples=300, deadline=None)
@given(OPTIONS, st.data(), st.booleans())
def test_what_is_announced_is_read_and_what_is_denied_is_not(options, data, letters):
    place = data.draw(st.integers(0, len(options) - 1))
    option = options[place]
    assert read(f"The answer is {option}.", options, letters=letters) == place
    assert read(f"It is not {option}.", options, letters=letters) != place
    assert read(f"The answer is not {option}.", options, letters=letters) != place
    assert read(f"{option} is wrong.", options, letters=letters) != place


@settings(max_examples=200, deadline=None)
@given(OPTIONS, st.data())
def test_a_letter_is_read_denied_and_contradicted(options, data):
    place = data.draw(st.integers(0, len(options) - 1))
    other = (place + 1) % len(options)
    name = letter(place)
    for text in (
        name,
        f"({name})",
        f"{name}.",
        f"The answer is {name}.",
        f"{name}. {options[place]}",
    ):
        assert read(text, options) == place
    for text in (f"Not {name}.", f"({name}) is incorrect.", f"The answer is not {name}."):
        assert read(text, options) is None
    assume(not nested(options))
    for text in ("{}. {}", "({}) {}", "The answer is {}: {}", "Option {}, {}"):
        assert read(text.format(name, options[other]), options) is None
    assert read(f"The answer is not {name}; it is {letter(other)}.", options) == other


@settings(max_examples=150, deadline=None)
@given(OPTIONS, st.data(), st.sampled_from(THINKING), st.sampled_from(ANSWERS))
def test_reasoning_changes_nothing(options, data, thinking, answer):
    place = data.draw(st.integers(0, len(options) - 1))
    opening, closing = thinking
    weighed = f"{opening}The answer is {options[(place + 1) % len(options)]}.{closing}"
    for reply in (options[place], letter(place), f"The answer is {options[place]}."):
        assert read(weighed + answer.format(reply), options) == read(reply, options) == place
    assert read(weighed.removesuffix(closing), options) is None


@settings(max_examples=200, deadline=None)
@given(OPTIONS, st.data(), st.sampled_from(("{}", "The answer is {}.", "I hear {} here", "Not {}")))
def test_another_order_moves_the_choice_with_it(options, data, form):
    text = form.format(data.draw(st.sampled_from(options)))
    order = data.draw(st.permutations(range(len(options))))
    first, second = read(text, options, letters=False), None
    second = read(text, [options[i] for i in order], letters=False)
    assert (first is None and second is None) or order[second] == first


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200), st.lists(st.text(max_size=12), min_size=2, max_size=5, unique=True),
       st.booleans())  # fmt: skip
def test_no_text_and_no_options_crash_it(text, options, letters):
    prompt = make_prompt(
        Item(question="q", answer=options[0], choices=tuple(options)), PromptStyle(letters=letters)
    )
    found = parse(text, prompt)
    assert found.choice is None or 0 <= found.choice < len(options)
    assert isinstance(answer_text(text), str) and isinstance(is_refusal(text), bool)
    starts_with_letter(text, prompt)


HOSTILE = (
    "answer is ", "(", "not a dog barking ", "dog barking ", "a ", "A ", "B ", "A, ", "<",
    "<think ",
    "<think>", "<|", "[", "{", '{"answer":', "\\boxed{", "no, ", "wait, ", "not ", " ", "\n", "_",
    "* ", "$", "~~", "```", "1", "1,", "1.", "i can not ", "答案", "不", "狗", "option ",
    "\nQuestion:", "the answer to ", "ist ", "kann ", "i am not sure ", "w", "'", "n't", "minus ",
    "- ", "? ", "final ", "correct ", "respuesta es ", "no se ", "too a to be ", "&lt;", "é", "<s>",
    "<|channel|>analysis<|message|>", "hm, ", ". oh ", "**", "second option ", "[THINK]", "◁think▷",
)  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_time_grows_with_the_length_only(piece):
    """A pattern that backtracks takes minutes on one of these; twice the text, twice the time.

    The least of three: in a long session one collection of garbage takes as long.
    """

    def took(length):
        text = (piece * length)[:length] + " dog"
        start = time.process_time()
        read(text, ("dog barking", "cat meowing", "C major", "rain"))
        return time.process_time() - start

    short = took(10_000)
    assert any((long := took(20_000)) < 5 and long < 4 * short + 0.5 for _ in range(3))
