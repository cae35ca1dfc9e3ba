"""The folder of kept tensors: whole or absent, bounded, shared by processes, mended if damaged."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from harken.errors import ConfigError
from harken.hashing import digest
from harken.models.engine import feature_store
from harken.models.engine.feature_store import FeatureStore, current_store, open_store, use_store

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64)


def key(number: int) -> str:
    return digest(f"entry {number}", 40)


def entry(number: int, size: int = 1000) -> dict[str, torch.Tensor]:
    made = torch.randn(size // 4, 4, generator=torch.Generator().manual_seed(number))
    return {"frames": made, "rows": torch.arange(number + 1)}


def same(a: dict[str, torch.Tensor] | None, b: dict[str, torch.Tensor]) -> bool:
    return a is not None and {*a} == {*b} and all(torch.equal(a[name], b[name]) for name in b)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_is_read_is_what_was_written(tmp_path: Path, dtype: torch.dtype) -> None:
    values = (torch.randn(7, 3) * 100).to(dtype)
    FeatureStore(tmp_path).put(key(0), {"frames": values.T, "empty": values[:0]})
    found = FeatureStore(tmp_path).get(key(0))
    assert found is not None and found["frames"].dtype == dtype
    assert torch.equal(found["frames"], values.T) and found["empty"].shape == (0, 3)
    assert FeatureStore(tmp_path).get(key(1)) is None


@pytest.mark.parametrize("place", [0.0, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_damaged_entry_is_not_read_and_made_again(tmp_path: Path, place: float) -> None:
    FeatureStore(tmp_path).put(key(0), entry(0))
    (path,) = tmp_path.rglob("*.safetensors")
    whole = bytearray(path.read_bytes())
    whole[int(place * len(whole))] ^= 4
    path.write_bytes(bytes(whole))
    store = FeatureStore(tmp_path)
    assert store.get(key(0)) is None
    assert store.counts.damaged == 1 and not path.exists()
    store.put(key(0), entry(0))
    assert same(FeatureStore(tmp_path).get(key(0)), entry(0))


@pytest.mark.parametrize("length", [0, 1, 7, 60, 900])
def test_an_entry_that_was_cut_off_is_damaged(tmp_path: Path, length: int) -> None:
    FeatureStore(tmp_path).put(key(0), entry(0))
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:length])
    assert FeatureStore(tmp_path).get(key(0)) is None


def test_another_entry_under_a_name_without_its_checksum_is_damaged(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    FeatureStore(tmp_path).put(key(0), entry(0))
    (path,) = tmp_path.rglob("*.safetensors")
    save_file(entry(1), path)
    assert FeatureStore(tmp_path).get(key(0)) is None


def test_the_least_recently_used_entries_make_room(tmp_path: Path) -> None:
    size = 4400  # of one entry's file, about
    store = FeatureStore(tmp_path, limit=10 * size)
    for number in range(9):
        store.put(key(number), entry(number))
        path = store._path(key(number))
        os.utime(path, (1000 + number, 1000 + number))
    # Reading the oldest makes it the newest, in this process and in another one.
    assert FeatureStore(tmp_path).get(key(0)) is not None
    for number in range(9, 14):
        store.put(key(number), entry(number))
    left = {n for n in range(14) if FeatureStore(tmp_path).get(key(n)) is not None}
    assert store.size()[1] <= store.limit
    assert {0, 9, 10, 11, 12, 13} <= left and not {1, 2, 3} & left
    assert store.counts.removed == 14 - len(left)
    # What was removed is made again, and found.
    store.put(key(1), entry(1))
    assert same(store.get(key(1)), entry(1))


def test_an_entry_larger_than_the_limit_is_still_read_by_who_wrote_it(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, limit=100)
    store.put(key(0), entry(0))
    assert same(store.get(key(0)), entry(0))
    store.put(key(1), entry(1))
    assert same(store.get(key(1)), entry(1)) and store.get(key(0)) is None


def test_temporary_files_of_killed_processes_are_removed_and_those_of_others_are_not(
    tmp_path: Path,
) -> None:
    store = FeatureStore(tmp_path)
    store.put(key(0), entry(0))
    inner = store._path(key(0)).parent
    old, new = inner / ".a.1-1.part", inner / ".b.2-2.part"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * feature_store._OLD_S,) * 2)
    store.size()
    assert not old.exists() and new.exists()


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from test_feature_store import entry, key, same
from harken.models.engine.feature_store import FeatureStore
store = FeatureStore(Path(sys.argv[1]), limit=60_000)
for turn in range(4):
    for number in range(20):
        found = store.get(key(number))
        assert found is None or same(found, entry(number)), number
        if found is None:
            store.put(key(number), entry(number))
assert not store.counts.damaged
"""


@pytest.mark.slow
def test_several_processes_write_read_and_remove_at_once(tmp_path: Path) -> None:
    """The limit is below what they write, so that entries vanish while others read them."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-c",
        WRITER,
        str(tmp_path),
        str(Path(__file__).parent),
    ]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    errors = [process.communicate(timeout=200)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    for path in tmp_path.rglob("*.safetensors"):
        number = next(n for n in range(20) if key(n) == path.stem)
        assert same(FeatureStore(tmp_path).get(key(number)), entry(number))
    assert not list(tmp_path.rglob("*.part"))


def test_the_temporary_file_is_one_processs_and_one_threads_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    plain = os.replace

    def replace(source: Path, target: Path) -> None:
        names.append(Path(source).name)
        plain(source, target)

    monkeypatch.setattr(os, "replace", replace)
    FeatureStore(tmp_path).put(key(0), entry(0))
    other = threading.Thread(target=FeatureStore(tmp_path).put, args=(key(0), entry(0)))
    other.start()
    other.join()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    FeatureStore(tmp_path).put(key(0), entry(0))
    assert len({*names}) == 3 and not list(tmp_path.rglob("*.part"))


def test_a_folder_that_cannot_be_written_is_told_and_memory_is_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FeatureStore(tmp_path / "file" / "features")
    with pytest.warns(UserWarning, match="cannot be kept"):
        store.put(key(0), entry(0))
    assert same(store.get(key(0)), entry(0)) and store.get(key(1)) is None
    store.put(key(1), entry(1))  # said once
    assert same(store.get(key(1)), entry(1))


def test_the_folder_is_the_named_one_else_that_of_the_environment_else_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "_current", None)
    named = open_store(f"{tmp_path / 'named'}?limit_gb=0.5")
    assert named.folder == tmp_path / "named" and named.limit == 500_000_000
    monkeypatch.setenv(feature_store.VARIABLE, str(tmp_path / "variable"))
    assert current_store().folder == tmp_path / "variable"
    use_store(str(tmp_path / "used"))
    assert current_store().folder == tmp_path / "used"
    monkeypatch.delenv(feature_store.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if sys.platform == "linux":
        assert open_store().folder == tmp_path / "cache" / "harken" / "features"
    assert not list(tmp_path.iterdir())  # nothing is made before the first entry


@pytest.mark.parametrize("spec", ["x?limit_gb=0", "x?limit_gb=-1", "x?limit_gb=nan", "x?size=3"])
def test_settings_that_make_no_sense_are_refused(spec: str) -> None:
    with pytest.raises(ConfigError):
        open_store(spec)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        open_store(str(tmp_path / "file"))


@pytest.mark.parametrize("removed", [True, False])
def test_an_entry_that_vanishes_while_it_is_opened_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: bool
) -> None:
    """torch maps a file by its name after safetensors has opened it; by then it may be gone."""
    import safetensors

    store = FeatureStore(tmp_path)
    store.put("ab12", {"x": torch.ones(2)})

    def opened(path: Path, *_: object) -> object:
        if removed:
            path.unlink()
        raise RuntimeError(f"unable to open file <{path}> in read-only mode")

    monkeypatch.setattr(safetensors, "safe_open", opened)
    if removed:
        assert store.get("ab12") is None and store.counts.damaged == 0
    else:
        with pytest.raises(RuntimeError, match="unable to open"):
            store.get("ab12")
