r"""Reply -> the choice it names, or None and why. A cascade from strict to lenient; no guesses.

1. strict: the whole reply (or its ``<answer>`` tag, JSON ``answer`` field, ``\boxed{}``) is a
   letter, an option text, or a letter with its option text;
2. cue: "the answer is …" followed by a letter or an option;
3. abstained: "I don't know", "cannot be determined", a refusal;
4. letter: a line that is only a letter, "option B", "(B)", "B is correct";
5. text: exactly one option is mentioned, longest match first ("dog bark" is not a mention of
   "dog"), negated mentions aside.

A reply that names several options, or none, is unparsable: it never counts as a random choice or
as the first one. Letters count only where the prompt showed letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from harken.ask import words as w
from harken.ask.mention import mentioned, single
from harken.models.base import Prompt, letter
from harken.parsing import parse_json

_LONGEST = 20_000  # characters read, from the end: longer replies are repetition loops
_MOST_CUES, _REACH = 16, 1000  # cues read, from the end, and characters read after each
_ARTICLE_LETTERS = frozenset({"A", "I"})  # also English words: no choice when another word follows

_REASONS = ("because", "since", "as", "given", "due", "for", "with")

_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.S | re.I)
_THINKING_TAG = re.compile(r"<(/?)(think|thinking|reasoning)>", re.I)
_ANSWER_TAG = re.compile(r"<answer>(.*?)(?:</answer>|$)", re.S | re.I)
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
_OBJECT = re.compile(r"\{[^{}]*\}")
_FENCE = re.compile(r"^```\w*\s*(.*?)\s*```$", re.S)
_LETTER_ONLY = re.compile(r"[\(\[\"']?([A-Za-z]{1,2})[\)\]\"']?[.:,;!]?")
_LETTER_TEXT = re.compile(r"[\(\[]?([A-Za-z]{1,2})(\s*[\)\].:,]\s*|\s+-+\s+|\s+)(\S.*)", re.S)
_CUE = re.compile(
    r"\b(?:(final|correct|right|best)\s+)?(?:answer|option|choice)(?:\s+(?:to|for)\b[^.:\n]{0,80}?)?"
    r"\s*(?:\b(?:is|was|would be|should be|must be)\b|:|=)\s*(?:as follows)?\s*:?\s*"
    r"(?:(?:most likely|probably|likely|clearly)\s)?\s*(?:(?:option|choice|letter)\s)?\s*",
    re.I,
)
_WEAK = re.compile(
    r"(?:\b(?i:answer|option|choice|letter|choose|chose|pick|select|go with|going with|say|guess"
    r"|think|is|it's)\s+|(?<![\w)])[\(\[](?=[A-Za-z]{1,2}[\)\]]))([A-Za-z]{1,2})(?![\w'#])"
)
_IS_RIGHT = re.compile(r"(?<![\w'])([A-Z]{1,2})\s+(?:is|seems)\s+(?:the\s+)?"
                       r"(?:correct|right|best|answer|most)\b")  # fmt: skip
_REFUSAL = re.compile(
    r"\b(?:i|we) (?:really |honestly |just )?(?:do|did|can|could|am|are|would)(?: really)? not "
    r"(?:know|answer|tell|say|determine|hear|listen|identify|process|access|sure|certain|able"
    r"|provide|have (?:access|enough|any audio|the audio))"
    r"|\b(?:im|i am|we are|as an ai)\b.{0,40}?\b(?:not sure|unsure|unable|not able|not certain)"
    r"|\b(?:can|could) not (?:be )?(?:determined?|answered?|known|told|tell|say|answer)\b"
    r"|\b(?:impossible|unable|not possible|no way) to (?:tell|know|say|determine|answer|hear"
    r"|identify)\b"
    r"|\bno (?:idea|audio (?:is|was|has been)?\s*(?:given|provided|attached|available))"
    r"|\bnot enough information|\binsufficient (?:information|context)|\bi (?:pass|abstain)\b"
    r"|\bnone of (?:the above|these|them|the options|the choices)\b"
    r"|^\W*(?:unknown|unsure|not sure|no answer|pass|abstain|na|n/a|none|dont know|do not know)\W*$"
)
_TURN = re.compile(
    r"\b(?:but|however|though|although|my (?:best )?guess|i would guess|i(?:'d)? guess)\b", re.I
)
_YES = frozenset({"yes", "yeah", "yep", "yup", "true"})
_NO = frozenset({"no", "nope", "nah", "false"})


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


def parse(text: str, prompt: Prompt) -> Parsed:
    """Read the choice from a reply to `prompt`; never raises, whatever the text."""
    if not prompt.choices:
        return Parsed(None, "open")
    shown, rule = _read(text, prompt)
    if shown is None:
        return Parsed(None, rule, abstained=rule == "refusal")
    return Parsed(prompt.order[shown] if prompt.order else shown, rule)


def answer_text(text: str) -> str:
    """The answer in a reply, without reasoning, code fences, tags and JSON around it."""
    texts = _unwrapped(text)
    return texts[-1] if texts else ""


def is_refusal(text: str) -> bool:
    """Whether `text` declines to answer."""
    return _REFUSAL.search(w.fold(text)) is not None


def _read(text: str, prompt: Prompt) -> tuple[int | None, str]:
    """Shown position and rule, or None and why."""
    bodies = _unwrapped(text)
    if not any(body.strip() for body in bodies):
        return None, "unfinished-thinking" if text.strip() else "empty"
    results = [_one(body, prompt) for body in bodies]
    picks = {shown for shown, _ in results if shown is not None}
    if len(picks) > 1:
        return None, "several-answers"
    return next((r for r in results if r[0] is not None), results[0])


def _unwrapped(text: str) -> list[str]:
    """The candidate answers in a reply: every ``<answer>``, the JSON field, the box, or all of it.

    ``<think>`` blocks are not answers; after one that is never closed, nothing is left.
    """
    text = w.plain(_ending(text))
    text = _THINKING.sub(" ", text)
    text = re.sub(r"^.*</(?:think|thinking|reasoning)>", " ", text, flags=re.S | re.I)
    text = re.sub(r"<(?:think|thinking|reasoning)>.*$", " ", text, flags=re.S | re.I).strip()
    found = [body.strip() for body in _ANSWER_TAG.findall(text)]
    if found:
        return [_json_answer(body) for body in found]
    found = [body.strip() for body in _BOXED.findall(text)]
    return found or [_json_answer(text)]


def _ending(text: str) -> str:
    """The last `_LONGEST` characters; reasoning that began before them still begins them."""
    cut = len(text) - _LONGEST
    if cut <= 0:
        return text
    tags = [tag for tag in _THINKING_TAG.finditer(text) if tag.start() < cut]
    inside = bool(tags) and not tags[-1].group(1)
    return (f"<{tags[-1].group(2)}>" if inside else "") + text[cut:]


def _json_answer(text: str) -> str:
    fenced = _FENCE.match(text)
    body = fenced.group(1) if fenced else text
    inside = _OBJECT.findall(body)
    if inside:
        try:
            raw = parse_json(inside[-1])
        except (ValueError, RecursionError):
            return body
        for name, value in raw.items():
            if w.key(str(name)) in (("answer",), ("final", "answer"), ("choice",), ("option",)):
                if isinstance(value, bool):
                    return "yes" if value else "no"
                if isinstance(value, str | int | float):
                    return str(value)
                if isinstance(value, list):
                    return ", ".join(str(entry) for entry in value)
    return body


def _one(text: str, prompt: Prompt) -> tuple[int | None, str]:
    """The cascade on one candidate answer."""
    text = re.sub(r"[*`]+|^\s*[-•]\s+|^#+\s+", "", text).strip()
    shown, rule = _strict(text, prompt)
    if rule:
        return shown, rule
    shown, rule = _cue(text, prompt)
    if shown is not None:
        return shown, rule
    refusal = _REFUSAL.search(w.fold(text))
    if rule and refusal is None:
        return None, rule
    polar = _polar(text, prompt)
    if polar is not None and not (refusal and refusal.start() == 0):
        return polar, "yes-no"
    if refusal is None:
        return _loose(text, prompt)
    tail = _TURN.split(text)[-1]
    if tail != text and not _REFUSAL.search(w.fold(tail)):
        shown, rule = _loose(tail, prompt)
        if shown is not None:
            return shown, rule
    return None, "refusal"


def _loose(text: str, prompt: Prompt) -> tuple[int | None, str]:
    """Letters in lenient positions, then mentioned options; they must not contradict each other."""
    options = mentioned(text, prompt.choices)
    letters = _weak_letters(text, prompt)
    if len(letters) > 1:
        return None, "several-letters"
    if letters:
        (shown,) = letters
        if options.affirmed and shown not in options.affirmed:
            return None, "letter-text-conflict"
        return shown, "letter-lenient"
    return single(options)


def _letter(name: str, prompt: Prompt) -> int | None:
    """The shown position called `name` (any case), if letters were shown."""
    if not prompt.style.letters:
        return None
    names = [letter(i) for i in range(len(prompt.choices))]
    return names.index(name.upper()) if name.upper() in names else None


def _same_text(text: str, prompt: Prompt) -> int | None:
    """The only shown position whose text equals `text`: as written, else after `words.key`."""
    written = w.plain(text).casefold().strip()
    hits = [i for i, c in enumerate(prompt.choices) if w.plain(c).casefold().strip() == written]
    if len(hits) != 1:
        normalised = w.key(text)
        hits = [i for i, c in enumerate(prompt.choices) if normalised and w.key(c) == normalised]
    return hits[0] if len(hits) == 1 else None


def _strict(text: str, prompt: Prompt) -> tuple[int | None, str]:
    """Read the whole text as an answer; ``rule`` is empty where it is not one."""
    match = _LETTER_ONLY.fullmatch(text)
    if match and (shown := _letter(match.group(1), prompt)) is not None:
        return shown, "letter"
    shown = _same_text(text, prompt)
    if shown is None:
        shown = _same_text(text.strip(" \t\n.,;:!?\"'()[]"), prompt)
    if shown is not None:
        return shown, "text"
    return _letter_then_text(text, prompt)


def _letter_then_text(text: str, prompt: Prompt) -> tuple[int | None, str]:
    """``B. dog bark``, ``(b) dog bark``, ``B dog bark``, ``B, because …``."""
    match = _LETTER_TEXT.fullmatch(text)
    if match is None or (shown := _letter(match.group(1), prompt)) is None:
        return None, ""
    mark, rest = match.group(2).strip(), match.group(3)
    named = _same_text(rest, prompt)
    if named is None:
        named = _same_text(rest.splitlines()[0].strip(" .,;"), prompt)
    if _more_letters(rest, prompt, shown):
        return None, ""  # a list of letters: perhaps a copy of the choices, with the answer below
    if named == shown:
        return shown, "letter-and-text"
    if not mark:  # "A dog barks", "I think": an English word, not a choice
        why = rest.split()[0].lower() in _REASONS and match.group(1).isupper()
        return (shown, "letter-first") if why else (None, "")
    if named is not None:
        return None, "letter-text-conflict"
    spaced = match.group(2)[-1].isspace() and (match.group(1).isupper() or mark[0] in ".:")
    if mark[0] in ")]" or text[0] in "([" or spaced:
        return shown, "letter-first"
    return None, ""  # "a.m.", "i.e."


def _more_letters(rest: str, prompt: Prompt, shown: int) -> bool:
    """Whether `rest` lists other letters (``A, B``, ``A or B``, a copied list)."""
    pattern = r"(?:^|\b(?:or|and)\s+|[,/&]\s*)[\(\[]?([A-Z]{1,2})(?![\w'#])(\s+[^\W\d_])?"
    listed = [
        hit.group(1)
        for hit in re.finditer(pattern, rest)
        if not (hit.group(2) and hit.group(1) in _ARTICLE_LETTERS)
    ]
    lines = re.findall(r"^\s*[\(\[]?([A-Za-z])[\).\]:]", rest, re.M)
    return any(_letter(name, prompt) not in (None, shown) for name in listed + lines)


def _cue(text: str, prompt: Prompt) -> tuple[int | None, str]:
    """What follows "the answer is"; of several such phrases, those with "final" decide."""
    hits = list(_CUE.finditer(text))[-_MOST_CUES:]
    cues = [
        ((hit.group(1) or "").lower() == "final", text[hit.end() : hit.end() + _REACH])
        for hit in hits
    ]
    if not cues:
        return None, ""
    if any(final for final, _ in cues):
        cues = [cue for cue in cues if cue[0]]
    results = [_after_cue(tail, prompt) for _, tail in cues]
    blocked = [rule for shown, rule in results if shown is None and rule]
    if blocked:
        return None, blocked[0]
    picks = {shown for shown, _ in results if shown is not None}
    if len(picks) > 1:
        return None, "several-answers"
    return next((result for result in results if result[0] is not None), (None, ""))


def _after_cue(tail: str, prompt: Prompt) -> tuple[int | None, str]:
    """The letter or option that `tail` begins with; else the only option in its first sentence."""
    tail = tail.strip()
    match = re.match(r"[\(\[\"']?([A-Za-z]{1,2})(?![\w'#])([\)\]\"'.:,;!]*)(\s*)(.*)", tail, re.S)
    if match and (shown := _letter(match.group(1), prompt)) is not None:
        name, mark, rest = match.group(1), match.group(2), match.group(4)
        alone = bool(mark) or not rest or "\n" in match.group(3)
        word = rest.split()[0].lower().strip(".,") if rest else ""
        article = name.upper() in _ARTICLE_LETTERS
        follows = word in (*_REASONS, "or", "and", "-", "/") or (name.isupper() and not article)
        named = _same_text(rest.splitlines()[0].strip(" .-"), prompt) if rest else None
        if named is not None and (mark or not article):
            return (shown, "cue-letter") if named == shown else (None, "letter-text-conflict")
        if named is None and (alone or follows):
            if _more_letters(f"{mark[-1:]} {rest}".strip(" )]\"'."), prompt, shown):
                return None, "several-letters"
            return shown, "cue-letter"
    sentence = re.split(r"[.!?](?:\s|$)|\n", tail, maxsplit=1)[0]
    shown = _same_text(sentence, prompt)
    if shown is None:
        shown = _polar(sentence, prompt)
    if shown is None:
        shown = single(mentioned(sentence, prompt.choices))[0]
    return (shown, "cue-text") if shown is not None else (None, "")


def _weak_letters(text: str, prompt: Prompt) -> set[int]:
    """Letters named within other text, negated ones aside."""
    found: set[int] = set()
    for line in text.splitlines():
        match = _LETTER_ONLY.fullmatch(line.strip())
        shown = _letter(match.group(1), prompt) if match else None
        if shown is None:
            shown = _letter_then_text(line.strip(), prompt)[0]
        if shown is not None:
            found.add(shown)
    for pattern in (_WEAK, _IS_RIGHT):
        for hit in pattern.finditer(text):
            name, after = hit.group(1), text[hit.end() :].lstrip(" )]")
            shown = _letter(name, prompt)
            bracketed = text[hit.start()] in "(["
            if shown is None or not (bracketed or name.isupper()):
                continue
            article = pattern is _WEAK and not bracketed and name in _ARTICLE_LETTERS
            if article and re.match(r"[^\W\d_]", after):  # "I say A dog barks"
                continue
            before = w.words(text[max(0, hit.start() - 60) : hit.start()])[-3:]
            if not {"not", "neither", "nor", "never"} & set(before):
                found.add(shown)
    return found


def _polar(text: str, prompt: Prompt) -> int | None:
    """For the choices yes and no: the position of the one that the text begins with."""
    sides = [w.key(choice) for choice in prompt.choices]
    if sorted(sides) != [("no",), ("yes",)]:
        return None
    first = w.words(text)[:1]
    for side, family in (("yes", _YES), ("no", _NO)):
        if first and first[0] in family:
            return sides.index((side,))
    return None
