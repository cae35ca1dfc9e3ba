"""Words that announce an answer, by language: "the answer is", "Antwort:", "答案是", "I choose".

`conclusions` finds where an answer is announced; `points_at_letter` tells a letter that is named
("option B", "it's B") from one that is a word ("A dog barks").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harken.ask import words as w

# language: (words for answer, verb or sign between it and the answer)
_NOUNS = {
    "de": (r"antwort|losung|wahl|auswahl|ergebnis|richtig", r"lautet|ist|ware|war|sollte|muss"),
    "nl": (r"antwoord|keuze|keus|oplossing|juiste optie|juist", r"is|luidt|moet|zou"),
    "sv": (r"svar(?:et)?|losning|rett svar", r"ar|er"),
    "fr": (r"reponse|choix|solution|bonne option", r"est|serait|doit etre"),
    "es": (r"respuesta|eleccion|solucion|opcion correcta", r"es|seria|debe ser"),
    "it": (
        r"risposta|scelta|soluzione|opzione corretta",
        r"e|sarebbe|deve essere"
        "|dovrebbe essere",
    ),
    "pt": (
        r"resposta|escolha|solucao|opcao correta|alternativa(?: correta)?",
        r"e|seria"
        "|deve ser",
    ),
    "pl": (r"odpowiedz|poprawna odpowiedz", r"to|jest|brzmi"),
    "ru": (r"ответ|вариант|правильныи ответ|решение", r"это|будет|является"),
    "tr": (r"cevap|yanit|dogru cevap|secenek", r""),
    "vi": (r"dap an|tra loi", r"la"),
    "id": (r"jawaban(?:nya)?", r"adalah|ialah"),
    "ar": (r"الإجابة|الاجابة|الجواب", r"هي|هو"),
    "hi": (r"उत्तर|जवाब|सही उत्तर", r"है"),
}
_NO = "no|non|nao|nicht|pas|не|niet|nie|inte|n|ne|not"
_SIGN = r":|=|->|=>|→|\s-\s"
_HEDGE = (
    r"(?:(?:most likely|most probably|probably|likely|clearly|definitely|certainly|therefore"
    r"|obviously"
    r"|indeed|thus|also|actually|simply|in fact|i think|i believe|either|"
    r"wahrscheinlich|wohl|eindeutig|also|probablement|donc|probablemente|entonces|probabilmente"
    r"|quindi"
    r"|provavelmente|portanto|waarschijnlijk|dus|вероятно|скорее всего)\s)?"
)
_ENGLISH = (
    r"(?<!\w)(?<!incorrect )(?<!wrong )(?<!false )(?:(?P<final>final)\s+|(?:correct|right|best"
    r"|my|selected|chosen)\s+){0,4}"
    r"(?:(?:answer|option|choice)(?:\s+(?:to|for|here)\b[^.:\n]{0,80}?)?"
    r"(?:\s*(?:(?:\bis|\bwas|\bwould be|\bshould be|\bmust be|\bhas to be|\bwould have to be"
    r"|\bseems to be"
    r"|\bappears to be)\b(?P<sign>)|[\"']?\s*(?::|=|->|=>|→)|\s-(?=\s)))"
    r"|(?:guess|pick|selection|prediction|solution|conclusion|verdict|vote)\s+(?:is|would be"
    r"|has to be|:)"
    r"|(?:responses?|ans|result|output|solution|prediction|selection|pick|guess|label|letter"
    r"|verdict"
    r"|conclusion|final|reply|key|vote|selected|correct|decision)\.?[\"']?\s*(?::|=|->|=>|→"
    r"|\s-(?=\s)))"
    r"\s*(?:as follows|as below)?\s*:?\s*"
    rf"{_HEDGE}\s*(?:(?:option|choice|letter|the letter|the option|option number)\s)?\s*"
)
_CHINESE = (
    r"(?:正确|最终|最佳|最后|最合适|合适|最好|標準|标准|參考|参考|我)?的?(?:答案|选项|選項|选择"
    r"|選擇|回答|结论|結論|答)(?:应该|應該|应当|應當|应|應|就|可能|最可能|大概|大概率)?"
    r"(?:[是为為选選]|:)\s*:?\s*(?:选项|選項|选择|選擇|[选選])?\s*"
    r"|(?:[故应應该該我就请請可想会會]|所以|因此|最终|建议|正确)*(?<!不)(?:选择|選擇|[选選])(?!项|項"
    r"|択|中|手|出|举|舉|秀|取|自|票|民|段)(?:了|的是|的)?\s*:?\s*(?:选项|選項)?\s*"
    r"|(?:选项|選項|選択肢|선택지)\s*(?=[A-Za-z])(?![A-Za-z]\s*(?:[.:]))"
)
_JAPANESE = (
    r"(?:正解|答え?|回答|解答|最終回答|選択肢|結論)(?:は|:|が|として|=)\s*(?:、\s*)?(?:選択肢)?\s*"
)
_KOREAN = r"(?:정답|답변?|선택지?|대답|결론)(?:은|는|:|이|으로는|=)?\s*:?\s*"
_OTHERS = "|".join(
    rf"(?<!\w)(?:{nouns})(?:\s(?!(?:{_NO})\b)\w+){{0,2}}?\s*(?:(?<=\s)(?:{verbs})(?!\w)|{_SIGN})"
    if verbs
    else rf"(?<!\w)(?:{nouns})\s*(?:{_SIGN})"
    for nouns, verbs in _NOUNS.values()
)
_CUE = re.compile(rf"{_ENGLISH}|(?:{_OTHERS})\s*:?\s*{_HEDGE}\s*|{_CHINESE}|{_JAPANESE}|{_KOREAN}")
_FINAL = re.compile(r"final|endgultig|finale|definitiv|最终|最后|最終|최종|окончательн")
_SUPPOSED = re.compile(r"\b(?:if|unless|had|suppose|supposing|assuming|were)\b")

# Small words between "the answer is" and the letter ("es la opción B"); capitals are letters.
_SMALL = re.compile(
    r"(?:the|la|le|el|die|der|das|de|het|a|o|il|lo|(?i:option|choice|letter|number|answer"
    r"|lettre|letra|lettera"
    r"|buchstabe|opci[oó]n|op[cç][aã]o|opzione|optie|antwort|r[eé]ponse|respuesta|risposta"
    r"|alternativa"
    r"|вариант|буква|seçenek|選択肢|选项|選項|선택지))(?![^\W\d_])[\s:]*(?=\S)"
)
# A letter follows these words of a text that runs on.
_POINTS = re.compile(
    r"(?:\b(?:answer|option|choice|letter|choose|chose|choosing|pick|picked|picking|select"
    r"|selected|selecting"
    r"|(?:go|going|went|goes) (?:with|for)|say|guess|think|believe|mean|meant|vote(?: for)?|is"
    r"|its|be|are|not|than"
    r"|so|thus|therefore|hence|then|instead of|neither|nor|over|but|actually|definitely"
    r"|probably|maybe|perhaps"
    r"|surely|certainly|clearly|likely|rather|versus|vs|eliminate|exclude|reject|dismiss"
    r"|rule out|ruled out|said"
    r"|exclude|favor|favour|prefer|label|labelled|labeled|option is|alternative|alternativa"
    r"|item|candidate|was|considered"
    r"|antwort|ist|ware|wahle|nehme|denke|glaube|nicht|weder|noch|sondern|also|daher|buchstabe"
    r"|statt|lautet"
    r"|reponse|est|choisis|lettre|pas|mais|donc|plutot|que|opte pour|ni"
    r"|e|respuesta|es|elijo|letra|sino|pero|opcion|creo que|escojo|entonces|ser"
    r"|risposta|scelgo|lettera|non|ma|opzione|quindi|bensi"
    r"|resposta|escolho|nao|mas|opcao|portanto"
    r"|antwoord|kies|niet|maar|optie|dus|geen|kein|keine"
    r"|ответ|вариант|это|не|а|но|выбираю|буква|значит|wybieram|cevap|secenek)(?:\W{1,2}(?:the|a"
    r"|la|le|el|o|die|de))?\W{1,2}"
    r"|[=-]>\s?|→\s?|[是选選为為答项項即非故](?:择|擇|项|項)?\s?|[は、]\s?|[은는]\s?|(?:정답|답"
    r"|선택지?)\s?)$"
)
# … or these words follow the letter.
_POINTED = re.compile(
    r"[)\]\"'}】」]{0,2}(?:\s?\?|\s(?:is|are|was|were|seems?|looks|sounds|would be|must be|can be"
    r"|should be|appears(?: to be)?)"
    r"(?:\s\w+ly)?\s(?:the\s|my\s|a\s|also\s|most\s|more\s|most likely\s)?(?:correct|right|best"
    r"|answer|most|true|wrong|incorrect|not|false"
    r"|likely|unlikely|out|ruled|excluded|eliminated|choice|option|better|final|valid|invalid"
    r"|accurate|inaccurate|plausible)\b"
    r"|\s(?:can|could|does|do|is|should) (?:not|be (?:ruled|excluded|eliminated))\b"
    r"|\s(?:rather than|instead of|it is|over|not|seems|fits|matches|for sure|definitely"
    r"|obviously|of course"
    r"|i think|i guess|i believe|makes sense|ist (?:richtig|falsch|die|korrekt)|est (?:correct"
    r"|la|faux|juste|vrai)"
    r"|es (?:la|correct|incorrect|fals)|e (?:corret|correta|la|a|sbagliat|errad)|is (?:juist"
    r"|fout|het)"
    r"|верн|неверн|правильн|неправильн|не )"
    r"|\s?(?:是?(?:正确|正確|对|對|错|錯|答案)|项|項|选项|選項|不|です|だ|が正|は正|は間|は違"
    r"|ではな|じゃな|입니다|이다|가 |이 |이에|예요|번)|\s-\s(?:wrong|no|incorrect|right|correct))"
)
# Words of a clause that only names letters: "definitely not A", "B rather than A", "no, B".
FILLERS = frozenset(
    w.listed(
        "simply so thus then hence therefore maybe probably definitely clearly perhaps certainly"
        " surely likely most it is its"
        " be must that the answer option choice letter not rather instead but just only i say"
        " think guess believe would"
        " wait actually no yes sorry mean meant than of over or and with go going choose pick"
        " select final correct"
        " this should could might hmm okay ok well my am im going for to by neither nor"
        " either both as well also"
        " ist es die der das nicht sondern nein also doch oder und antwort est cest la le non"
        " pas mais ou et donc c"
        " es el no sino pero o y entonces e il ma quindi nao mas ele niet maar het dus of en nee"
        " ответ это не а но или и нет da dann statt kein"
    )
)
ARTICLE_LETTERS = frozenset({"A", "I"})  # also English words: no choice when another word follows
# After a letter these words begin a reason or a list, so that "A because" is no article.
REASONS = frozenset(
    w.listed(
        "because since as given due for with weil da denn porque pues ya parce puisque perche"
        " poiche siccome"
        " omdat want aangezien потому так bo poniewaz cunku"
    )
)
JOINERS = frozenset(
    w.listed("or and oder und ou et o y e of en или и rather instead over not is seems")
)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """An announced answer.

    Attributes:
        start: where the announcement begins.
        end: where the answer begins.
        final: it is called final.
        supposed: it depends on a condition ("if it rained, the answer would be").
    """

    start: int
    end: int
    final: bool
    supposed: bool


def conclusions(low: str) -> list[Conclusion]:
    """Where `low` (folded) announces an answer, in order."""
    found = []
    for hit in _CUE.finditer(low):
        lead = re.split(r"[.!?\n]", low[max(0, hit.start() - 120) : hit.start()])[-1]
        condition = re.split(r"\b(?:but|so|however|then)\b", lead)[-1]
        supposed = bool(_SUPPOSED.search(condition)) and "would" in hit.group(0)
        final = bool(_FINAL.search(hit.group(0)))
        found.append(Conclusion(hit.start(), hit.end(), final, supposed))
    return found


def without_small_words(tail: str) -> str:
    """`tail` (as spelled) from its first word on that is no article and no "option"."""
    for _ in range(3):
        small = _SMALL.match(tail)
        if small is None:
            break
        tail = tail[small.end() :]
    return tail


def points_at_letter(before: str, after: str) -> bool:
    """Whether the words around a lone letter (folded) show that it names an option."""
    return bool(_POINTS.search(before[-40:]) or _POINTED.match(after[:60]))
