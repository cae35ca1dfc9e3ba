"""Replies that decline to choose, in several languages: "I don't know", "cannot be determined".

A refusal that names what is not known (a breed, a second sound) declines nothing else: `is_remark`
tells the two kinds apart. What follows a turn ("but", "my guess is") is read all the same.
"""

from __future__ import annotations

import re

_ENGLISH = (
    r"\b(?:i|we) (?:really |honestly |just |simply |genuinely |truly )?(?:do|did|can|could|am"
    r"|are|would|will|have)"
    r"(?: really| quite| honestly| currently| actually| possibly)? not"
    r"(?: really| quite| actually| currently| even| the| a| been| able to| in a position to)*"
    r" (?:know|answer|tell|say|determine|hear|listen|identify|process|access|sure|certain|able"
    r"|help|assist|comply|decide"
    r"|choose|pick|select|respond|make out|judge|discern|distinguish|confirm|comment|analy[sz]e"
    r"|recogni[sz]e|perceive"
    r"|understand|given|provided|provide|have (?:access|enough|any (?:audio|idea|way"
    r"|information|clue)|the (?:audio|ability"
    r"|information|file)|sufficient|a clue|ears))"
    r"|\b(?:im|i am|we are|as an ai|as a (?:large )?language model)\b.{0,60}?\b(?:not sure"
    r"|unsure|unable|not able|not certain"
    r"|uncertain|incapable|can not|do not)"
    r"|\b(?:can|could) not (?:be )?(?:reliably |accurately |confidently |possibly "
    r"|really )?(?:determined?|answered?|known|told"
    r"|tell|say|answer|identified|established|decided|inferred|be sure|be certain|help"
    r"|hear (?:the|any) (?:audio|clip|sound|file))\b"
    r"|\b(?:impossible|unable|not possible|no way|not able|hard|difficult"
    r"|too difficult) (?:for me )?to (?:tell|know|say|determine"
    r"|answer|hear|identify|listen|process|access|decide|choose|be sure|be certain|judge"
    r"|make out)\b"
    r"|\bno (?:idea|clue|audio (?:is|was|has been|file|clip|input)?\s*(?:is |was |has been "
    r"|file |clip )?(?:given|provided|attached"
    r"|available|present|found|received|included)?|answer (?:is )?(?:possible|available|given)"
    r"|way of knowing)"
    r"|\b(?:audio|recording|sound|clip)(?: file| clip| recording| input)? "
    r"(?:(?:is|was|has)(?: not|nt) (?:been )?(?:provided|given|attached"
    r"|available|included|received|accessible)"
    r"|(?:is|was|seems to be) (?:missing|unavailable|inaccessible))"
    r"(?=\s*(?:$|[.,;:!?\n]|so\b|and\b|to me\b|here\b))"
    r"|\bdid(?: not|nt) (?:receive|get) (?:any |the |an |your )?(?:audio|recording|sound|clip)\b"
    r"|\bthere is no audio\b|\bnot enough (?:information|context|data|evidence|detail)"
    r"|\binsufficient (?:information|context|data|evidence)"
    r"|\b(?:i|ill|i will) (?:pass|abstain|skip|refuse|decline)\b|\b(?:i|id|ill) (?:would |will "
    r"|must |have to )?(?:rather not|prefer not|not answer"
    r"|decline|refuse|abstain|pass|skip)|\bi prefer not to\b|\bi wish i knew\b"
    r"|\byour guess is as good as mine\b"
    r"|\bbeats me\b|\bnone of (?:the above|these|them|the options|the choices|the answers|those)\b"
    r"|\bno (?:option|choice|answer) (?:is|was|seems) (?:correct|right|suitable)\b"
)
_OTHERS = (
    # German, Dutch, Swedish
    r"|\bweiss (?:ich )?(?:es |das )?(?:leider )?nicht\b|\bich weiss (?:es |das )?(?:leider "
    r"|wirklich )?nicht\b|\bkeine ahnung\b"
    r"|\b(?:kann|konnte|lasst sich|ist)\b[^.,;\n]{0,50}?\bnicht (?:sagen|bestimmen|beantworten"
    r"|beurteilen|horen|feststellen"
    r"|erkennen|bestimmbar|moglich|sicher|beantwortbar|entscheiden|wissen)\b"
    r"|\bbin (?:mir )?(?:nicht sicher|unsicher)\b|\bunmoglich zu (?:sagen|bestimmen)\b"
    r"|\bnicht (?:genugend|genug) informationen\b"
    r"|\bkeine (?:der (?:genannten )?(?:optionen|antworten)|angabe|antwort moglich|audiodatei)\b"
    r"|\bweet (?:ik )?(?:het )?(?:helaas )?niet\b|\bgeen idee\b|\bkan (?:ik )?(?:het |dit "
    r"|de vraag )?(?:niet)\b"
    r"|\bniet (?:te bepalen|zeker|mogelijk|vast te stellen)\b|\bvet (?:jag )?inte\b"
    r"|\bingen aning\b|\bkan inte (?:svara|avgora|hora|saga)\b"
    # French
    r"|\b(?:je )?(?:ne )?sais pas\b|\b(?:aucune|pas d) idee\b|\bimpossible (?:de|a) (?:dire"
    r"|savoir|determiner|repondre|identifier)\b"
    r"|\b(?:je )?(?:ne )?(?:peux|puis|parviens)(?: vraiment)? pas\b|\bsuis pas (?:en mesure"
    r"|sure?|certaine?|capable)\b"
    r"|\bne peut (?:pas )?etre determine"
    r"|\baucune (?:des|de ces) (?:reponses|options|propositions)\b|\bpas assez d informations\b"
    # Spanish, Portuguese, Italian
    r"|\bno (?:lo )?se\b(?! (?:oye|escucha|trata|percibe|aprecia))|\bni idea\b"
    r"|\bno tengo (?:ni )?idea\b|\bno (?:puedo|podria|es posible|se puede|estoy segur\w|logro)\b"
    r"|\bimposible (?:de )?(?:saber|decir|determinar|responder)\b"
    r"|\bninguna de las (?:anteriores|opciones|respuestas)\b"
    r"|\bno hay (?:suficiente|audio)\b"
    r"|\bnao (?:o )?sei\b|\bnao (?:consigo|posso|e possivel|da para|tenho (?:certeza|como"
    r"|ideia))\b|\bnao faco ideia\b"
    r"|\bimpossivel (?:saber|dizer|determinar|responder)\b|\bnenhuma das (?:anteriores|opcoes"
    r"|alternativas)\b"
    r"|\bnon (?:lo )?so\b|\bnon saprei\b|\bnon (?:posso|riesco|e possibile|si puo"
    r"|sono (?:sicur\w|in grado))\b|\bnon ne ho idea\b"
    r"|\bimpossibile (?:da )?(?:dire|sapere|determinare|stabilire|rispondere)\b"
    r"|\bnessuna (?:delle (?:precedenti|opzioni)|idea)\b"
    # Russian, Polish, Turkish, Vietnamese, Indonesian
    r"|\bне (?:знаю|могу|уверен\w*|удается|удаётся|представляется возможным)\b"
    r"|\bневозможно (?:определить|сказать|ответить|узнать)\b"
    r"|\bзатрудняюсь\b|\bнедостаточно (?:информации|данных)\b|\bбез понятия\b"
    r"|\bnie (?:wiem|moge|jestem pewi?e?n\w*|da sie)\b|\bbilmiyorum\b|\bemin degilim\b"
    r"|\bbelirlenemez\b|\bkhong biet\b|\btidak (?:tahu|dapat|bisa)\b"
    # Chinese, Japanese, Korean
    r"|不知道|不晓得|不清楚|不(?:太)?确定|不確定|无法(?:确定|判断|回答|得知|听|辨|识别|确认"
    r"|知道|做出|提供|从|给出|访问|处理|直接)"
    r"|無法(?:確定|判斷|回答|得知|聽|辨|識別|確認|知道|提供|處理)|不能(?:确定|判断|回答|听)"
    r"|难以(?:确定|判断)|没有(?:提供|足够|听到)?(?:音频|信息)"
    r"|没听到音频|听不到(?:音频|声音)|以上都不是|都不是|都不对"
    r"|都不正确|我?拒绝回答|没有正确答案|我?弃权"
    r"|わか(?:り|ら)(?:ません|ない)|分か(?:り|ら)(?:ません|ない)|判(?:断|別)(?:でき"
    r"|が?つき)(?:ません|ない)|特定でき(?:ません|ない)"
    r"|答えられ(?:ません|ない)|回答でき(?:ません|ない)|(?:音声|音|何も)[がは]?聞こえません"
    r"|知りません|不明です|どれでもありません"
    r"|모르겠|모릅니다|몰라|알 수 ?없|판단할 수 ?없|확인할 수 ?없|들을 수 ?없|대답할 수 ?없"
    r"|답변할 수 ?없|확실하지 않|확실치 않"
    # Arabic, Hindi
    r"|لا أعرف|لا اعرف|لا أعلم|لا أستطيع|لا يمكن|غير متأكد|पता नहीं|नहीं पता|नहीं जानता"
    r"|नहीं जानती|मालूम नहीं|नहीं बता सकता"
    r"|ไม่ทราบ|ไม่รู้"
)
_WHOLE = (
    r"|^\W*(?:unknown|unsure|uncertain|undetermined|indeterminate|unclear|not sure|no answer"
    r"|pass|abstain|na|n/a|none|skip|refuse"
    r"|dont know|do not know|idk|dunno|no idea|no comment|sorry|desolee?|lo siento|抱歉|对不起"
    r"|對不起|很遗憾|申し訳ありません|죄송합니다|unbekannt|weiss nicht|inconnu"
    r"|desconocido|sconosciuto"
    r"|desconhecido|неизвестно|onbekend|okand|未知|不明|弃权|なし|모름|알 수 없음|null)\W*$"
)
REFUSAL = re.compile(_ENGLISH + _OTHERS + _WHOLE)
_TURN = re.compile(
    r"\b(?:but|however|though|although|nevertheless|nonetheless|still|that said|if i had to"
    r"|if forced|if i must"
    r"|my (?:best )?guess|best guess|i would guess|i(?:d)? guess|aber|jedoch|trotzdem|mais"
    r"|cependant|pero|sin embargo|ma|tuttavia"
    r"|mas|porem|contudo|maar|echter|но|однако|men)\b|但是?|不过|然而|しかし|ですが|けれど"
    r"|하지만|그러나|지만"
)
# A refusal of these things is one of the question; of others it is a remark ("the breed").
_WHOLE_OBJECT = re.compile(
    r"^\W*(?:$|which|what|who|where|when|how|why|if|whether|that|it|this|from|based|because"
    r"|since|without|for sure|with|about (?:it|this|that|the answer)"
    r"|(?:the|any|an?|your|this|that|to|of|enough|correct|right|exact|exactly|provided|given"
    r"|actual|attached|available|audios?|clips?|sounds?"
    r"|recordings?|files?|answers?|questions?|options?|content|input|speech|music|information"
    r"|context|able|access|listen|hear|process|determine"
    r"|identify|answer|tell|say|know|analy[sz]e|directly|either|anything|for|certain|sure"
    r"|between|[a-d]|or|and|,|in|here|yet|now|unfortunately|help"
    r"|well|clearly|properly|at all|assist|play|choose|decide|be|is|are|was|were|determined"
    r"|possible|one|of|them|these|all|choices?|alone|only)\b)"
)
_WORD = re.compile(r"[^\W_]+")
_OWN_OBJECT = re.compile(
    r"\b(?:breed|exact|name|species|language|gender|age|location|number|speaker|type|model"
    r"|brand|title|artist|reason|who|why|where|other|else|second"
    r"|background|details?|distance|words|lyrics|meaning|cause|source|owner|instrument|key"
    r"|tempo|specific|precise)\b"
)
_SPLIT = re.compile(r"(?<=[.!?;。！？；\n])\s*(?!\d)|\n")


def refuses(low: str) -> bool:
    """Whether `low` (folded) holds words of refusal."""
    return REFUSAL.search(low) is not None


def pieces(spelled: str) -> list[str]:
    """Sentences, also parted at semicolons."""
    return [piece.strip() for piece in _SPLIT.split(spelled) if piece and piece.strip()]


def after_turn(spelled: str, low: str) -> str | None:
    """What follows the last turn ("but", "my guess") in a text of refusal; None without one."""
    last = None
    for last in _TURN.finditer(low):  # noqa: B007
        pass
    return None if last is None else spelled[last.end() :]


def is_remark(low: str) -> bool:
    """Whether the refusal in the sentence `low` is of something beside the question.

    "I do not know the breed", "I do not hear a dog"; not "I cannot hear the audio".
    """
    hit = REFUSAL.search(low)
    if hit is None:
        return False
    rest = re.split(r"[,.;:!?\n]", low[hit.end() :], maxsplit=1)[0]
    object_words = _WORD.findall(rest)[:6]
    if not object_words or re.match(
        r"\W*(?:which|what|if|whether|how|from|based|because|since)\b", rest
    ):
        return bool(
            re.match(
                r"\W*(?:what|how|which) (?:breed|kind|type|else|other|language|species)\b", rest
            )
        )
    if _OWN_OBJECT.search(rest[:60]):
        return True
    return not all(_WHOLE_OBJECT.match(word) for word in object_words)
