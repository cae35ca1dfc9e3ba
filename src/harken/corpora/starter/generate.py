"""The starter corpus: sounds, music and speech synthesised without data or network.

::

    generate_starter(Path("starter"), seed=0, size="smoke")

Every clip is a pure function of (seed, class, index): its parameters are drawn by name and stored
in the manifest as its plan, so the same seed gives the same bytes, and the smaller size is a subset
of the larger one. Synthesis: `dsp` (building blocks), `animals`, `nature`, `machines`, `objects`,
`people` (sound events), `music` (instruments) and `speech` (voices, by espeak-ng; extra
``starter``). Without espeak-ng the corpus has no speech, and its notes say so. Clips are 16 kHz,
16-bit WAV, under 5 s long, and public domain (CC0-1.0).

On disk: ``sound/``, ``music/``, ``speech/``, ``manifest.jsonl`` (one clip a line: path, id, kind,
labels, transcript, speaker, split, licence, sha256, duration_s, plan) and ``starter.json`` (counts,
seed, version, notes, hash of the manifest), which is written last.

An interrupted generation is resumed: each finished clip has a line in ``starter.part.jsonl``, and a
clip whose bytes have that line's hash is kept. Splits are fixed: clips 2, 5, 8 … of a class are
test, and six voices are in test only.
"""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harken.audio.clip import RATE_HZ
from harken.audio.load import encode_wav
from harken.audio.probe import file_sha256
from harken.corpora.base import Kind
from harken.errors import ConfigError, DataError, HarkenError
from harken.parsing import parse_json, text_lines
from harken.progress import track

if TYPE_CHECKING:
    from harken.corpora.starter.dsp import Array, ParameterDraws, Sound
    from harken.corpora.starter.speech import SpeechSynthesizer


VERSION = 1
LICENCE = "CC0-1.0"
MARKER, LIST, JOURNAL = "starter.json", "manifest.jsonl", "starter.part.jsonl"


@dataclass(frozen=True, slots=True)
class CorpusSize:
    """Numbers of clips per sound and instrument, voices, words, takes, and sentences per voice."""

    sounds: int
    music: int
    voices: int
    words: int
    takes: int
    sentences: int


SIZES = {"smoke": CorpusSize(6, 6, 8, 8, 2, 2), "full": CorpusSize(24, 18, 24, 20, 2, 10)}


@dataclass(frozen=True, slots=True)
class ClipJob:
    """One clip to synthesise: all that it depends on except the seed."""

    path: str
    kind: Kind
    label: str
    index: int
    split: str
    voice: int = -1


def generate_starter(
    folder: Path, seed: int = 0, size: str = "smoke", speech: bool = True
) -> dict[str, Any]:
    """Generate the corpus into `folder`, or resume; returns the contents of ``starter.json``.

    Args:
        folder: created if missing. A smaller corpus in it is extended to a larger size.
        seed: same seed, same bytes (on one computer and version of numpy, scipy and espeak-ng).
        size: ``smoke`` (takes seconds) or ``full`` (about a minute).
        speech: False leaves the speech out.

    Raises:
        ConfigError: no such size.
        DataError: `folder` holds a starter corpus of another seed, version or a larger size.
    """
    if size not in SIZES:
        raise ConfigError(f"no size is called {size!r}", hint=f"Known: {', '.join(SIZES)}.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = list(plan_jobs(SIZES[size], speech))
    notes = [] if speech else ["no speech: it was left out on request"]
    finished = _finished(folder, seed, jobs)
    (folder / MARKER).unlink(missing_ok=True)
    rows = dict(finished)
    todo = [job for job in jobs if job.path not in finished]
    with ExitStack() as stack:
        head = _line({"version": VERSION, "seed": seed})
        _replace(folder / JOURNAL, (head + "".join(map(_line, finished.values()))).encode())
        journal = stack.enter_context((folder / JOURNAL).open("a", encoding="utf-8"))
        synthesizer = None
        if any(job.kind == "speech" for job in todo):
            synthesizer, reason = _synthesizer(stack)
            if synthesizer is None:
                missing = sum(job.kind == "speech" for job in todo)
                notes.append(f"no speech: {missing} spoken clips were not made, because {reason}")
                todo = [job for job in todo if job.kind != "speech"]
        for job in track(todo, f"starter corpus ({size})"):
            rows[job.path] = _write(folder, job, seed, synthesizer)
            journal.write(_line(rows[job.path]))
            journal.flush()
    ordered = [rows[job.path] for job in jobs if job.path in rows]
    _replace(folder / LIST, "".join(map(_line, ordered)).encode())
    summary = _summary(ordered, seed, size, notes)
    summary["manifest_sha256"] = file_sha256(folder / LIST)
    _replace(folder / MARKER, (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode())
    (folder / JOURNAL).unlink()
    return summary


def sound_models() -> dict[str, Sound]:
    """All sound-event classes: label -> model."""
    from harken.corpora.starter import animals, machines, nature, objects, people

    files = (animals, nature, machines, objects, people)
    return {label: model for file in files for label, model in file.MODELS.items()}


def plan_jobs(size: CorpusSize, speech: bool = True) -> Iterator[ClipJob]:
    """The jobs of all clips of a size, in the order of the manifest."""
    from harken.corpora.starter import music
    from harken.corpora.starter.speech import VOICES, WORDS

    groups: tuple[tuple[Kind, dict[str, Sound], int], ...] = (
        ("sound", sound_models(), size.sounds),
        ("music", music.MODELS, size.music),
    )
    for kind, models, count in groups:
        for label in models:
            for index in range(count):
                path = f"{kind}/{label.replace(' ', '-')}/{index:03d}.wav"
                yield ClipJob(path, kind, label, index, "test" if index % 3 == 2 else "train")
    if not speech:
        return
    for number, voice in enumerate(VOICES[: size.voices]):
        for word in WORDS[: size.words]:
            for take in range(size.takes):
                path = f"speech/{voice.name}/{word}-{take}.wav"
                yield ClipJob(path, "speech", word, take, voice.split, number)
        for index in range(size.sentences):
            path = f"speech/{voice.name}/sentence-{index:02d}.wav"
            yield ClipJob(path, "speech", "", index, voice.split, number)


def make(
    job: ClipJob, seed: int, synthesizer: SpeechSynthesizer | None = None
) -> tuple[Array, dict[str, Any], str]:
    """One clip: its samples (n,), the drawn parameters, and the spoken text (or ``""``).

    A pure function of (seed, kind, class or voice and text, index).
    """
    import numpy as np

    from harken.corpora.starter import music
    from harken.corpora.starter.dsp import ParameterDraws
    from harken.corpora.starter.speech import VOICES, sentence, utter

    name = job.path.rpartition("/")[0] + "/" + (job.label or "sentence")
    draws = ParameterDraws(np.random.default_rng([seed, zlib.crc32(name.encode()), job.index]))
    if job.kind == "speech":
        if synthesizer is None:
            raise DataError("a speech clip needs a synthesizer", where=job.path)
        voice = VOICES[job.voice]
        text = job.label or sentence(draws)
        drawn = {"model": "espeak-ng", "voice": voice.espeak, "range": voice.range}
        speech = utter(draws, synthesizer, voice, text)
        clip = place_in_room(
            draws, speech, draws.uniform("lead_s", 0.05, 0.2), draws.uniform("tail_s", 0.1, 0.25)
        )
        return clip, {**drawn, **draws.drawn}, text
    models = sound_models() if job.kind == "sound" else music.MODELS
    length = draws.uniform("length_s", 1.3, 2.4)
    onset = draws.uniform("onset_s", 0.0, 0.25)
    n = round((length - onset) * RATE_HZ)
    dry = models[job.label](draws, n)[:n]
    clip = place_in_room(draws, dry, onset, (n - len(dry)) / RATE_HZ)
    return clip, {"model": job.label, **draws.drawn}, ""


def place_in_room(draws: ParameterDraws, dry: Array, lead_s: float, tail_s: float) -> Array:
    """Add drawn room reverberation, level and noise floor to a dry sound.

    Speech and sounds share the ranges, so that level, reverberation and noise floor do not reveal
    the class.
    """
    import numpy as np

    from harken.corpora.starter.dsp import noise, room, unit

    t60 = draws.log("room_t60_s", 0.06, 0.6)
    wet = draws.uniform("room_wet", 0.0, 0.3)
    level = 10 ** (draws.uniform("level_db", -14.0, -1.0) / 20)
    floor = 10 ** (draws.uniform("floor_db", -66.0, -42.0) / 20)
    colour = draws.uniform("floor_slope", 0.3, 1.6)
    lead, tail = round(lead_s * RATE_HZ), round(tail_s * RATE_HZ)
    ends = np.ones(len(dry))
    edge = min(80, len(dry) // 2)
    ends[len(dry) - edge :] = np.linspace(1, 0, edge)
    ends[: edge // 4] = np.linspace(0, 1, edge // 4)
    whole = np.concatenate([np.zeros(lead), unit(dry) * ends, np.zeros(tail)])
    mixed = unit(room(draws.rng, whole, t60, wet)) + floor * noise(draws.rng, len(whole), colour)
    return unit(mixed, level)


def _write(
    folder: Path, job: ClipJob, seed: int, synthesizer: SpeechSynthesizer | None
) -> dict[str, Any]:
    """Synthesise one clip, write it atomically, and return its line of the manifest."""
    import numpy as np

    clip, drawn, text = make(job, seed, synthesizer)
    if not np.all(np.isfinite(clip)) or not np.any(clip):
        raise DataError("a sound model gave no usable audio", where=f"{job.path}, seed {seed}")
    path = folder / job.path
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, encode_wav(clip.astype(np.float32), RATE_HZ))
    row: dict[str, Any] = {
        "path": job.path,
        "id": _identity(job.path, seed),
        "kind": job.kind,
        "labels": [job.label] if job.label else [],
    }
    if job.kind == "speech":
        row |= {"transcript": text, "speaker": job.path.split("/")[1]}
    return row | {
        "split": job.split,
        "licence": LICENCE,
        "sha256": file_sha256(path),
        "duration_s": round(len(clip) / RATE_HZ, 4),
        "plan": drawn,
    }


def _line(row: dict[str, Any]) -> str:
    """One line of the manifest or the journal; keys keep their order, so both read back equal."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def _identity(path: str, seed: int) -> str:
    return f"starter-{VERSION}-{seed}/{path.removesuffix('.wav')}"


def _synthesizer(stack: ExitStack) -> tuple[SpeechSynthesizer | None, str]:
    """An open synthesizer, or None and the reason."""
    from harken.corpora.starter.speech import SpeechSynthesizer

    try:
        return stack.enter_context(SpeechSynthesizer()), ""
    except HarkenError as error:
        return None, str(error)


def _finished(folder: Path, seed: int, jobs: list[ClipJob]) -> dict[str, dict[str, Any]]:
    """Manifest lines of finished, unchanged clips by path, from journal and manifest."""
    head = _head(folder)
    if head is not None and head != (VERSION, seed):
        raise DataError(
            f"the folder holds a starter corpus of version {head[0]} and seed {head[1]}",
            where=str(folder),
            hint="Choose another folder.",
        )
    rows: dict[str, dict[str, Any]] = {}
    for name in (LIST, JOURNAL):
        if head is None or not (folder / name).is_file():
            continue
        for line in text_lines((folder / name).read_text(encoding="utf-8", errors="replace")):
            try:
                row = parse_json(line)
            except ValueError:
                continue  # an incomplete last line of an interrupted run: its clip is made again
            if isinstance(row, dict) and row.get("id") == _identity(str(row.get("path")), seed):
                rows[row["path"]] = row
    wanted = {job.path for job in jobs}
    extra = sorted(set(rows) - wanted)
    if extra:
        raise DataError(
            f"the folder holds {len(extra)} clips of a larger starter corpus, such as {extra[0]}",
            where=str(folder),
            hint="Choose another folder, or ask for the larger size.",
        )
    return {
        path: row
        for path, row in rows.items()
        if (folder / path).is_file() and file_sha256(folder / path) == row.get("sha256")
    }


def _head(folder: Path) -> tuple[int, int] | None:
    """(version, seed) of the complete or partial corpus in `folder`; None if there is none."""
    for name in (JOURNAL, MARKER):
        path = folder / name
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            try:
                head = parse_json(text.partition("\n")[0] if name == JOURNAL else text)
                return int(head["version"]), int(head["seed"])
            except (ValueError, KeyError, TypeError):
                continue
    return None


def _summary(rows: list[dict[str, Any]], seed: int, size: str, notes: list[str]) -> dict[str, Any]:
    """The contents of ``starter.json``."""
    kinds = sorted({row["kind"] for row in rows})
    return {
        "name": "starter",
        "version": VERSION,
        "seed": seed,
        "size": size,
        "clips": len(rows),
        "seconds": round(sum(row["duration_s"] for row in rows), 1),
        "kinds": {kind: sum(row["kind"] == kind for row in rows) for kind in kinds},
        "splits": dict(sorted(Counter(row["split"] for row in rows).items())),
        "labels": {
            kind: dict(Counter(x for row in rows if row["kind"] == kind for x in row["labels"]))
            for kind in kinds
        },
        "speakers": dict(Counter(row["speaker"] for row in rows if "speaker" in row)),
        "licence": LICENCE,
        "notes": notes,
    }


def _replace(path: Path, data: bytes) -> None:
    """Write atomically."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
