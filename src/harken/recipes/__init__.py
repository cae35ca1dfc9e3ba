"""Recipes: sequences of training stages, by name."""
