"""The table of docs/systems.md; run it to print the table.

PYTHONPATH=src:tests/recipes python tests/recipes/systems_table.py
"""

from __future__ import annotations

from harken.recipes.system_rows import listed_systems
from harken.report.systems import systems_markdown

BEGIN, END = "<!-- systems: systems_table.py -->", "<!-- end of systems -->"


def documented(text: str) -> str:
    """The table as a page holds it."""
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


if __name__ == "__main__":
    print(systems_markdown(listed_systems()))
