"""Conditions: what becomes of an item's clips before it is asked; one file each."""
