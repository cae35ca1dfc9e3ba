"""Projectors, one file each; `base` has the interface."""
