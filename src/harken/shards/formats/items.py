"""From samples to items: audio found and hashed, clips placed, options recognised, faults told."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from harken.audio.clip import Clip
from harken.audio.packed import packed_bytes, state_of
from harken.errors import AudioError, DataError
from harken.item import Contribution, Dialogue, Exchange, HistoryEntry, Item
from harken.shards.formats.base import (
    BadRow,
    DatasetFormat,
    LeftOut,
    Message,
    Sample,
    Sound,
)
from harken.shards.formats.choices import Recognised, options_in
from harken.shards.jsonl import clip_hash

STEP = "read"
"""The step in the history of an item that says which set it was read from."""

_LEFT = "left out: "


@dataclass(slots=True)
class Reading:
    """What reading a training set found beside its items.

    Attributes:
        path: the set.
        format: its format.
        audio_root: where relative audio paths are looked up after the folder of the set.
        need_audio: a recording that is not there is a fault; else its item names it unchecked.
        faults: what is wrong, with its place.
        notes: what was done with how many rows (`told`), none of which is wrong.
        rows: rows so far.
        made: items so far, those that repeat an earlier one among them.
    """

    path: Path
    format: DatasetFormat
    audio_root: Path | None = None
    need_audio: bool = True
    faults: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    made: int = 0

    def items(self) -> Iterator[tuple[str, Item]]:
        """(place, item) of everything that can be taught, in order; an item is given once."""
        first: dict[str, str] = {}
        for place, found in self.format.samples(self.path):
            self.rows += 1
            if isinstance(found, BadRow):
                self.faults.append(f"{place}: {found}")
                continue
            if isinstance(found, LeftOut):
                self.notes[f"{_LEFT}{found.reason}"] += 1
                continue
            try:
                made = self._made(found)
            except (BadRow, DataError) as error:
                self.faults.append(f"{place}: {error}")
                continue
            for item in made:
                self.made += 1
                if item.id in first:
                    self.notes[_repeated(first[item.id], item.split)] += 1
                    continue
                first[item.id] = item.split
                yield place, item

    def told(self) -> list[str]:
        """The notes as sentences: of rows what was left out, else of items."""
        return [
            f"{number} of {self.rows} rows: {note}"
            if note.startswith(_LEFT)
            else f"{number} of {self.made} items: {note}"
            for note, number in sorted(self.notes.items())
        ]

    def _made(self, sample: Sample) -> list[Item]:
        """The items of one sample: one for each message of the assistant that is taught."""
        messages = _joined(sample.messages, sample.joiner)
        taught = [
            i
            for i, message in enumerate(messages)
            if message.role == "assistant" and message.taught
        ]
        if messages and messages[-1].role != "assistant":
            raise BadRow("the conversation ends without a reply: there is nothing to teach")
        if sample.rejected or sample.choices:
            taught = [i for i in taught if i == len(messages) - 1]
        if not taught:
            self.notes[f"{_LEFT}no reply in it is to be taught"] += 1
            return []
        last = len(messages) - 1
        whole = [self._item(sample, messages[: i + 1], final=i == last) for i in taught]
        if sample.note:
            self.notes[sample.note] += len(whole)
        return whole

    def _item(self, sample: Sample, messages: Sequence[Message], final: bool) -> Item:
        """The item of the last of these messages."""
        system, turns = _turns(messages)
        sounds = [p for m in messages for p in m.parts if isinstance(p, Sound)]
        clips = [self._clip(sound) for sound in sounds]
        *earlier, (asked, reply) = turns
        question, dialogue = _dialogue(system, earlier, asked)
        answer, note = reply.text.strip(), ""
        choices = tuple(choice.strip() for choice in sample.choices) if final else ()
        if not answer:
            raise BadRow("the reply that is to be taught is empty")
        whole = Recognised(question, choices, answer, sample.rejected if final else "")
        if not choices:
            whole, note = _recognised(whole, dialogue)
        if note:
            self.notes[note] += 1
        return Item(
            question=whole.question,
            answer=whole.answer,
            choices=whole.choices,
            clips=tuple(clips),
            task=sample.task,
            tags=sample.tags,
            rationales=sample.rationales if final else (),
            recordings=tuple(dict.fromkeys(map(_recording, clips))),
            split=sample.split,
            licence=sample.licence,
            contribution=Contribution(sample.label, "silence-vote") if sample.label else None,
            history=(HistoryEntry(STEP, "; ".join(filter(None, (self.format.name, note)))),),
            plan=_plan(sample, sounds),
            rejected=whole.rejected,
            dialogue=dialogue,
        )

    def _clip(self, sound: Sound) -> Clip:
        """The clip of a sound; raises BadRow if its recording cannot be had."""
        span = {"start_s": sound.start_s, "duration_s": sound.duration_s}
        try:
            if sound.file:
                key = _packed_hash(sound.file, sound.row, sound.slot, state_of(sound.file))
                return Clip("shard", sound.file, sound.row, sound.slot, sha256=key, **span)  # type: ignore[arg-type]
            path = self._path(sound.path)
            return Clip(path=path, sha256=clip_hash(path), **span)  # type: ignore[arg-type]
        except AudioError as error:
            if not self.need_audio and error.reason == "missing":
                return Clip(path=self._places(sound.path)[0], **span)  # type: ignore[arg-type]
            where = ""
            if sound.file:
                where = f"; in {sound.file}"
            elif error.reason == "missing":
                where = "; looked at " + ", ".join(self._places(sound.path))
            shown = sound.path or f"{Path(sound.file).name} row {sound.row}"
            raise BadRow(f"audio {shown!r}: {error.found} [{error.reason}]{where}") from None

    def _path(self, path: str) -> str:
        """The first place of a named file where one is, else the first of all."""
        if "://" in path and not path.startswith("file://"):
            raise BadRow(f"audio {path!r} is an address: download it, and name the file")
        if path.startswith("data:"):
            raise BadRow("audio is written into the text: save it as a file, and name that")
        places = self._places(path)
        return next((place for place in places if os.path.isfile(place)), places[0])

    def _places(self, path: str) -> list[str]:
        """Where a named file may be: beside the set, then below the root of the audio."""
        bare = path.removeprefix("file://")
        base = self.path if self.path.is_dir() else self.path.parent
        roots = [base, *([self.audio_root] if self.audio_root else [])]
        return list(
            dict.fromkeys(os.path.normpath(os.path.join(os.path.abspath(r), bare)) for r in roots)
        )


def _repeated(first: str, again: str) -> str:
    """The note of an item that was read before, in a split."""
    if first == again:
        return "repeats an earlier item and is taken once"
    return (
        f"repeats, in the split {again or '(none)'}, an item of {first or '(none)'} and is taken "
        f"once, in {first or '(none)'}"
    )


def _joined(messages: Sequence[Message], joiner: str) -> list[Message]:
    """Messages with those of one speaker in a row as one; raises BadRow where half is taught."""
    found: list[Message] = []
    for message in messages:
        if found and found[-1].role == message.role:
            if message.role == "assistant" and found[-1].taught != message.taught:
                raise BadRow(
                    "of two messages of the assistant in a row one is to be taught and the "
                    "other not, which one reply cannot be: put a question between them"
                )
            between = (joiner if message.role == "assistant" else " ",)
            if not (found[-1].parts and message.parts):
                between = ("",)
            found[-1] = replace(message, parts=(*found[-1].parts, *between, *message.parts))
        else:
            found.append(message)
    return found


def _turns(messages: Sequence[Message]) -> tuple[str, list[tuple[Message, Message]]]:
    """The system message, and pairs of a question and a reply; raises BadRow for another order."""
    system = ""
    rest = list(messages)
    if rest and rest[0].role == "system":
        system, rest = rest[0].text.strip(), rest[1:]
    roles = [message.role for message in rest]
    if roles != ["user", "assistant"] * (len(rest) // 2) or len(rest) % 2:
        raise BadRow("a question and its reply must follow one another; found " + ", ".join(roles))
    silent = [
        m for m in messages if m.role != "user" and any(isinstance(p, Sound) for p in m.parts)
    ]
    if silent:
        raise BadRow(f"audio stands in a message of the {silent[0].role}, which cannot be taught")
    return system, list(zip(rest[::2], rest[1::2], strict=True))


def _dialogue(
    system: str, earlier: Sequence[tuple[Message, Message]], asked: Message
) -> tuple[str, Dialogue | None]:
    """The text of the question, and what stands around it.

    Where all clips stand before the text of the question, they have no places of their own: the
    model's prompt style puts them there.
    """
    texts, places = [], []
    for turn, message in enumerate((*(user for user, _ in earlier), asked)):
        text, own = _text_and_places(message)
        texts.append(text)
        places += [(turn, at) for at in own]
    spoken = not texts[-1]
    if not spoken and all(place == (len(earlier), 0) for place in places):
        places = []
    exchanges = tuple(
        Exchange(text, reply.text.strip()) for text, (_, reply) in zip(texts, earlier, strict=False)
    )
    found = Dialogue(system, exchanges, tuple(places))
    return texts[-1], found if found != Dialogue() else None


def _text_and_places(message: Message) -> tuple[str, list[int]]:
    """A message's text, without white space at its ends, and where in it the sounds stand."""
    text, places = "", []
    for part in message.parts:
        if isinstance(part, Sound):
            places.append(len(text))
        else:
            text += part
    lead = len(text) - len(text.lstrip())
    text = text.strip()
    return text, [min(max(at - lead, 0), len(text)) for at in places]


def _recognised(whole: Recognised, dialogue: Dialogue | None) -> tuple[Recognised, str]:
    """The same with the options that end its question, and a note on what became of them."""
    found = options_in(whole.question, whole.answer, whole.rejected)
    if found is None:
        return whole, ""
    last = len(dialogue.earlier) if dialogue else 0
    if (
        not isinstance(found, str)
        and dialogue
        and any(turn == last and at > len(found.question) for turn, at in dialogue.places)
    ):
        found = "a clip stands among the options"
    if isinstance(found, str):
        return whole, f"asked as an open question: {found}"
    note = "the options in the text are its choices"
    if found.rejected and found.rejected not in found.choices:
        note += ", the rejected answer is none of them"
    return found, note


def _plan(sample: Sample, sounds: Sequence[Sound]) -> dict[str, Any]:
    """The id that a sample has in its set, and the names of its packed audio, as they stand."""
    names = list(dict.fromkeys(one.path for one in sounds if one.file and one.path))
    plan = {"key": sample.key, "audio_names": names}
    return {name: value for name, value in plan.items() if value}


def _recording(clip: Clip) -> str:
    """By what the recording of a clip is known: the file, or the bytes where they are packed.

    The name in a cell of a table or an archive says nothing: other shards have other sounds of that
    name, and many rows of one table ask about one sound.
    """
    if clip.kind == "shard":
        return f"sha256:{clip.sha256}"
    return os.path.realpath(clip.path)


@lru_cache(maxsize=65536)
def _packed_hash(path: str, row: int, slot: int, state: tuple[int, ...]) -> str:
    """SHA-256 of the encoded bytes; `state` changes when the file does."""
    return hashlib.sha256(packed_bytes(path, row, slot)).hexdigest()
