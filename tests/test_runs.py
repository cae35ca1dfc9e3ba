"""Run folders: resumed or refused, partial lines, groups, completion, the store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harken.errors import RunError
from harken.runs import Run, Store, read_run

SPEC = {"model": "tiny", "seed": 1, "train": {"rate": 0.1, "steps": 5}}


def test_a_run_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    first = Run.open(tmp_path, SPEC)
    first.append("records", [{"i": i} for i in range(3)])
    first.close()
    again = Run.open(tmp_path, json.loads(json.dumps(SPEC)))
    again.append("records", [{"i": 3}])
    assert again.records("records") == [{"i": i} for i in range(4)]
    assert list(again.stream("records")) == again.records("records")
    assert again.count("records") == 4
    assert again.count("nothing") == 0
    assert not again.done
    again.finish({"n": 4})
    assert again.done and again.summary == {"n": 4}
    assert [p.name for p in sorted(tmp_path.iterdir())] == [
        "checksums.json",
        "done.json",
        "records.jsonl",
        "run.json",
    ]


def test_another_spec_is_refused_and_the_keys_are_named(tmp_path: Path) -> None:
    Run.open(tmp_path, SPEC).close()
    other = {"model": "tiny", "seed": 2, "train": {"rate": 0.1, "steps": 6}, "extra": [1]}
    with pytest.raises(RunError) as caught:
        Run.open(tmp_path, other)
    told = str(caught.value)
    for part in ("seed: 1 -> 2", "train.steps: 5 -> 6", "extra: (absent) -> [1]"):
        assert part in told
    assert "rate" not in told
    Run.open(tmp_path, SPEC).close()  # the refusal released the folder


@pytest.mark.parametrize("partial", [b'{"i": 9', b'{"i": 9}', b"\0\0\0\0", b'{"i"\n', b"\xff\xfe"])
def test_a_partial_last_line_is_dropped(tmp_path: Path, partial: bytes) -> None:
    run = Run.open(tmp_path, SPEC)
    run.append("records", [{"i": i, "long": "x" * 70_000} for i in range(3)])
    run.close()
    path = tmp_path / "records.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + partial)
    assert read_run(tmp_path).count("records") == 3  # a reader skips it
    assert path.read_bytes() == whole + partial  # and leaves it alone
    assert Run.open(tmp_path, SPEC).count("records") == 3
    assert path.read_bytes() == whole


def test_a_file_that_is_one_partial_line_becomes_empty(tmp_path: Path) -> None:
    Run.open(tmp_path, SPEC).close()
    (tmp_path / "records.jsonl").write_bytes(b'{"i": 1')
    assert Run.open(tmp_path, SPEC).count("records") == 0
    assert (tmp_path / "records.jsonl").read_bytes() == b""


def test_a_damaged_line_in_the_middle_is_reported_with_its_number(tmp_path: Path) -> None:
    run = Run.open(tmp_path, SPEC)
    run.append("records", [{"i": 0}, {"i": 1}, {"i": 2}])
    path = tmp_path / "records.jsonl"
    path.write_bytes(path.read_bytes().replace(b'{"i":1}', b'{"i"}  '))
    with pytest.raises(RunError, match="line 2 is damaged") as caught:
        run.records("records")
    assert "after line 1" in caught.value.hint


def test_a_group_can_be_truncated(tmp_path: Path) -> None:
    run = Run.open(tmp_path, SPEC)
    run.append("records", [{"i": i, "text": "é\n"} for i in range(10)])
    run.truncate("records", 7)
    assert [r["i"] for r in run.records("records")] == list(range(7))
    run.truncate("records", 50)
    assert run.count("records") == 7
    run.truncate("records", 0)
    run.truncate("never", 0)
    assert run.records("records") == []


def test_a_complete_run_cannot_be_changed(tmp_path: Path) -> None:
    run = Run.open(tmp_path, SPEC)
    run.finish()
    again = Run.open(tmp_path, SPEC)
    assert again.done
    for write in (
        lambda: again.append("records", [{}]),
        lambda: again.write_json("results", {}),
        lambda: again.truncate("records", 0),
        lambda: again.finish({}),
    ):
        with pytest.raises(RunError, match="complete"):
            write()


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    Run.open(tmp_path, SPEC).close()
    run = read_run(tmp_path)
    assert run.spec == SPEC
    for write in (lambda: run.append("a", [{}]), lambda: run.log({}), lambda: run.finish()):
        with pytest.raises(RunError, match="reading only"):
            write()
    with pytest.raises(RunError, match="not complete"):
        _ = run.summary


def test_results_are_read_back_and_absent_ones_are_named(tmp_path: Path) -> None:
    run = Run.open(tmp_path, SPEC)
    run.write_json("results", {"a": [1, None, "é"]})
    assert run.read_json("results") == run.read_json("results.json") == {"a": [1, None, "é"]}
    with pytest.raises(RunError, match=r"no other\.json"):
        run.read_json("other")
    for damaged in ("{", "null", "[]", '[{"a": 1}]', "7"):
        (tmp_path / "results.json").write_text(damaged)
        with pytest.raises(RunError, match="damaged"):
            run.read_json("results")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_json_cannot_hold_is_refused_and_nothing_is_written(
    tmp_path: Path, bad: object
) -> None:
    run = Run.open(tmp_path, SPEC)
    with pytest.raises(RunError, match="not JSON"):
        run.append("records", [{"ok": 1}, {"bad": bad}])
    assert run.count("records") == 0
    with pytest.raises(RunError, match="not JSON"):
        run.write_json("results", bad)
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "run", "done"])
def test_names_stay_in_the_folder_and_off_run_and_done_json(tmp_path: Path, name: str) -> None:
    run = Run.open(tmp_path / "run", SPEC)
    with pytest.raises(RunError):
        run.write_json(name, {})
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["run", "run.json"]


def test_times_are_in_the_log_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with Run.open(tmp_path / name, SPEC) as run:
            run.log({"seconds": 1.0})
            run.append("records", [{"i": 1}])
            run.finish({})
    assert "time" in read_run(tmp_path / "a").records("log")[0]
    for file in ("run.json", "records.jsonl", "done.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="this is not a run"):
        read_run(tmp_path)
    (tmp_path / "records.jsonl").write_text("{}\n")
    with pytest.raises(RunError, match="records but no"):
        Run.open(tmp_path, SPEC)


def test_one_process_writes_and_a_killed_one_releases_the_lock(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom harken.runs import Run\n"
        "run = Run.open(sys.argv[1], {'a': 1})\nprint('open', flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == "open\n"
            assert not read_run(tmp_path).done  # reading is free
            with pytest.raises(RunError, match="another process"):
                Run.open(tmp_path, {"a": 1})
        finally:
            other.kill()
    Run.open(tmp_path, {"a": 1}).close()


def test_the_store_finds_runs_and_names_broken_ones(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("deep/b", 2), ("c", 1)):
        run = Run.open(tmp_path / name, {**SPEC, "seed": seed})
        if name != "c":
            run.finish({})
        run.close()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/run.json").write_text("{")
    store = Store(tmp_path)
    assert [run.folder.name for run in store] == ["a", "c", "b"]
    assert [run.folder.name for run in store.find(seed=1)] == ["a", "c"]
    assert [run.folder.name for run in store.find(done=True, seed=1)] == ["a"]
    assert [run.folder.name for run in store.find(done=False)] == ["c"]
    assert len(store.broken()) == 1


def test_a_full_disk_is_reported_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Run.open(tmp_path / "run", {"kind": "x"}) as run:

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        for write in (
            lambda: run.append("a", [{"x": 1}]),
            lambda: run.write_json("b", {"x": 1}),
        ):
            with pytest.raises(RunError, match="No space left"):
                write()


def finished(folder: Path) -> Path:
    with Run.open(folder, SPEC) as run:
        run.append("records", [{"n": 1}, {"n": 2}])
        run.write_json("results", {"right": 1})
        run.log({"event": "x"})
        run.finish({"records": 2})
    return folder


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_changed_file_of_a_complete_run_is_refused_and_the_others_are_read(
    tmp_path: Path,
) -> None:
    folder = finished(tmp_path / "run")
    change(folder / "records.jsonl", '"n":2', '"n":3')  # still a record
    run = read_run(folder)
    assert run.read_json("results") == {"right": 1} and run.summary == {"records": 2}
    with pytest.raises(RunError, match=r"records\.jsonl of a complete run is damaged"):
        run.records("records")


@pytest.mark.parametrize("name", ["run.json", "done.json"])
def test_the_first_and_the_last_file_have_checksums_too(name: str, tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    change(folder / name, {"run.json": '"tiny"', "done.json": "2"}[name], "3")
    with pytest.raises(RunError, match=f"{name} of a complete run is damaged"):
        _ = read_run(folder).summary


def test_changed_checksums_are_told_whatever_is_read(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    sums = read_run(folder).checksums()
    assert set(sums) == {"run.json", "records.jsonl", "results.json", "done.json"}
    other = sums["results.json"]
    change(folder / "checksums.json", other, other[::-1])
    with pytest.raises(RunError, match=r"checksums\.json is damaged"):
        read_run(folder)


def test_the_log_may_change_and_a_run_without_checksums_is_read(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    (folder / "log.jsonl").write_text("{}\n")
    assert read_run(folder).count("records") == 2
    (folder / "checksums.json").unlink()  # of an older version, or edited on purpose
    change(folder / "records.jsonl", '"n":2', '"n":3')
    assert read_run(folder).records("records")[1] == {"n": 3}


def test_a_reopened_run_has_no_checksums_until_it_is_finished_again(tmp_path: Path) -> None:
    folder = finished(tmp_path / "run")
    with Run.reopen(folder) as run:
        assert not run.done and not (folder / "checksums.json").exists()
        run.write_json("results", {"right": 2})
        run.finish({"records": 2})
    assert read_run(folder).read_json("results") == {"right": 2}
