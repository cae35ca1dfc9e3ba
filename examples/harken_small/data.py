"""The training data of harken-small, from synthesised speech and a folder of corpora.

Run:  python sentences.py LM_FOLDER OUT/sentences.json --count 9000
      python words.py ASR_FOLDER CORPORA WORDS.jsonl
      python data.py voices OUT            (espeak-ng: extra ``starter``; flite where installed)
      python data.py read OUT CORPORA WORDS.jsonl       (LibriSpeech, LJ Speech)
      python data.py sounds OUT CORPORA                 (ESC-10, FSDD)
      python data.py items OUT

The first three write corpora (clips and a ``manifest.jsonl``) that `harken synth` reads; the last
one writes ``OUT/items.jsonl``: open questions on all of them, questions with options, pairs of
clips, and the text-only questions of ``OUT/replay.jsonl`` (`replay.py`); the open ones alone are
in ``OUT/open.jsonl``.

Held out of training, and never in a training clip: ESC-10 fold 5 (fold 4 is for development), the
digits of ``theo`` (``lucas``: development), LibriSpeech's ``test-other`` and the last 16 speakers
of ``train-clean-100``, LJ Speech from LJ001-0025 on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from read_speech import (
    DEV_FOLD,
    DEV_SPEAKER,
    TEST_FOLD,
    TEST_SPEAKER,
    WORDS,
    held_out_files,
    plain,
    quietest,
)

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.codec import encode
from harken.audio.load import load
from harken.corpora.layouts.fsdd import DIGITS
from harken.corpora.starter.dsp import ParameterDraws, room
from harken.corpora.starter.speech import VOICES, SpeechSynthesizer
from harken.facts import ClipFacts, SourceFacts
from harken.hashing import digest
from harken.item import Item
from harken.progress import note, track
from harken.recipes.selections import NAME, TRANSCRIBE
from harken.shards.read import read_items

Array = NDArray[Any]
LIBRISPEECH, LJSPEECH = "CC BY 4.0 (LibriSpeech)", "public domain (LJ Speech)"


def write_corpus(folder: Path, clips: Iterable[tuple[Array, dict[str, Any]]]) -> None:
    """Clips as FLAC, and the manifest last."""
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (samples, told) in enumerate(clips):
        name = f"clips/{number:05d}.flac"
        loudest = float(np.abs(samples).max()) or 1.0
        (folder / name).write_bytes(encode(samples * min(1.0, 0.99 / loudest), RATE_HZ, "FLAC"))
        lines.append(json.dumps({"path": name, **told}))
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")


def roughened(samples: Array, rng: np.random.Generator) -> Array:
    """Half of the clips in a room, half under noise of 10 to 30 dB, all at another level."""
    if rng.random() < 0.5:
        samples = room(rng, samples, float(rng.uniform(0.1, 0.5)), float(rng.uniform(0.1, 0.5)))
    if rng.random() < 0.5:
        power = float((samples**2).mean())
        deviation = np.sqrt(power * 10 ** (-rng.uniform(10, 30) / 10))
        samples = samples + rng.normal(0, deviation, len(samples))
    level = 10 ** (rng.uniform(-26, -6) / 20)
    quiet = [np.zeros(int(rng.uniform(0.02, 0.25) * RATE_HZ)) for _ in range(2)]
    whole = np.concatenate([quiet[0], samples / (np.abs(samples).max() or 1) * level * 2, quiet[1]])
    return np.asarray(whole, np.float32)


FLITE = {"slt": 170.0, "awb": 130.0, "rms": 110.0, "kal16": 110.0}
"""Voices of flite, of which the first three are models of recorded speakers, and their pitch (Hz).
"""
FLITE_SHARE = 0.6


def flite(text: str, voice: str, rng: np.random.Generator) -> Array:
    """A text in a voice of flite: pitch and rate drawn, and formants by playing it back faster."""
    from scipy.signal import resample_poly

    faster = float(rng.uniform(0.88, 1.14))
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        setting = {
            "duration_stretch": f"{rng.uniform(0.8, 1.25) * faster:.3f}",
            "int_f0_target_mean": f"{FLITE[voice] * rng.uniform(0.85, 1.2):.0f}",
        }
        asked = [part for name, at in setting.items() for part in ("--setf", f"{name}={at}")]
        subprocess.run(["flite", "-voice", voice, *asked, "-t", text, file.name], check=True)
        samples = load(Clip(path=file.name))
    return np.asarray(resample_poly(samples, 100, round(100 * faster)), np.float32)


def voices(out: Path) -> None:
    """One synthesised utterance a sentence, in drawn voices, and the ten digits in all of them."""
    texts = json.loads((out / "sentences.json").read_text())
    spoken = [v for v in VOICES if v.split == "train"]
    recorded = list(FLITE) if shutil.which("flite") else []
    if not recorded:
        note("flite is not installed: all utterances are in voices of espeak-ng")
    rng = np.random.default_rng(11)

    def drawn(voices: Sequence[Any]) -> Any:
        return voices[int(rng.integers(len(voices)))]

    asked = [
        *((text, drawn(recorded if recorded and rng.random() < FLITE_SHARE else spoken))
          for text in texts),
        *((word, voice) for word in DIGITS for voice in [*spoken, *recorded]),
    ]  # fmt: skip

    def clips() -> Iterator[tuple[Array, dict[str, Any]]]:
        with SpeechSynthesizer() as synthesizer:
            for text, voice in track(asked, "utterances"):
                told = {"kind": "speech", "transcript": text, "split": "train",
                        "licence": "generated"}  # fmt: skip
                if isinstance(voice, str):
                    yield roughened(flite(text, voice, rng), rng), {**told, "speaker": voice}
                    continue
                draws = ParameterDraws(rng)
                speed = draws.whole("speed", round(voice.speed * 0.75), round(voice.speed * 1.3))
                pitch = draws.whole("pitch", max(0, voice.pitch - 15), min(99, voice.pitch + 15))
                made = synthesizer.say(text, voice, speed, pitch)
                yield roughened(made, rng), {**told, "speaker": voice.name}

    write_corpus(out / "voices", clips())


def speaker_splits(paths: Sequence[Path]) -> dict[Path, str]:
    """File -> split: of LibriSpeech by speaker, of LJ Speech by number."""
    held = held_out_files(path for path in paths if not path.name.startswith("LJ"))
    later = {path for path in paths if path.name.startswith("LJ") and path.name >= "LJ001-0025"}
    return {path: "test" if path in held | later else "train" for path in paths}


def spans(words: Sequence[Sequence[Any]], rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    """First and last word of clips that follow one another, each of two to eight words."""
    at = 0
    while at < len(words):
        end = min(len(words), at + int(rng.integers(WORDS[0], WORDS[1] + 1)))
        yield at, end
        at = end


CUTS, CHANGED = 3, 3
"""Ways to cut a training recording as it is, and again at another speed and roughened."""


def read(out: Path, corpora: Path, words: Path) -> None:
    """Clips of two to eight words of read speech; of training speakers in several ways to cut.

    The later ways are played at another speed, as in Ko et al. 2015 ("Audio augmentation for
    speech recognition"), which changes the voice, in rooms and noise.
    """
    told = [json.loads(line) for line in words.read_text().splitlines()]
    told = sorted(
        (one for one in told if "librivox" not in one["path"]), key=lambda one: one["path"]
    )
    splits = speaker_splits([Path(one["path"]) for one in told])

    def clips() -> Iterator[tuple[Array, dict[str, Any]]]:
        for one in track(told, "recordings"):
            train = splits[Path(one["path"])] == "train"
            for cut in range(CUTS if train else 1):
                yield from _cut(one, corpora, splits, cut)
        for one in track(told, "recordings, changed"):
            if splits[Path(one["path"])] == "train":
                for cut in range(CUTS, CUTS + CHANGED):
                    yield from _cut(one, corpora, splits, cut)

    write_corpus(out / "read", clips())


def _cut(
    one: dict[str, Any], corpora: Path, splits: dict[Path, str], cut: int
) -> Iterator[tuple[Array, dict[str, Any]]]:
    """The clips of a recording, cut in one way."""
    from scipy.signal import resample_poly

    path = corpora / one["path"]
    name = path.stem
    samples = load(Clip(path=str(path)))
    rng = np.random.default_rng([cut, int(digest(name), 16) % 2**32])
    for first, last in spans(one["words"], rng):
        text = plain(" ".join(word for word, _, _ in one["words"][first:last]))
        begin = round(quietest(samples, one["words"][first][1]) * RATE_HZ)
        end = round(quietest(samples, one["words"][last - 1][2]) * RATE_HZ)
        length_s = (end - begin) / RATE_HZ
        if not text or not 0.35 < length_s < 6 or length_s < 0.13 * len(text.split()):
            continue
        made = samples[begin:end]
        if cut >= CUTS:
            faster = float(rng.uniform(0.88, 1.14))
            made = roughened(np.asarray(resample_poly(made, 100, round(100 * faster))), rng)
        yield made, {
            "id": name, "kind": "speech", "transcript": text, "split": splits[Path(one["path"])],
            **({} if name.startswith("LJ") else {"speaker": name.split("-")[0]}),
            "licence": LJSPEECH if name.startswith("LJ") else LIBRISPEECH,
        }  # fmt: skip


def sounds(out: Path, corpora: Path) -> None:
    """ESC-10 by fold: of training folds the whole clip and two cuts; FSDD by speaker."""
    write_corpus(out / "sounds", _esc10(corpora / "esc10"))
    write_corpus(out / "digits", _fsdd(corpora / "fsdd"))


def _esc10(folder: Path) -> Iterator[tuple[Array, dict[str, Any]]]:
    rng = np.random.default_rng(12)
    for path in track(sorted(folder.glob("*/*.ogg")), "ESC-10"):
        fold = int(path.name[0])
        split = {TEST_FOLD: "test", DEV_FOLD: "dev"}.get(fold, "train")
        samples = load(Clip(path=str(path)))
        told = {"kind": "sound", "labels": [path.parent.name.split(" - ")[1].lower()],
                "split": split, "licence": "CC BY 3.0 (ESC-10)",
                "id": "-".join(path.stem.split("-")[:2])}  # fmt: skip
        yield samples, told
        for _ in range(2 if split == "train" else 0):
            begin, length = cut_around_sound(samples, rng)
            yield samples[begin : begin + length], told


def cut_around_sound(samples: Array, rng: np.random.Generator) -> tuple[int, int]:
    """Begin and length of a cut of 2 to 4 s that holds the loudest moment (50 ms)."""
    length = int(rng.uniform(2, 4) * RATE_HZ)
    loudest = int(np.convolve(samples**2, np.ones(800), "same").argmax())
    begin = loudest - int(rng.uniform(0.1, 0.9) * length)
    return min(max(0, begin), max(0, len(samples) - length)), length


def _fsdd(folder: Path) -> Iterator[tuple[Array, dict[str, Any]]]:
    for path in track(sorted((folder / "recordings").glob("*.wav")), "FSDD"):
        digit, speaker, number = path.stem.split("_")
        split = {TEST_SPEAKER: "test", DEV_SPEAKER: "dev"}.get(speaker, "train")
        if int(number) < (30 if split == "train" else 10):
            yield load(Clip(path=str(path))), {
                "kind": "speech", "labels": [DIGITS[int(digit)]], "speaker": speaker,
                "transcript": DIGITS[int(digit)], "split": split, "id": path.stem,
                "licence": "CC BY-SA 4.0 (FSDD)",
            }  # fmt: skip


FAMILIES = {
    "sounds": ("identify", "presence", "same-sound", "which-clip", "count"),
    "digits": ("word", "same-word", "which-clip"),
    "read": ("word",),
    "voices": ("word",),
}
"""Questions with options, and pairs, of each corpus."""


def items(out: Path) -> None:
    """Open questions on all training clips, those of `harken synth`, and those of `replay.py`."""
    lines = []
    for corpus in FAMILIES:
        for line in (out / corpus / "manifest.jsonl").read_text().splitlines():
            item = open_item(out / corpus, json.loads(line))
            if item is not None:
                lines.append(json.dumps(item.to_dict()))
    (out / "open.jsonl").write_text("\n".join(lines) + "\n")
    for corpus, families in FAMILIES.items():
        made = out / f"{corpus}-items"
        chosen = [part for name in families for part in ("--family", name)]
        subprocess.run(
            [sys.executable, "-m", "harken", "synth", str(out / corpus), "-o", str(made),
             "--per-family", "1500", *chosen],
            check=True,
        )  # fmt: skip
        lines += [json.dumps(i.to_dict()) for i in read_items(made) if i.split == "train"]
    replay = out / "replay.jsonl"
    lines += replay.read_text().splitlines() if replay.exists() else []
    (out / "items.jsonl").write_text("\n".join(lines) + "\n")


def open_item(folder: Path, told: dict[str, Any]) -> Item | None:
    """What is said, or what sounds, asked openly; None for what is not trained on."""
    if told["split"] != "train":
        return None
    spoken = told["kind"] == "speech"
    heard = (
        SourceFacts("speech", speaker=told.get("speaker"), transcript=told["transcript"])
        if spoken
        else SourceFacts("sound", told["labels"][0])
    )
    return Item(
        question=TRANSCRIBE if spoken else NAME,
        answer=told["transcript"] if spoken else told["labels"][0],
        clips=(Clip(path=str(folder / told["path"])),),
        task="transcribe" if spoken else "name",
        tags=("sentence" if spoken else "sound",),
        split="train",
        licence=told["licence"],
        recordings=(told.get("id") or told["path"],),
        speakers=(told["speaker"],) if told.get("speaker") else (),
        facts=(ClipFacts((heard,)),),
    )


def main() -> None:
    """One of the parts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("part", choices=("voices", "read", "sounds", "items"))
    parser.add_argument("out", type=Path)
    parser.add_argument("corpora", type=Path, nargs="?")
    parser.add_argument("words", type=Path, nargs="?")
    asked = parser.parse_args()
    if asked.part == "voices":
        voices(asked.out)
    elif asked.part == "read":
        read(asked.out, asked.corpora, asked.words)
    elif asked.part == "sounds":
        sounds(asked.out, asked.corpora)
    else:
        items(asked.out)


if __name__ == "__main__":
    main()
