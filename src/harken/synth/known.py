"""What a corpus states about a recording, as the facts of a clip."""

from __future__ import annotations

from dataclasses import replace

from harken.corpora.base import Recording
from harken.facts import ClipFacts, SourceFacts, SourceKind

LAYOUTS = {1: "mono", 2: "stereo"}
"""Layout of a recording by its number of channels; of others it is not known."""


def facts_of(recording: Recording) -> ClipFacts:
    """The facts of a clip that is one whole recording: a source for each label, or one voice."""
    return ClipFacts(
        sources_of(recording),
        duration_s=recording.clip.duration_s,
        layout=LAYOUTS.get(recording.channels),
    )


def sources_of(recording: Recording) -> tuple[SourceFacts, ...]:
    """What is heard in a recording, with onsets where the corpus gives one for a label."""
    labels = recording.labels
    if recording.kind == "speech":
        alone = labels[0] if len(labels) == 1 else None
        said = recording.transcript or alone
        voice = SourceFacts("speech", alone, speaker=recording.speaker or None, transcript=said)
        return (_timed(voice, recording, recording.onsets),)
    kind: SourceKind = "music" if recording.kind == "music" else "sound"
    found = []
    for label in labels:
        own = [one for one in recording.onsets if one[0] == label]
        sole = recording.onsets if len(labels) == 1 and not own else ()
        source = SourceFacts(kind, label, speaker=recording.speaker or None)
        times = own or list(sole)
        found += [_timed(source, recording, (time,)) for time in times] or [source]
    if all(one.onset_s is not None for one in found):
        found.sort(key=lambda one: (one.onset_s or 0.0, one.label or ""))
    return tuple(found)


def placed(recording: Recording, at_s: float, length_s: float, gain_db: float) -> SourceFacts:
    """The facts of a recording with one source that is heard from `at_s` on, `length_s` long."""
    (source, *others) = sources_of(recording)
    name = source.label if not others else " and ".join(recording.labels)
    return replace(
        source,
        label=name,
        onset_s=round(at_s, 4),
        offset_s=round(at_s + length_s, 4),
        gain_db=gain_db,
    )


def _timed(
    source: SourceFacts, recording: Recording, times: tuple[tuple[str, float, float], ...]
) -> SourceFacts:
    """`source` with the one time that is known of it, within the recording."""
    if len(times) != 1:
        return source
    _, onset, offset = times[0]
    whole = recording.clip.duration_s
    return replace(
        source, onset_s=onset, offset_s=max(onset, min(offset, whole) if whole else offset)
    )
