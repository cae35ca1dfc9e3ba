"""The starter corpus: sounds, music and speech that harken makes itself, without data or network.

::

    generate_starter(Path("starter"), seed=0, size="smoke")

Every clip is a pure function of (seed, class, index): its parameters are drawn by name and stand in
the manifest as its plan, so the same seed gives the same bytes, and the smaller size is a part of
the larger one. Made of `starter_dsp` (blocks), `starter_animals` … `starter_people` (sound events),
`starter_music` (instruments) and `starter_speech` (voices, by espeak-ng; extra ``starter``).
Without espeak-ng the corpus is made without speech and says so in its notes. Clips are 16 kHz,
16-bit WAV, under 5 s long, and public domain (CC0-1.0).

On disk: ``sound/``, ``music/``, ``speech/``, ``manifest.jsonl`` (one clip a line: path, id, kind,
labels, transcript, speaker, split, licence, sha256, duration_s, plan) and ``starter.json`` (counts,
seed, version, notes, hash of the manifest), which is written last.

An interrupted generation goes on where it stopped: each finished clip has a line in
``starter.part.jsonl``; a clip whose bytes still have that line's hash is kept. Splits are given:
clips 2, 5, 8 … of a class are test, and six voices are heard in test only.
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
from harken.progress import track

if TYPE_CHECKING:
    from harken.corpora.starter.dsp import Array, ParameterDraws, Sound
    from harken.corpora.starter.speech import SpeechSynthesizer


VERSION = 1


LICENCE = "CC0-1.0"


MARKER, LIST, JOURNAL = "starter.json", "manifest.jsonl", "starter.part.jsonl"


@dataclass(frozen=True, slots=True)
class CorpusSize:
    """How many: clips of each sound and instrument, voices, words, takes, sentences a voice."""

    sounds: int
    music: int
    voices: int
    words: int
    takes: int
    sentences: int


SIZES = {"smoke": CorpusSize(6, 6, 8, 8, 2, 2), "full": CorpusSize(24, 18, 24, 20, 2, 10)}


@dataclass(frozen=True, slots=True)
class ClipJob:
    """One clip to make: everything it depends on but the seed."""

    path: str
    kind: Kind
    label: str
    index: int
    split: str
    voice: int = -1


def generate_starter(
    folder: Path, seed: int = 0, size: str = "smoke", speech: bool = True
) -> dict[str, Any]:
    """Generate the corpus into `folder`, or go on with it; returns what ``starter.json`` says.

    Args:
        folder: made if it is not there. A larger size may grow out of a smaller one.
        seed: same seed, same bytes (on one machine and version of numpy, scipy and espeak-ng).
        size: ``smoke`` (seconds) or ``full`` (a minute or so).
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
    kept = _kept(folder, seed, jobs)
    (folder / MARKER).unlink(missing_ok=True)
    rows = dict(kept)
    todo = [job for job in jobs if job.path not in kept]
    with ExitStack() as stack:
        head = _line({"version": VERSION, "seed": seed})
        _replace(folder / JOURNAL, (head + "".join(map(_line, kept.values()))).encode())
        journal = stack.enter_context((folder / JOURNAL).open("a", encoding="utf-8"))
        speaker = None
        if any(job.kind == "speech" for job in todo):
            speaker, silent = _speaker(stack)
            if speaker is None:
                missing = sum(job.kind == "speech" for job in todo)
                notes.append(f"no speech: {missing} spoken clips were not made, because {silent}")
                todo = [job for job in todo if job.kind != "speech"]
        for job in track(todo, f"starter corpus ({size})"):
            rows[job.path] = _write(folder, job, seed, speaker)
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
    from harken.corpora.starter import animals as starter_animals
    from harken.corpora.starter import machines as starter_machines
    from harken.corpora.starter import nature as starter_nature
    from harken.corpora.starter import objects as starter_objects
    from harken.corpora.starter import people as starter_people

    files = (starter_animals, starter_nature, starter_machines, starter_objects, starter_people)
    return {label: model for file in files for label, model in file.MODELS.items()}


def plan_jobs(size: CorpusSize, speech: bool = True) -> Iterator[ClipJob]:
    """All clips of a size, in the order of the manifest."""
    from harken.corpora.starter import music as starter_music
    from harken.corpora.starter.speech import VOICES, WORDS

    shelves: tuple[tuple[Kind, dict[str, Sound], int], ...] = (
        ("sound", sound_models(), size.sounds),
        ("music", starter_music.MODELS, size.music),
    )
    for kind, models, count in shelves:
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
    job: ClipJob, seed: int, speaker: SpeechSynthesizer | None = None
) -> tuple[Array, dict[str, Any], str]:
    """One clip: its samples (n,), the parameters drawn, and what is said (or ``""``).

    A pure function of (seed, kind, class or voice and text, index).
    """
    import numpy as np

    from harken.corpora.starter import music as starter_music
    from harken.corpora.starter.dsp import ParameterDraws
    from harken.corpora.starter.speech import VOICES, sentence, utter

    name = job.path.rpartition("/")[0] + "/" + (job.label or "sentence")
    dice = ParameterDraws(np.random.default_rng([seed, zlib.crc32(name.encode()), job.index]))
    if job.kind == "speech":
        if speaker is None:
            raise DataError("a spoken clip needs a speaker", where=job.path)
        voice = VOICES[job.voice]
        text = job.label or sentence(dice)
        drawn = {"model": "espeak-ng", "voice": voice.espeak, "range": voice.range}
        said = utter(dice, speaker, voice, text)
        clip = stage(
            dice, said, dice.uniform("lead_s", 0.05, 0.2), dice.uniform("tail_s", 0.1, 0.25)
        )
        return clip, {**drawn, **dice.drawn}, text
    models = sound_models() if job.kind == "sound" else starter_music.MODELS
    length = dice.uniform("length_s", 1.3, 2.4)
    onset = dice.uniform("onset_s", 0.0, 0.25)
    n = round((length - onset) * RATE_HZ)
    dry = models[job.label](dice, n)[:n]
    clip = stage(dice, dry, onset, (n - len(dry)) / RATE_HZ)
    return clip, {"model": job.label, **dice.drawn}, ""


def stage(dice: ParameterDraws, dry: Array, lead_s: float, tail_s: float) -> Array:
    """Put a dry sound into a room, at a level, over a noise floor; all of them drawn.

    Speech and sounds share the ranges, so that level, room and floor tell nothing of the class.
    """
    import numpy as np

    from harken.corpora.starter.dsp import noise, room, unit

    t60 = dice.log("room_t60_s", 0.06, 0.6)
    wet = dice.uniform("room_wet", 0.0, 0.3)
    level = 10 ** (dice.uniform("level_db", -14.0, -1.0) / 20)
    floor = 10 ** (dice.uniform("floor_db", -66.0, -42.0) / 20)
    colour = dice.uniform("floor_slope", 0.3, 1.6)
    lead, tail = round(lead_s * RATE_HZ), round(tail_s * RATE_HZ)
    ends = np.ones(len(dry))
    edge = min(80, len(dry) // 2)
    ends[len(dry) - edge :] = np.linspace(1, 0, edge)
    ends[: edge // 4] = np.linspace(0, 1, edge // 4)
    whole = np.concatenate([np.zeros(lead), unit(dry) * ends, np.zeros(tail)])
    heard = unit(room(dice.rng, whole, t60, wet)) + floor * noise(dice.rng, len(whole), colour)
    return unit(heard, level)


def _write(
    folder: Path, job: ClipJob, seed: int, speaker: SpeechSynthesizer | None
) -> dict[str, Any]:
    """Make one clip, write it whole, and return its line of the manifest."""
    import numpy as np

    clip, drawn, text = make(job, seed, speaker)
    if not np.all(np.isfinite(clip)) or not np.any(clip):
        raise DataError("a model made no usable sound", where=f"{job.path}, seed {seed}")
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


def _speaker(stack: ExitStack) -> tuple[SpeechSynthesizer | None, str]:
    """An open speaker, or None and why there is none."""
    from harken.corpora.starter.speech import SpeechSynthesizer

    try:
        return stack.enter_context(SpeechSynthesizer()), ""
    except HarkenError as error:
        return None, str(error)


def _kept(folder: Path, seed: int, jobs: list[ClipJob]) -> dict[str, dict[str, Any]]:
    """Lines of clips that are finished and unchanged: path -> line, from journal and manifest."""
    head = _head(folder)
    if head is not None and head != (VERSION, seed):
        raise DataError(
            f"a starter corpus of version {head[0]} and seed {head[1]} is in the way",
            where=str(folder),
            hint="Choose another folder.",
        )
    rows: dict[str, dict[str, Any]] = {}
    for name in (LIST, JOURNAL):
        if head is None or not (folder / name).is_file():
            continue
        for line in (folder / name).read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue  # the torn last line of an interrupted run: its clip is made again
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
    """(version, seed) of the corpus in `folder`, finished or begun; None if there is none."""
    for name in (JOURNAL, MARKER):
        path = folder / name
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            try:
                head = json.loads(text.partition("\n")[0] if name == JOURNAL else text)
                return int(head["version"]), int(head["seed"])
            except (ValueError, KeyError, TypeError):
                continue
    return None


def _summary(rows: list[dict[str, Any]], seed: int, size: str, notes: list[str]) -> dict[str, Any]:
    """What ``starter.json`` says."""
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
    """Write whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
