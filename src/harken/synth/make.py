"""Drawing items, rebuilding them from their plans, and writing datasets of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harken.corpora.base import Corpus, Recording
from harken.corpora.splits import assign_splits, given_splits, split_notes
from harken.engines.base import WorkEngine
from harken.engines.run import engine_or_here
from harken.errors import ConfigError, DataError
from harken.item import Item
from harken.listed import listed
from harken.registry import Registry
from harken.shards.build import Unit, build_dataset
from harken.shards.estimate import Estimate, estimate
from harken.synth.drawing import Drawing, drawn, plan_units
from harken.synth.pool import RecordingPool, fingerprint
from harken.synth.question import VERSION, QuestionFamily, build_item, look_up
from harken.synth.skills import SKILLS
from harken.synth.staging import USUAL, Staging

FAMILIES: Registry[QuestionFamily] = Registry(
    "question family",
    {
        "identify": "harken.synth.families.identify:FAMILY",
        "presence": "harken.synth.families.presence:FAMILY",
        "word": "harken.synth.families.word:FAMILY",
        "same-sound": "harken.synth.families.same_sound:FAMILY",
        "same-word": "harken.synth.families.same_word:FAMILY",
        "same-speaker": "harken.synth.families.same_speaker:FAMILY",
        "which-clip": "harken.synth.families.which_clip:FAMILY",
        "caption": "harken.synth.families.caption:FAMILY",
        "first": "harken.synth.families.first:FAMILY",
        "count": "harken.synth.families.count:FAMILY",
        "order": "harken.synth.families.order:FAMILY",
        "leaky": "harken.synth.families.leaky:FAMILY",
        "transcribe": "harken.synth.families.transcribe:FAMILY",
        "name": "harken.synth.families.name:FAMILY",
        "describe": "harken.synth.families.describe:FAMILY",
        "story": "harken.synth.families.story:FAMILY",
        "next-turn": "harken.synth.families.next_turn:FAMILY",
        "permuted": "harken.synth.families.permuted:FAMILY",
        "voice-trait": "harken.synth.families.voice_trait:FAMILY",
        "same-trait": "harken.synth.families.same_trait:FAMILY",
        "talk": "harken.synth.families.talk:FAMILY",
        "before-after": "harken.synth.families.before_after:FAMILY",
        "in-order": "harken.synth.families.in_order:FAMILY",
        "when": "harken.synth.families.when:FAMILY",
        "at-time": "harken.synth.families.at_time:FAMILY",
        "duration": "harken.synth.families.duration:FAMILY",
        "count-events": "harken.synth.families.count_events:FAMILY",
        "overlap": "harken.synth.families.overlap:FAMILY",
        "direction": "harken.synth.families.direction:FAMILY",
        "nearer": "harken.synth.families.nearer:FAMILY",
        "moves": "harken.synth.families.moves:FAMILY",
        "speakers": "harken.synth.families.speakers:FAMILY",
        "meeting": "harken.synth.families.meeting:FAMILY",
        "absent": "harken.synth.families.absent:FAMILY",
        "present-absent": "harken.synth.families.present_absent:FAMILY",
        "unanswerable": "harken.synth.families.unanswerable:FAMILY",
        "over-refusal": "harken.synth.families.over_refusal:FAMILY",
        "conflict": "harken.synth.families.conflict:FAMILY",
        "changed": "harken.synth.families.changed:FAMILY",
        "difference": "harken.synth.families.difference:FAMILY",
        "compose": "harken.synth.families.compose:FAMILY",
        "twins": "harken.synth.families.twins:FAMILY",
        "prefer": "harken.synth.families.prefer:FAMILY",
        "say-when": "harken.synth.families.say_when:FAMILY",
        "stream": "harken.synth.families.stream:FAMILY",
        "dialogue": "harken.synth.families.dialogue:FAMILY",
        "needle": "harken.synth.families.needle:FAMILY",
        "sub-scene": "harken.synth.families.sub_scene:FAMILY",
        "segment-order": "harken.synth.families.segment_order:FAMILY",
        "summary": "harken.synth.families.summary:FAMILY",
        "instrument": "harken.synth.families.instrument:FAMILY",
        "tempo": "harken.synth.families.tempo:FAMILY",
        "metre": "harken.synth.families.metre:FAMILY",
        "key": "harken.synth.families.key:FAMILY",
        "chord": "harken.synth.families.chord:FAMILY",
        "contour": "harken.synth.families.contour:FAMILY",
    },
    group="families",
    shape="harken.synth.question:QuestionFamily",
)


GROUPS = ("recordings", "scenes", "long", "music")
"""Names of several families (`QuestionFamily.made_with`): those about recordings, those about
staged scenes, which decode recordings when they are drawn, those about long ones, and those about
notes, which need none."""


def families_of(names: Sequence[str]) -> tuple[str, ...]:
    """The families that names of families and of `GROUPS` stand for, each once."""
    found: list[str] = []
    for name in names:
        if name in GROUPS:
            found += [one for one in FAMILIES if FAMILIES.get(one).made_with == name]
        else:
            found.append(name)
    return tuple(dict.fromkeys(found))


def families_for(skills: Sequence[str], names: Sequence[str] = GROUPS) -> tuple[str, ...]:
    """Those of some families (as in `families_of`) that train one of the skills.

    Raises:
        ConfigError: an unknown skill, or no such family.
    """
    for skill in skills:
        if skill not in SKILLS:
            raise ConfigError(f"unknown skill {skill!r}", hint=f"Known: {', '.join(SKILLS)}.")
    found = tuple(one for one in families_of(names) if {*skills} & {*FAMILIES.get(one).skills})
    if not found:
        raise ConfigError(f"none of {listed(names, 5)} trains {' or '.join(skills)}")
    return found


def draw(
    recordings: Iterable[Recording] | RecordingPool,
    split: str,
    family: str,
    n: int,
    seed: int,
    staging: Staging = USUAL,
) -> Iterator[Item]:
    """Up to `n` distinct items of one family: a pure function of the arguments.

    There are fewer where the recordings do not allow more; the first m of n items are those of a
    draw of m. The order and the folder of `recordings` do not matter.

    Raises:
        ConfigError: no family has that name.
        DataError: the split cannot make this family; the message says what is missing.
    """
    kind = FAMILIES.get(family)
    pool = recordings if isinstance(recordings, RecordingPool) else RecordingPool(recordings, split)
    reason = kind.lacks(pool)
    if reason:
        raise DataError(f"split {split!r} cannot make {family!r}: {reason}")
    for item, _ in drawn(kind, pool, n, seed, staging):
        yield item


def redraw(plan: Mapping[str, Any], recordings: Iterable[Recording] | RecordingPool) -> Item:
    """Build the item of `plan` (an `Item.plan`) again from the recordings it picked.

    Nothing is drawn, so other recordings of the corpus may have been added or removed.

    Raises:
        ConfigError: the plan's family is not known.
        DataError: a recording is missing, or the plan has another version.
    """
    if plan.get("version") != VERSION:
        raise DataError(
            f"a plan of version {plan.get('version')!r} cannot be built by version {VERSION}",
            where=f"plan of a {plan.get('family')} item",
            hint="Make the dataset again with this harken.",
        )
    family = FAMILIES.get(plan["family"])
    pool = (
        recordings
        if isinstance(recordings, RecordingPool)
        else RecordingPool(recordings, plan["split"])
    )
    return build_item(family, dict(plan), look_up(plan, pool.by_ref))


def make_dataset(
    corpus: Corpus | Sequence[Recording],
    folder: Path,
    *,
    families: Sequence[str] | None = None,
    per_family: int | Mapping[str, int] = 500,
    seed: int = 0,
    splits: Sequence[str] | None = None,
    embed: bool = False,
    name: str = "",
    engine: WorkEngine | None = None,
    staging: Staging = USUAL,
) -> dict[str, Any]:
    """Make a dataset of all `families` from a corpus, in units of at most 256 items.

    A killed run is resumed and ends with the same bytes, as does one on another engine.

    Args:
        corpus: the result of `read_corpus` or `assign_splits`; recordings without a split get one,
            and so do groups (one source, sound or speaker) that given splits divide.
        folder: the dataset's folder.
        families: names in `FAMILIES` or `GROUPS`; None: ``recordings``.
        per_family: items per family in each split; or a number by split, 0 for splits not named.
        seed: of all draws.
        splits: only these; None: all.
        embed: copy (and render) the audio into the shards.
        name: of the dataset; empty: that of the corpus.
        engine: where items are drawn and shards are made; None: in this process.
        staging: settings of staged scenes.

    Returns:
        ``dataset`` (name), ``items``, ``counts`` (by "family/split"), ``skipped`` (why no item was
        made), ``short`` (where fewer items exist than were asked for), ``needs`` (by family, what
        must be heard: `harken.synth.needs.NeedTally`), ``notes`` (what is to be known of the
        recordings and their splits).

    Raises:
        ConfigError: an unknown family or split, or a number of items below 0.
        DataError: no item can be made.
        TooManyFailures: some items could not be made; they are in ``failed/`` of the folder.
    """
    with engine_or_here(engine) as own:
        planned = plan_dataset(
            corpus,
            families=families,
            per_family=per_family,
            seed=seed,
            splits=splits,
            embed=embed,
            name=name,
            engine=own,
            staging=staging,
        )
        return write_planned(planned, folder, own)


def write_planned(planned: SynthPlan, folder: Path, engine: WorkEngine) -> dict[str, Any]:
    """Write a dataset that `plan_dataset` drew; returns and raises what `make_dataset` does."""
    info = build_dataset(
        folder,
        planned.units,
        name=planned.name,
        plan=planned.plan,
        embed=planned.embed,
        root=planned.root,
        engine=engine,
        shared=(planned.drawing,),
    )
    return {"dataset": info.name, "items": info.items, **planned.report, "notes": planned.notes}


@dataclass(frozen=True, slots=True)
class SynthPlan:
    """A dataset that is drawn and not made yet.

    Attributes:
        name: of the dataset.
        drawing: what it is drawn from.
        units: of its items, each a shard.
        plan: all that determines it.
        report: ``counts``, ``skipped`` and ``short`` by "family/split".
        notes: what is to be known of the recordings and their splits.
        root: folder that stored paths are relative to.
        embed: whether the audio is copied.
    """

    name: str
    drawing: Drawing
    units: list[Unit]
    plan: dict[str, Any]
    report: dict[str, dict[str, Any]]
    notes: list[str]
    root: Path | None
    embed: bool

    def estimate(self) -> Estimate:
        """What it will take; a few items are made for it."""
        return estimate(self.units, (self.drawing,), embed=self.embed, root=self.root)


def plan_dataset(
    corpus: Corpus | Sequence[Recording],
    *,
    families: Sequence[str] | None = None,
    per_family: int | Mapping[str, int] = 500,
    seed: int = 0,
    splits: Sequence[str] | None = None,
    embed: bool = False,
    name: str = "",
    engine: WorkEngine | None = None,
    staging: Staging = USUAL,
) -> SynthPlan:
    """Draw all items of a dataset, and write nothing; arguments and errors of `make_dataset`."""
    numbers = [per_family] if isinstance(per_family, int) else list(per_family.values())
    if min(numbers, default=0) < 0 or max(numbers, default=0) < 1:
        raise ConfigError(
            f"per_family is {per_family}", hint="Give the number of items, 1 or more."
        )
    _require_recordings(corpus)
    recordings = _with_splits(corpus, seed)
    wanted = families_of(("recordings",) if families is None else families)
    drawing = Drawing(
        tuple(FAMILIES.get(one) for one in wanted),
        tuple(RecordingPool(recordings, split) for split in _splits(recordings, splits)),
        seed,
        staging,
    )
    with engine_or_here(engine) as own:
        units, report = plan_units(drawing, per_family, own)
    if not units:
        raise DataError(
            "the corpus can make none of the questions: "
            + listed([f"{key}: {why}" for key, why in report["skipped"].items()], 5, between="; "),
            hint="Choose other families, or a corpus with labels, words or speakers.",
        )
    plan = {
        "maker": "harken.synth",
        "version": VERSION,
        "families": list(wanted),
        "per_family": per_family if isinstance(per_family, int) else dict(per_family),
        "seed": seed,
        **({"staging": staging.to_dict()} if staging != USUAL else {}),
        "splits": [pool.split for pool in drawing.pools],
        "corpus": fingerprint(recordings),
        **report,
    }
    name = name or (corpus.name if isinstance(corpus, Corpus) else "synth")
    notes, root = list(_moved(corpus, recordings)), _root(corpus, recordings)
    return SynthPlan(name, drawing, units, plan, report, notes, root, embed)


def _with_splits(corpus: Corpus | Sequence[Recording], seed: int) -> tuple[Recording, ...]:
    """The recordings with a split each, whoever gave them: no group is in two (`splits_of`).

    Given splits that divide no group, and cover all recordings, are kept as they are.
    """
    recordings = corpus.recordings if isinstance(corpus, Corpus) else tuple(corpus)
    return tuple(assign_splits(recordings, seed))


def _require_recordings(corpus: Corpus | Sequence[Recording]) -> None:
    """Raise DataError if there is nothing to ask about, with the reasons."""
    if not isinstance(corpus, Corpus):
        if not corpus:
            raise DataError("there are no recordings")
    elif not corpus.recordings:
        reasons = Counter(reject.reason for reject in corpus.rejects)
        told = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items()))
        raise DataError(
            f"none of the {len(corpus.rejects)} files can be used" + (f": {told}" if told else ""),
            where=corpus.name,
            hint="harken scan lists each with its reason.",
        )


def _moved(
    corpus: Corpus | Sequence[Recording], recordings: Sequence[Recording]
) -> tuple[str, ...]:
    """Notes of the corpus, and on recordings that are not in the split that was given."""
    before = corpus.recordings if isinstance(corpus, Corpus) else tuple(corpus)
    notes = list(corpus.notes if isinstance(corpus, Corpus) else split_notes(before))
    moved = Counter(
        f"{old} to {new.split}"
        for old, new in zip(given_splits(before), recordings, strict=True)
        if old and old != new.split
    )
    if moved:
        notes.append(
            "recordings in another split than the given one: "
            + ", ".join(f"{n} from {way}" for way, n in sorted(moved.items()))
        )
    return tuple(notes)


def _splits(recordings: Sequence[Recording], wanted: Sequence[str] | None) -> list[str]:
    there = sorted({recording.split for recording in recordings})
    unknown = sorted(set(wanted or ()) - set(there))
    if unknown:
        raise ConfigError(f"no recording is in split {unknown[0]!r}", hint=f"Known: {there}")
    return [split for split in there if wanted is None or split in wanted]


def _root(corpus: Corpus | Sequence[Recording], recordings: Sequence[Recording]) -> Path | None:
    """The folder that stored paths are relative to."""
    if isinstance(corpus, Corpus):
        return corpus.root
    paths = [os.path.dirname(r.clip.path) for r in recordings if r.clip.path]
    return Path(os.path.commonpath(paths)) if paths else None
