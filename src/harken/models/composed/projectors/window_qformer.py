"""window-qformer: a Q-Former over each window of frames (SALMONN, arXiv 2310.13289).

SALMONN's windows are 0.33 s long, 17 frames of Whisper, with one query each: three tokens a
second, in the order of time, so that speech can be transcribed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor

from harken.models.composed.projectors.base import windows
from harken.models.composed.projectors.qformer import QFormerProjector


class WindowQFormerProjector(QFormerProjector):
    """A Q-Former over every `window` frames; its queries are the same in all windows.

    Settings: ``window`` (17 frames), ``queries`` (1 a window), and those of `QFormerProjector`.
    """

    name = "window-qformer"
    about = "a Q-Former over each window of frames; window=17, queries=1, depth=2, hidden=768"

    options: ClassVar[dict[str, type]] = {"window": int, **QFormerProjector.options}
    default_queries: ClassVar[int] = 1

    def __init__(self, width: int, out: int, settings: Mapping[str, Any]) -> None:
        super().__init__(width, out, settings)
        self.window = int(settings.get("window") or 17)

    def tokens(self, frames: int) -> int:
        """`queries` for every window, the last one shorter."""
        return -(-frames // self.window) * self.queries

    def forward(self, frames: Tensor, counts: Sequence[int]) -> Tensor:
        """(B, T, width) -> (B, windows · queries, out)."""
        cut, valid = windows(frames, counts, self.window)
        # A window past the end of its row is not used; attention needs something to look at.
        valid = valid | ~valid.any(-1, keepdim=True)
        tokens = self._attend(cut.flatten(0, 1), valid.flatten(0, 1))
        return tokens.reshape(len(cut), -1, tokens.shape[-1])
