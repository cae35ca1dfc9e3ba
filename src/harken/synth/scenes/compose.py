"""Draws a scene from its declaration: recordings, times, levels and places, all as constants.

Scene number n depends on the declaration, the recordings of its split, the seed and n, and on
nothing else. What does not fit (events that find no free time, a source outside the room) is drawn
anew; what can never fit is an error that says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.single import span
from harken.audio.space.place import Place, Room
from harken.corpora.base import Recording
from harken.errors import DataError
from harken.listed import listed
from harken.synth.design import number
from harken.synth.pool import RecordingPool, Topic, event_span
from harken.synth.scenes.activity import begins_s
from harken.synth.scenes.draws import DECIMALS
from harken.synth.scenes.levels import levelled
from harken.synth.scenes.places import draw_path, draw_room, with_absorption
from harken.synth.scenes.planned import PlannedScene, PlannedSource
from harken.synth.scenes.spec import Background, Events, SceneSpec, Talk
from harken.synth.scenes.timeline import Timeline

ATTEMPTS = 100
"""Attempts at one scene before the declaration counts as one that does not fit."""

JOIN_S = 0.05
"""Cross-fade (s) between repetitions of a background."""

SCENE = number("scene")
"""Draw key of scenes, so that their draws differ from those of questions."""


@dataclass(frozen=True, slots=True)
class SceneKey:
    """Everything that the draw of a scene depends on, besides declaration and recordings."""

    seed: int
    index: int


@dataclass(slots=True)
class _Draft:
    """A scene while it is drawn."""

    rng: np.random.Generator
    room: Room | None
    timeline: Timeline
    parts: list[Part] = field(default_factory=list)
    sources: list[PlannedSource] = field(default_factory=list)
    snr_db: dict[int, float] = field(default_factory=dict)
    level_db: float = 0.0
    taken: set[str] = field(default_factory=set)

    def one(self, recordings: Sequence[Recording]) -> Recording | None:
        """A recording that is not in the scene yet; None if all are."""
        free = [one for one in recordings if one.id not in self.taken]
        if not free:
            return None
        found = free[int(self.rng.integers(len(free)))]
        self.taken.add(found.id)
        return found

    def add(self, recording: Recording, kind: str, parts: Sequence[Part]) -> None:
        """A source with its parts."""
        first = len(self.parts)
        self.parts += parts
        self.sources.append(_source(recording, kind, range(first, len(self.parts))))


def compose(spec: SceneSpec, pool: RecordingPool, key: SceneKey) -> PlannedScene:
    """Draw one scene; its whole has no gain yet (`harken.synth.scenes.levels.peaked`).

    Raises:
        DataError: a label, or speakers, that the recordings do not have; or no scene fits.
    """
    _require_labels(spec, pool)
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([key.seed, SCENE, number(pool.split), key.index, attempt])
        draft = _Draft(rng, draw_room(spec.room, rng), Timeline(spec.duration.draw(rng)))
        if (
            _background(draft, spec.background, pool)
            and all(_talk(draft, talk, pool) for talk in spec.talk)
            and all(_events(draft, events, pool) for events in spec.events)
        ):
            return _finished(draft, spec)
    raise DataError(
        f"none of {ATTEMPTS} attempts at scene {key.index} fits: its sources are too long for "
        "it, too few, or outside their room",
        hint="Declare a longer duration, fewer or shorter sources, or nearer places.",
    )


def _finished(draft: _Draft, spec: SceneSpec) -> PlannedScene:
    """The draft with its gains, and with the absorption of its room."""
    room = draft.room
    if room is not None:
        placed = [part.path[0] for part in draft.parts if part.path]
        room = with_absorption(room, placed or [Place()], spec.rate)
    plan = ScenePlan(
        tuple(draft.parts), draft.timeline.duration_s, spec.rate, 0.0, spec.layout, room, spec.mics
    )
    scene = PlannedScene(plan, tuple(draft.sources))
    if spec.background is None:
        return scene
    return levelled(scene, draft.level_db, draft.snr_db)


def _background(draft: _Draft, spec: Background | None, pool: RecordingPool) -> bool:
    if spec is None:
        return True
    topic = pool.lone_sounds
    name = _name(draft, spec.labels or topic.names)
    recording = draft.one(topic.members[name])
    length_s = (recording.clip.duration_s or 0.0) if recording is not None else 0.0
    if recording is None or length_s <= 4 * JOIN_S:
        return False
    draft.level_db = spec.level.draw(draft.rng)
    parts, at_s = [], 0.0
    while at_s < draft.timeline.duration_s:
        parts.append(Part(recording.clip, round(at_s, DECIMALS), 0.0, JOIN_S))
        at_s += length_s - JOIN_S
    draft.add(recording, "background", parts)
    return True


def _events(draft: _Draft, spec: Events, pool: RecordingPool) -> bool:
    return all(_event(draft, spec, pool) for _ in range(spec.count.count(draft.rng)))


def _event(draft: _Draft, spec: Events, pool: RecordingPool) -> bool:
    """One event of a declaration, with its repeats."""
    rng, topic = draft.rng, _topic(spec, pool)
    behind = [source.label for source in draft.sources if source.kind == "background"]
    names = [
        name
        for name in (spec.labels or topic.names)
        if not any(label is not None and topic.clash(name, label) for label in behind)
    ]
    recording = draft.one(topic.members[_name(draft, names)]) if names else None
    path = draw_path(spec.place, spec.to, draft.room, rng)
    if recording is None or path is None:
        return False
    clip, length_s = _cut(recording, spec.duration.draw(rng) if spec.duration else None)
    pitch, tempo = spec.pitch.draw(rng), spec.tempo.draw(rng)
    snr = spec.snr.draw(rng) if spec.snr else None
    gain = spec.gain.draw(rng) if spec.gain else 0.0
    times, gap_s = max(1, spec.repeats.count(rng)), max(0.0, spec.gap.draw(rng))
    each_s = length_s / tempo
    whole_s = times * each_s + (times - 1) * gap_s
    at_s = draft.timeline.place(whole_s, spec.onset, spec.overlap, rng)
    if at_s is None:
        return False
    if snr is not None:
        draft.snr_db[len(draft.sources)] = snr
    starts = [round(at_s + n * (each_s + gap_s), DECIMALS) for n in range(times)]
    parts = [Part(clip, start, gain, pitch=pitch, tempo=tempo, path=path) for start in starts]
    draft.add(recording, "music" if recording.kind == "music" else "sound", parts)
    return True


def _talk(draft: _Draft, spec: Talk, pool: RecordingPool) -> bool:
    """Turns of different speakers, none of whom follows himself."""
    rng = draft.rng
    wanted = max(1, spec.speakers.count(rng))
    turns = max(wanted, spec.turns.count(rng))
    every = speakers_of(pool)
    own = {name: every[name] for name in every if not spec.voices or name.lower() in spec.voices}
    if len(own) < wanted:
        raise DataError(
            f"{wanted} speakers are declared, and split {pool.split!r} has {len(own)} of them",
            hint=f"Its speakers: {listed(list(every), 20) or 'none that the corpus names'}",
        )
    names = [list(own)[int(i)] for i in rng.permutation(len(own))[:wanted]]
    paths = [draw_path(spec.place, None, draft.room, rng) for _ in names]
    at_s, last = max(0.0, spec.onset.draw(rng)), -1
    for turn in range(turns):
        others = [n for n in range(wanted) if n != last or wanted == 1]
        who = turn if turn < wanted else others[int(rng.integers(len(others)))]
        recording, path = draft.one(own[names[who]]), paths[who]
        if recording is None or path is None:
            return False
        length_s = recording.clip.duration_s or 0.0
        if at_s + length_s > draft.timeline.duration_s:
            return False
        if spec.snr is not None:
            draft.snr_db[len(draft.sources)] = spec.snr.draw(rng)
        gain = spec.gain.draw(rng) if spec.gain else 0.0
        at_s = round(at_s, DECIMALS)
        draft.add(recording, "speech", [Part(recording.clip, at_s, gain, path=path)])
        draft.timeline.take(at_s, at_s + length_s, overlap=True)
        at_s, last = max(0.0, at_s + length_s + spec.gap.draw(rng)), who
    return True


def speakers_of(pool: RecordingPool) -> dict[str, list[Recording]]:
    """Speaker -> recordings whose words are known, by name."""
    own: dict[str, list[Recording]] = {}
    for recording in pool.recordings:
        if recording.kind == "speech" and recording.speaker and recording.clip.duration_s:
            own.setdefault(recording.speaker, []).append(recording)
    return {name: own[name] for name in sorted(own)}


def _topic(spec: Events, pool: RecordingPool) -> Topic:
    """Recordings with one label; long ones only where a part of them is to be used."""
    return pool.lone_sounds if spec.duration is not None else pool.events[0]


def _name(draft: _Draft, names: Sequence[str]) -> str:
    return names[int(draft.rng.integers(len(names)))]


def _cut(recording: Recording, most_s: float | None) -> tuple[Clip, float]:
    """The clip of an event, of at most so many seconds, and its length."""
    start_s, length_s = event_span(recording) or (0.0, recording.clip.duration_s or 0.0)
    if most_s is not None and most_s < length_s:  # from where it begins to be heard
        begin_s = begins_s(span(recording.clip, start_s, length_s))
        start_s, length_s = start_s + begin_s, max(0.01, min(length_s - begin_s, most_s))
    if start_s == 0.0 and length_s == recording.clip.duration_s:
        return recording.clip, length_s
    return span(recording.clip, start_s, length_s), length_s


def _source(recording: Recording, kind: str, parts: range) -> PlannedSource:
    speech = recording.kind == "speech"
    alone = recording.labels[0] if len(recording.labels) == 1 else None
    return PlannedSource(
        kind,  # type: ignore[arg-type]
        tuple(parts),
        recording.id,
        label=alone,
        speaker=recording.speaker or None,
        transcript=(recording.transcript or alone) if speech else None,
        licence=recording.licence,
    )


def _require_labels(spec: SceneSpec, pool: RecordingPool) -> None:
    """Raise DataError for labels that the recordings do not have, or none where any would do."""
    asked = [(spec.background.labels, pool.lone_sounds)] if spec.background else []
    asked += [(events.labels, _topic(events, pool)) for events in spec.events]
    for labels, topic in asked:
        missing = [name for name in labels if name not in topic.members]
        if missing or not topic.names:
            found = f"no recording of {missing[0]!r} alone" if missing else "no labelled sounds"
            raise DataError(
                f"split {pool.split!r} has {found}",
                hint=f"There are: {listed(topic.names, 20) or 'none'}",
            )
