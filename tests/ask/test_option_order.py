"""Options that speak of others or of letters, or carry letters, are asked in one order only."""

from __future__ import annotations

import numpy as np
import pytest
from fakes import Fake, items

from harken.ask.option_order import fixed_order, option_orders, shuffled_order
from harken.ask.plan import plan
from harken.item import Item

FIXED = (
    "Both A and C", "both of the options", "All of the above.", "None of the preceding",
    "Neither B nor C", "only D", "D only", "Options 2 and 3", "2 and 3", "II and IV only",
    "Option A and option D", "B & C", "(A) and (C)", "A, C and D", "A and B but not D",
    "Both answers are right", "none of those", "the second option", "Answer C is correct",
    "Alle oben genannten", "Keine der Antworten", "B und C", "Weder A noch B", "keines davon",
    "Toutes les propositions", "Aucune réponse", "B et C", "todos los anteriores", "B y C",
    "nenhuma das opções", "nessuna delle precedenti", "Geen van de bovenstaande",
    "以上皆是", "以上都不对", "B和C", "上記のいずれでもない", "BとC",
    "위의 어느 것도 아님", "A와 C", "всё вышеперечисленное", "ничего из перечисленного",
    "B и C",
)  # fmt: skip
FREE = (
    "A dog", "A cat and a mouse", "3/4", "I-IV-V-I", "I, IV, V", "A minor", "Both", "Neither",
    "both speakers", "2, 3", "a bell above the clip", "the last speaker", "Some other sound",
    "выше", "oben", "三个以上", "2", "clip 1 and clip 2", "first and second", "The second clip",
    "A. Vivaldi", "E and G", "A/C", "None", "I am fine", "B flat", "no one", "1.5 s", "All at once",
)  # fmt: skip


def of(*options: str, question: str = "What is heard?") -> Item:
    return Item(question=question, answer=options[0], choices=options)


@pytest.mark.parametrize("option", FIXED)
@pytest.mark.parametrize("place", [0, 2, 3])
def test_an_option_that_speaks_of_others_fixes_the_order_wherever_it_is(option, place):
    options = ["rain", "bell", "horn"]
    options.insert(place, option)
    assert repr(option) in fixed_order(of(*options))


@pytest.mark.parametrize("option", FREE)
def test_other_options_may_be_shown_in_any_order(option):
    assert fixed_order(of("rain", option, "horn", "bell")) == ""


@pytest.mark.parametrize(
    "options",
    [
        ("A. rain", "B. bell", "C. horn"), ("(a) rain", "(b) bell"), ("1) rain", "2) bell"),
        ("1. rain", "2. bell", "3. horn"), ("A: rain", "B: bell"), ("A：雨", "B：钟"),
        ("A", "B", "C", "D"), ("a", "b"),
    ],
)  # fmt: skip
def test_options_that_carry_the_letters_of_their_places_keep_them(options):
    assert "of its own" in fixed_order(of(*options))


@pytest.mark.parametrize(
    "options",
    [("C", "G", "A", "F"), ("1.5 s", "2.5 s"), ("1:30", "2:40"), ("B. Bartok", "A. Vivaldi"),
     ("2. Satz", "1. Satz"), ("D", "C", "B", "A"),
     ("A. Vivaldi", "Bach"), ("A. Vivaldi", "B. Bartok", "Bach", "Liszt")],
)  # fmt: skip
def test_letters_and_numbers_of_other_places_are_text(options):
    assert fixed_order(of(*options)) == ""


@pytest.mark.parametrize(
    ("question", "fixed"),
    [
        ("Is option B louder than the others?", True),
        ("Which one? (A) rain (B) bell", True),
        ("What is heard? A. rain B. bell C. horn", True),
        ("Which choice C is meant?", True),
        ("A: what is heard?", False),
        ("Did A. Smith or B. Jones speak?", True),  # may be meant as labels: one order is safe
        ("Which option Z is heard?", False),
        ("What are the options of a driver who hears it?", False),
    ],
)
def test_a_question_that_names_letters_fixes_the_order(question, fixed):
    assert bool(fixed_order(of("rain", "bell", "horn", question=question))) is fixed


def test_the_plan_asks_one_order_and_says_why():
    plain = items(1)[0]
    odd = of("rain", "bell", "both A and B")
    made = plan(Fake(), [plain, odd], {"conditions": ["none"], "rotations": "all"})
    turns = [(r.planned["item"], r.planned["rotation"]) for r in made.requests]
    assert turns == [(plain.id, 0), (plain.id, 1), (plain.id, 2), (plain.id, 3), (odd.id, 0)]
    assert "both A and B" in made.exclusions()["rotations"][odd.id]
    assert made.requests[-1].planned["choices"] == list(odd.choices)


def test_training_shuffles_only_what_may_be_shuffled():
    """The draw is made in either case, so what is drawn after it stays the same."""
    plain, odd = items(1)[0], of("rain", "bell", "horn", "none of the above")
    orders, after = set(), []
    for seed in range(40):
        one, two = np.random.default_rng(seed), np.random.default_rng(seed)
        orders.add(tuple(shuffled_order(plain, one)))
        assert shuffled_order(odd, two) == [0, 1, 2, 3]
        after.append(one.random() == two.random())
    assert len(orders) > 10 and all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert all(after)


def test_nothing_is_told_where_one_order_was_all_that_was_asked():
    made = plan(Fake(), [of("rain", "none of the above")], {"conditions": ["none"]})
    assert "rotations" not in made.exclusions()
    assert option_orders(of("rain", "none of the above"), 1) == (range(1), "")
    assert option_orders(of("rain", "bell"), "all") == (range(2), "")
