"""Examines a model under every condition and computes the numbers.

``run`` plans, asks and marks, and writes a run folder; ``results`` computes its numbers anew from
the trials, ``rescore`` the marks too; ``tabulate`` is the pure function behind them; ``compare``
sets two runs side by side.
"""
