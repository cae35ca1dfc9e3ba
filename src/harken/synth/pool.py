"""The recordings of one split, indexed by their content, to draw from.

A `Topic` is a vocabulary of one kind (sounds, spoken words, sentences) with the recordings that
contain each name. Recordings are sorted by identity, so a draw does not depend on their order or
folder. Copies of one sound (the same bytes, or the same samples in other bytes) become one
recording with the labels of all copies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harken.corpora.base import Recording
from harken.hashing import canonical, digest
from harken.synth import vocabulary

Numbers = NDArray[Any]
Ref = tuple[str, str, float]
"""Identity of a recording: id, sha256 (or path) of its file, start in seconds."""

SCENE_EVENT_S = 10.0
"""Longest recording (s) used whole as one event of a scene; longer ones need onsets."""

QUOTE_WORDS = 10
"""Most words of a sentence that are quoted."""


def ref(recording: Recording) -> Ref:
    """The identity of a recording, independent of its folder."""
    clip = recording.clip
    return (recording.id, clip.sha256 or f"path:{clip.path}", clip.start_s)


def said(recording: Recording) -> tuple[str, ...]:
    """The words spoken in a recording; empty if unknown."""
    if recording.kind != "speech":
        return ()
    if recording.transcript:
        return vocabulary.tokens(recording.transcript)
    return vocabulary.tokens(recording.labels[0]) if len(recording.labels) == 1 else ()


def quote(recording: Recording) -> str:
    """The transcript as quoted in a caption: at most `QUOTE_WORDS` words."""
    words = " ".join((recording.transcript or "").replace('"', "'").split()).split(" ")
    return " ".join(words) if len(words) <= QUOTE_WORDS else " ".join(words[:QUOTE_WORDS]) + " …"


Heard = list[tuple[Recording, frozenset[str]]]
"""Recordings, each with *all* names in it, in the vocabulary or not."""


class Topic:
    """A vocabulary and the recordings that contain each name.

    Attributes:
        kind: ``"sound"``, ``"word"`` or ``"sentence"``.
        names: the vocabulary, sorted.
        members: name -> recordings that contain it.
    """

    def __init__(self, kind: str, heard: Heard) -> None:
        """A topic without a vocabulary; `limited` sets one."""
        self.kind = kind
        self._clash, self._near, self._keys = _KINDS[kind]
        self._heard = heard
        self._rows: dict[int, tuple[Numbers, Numbers]] = {}
        self._sourced: dict[int, tuple[str, ...]] = {}
        self.names: tuple[str, ...] = ()
        self.members: dict[str, tuple[Recording, ...]] = {}

    def limited(self, names: Iterable[str]) -> Topic:
        """This topic with the vocabulary `names`."""
        topic = Topic(self.kind, self._heard)
        members: dict[str, list[Recording]] = {name: [] for name in sorted(names)}
        for recording, inside in self._heard:
            for name in inside:
                if name in members:
                    members[name].append(recording)
        topic.names = tuple(name for name, own in members.items() if own)
        topic.members = {name: tuple(members[name]) for name in topic.names}
        return topic

    def only(self, keep: Callable[[Recording, frozenset[str]], bool]) -> Topic:
        """This topic with the recordings for which `keep` is true, and the names in them."""
        heard = [
            (recording, inside) for recording, inside in self._heard if keep(recording, inside)
        ]
        return Topic(self.kind, heard).limited({name for _, inside in heard for name in inside})

    @cached_property
    def _clashing_names(self) -> dict[Ref, frozenset[str]]:
        # Names that clash share a bucket; only names in one bucket are compared, for speed.
        buckets: dict[str, list[str]] = {}
        for name in self.names:
            for key in self._keys(name):
                buckets.setdefault(key, []).append(name)
        near = {
            name: frozenset(
                other
                for key in self._keys(name)
                for other in buckets.get(key, ())
                if self.clash(other, name)
            )
            for name in sorted({name for _, inside in self._heard for name in inside})
        }
        return {
            ref(recording): frozenset().union(*(near[name] for name in inside))
            for recording, inside in self._heard
        }

    def free_of(self, recording: Recording, names: Iterable[str]) -> bool:
        """Whether `recording` contains none of `names` and no name that clashes with one."""
        return self._clashing_names[ref(recording)].isdisjoint(names)

    def clash(self, one: str, other: str) -> bool:
        """Whether two names may not be in one item."""
        return one == other or self._clash(one, other)

    def sources(self, name: str) -> int:
        """In how many source recordings `name` occurs."""
        return len({recording.id for recording in self.members[name]})

    def with_sources(self, n: int) -> tuple[str, ...]:
        """Names that occur in at least `n` source recordings."""
        if n not in self._sourced:
            self._sourced[n] = tuple(name for name in self.names if self.sources(name) >= n)
        return self._sourced[n]

    def near_set(self, rng: np.random.Generator, anchor: str, size: int) -> list[str] | None:
        """`anchor` and `size` - 1 names similar to it, none clashing; None if there are too few.

        Names are chosen by affinity plus noise, so similar ones are more frequent, not certain.
        """
        index = self.names.index(anchor)
        affinity, clash = self._row(index)
        score = affinity + rng.random(len(self.names)) * 1.5
        score[clash] = -np.inf
        chosen = [anchor]
        while len(chosen) < size:
            index = int(np.argmax(score))
            if score[index] == -np.inf:
                return None
            chosen.append(self.names[index])
            score[self._row(index)[1]] = -np.inf
        return chosen

    def _row(self, index: int) -> tuple[Numbers, Numbers]:
        """Affinity of name `index` to all names, and which of them clash with it; both (n,)."""
        if index not in self._rows:
            own = self.names[index]
            near = np.array([self._near(own, other) for other in self.names])
            self._rows[index] = near, np.array([self.clash(own, other) for other in self.names])
        return self._rows[index]


_KINDS: dict[
    str,
    tuple[Callable[[str, str], bool], Callable[[str, str], float], Callable[[str], Iterable[str]]],
] = {
    "sound": (vocabulary.sounds_clash, vocabulary.sound_affinity, vocabulary.stems),
    "word": (vocabulary.words_clash, vocabulary.word_affinity, vocabulary.word_keys),
    "sentence": (str.__eq__, lambda one, other: 0.0, lambda name: (name,)),
}
"""Kind -> clash, affinity, and keys; clashing names share at least one key."""


class RecordingPool:
    """The recordings of one split.

    Args:
        recordings: of any split; those of other splits are ignored.
        split: name of the split.
    """

    def __init__(self, recordings: Iterable[Recording], split: str) -> None:
        """Sort, and merge copies of one sound."""
        self.split = split
        found: dict[tuple[str, float, float | None], Recording] = {}
        for one in sorted((r for r in recordings if r.split == split), key=_order):
            copy = found.get(one.heard)
            both = (copy, one) if copy else (one,)
            labels = tuple(dict.fromkeys(label for own in both for label in own.labels))
            captions = tuple(dict.fromkeys(text for own in both for text in own.captions))
            found[one.heard] = replace(copy or one, labels=labels, captions=captions)
        self.recordings = tuple(sorted(found.values(), key=_order))
        self.by_ref = {ref(one): one for one in self.recordings}

    def __reduce__(self) -> tuple[Any, ...]:
        """Other processes are sent the recordings, and no index of them."""
        return RecordingPool, (self.recordings, self.split)

    @cached_property
    def sounds(self) -> Topic:
        """Sound events and instruments, by label."""
        heard = [(r, frozenset(r.labels)) for r in self.recordings if r.kind != "speech"]
        heard = [(r, inside) for r, inside in heard if inside]
        return Topic("sound", heard).limited({name for _, inside in heard for name in inside})

    @cached_property
    def lone_sounds(self) -> Topic:
        """Recordings with exactly one label."""
        return self.sounds.only(lambda _, inside: len(inside) == 1)

    @cached_property
    def words(self) -> Topic:
        """Spoken words, by word.

        The vocabulary is the words spoken alone if there are four, else content words of sentences
        that occur in at least two source recordings and in at most a third of all recordings.

        Recordings of sentences belong to every vocabulary word that they contain.
        """
        heard = [(r, frozenset(said(r))) for r in self.recordings if said(r)]
        topic = Topic("word", heard)
        alone = {next(iter(inside)) for r, inside in heard if len(said(r)) == 1}
        if len(alone) >= 4:
            return topic.limited(alone)
        content = {
            word for _, inside in heard for word in inside if vocabulary.is_content_word(word)
        }
        wide = topic.limited(content)
        most = max(2, len(heard) // 3)
        return wide.limited(w for w in wide.with_sources(2) if len(wide.members[w]) <= most)

    @cached_property
    def lone_words(self) -> Topic:
        """Recordings of one spoken word."""
        heard = [(r, frozenset(said(r))) for r in self.recordings if len(said(r)) == 1]
        return Topic("word", heard).limited({name for _, inside in heard for name in inside})

    @cached_property
    def word_pairs(self) -> tuple[tuple[str, ...], bool]:
        """Lone words for pairs, and whether the two speakers of a pair can always differ."""
        topic = self.lone_words
        names = topic.with_sources(2)
        speakers = {name: {r.speaker for r in topic.members[name]} - {None} for name in names}
        crossed = tuple(name for name in names if len(speakers[name]) >= 2)
        return (crossed, True) if len(crossed) >= 2 else (names, False)

    @cached_property
    def sentences(self) -> Topic:
        """Recordings with a transcript of three words or more, by their quoted transcript."""
        quotes = [(r, quote(r)) for r in self.recordings if r.transcript and len(said(r)) >= 3]
        heard = [(r, frozenset([text])) for r, text in quotes]
        return Topic("sentence", heard).limited({text for _, text in quotes})

    @cached_property
    def transcripts(self) -> Topic:
        """Recordings with a transcript of two words or more, by their whole transcript."""
        heard = [(r, r.transcript) for r in self.recordings if r.transcript and len(said(r)) >= 2]
        topic = Topic("sentence", [(r, frozenset([text])) for r, text in heard])
        return topic.limited({text for _, text in heard})

    @cached_property
    def captioned(self) -> Topic:
        """Recordings with captions, by caption."""
        heard = [(r, frozenset(r.captions)) for r in self.recordings if r.captions]
        return Topic("sentence", heard).limited({text for _, own in heard for text in own})

    @cached_property
    def events(self) -> list[Topic]:
        """Lone sounds and lone words that can be one event of a scene."""
        return [
            topic.only(lambda recording, _: event_span(recording) is not None)
            for topic in (self.lone_sounds, self.lone_words)
        ]

    @cached_property
    def speakers(self) -> dict[str, tuple[Recording, ...]]:
        """Speaker -> recordings, for speakers with at least two source recordings."""
        own: dict[str, list[Recording]] = {}
        for recording in self.recordings:
            if recording.speaker and recording.kind == "speech":
                own.setdefault(recording.speaker, []).append(recording)
        return {
            speaker: tuple(own[speaker])
            for speaker in sorted(own)
            if len({recording.id for recording in own[speaker]}) >= 2
        }

    @cached_property
    def traits(self) -> dict[str, dict[str, tuple[Recording, ...]]]:
        """Trait of speech (`TRAITS`, and ``sex``) -> value -> recordings.

        Traits of which there is only one value are left out.
        """
        own: dict[str, dict[str, list[Recording]]] = {}
        for recording in self.recordings:
            if recording.kind != "speech":
                continue
            known = [*recording.traits, *([("sex", recording.sex)] if recording.sex else [])]
            for name, value in known:
                own.setdefault(name, {}).setdefault(value, []).append(recording)
        return {
            name: {value: tuple(own[name][value]) for value in sorted(own[name])}
            for name in sorted(own)
            if len(own[name]) >= 2
        }


def _order(recording: Recording) -> tuple[object, ...]:
    return (*ref(recording), recording.clip.path)


def event_span(recording: Recording) -> tuple[float, float] | None:
    """The span of a recording's event: (start, length) in seconds; None if not known.

    By the corpus's onsets if there is exactly one; else the whole recording, if it is short
    enough to be one event.
    """
    whole = recording.clip.duration_s
    if len(recording.onsets) == 1:
        _, onset, offset = recording.onsets[0]
        end = min(offset, whole) if whole is not None else offset
        return (onset, round(end - onset, 4)) if end > onset else None
    if whole is None or whole <= 0 or whole > SCENE_EVENT_S:
        return None
    return (0.0, whole)


def fingerprint(recordings: Collection[Recording]) -> str:
    """16 hex digits over all properties of recordings that a question can depend on."""
    known: list[Any] = [
        [ref(r), r.clip.duration_s, r.kind, r.labels, r.transcript, r.speaker, r.split]
        for r in recordings
    ]
    known += [[ref(r), r.licence, r.onsets] for r in recordings]
    known += [[ref(r), r.captions] for r in recordings if r.captions]
    known += [[ref(r), r.sex, r.traits] for r in recordings if r.sex or r.traits]
    return digest(canonical(sorted(known, key=canonical)))
