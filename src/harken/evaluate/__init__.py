"""Examines a model under every condition and computes the numbers.

``run`` plans, asks and marks, and writes a run folder; ``results`` computes its numbers anew from
the trials, ``rescore`` the marks too; ``tabulate`` is the pure function behind them; ``compare``
sets two runs side by side.
"""

from harken.evaluate.compare import compare
from harken.evaluate.results import tabulate
from harken.evaluate.run import CONDITIONS, STAGES, Exam, Guards, rescore, results, run

__all__ = [
    "CONDITIONS", "STAGES", "Exam", "Guards", "compare", "rescore", "results", "run", "tabulate",
]  # fmt: skip
