r"""What is written around an answer: control tokens, code fences, JSON, boxes, markup, brackets.

`bodies` takes a reply apart into the texts that may be the answer; `bare` frees one of them of
markup; `unwrapped` frees a short text of the signs around it (``$B$``, ``【B】``, ``__B__``).
"""

from __future__ import annotations

import json
import re
from typing import Any

from harken.ask import words as w
from harken.ask.thinking import without_thinking

_LONGEST = 20_000  # characters read, from the end: longer answers are repetition loops
_MOST_OBJECTS = 16

# A turn of the model ends here; what follows was never asked for.
_TURN_END = re.compile(
    r"<\|(?:im_end|eot_id|eot|end|endoftext|end_of_text|eom_id|return|im_sep|end_of_turn|eos)\|>"
    r"|</s>|<eos>|<end_of_turn>|<end_of_utterance>|<\|?end[_▁ ]of[_▁ ]sentence\|?>|\[EOS\]"
    r"|\[/?INST\]"
    r"|<turn\|>|\[end of text\]",
    re.I,
)
_CONTROL = re.compile(
    r"<\|[^|<>\n]{1,40}\|>(?:(?:assistant|model|user|system)\b\s{0,3})?"
    r"|</?(?:s|bos|eos|pad|unk|sep|cls|mask|sos)>|<start_of_turn>(?:model|user)?|\[(?:PAD|UNK"
    r"|SEP|CLS|BOS)\]"
    r"|<0x[0-9A-F]{2}>|[ĠĊ▁]",
    re.I,
)
_MARKUP = re.compile(
    r"</?(?:b|i|u|p|q|em|strong|span|div|br|hr|code|pre|center|font|mark|small|big|h[1-6]|li|ul|ol"
    r"|option|letter|text|sub|sup)(?:\s[^<>]{0,200})?/?>",
    re.I,
)
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~|<(s|del|strike)>[^<]{1,200}</\1>", re.I)
_FENCE = re.compile(r"```\w*[^\S\n]*\n?(.*?)```", re.S)
_BOX = re.compile(r"\\?(?:boxed|fbox)\s{0,3}(?:\{|(?=[A-Za-z]\b))")
_LATEX = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|texttt|mathrm|mathbf|mathit|mathsf|mathtt|mbox"
    r"|operatorname"
    r"|bf|rm|underline|emph|displaystyle|quad|left|right|boxed|fbox)\b\*?\s{0,3}"
)
_HEADING = re.compile(
    r"[\[【](answer|final answer|response|conclusion|答案|最终答案|正确答案|結論|結论|正解|答え"
    r"|정답)[\]】]\s{0,3}:?",
    re.I,
)
_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">", "【": "】", "《": "》", "「": "」", "『": "』",
             "〈": "〉", "〔": "〕", "⟨": "⟩", "⟦": "⟧"}  # fmt: skip
_PAIRED = "\"'`$*_|=#"
_FIELDS = frozenset(
    {
        *(f"{kind}{noun}" for kind in ("", "final ", "correct ", "best ", "selected ")
          for noun in ("answer", "choice", "option", "letter", "selection")),
        "selected", "response", "result", "output", "prediction", "final", "answer choice",
        "答案", "选项", "最终答案", "正确答案", "回答",
    }
)  # fmt: skip
_PAIR = re.compile(
    r"""\{\s{0,5}['"]?([\w ]{1,30})['"]?\s{0,5}:\s{0,5}"""
    r"""(['"]?)([^'"{}\n]{1,200})\2\s{0,5}[,}]"""
)


def bodies(text: str) -> tuple[list[str], bool]:
    """The texts in a reply that may be its answer, and whether its reasoning was cut off.

    Every marked part (``<answer>``, ``<CONCLUSION>`` …), else every box, else the field of a JSON
    object, else all that is no reasoning.
    """
    found = without_thinking(w.plain(text))
    if found.parts:
        parts = [part[-_LONGEST:] for part in found.parts[-_MOST_OBJECTS:]]
        return [_json_answer(_boxed(_turn(part))) for part in parts], found.unfinished
    rest = _turn(found.rest[-_LONGEST:])
    boxes = _boxes(rest)
    return boxes or [_json_answer(rest)], found.unfinished


def bare(text: str) -> str:
    """`text` without markup, LaTeX commands and what is struck out."""
    text = _MARKUP.sub(" ", _STRUCK.sub(" ", text))
    text = _LATEX.sub("", text).replace("\\(", " ").replace("\\)", " ")
    text = text.replace("\\[", " ").replace("\\]", " ").replace("\\,", " ").replace("\\ ", " ")
    text = re.sub(r"\\([{}$%#&_*])", r"\1", text)
    text = _HEADING.sub(r"\1: ", text)
    text = re.sub(r"\*{1,3}(?=\S)([^*\n]{1,300})(?<=\S)\*{1,3}|(?m:^\s{0,8}\*\s)", r"\1", text)
    text = re.sub(r"\*{2,}|`+|^\s*[-•]\s+|^#+\s+|(?m:^>\s)", "", text)
    text = re.sub(r"\$([^$\n]{1,80})\$", r"\1", text)
    return re.sub(r"(?<![^\W_])_{1,3}([^_\n]{1,200})_{1,3}(?![^\W_])", r"\1", text).strip(" \t\n*")


def unwrapped(text: str) -> str:
    """`text` without the brackets and signs that enclose all of it, whatever their number."""
    text = text.strip()
    for _ in range(8):
        if len(text) < 2:
            break
        closing = _BRACKETS.get(text[0])
        core = text.rstrip(".,;:!。 ") if closing or text[0] in _PAIRED else text
        if len(core) > 2 and core[-1] == (closing or (text[0] if text[0] in _PAIRED else "")):
            inner = core[1:-1].strip()
            if closing and _unbalanced(inner, text[0], closing):
                break
            text = inner
            continue
        break
    return text


def _unbalanced(inner: str, opening: str, closing: str) -> bool:
    """Whether the first bracket closes before the end: ``(A) or (B)``."""
    depth = 0
    for sign in inner:
        depth += (sign == opening) - (sign == closing)
        if depth < 0:
            return True
    return depth != 0


def _turn(text: str) -> str:
    """The model's first turn that says something, without control tokens."""
    for piece in _TURN_END.split(text)[:_MOST_OBJECTS]:
        if kept := _CONTROL.sub(" ", piece).strip():
            return kept
    return ""


def _boxes(text: str) -> list[str]:
    r"""The content of every ``\boxed{…}``, braces within it matched."""
    found = []
    for box in list(_BOX.finditer(text))[-_MOST_OBJECTS:]:
        if not box.group(0).endswith("{"):
            if box.group(0).startswith("\\"):
                found.append(text[box.end() : box.end() + 1])
            continue
        depth, at, end = 1, box.end(), min(len(text), box.end() + 500)
        while at < end and depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        if not depth:
            found.append(text[box.end() : at - 1].strip())
    return found


def _boxed(text: str) -> str:
    boxes = _boxes(text)
    return boxes[-1] if boxes and len(set(boxes)) == 1 else text


def _json_answer(text: str) -> str:
    """The field ``answer`` of the last JSON object in `text` that has one, else `text`."""
    fenced = _FENCE.search(text)
    body = fenced.group(1).strip() if fenced and text.count("```") == 2 else text
    for start in [hit.start() for hit in re.finditer(r"[{\[]", body)][-_MOST_OBJECTS:][::-1]:
        found = _field(_object(body[start : start + 2000]))
        if found is not None:
            return found
    whole = text.strip()
    return body if fenced and whole.startswith("```") and whole.endswith("```") else text


def _object(text: str) -> Any:
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        pass
    end = text.find("}")
    if text[0] != "{" or end < 0:
        return None
    pair = _PAIR.match(text)
    return {pair.group(1): pair.group(3)} if pair else None


def _field(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    for name, entry in value.items():
        if " ".join(w.words(str(name))) not in _FIELDS and str(name) not in _FIELDS:
            continue
        if isinstance(entry, bool):
            return "yes" if entry else "no"
        if isinstance(entry, str | int | float):
            return str(entry)
        if isinstance(entry, list):
            return ", ".join(str(one) for one in entry)
        if isinstance(entry, dict):
            return _field(entry)
    return None
