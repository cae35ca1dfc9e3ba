"""Turns run folders into an HTML page with tables, plots and audio. Calls no model."""
