"""The verbs score, floor, parse-report and benchmarks, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_bench_golden import DATA
from typer.testing import CliRunner

from harken.audio.load import write_wav
from harken.cli.main import app
from harken.errors import ConfigError, DataError

RELEASE = str(DATA / "mmau" / "release" / "mmau-test-mini.json")
REPLIES = str(DATA / "mmau" / "predictions.json")


def harken(*words: str) -> Any:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout) if "--json" in words else done.stdout


def test_score_with_and_without_data() -> None:
    alone = harken("score", "--benchmark", "mmau", "--predictions", REPLIES, "--json")
    given = harken("score", "-b", "mmau", "-p", REPLIES, "--data", RELEASE, "--json")
    assert alone == given
    assert alone["n"] == 4 and alone["official"]["n"] == 3
    assert alone["official"]["accuracy"] == pytest.approx(2 / 3)
    assert alone["strict"]["accuracy"] == 0.25 and alone["parse_rate"] == 0.5
    assert alone["by"]["category"]["Reasoning"]["n"] == 3
    assert any("known releases hold 1000" in note for note in alone["warnings"])
    text = harken("score", "-b", "mmau", "-p", REPLIES)
    assert "official  66.67 accuracy over 3 items" in text and "strict    25.00" in text
    assert "fault: 1 of 4 items have no prediction" in text


def test_a_yaml_of_your_own_brings_its_table() -> None:
    folder = DATA / "own-described"
    words = ("-b", str(folder / "kitchen.yaml"), "-p", str(folder / "predictions.csv"))
    assert harken("score", *words, "--json")["strict"]["right"] == 1
    assert "3 choice questions" in harken("parse-report", *words)


def test_replies_alone_need_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"m1": "a dog"}')
    monkeypatch.delenv("HARKEN_BENCHMARKS", raising=False)
    with pytest.raises(DataError, match="no release of mmau"):
        harken("score", "-b", "mmau", "-p", str(path))
    home = tmp_path / "home" / "mmau"
    home.mkdir(parents=True)
    (home / "mmau-test-mini.json").write_text(Path(RELEASE).read_text())
    monkeypatch.setenv("HARKEN_BENCHMARKS", str(tmp_path / "home"))
    found = harken("score", "-b", "mmau", "-p", str(path), "--json")
    assert found["strict"]["right"] == 1 and found["counts"]["missing"] == 3


def test_floor_has_its_keys() -> None:
    found = harken("floor", "mmau", "--data", RELEASE, "--json")
    assert found["chance"] == pytest.approx((1 / 4 + 1 / 4 + 1 / 4 + 1 / 2) / 4)
    assert [c["position"] for c in found["constant"]] == [0, 1, 2, 3]
    for name in ("longest", "category_majority", "linear"):
        assert {"accuracy", "low", "high"} <= set(found[name])
    assert "always position 1" in harken("floor", "mmau", "--data", RELEASE)


def test_parse_report_and_an_embedding_by_name() -> None:
    found = harken("parse-report", "-b", "mmau", "-p", REPLIES, "--json")
    assert found["parsers"]["token-set"]["accuracy"] == 0.5 and found["spread"] >= 0.25
    pro = str(DATA / "mmau-pro" / "predictions.jsonl")
    scored = harken("score", "-b", "mmau-pro", "-p", pro, "--embed", "ngrams", "--json")
    assert scored["official"]["parts"]["sound"]["score"] == 1.0
    assert scored["official"]["value"] is None  # the open part still needs a judge


def test_from_release_to_submission(tmp_path: Path) -> None:
    rows = json.loads(Path(RELEASE).read_text())
    for number, row in enumerate(rows):
        path = tmp_path / "mmau" / row["audio_id"]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, np.full(1600, 0.01 * number, np.float32), 16_000)
    release = tmp_path / "mmau" / "mmau-test-mini.json"
    release.write_text(json.dumps(rows * 1))
    with pytest.raises(DataError, match="known releases hold 1000"):
        harken("benchmarks", "mmau", "--data", str(release), "--items", str(tmp_path / "i.jsonl"))
    listed = harken("benchmarks", "--json")["benchmarks"]
    assert {"mmau", "mmar", "own"} <= {one["name"] for one in listed}


def test_a_run_becomes_a_prediction_file(tmp_path: Path) -> None:
    data = tmp_path / "deafness"
    data.mkdir()
    rows = [json.loads(line) for line in
            (DATA / "deafness" / "release" / "items.jsonl").read_text().splitlines()]  # fmt: skip
    for number, row in enumerate(rows):
        write_wav(data / row["audio"], np.full(1600, 0.01 * number, np.float32), 16_000)
    (data / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = tmp_path / "items.jsonl"
    assert harken("benchmarks", "deafness", "--data", str(data), "--items", str(items),
                  "--json")["written"] == 5  # fmt: skip
    harken("eval", "oracle", str(items), "-o", str(tmp_path / "run"), "--condition", "audio")
    out = tmp_path / "submit.jsonl"
    done = harken("benchmarks", "deafness", "--data", str(data), "--run", str(tmp_path / "run"),
                  "--submit", str(out), "--json")  # fmt: skip
    assert done["submitted"] == 5
    assert harken("score", "-b", "deafness", "-p", str(out), "--json")["official"]["value"] == 1.0


def standing(tmp_path: Path, verdicts: str) -> Any:
    """A judge behind `harken.models.load.load_model`: says `verdicts` by what it is shown."""
    from fake_models import Says

    judge = Says(lambda text: verdicts)
    judge.name = "openai:Qwen2.5-7B@http://127.0.0.1/v1"
    return judge


def test_judge_replies_are_cached_counted_and_its_family_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harken.models import load as models

    judge = standing(tmp_path, "OVERALL: 4")
    monkeypatch.setattr(models, "load_model", lambda spec: judge)
    path = tmp_path / "out.jsonl"
    path.write_text((DATA / "mmau-pro" / "predictions.jsonl").read_text())
    words = ("score", "-b", "mmau-pro", "-p", str(path), "--judge", "q", "--json")
    first = harken(*words)
    assert first["judge"]["asked"] == 2 and first["judge"]["cached"] == 0  # one item, two orders
    assert (first["judge"]["judged"], first["judge"]["disagreed"]) == (1, 0)
    assert "not known" in first["judge"]["warnings"][0]
    again = harken(*words, "--answered-by", "Qwen2-Audio-7B")
    assert again["judge"]["asked"] == 0 and again["judge"]["cached"] == 2
    assert "same family (qwen)" in again["warnings"][-1] and again["official"] == first["official"]
    assert (tmp_path / "out.jsonl.judge" / "replies.jsonl").is_file()
    assert len(judge.asked) == 2
    text = harken(*words[:-1], "--answered-by", "gpt-4o-audio")
    assert "1 judged, 0 failed, 0 changed with the order; 0 asked, 2 from the cache" in text
    assert "family" not in text


def test_several_runs_have_a_mean_and_a_spread(tmp_path: Path) -> None:
    rows = json.loads(Path(REPLIES).read_text())
    other = tmp_path / "b.json"
    kept = [{k: v for k, v in row.items() if k != "model_output"} | {"model_output": row["answer"]}
            for row in rows]  # fmt: skip
    other.write_text(json.dumps(kept))
    found = harken("score", "-b", "mmau", "-p", REPLIES, "-p", str(other), "--json")
    assert found["runs"] == 2 and found["strict"]["values"] == [0.25, 1.0]
    assert found["strict"]["mean"] == 0.625
    assert found["strict"]["sd"] == pytest.approx(0.75 / 2**0.5)  # n - 1
    assert found["official"]["values"] == [pytest.approx(2 / 3), 1.0]
    text = harken("score", "-b", "mmau", "-p", REPLIES, "-p", str(other))
    assert "mean" in text and "62.50" in text and "53.03" in text


def test_runs_of_no_judge_are_refused() -> None:
    words = ["score", "-b", "mmau", "-p", REPLIES, "--judge-runs", "5"]
    with pytest.raises(ConfigError, match="--judge-runs 5 without a judge") as refused:
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert refused.value.exit_code == 2


def test_what_needs_a_release_is_not_passed_over_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HARKEN_BENCHMARKS", raising=False)
    with pytest.raises(DataError, match="no release of mmau"):
        harken("benchmarks", "mmau", "--items", str(tmp_path / "x.jsonl"))
    with pytest.raises(DataError, match="no release of mmau"):
        harken("benchmarks", "mmau", "--run", str(tmp_path), "--submit", str(tmp_path / "p.json"))
    with pytest.raises(ConfigError, match="belong together"):
        harken("benchmarks", "mmau", "--data", RELEASE, "--submit", str(tmp_path / "p.json"))


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_file_without_predictions_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(DataError, match="holds no predictions"):
        harken("score", "-b", "mmau", "--data", RELEASE, "-p", str(path))
