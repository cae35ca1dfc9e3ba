r"""Reply -> the choice it names, or None and why. A cascade from strict to lenient; no guesses.

Before it is read, a reply is freed of what is no answer: reasoning (`thinking`), control tokens,
fences, JSON, boxes and markup (`wrapping`), a next question that the model made up, and a
conclusion that it took back (`corrections`: the last one counts). Then, on what is left:

1. strict: all of it is a letter, an option's text, or a letter with its option's text;
2. cue: "the answer is …" in one of the languages of `cues`, followed by a letter or an option;
3. refusal: "I don't know", "cannot be determined" (`refusals`), unless an answer is given beside it;
4. yes-no: for these two options, the first word;
5. letter: "option B", "(B)", "B is correct", "the second option" (`mention`, `ordinals`);
6. text: exactly one option is mentioned, longest match first ("dog bark" is no mention of "dog").

At every step three rules hold. An option that is denied (`negation`) is never credited. A letter
and a text that contradict each other name nothing, however they are put. A reply that names several
options, or none, is unparsable: it never counts as a random choice or as the first one.

Letters count only where the prompt showed letters; where an option is itself a letter, its text
goes before the letter (`options`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harken.ask import words as w
from harken.ask.corrections import before_next_question, segments, withdrawn
from harken.ask.cues import ARTICLE_LETTERS, JOINERS, REASONS, conclusions, without_small_words
from harken.ask.mention import Found, mentions
from harken.ask.options import Options, shown_options
from harken.ask.ordinals import ordinals
from harken.ask.refusals import after_turn, is_remark, pieces, refuses
from harken.ask.wrapping import bare, bodies, unwrapped
from harken.models.base import Prompt

_MOST_CUES, _REACH = 16, 600  # cues read, from the end, and characters read after each
_LETTER_ONLY = re.compile(r"[(\[\"'{<]{0,2}([A-Za-z]{1,2})[)\]\"'}>]{0,2}\s{0,2}[.:,;!?。]{0,3}")
_LONE = re.compile(r"[(\[]?([A-Za-z]{1,2})[)\]][.:,;]?")
_LETTER_TEXT = re.compile(
    r"([(\[{\"']?)([A-Za-z]{1,2})([)\]}\"']?)(\s*[\).\]:,;]+\s*|\s+-+\s+|\s*[=-]>\s*|\s*\n\s*|\s+|(?<=[)\]}]))(\S.*)", re.S
)
_SENTENCE = re.compile(r"(?<![\s(][A-Za-z])(?<!^[A-Za-z])[.!?](?:\s|$)|[\n。！？]")
_ARTICLED = re.compile(r"(?i:it is|its|this is|that is|i hear|i can hear|there is|the sound is|sounds like|it sounds like)\s")
_YES = frozenset({"yes", "yeah", "yep", "yup", "true"})
_NO = frozenset({"no", "nope", "nah", "false"})
_CONFLICT = "letter-text-conflict"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The choice read from a reply.

    Attributes:
        choice: position in ``item.choices`` (the rotation undone), or None.
        rule: which rule decided, or why none could.
        abstained: the reply declines to choose.
    """

    choice: int | None
    rule: str
    abstained: bool = False


_Read = tuple[int | None, str]  # shown position and rule, or None and why; an empty rule: go on


def parse(text: str, prompt: Prompt) -> Parsed:
    """Read the choice from a reply to `prompt`; never raises, whatever the text."""
    if not prompt.choices:
        return Parsed(None, "open")
    shown, rule = _read(text, shown_options(prompt))
    if shown is None:
        return Parsed(None, rule, abstained=rule == "refusal")
    return Parsed(prompt.order[shown] if prompt.order else shown, rule)


def answer_text(text: str) -> str:
    """The answer in a reply, without reasoning, code fences, tags and JSON around it."""
    found, _ = bodies(text)
    return found[-1] if found else ""


def is_refusal(text: str) -> bool:
    """Whether the answer in `text` declines to answer."""
    return refuses(w.fold(answer_text(text)))


def starts_with_letter(text: str, prompt: Prompt) -> int | None:
    """The choice whose letter `text` is or begins with, so that its first token is that letter."""
    found = parse(text, prompt)
    return found.choice if found.rule in ("letter", "letter-and-text", "letter-first") else None


def _read(text: str, options: Options) -> _Read:
    found, unfinished = bodies(text)
    if not any(body.strip() for body in found):
        return None, "unfinished-thinking" if unfinished or text.strip() else "empty"
    results = [_body(body, options) for body in found]
    picks = {shown for shown, _ in results if shown is not None}
    if len(picks) > 1:
        return None, "several-answers"
    return next((result for result in results if result[0] is not None), results[0])


def _body(text: str, options: Options) -> _Read:
    """One candidate answer, up to a question that follows it."""
    lone = _LONE.fullmatch(text.strip())
    if lone and (shown := options.label(lone.group(1))) is not None:
        return shown, "letter"
    shown = options.same(text)
    if shown is not None:  # as written, before any sign is taken for markup
        return shown, _named(text.strip(), shown, options)
    result: _Read = (None, "")
    for head in before_next_question(text):
        result = _corrected(unwrapped(bare(unwrapped(head))), options)
        if result[0] is not None or result[1] == "refusal":
            break
    return result


def _corrected(text: str, options: Options) -> _Read:
    """The last conclusion of a text that may correct itself."""
    strict = _strict(text, options)
    if strict[0] is not None and strict[1] != "letter-first":
        return strict
    spelled = w.spell(text)
    no_is_an_option = any(name[:1] == ("no",) for name in options.keys)
    found = segments(spelled, w.level(spelled), no_is_an_option)
    if len(found) > 1:  # "sorry" may be a word of an option
        spans = [(one.start, one.end) for one in mentions(spelled, options).mentions]
        found = segments(spelled, w.level(spelled), no_is_an_option, spans)
    parts = [part for _, part in found]
    if len(parts) == 1:
        return _one(text, options)
    denied: set[int] = set()
    last = _one(parts[-1], options) if parts[-1].strip() else (None, "no-option")
    for k in range(len(parts) - 1, -1, -1):
        if k < len(parts) - 1 and withdrawn(found[k + 1][0], w.level(parts[k + 1])):
            return None, "withdrawn"
        shown, rule = _one(parts[k], options) if parts[k].strip() else (None, "no-option")
        if shown is not None:
            later = [one for part in parts[k + 1 :] for one in mentions(part, options).texts]
            return (None, "withdrawn") if shown in denied else _settled(shown, rule, later)
        if rule not in ("no-option", "only-negated"):
            return None, rule
        denied |= mentions(parts[k], options).denied
    return last


def _settled(shown: int, rule: str, later: list[int]) -> _Read:
    return (shown, rule) if not set(later) - {shown} else (None, "several-options")


def _one(text: str, options: Options) -> _Read:
    """The cascade on a text without corrections."""
    text = unwrapped(text.strip())
    strict = _strict(text, options)
    if strict[1]:
        return strict
    spelled = w.spell(text)
    low = w.level(spelled)
    shown, rule = _cue(spelled, low, options)
    if shown is not None:
        return shown, rule
    own = [i for i, name in enumerate(options.bodies) if refuses(w.fold(name))]
    refusal = refuses(low) and not (own and mentions(spelled, options).texts & set(own))
    if rule and not refusal:
        return None, rule
    polar = _polar(text, options)
    if polar is not None and (not refusal or re.match(r"\W*(?:yes|no)\b\s*[,.;:!-]", low)):
        return polar, "yes-no"
    return _beside_refusal(spelled, low, options) if refusal else _loose(spelled, options)


def _beside_refusal(spelled: str, low: str, options: Options) -> _Read:
    """An answer given beside words of refusal: after a turn, or in sentences of its own."""
    sentences = [(one, w.level(one)) for one in pieces(spelled)]
    if any(refuses(one) for _, one in sentences):
        others = " ".join(one for one, bottom in sentences if not refuses(bottom))
        remark = all(is_remark(bottom) for _, bottom in sentences if refuses(bottom))
        shown, rule = _strict(others.strip(), options) if others.strip() else (None, "")
        if shown is None and remark:
            shown, rule = _loose(spelled, options)
        if shown is not None:
            return shown, rule
        if remark and rule != "no-option":
            return None, rule
    tail = after_turn(spelled, low)
    if tail is not None and not refuses(w.level(tail)):
        shown, rule = _strict(tail.strip(" \t\n,.:;"), options)
        if not rule:
            shown, rule = _loose(tail, options)
        if shown is not None:
            return shown, rule
    return None, "refusal"


def _loose(spelled: str, options: Options) -> _Read:
    """Letters in lenient positions, then mentioned options; they must not contradict each other."""
    return mentions(spelled, options).single()


def _strict(text: str, options: Options) -> _Read:
    """Read the whole text as an answer; ``rule`` is empty where it is not one."""
    text = text.strip()
    shown = options.same(text)
    if shown is not None:
        return shown, _named(text, shown, options)
    core = unwrapped(text)
    match = _LETTER_ONLY.fullmatch(core)
    if match and (shown := options.letter(match.group(1))) is not None:
        return shown, "letter"
    shown = options.stated(core)
    if shown is not None:
        return shown, "text"
    return _letter_then_text(text, options)


def _named(text: str, shown: int, options: Options) -> str:
    """The rule for a `text` that equals an option: its own label is a letter."""
    return "letter" if len(text) < 3 and options.plain[shown] != text else "text"


def _letter_then_text(text: str, options: Options) -> _Read:
    """``B. dog bark``, ``(b) dog bark``, ``B dog bark``, ``B, because …``."""
    match = _LETTER_TEXT.fullmatch(text)
    if match is None or (shown := options.letter(match.group(2))) is None:
        return None, ""
    if _begins_with_text(text, options):
        return None, ""
    opened, name, closed, gap, rest = match.groups()
    labelled = options.label(name)
    mark = closed + gap.strip() or ("\n" if "\n" in gap else "")
    line = rest.splitlines()[0]
    named = options.stated(rest)
    if named is not None and named == labelled and mark.strip():
        return named, "letter-and-text"
    if named is None:
        named = options.stated(line)
    article = name.upper() in ARTICLE_LETTERS and not mark.strip() and not opened
    if named is not None and article and not (named == shown and name.isupper()):
        return None, ""  # "A dog barks": an English word, not a choice
    if _more_letters(rest, options, shown):
        return None, ""  # a list of letters: perhaps a copy of the choices, with the answer below
    if named is not None:
        if not mark and not name.isupper():
            return None, ""
        return (named, "letter-and-text") if named == labelled else (None, _CONFLICT)
    word = rest.split()[0].lower().strip(".,")
    why = word in REASONS and name.isupper()
    spaced = gap[-1:].isspace() and (name.isupper() or mark[:1] in ".:)]")
    if not (why if not mark.strip() else opened or mark[0] in ")]}" or spaced):
        return None, ""  # "a.m.", "i.e.", "B flat"
    return _agreeing(shown, "letter-first", f"({name}) {rest.strip()}", options)


def _agreeing(shown: int, rule: str, statement: str, options: Options) -> _Read:
    """The letter that `statement` begins with, unless its first sentence denies or contradicts it."""
    found = mentions(w.spell(_SENTENCE.split(statement, maxsplit=1)[0]), options)
    if shown in found.denied:
        return None, "only-negated"
    if found.texts and shown not in found.texts:
        return None, _CONFLICT
    if found.letters - {shown} and not found.texts:
        return None, "several-letters"
    return shown, rule


def _begins_with_text(text: str, options: Options) -> bool:
    """Whether the letter at the start of `text` is the first word of an option ("C major")."""
    if not any(len(form.words) > 1 and len(form.words[0]) < 3 for form in options.forms):
        return False
    found = mentions(w.spell(text[:200]), options).mentions
    longer = bool(found) and not found[0].lettered and found[0].end - found[0].start > 2
    return longer and not text[: found[0].start].strip("([\"' ")


def _more_letters(rest: str, options: Options, shown: int) -> bool:
    """Whether `rest` lists other letters (``A, B``, ``A or B``, a copied list)."""
    pattern = (
        r"(?:^|\b(?:or|and|oder|und|ou|et|y|ed?|of|en|или|и)\s+(?:possibly\s+|maybe\s+|perhaps\s+)?|[,/&、或和]\s*)"
        r"[\(\[]?([A-Z]{1,2})(?![\w'#])(\s+[^\W\d_])?"
    )
    listed = [
        hit.group(1)
        for hit in re.finditer(pattern, rest)
        if not (hit.group(2) and hit.group(1) in ARTICLE_LETTERS)
    ]
    lines = re.findall(r"^\s*[\(\[]?([A-Za-z])[\).\]:]", rest, re.M)
    return any(options.letter(name) not in (None, shown) for name in listed + lines)


def _cue(spelled: str, low: str, options: Options) -> _Read:
    """What follows "the answer is"; of several such phrases, those with "final" decide."""
    cues = conclusions(low)[-_MOST_CUES:]
    if any(not cue.supposed for cue in cues):
        cues = [cue for cue in cues if not cue.supposed]
    if any(cue.final for cue in cues):
        cues = [cue for cue in cues if cue.final]
    results = []
    for cue in cues:
        lead = _SENTENCE.split(spelled[max(0, cue.start - 200) : cue.start])
        shown, rule = _after_cue(spelled[cue.end : cue.end + _REACH], options)
        if shown is not None and rule == "cue-letter":
            shown, rule = _with_lead(shown, rule, lead, options)
        elif shown is not None:
            start = cue.start - len(lead[-1])
            said = mentions(spelled[start : cue.end + _REACH].split("\n")[0], options).letters
            shown, rule = (None, _CONFLICT) if said and shown not in said else (shown, rule)
        results.append((shown, rule))
    blocked = [rule for shown, rule in results if shown is None and rule]
    if blocked:
        return None, blocked[0]
    picks = {shown for shown, _ in results if shown is not None}
    if len(picks) > 1:
        return None, "several-answers"
    return next((result for result in results if result[0] is not None), (None, ""))


def _with_lead(shown: int, rule: str, lead: list[str], options: Options) -> _Read:
    """The letter of a cue, unless what leads to it states another option."""
    own = mentions(w.spell(lead[-1]), options)
    if own.texts and shown not in own.texts and not own.denied & own.texts:
        return None, _CONFLICT
    before = next((one for one in reversed(lead[:-1]) if one.strip()), "")
    stated = options.stated(_ARTICLED.sub("", w.spell(before).strip().lower(), count=1))
    return (None, _CONFLICT) if stated is not None and stated != shown else (shown, rule)


def _after_cue(tail: str, options: Options) -> _Read:
    """The letter or option that `tail` begins with; else the only option in its first sentence."""
    tail = tail.strip()
    whole = _SENTENCE.split(tail, maxsplit=1)[0]
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
        shown = _polar(whole, options)
    if shown is not None:
        return shown, "cue-text"
    places = ordinals(w.fold(whole), len(options.texts))
    found = mentions(w.spell(whole), options)
    shown, rule = found.single()
    if shown is not None and not places:
        return shown, "cue-letter" if found.letters else "cue-text"
    if shown is not None:
        return shown, "cue-letter"
    return None, rule if rule in (_CONFLICT, "several-letters") else ""


def _cue_letter(tail: str, options: Options) -> _Read:
    match = re.match(
        r"([\(\[\"'{<【「]{0,2})([A-Za-z]{1,2})(?![A-Za-z0-9_'#&])(?![-.][A-Za-z0-9])([\)\]\"'.:,;!?}>】」。、]{0,4})(\s*)(.*)", tail, re.S
    )
    if match is None or (shown := options.letter(match.group(2))) is None:
        return None, ""
    if _begins_with_text(tail, options):
        return None, ""
    opened, name, mark, gap, rest = match.groups()
    if not mark and not gap and rest and not re.match(r"[吧呢了的啊哦项項选選でだです이입예가を]|\W", rest):
        return None, ""  # "B型"
    alone = bool(mark or opened) or not rest or "\n" in gap
    word = rest.split()[0].lower().strip(".,") if rest else ""
    article = name.upper() in ARTICLE_LETTERS
    follows = word in REASONS or word in JOINERS or word in ("-", "/", "&") or (name.isupper() and not article)
    line = rest.strip().splitlines()[0].strip(" .->=→") if rest.strip() else ""
    named = options.stated(line) if line else None
    if named is None and line:
        named = options.stated(_SENTENCE.split(line, maxsplit=1)[0])
    if named is not None and (alone or not article or not rest[0].isalnum()):
        return (named, "cue-letter") if named == options.label(name) else (None, _CONFLICT)
    if named is not None or not (alone or follows):
        return None, ""
    if _more_letters(f"{mark[-1:]} {rest}".strip(" )]\"'."), options, shown):
        return None, "several-letters"
    if mark.strip(")]\"'}>")[:1] in (".", "!", "。") and mark.strip(")]\"'}>"):
        following = _ARTICLED.sub("", _SENTENCE.split(rest, maxsplit=1)[0].strip(), count=1)
        stated = mentions(w.spell(re.sub(r"(?i)^(?:the|an?)\s", "", following)), options)
        first = stated.mentions[0] if stated.mentions else None
        other = first and not first.start and not first.denied and not first.lettered
        rest = f": {following}" if other else ""
    else:
        rest = f"{mark.strip(')]')}{gap}{rest}"
    return _agreeing(shown, "cue-letter", f"({name}){rest}", options)


def _polar(text: str, options: Options) -> int | None:
    """For the choices yes and no: the position of the one that the text begins with."""
    if sorted(options.keys) != [("no",), ("yes",)]:
        return None
    first = w.words(text)[:1]
    for side, family in (("yes", _YES), ("no", _NO)):
        if first and first[0] in family:
            return options.keys.index((side,))
    return None


__all__ = ["Found", "Parsed", "answer_text", "is_refusal", "parse", "starts_with_letter"]
