"""Whether the words around a mention deny it, in the languages of the tables below.

Text is folded (`words.fold`); other mentions are one sign, `MENTION`, so that a list is denied as a
whole ("neither a dog nor a cat"). What stands before a mention is read back to the start of its
clause, what stands after it up to the next mention or stop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from harken.ask import words as w

MENTION = "\u00a4"
_REACH = 5  # other words between a denying word and what it denies

# One word that denies what follows it; a comparison ("louder than a dog") affirms nothing either.
_BEFORE = {
    "en": "not no never without neither nor isnt except excluding hardly barely unlike unlikely"
    " than lacks lacking rejecting dismissing ruling eliminate eliminated eliminates"
    " exclude excluded excludes dismiss dismissed reject rejected doubt doubtful nothing",
    "de": "nicht kein keine keinen keinem keiner keines nie niemals weder ohne statt anstatt",
    "nl": "niet geen nooit zonder noch evenmin",
    "sv": "inte ingen inget inga aldrig utan varken",
    "fr": "pas aucun aucune jamais sans ni non exclure",
    "es": "no ni nunca sin tampoco ningun ninguna descartar descarto",
    "it": "non ne nessun nessuno nessuna senza mai neanche escludo",
    "pt": "nao nem nunca sem nenhum nenhuma tampouco",
    "pl": "nie ani bez nigdy brak",
    "ru": "не ни нет без никакой никакая никогда",
    "tr": "ne",
}
# Several words that deny what follows them.
_PHRASES = (
    r"far from|(?:any|every)(?:thing|one)? (?:but|except)|all (?:\w+ )?(?:but|except)"
    rf"|(?:choose|chose|pick|select|favou?r|prefer|take|go with) {MENTION} (?:over|to)"
    rf"|(?:rather|other|less|sooner) than|instead of"
    r"|as opposed to|(?:opposite|absence|lack|devoid|free|short) of|differ(?:s|ent)? (?:from"
    r"|than|to)"
    r"|(?:rule|rules|ruled|ruling|count|leave) out|except for|least likely|unlikely to be"
    r"|(?:confused|confuse) with|mis(?:taken|took|take)(?: \w+)? (?:for|as)|false that"
    r"|wrong (?:to|that)"
    r"|incorrect(?: answer| option| choice)?(?: is| are| would be)?|nothing like|no longer"
    r"|too \w+ (?:to be|for)|distinct from|distinguish\w* \w+ from"
    r"|(?:first|initially|originally|previously|earlier)(?: \w+){0,2} (?:thought|said|guess"
    r"|guessed"
    r"|considered|assumed|believed|answered|chose|picked|wrote|took)"
    r"|thought (?:it|this|that) (?:was|were|might|could|may)|used to be|might seem like"
    r"|anders als|im gegensatz zu|weit (?:davon )?entfernt|plutot que|au lieu de|loin d e?tre|sauf"
    r"|en lugar de|en vez de|lejos de(?: ser)?|excepto|invece (?:di|che)|al posto di|piuttosto che"
    r"|em vez de|longe de(?: ser)?|exceto|in plaats van|behalve|ver van|вместо|кроме|далеко не"
)
# Words that end the reach of a denial within a clause, and words that do not count for its length.
_BOUNDARY = w.listed(
    "but however rather though although yet it is its actually because while whereas just only so"
    " therefore thus hence then since sondern aber doch mais cest sino pero ma bensi mas porem maar"
    " utan а но ale lecz ama fakat so sont est es ist"
)
_FREE = w.listed(
    "a an the or nor and any of than either oder und noch ni ou et o y e of en eller och или и"
)

# After a mention: complete, or at the end of a clause.
_WRONG = (
    r"not|wrong|incorrect|inaccurate|absent|false|ruled out|missing|excluded|eliminated|out"
    r"|unlikely"
    r"|impossible|implausible|improbable|mistaken|rejected|dismissed|less likely|invalid|unfounded"
    r"|inconsistent|a mistake|a distractor|off the table|never|nowhere|irrelevant|the wrong"
    r"|unheard"
)
_AFTER = (
    rf"(?:\w+ ){{0,2}}(?:is|was|are|were|be|being|been|seems?|looks?|sounds?|feels?|appears?)"
    rf"(?: \w+ly| quite| also| most| just| simply| therefore| then| probably"
    rf"| very)?(?: to be)? (?:{_WRONG})\b",
    r"(?:\w+ ){0,2}(?:do|does|did|can|could|would|should|will|may|must|has|have"
    r"|had) (?:\w+ly )?not\b",
    r"(?:can|could|may|must|should|has|have)(?: also)? (?:be|been)(?: \w+ly)?"
    r" (?:ruled|excluded|eliminated|dismissed|rejected|discarded|discounted)\b",
    r"(?:never|fails?|failed) (?:to )?\w+",
    r"\W{0,3}\?\W{0,3}(?:no|nope|nah|not|never|hardly|unlikely|wrong|incorrect|i do not think"
    r"|nein|nicht"
    r"|non|pas|nao|nee|нет|nie)\b|\W{0,3}\?\W{0,3}(?:不|没|いいえ|いや|違|아니)",
    r"[\s:=(\[-]{1,4}(?:no|wrong|incorrect|false|not|nope|x|✗|✘|❌|falsch|nein|faux|falso|fout"
    r"|неверно)\W{0,2}$",
    r"(?:ist|sind|war|ware|scheint|klingt)(?: \w+)? (?:falsch|unwahrscheinlich|ausgeschlossen"
    r"|unmoglich"
    r"|inkorrekt)\b",
    r"(?:\w+ ){0,3}nicht(?: (?:zu|richtig|korrekt|die|der|das|gemeint|vor|horbar"
    r"|enthalten)\b.*)?\W*$",
    r"(?:is|was|klinkt|lijkt) (?:fout|onjuist|niet|onwaarschijnlijk|uitgesloten)\b",
    r"(?:\w+ ){0,2}(?:n|ne) \w+ pas\b",
    r"(?:est|serait|semble) (?:faux|fausse|incorrecte?|exclue?|improbable|impossible)\b",
    r"(?:\w+ ){0,2}no (?:es|esta|hay|se|suena|corresponde|coincide|puede|encaja|aparece)\b",
    r"no\W*$",
    r"(?:es|esta|seria|parece) (?:incorrect\w|fals\w|descartad\w|erroneo|imposible|improbable)\b",
    r"(?:\w+ ){0,2}non (?:e|c e|ce|si|puo|corrisponde|sembra)\b",
    r"(?:e|sarebbe|sembra) (?:sbagliat\w|errat\w|fals\w|esclus\w|improbabile|impossibile)\b",
    r"(?:\w+ ){0,2}nao (?:e|esta|ha|se|corresponde|parece|pode)\b",
    r"(?:e|esta|seria|parece) (?:errad\w|incorret\w|fals\w|descartad\w|improvavel|impossivel)\b",
    r"(?:\w+ )?(?:не(?! только)|нет|отсутству\w*|неверн\w*|неправильн\w*|исключ\w*|ошиб\w*)\b",
    r"nie (?:jest|pasuje|ma)\b",
    r"degil\b",
    r"(?:sesi )?(?:degil|yok)\b",
)
_CJK_AFTER = (
    r"[的地之声聲音选選项項个個这這答案,]{0,6}(?:显然|明显|并|也|都|可以|应该|应|可|就|绝对|肯定)?"
    r"(?:不是|不对|不對|不正确|不正確|不符|不可能|不成立|不存在|不合|不像|不太|不行|是错|是錯"
    r"|错|錯|有误|被?排除|没有|沒有|"
    r"听不|聽不|不在|不会|不會|并非|並非|非正确)",
    r"[^。、,.!?\n]{0,8}?(?:では?な[いくか]|じゃな[いくか]|では?ありません|じゃありません"
    r"|ではあり得|でなく|違[いう]|ちが[いう]"
    r"|間違|聞こえな|聞こえません|いません|ありません|はない|がない|もない|いない|誤り|不正解"
    r"|しない|しません)",
    r"[^。、,.!?\n]{0,6}?(?:아니|아닙|아닌|않|없|틀[렸린]|못)",
)
_CJK_BEFORE = (
    r"(?:不[^而但,。\s\u00a4]{0,4}?是|并不是|並不是|不像|没有|沒有|没|沒|并非|並非|绝非|絕非"
    r"|而非|非|不|无|無|未|别|勿|不会|不會|排除|除了|除|否定|不选|不選"
    r"|不听到|听不到|聽不到|听不见|不存在|不包含|不包括|缺乏|不可能是?)"
)
_CJK_FILL = r"[^而但是却卻,。、;:!?\n\u00a4]{0,6}"

# Idioms with a denying word that affirm.
_IDIOMS = re.compile(
    r"\b(?:there is )?(?:no|without|with no|without a|without any|beyond|beyond any) (?:doubt"
    r"|question|mistake)\b"
    r"|\b(?:can|could|do|does|did) not (?:\w+ ){0,2}(?:anything|any sound|any other \w+)"
    r" (?:but|except|other than|besides)\b|\bnothing (?:but|other than|except|besides)\b"
    r"|\bnone (?:but|other than)\b|\bno other (?:\w+ )?than\b|\bnot only\b|\bnot just\b"
    r"|\bnot merely\b"
    r"|\bwhy not\b|\bno wonder\b|\bnot to mention\b|\bdo not forget\b|\bnot surprisingly\b"
    r"|\bcan not be anything (?:but|other than)\b|\bi can not deny\b|\bundoubtedly\b"
    r"|\bno more than\b"
    r"|\bnot without\b|\bnicht nur\b|\bohne zweifel\b|\bzweifellos\b|\bpas seulement\b"
    r"|\bsans (?:aucun )?doute\b"
    r"|\bno solo\b|\bsin duda(?: alguna)?\b|\bnon solo\b|\bsenza dubbio\b|\bnao (?:so|apenas)\b"
    r"|\bsem duvida\b"
    r"|\bне только\b|\bбез сомнения\b|\bniet alleen\b|\bzonder twijfel\b"
    r"|不仅仅?是?|不只是?|不但是?|毫无疑问|毫無疑問|无疑|無疑|非常|不得不|没有疑问|不过|不過"
    r"|不同的|間違いなく|だけでなく|만 아니라|틀림없"
)

_WORDS = "|".join(sorted({w.fold(word) for own in _BEFORE.values() for word in own.split()}))
_ENDS = "|".join(w.fold(word) for word in _BOUNDARY)
_LIGHT = "|".join([*(w.fold(word) for word in _FREE), MENTION])
_GAP = rf"(?:\s+(?:{_LIGHT}))*"
_COPULA = (
    r"(?:\s+(?:es|e|est|sea|seria|sarebbe|sia|fue|era|son|ha|hay|esta|se trata de"
    r"|si tratta di)(?!\w))?"
)
_LEFT = re.compile(
    rf"(?<!\w)(?:{_WORDS}|{_PHRASES})(?!\w){_COPULA}{_GAP}"
    rf"(?:\W{{1,3}}(?!(?:{_ENDS}|{_LIGHT})(?!\w))[^\W_]+{_GAP}){{0,{_REACH}}}\W*$"
)
# "I do not think it is a dog": the words that elsewhere end the reach of a denial belong to it.
_THINK = re.compile(
    r"(?:\bnot|\bnever|\bdoubt|\bnicht|\bnot really) ?(?:(?:really|quite|actually|at all|that"
    r"|whether|if)\s)*"
    r"(?:think|believe|feel|say|suppose|imagine|guess|reckon|seem|sound|look|feel|mean|conclude"
    r"|claim"
    r"|describe|classify|call|consider|convinced|sure|certain|likely|clear|possible|true"
    r"|correct|right"
    r"|the case|because|that|it|the answer|evidence)?"
    r"(?:\s(?:like|as|that|if|it|this|there|here|the|sound|audio|clip|answer|recording|speaker"
    r"|option|correct"
    r"|right|he|she|they|could|would|can|should|might|may|was|is|are|be|were|its|hear|heard|an"
    r"|a|to|of"
    r"|in|any|or))*\W*$"
)
_LEFT_CJK = re.compile(rf"{_CJK_BEFORE}{_CJK_FILL}(?:{MENTION}[和或与與及、跟以也]{{1,2}})*$")
_RIGHT = re.compile(
    rf"(?:[\s)\]\"']{{0,4}}(?:{'|'.join(_AFTER[:4])})|\W{{0,3}}(?:{'|'.join(_AFTER[4:6])})"
    rf"|[\s)\]\"']{{0,4}}(?:{'|'.join(_AFTER[6:])}))"
)
_RIGHT_CJK = re.compile("|".join(f"(?:{one})" for one in _CJK_AFTER))
_TRAILING = re.compile(
    rf"(?:\b(?:{_WORDS}|{_PHRASES})|{_CJK_BEFORE})(?:\s+(?:a|an|the|der|die|das|ein|eine|einen"
    rf"|un|une|una|el|la|le|il))?\W*$"
)


def without_idioms(text: str) -> str:
    """`text` (folded) with idioms such as "no doubt" blanked out; its length is kept."""
    return _IDIOMS.sub(lambda hit: " " * len(hit.group(0)), text)


def denied_before(before: str) -> bool:
    """Whether `before`, a clause up to a mention, folded, denies the mention.

    Earlier mentions in it are written `MENTION`.
    """
    before = before[-160:]
    return bool(_LEFT.search(before) or _THINK.search(before) or _LEFT_CJK.search(before))


def denied_after(after: str, *, bounded: bool) -> bool:
    """Whether `after`, what follows a mention up to a stop or the next mention, denies it.

    `bounded`: another mention follows; a denial at the end of `after` belongs to that one.
    """
    after = _TRAILING.sub("", after[:80]) if bounded else after[:80]
    return bool(_RIGHT.match(after) or _RIGHT_CJK.match(after))


def masked(low: str, start: int, end: int, earlier: Iterable[tuple[int, int]]) -> str:
    """``low[start:end]`` with the mentions within it, given by their spans, as `MENTION` each."""
    pieces, at = [], start
    for first, last in earlier:
        if first >= at and last <= end:
            pieces += [low[at:first], MENTION]
            at = last
    return "".join([*pieces, low[at:end]])
