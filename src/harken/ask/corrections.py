"""Replies that go on: a conclusion taken back ("wait, actually B"), a next question made up."""

from __future__ import annotations

import re
from collections.abc import Sequence

_MOST = 16
_OPENING = r"(?:^|[.!?;:,\n。，；！？、)\]\"']\s{0,3}|[-…]\s{0,3})"
_LEAD = r"(?:(?:oh|hm+|but|and|no|so|ah|uh|well|ok|okay|hold on|hang on)\b[\s,.…-]{0,4}){0,3}"
_END = r"(?:\b|(?<=[^\x00-\x7f]))[\s,.:;!…-]{0,4}"
_AGAIN = (
    rf"{_OPENING}{_LEAD}(?:"
    r"(?:wait|or rather|hold on|hang on|actually|correction|corrected(?: answer)?|scratch that"
    r"|strike that|on second thoughts?|on reflection|upon (?:reflection|closer listening"
    r"|further (?:listening|reflection)|review)|after (?:listening again|reconsidering"
    r"|reconsideration|further thought)|let me (?:correct|rethink|re-?listen|revise"
    r"|reconsider|listen again|rephrase|check again|think again|change)(?: (?:that|this"
    r"|my answer|myself|it))?|i (?:meant|mean|stand corrected|made a mistake|take (?:that|it) back"
    r"|was wrong|misspoke|misheard|change my (?:mind|answer)|changed my mind"
    r"|need to correct \w+|correct myself|would like to correct \w+|should correct \w+)|sorry"
    r"|my mistake|my bad"
    r"|oops|whoops|my apologies|apologies|apologies for the (?:confusion|mistake|error)"
    r"|revised(?: answer)?|revision|edit|update|updated(?: answer)?|erratum|errata"
    r"|changing my answer|never ?mind"
    r"|moment|moment mal|warte|korrektur|vielmehr|besser gesagt|ich korrigiere|entschuldigung"
    r"|eigentlich"
    r"|attendez|attends|en fait|correction|pardon|je me corrige|je rectifie|rectification"
    r"|espera|esperen|en realidad|correccion|perdon|me corrijo|rectifico|mejor dicho"
    r"|aspetta|anzi|in realta|correzione|scusa|mi correggo|espere|na verdade|correcao|alias"
    r"|desculpe|corrijo|ou melhor"
    r"|wacht|eigenlijk|correctie|подождите|подожди|стоп|на самом деле|точнее|вернее|исправление"
    r"|поправка|czekaj|wlasciwie)"
    r"(?! than)"
    rf"|(?:rather|no|nope|nein|non|nee|нет)(?=\s{{0,2}}[,.:;!…-]|$)(?!\s*\.\s*\d)|等等"
    rf"|等一下"
    rf"|不对|不對|更正|修正|其实|其實|应该说|應該說|准确地说|纠正|いや|待って|訂正|やはり"
    rf"|やっぱり|実は|違う|아니요?,|잠깐|정정|사실은?|다시 생각)"
    rf"{_END}"
)
_MARKER = re.compile(_AGAIN)
_PLAIN_NO = re.compile(r"\W*(?:no|nope|non|nein|nee|нет)\W*$")
_WITHDRAWN = re.compile(
    r"^\W*(?:no\W*$|nope\W*$|(?:that|this|it)(?: is|s| was| can not be)? (?:not|wrong|incorrect"
    r"|false|a mistake)|not (?:that|right|correct|quite)"
    r"|wrong\b|incorrect\b|(?:that|it) does not|nein\W*$|non\W*$|nee\W*$|нет\W*$"
    r"|i was wrong\W*$|never ?mind\W*$|scratch that\W*$|strike that\W*$)"
)
_BACK = re.compile(
    r"\b(?:no|nope|nein|non|nee|нет|scratch|strike|never ?mind|wrong|mistake|back|misspoke"
    r"|misheard)\b|不对|不對|違|아니"
)
_NEXT = re.compile(
    r"\n\s{0,8}(?:#{1,6}\s{0,3}|\*{1,2}|<\|?|\[)?(?:(?:next |new "
    r"|follow-?up )?question(?: \d{1,3})?|q\d{0,3}|human|user|instruction|input"
    r"|example(?: \d{1,3})?|problem(?: \d{1,3})?"
    r"|student|customer|prompt|next(?: clip| audio| item)?|问题\d{0,3}|問題\d{0,3}|用户|題目"
    r"|题目|frage(?: \d{1,3})?|pregunta(?: \d{1,3})?|domanda(?: \d{1,3})?|pergunta(?: \d{1,3})?"
    r"|質問\d{0,3}"
    r"|질문|вопрос(?: \d{1,3})?|vraag(?: \d{1,3})?|fraga)(?:\*{1,2}|\]|\|?>)?\s{0,3}(?:[:.)]"
    r"|\|?>|\n)"
    r"|\n\s{0,8}(?:you are given|listen to the (?:next|following|audio)|what (?:is|are|was|does"
    r"|do|sound|kind|type)\b[^\n]{3,160}\?\s{0,3}\n)"
)


_BUT = re.compile(r"\b(?:but|however|aber|mais|pero|ma|mas|maar|но)\b|但是?|でも|하지만")
_POSSIBLE = re.compile(
    r"\b(?:might|may|could|possible|plausible|possibly|tempting|at first|initially|konnte|pourrait"
    r"|podria|potrebbe|poderia|mogelijk|может)\b|可能"
)


def withdrawn(marker: str, tail: str) -> bool:
    """Whether `marker` and `tail` (folded) take back what was said, and say nothing instead."""
    if not re.search(r"\w", tail):
        return bool(_BACK.search(marker))
    return bool(_WITHDRAWN.match(tail))


def segments(
    spelled: str, low: str, no_is_an_option: bool, options: Sequence[tuple[int, int]] = ()
) -> list[tuple[str, str]]:
    """`spelled` cut where it corrects itself: (the correcting words before it, text).

    A mere "no" corrects nothing where it is an option, and no word within one of the spans
    `options`.
    """
    found, at, marker = [], 0, ""
    for hit in list(_MARKER.finditer(low))[-_MOST:]:
        # "a dog? No, …" denies the dog
        asked = hit.group()[0] == "?" and any(0 <= hit.start() - end < 3 for _, end in options)
        if _PLAIN_NO.fullmatch(hit.group()) and (no_is_an_option or asked):
            continue
        if any(start < hit.start() + 1 < end for start, end in options):
            continue
        found.append((marker, spelled[at : hit.start() + 1]))
        at, marker = hit.end(), hit.group()
    return [*found, (marker, spelled[at:])]


def before_next_question(text: str) -> list[str]:
    """`text` up to each question that follows it, shortest first, then all of it."""
    low = text.lower() if len(text.lower()) == len(text) else text
    heads = [text[: hit.start()] for hit in list(_NEXT.finditer(low))[:_MOST]]
    return [*(head for head in heads if head.strip()), text]


def contrast(spelled: str, low: str) -> tuple[str, str]:
    """What stands before and after "but" where the part before is a mere possibility; else ""."""
    parts = list(_BUT.finditer(low))
    if len(parts) != 1 or not _POSSIBLE.search(low[: parts[0].start()]):
        return "", ""
    return spelled[: parts[0].start()], spelled[parts[0].end() :]
