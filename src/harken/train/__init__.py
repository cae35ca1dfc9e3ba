"""Teaches a Learner: alignment, supervised fine-tuning, GRPO."""
