"""Replies that announce their answer: "the answer is …", and what follows it."""

from __future__ import annotations

import re

from harken.ask import words as w
from harken.ask.cues import ARTICLE_LETTERS, JOINERS, REASONS, conclusions, without_small_words
from harken.ask.mention import mentions
from harken.ask.options import Options
from harken.ask.ordinals import ordinals
from harken.ask.strict import (
    CONFLICT,
    SENTENCE,
    Read,
    agreeing,
    begins_with_text,
    more_letters,
    polar,
)
from harken.ask.wrapping import unwrapped

_MOST_CUES, _REACH = 16, 600  # cues read, from the end, and characters read after each
# A lead that weighs options ("while C is possible, the answer is …") states none.
_WEIGHED = re.compile(
    r"\b(?:while|although|though|whereas|even|despite|unlike|between|might|may|could|consider\w*"
    r"|possible|plausible|possibly|perhaps|seem\w*|if|among|instead|first|options?|choices?"
    r"|whether|given|obwohl|bien que|aunque|sebbene|embora|хотя|虽然|但)\b"
)
_ARTICLED = re.compile(
    r"(?i:it is|its|this is|that is|i hear|i can hear|there is|the sound is|sounds like"
    r"|it sounds like)\s"
)


def announced(spelled: str, low: str, options: Options) -> Read:
    """What follows "the answer is"; of several such phrases, those with "final" decide."""
    cues = conclusions(low)[-_MOST_CUES:]
    if any(not cue.supposed for cue in cues):
        cues = [cue for cue in cues if not cue.supposed]
    if any(cue.final for cue in cues):
        cues = [cue for cue in cues if cue.final]
    results = []
    for cue in cues:
        lead = SENTENCE.split(spelled[max(0, cue.start - 200) : cue.start])
        shown, rule = _after_cue(spelled[cue.end : cue.end + _REACH], options)
        if shown is not None and rule == "cue-letter":
            shown, rule = _with_lead(shown, rule, lead, options)
        elif shown is not None:
            start = cue.start - (0 if _WEIGHED.search(w.level(lead[-1])) else len(lead[-1]))
            said = mentions(spelled[start : cue.end + _REACH].split("\n")[0], options).letters
            shown, rule = (None, CONFLICT) if said and shown not in said else (shown, rule)
        results.append((shown, rule))
    blocked = [rule for shown, rule in results if shown is None and rule]
    if blocked:
        return None, blocked[0]
    picks = {shown for shown, _ in results if shown is not None}
    if len(picks) > 1:
        return None, "several-answers"
    return next((result for result in results if result[0] is not None), (None, ""))


def _with_lead(shown: int, rule: str, lead: list[str], options: Options) -> Read:
    """The letter of a cue, unless what leads to it states another option."""
    own = mentions(w.spell(lead[-1]), options)
    if own.texts and shown not in own.texts and not _WEIGHED.search(w.fold(lead[-1])):
        return None, CONFLICT
    before = next((one for one in reversed(lead[:-1]) if one.strip()), "")
    stated = options.stated(_ARTICLED.sub("", w.spell(before).strip().lower(), count=1))
    return (None, CONFLICT) if stated is not None and stated != shown else (shown, rule)


def _after_cue(tail: str, options: Options) -> Read:
    """The letter or option that `tail` begins with; else the only option in its first sentence."""
    tail = tail.strip()
    whole = SENTENCE.split(tail, maxsplit=1)[0]
    for text in (tail, tail.splitlines()[0] if tail else "", whole, unwrapped(whole)):
        shown = options.stated(text)
        if shown is not None and len(text.strip(" .,;:!?\"'()[]{}")) > 2:
            return shown, "cue-text"
    for text in dict.fromkeys((tail, without_small_words(tail))):
        result = _cue_letter(text, options)
        if result[1]:
            return result
    shown = options.stated(whole)
    if shown is None:
        shown = polar(whole, options)
    if shown is not None:
        return shown, "cue-text"
    places = ordinals(w.fold(whole), len(options.texts))
    found = mentions(w.spell(whole), options)
    shown, rule = found.single()
    if shown is not None and not places:
        return shown, "cue-letter" if found.letters else "cue-text"
    if shown is not None:
        return shown, "cue-letter"
    return None, rule if rule in (CONFLICT, "several-letters") else ""


def _cue_letter(tail: str, options: Options) -> Read:
    match = re.match(
        r"([\(\[\"'{<【「]{0,2})([A-Za-z]{1,2})(?![A-Za-z0-9_'#&])(?![-.][A-Za-z0-9])([\)\]\"'.:,;!?}>】」。、]{0,4})(\s*)(.*)",
        tail,
        re.S,
    )
    if match is None or (shown := options.letter(match.group(2))) is None:
        return None, ""
    if begins_with_text(tail, options):
        return None, ""
    opened, name, mark, gap, rest = match.groups()
    if (
        not mark
        and not gap
        and rest
        and not re.match(r"[吧呢了的啊哦项項选選でだです이입예가を]|\W", rest)
    ):
        return None, ""  # "B型"
    alone = bool(mark or opened) or not rest or "\n" in gap
    word = rest.split()[0].lower().strip(".,") if rest else ""
    article = name.upper() in ARTICLE_LETTERS
    follows = (
        word in REASONS
        or word in JOINERS
        or word in ("-", "/", "&")
        or (name.isupper() and not article)
    )
    line = rest.strip().splitlines()[0].strip(" .->=→") if rest.strip() else ""
    named = options.stated(line) if line else None
    if named is None and line:
        named = options.stated(SENTENCE.split(line, maxsplit=1)[0])
    if named is not None and (alone or not article or not rest[0].isalnum()):
        return (named, "cue-letter") if named == options.label(name) else (None, CONFLICT)
    if named is not None or not (alone or follows):
        return None, ""
    if more_letters(f"{mark[-1:]} {rest}".strip(" )]\"'."), options, shown):
        return None, "several-letters"
    if mark.strip(")]\"'}>")[:1] in (".", "!", "。") and mark.strip(")]\"'}>"):
        following = _ARTICLED.sub("", SENTENCE.split(rest, maxsplit=1)[0].strip(), count=1)
        stated = mentions(w.spell(re.sub(r"(?i)^(?:the|an?)\s", "", following)), options)
        first = stated.mentions[0] if stated.mentions else None
        other = first and not first.start and not first.denied and not first.lettered
        rest = f": {following}" if other else ""
    else:
        rest = SENTENCE.split(f"{mark.strip(')]')}{gap}{rest}", maxsplit=1)[0]
    return agreeing(shown, "cue-letter", f"({name}){rest}", options)
