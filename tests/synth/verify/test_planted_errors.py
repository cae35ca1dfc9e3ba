"""What the verifier finds of planted errors, and what it says of true texts."""

from __future__ import annotations

from free_texts import FALSE, TRUE, verdicts
from planted_errors import EACH, KINDS, errors, table, truths


def test_planted_errors_are_found_and_true_texts_pass() -> None:
    """Another seed than the table of the docs: 300 errors, 50 of a kind, and 300 true texts."""
    found = table(seed=1)
    assert [found[kind]["planted"] for kind in KINDS] == [EACH] * len(KINDS)
    for kind in KINDS:
        assert found[kind]["recall"] >= 0.96, kind
        assert found[kind]["named"] >= 0.9, kind
        assert found[kind]["precision"] >= 0.96, kind


def test_the_set_is_drawn_from_its_seed_and_errors_are_edits() -> None:
    first, again = [list(errors(3))[:80] for _ in range(2)]
    assert first == again
    texts = {one.text for one in errors(3)}
    assert len(texts) > 200
    assert not texts & {one.text for one in truths(3)}


def test_free_texts_of_no_grammar() -> None:
    """None that is false is accepted; few that are true are rejected."""
    rejected, accepted = verdicts()
    assert not accepted
    assert len(rejected) <= 0.1 * len(TRUE)
    assert len(FALSE) >= 25 and len(TRUE) >= 20
