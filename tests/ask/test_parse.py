"""Replies and what they mean: a table that a person can read, and the property behind it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harken.ask import words as w
from harken.ask.ordinals import ordinals
from harken.ask.parse import Parsed, answer_text, parse
from harken.ask.prompt import make_prompt
from harken.item import Item
from harken.letters import letter
from harken.models.base import PromptStyle

SOUNDS = ("rain", "dog bark", "dog", "cat")
YES_NO = ("yes", "no")


def ask(text, choices=SOUNDS, rotation=0, letters=True):
    item = Item(question="What is heard?", answer=choices[0], choices=choices)
    return parse(text, make_prompt(item, PromptStyle(letters=letters), rotation))


def named(text, choices=SOUNDS, **how):
    found = ask(text, choices, **how)
    return None if found.choice is None else choices[found.choice]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        # letters
        ("B", "dog bark"),
        ("b", "dog bark"),
        ("(B)", "dog bark"),
        ("[B]", "dog bark"),
        ("B.", "dog bark"),
        ("B)", "dog bark"),
        ("B:", "dog bark"),
        ("'B'", "dog bark"),
        ("  B \n", "dog bark"),
        ("**B**", "dog bark"),
        ("`B`", "dog bark"),
        ("Ｂ", "dog bark"),  # full-width
        ("A", "rain"),
        ("a", "rain"),
        # letter and text
        ("B. dog bark", "dog bark"),
        ("b) dog bark", "dog bark"),
        ("(b) Dog Bark.", "dog bark"),
        ("B dog bark", "dog bark"),
        ("B - dog bark", "dog bark"),
        ("B: the dog bark", "dog bark"),
        ("B.dog bark", "dog bark"),
        ("B. A loud dog barks", "dog bark"),
        ("B, because it barks", "dog bark"),
        ("B because it barks", "dog bark"),
        ("B. dog bark\n\nIt is loud and near.", "dog bark"),
        # said so
        ("The answer is B", "dog bark"),
        ("The answer is B.", "dog bark"),
        ("the answer is b", "dog bark"),
        ("The answer is: (B)", "dog bark"),
        ("Answer: B", "dog bark"),
        ("answer = B", "dog bark"),
        ("The correct answer is option B.", "dog bark"),
        ("The answer to the question is B", "dog bark"),
        ("The answer is B, dog bark.", "dog bark"),
        ("The answer is most likely B", "dog bark"),
        ("The answer is A because it drips.", "rain"),
        ("The answer is a dog bark", "dog bark"),
        ("The answer is A dog bark", "dog bark"),
        ("The answer is dog bark, not rain.", "dog bark"),
        ("The answer is not A. The answer is B", "dog bark"),
        ("At first the answer is A.\nFinal answer: C", "dog"),
        ("Option B", "dog bark"),
        ("It's option B.", "dog bark"),
        ("I choose B.", "dog bark"),
        ("I think B", "dog bark"),
        ("I would go with B", "dog bark"),
        ("B is correct", "dog bark"),
        ("That must be the dog (C).", "dog"),
        ("Let me listen again.\n\nB", "dog bark"),
        ("A. rain\nB. dog bark\nC. dog\nD. cat\nAnswer: B", "dog bark"),
        # wrapped
        ("<answer>B</answer>", "dog bark"),
        ("<answer> dog bark </answer>", "dog bark"),
        ("<answer>B", "dog bark"),
        ("<think>A? No, rain is softer.</think><answer>B</answer>", "dog bark"),
        ("<think>It could be A or C.</think>\nB", "dog bark"),
        ('{"answer": "B"}', "dog bark"),
        ('{"answer": "dog bark", "why": "it barks, no rain"}', "dog bark"),
        ('```json\n{"Answer": "cat"}\n```', "cat"),
        ('Here you are: {"answer": "B"}', "dog bark"),
        (r"\boxed{B}", "dog bark"),
        # text
        ("dog bark", "dog bark"),
        ("Dog bark.", "dog bark"),
        ("a DOG BARK!", "dog bark"),
        ("dog-bark", "dog bark"),
        ("“dog bark”", "dog bark"),
        ("I hear a dog bark.", "dog bark"),
        ("A dog barks", "dog bark"),  # neither the letter A nor the option "dog"
        ("I hear a dog.", "dog"),
        ("It sounds like rain falling on a roof", "rain"),
        ("cats", "cat"),
        ("It is not a dog, it is rain", "rain"),
        ("not a dog or a cat but rain", "rain"),
        ("Neither dog nor cat: rain", "rain"),
        ("The dog is wrong, so rain", "rain"),
        ("I'm not sure, but my guess is B", "dog bark"),
        ("I don't know, but I think it is rain", "rain"),
    ],
)
def test_a_reply_names_a_choice(text, choice):
    assert named(text) == choice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "A, B",
        "A or B",
        "B and C",
        "The answer is A or B",
        "The answer is B. The answer is C.",
        "<answer>A</answer> <answer>B</answer>",
        "dog or cat",
        "a dog bark and rain",
        "B. cat",  # letter and text contradict each other
        "The answer is B: cat",
        "E",
        "G. piano",
        "piano",
        "concatenate",  # holds "cat"
        "It is raining? no: it trains",
        "not a dog",
        "A. rain\nB. dog bark\nC. dog\nD. cat",
        "<think>B it is",
        "I am a large model",
        "<answer></answer>",
        "{}",
        '{"answer": null}',
        "!!!",
        "犬",
    ],
)
def test_what_names_none_or_several_is_unparsable(text):
    found = ask(text)
    assert found.choice is None and not found.abstained and found.rule


@pytest.mark.parametrize(
    "text",
    [
        "<think>B",
        "<think>\nIt barks, so the answer is B.",
        "<thinking>The answer is: dog bark",
        "<reasoning>rain</reasoning> <think>(B) dog bark",
        "<THINK>dog bark",
    ],
)
def test_reasoning_that_was_cut_off_is_no_answer(text):
    """What a model weighs before it runs out of tokens is not what it settles on."""
    assert ask(text) == Parsed(None, "unfinished-thinking")
    assert answer_text(text) == ""


@pytest.mark.parametrize("length", [100, 6000])
def test_reasoning_is_no_answer_however_long_it_is(length):
    """Only the end of a long reply is read, and that may lie within its reasoning."""
    musing = "It may be a cat, or it may not. " * length
    assert ask(f"<think>{musing} So the answer is B") == Parsed(None, "unfinished-thinking")
    assert named(f"<think>{musing}</think>The answer is B") == "dog bark"
    assert named(f"<think>no</think>{'Hm. ' * 4 * length} The answer is B") == "dog bark"


@pytest.mark.parametrize(
    "text",
    [
        "I don't know",
        "I don’t know.",
        "I do not know which it is",
        "I'm not sure.",
        "I cannot hear the audio.",
        "I can't determine the answer: A, B, C or D are all possible",
        "As an AI, I am unable to listen to audio.",
        "It cannot be determined from the text.",
        "It is impossible to tell.",
        "No audio was provided, so it may be a dog.",
        "There is not enough information.",
        "None of the above",
        "The correct answer is: cannot be determined",
        "unknown",
        "<answer>I don't know</answer>",
    ],
)
def test_refusals_are_abstentions(text):
    found = ask(text)
    assert found.choice is None and found.abstained


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("yes", "yes"),
        ("No.", "no"),
        ("No, I cannot hear a dog.", "no"),
        ("Yes, there is no doubt.", "yes"),
        ("yeah", "yes"),
        ("Nope", "no"),
        ("The answer is no.", "no"),
        ("Answer: Yes, it barks", "yes"),
        ("There is a dog, so yes.", "yes"),
        ("true", "yes"),
        ('{"answer": true}', "yes"),
        ("There is no dog in it", None),  # an ordinary word
        ("no idea", None),
        ("maybe", None),
    ],
)
@pytest.mark.parametrize("letters", [True, False])
def test_yes_and_no(text, choice, letters):
    assert named(text, YES_NO, letters=letters) == choice


@pytest.mark.parametrize(
    ("choices", "text", "choice"),
    [
        (("3", "13", "30"), "There are 13.", "13"),
        (("2", "3", "4"), "three", "3"),
        (("2", "3", "4"), "I count three of them", "3"),
        (("2", "3", "4"), "3.5", None),
        (("-3 dB", "3 dB"), "-3 dB", "-3 dB"),
        (("-3 dB", "6 dB"), "3 dB", None),
        (("C", "C#", "D"), "C#", "C#"),
        (("café", "bar"), "CAFE", "café"),
        (("dog", "dogs"), "dogs", "dogs"),
        (("dog", "dogs"), "I hear dogs", "dogs"),
        (("clip 1", "clip 2", "both"), "It is in clip 2.", "clip 2"),
        (("clip 1", "clip 2", "both"), "clip 1 has rain and clip 2 a dog", None),
        (("I don't know", "rain"), "I don't know", "I don't know"),
        (("犬", "猫"), "これは猫です", "猫"),
        (("not present", "present"), "not present", "not present"),
        (("the who", "queen"), "The Who", "the who"),
        (("A", "B"), "the answer is the text A", None),
    ],
)
def test_awkward_choices(choices, text, choice):
    assert named(text, choices, letters=False) == choice


def test_letters_mean_nothing_where_none_were_shown():
    assert named("B", letters=False) is None
    assert named("A dog barks", letters=False) == "dog bark"


def test_the_rotation_is_undone():
    for rotation in range(4):
        assert ask("B", rotation=rotation).choice == (1 + rotation) % 4
        assert named("dog bark", rotation=rotation) == "dog bark"


def test_open_questions_have_no_choice():
    prompt = make_prompt(Item(question="Name them", answer="rain"), PromptStyle())
    assert parse("B", prompt).choice is None


OPTIONS = st.lists(
    st.sampled_from(["rain", "dog", "dog bark", "cat", "a", "no", "yes", "3", "the B", "犬", "é"]),
    min_size=2, max_size=5, unique=True,
)  # fmt: skip
BITS = st.sampled_from(
    ["A", "B", "c", "(", ")", ".", "dog", "barks", " ", " ", "answer is ", "not ", "option ", "\n",
     "<answer>", "</answer>", '{"answer": "', '"}', "I don't know", "rain", "or", "yes", "no", "3",
     "犬", "\\boxed{", "<think>", "</think>", "but "]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=200), st.lists(BITS, max_size=14).map("".join))


@settings(max_examples=600, deadline=None)
@given(TEXTS, OPTIONS, st.booleans(), st.integers(0, 4))
def test_no_text_crashes_it_or_gets_a_choice_it_does_not_mention(text, options, letters, rotation):
    item = Item(question="q", answer=options[0], choices=tuple(options))
    prompt = make_prompt(item, PromptStyle(letters=letters), rotation)
    found = parse(text, prompt)
    if found.choice is None:
        return
    shown = prompt.order.index(found.choice)
    option = options[found.choice]
    said = {w.number(w.stem(word)) for word in w.words(text)}
    lettered = letters and letter(shown).casefold() in re.findall(r"[^\W_]+", w.fold(text))
    stems = {w.stem(word) for word in w.key(option)}
    polar = {"yes": {"yeah", "yep", "yup", "true", "yes"}, "no": {"no", "nope", "nah", "false"}}
    meant = bool(polar.get(option, set()) & said)
    placed = shown in {place for _, _, place in ordinals(w.fold(text), len(options))}
    assert lettered or placed or stems <= said or meant, (text, option, found)


@given(st.text(max_size=300))
def test_parsing_is_a_function(text):
    assert ask(text) == ask(text)


def test_a_very_long_reply_is_read_in_reasonable_time():
    assert named("answer is " * 20_000 + "B") in ("dog bark", None)
    assert named("(" * 50_000) is None
    assert named("not a dog " * 10_000) is None
