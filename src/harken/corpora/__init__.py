"""Reading corpora of labelled recordings, one module a layout, and the generated starter corpus.

Every layout module has the structure described in `harken.corpora.base`.
"""
