"""Sorts items by how much their audio contributes: weak (answerable from text) or strong.

`run` asks the voters and writes ``weak/``, ``strong/`` and ``dropped/``; `contribution` holds the
two rules, `labels` applies them, `shapley` shares the contribution among several clips.
"""
