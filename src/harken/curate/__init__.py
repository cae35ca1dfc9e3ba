"""Sorts items by how much their audio contributes: weak (the text gives it away) or strong.

`run` asks the voters and writes ``weak/``, ``strong/`` and ``dropped/``; `contribution` holds the
two rules, `labels` applies them, `shapley` shares the contribution among several clips.
"""

from harken.curate.contribution import RULES, Ballot, Quorum, quorum, settled, silence_vote
from harken.curate.labels import Settings
from harken.curate.run import run
from harken.curate.shapley import interaction, shapley

__all__ = [
    "RULES",
    "Ballot",
    "Quorum",
    "Settings",
    "interaction",
    "quorum",
    "run",
    "settled",
    "shapley",
    "silence_vote",
]
