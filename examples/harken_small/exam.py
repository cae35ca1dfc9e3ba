"""The listening exam of harken-small: held-out real recordings, in nine parts.

    python exam.py make CORPORA WORDS.jsonl [WORDS.jsonl …] -o EXAM
    python exam.py run MODEL EXAM -o RUNS
    harken card MODEL RUNS --train TRAINING -o README.md

CORPORA holds ``esc10``, ``fsdd`` and ``librispeech``. WORDS.jsonl has what a recogniser wrote for
each utterance, with the times of its words: ``{"path": …, "text": …, "words": [[word, start_s,
end_s], …]}``. These transcripts stand in for references, which this excerpt of LibriSpeech lacks:
word error rates say how far a model is from that recogniser, and the recogniser itself, as in a
cascade, is measured against its own words.

Nothing of the exam may be trained on: ESC-10 fold 5, the digits of speaker theo, LibriSpeech's
``test-other`` and the last 16 speakers, by number, of ``train-clean-100``.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load
from harken.corpora.base import Entry, Recording
from harken.corpora.layouts import esc, fsdd, librispeech
from harken.corpora.read import recording
from harken.evaluate.run import run as evaluate
from harken.item import Item
from harken.models.base import Sampling, score_choices_by
from harken.models.load import load_model
from harken.shards.jsonl import write_jsonl
from harken.shards.read import read_items
from harken.synth.design import BlockDesign
from harken.synth.families import identify, name, transcribe, word
from harken.synth.make import draw
from harken.synth.options import pick_options
from harken.synth.pool import RecordingPool, Topic, ref, said
from harken.synth.question import (
    UNIT_ITEMS,
    VERSION,
    Draw,
    DrawKey,
    Picks,
    QuestionFamily,
    build_item,
    plan_item,
)
from harken.synth.vocabulary import is_content_word

TEST_FOLD, TEST_SPEAKER, TEST_SPEAKERS = 5, "fsdd:theo", 16
DIGITS = 10
"""Recordings of each digit."""
SIZES = {"librispeech-word": 120, "librispeech-transcript": 100, "pairs": 80, "which-clip": 100}
ROOM = {"digits-open": 4, "esc10-open": 8, "librispeech-transcript": 24}
"""Tokens of a reply, by open part."""
WORDS = (2, 8)
"""Words of a segment."""
SEED = 0


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance: its path below the folder of the corpora, and its words with their times."""

    path: Path
    words: tuple[tuple[str, float, float], ...]


def make(corpora: Path, words: Sequence[Path], out: Path) -> dict[str, int]:
    """Write the parts, ``OUT/PART.jsonl`` each; returns how many items each has."""
    sounds = _sounds(corpora / "esc10")
    digits = _digits(corpora / "fsdd")
    read = read_words(words)
    segments = list(_segments(corpora / "librispeech", held_out(read)))
    named = sorted({label for one in sounds for label in one.labels})
    parts: dict[str, Iterable[Item]] = {
        "esc10": _choices(identify.FAMILY, sounds, named, lambda one: one.labels[0]),
        "esc10-open": _open(name.FAMILY, sounds, "sound", lambda one: one.labels[0]),
        "digits": _choices(word.FAMILY, digits, fsdd.DIGITS, _spoken),
        "digits-open": _open(transcribe.FAMILY, digits, "word", _spoken),
        "librispeech-word": _words_said(segments, repeated(read), SIZES["librispeech-word"]),
        "librispeech-transcript": _open(
            transcribe.FAMILY,
            _spread(segments, SIZES["librispeech-transcript"]),
            "sentence",
            lambda one: one.transcript or "",
        ),
        "same-sound": draw(sounds, "test", "same-sound", SIZES["pairs"], SEED),
        "same-word": draw(digits, "test", "same-word", SIZES["pairs"], SEED),
        "which-clip": _two_clips([*sounds, *digits], SIZES["which-clip"]),
    }
    out.mkdir(parents=True, exist_ok=True)
    return {part: write_jsonl(items, out / f"{part}.jsonl") for part, items in parts.items()}


# Recordings --------------------------------------------------------------------------------------


def _sounds(root: Path) -> list[Recording]:
    """The clips of the test fold."""
    return _read(root, (e for e in esc.entries(root) if isinstance(e, Entry)),
                 lambda entry: entry.fold == TEST_FOLD)  # fmt: skip


def _digits(root: Path) -> list[Recording]:
    """The same number of recordings of each digit by the test speaker."""
    found: dict[str, list[Recording]] = {}
    for one in _read(root, (e for e in fsdd.entries(root) if isinstance(e, Entry)),
                     lambda entry: entry.speaker == TEST_SPEAKER):  # fmt: skip
        found.setdefault(_spoken(one), []).append(one)
    return [one for digit in sorted(found) for one in _spread(found[digit], DIGITS)]


def _read(root: Path, entries: Iterable[Entry], wanted: Callable[[Entry], bool]) -> list[Recording]:
    return [recording(replace(entry, split="test", fold=None), root.resolve())
            for entry in entries if wanted(entry)]  # fmt: skip


def read_words(files: Sequence[Path]) -> list[Said]:
    """The utterances of LibriSpeech in lists of recognised words, by path."""
    found = {}
    for file in files:
        for line in file.read_text("utf-8").splitlines():
            told = json.loads(line)
            parts = Path(told["path"]).parts
            if "librispeech" in parts:
                path = Path(*parts[parts.index("librispeech") :])
                spans = tuple((str(w), float(a), float(b)) for w, a, b in told["words"])
                found[path] = Said(path, spans)
    return [found[path] for path in sorted(found)]


def repeated(read: Sequence[Said]) -> set[str]:
    """Words of two utterances or more: a recogniser is seldom wrong alike twice."""
    counts = Counter(
        w for one in read for w in {plain(text) for text, _, _ in one.words} if w and " " not in w
    )
    return {w for w, n in counts.items() if n > 1}


def held_out(said: Sequence[Said]) -> list[Said]:
    """The utterances of test speakers."""
    clean = {_speaker(one.path) for one in said if "train-clean" in str(one.path)}
    last = set(sorted(clean)[-TEST_SPEAKERS:])
    return [one for one in said
            if "test-other" in str(one.path) or _speaker(one.path) in last]  # fmt: skip


def _speaker(path: Path) -> int:
    return int(path.name.split("-")[0])


def _segments(root: Path, said: Sequence[Said]) -> Iterator[Recording]:
    """Two to eight words each, cut at the quietest point between words."""
    sexes = librispeech.read_speakers(root / "SPEAKERS.TXT")
    for one in said:
        path = one.path.relative_to("librispeech")
        samples = load(Clip(path=str(root / path)))
        speaker, chapter, _ = path.stem.split("-")
        for first, last in spans([w for w, _, _ in one.words]):
            text = plain(" ".join(w for w, _, _ in one.words[first:last]))
            start = quietest(samples, one.words[first][1])
            length = quietest(samples, one.words[last - 1][2]) - start
            if not text or not 0.13 * (last - first) < length < 6:
                continue  # figures, foreign letters, or times that cannot be
            yield recording(
                Entry(
                    path=str(path),
                    id=f"librispeech:{speaker}-{chapter}",
                    kind="speech",
                    transcript=text,
                    speaker=f"librispeech:{speaker}",
                    split="test",
                    licence="CC BY 4.0",
                    sex=sexes.get(speaker, ""),
                    start_s=start,
                    length_s=length,
                ),
                root.resolve(),
            )


def spans(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """First and last word (excluded) of segments: to the end of a phrase, or the most words."""
    start = 0
    for at, text in enumerate(words, 1):
        phrase = text[-1:] in ".,;:!?" and at - start >= WORDS[0]
        if phrase or at - start == WORDS[1] or at == len(words):
            if at - start >= WORDS[0]:
                yield start, at
            start = at


def plain(text: str) -> str:
    """Words in lower case without punctuation; empty where something else than words is in it."""
    words = re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower().replace("’", "'"))
    return "" if re.search(r"[^a-zA-Z'’.,;:!?\"\s-]", text) else " ".join(words)


def quietest(samples: NDArray[Any], at_s: float, reach_s: float = 0.12) -> float:
    """The time (s) of least energy, over 20 ms, near another."""
    first = max(0, int((at_s - reach_s) * RATE_HZ))
    last = min(len(samples), int((at_s + reach_s) * RATE_HZ))
    if last - first < 640:
        return min(len(samples), max(0, int(at_s * RATE_HZ))) / RATE_HZ
    energy = np.convolve(samples[first:last] ** 2, np.ones(320), "same")
    return (first + int(energy.argmin())) / RATE_HZ


# Items -------------------------------------------------------------------------------------------


def _spoken(one: Recording) -> str:
    return said(one)[0]


def _spread(recordings: Sequence[Recording], most: int) -> list[Recording]:
    """At most so many, evenly spread, in order of their identity."""
    order = sorted(recordings, key=ref)
    if len(order) <= most:
        return order
    return [order[i * len(order) // most] for i in range(most)]


def _asked(
    family: QuestionFamily, one: Recording, values: Mapping[str, Any], index: int, template: int
) -> Item:
    """The item of a plan that is laid out here and not drawn."""
    recorded, sha256, start_s = ref(one)
    plan = {
        "version": VERSION, "family": family.name, "seed": SEED, "split": "test",
        "unit": index // UNIT_ITEMS, "index": index, "attempt": 0, "template": template,
        "picks": [{"recording": recorded, "sha256": sha256, "start_s": start_s}],
        "values": dict(values),
    }  # fmt: skip
    return build_item(family, plan, [one])


def _choices(
    family: QuestionFamily,
    recordings: Sequence[Recording],
    names: Sequence[str],
    of: Callable[[Recording], str],
) -> Iterator[Item]:
    """Every recording once, among three other names drawn evenly, in a balanced position.

    Each name has as many recordings as any other, so of four options none is likelier.
    """
    for index, one in enumerate(sorted(recordings, key=ref)):
        rng = np.random.default_rng([SEED, index])
        others = [other for other in names if other != of(one)]
        choices = [others[int(i)] for i in rng.permutation(len(others))[:3]]
        choices.insert(BlockDesign((SEED,), index).turn(4), of(one))
        values = {"choices": choices, "answer": of(one)}
        yield _asked(family, one, values, index, int(rng.integers(family.templates)))


def _open(
    family: QuestionFamily,
    recordings: Sequence[Recording],
    kind: str,
    of: Callable[[Recording], str],
) -> Iterator[Item]:
    """Every recording once, in the first wording."""
    for index, one in enumerate(sorted(recordings, key=ref)):
        yield _asked(family, one, {"kind": kind, "answer": of(one)}, index, 0)


def _words_said(segments: Sequence[Recording], known: set[str], count: int) -> list[Item]:
    """Which of four words is said: `known` content words of similar spelling and length.

    The four are drawn first and the answer among them, each with a segment that has none of the
    other three, as in the family `word`.
    """
    heard = [(one, frozenset(said(one))) for one in segments]
    content = {w for _, inside in heard for w in inside if is_content_word(w) and w in known}
    topic = Topic("word", heard).limited(content)

    def pick(pool: RecordingPool, draws: Draw) -> Picks | None:
        return pick_options(topic, draws)

    family, pool = replace(word.FAMILY, pick=pick), RecordingPool(segments, "test")
    found: dict[str, Item] = {}
    for index in range(count):
        for attempt in range(100):
            drawn = plan_item(family, pool, DrawKey(SEED, "test", index, attempt))
            item = None if drawn is None else build_item(family, drawn[0], drawn[1].recordings)
            if item is not None and item.id not in found:
                found[item.id] = item
                break
    return list(found.values())


def _two_clips(recordings: Sequence[Recording], count: int) -> list[Item]:
    """In which of two clips is it: sounds and words in turn."""
    drawn = draw(recordings, "test", "which-clip", 4 * count, SEED)
    return [item for item in drawn if len(item.clips) == 2][:count]


# Asking ------------------------------------------------------------------------------------------


def run(
    model: str, exam: Path, out: Path, conditions: Sequence[str], score_by: str, limit: int
) -> dict[str, Any]:
    """Evaluate a model on every part, ``OUT/PART`` each; a killed run resumes where it stopped."""
    asked = score_choices_by(load_model(model), score_by)
    found = {}
    for file in sorted(exam.glob("*.jsonl")):
        settings: dict[str, Any] = {"conditions": tuple(conditions)} if conditions else {}
        found[file.stem] = evaluate(
            asked,
            list(read_items(file))[: limit or None],
            out / file.stem,
            dataset=file,
            replies="none",  # of open questions a reply is always generated
            sampling=Sampling(ROOM.get(file.stem, 8)),
            max_failed=1.0,  # a recogniser that repeats itself on a dog's bark has no transcript
            **settings,
        )
        cells = found[file.stem]["overall"]["cells"]
        right = {condition: cell["accuracy"] for condition, cell in cells.items()}
        print(
            file.stem,
            json.dumps(right),
            json.dumps(found[file.stem].get("transcripts")),
            flush=True,
        )
    return found


def main() -> None:
    """Make the exam, or ask a model."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    making = verbs.add_parser("make", help="write the parts of the exam")
    making.add_argument("corpora", type=Path)
    making.add_argument("words", type=Path, nargs="+")
    asking = verbs.add_parser("run", help="evaluate a model on every part")
    asking.add_argument("model", help="a saved model's folder or a name, as for harken eval")
    asking.add_argument("exam", type=Path)
    asking.add_argument("--condition", action="append", default=[], help="default: all four")
    asking.add_argument("--score-by", default="text", help="text, letter or model")
    asking.add_argument("--limit", type=int, default=0, help="items of a part; 0: all")
    for verb in (making, asking):
        verb.add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    if given.verb == "make":
        print(json.dumps(make(given.corpora, given.words, given.out)))
    else:
        run(given.model, given.exam, given.out, given.condition, given.score_by, given.limit)


if __name__ == "__main__":
    main()
