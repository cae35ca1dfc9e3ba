"""Exams of a codec language model: is what it says what was asked, and does it prefer the natural?

Generated sounds are judged as the recordings of the same texts are, and as these are after the
codec: the last is the most that any model over this codec can reach. Judges are a linear probe that
was fitted to other recordings, and a speech recogniser if one is named
(`harken.recipes.speech_judge`). Likelihood exams compare
the loss of a recording with that of an altered one (`harken.recipes.natural_pairs`).

Run:  harken eval-speech speech/model recordings -o exam --asr whisper-base
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harken.ask.words import key
from harken.audio.clip import RATE_HZ
from harken.audio.load import load, write_wav
from harken.errors import DataError
from harken.evaluate.linear_probe import LinearProbe
from harken.files import write_json
from harken.models.base import SpeechSampling
from harken.models.codec.measures import sound_summary
from harken.models.codec_lm.generate import SpeechRequest, speak
from harken.models.codec_lm.model import CodecLanguageModel
from harken.models.engine.features import Array
from harken.models.listeners.asr import build as build_recogniser
from harken.progress import track
from harken.recipes.codec_lm import utterances_of
from harken.recipes.natural_pairs import likelihood_exams
from harken.recipes.speech_judge import recognise
from harken.report.speech_page import SpokenSample, write_speech_page
from harken.stats.measures import wilson
from harken.train.codec_lm import Utterance

KINDS = ("natural", "codec", "generated")
"""Recordings, the same after the codec, and what the model says."""

_PROBED = 40  # recordings of a text that the probe is fitted to, at most


@dataclass(slots=True, eq=False)
class Judged:
    """One sound of the exam.

    Attributes:
        kind: of `KINDS`.
        text, voice: what it should say, and in whose voice.
        samples: float32 (n,) at 16 kHz.
        file: where it is written, relative to the exam's folder.
        heard: what each judge says: ``text`` and ``voice`` of the probe, ``asr`` and ``asr_closed``
            of the recogniser.
    """

    kind: str
    text: str
    voice: str
    samples: Array
    file: str = ""
    heard: dict[str, str] = field(default_factory=dict)


def exam(
    spec: str,
    corpora: Sequence[Path],
    out: Path,
    sampling: SpeechSampling,
    *,
    asr: str = "",
    asr_limit: int = 0,
    per_text: int = 10,
    split: str = "train",
    seed: int = 0,
) -> dict[str, Any]:
    """Judge a model; write ``results.json``, the sounds and a page with players into `out`.

    Args:
        spec: the model.
        corpora: recordings of what it was trained to say, for judges and ceilings.
        out: folder.
        sampling: how it speaks; longer recordings are cut to its seconds, where they are loudest.
        asr: a speech recogniser, as of ``asr:``; empty: none.
        asr_limit: most sounds of each kind that it judges, spread evenly; 0: all.
        per_text: sounds of each text and kind.
        split: of the recordings.
        seed: of what is drawn; the splits have that of the training.

    Raises:
        DataError: no text of the model is in the recordings at least twice.
        ModelError: no such model or recogniser.
    """
    model = CodecLanguageModel.open(spec)
    # The splits are those of its training, whatever is drawn here.
    of_training = int(model.training["seed"])
    given = utterances_of(corpora, split, of_training)
    said = [one for one in given if one.text in model.texts and one.voice in ("", *model.voices)]
    judge = build_recogniser(asr) if asr else None
    groups, sounds = {}, list[Judged]()
    for name, own in _groups(said).items():
        judged, fitted = _judged(model, own, sampling, per_text, seed, out / name)
        if judge is not None and name == "speech":
            heard = _spread(judged, asr_limit)
            texts = sorted({one.text for one in judged})
            told = recognise(judge, [one.samples for one in heard], texts)
            for one, said_of_it in zip(heard, told, strict=True):
                one.heard |= said_of_it
        groups[name] = {"probe_fitted_to": fitted, **_scores(judged)}
        sounds += judged
    result = {
        "model": model.describe(),
        "identity": model.identity(),
        "asr": asr,
        "sampling": {name: getattr(sampling, name) for name in sampling.__dataclass_fields__},
        "per_text": per_text,
        "seed": seed,
        "groups": groups,
        "likelihood": likelihood_exams(
            model, given, utterances_of(corpora, "test", of_training), seed=seed
        ),
    }
    write_json(out / "results.json", result)
    samples = [SpokenSample(one.kind, one.text, one.voice, str(out / one.file), one.heard)
               for one in sounds]  # fmt: skip
    write_speech_page(out / "page.html", result, samples)
    return result


def _groups(said: Sequence[Utterance]) -> dict[str, list[Utterance]]:
    """``speech``, where a voice is known, and ``sounds``; those with two texts or more."""
    found = {
        "speech": [one for one in said if one.voice],
        "sounds": [one for one in said if not one.voice],
    }
    found = {name: own for name, own in found.items() if len({one.text for one in own}) > 1}
    if not found:
        raise DataError(
            "the recordings have fewer than two texts that the model knows",
            hint="Name the recordings that it was trained with.",
        )
    return found


def _judged(
    model: CodecLanguageModel,
    said: Sequence[Utterance],
    sampling: SpeechSampling,
    per_text: int,
    seed: int,
    folder: Path,
) -> tuple[list[Judged], int]:
    """The sounds of a group with what a probe hears; and the number of recordings of its fit."""
    rng = np.random.default_rng([seed, 73])
    fit, shown = list[Utterance](), list[Utterance]()
    for text in sorted({one.text for one in said}):
        own = sorted((one for one in said if one.text == text), key=lambda one: one.clip.key)
        order = rng.permutation(len(own))
        half = min(per_text, len(own) // 2)
        shown += [own[int(i)] for i in order[:half]]
        fit += [own[int(i)] for i in order[half : half + _PROBED]]
    judged = [
        Judged("natural", one.text, one.voice, _cut(load(one.clip), sampling.seconds))
        for one in shown
    ]
    judged += [Judged("codec", one.text, one.voice, _through(model, one.samples)) for one in judged]
    requests = [SpeechRequest(one.text, one.voice) for one in shown]
    seeds = [int(i) for i in np.random.default_rng([seed, 79]).integers(2**31, size=len(requests))]
    for asked, drawn in zip(shown, speak(model, requests, sampling, seeds), strict=True):
        judged.append(Judged("generated", asked.text, asked.voice, model.samples_of(drawn)))
    for number, sound in enumerate(judged):
        sound.file = f"{folder.name}/{sound.kind}-{number:04d}.wav"
        write_wav(folder.parent / sound.file, np.clip(sound.samples, -1.0, 1.0), RATE_HZ)
    known = list[Array]()
    for one in track(fit, "probing"):
        natural = _cut(load(one.clip), sampling.seconds)
        known += [sound_summary(natural), sound_summary(_through(model, natural))]
    features = np.stack(known)
    heard = np.stack([sound_summary(one.samples) for one in judged])
    for name in ("text", "voice"):
        labels = [str(getattr(one, name)) for one in fit for _ in range(2)]
        if len(set(labels)) > 1:
            told = LinearProbe.fit(features, labels).predict(heard)
            for sound, label in zip(judged, told, strict=True):
                sound.heard[name] = label
    return judged, len(fit)


def _through(model: CodecLanguageModel, samples: Array) -> Array:
    """What the model's codec makes of a sound, with as many codebooks as the model has."""
    codes = model.codec.encode(samples, model.pattern.codebooks)
    return model.codec.decode(codes, len(samples))


def _cut(samples: Array, seconds: float) -> Array:
    """At most `seconds` of a sound, where it is loudest."""
    length = round(seconds * RATE_HZ)
    if len(samples) <= length:
        return samples
    energy = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    start = int(np.argmax(energy[length:] - energy[:-length]))
    return samples[start : start + length]


def _spread(judged: Sequence[Judged], limit: int) -> list[Judged]:
    """All sounds, or `limit` of each kind, spread evenly."""
    chosen = []
    for kind in KINDS:
        own = [one for one in judged if one.kind == kind]
        count = min(limit or len(own), len(own))
        chosen += [own[i * len(own) // count] for i in range(count)]
    return chosen


_FIGURES = {
    "text": "probe_text",
    "voice": "probe_voice",
    "asr_closed": "recogniser_closed",
    "asr": "recogniser",
}


def _scores(judged: Sequence[Judged]) -> dict[str, Any]:
    """For each judge and kind the share of right ones with its 95 % Wilson interval, and chance."""
    found: dict[str, Any] = {}
    for name, figure in _FIGURES.items():
        gold = "voice" if name == "voice" else "text"
        own = [one for one in judged if name in one.heard]
        if not own:
            continue
        # Words that are written freely are right by chance hardly ever.
        chance = 0.0 if name == "asr" else 1 / len({getattr(one, gold) for one in own})
        row: dict[str, Any] = {"chance": chance}
        for kind in KINDS:
            right = [
                key(one.heard[name]) == key(getattr(one, gold)) for one in own if one.kind == kind
            ]
            low, high = wilson(sum(right), len(right))
            row[kind] = {"right": sum(right), "n": len(right), "interval": [low, high]}
        found[figure] = row
    return found
