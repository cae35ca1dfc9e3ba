"""Labelled recordings in: one file a layout, and the generated starter corpus.

Every layout file has the shape told in `harken.corpora.base`: ``matches``, ``entries``, ``LAYOUT``.
"""

from harken.corpora.base import (
    LAYOUTS,
    Corpus,
    Entry,
    Layout,
    Recording,
    Reject,
    assign_splits,
    read_corpus,
)

__all__ = [
    "LAYOUTS",
    "Corpus",
    "Entry",
    "Layout",
    "Recording",
    "Reject",
    "assign_splits",
    "read_corpus",
]
