"""minhash: texts that are nearly the same, by MinHash with banding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harken.clean.base import HygieneFilter, Judgement, of, precedence
from harken.clean.texts import Sketches, answered, asked_with_options
from harken.clean.workspace import Workspace
from harken.errors import ConfigError
from harken.item import Item


@dataclass(frozen=True, slots=True)
class MinhashSettings:
    """Which texts are nearly the same.

    Attributes:
        similarity: least Jaccard similarity of the sets of shingles.
        shingle: bytes in a shingle, 1 to 8.
        audio: ``same``: only items with the same clips, byte for byte; ``any``: whatever the audio.
    """

    similarity: float = 0.8
    shingle: int = 5
    audio: str = "same"

    def __post_init__(self) -> None:
        """Refuse a similarity, a shingle or an audio that makes no sense."""
        check_audio("minhash", self.audio)
        if not (0 < self.similarity <= 1 and 1 <= self.shingle <= 8):
            raise ConfigError(
                "minhash compares with a similarity above 0 and up to 1, and shingles of 1 to 8 "
                "bytes",
                where=f"minhash?similarity={self.similarity:g}&shingle={self.shingle}",
            )


def judge(items: Sequence[Item], settings: MinhashSettings, workspace: Workspace) -> Judgement:
    """Drop items whose question and options are nearly those of another one with that answer.

    Answers to choice questions must have the same words: "before" and "after" differ in little
    and turn an answer round. Of open questions the answer is a part of the text.
    """
    sketches = Sketches(
        lambda place: asked_with_options(items[place]),
        [group(item, settings.audio, workspace) for item in items],
        settings.shingle,
        settings.similarity,
    )
    found = Judgement()
    for place, (held, alike) in sketches.leaders(precedence(items)).items():
        note = f"{of(items[held])}, similarity {alike:.3f}"
        found.drop(place, items[place], "nearly the same text", note)
    if sketches.not_compared:
        found.told["not_compared"] = sketches.not_compared
    return found


def group(item: Item, audio: str, workspace: Workspace) -> tuple[str, ...]:
    """What two items must share beside a similar text: the answer, and the clips."""
    clips = () if audio == "any" else tuple(workspace.content(clip) for clip in item.clips)
    return (answered(item), *clips)


def check_audio(name: str, audio: str) -> None:
    """Raise ConfigError for a setting ``audio`` that does not exist."""
    if audio not in ("same", "any"):
        raise ConfigError(
            f"audio={audio!r} is neither same nor any", where=name, hint="Write audio=any"
        )


FILTER = HygieneFilter(
    "minhash",
    "drops items whose text is nearly that of another with the same audio and answer (MinHash)",
    judge,
    MinhashSettings,
    default=True,
)
