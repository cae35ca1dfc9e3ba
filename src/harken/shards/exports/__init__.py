"""Datasets of harken as training sets of other programs: one file a format."""
