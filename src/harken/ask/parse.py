r"""Reply -> the choice it names, or None and why. A cascade from strict to lenient; no guesses.

Before it is read, a reply is freed of what is no answer: reasoning (`thinking`), control tokens,
fences, JSON, boxes and markup (`wrapping`), a next question that the model made up, and a
conclusion that it took back (`corrections`: the last one counts). Then, on what is left:

1. strict: all of it is a letter, an option's text, or a letter with its option's text;
2. cue: "the answer is …" in one of the languages of `cues`, followed by a letter or an option;
3. refusal: "I don't know", "cannot be determined" (`refusals`), unless it stands beside an answer;
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
from harken.ask.announced import announced
from harken.ask.corrections import before_next_question, contrast, segments, withdrawn
from harken.ask.mention import mentions
from harken.ask.options import Options, shown_options
from harken.ask.refusals import after_turn, is_remark, pieces, refuses
from harken.ask.strict import LONE, Read, named_rule, polar, strict, without_both
from harken.ask.wrapping import bare, bodies, unwrapped
from harken.models.base import Prompt


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


def _read(text: str, options: Options) -> Read:
    found, unfinished = bodies(text)
    if not any(body.strip() for body in found):
        return None, "unfinished-thinking" if unfinished or text.strip() else "empty"
    results = [_body(body, options) for body in found]
    picks = {shown for shown, _ in results if shown is not None}
    if len(picks) > 1:
        return None, "several-answers"
    return next((result for result in results if result[0] is not None), results[0])


def _body(text: str, options: Options) -> Read:
    """One candidate answer, up to a question that follows it."""
    lone = LONE.fullmatch(text.strip())
    if lone and (shown := options.label(lone.group(1))) is not None:
        return shown, "letter"
    shown = options.same(text)
    if shown is not None:  # as written, before any sign is taken for markup
        return shown, named_rule(text.strip(), shown, options)
    result: Read = (None, "")
    for head in before_next_question(text):
        result = _corrected(unwrapped(bare(unwrapped(head))), options)
        if result[0] is not None or result[1] == "refusal":
            break
    return result


def _corrected(text: str, options: Options) -> Read:
    """The last conclusion of a text that may correct itself."""
    whole = strict(text, options)
    if whole[0] is not None and whole[1] != "letter-first":
        return whole
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
    last: Read = (None, "no-option")
    for k in range(len(parts) - 1, -1, -1):
        if k < len(parts) - 1 and withdrawn(found[k + 1][0], w.level(parts[k + 1])):
            return None, "withdrawn"
        shown, rule = _one(parts[k], options) if parts[k].strip() else (None, "no-option")
        if k == len(parts) - 1:
            last = (shown, rule)
        if shown is not None:
            later = [one for part in parts[k + 1 :] for one in mentions(part, options).texts]
            return (None, "withdrawn") if shown in denied else _settled(shown, rule, later)
        if rule not in ("no-option", "only-negated"):
            return None, rule
        denied |= mentions(parts[k], options).denied
    return last


def _settled(shown: int, rule: str, later: list[int]) -> Read:
    return (shown, rule) if not set(later) - {shown} else (None, "several-options")


def _one(text: str, options: Options) -> Read:
    """The cascade on a text without corrections."""
    text = unwrapped(text.strip())
    whole = strict(text, options)
    if whole[1]:
        return whole
    alone = without_both(text, options)
    if alone != text:
        shown, rule = _one(alone, options)
        return (shown, rule) if shown is not None else (None, "several-options")
    spelled = w.spell(text)
    low = w.level(spelled)
    shown, rule = announced(spelled, low, options)
    if shown is not None:
        return shown, rule
    # Options may be worded as refusals ("not sure"): to mention one is to choose it.
    refusal = refuses(low) and not any(
        refuses(w.fold(options.bodies[i])) for i in mentions(spelled, options).texts
    )
    if rule and not refusal:
        return None, rule
    side = polar(text, options)
    if side is not None and (not refusal or re.match(r"\W*(?:yes|no)\b\s*[,.;:!-]", low)):
        return side, "yes-no"
    return _beside_refusal(spelled, low, options) if refusal else _loose(spelled, options)


def _beside_refusal(spelled: str, low: str, options: Options) -> Read:
    """An answer given beside words of refusal: after a turn, or in sentences of its own."""
    sentences = [(one, low_one, refuses(low_one)) for one in pieces(spelled)
                 for low_one in (w.level(one),)]  # fmt: skip
    if any(declines for _, _, declines in sentences):
        others = " ".join(one for one, _, declines in sentences if not declines)
        remark = all(is_remark(bottom) for _, bottom, declines in sentences if declines)
        shown, rule = strict(others.strip(), options) if others.strip() else (None, "")
        if shown is None and remark:
            shown, rule = _loose(spelled, options)
        if shown is not None:
            return shown, rule
        if remark and rule != "no-option":
            return None, rule
    head, comma, last = spelled.rpartition(",")
    if comma and refuses(w.level(head)) and not mentions(head, options).mentions:
        shown, rule = strict(last.strip(), options)
        if shown is not None:  # "I don't know, B"
            return shown, rule
    tail = after_turn(spelled, low)
    if tail is not None and not refuses(w.level(tail)):
        shown, rule = strict(tail.strip(" \t\n,.:;"), options)
        if not rule:
            shown, rule = _loose(tail, options)
        if shown is not None:
            return shown, rule
    return None, "refusal"


def _loose(spelled: str, options: Options) -> Read:
    """Letters in lenient positions, then mentioned options; they must not contradict each other."""
    result = mentions(spelled, options).single()
    if result[1] in ("several-letters", "several-options"):
        head, tail = contrast(spelled, w.level(spelled))
        after = mentions(tail, options).single() if head else result
        if head and after[0] is not None:
            return after  # "it might be A, but B is more likely"
    return result
