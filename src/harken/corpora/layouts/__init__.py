"""Corpus layouts, one module each, of the structure described in `harken.corpora.base`."""
