"""Sorts items by how much the audio contributes; what is dropped keeps its reason."""
