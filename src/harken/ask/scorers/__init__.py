"""Scorers: (item, prompt, reply) -> Score, for the filter, the reward and the evaluation alike."""
