"""Known faults of official scripts are reproduced, named, and never reach the strict number."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_models import Bag, Says
from test_bench_golden import DATA, opened, replies

from harken.errors import DataError
from harken.evaluate.benchmarks.air_bench_chat import read_pair
from harken.evaluate.benchmarks.hallucination import read_yes_no
from harken.evaluate.benchmarks.helpers import Helpers, nearest
from harken.evaluate.benchmarks.load import open_benchmark
from harken.evaluate.benchmarks.longaudiobench import read_number
from harken.evaluate.benchmarks.matching import letter_by_place
from harken.evaluate.benchmarks.mmar import read_points, without_extremes
from harken.evaluate.benchmarks.mmau_pro import read_scores
from harken.evaluate.benchmarks.predictions import Predictions
from harken.evaluate.benchmarks.rgi import gain
from harken.evaluate.benchmarks.scoring import score
from harken.evaluate.benchmarks.types import key_of


@pytest.mark.parametrize(
    ("reply", "letter"),
    [("A", "A"), ("Apples", "A"), ("Both", "B"), ("(C)", "C"), ("it is D.", "D"), ("E", None),
     ("the cow", None), ("b", None), ("xA", None)],
)  # fmt: skip
def test_letter_by_place(reply: str, letter: str | None) -> None:
    # "xA": the last but one is x; the rule looks at no other place.
    assert letter_by_place(reply) == letter


def test_mmsu_stops_where_the_first_reply_is_empty() -> None:
    benchmark, items = opened("mmsu")
    found = score(benchmark, items, {key_of(items[0]): "", key_of(items[1]): "A"})
    assert found["official"]["accuracy"] is None
    assert "no letter before it" in found["official"]["stops"]
    assert found["strict"]["accuracy"] == 0


def test_mmsu_reuses_the_letter_in_the_order_of_the_file() -> None:
    benchmark, items = opened("mmsu")
    first, second = key_of(items[0]), key_of(items[1])  # gold B, gold B
    said = score(benchmark, items[:2], {second: "B", first: "None"})
    assert said["official"]["accuracy"] == 1.0  # the empty one took the B before it
    assert said["strict"]["accuracy"] == 0.5
    rows = Predictions({second: "B"}, (second, first))  # a row without the field counts as empty
    assert score(benchmark, items[:2], rows)["official"]["accuracy"] == 1.0
    absent = Predictions({second: "B"}, (second,))
    assert score(benchmark, items[:2], absent)["official"]["n"] == 1


def test_mmsu_unreadable_replies_alone_give_zero_as_the_script_prints() -> None:
    benchmark, items = opened("mmsu")
    found = score(benchmark, items, {key_of(item): "hm" for item in items})
    assert found["official"]["accuracy"] == 0 and found["official"]["n"] == 0


def test_air_bench_stops_at_a_missing_response_and_at_an_unreadable_task() -> None:
    benchmark, items = opened("air-bench")
    keys = [key_of(item) for item in items]
    missing = Predictions({keys[0]: "A"}, tuple(keys))
    assert "no response" in score(benchmark, items, missing)["official"]["stops"]
    barren = score(benchmark, items, dict.fromkeys(keys, ""))
    assert "no reply of" in barren["official"]["stops"] and barren["strict"]["accuracy"] == 0


@pytest.mark.parametrize(
    ("line", "pair"),
    [("7 8", (7, 8)), (" 10 1\n", (10, 1)), ("11 2", None), ("7.5 8", None), ("7  8", None),
     ("7 8 9", None), ("", None), ("seven 8", None)],
)  # fmt: skip
def test_air_bench_chat_lines(line: str, pair: tuple[int, int] | None) -> None:
    assert read_pair(line) == pair


def test_air_bench_chat_asks_in_both_orders_and_needs_every_group() -> None:
    benchmark, items = opened("air-bench-chat")
    judge = Says(lambda text: "9 4" if '"answer_1": "model"' in text else "6 2")
    texts = {key_of(item): "model" for item in items}
    found = benchmark.official(items, Predictions.of(texts), Helpers(judge=judge))
    assert len(judge.asked) == 4  # two questions, two orders: equal prompts are asked once
    assert found.value == (2 + 9) / 2  # second place in the first run, first place in the other
    one = benchmark.official(items[:1], Predictions.of({key_of(items[0]): "model"}),
                             Helpers(judge=judge))  # fmt: skip
    assert one.value is None and "division by zero" in one.stops
    assert one.parts["speech"] == 5.5


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [("Yes", "yes"), ("eyes", "yes"), ("no", ""), ("No", "no"), ("there is no bell", "no"),
     ("does not contain", "no"), ("does not appear to contain", "yes"), ("cannot", "no"),
     ("I can't tell", "no"), ("Nothing", "no"), ("", "")],
)  # fmt: skip
def test_hallucination_substrings_in_order(reply: str, meaning: str) -> None:
    assert read_yes_no(reply) == meaning


def test_hallucination_zero_denominators_stop_the_tables() -> None:
    benchmark, items = opened("hallucination")
    found = score(benchmark, items, {key_of(item): "Yes" for item in items})
    assert found["official"]["accuracy"] is None and found["strict"]["accuracy"] == 0.5
    # The rows name their sampling: they are of the first script, which stops before it prints.
    assert found["official"]["stops"].startswith("interspeech2024: it divides by zero (no reply")


JUDGED = [
    # (the reply, the script's overall, what is wrong with it)
    ("no numbers here", 3.0, "absent"),
    ("CORRECTNESS: 5 - a\nRELEVANCE: 5\nCOMPLETENESS: 4\nCLARITY: 4\nOVERALL: 3", 4.5, ""),
    ("CORRECTNESS: 5\nRELEVANCE: 5\nCOMPLETENESS: 4\nCLARITY: 4", 4.5, ""),
    ("CORRECTNESS: 5\nOVERALL: 3", 3.5, "absent"),  # 3.0 is recomputed from 5, 3, 3, 3
    ("CORRECTNESS: 5\nRELEVANCE: 5\nCOMPLETENESS: 5", 4.5, "absent"),
    ("overall: 4.5 - good", 4.5, ""),
    ("OVERALL: 1", 1.0, ""),
    ("OVERALL: 8 - out of ten", 8.0, "scale"),
    ("OVERALL: 10", 10.0, "scale"),
    ("OVERALL: 4/10", 4.0, "scale"),
    ("OVERALL: 4 out of 10", 4.0, "scale"),
    ("OVERALL: 4.5/5", 4.5, ""),
    ("OVERALL: 0", 0.0, "scale"),
    ("CORRECTNESS: 9\nOVERALL: 4", 4.0, "scale"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "overall", "fault"), JUDGED)
def test_mmau_pro_judge_numbers(reply: str, overall: float, fault: str) -> None:
    scores, found = read_scores(reply)
    assert scores["overall"] == overall and found == fault


@pytest.mark.parametrize(("reply", "overall", "fault"), JUDGED)
def test_mmau_pro_official_takes_any_number_and_strict_those_on_the_scale(
    reply: str, overall: float, fault: str
) -> None:
    benchmark, items = opened("mmau-pro")
    item = [one for one in items if key_of(one) == "o1"]
    found = score(benchmark, item, {"o1": "A storm."}, Helpers(Says(lambda text: reply)))
    assert found["official"]["value"] == pytest.approx(overall / 5)
    assert found["strict"]["accuracy"] == (None if fault else pytest.approx(overall / 5))
    told = {"absent": "3.0 of 5", "scale": "not on the scale"}.get(fault, "")
    assert all(told in one for one in found["official"]["faults"]) and bool(fault) == bool(
        found["official"]["faults"]
    )


def test_mmau_pro_whole_with_judge_and_embedding() -> None:
    benchmark, items = opened("mmau-pro")
    helpers = Helpers(judge=Says(lambda text: "gibberish"),
                      embed=Bag("dog", "car", "first", "second"))  # fmt: skip
    found = benchmark.official(items, replies("mmau-pro", benchmark), helpers)
    # open 3.0/5 for an unreadable judge (1), instructions 0.5 (2), sound 1 of 1, multi 1 of 1
    assert found.value == pytest.approx((0.6 * 1 + 0.5 * 2 + 1 + 1) / 5)
    assert any("3.0 of 5" in fault for fault in found.faults)
    assert found.parts["sound"] == {"type": "closed", "count": 1, "score": 1.0}
    empty = benchmark.official(
        [i for i in items if key_of(i) == "c1"], Predictions.of({"c1": ""}), helpers
    )
    assert empty.value == 1.0  # an empty reply is mapped to the first choice: the gold, by luck
    assert "1 empty replies were mapped" in empty.faults[0]


def test_nearest_takes_the_first_of_equals() -> None:
    assert nearest(Bag("x"), "no such word", ["a", "b"]) == 0
    assert nearest(Bag("b", "a"), "b b", ["a", "b"]) == 1


def test_mmar_rubrics_ask_only_for_right_answers_and_drop_failed_calls() -> None:
    benchmark, items = opened("mmar")
    points = [{"name": "p", "score": n % 2, "justification": ""} for n in range(5)]
    judge = Says(lambda text: f"Here: {json.dumps(points)}")
    found = benchmark.official(items, replies("mmar", benchmark), Helpers(judge=judge))
    assert len(judge.asked) == 1  # one of three is right
    assert found.parts["rubrics"] == {"score": pytest.approx((0.4 + 0 + 0) / 3), "n": 3,
                                      "failed": 0, "judge_calls": 1}  # fmt: skip
    silent = benchmark.official(items, replies("mmar", benchmark), Helpers(Says(lambda t: None)))
    assert silent.parts["rubrics"]["n"] == 2 and silent.parts["rubrics"]["failed"] == 1


@pytest.mark.parametrize(
    "reply",
    ["", "[]", '[{"score": 1}]', "no", json.dumps([{"score": 2}] * 5), json.dumps([1] * 5)],
)
def test_mmar_malformed_judgements_are_none(reply: str) -> None:
    assert read_points(reply) is None


def test_mmar_five_runs_lose_best_and_worst() -> None:
    assert without_extremes([0.0, 1.0, 0.4, 0.6, 0.8]) == pytest.approx(0.6)


def test_rgi_matches_the_papers_example_and_is_undefined_at_zero() -> None:
    assert gain((1000, 1000), (891, 799))["rgi"] == pytest.approx(0.266, abs=1e-3)
    assert gain((4, 4), (4, 2)) == {"delta_conservative": 0.0, "delta_humble": 0.5, "rgi": None}
    assert gain((0, 4), (0, 2))["delta_conservative"] is None


@pytest.mark.parametrize(("reply", "number"), [("8", 8), ("Score: 7.5/10", 7.5), ("0", None),
                                               ("11", None), ("", None)])  # fmt: skip
def test_longaudiobench_numbers(reply: str, number: float | None) -> None:
    assert read_number(reply) == number


def test_mae_open_sets_by_judge(tmp_path: Path) -> None:
    benchmark, items = opened("mae")
    given = replies("mae", benchmark)
    right = benchmark.official(items, given, Helpers(judge=Says(lambda text: "CORRECT")))
    assert right.parts["sets"]["esc50-story"] == 1.0
    assert right.parts["sound"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    failed = benchmark.official(items, given, Helpers(judge=Says(lambda text: "perhaps")))
    assert failed.parts["sets"]["esc50-story"] is None
    assert any("failed" in fault for fault in failed.faults)


def test_mae_knows_twenty_sets_and_eleven_tasks() -> None:
    from harken.evaluate.benchmarks.mae import SETS

    assert len(SETS) == 20 and len({own[1] for own in SETS.values()}) == 11
    closed = [own for own in SETS.values() if own[2]]
    assert len(closed) == 14 and len({own[1] for own in closed}) == 8


def test_spatial_precisions_by_hand() -> None:
    from harken.evaluate.benchmarks.spatial import class_precisions

    embed = Bag("dog", "bell", "rain")
    same = class_precisions(embed, ["dog", "bell", "rain"], ["dog", "bell", "rain"])
    assert same == {"bell": 1.0, "dog": 1.0, "rain": 1.0}
    # bell ranks below the two replies that say it: precision 1/3 where it is found
    found = class_precisions(embed, ["bell", "bell", "dog"], ["dog", "dog", "bell"])
    assert found == {"bell": pytest.approx(1 / 3), "dog": pytest.approx(2 / 3)}


@pytest.mark.parametrize(
    ("said", "gold", "precisions"),
    [
        (["dog", "bell", "rain"], ["dog", "bell", "rain"], [1, 1, 1]),
        (["dog", "dog; rain"], ["dog", "dog; rain"], [1, 1]),
        (["bell", "bell", "dog"], ["Dog", "dog", "bell"], [1 / 3, 2 / 3]),
        (["rain"], ["rain"], [1]),
    ],
)
def test_spatial_map_is_over_all_355_classes(
    said: list[str], gold: list[str], precisions: list[float], tmp_path: Path
) -> None:
    benchmark = open_benchmark("spatial")
    rows = [
        {"id": f"c{n}", "audio_id": "a", "question_type": "CLASSIFICATION", "question": "q",
         "answer": text} for n, text in enumerate(gold)
    ]  # fmt: skip
    (tmp_path / "eval.json").write_text(json.dumps(rows))
    items = benchmark.load(tmp_path / "eval.json", partial=True)
    texts = {f"c{n}": text for n, text in enumerate(said)}
    helpers = Helpers(embed=Bag("dog", "bell", "rain"))
    found = benchmark.official(items, Predictions.of(texts), helpers)
    part = found.parts["CLASSIFICATION"]
    assert part["mAP"] == pytest.approx(sum(precisions) / 355)
    assert part["mAP_of_gold_classes"] == pytest.approx(sum(precisions) / len(precisions))
    assert part["gold_classes"] == len(precisions)
    assert f"{355 - len(precisions)} of 355 classes" in found.faults[0]


def test_spatial_with_every_class_has_one_map_and_no_notice() -> None:
    from harken.evaluate.benchmarks.spatial import _absent, _map

    names = [f"w{n}" for n in range(355)]
    part = _map(Bag(*names), names, names)
    assert part["mAP"] == 1 == part["mAP_of_gold_classes"] and not _absent("C", 355)
    assert "where the release has 355" in _absent("C", 356)[0]


@pytest.mark.parametrize(
    ("prediction", "why"),
    [(None, "is None, no list"), (3, "is 3, no list"), (..., "has no prediction")],
)
def test_hallucination_generative_stops_where_the_script_does(
    prediction: object, why: str, tmp_path: Path
) -> None:
    row = {"label": ["dog"]} | ({} if prediction is ... else {"prediction": prediction})
    whole = {"yt1": {"What is heard?": {"label": ["dog"], "prediction": ["dog"]}, "Which?": row}}
    (tmp_path / "f.json").write_text(json.dumps(whole))
    benchmark = open_benchmark("hallucination-generative")
    items = benchmark.load(tmp_path / "f.json", partial=True)
    found = score(benchmark, items, benchmark.read_predictions(tmp_path / "f.json"))
    assert found["official"]["value"] is None and why in found["official"]["stops"]
    assert found["strict"]["accuracy"] == 0.5


@pytest.mark.parametrize("said", [["dog"], "dog", "dog, dog"])
def test_hallucination_generative_tells_of_texts(said: object) -> None:
    benchmark, items = opened("hallucination-generative")
    found = score(benchmark, items, {key_of(item): said for item in items})
    told = any("are texts" in fault for fault in found["official"]["faults"])
    assert told == isinstance(said, str)


def test_every_fixture_names_its_working() -> None:
    for path in sorted(DATA.glob("*/expected.json")):
        assert json.loads(path.read_text())["why"], path
    assert open_benchmark("mmau").traps


@pytest.mark.parametrize(
    "name",
    ["mmar", "mmsu", "air-bench", "dcase2025", "dcase2026", "mae", "compa", "hallucination",
     "rgi", "deafness"],
)  # fmt: skip
def test_officially_all_wrong_is_zero_and_all_right_is_one(name: str) -> None:
    benchmark, items = opened(name)
    closed = [item for item in items if len(item.choices) > 1]
    by_letter = name in ("mmsu", "air-bench", "dcase2025")

    def said(right: bool) -> dict[str, str]:
        places = [
            next(i for i, one in enumerate(item.choices) if (one == item.answer) is right)
            for item in closed
        ]
        return {
            key_of(item): "ABCD"[place] if by_letter else item.choices[place]
            for item, place in zip(closed, places, strict=True)
        }

    for right in (True, False):
        found = benchmark.official(closed, Predictions.of(said(right)), Helpers())
        if name == "hallucination" and not right:
            assert found.value is None and "no right No" in found.stops  # F1 is zero by zero
            continue
        assert found.value == float(right), found
        assert found.n and not found.stops


def test_strict_takes_a_judges_score_and_a_failed_judge_is_failed() -> None:
    benchmark, items = opened("mmau-pro")
    given = Predictions.of({"o1": "A storm."})
    open_item = [item for item in items if key_of(item) == "o1"]
    marked = score(benchmark, open_item, given, Helpers(Says(lambda text: "OVERALL: 4")))
    assert marked["strict"]["accuracy"] == 0.8 and marked["parse_rate"] == 1
    silent = score(benchmark, open_item, given, Helpers(Says(lambda text: "?")))
    assert silent["official"]["value"] == 0.6  # the script's default of 3.0
    assert silent["strict"]["accuracy"] is None and silent["counts"] == {"failed": 1}
    assert silent["strict"]["n"] == 0 and silent["strict"]["between"] == [0, 1]
    assert score(benchmark, open_item, given)["counts"] == {"failed": 1}


def test_what_is_not_on_the_hub_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def refuse(*args: object, **options: object) -> str:
        raise OSError("no route")

    monkeypatch.setattr(hub, "snapshot_download", refuse)
    with pytest.raises(DataError, match="the hub download failed"):
        open_benchmark("mmar").load("hub:nobody/nothing")
    with pytest.raises(DataError, match="no route"):
        open_benchmark("mmar").load("hub")
