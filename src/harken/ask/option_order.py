"""Options whose order may not change: they speak of other options or of letters, or carry them.

"Both A and B", "None of the above" and "A. dog" mean another thing, or contradict their letter, in
another order. Whatever is found here is asked in the order of the item only. The rules know some
languages beside English, and err on the side of one order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from harken.ask.prompt import Rotations, rotations_of
from harken.item import Item
from harken.letters import letter

_OTHERS = re.compile(
    # all of the above, none of the options below, neither of these, both answers
    r"\b(?:all|none|both|any|either|neither|each)\b(?: (?:of|from))?(?: the| these| those)?"
    r"(?: other| listed| given| remaining)?"
    r" (?:above|below|preceding|following|previous|foregoing|options?|choices?|answers?"
    r"|statements?)\b"
    r"|\b(?:all|none|both|any|either|neither) of (?:these|those)\W*$"
    r"|\b(?:options?|answers?|choices?|statements?) (?:above|below)\b"
    r"|\b(?:first|second|third|fourth|last|other|previous|next) (?:\w+ )?(?:options?|choices?)\b"
    # German, Dutch, French, Spanish, Portuguese, Italian, Polish
    r"|\b(?:oben|unten|vor) ?(?:genannt|stehend|aufgeführt)\w*|\bobige\w*"
    r"|\b(?:alles?|keine?[rs]?|nichts|beides?|geen|alle) (?:davon|bovenstaande|van de bovenstaande)"
    r"|\b(?:alle|keine?[rs]?|beide)\b.{0,12}\b(?:genannten|antworten|optionen)\b"
    r"|\bci-dess(?:us|ous)\b"
    r"|\b(?:toutes|tous|aucune?|les deux)\b.{0,12}\b(?:réponses?|options?|propositions?)\b"
    r"|\b(?:tod[ao]s|ningun[ao]|ambas|nenhuma?|tutte|nessuna|entrambe)\b.{0,20}\b(?:anterior(?:es)?"
    r"|precedent[ie]|opciones|opções|opzioni|respuestas|respostas|risposte)\b"
    r"|\bpowyższ\w*"
    # Russian, Chinese, Japanese, Korean
    r"|\bвыше(?:перечисл|указан|назван)\w*|\bперечисленн\w*|\bварианты? выше|\bвсе варианты"
    r"|上述|(?:以上|以下)(?:都|皆|全|均|所有|各|两|三|没有|无|选项|答案|の)|上記|下記"
    r"|위의? (?:모두|모든|어느|보기|항목)|보기 (?:중|모두)",
    re.I,
)
_JOIN = (
    r"(?:,|;|&|\+|and|or|nor|but not|und|oder|sowie|als auch|noch|et|ou|ni|y|o|e|i|и|или|ни"
    r"|和|与|或|と|または|와|과|및|또는|、)"
)
_NAME = r"\(?(?:[A-Z]|[1-9]|I{1,3}|I?V|VI)\)?"
_ONLY = (
    r"(?i:both|only|either|neither|all|just|options?|choices?|answers?|statements?|not|correct"
    r"|right|true|are|is|nur|sowohl|weder|beide|antworten?|optionen?|seulement|réponses?|solo"
    r"|opción|opciones|opzion[ei]|opção|opções|ambas|respuestas?|respostas?|только|选项|选|仅|只有"
    r"|都|对|正确|のみ|만|모두)"
)
_SEVERAL = re.compile(
    rf"(?:{_ONLY}\W*)*{_NAME}(?:\s*(?:{_JOIN}\s*){{1,2}}(?:{_ONLY}\W*)*{_NAME})+\W*(?:{_ONLY}\W*)*"
)
_ONE = re.compile(rf"(?:{_ONLY}\W*)+{_NAME}\W*(?:{_ONLY}\W*)*|{_NAME}\W+(?:{_ONLY}\W*)+")
_PLAIN = re.compile(r"(?<![^\W_])(?:[A-Z]|[1-9]|I{1,3}|I?V|VI)(?![^\W_])|(?<=[和与或と、])[A-Z1-9]")
_CARRIED = re.compile(r"\W{0,2}([A-Za-z]|\d{1,2})\s*[).:：、．\]】](?!\d)\s*\S")
_ASKED = re.compile(r"\b(?i:options?|choices?|answers?)\s+\(?([A-Z])\b")
_LISTED = re.compile(r"(?:^|[\s(])\(?([A-H])[).:]\s*\S")


def option_orders(item: Item, rotations: Rotations) -> tuple[range, str]:
    """The rotations to ask of `item`, and why there is only one where more were requested."""
    turns = rotations_of(item, rotations)
    why = fixed_order(item) if len(turns) > 1 else ""
    return (range(1), why) if why else (turns, "")


def shuffled_order(item: Item, rng: np.random.Generator) -> list[int]:
    """An order of the options of `item` as drawn, or its own order where that may not change."""
    drawn = [int(place) for place in rng.permutation(len(item.choices))]
    return sorted(drawn) if fixed_order(item) else drawn


def fixed_order(item: Item) -> str:
    """Why the options of `item` may be shown in its own order only; empty if in any order."""
    return _fixed(item.question, item.choices)


@lru_cache(maxsize=1 << 14)
def _fixed(question: str, choices: tuple[str, ...]) -> str:
    options = [text.strip() for text in choices]
    names = [letter(i) for i in range(len(options))]
    for text in options:
        if _OTHERS.search(text):
            return f"the option {text!r} speaks of other options"
        if _names_options(text, names):
            return f"the option {text!r} speaks of options by letter or number"
    if len(options) > 1 and (carried := _carried(options)):
        return f"the option {carried!r} carries a letter or number of its own"
    asked = [found for found in _ASKED.findall(question) if found in names]
    listed = [found for found in _LISTED.findall(question) if found in names]
    if asked or (len(listed) > 1 and listed == names[: len(listed)]):
        return "the question speaks of options by letter"
    return ""


def _names_options(text: str, names: Sequence[str]) -> bool:
    """Whether an option consists of names of options: "Both A and B", "1 and 3", "only C"."""
    several = _SEVERAL.fullmatch(text)
    if several is None and _ONE.fullmatch(text) is None:
        return False
    named = [re.sub(r"\W", "", one) for one in _PLAIN.findall(text)]
    if all(one in names for one in named):
        return True
    # Numbers count things, and Roman ones name chords, unless they are said together: "I and III".
    said = re.search(r"(?i)\b(?:and|only|both|neither|und|et|y|e|и|options?|statements?)\b", text)
    numbered = {str(i + 1) for i in range(len(names))} | {"I", "II", "III", "IV", "V", "VI"}
    return said is not None and all(one in numbered for one in named)


def _carried(options: Sequence[str]) -> str:
    """The first option with the letter or number of its own place before its text, if most are so.

    ``A. dog`` in first place carries it; ``A. Vivaldi`` alone among names does not. Options that
    are nothing but the letters of their places carry them too.
    """
    if all(text.upper() == letter(i) for i, text in enumerate(options)):
        return options[0]
    own = []
    for i, text in enumerate(options):
        found = _CARRIED.match(text)
        if found and found.group(1).upper() in (letter(i), str(i + 1)):
            own.append(text)
    return own[0] if 2 * len(own) > len(options) else ""
