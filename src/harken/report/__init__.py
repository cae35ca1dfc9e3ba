"""Turns run folders into a page that people look at and listen to. Knows no model."""
