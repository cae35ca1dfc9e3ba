"""Rewards: what a sampled reply is worth in training by reinforcement; one file each."""
