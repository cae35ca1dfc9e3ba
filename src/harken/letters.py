"""Letters of options: A to Z, then AA, AB …, as columns of a spreadsheet are named."""

from __future__ import annotations


def letter(position: int) -> str:
    """0 -> ``"A"``; after ``"Z"`` comes ``"AA"``."""
    name = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        name = chr(65 + rest) + name
    return name


def place_of(name: str) -> int:
    """The inverse of `letter`: the place of an option, 0 for ``"A"``; -1 for what is no letter."""
    if not name or any(sign < "A" or sign > "Z" for sign in name):
        return -1
    place = 0
    for sign in name:
        place = 26 * place + ord(sign) - 64
    return place - 1
