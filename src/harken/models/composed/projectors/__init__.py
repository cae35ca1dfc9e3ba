"""Projectors, one file each."""
