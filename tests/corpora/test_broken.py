"""Sixty and more broken files: nothing crashes or hangs, each is listed with its own reason."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from broken_files import RATE, broken_bytes, encoded, good_bytes, make_corpus, wav

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.audio.probe import REASONS, probe
from harken.corpora.read import read_corpus
from harken.corpora.scan import scan
from harken.errors import AudioError

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    base = tmp_path_factory.mktemp("mixed")
    return base / "corpus", make_corpus(base / "corpus", base / "outside")


def test_every_broken_file_is_listed_with_its_reason(mixed: tuple[Path, dict[str, str]]) -> None:
    root, expected = mixed
    found = {reject.path: reject.reason for reject in read_corpus(root).rejects}
    assert found == expected
    assert len(expected) >= 60
    assert len(set(expected.values())) >= 12
    assert set(expected.values()) <= set(REASONS)


def test_every_good_file_is_kept(mixed: tuple[Path, dict[str, str]]) -> None:
    root, _ = mixed
    kept = {Path(r.clip.path).name: r for r in read_corpus(root).recordings}
    assert set(kept) == set(good_bytes())
    for name, recording in kept.items():
        assert recording.labels == ("good",)
        samples = load(recording.clip)
        assert samples.dtype == np.float32
        assert len(samples) == round((recording.clip.duration_s or 0) * RATE_HZ), name


def test_the_scan_is_json_whatever_the_names(mixed: tuple[Path, dict[str, str]]) -> None:
    root, expected = mixed
    told = json.loads(json.dumps(scan(root).to_json(), ensure_ascii=False).encode())
    assert told["clips"] == len(good_bytes())
    assert len(told["rejects"]) == told["rejected"] == len(expected)
    assert sum(told["reasons"].values()) == len(expected)
    assert all(reject["found"] for reject in told["rejects"])


def test_loading_a_broken_file_gives_the_same_reason_as_probing_it(
    mixed: tuple[Path, dict[str, str]],
) -> None:
    root, expected = mixed
    # Checks that only probing makes: the name, the root, the hash of all samples, what is heard.
    probing_only = {"escapes-root", "unsupported", "corrupt"}
    probing_only |= {"too-short", "silent"}
    for path, reason in expected.items():
        if reason in probing_only or "\\x" in path:
            continue
        with pytest.raises(AudioError) as caught:
            load(Clip(path=str(root / path)))
        assert caught.value.reason == reason, path
        assert path in str(caught.value)


def test_a_manifest_cannot_lead_outside_nor_stop_the_reading(tmp_path: Path) -> None:
    root = tmp_path / "corpus"
    root.mkdir()
    good = encoded("WAV", "PCM_16")
    (root / "good.wav").write_bytes(good)
    (tmp_path / "secret.wav").write_bytes(good)
    rows = [
        {"path": "good.wav", "label": "Tone", "split": "validation"},
        {"path": "../secret.wav", "label": "tone"},
        {"path": str(tmp_path / "secret.wav"), "label": "tone"},
        {"path": "gone.wav"},
        {"path": "a\0b.wav"},
        {"path": "\ud800.wav"},
        {"path": "n" * 300 + ".wav"},
        {"label": "no path"},
        ["not", "an", "object"],
        {"path": "good.wav", "onset": "soon", "offset": 1, "label": "tone"},
        {"path": "good.wav", "onset": 0.5, "offset": 0.2, "label": "tone"},
        {"path": "good.wav", "split": "sideways"},
        {"path": "good.wav", "fold": 10**400},
    ]
    text = "\n".join(json.dumps(row) for row in rows) + "\n{torn"
    (root / "manifest.jsonl").write_text(text)
    corpus = read_corpus(root)
    assert corpus.layout == "manifest"
    assert [(Path(r.clip.path).name, r.labels, r.split) for r in corpus.recordings] == [
        ("good.wav", ("tone",), "dev")
    ]
    reasons = sorted(reject.reason for reject in corpus.rejects)
    assert reasons == sorted(
        ["escapes-root"] * 2 + ["missing"] + ["bad-name"] * 2 + ["unreadable"] + ["bad-row"] * 7
    )
    assert "manifest.jsonl:14" in {reject.path for reject in corpus.rejects}
    json.dumps(scan(root).to_json(), ensure_ascii=False).encode()


def test_a_wrong_hash_is_a_reject_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded("WAV", "PCM_16"))
    row = {"path": "a.wav", "sha256": "0" * 64}
    (tmp_path / "manifest.jsonl").write_text(json.dumps(row))
    assert [r.reason for r in read_corpus(tmp_path).rejects] == ["hash-mismatch"]
    clip = read_corpus(tmp_path, layout="folder").recordings[0].clip
    load(clip)
    (tmp_path / "a.wav").write_bytes(encoded("WAV", "PCM_16", hz=441.0))
    with pytest.raises(AudioError) as caught:
        load(clip)
    assert caught.value.reason == "hash-mismatch"


def test_probing_keeps_memory_constant(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    minutes = 30
    with path.open("wb") as file:
        file.write(wav(b"", rate=RATE, claim=minutes * 60 * RATE * 2))
        file.truncate(44 + minutes * 60 * RATE * 2)
    tracemalloc.start()
    found = probe(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.duration_s == minutes * 60
    assert peak < 8 << 20  # decoded, it is 115 MB


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_listed(tmp_path: Path) -> None:
    (tmp_path / "closed.wav").write_bytes(encoded("WAV", "PCM_16"))
    (tmp_path / "closed.wav").chmod(0)
    (tmp_path / "shut").mkdir(mode=0)
    rejects = read_corpus(tmp_path).rejects
    assert {(r.path, r.reason) for r in rejects} == {
        ("closed.wav", "unreadable"),
        ("shut", "unreadable"),
    }


def test_the_broken_files_are_as_many_and_as_different_as_claimed() -> None:
    assert len(broken_bytes()) >= 60
    assert len({reason for _, reason in broken_bytes().values()}) >= 11
