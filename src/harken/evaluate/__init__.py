"""Evaluates a model under every condition and computes the numbers.

``run`` plans, infers and scores, and writes a run folder; ``results`` computes its numbers again
from the records, ``rescore`` the scores too; ``tabulate`` is the pure function behind them;
``compare`` compares two runs.
"""
