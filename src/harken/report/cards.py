"""The items of a page: which are shown, and what is shown of each.

The rule, stated on the page: items are grouped by task, outcome with audio, and before/after flip;
they are taken from the groups in turn, each in an order drawn from the item ids and the seed, until
the page has enough items or enough audio. So every task and every outcome is there, however rare.
Where two runs are compared, items that flipped come first, for up to three quarters of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harken.audio.clip import Clip
from harken.errors import AudioError
from harken.hashing import digest
from harken.item import Item
from harken.report.sound import sound
from harken.report.words import GAP, SYMBOLS, signed
from harken.stats.paired import key_of
from harken.stats.table import is_scored

Record = Mapping[str, Any]
MAX_SOUND_BYTES = 20_000_000


@dataclass(slots=True)
class SoundBudget:
    """Audio of a page by clip key: a clip that several items share is stored once."""

    budget: int = MAX_SOUND_BYTES
    used: int = 0
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, item: Item) -> list[dict[str, Any]] | None:
        """The page's entry for each clip of `item`; None if its audio no longer fits."""
        fresh, clips, cost = {}, [], 0
        for clip in item.clips:
            entry = {"name": clip_name(clip), "sound": clip.key, "fault": None}
            if clip.key not in self.stored and clip.key not in fresh:
                try:
                    made = sound(clip)
                    fresh[clip.key] = made.to_json()
                    cost += made.size
                except AudioError as error:
                    entry.update(sound=None, fault=f"not playable ({error.reason}): {error.found}")
            clips.append(entry)
        if self.used + cost > self.budget:
            return None
        self.stored.update(fresh)
        self.used += cost
        return clips


def choose(groups: Mapping[str, tuple[str, ...]], most: int, seed: int = 0) -> list[str]:
    """Pick up to `most` item ids, from the groups in turn.

    Args:
        groups: item id -> its group; one that ends in ``gained`` or ``lost`` has flipped.
        most: how many items.
        seed: of the order within a group.
    """
    flipped = {item: own for item, own in groups.items() if own and own[-1] in ("gained", "lost")}
    first = _in_turn(flipped, most * 3 // 4, seed)
    rest = _in_turn({i: own for i, own in groups.items() if i not in set(first)}, most, seed)
    return [*first, *rest][:most]


def _in_turn(groups: Mapping[str, tuple[str, ...]], most: int, seed: int) -> list[str]:
    queues: dict[tuple[str, ...], list[str]] = {}
    for item in sorted(groups, key=lambda item: digest(f"{seed}:{item}")):
        queues.setdefault(groups[item], []).append(item)
    picked: list[str] = []
    turn = 0
    while len(picked) < most and any(len(queue) > turn for queue in queues.values()):
        picked += [queues[g][turn] for g in sorted(queues) if len(queues[g]) > turn]
        turn += 1
    return picked[:most]


def outcome(records: Sequence[Record], condition: str) -> str:
    """Outcome of an item under `condition`: that of its first pass; "" if it was not asked."""
    asked = [r for r in records if r["condition"] == condition]
    return str(min(asked, key=_pass_order)["outcome"]) if asked else ""


def _pass_order(record: Record) -> tuple[int, int]:
    """Sort key of passes: unrotated first, then other orders of the options, then of the clips."""
    return int(record.get("clip_rotation", 0)), int(record["rotation"])


def changed_answers(
    before: Sequence[Record], after: Sequence[Record], condition: str
) -> tuple[Record, Record] | None:
    """The records before and after: the first pass that both answered and that scored differently.

    None where no pass differs.
    """
    old = {key_of(r): r for r in before if r["condition"] == condition and is_scored(r)}
    for record in sorted(after, key=_pass_order):
        first = old.get(key_of(record)) if record["condition"] == condition else None
        if first is None or not is_scored(record):
            continue
        if (first["outcome"] == "correct") != (record["outcome"] == "correct"):
            return first, record
    return None


def card(
    item: Item | None,
    after: Sequence[Record],
    earlier: Sequence[tuple[str, Sequence[Record]]],
    flip: str,
    clips: list[dict[str, Any]],
    condition: str = "audio",
) -> dict[str, Any]:
    """Everything the page knows of one item, as JSON-able values.

    Args:
        item: the item, if the dataset could be read.
        after: its records in the run that the page is about.
        earlier: the same of other runs by name; the first is the one before.
        flip: gained, lost, kept, missed; empty where nothing is compared.
        clips: what `SoundBudget.take` returns for its clips.
        condition: the one that before and after are compared under.
    """
    before = earlier[0][1] if earlier else ()
    first = min(after, key=_pass_order)
    names = list(item.choices) if item else _choices(first)
    change = changed_answers(before, after, condition) if flip in ("gained", "lost") else None
    answers = [
        *_answers(after, ""),
        *(
            answer
            for name, records in earlier
            for answer in _answers(records, f"{name} ", dict.fromkeys((condition, "none")))
        ),
    ]
    label = item.contribution.label if item and item.contribution else ""
    question = item.question if item else str(first.get("question") or first["prompt"])
    facts = _facts(item) if item else [("item", first["item"]), ("group", str(first["group"]))]
    searched = [first["item"], first["task"], question, *names, *(a["said"] for a in answers)]
    return {
        "id": first["item"],
        "task": first["task"],
        "question": question,
        "choices": names,
        "gold": first["gold"],
        "answer": item.answer if item else str(first.get("answer", "")),
        "rationales": list(item.rationales) if item else [],
        "clips": clips,
        "answers": answers,
        "replies": _replies(answers),
        "outcome": outcome(after, condition),
        "outcomes": {c: outcome(after, c) for c in dict.fromkeys(r["condition"] for r in after)},
        "flip": flip,
        "change": [_words(one) for one in change] if change else None,
        "label": label,
        "facts": facts,
        "search": " ".join([*searched, *(value for _, value in facts)]).lower(),
    }


def item_card(item: Item, clips: list[dict[str, Any]]) -> dict[str, Any]:
    """`card` of an item that nobody was asked."""
    facts = _facts(item)
    searched = [item.id, item.task, item.question, *item.choices, item.answer]
    return {
        "id": item.id,
        "task": item.task,
        "question": item.question,
        "choices": list(item.choices),
        "gold": item.gold,
        "answer": item.answer,
        "rationales": list(item.rationales),
        "clips": clips,
        "answers": [],
        "replies": [],
        "outcome": "",
        "outcomes": {},
        "flip": "",
        "change": None,
        "label": item.contribution.label if item.contribution else "",
        "facts": facts,
        "search": " ".join([*searched, *(value for _, value in facts)]).lower(),
    }


def _words(record: Record) -> dict[str, str]:
    """An answer as a word (the option, or why there is none), and the generated reply."""
    return {
        "word": str(record.get("parsed") or record["outcome"]),
        "outcome": str(record["outcome"]),
        "said": str(record.get("reply") or ""),
    }


def clip_name(clip: Clip) -> str:
    """A clip in words: file names, never folders (a shared page must not show local paths)."""
    if clip.kind in ("silence", "noise"):
        return f"{clip.kind}, {clip.duration_s or 0:.1f} s"
    if clip.plan is not None:
        names = [_name_of(part.clip) for part in clip.plan.parts]
        return f"scene of {len(names)}: " + ", ".join(dict.fromkeys(names))
    name = Path(clip.path).name if clip.kind == "file" else ""
    if clip.duration_s is None:
        return name
    start, end = clip.start_s, clip.start_s + clip.duration_s
    return f"{name} {start:.1f}–{end:.1f} s" if clip.start_s else f"{name} {end:.1f} s".strip()


def _name_of(clip: Clip) -> str:
    """What a part of a scene is of: a file, or an instrument."""
    return Path(clip.path).name or (clip.kind if clip.note is None else clip.note.timbre)


def _choices(record: Record) -> list[str]:
    """The options in the item's own order and words; older records only have them as shown."""
    if record.get("options"):
        return list(record["options"])
    names = [""] * len(record["order"])
    for shown, position in enumerate(record["order"]):
        names[position] = record["choices"][shown]
    return names


def _answers(
    records: Sequence[Record], prefix: str, only: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """One entry per condition: outcome, mean probability and number of picks of each option."""
    out = []
    for condition in dict.fromkeys(r["condition"] for r in records):
        if only is not None and condition not in only:
            continue
        asked = sorted((r for r in records if r["condition"] == condition), key=_pass_order)
        names = _choices(asked[0])
        size = len(asked[0]["order"])
        chances, picks = [], [0] * size
        for record in asked:
            if record.get("logprobs"):
                chance = np.zeros(size)
                chance[list(record["order"])] = np.exp(record["logprobs"])
                chances.append(chance)
            pick = picked(record, names)
            if pick is not None:
                picks[pick] += 1
        out.append(
            {
                "heading": prefix + condition,
                "outcome": outcome(asked, condition),
                "asked": len(asked),
                "right": sum(r["outcome"] == "correct" for r in asked),
                "p": [round(float(p), 4) for p in np.mean(chances, axis=0)] if chances else None,
                "picks": picks,
                "said": asked[0].get("reply") or "",
                "rule": asked[0].get("text_rule") or asked[0].get("rule") or "",
                "error": asked[0].get("error"),
            }
        )
    return out


def _replies(answers: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The generated replies; conditions with the same reply on one line."""
    found: dict[tuple[str, str], list[str]] = {}
    for answer in answers:
        if answer["error"]:
            line = (f"failed: {answer['error']}", "")
        else:
            line = (answer["said"], answer["rule"] and f"read by rule {answer['rule']}")
        if line[0]:
            who = f"{SYMBOLS[answer['outcome']]}{GAP}{answer['heading']}"
            found.setdefault(line, []).append(who)
    return [{"who": ", ".join(w), "said": said, "rule": rule} for (said, rule), w in found.items()]


def picked(record: Record, names: Sequence[str] | None = None) -> int | None:
    """Position in the item's choices that the model chose; None if it chose none.

    `names` are the choices in the item's own words: where the clips were in another order, those
    shown have other numbers.
    """
    parsed = record.get("parsed")
    if parsed is None or not record["order"]:
        return None
    names = _choices(record) if names is None else names
    return names.index(parsed) if parsed in names else None


def _facts(item: Item) -> list[tuple[str, str]]:
    """Provenance lines, in reading order; empty ones left out."""
    lines = [
        ("contribution", _contribution(item)),
        ("recordings", ", ".join(Path(name).name for name in item.recordings)),
        ("speakers", ", ".join(item.speakers)),
        ("licence", item.licence),
        ("split", item.split),
        ("tags", ", ".join(item.tags)),
        ("history", " → ".join(f"{h.step}: {h.note}" if h.note else h.step for h in item.history)),
        ("item", item.id),
    ]
    return [(name, value) for name, value in lines if value]


def _contribution(item: Item) -> str:
    own = item.contribution
    if own is None:
        return ""
    parts = [f"{own.label} (rule {own.rule})"]
    if own.bits is not None:
        parts.append(f"{signed(own.bits)} bits")
    if own.text_only_asked:
        parts.append(f"right without audio {own.text_only_right} of {own.text_only_asked} times")
    if own.shapley:
        parts.append("clip shares " + ", ".join(signed(share) for share in own.shapley) + " bits")
    if own.interaction is not None:
        parts.append(f"interaction {signed(own.interaction)} bits")
    parts += [f"{name} {signed(bits)}" for name, bits in own.voters]
    parts += [f"{name} in the place of the audio {signed(bits)}" for name, bits in own.controls]
    return "; ".join(parts)
