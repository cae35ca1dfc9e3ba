"""Text-only baselines: what a benchmark gives away to a model that never listens.

They take any number of clips and use none. Their answer depends on the question, the shown choices
and the id of the item only: under another condition they answer the same.
"""
