"""Options named by their place: "option 2", "the second option", "第二个选项", "zweite Option"."""

from __future__ import annotations

import re

from harken.ask import words as w

_TENS = w.listed("one two three four five six seven eight nine ten")
_HAN = "一二三四五六七八九十"
_NATIVE = w.listed("첫 두 세 네 다섯 여섯 일곱 여덟")
_LAST = -1

# language: (ordinal stems in order, the one for last, the nouns after them)
_ORDERS = {
    "en": ("first second third fourth fifth sixth seventh eighth ninth tenth", "last|final",
           r"(?:listed\s|answer\s|given\s)?(?:option|choice|answer|alternative|possibility)"),
    "de": ("erste zweite dritte vierte funfte sechste siebte achte", "letzte",
           r"(?:option|antwort|auswahl|moglichkeit|wahl)\w*"),
    "nl": ("eerste tweede derde vierde vijfde zesde", "laatste", "(?:optie|antwoord|keuze)"),
    "fr": ("premiere deuxieme troisieme quatrieme cinquieme sixieme", "derniere",
           "(?:option|reponse|proposition)"),
    "es": ("primera segunda tercera cuarta quinta sexta", "ultima", "(?:opcion|respuesta"
    "|alternativa)"),
    "it": ("prima seconda terza quarta quinta sesta", "ultima", "(?:opzione|risposta"
    "|alternativa)"),
    "pt": ("primeira segunda terceira quarta quinta sexta", "ultima",
           "(?:opcao|resposta|alternativa)"),
    "ru": ("перв втор трет четверт пят шест", "последн", r"(?:вариант|ответ)\w*"),
}  # fmt: skip
_PLACE: dict[str, int] = {}
for _stems, _last, _ in _ORDERS.values():
    _PLACE |= {stem: place for place, stem in enumerate(_stems.split())}
    _PLACE |= dict.fromkeys(_last.split("|"), _LAST)
_PLACE |= {"seconde": 1}
_PATTERNS = [
    rf"(?<!\bmy )(?<!\w)({'|'.join(stems.split())}|{last}{'|seconde' if lang == 'fr' else ''})"
    rf"{'[a-zа-я]{0,4}' if lang in ('de', 'ru') else ''}\s{nouns}(?!\w)"
    for lang, (stems, last, nouns) in _ORDERS.items()
]
_NAMED = re.compile("|".join(_PATTERNS))
_COUNTED = re.compile(
    r"(?<!\w)(?:option|choice|alternative|possibility|opcion|opzione|opcao|optie|вариант"
    r"|alternativa|antwort)"
    rf"\s(?:number\s|no\.?\s|nr\.?\s)?#?(\d{{1,2}}|{'|'.join(_TENS)})(?![\w%])(?!\.\d)"
    r"|(?<!\w)(?:answer|option|choice)\s?(?:#|number\s|no\.\s)(\d{1,2})(?!\w)"
    r"|(?<!\w)(\d{1,2})(?:st|nd|rd|th)\s(?:option|choice|answer|alternative)(?!\w)"
    rf"|第([{_HAN}\d]{{1,2}})(?:个|個)?(?:选项|選項|选择|選擇|答案|项|項|の選択肢)"
    rf"|(?:选项|選項|選択肢)\s?([{_HAN}\d]{{1,2}})(?![\w个個])"
    rf"|([{_HAN}\d]{{1,2}})番目の選択肢|(?<!\d)(\d{{1,2}})번(?!째)"
    rf"|({'|'.join(_NATIVE)})\s?번째\s?(?:선택지|보기|옵션|답)"
)


def ordinals(low: str, size: int) -> list[tuple[int, int, int]]:
    """(start, end, place) of every option of `size` that `low` (folded) names by its place."""
    found = []
    for hit in _NAMED.finditer(low):
        place = _PLACE[next(group for group in hit.groups() if group)]
        found.append((hit.start(), hit.end(), place if place != _LAST else size - 1))
    for hit in _COUNTED.finditer(low):
        found.append((hit.start(), hit.end(), _count(next(one for one in hit.groups() if one)) - 1))
    return sorted(one for one in found if 0 <= one[2] < size)


def _count(text: str) -> int:
    for names in (_TENS, _NATIVE, list(_HAN)):
        if text in names:
            return names.index(text) + 1
    return int(text) if text.isascii() and text.isdecimal() else 0
