"""Reasoning in a reply, by the formats that models write it in: what is left is the answer.

==================  ===============================================================
tags                ``<think>…</think>``, ``<thought>``, ``<reasoning>``, ``<scratchpad>`` …, with
                    spaces or attributes, as ``[THINK]…[/THINK]``, ``◁think▷…◁/think▷``,
                    ``<|think|>…<|/think|>``, ``<|begin_of_thought|>…<|end_of_thought|>``
stages              ``<SUMMARY>``, ``<PLANNING>``, ``<CAPTION>``, ``<REASONING>`` … before a part
                    that is the answer (``<CONCLUSION>``, ``<RESPONSE>``, ``<answer>``)
channels            ``<|channel|>analysis<|message|>…<|channel|>final<|message|>…``, and what is
                    left of it when control tokens are skipped: ``analysis…assistantfinal…``
==================  ===============================================================

Reasoning that is never closed is no answer, however long it is. The text is read once, from the
start, and in linear time.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

_THOUGHT = (
    "think|thinks|thinking|thought|thoughts|reason|reasoning|rationale|reflection|reflect"
    "|scratchpad|analysis|analyze|cot|chain[_-]of[_-]thought|deliberation|monologue"
    "|inner[_-]monologue|seed:think|unused94"
)
_STAGE = (
    "planning|plan|caption|captioning|description|summary|perception|observation|observe"
    "|evidence|explanation|details|audio[_-]?caption|info|critic|verification|verify"
)
_ANSWER = "answer|final[_-]?answer|final|response|conclusion|output|result|solution|choice"

# ◁think▷ -> <think>; [THINK] -> <THINK>; <|think|>, <|/think|>, <|end_think|> -> <think>, </think>
_NAMES = f"{_THOUGHT}|{_STAGE}|{_ANSWER}"
_OTHER_SIGNS = re.compile(
    rf"(?:◁|\[|⟨|\{{\{{|<\||<｜)\s{{0,3}}(?P<end>/|end_of_|end_|begin_of_|begin_|start_of_"
    rf"|start_)?"
    rf"(?P<name>{_NAMES})(?P<after>_end|_start|_begin)?\s{{0,3}}(?:▷|\]|⟩|\}}\}}|\|>|｜>)",
    re.I,
)
_TAG = re.compile(
    rf"<\s{{0,3}}(?P<end>/?)\s{{0,3}}(?P<name>{_NAMES}|unused95)\b"
    r"(?P<attributes>[^<>]{0,200})(?:>|$)",
    re.I,
)
_CHANNEL = re.compile(r"<\|channel\|>\s{0,3}(\w+)[^<]{0,100}<\|message\|>", re.I)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>", re.I)
_BARE_CHANNEL = re.compile(r"(?:analysis|commentary)(?=[A-Z])")
_BARE_FINAL = re.compile(r"assistant\s{0,3}final")

_THOUGHTS = frozenset(_THOUGHT.replace("[_-]", "_").split("|"))
_ANSWERS = re.compile(rf"(?:{_ANSWER})", re.I)


@dataclass(frozen=True, slots=True)
class Unfolded:
    """A reply without its reasoning.

    Attributes:
        parts: the parts that are marked as the answer, in order; empty if none is.
        rest: what is neither reasoning nor a marked part.
        unfinished: reasoning began and never ended.
    """

    parts: tuple[str, ...]
    rest: str
    unfinished: bool


def without_thinking(text: str) -> Unfolded:
    """Take a reply apart into answer and reasoning; the reasoning is dropped."""
    if "&lt;" in text:
        text = html.unescape(text)
    if "channel|>" in text and (channels := _channels(text)) is not None:
        return channels
    if _BARE_CHANNEL.match(text.lstrip()):
        final = _last(_BARE_FINAL, text)
        if final is None:
            return Unfolded((), "", True)
        text = text[final.end() :]
    return _tagged(_in_tags(text))


def _in_tags(text: str) -> str:
    """`text` with the other signs around names as tags; ``[Reasoning]`` may be a mere heading."""
    ended = {name.lower() for name in re.findall(r"\[/\s{0,3}([\w-]{1,20})", text)}

    def tag(match: re.Match[str]) -> str:
        name = match.group("name")
        if match.group(0)[0] == "[" and name != "THINK" and name.lower() not in ended:
            return match.group(0)
        return _as_tag(match)

    return _OTHER_SIGNS.sub(tag, text)


def _as_tag(match: re.Match[str]) -> str:
    before, after = (match.group("end") or "").lower(), (match.group("after") or "").lower()
    closes = before == "/" or before.startswith("end") or after == "_end"
    return f"<{'/' if closes else ''}{match.group('name')}>"


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for found in pattern.finditer(text):  # noqa: B007
        pass
    return found


def _channels(text: str) -> Unfolded | None:
    """What the channel ``final`` holds; None if the text has no channel."""
    heads = list(_CHANNEL.finditer(text))
    if not heads:
        return None
    finals = [head for head in heads if head.group(1).lower() == "final"]
    if not finals:
        tail = _CHANNEL_END.search(text, heads[-1].end())
        after = text[tail.end() :] if tail and "end" in tail.group(0) else ""
        after = re.sub(r"<\|start\|>\w{0,20}|<\|[^|<>]{0,40}\|>", " ", after).strip()
        return Unfolded((), after, not after)
    end = _CHANNEL_END.search(text, finals[-1].end())
    return _tagged(_in_tags(text[finals[-1].end() : end.start() if end else len(text)]))


def _tagged(text: str) -> Unfolded:
    """Answer parts and rest of a text whose reasoning and stages are in tags."""
    open_names: list[str] = []
    parts: list[str] = []
    rest: list[str] = []
    answer: list[str] | None = None  # the answer part that is open
    at = 0
    for tag in _TAG.finditer(text):
        name = re.sub(r"[_-]", "_", tag.group("name").lower())
        closes = bool(tag.group("end")) or name == "unused95"
        before = text[at : tag.start()]
        at = tag.end()
        if not open_names:
            (rest if answer is None else answer).append(before)
        if _ANSWERS.fullmatch(name):
            if open_names:
                continue  # an answer within reasoning is no answer
            if answer is not None:
                parts.append("".join(answer))
            answer = None if closes else []
        elif tag.group("attributes").rstrip().endswith("/"):
            continue  # <think/>
        elif not closes:
            open_names.append(name)
        elif open_names:
            _close(open_names, "unused94" if name == "unused95" else name)
        else:  # its opening is in the prompt: all before it was reasoning
            rest, parts, answer = [], [], None
    if not open_names:
        (rest if answer is None else answer).append(text[at:])
    if answer is not None:
        parts.append("".join(answer))
    return Unfolded(tuple(parts), " ".join(rest).strip(), bool(open_names))


def _close(open_names: list[str], name: str) -> None:
    """Close the innermost part of that name; a kind of thinking closes any other kind."""
    if name in open_names:
        while open_names.pop() != name:
            pass
    elif name in _THOUGHTS:
        open_names.clear()
