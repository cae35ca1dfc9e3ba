"""Text-only baselines: what a benchmark gives away to a model that ignores its audio.

They take any number of clips and use none. Their answer depends only on the question, the shown
choices and the id of the item, so it is the same under every condition.
"""
