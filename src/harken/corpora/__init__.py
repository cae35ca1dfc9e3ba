"""Labelled recordings in: one file a layout, and the generated starter corpus.

Every layout file has the shape told in `harken.corpora.base`: ``matches``, ``entries``, ``LAYOUT``.
"""
