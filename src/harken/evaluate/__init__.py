"""Examines a model under every condition and computes the numbers."""
