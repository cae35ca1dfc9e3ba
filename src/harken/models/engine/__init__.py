"""Tokenized prompts, batches, log-probabilities, generation: for composed and native models."""
