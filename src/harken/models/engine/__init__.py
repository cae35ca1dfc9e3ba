"""Tokenized prompts, batches, log-probabilities, replies: for composed and native models alike."""
