"""Families of questions, one file each; `harken.synth` has the shape."""
