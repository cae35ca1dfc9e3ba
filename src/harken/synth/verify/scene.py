"""The sources of all clips, and which of them a mention in a text can mean."""

from __future__ import annotations

from collections.abc import Sequence

from harken.facts import ClipFacts, SourceFacts
from harken.synth.verify.lexicon import NameMention
from harken.synth.verify.reading import ReadText


class Scene:
    """The sources of all clips, and which of them a mention can mean."""

    def __init__(self, facts: Sequence[ClipFacts], read: ReadText) -> None:
        self._facts = facts
        self._read = read

    def clip_at(self, place: int) -> int | None:
        """Position of the clip that the text at `place` is about; None: not said.

        The clip named last before it in its sentence, else the first named after it there.
        """
        for start, end in self._read.sentences:
            if start <= place < end:
                own = [one for one in self._read.clips if start <= one[0] < end]
                before = [number for at, number in own if at <= place]
                chosen = before[-1] if before else own[0][1] if own else None
                if chosen is None:
                    return None
                position = chosen - 1 if chosen > 0 else len(self._facts) - 1
                return position if 0 <= position < len(self._facts) else None
        return None

    def sources(self, clip: int | None) -> list[SourceFacts]:
        """The sources of one clip, or of all."""
        return [
            source
            for i, facts in enumerate(self._facts)
            if clip is None or i == clip
            for source in facts.sources
        ]

    def front(self, clip: int | None) -> list[SourceFacts]:
        """Those that are no background."""
        return [source for source in self.sources(clip) if source.kind != "background"]

    def lengths(self, clip: int | None) -> list[float]:
        """The lengths of one clip or of all, in seconds, where they are known."""
        return [
            facts.duration_s
            for i, facts in enumerate(self._facts)
            if facts.duration_s is not None and (clip is None or i == clip)
        ]

    def meant(self, mention: NameMention) -> list[SourceFacts]:
        """The sources that a mention can mean."""
        return [s for s in self.sources(self.clip_at(mention.start)) if mention.fits(s)]

    def positioned(self, mention: NameMention) -> list[tuple[int, SourceFacts]]:
        """The sources that a mention can mean, each with the position of its clip."""
        clip = self.clip_at(mention.start)
        return [
            (i, source)
            for i, facts in enumerate(self._facts)
            if clip is None or i == clip
            for source in facts.sources
            if mention.fits(source)
        ]

    def placed_front(self, mention: NameMention) -> list[tuple[int, SourceFacts]]:
        """All sources that are no background, of the clip that a mention is about, or of all."""
        clip = self.clip_at(mention.start)
        return [
            (i, source)
            for i, facts in enumerate(self._facts)
            if clip is None or i == clip
            for source in facts.front
        ]
