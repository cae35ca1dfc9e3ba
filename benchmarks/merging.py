"""What merging alike neighbours keeps of an encoder's frames, beside equally long tokens.

Every frame is replaced by the mean of the frames of its token. Printed is the squared error of
that, as a share of the frames' variance over all clips (0: nothing is lost), for the projector
`merging` and for means of equally many frames, with equally many tokens.

    python benchmarks/merging.py ENCODER FOLDER [FOLDER …]

Of each folder of recordings 12 clips are taken, up to 10 s of each. ENCODER as in `harken compose`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from harken.audio.load import load
from harken.corpora.read import read_corpus
from harken.models.composed.encoders.open import open_encoder
from harken.models.composed.projectors.merging import MergingProjector

CLIPS, POOL = 12, 2


def frames_of(encoder_spec: str, folder: Path) -> list[Tensor]:
    encoder = open_encoder(encoder_spec).eval()
    found = read_corpus(folder).recordings
    chosen = found[:: max(1, len(found) // CLIPS)][:CLIPS]
    rows = []
    with torch.no_grad():
        for one in chosen:
            samples = load(one.clip)[: round(16_000 * min(encoder.limit_s, 10.0))]
            frames, counts = encoder.encode([encoder.prepare(encoder.features(samples))])
            rows.append(frames[0, : counts[0]])
    return rows


def lost(rows: Sequence[Tensor], spans: Sequence[Sequence[tuple[int, int]]]) -> float:
    """The squared error of means over spans, as a share of the variance over all rows."""
    mean = torch.cat(list(rows)).mean(0)
    error = whole = 0.0
    for row, own in zip(rows, spans, strict=True):
        for start, end in own:
            part = row[start:end]
            error += float((part - part.mean(0)).square().sum())
        whole += float((row - mean).square().sum())
    return error / whole


def main(encoder: str, folders: Sequence[str]) -> None:
    for folder in map(Path, folders):
        rows = frames_of(encoder, folder)
        width, length = rows[0].shape[1], sum(map(len, rows))
        print(f"{folder.name}: {len(rows)} clips, {length} frames")
        for keep in (0.5, 0.25, 0.125):
            merging = MergingProjector.build(width, 8, {"pool": POOL, "keep": keep})
            spans = [merging.spans(row[None], [len(row)])[0] for row in rows]
            size = round(POOL / keep)
            equal = [
                [(at, min(at + size, len(row))) for at in range(0, len(row), size)] for row in rows
            ]
            tokens, others = (sum(map(len, one)) for one in (spans, equal))
            longest = max(end - start for own in spans for start, end in own)
            print(
                f"  keep {keep}: {tokens} tokens ({tokens / length:.3f} a frame), lost "
                f"{lost(rows, spans):.3f}, longest {longest} frames; means of {size}: {others} "
                f"tokens, lost {lost(rows, equal):.3f}"
            )


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
