"""Corpus layouts, one file each; `harken.corpora.base` has the shape."""
