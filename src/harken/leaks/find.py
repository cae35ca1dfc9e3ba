"""Is a benchmark in the training data? Matches by audio, source and text; nothing is dropped.

The index is built over the benchmark, the training set is streamed past it, so memory is bounded by
the benchmark. Kinds of match, the most certain first (strength in brackets):

* ``bytes`` (1, or the share of the benchmark's clip that the training clip covers): the
  same file, by SHA-256 of its encoded bytes; the same scene, by its plan;
* ``samples`` (1): the same samples in another file (`harken.audio.fingerprint.sample_hash`);
* ``print`` (1 - 2 · share of differing bits): the same recording, re-encoded, resampled, louder,
  cut or noisy (`harken.audio.fingerprint`, Haitsma and Kalker 2002);
* ``source`` (0.5 to 1): the same Freesound id, seconds of a video, utterance (`leaks.sources`);
* ``text`` (share of the question's own 8-grams): the same question (`leaks.text`);
* ``name`` (0.5) and ``near`` (0.25): the same distinctive file name; the same speaker, or other
  seconds of the same video. These two are hints, and do not count an item as leaked.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.fingerprint import Fingerprint, FingerprintIndex, fingerprint, sample_hash
from harken.audio.load import load
from harken.audio.probe import file_sha256
from harken.audio.source import EncodedSource, read_source, shard_bytes
from harken.errors import AudioError, ConfigError
from harken.hashing import digest
from harken.leaks.evidence import MAX_UNHEARD, SOUND, Side, compared, missing, verdict
from harken.leaks.read import ComparedItem, ItemSource
from harken.leaks.sources import WEAK, Origin, certainty, in_order, keys, origins
from harken.leaks.text import Questions, normalised
from harken.progress import track

KINDS = ("bytes", "samples", "print", "source", "text", "name", "near")
HINTS = ("name", "near")
"""Kinds that may be chance; they are listed but do not count an item as leaked."""

_REMEMBERED = 4096  # training clips whose matches are cached: items share recordings
_AHEAD = 32  # training items decoded at once, for each thread
_COMMON = 50  # a name in more benchmark items than this (or 5 % of them) is no evidence


@dataclass(frozen=True, slots=True)
class Match:
    """One training item that repeats one benchmark item.

    Attributes:
        kind: one of `KINDS`.
        strength: 0..1, in the kind's own terms.
        bench: the benchmark's item, `bench_clip` its clip, where audio matched.
        train: the training item, likewise.
        found: what matched, in words.
    """

    kind: str
    strength: float
    bench: str
    train: str
    found: str
    bench_clip: str = ""
    train_clip: str = ""


@dataclass(frozen=True, slots=True)
class ClipFeatures:
    """What is compared of one clip; `fault` says why it could not be decoded."""

    hash: str = ""
    samples: str = ""
    print: Fingerprint | None = None
    fault: str = ""


FeaturesOf = Callable[[Clip], ClipFeatures]


def contamination(
    train: Iterable[ComparedItem],
    bench: Sequence[ComparedItem],
    *,
    checks: Sequence[str] | None = None,
    shown: int = 3,
    jobs: int = 1,
    source: ItemSource | None = None,
    each: Callable[[Match], None] | None = None,
    max_unheard: float = MAX_UNHEARD,
    features: FeaturesOf | None = None,
) -> dict[str, Any]:
    """Compare a training set, streamed, with a benchmark.

    Args:
        train: training items; read once.
        bench: benchmark items, all in memory.
        checks: which of `KINDS` to look for; without those of `SOUND` no audio is opened. None: all
            that both sides have something for.
        shown: matches listed for each benchmark item and kind, the strongest; all are counted.
        jobs: threads that decode and take fingerprints.
        source: knows the number of training items, for the progress bar.
        each: called with every match as it is found, in the order of the training set.
        max_unheard: largest share of a side's items with clips that may go unheard in a pass.
        features: what is compared of a clip, for callers that keep it; default: `features_of`.

    Returns:
        ``verdict`` (one of `leaks.evidence`), ``lacks`` (why too little was compared for a pass),
        ``compared`` (benchmark items compared by sound, text and source),
        ``train`` and ``bench`` (items, clips, questions, unreadable clips by reason), ``checks``,
        ``kinds`` (for each: benchmark items, training items, pairs), ``leaked`` (ids of benchmark
        items with a match that is no hint), ``share`` of them, ``generic`` (questions that are all
        template), ``common_names`` (names and speakers that too many items share, left out),
        and ``matches``.

    Raises:
        ConfigError: an unknown check.
    """
    named, checks = checks is not None, KINDS if checks is None else checks
    unknown = [name for name in checks if name not in KINDS]
    if unknown:
        raise ConfigError(f"no such check: {', '.join(unknown)}", hint=f"Known: {', '.join(KINDS)}")
    take = features or features_of
    index = _Index(bench, checks, jobs, take)
    found = _Found(shown)
    side = Side()
    for entry, heard in track(
        _with_features(train, index.decodes_audio, jobs, take),
        "compare",
        None if source is None else source.total,
    ):
        side.count(entry, [one.fault for one in heard])
        matches = index.find(entry, heard)
        found.take(matches)
        if each is not None:
            for match in matches:
                each(match)
    leaked = [entry.id for entry in bench if entry.id in found.leaked]
    done = compared(index.side, side, checks, index.questions.generic)
    lacks = missing(index.side, side, done, named, max_unheard)
    return {
        "verdict": verdict(leaked, lacks),
        "lacks": lacks,
        "compared": done,
        "train": side.to_json(),
        "bench": index.side.to_json(),
        "checks": list(checks),
        "kinds": found.kinds(checks),
        "leaked": leaked,
        "share": len(leaked) / len(bench) if bench else 0.0,
        "generic": index.questions.generic,
        "common_names": index.common,
        "matches": found.listed(),
    }


class _Index:
    """The benchmark, indexed for look-ups by training item."""

    def __init__(
        self, bench: Sequence[ComparedItem], checks: Sequence[str], jobs: int, take: FeaturesOf
    ) -> None:
        self.bench = bench
        self.checks = frozenset(checks)
        self.decodes_audio = bool(self.checks & frozenset(SOUND))
        self.side = Side()
        self._clips: list[tuple[int, Clip]] = []
        self._hashes: dict[str, list[int]] = {}
        self._samples: dict[str, list[int]] = {}
        self._prints = FingerprintIndex()
        self._origins: dict[tuple[str, str], list[tuple[int, Origin]]] = {}
        self._remembered: OrderedDict[str, list[tuple[int, str, float, str]]] = OrderedDict()
        steps = track(_with_features(bench, self.decodes_audio, jobs, take), "index", len(bench))
        for number, (entry, features) in enumerate(steps):
            self.side.count(entry, [one.fault for one in features])
            for clip, one in zip(entry.clips, features, strict=False):
                self._add_clip(number, clip, one)
            for origin in _origins(entry):
                for key in keys(origin):
                    self._origins.setdefault(key, []).append((number, origin))
        self.common = self._without_common()
        self.questions = Questions(normalised(entry.question, entry.choices) for entry in bench)

    def _without_common(self) -> dict[str, int]:
        """Drop names and speakers that many items share; returns them with their counts."""
        most = max(_COMMON, len(self.bench) // 20)
        common = {
            key: len(held)
            for key, held in self._origins.items()
            if key[0] in ("name", "number", "speaker") and len(held) > most
        }
        for key in common:
            del self._origins[key]
        return {f"{kind} {id_}": count for (kind, id_), count in sorted(common.items())}

    def find(self, entry: ComparedItem, features: Sequence[ClipFeatures]) -> list[Match]:
        """All matches of one training item, one per benchmark item, kind and clip."""
        found: dict[tuple[str, int, str], Match] = {}
        for clip, one in zip(entry.clips, features, strict=False):
            for place, kind, strength, what in self._sounds(clip, one):
                number, theirs = self._clips[place]
                match = self._match(kind, strength, number, entry, what, theirs, clip)
                found.setdefault((kind, number, clip.key), match)
        if self.checks & {"source", "name", "near"}:
            for number, kind, strength, what in self._named(entry):
                held = found.get((kind, number, ""))
                if held is None or held.strength < strength:
                    match = self._match(kind, strength, number, entry, what)
                    found[kind, number, ""] = match
        if "text" in self.checks and entry.question:
            for overlap in self.questions.find(normalised(entry.question, entry.choices)):
                what = "the same words" if overlap.same else f"{overlap.run} words in a row"
                match = self._match("text", overlap.share, overlap.number, entry, what)
                found["text", overlap.number, ""] = match
        return list(found.values())

    def _match(
        self,
        kind: str,
        strength: float,
        number: int,
        entry: ComparedItem,
        found: str,
        bench_clip: Clip | None = None,
        train_clip: Clip | None = None,
    ) -> Match:
        sides = self.bench[number].id, entry.id
        return Match(
            kind, round(strength, 4), *sides, found, _shown(bench_clip), _shown(train_clip)
        )

    def _add_clip(self, number: int, clip: Clip, one: ClipFeatures) -> None:
        place = len(self._clips)
        self._clips.append((number, clip))
        if one.hash:
            self._hashes.setdefault(one.hash, []).append(place)
        if one.samples:
            self._samples.setdefault(one.samples, []).append(place)
        self._prints.add(one.print)

    def _sounds(self, clip: Clip, one: ClipFeatures) -> list[tuple[int, str, float, str]]:
        """(place, kind, strength, what) of every clip of the benchmark that this one repeats.

        A clip that matches by its bytes is not listed again for its samples, and so on.
        """
        if clip.key in self._remembered:
            self._remembered.move_to_end(clip.key)
            return self._remembered[clip.key]
        found: dict[int, tuple[int, str, float, str]] = {}
        for place in self._hashes.get(one.hash, ()) if one.hash else ():
            covered = _covered(clip, self._clips[place][1])
            if covered and "bytes" in self.checks:
                found[place] = place, "bytes", covered, "the same file"
            elif not covered and "near" in self.checks:
                found[place] = place, "near", WEAK, "another stretch of the same file"
        if "samples" in self.checks and one.samples:
            for place in self._samples.get(one.samples, ()):
                if found.get(place, (0, "", 0.0, ""))[2] < 1:
                    found[place] = place, "samples", 1.0, "the same samples"
        if "print" in self.checks and one.print is not None:
            for echo in self._prints.find(one.print):
                what = (f"{echo.errors:.3f} of bits differ over {echo.seconds:.2f} s, "
                        f"from {echo.offset_s:.2f} s")  # fmt: skip
                if found.get(echo.number, (0, "near"))[1] == "near":
                    found[echo.number] = echo.number, "print", 1 - 2 * echo.errors, what
        self._remembered[clip.key] = list(found.values())
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return self._remembered[clip.key]

    def _named(self, entry: ComparedItem) -> Iterator[tuple[int, str, float, str]]:
        """(item, kind, strength, what) of every benchmark item with the same origin."""
        for origin in _origins(entry):
            for number, other in self._origins.get((origin.kind, origin.id), ()):
                sure = certainty(origin, other)
                kind = "near" if sure <= WEAK else "source"
                if kind == "source" and {origin.kind, other.kind} & {"name", "number"}:
                    kind = "name"
                if kind in self.checks:
                    yield number, kind, sure, f"{other.kind} {other.id}"


class _Found:
    """Matches counted by kind; the strongest few of each benchmark item and kind are listed."""

    def __init__(self, shown: int) -> None:
        self.shown = shown
        self.leaked: set[str] = set()
        self._listed: dict[tuple[str, str], list[Match]] = {}
        self._pairs: Counter[str] = Counter()
        self._trained: Counter[str] = Counter()

    def take(self, matches: Sequence[Match]) -> None:
        """The matches of one training item."""
        self._trained.update({match.kind for match in matches})
        for match in matches:
            self._pairs[match.kind] += 1
            held = self._listed.setdefault((match.kind, match.bench), [])
            held.append(match)
            held.sort(key=lambda one: -one.strength)  # stable: the first of equally strong ones
            del held[self.shown :]
            if match.kind not in HINTS:
                self.leaked.add(match.bench)

    def kinds(self, checks: Sequence[str]) -> dict[str, dict[str, int]]:
        """Counts by kind."""
        benches = Counter(kind for kind, _ in self._listed)
        return {
            kind: {
                "bench_items": benches[kind],
                "train_items": self._trained[kind],
                "pairs": self._pairs[kind],
            }
            for kind in KINDS
            if kind in checks
        }

    def listed(self) -> list[dict[str, Any]]:
        """The listed matches, by kind, then strength."""
        every = [match for held in self._listed.values() for match in held]
        every.sort(key=lambda m: (KINDS.index(m.kind), -m.strength, m.bench, m.train))
        return [asdict(match) for match in every]


def _with_features(
    entries: Iterable[ComparedItem], decodes_audio: bool, jobs: int, take: FeaturesOf
) -> Iterator[tuple[ComparedItem, list[ClipFeatures]]]:
    """Each entry with the features of its clips, in order."""
    stream = iter(entries)
    if not decodes_audio:
        yield from ((entry, [ClipFeatures() for _ in entry.clips]) for entry in stream)
        return
    known: OrderedDict[str, ClipFeatures] = OrderedDict()
    with ThreadPoolExecutor(max(1, jobs), "features") as pool:
        while some := list(islice(stream, _AHEAD * max(1, jobs))):
            # A recording that several items share is decoded once.
            clips = {c.key: c for entry in some for c in entry.clips if c.key not in known}
            known |= zip(clips, pool.map(take, clips.values()), strict=True)
            for entry in some:
                yield entry, [known[clip.key] for clip in entry.clips]
            while len(known) > _REMEMBERED:
                known.popitem(last=False)


def features_of(clip: Clip) -> ClipFeatures:
    """The hashes and the fingerprint of a clip; a fault, not an error, if unreadable."""
    known = clip.sha256 or (clip.key if clip.plan is not None else "")
    try:
        if clip.kind == "file" and not known:
            known = file_sha256(clip.path)
        if clip.plan is not None and clip.kind != "shard":
            samples, rate = load(clip)[None, :], RATE_HZ
        else:
            row = clip.row if clip.kind == "shard" else -1
            encoded = EncodedSource(
                clip.path, row, clip.slot, clip.start_s, clip.duration_s, clip.sha256
            )
            if clip.kind == "shard" and not known:
                known = digest(shard_bytes(encoded), 64)
            samples, rate = read_source(encoded)
    except AudioError as error:
        return ClipFeatures(hash=known, fault=error.reason)
    return ClipFeatures(known, sample_hash(samples, rate), fingerprint(samples, rate))


def _origins(entry: ComparedItem) -> list[Origin]:
    spoken = {Origin("speaker", f"named {one}") for one in entry.speakers if one}
    return in_order(spoken | origins(entry.names, entry.row))


def _covered(train: Clip, bench: Clip) -> float:
    """The share of the benchmark's stretch of a file that the training clip covers."""
    if bench.plan is not None or (train.duration_s is None and not train.start_s):
        return 1.0
    if bench.duration_s is None:
        return 1.0 if train.duration_s is None else 0.5  # of an unknown length, some of it
    end = bench.start_s + bench.duration_s
    stop = end if train.duration_s is None else train.start_s + train.duration_s
    shared = min(end, stop) - max(bench.start_s, train.start_s)
    return min(1.0, max(0.0, shared / bench.duration_s)) if bench.duration_s > 0 else 1.0


def _shown(clip: Clip | None) -> str:
    """A clip by its file and stretch."""
    if clip is None:
        return ""
    name = clip.path or f"scene {clip.key}"
    if clip.kind == "shard":
        name = f"{clip.path} row {clip.row}"
    stretch = "" if not clip.start_s else f" from {clip.start_s:g} s"
    return name + stretch
