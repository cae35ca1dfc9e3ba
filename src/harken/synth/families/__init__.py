"""Families of questions, one module each, of the structure described in `harken.synth`."""
