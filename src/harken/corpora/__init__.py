"""Labelled recordings in: one file a layout, and the generated starter corpus."""
