"""Examines a model under every condition and computes the numbers.

``run`` asks and writes a run folder; ``results`` computes its numbers anew from the trials;
``tabulate`` is the pure function behind them; ``compare`` sets two runs side by side.
"""

from harken.evaluate.compare import compare
from harken.evaluate.results import tabulate
from harken.evaluate.run import CONDITIONS, results, run

__all__ = ["CONDITIONS", "compare", "results", "run", "tabulate"]
