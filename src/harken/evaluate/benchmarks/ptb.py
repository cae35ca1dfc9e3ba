"""Words as the COCO caption tools cut them: Penn Treebank tokens, lower case, without punctuation.

The tools (pycocoevalcap) run Stanford's PTBTokenizer 3.4.1, which needs Java, and then drop sixteen
marks. This is a reading of its rules for captions, in a regular expression: clitics are words of
their own ("it 's", "do n't", "can not"); hyphens and slashes hold words together; known
abbreviations and single letters keep their full stop; brackets become ``-lrb-`` and are *kept*, as
are runs such as ``!!`` (the tools drop single marks and a capital ``-LRB-`` only).

Held against the Java tool (docs/benchmarks.md has the figures; NLTK's tokeniser does not know where
a sentence ends within a caption). Known to differ: emoji, which the Java tool deletes; file names,
versions (``v2.0``) and rare abbreviations.
"""

from __future__ import annotations

import re

_DROPPED = frozenset(["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", "...", ";"])

_STOPPED = (
    "mr mrs ms messrs dr prof rev gen col capt lt sgt maj gov sen rep pres st mt ft jr sr vs etc "
    "al inc ltd co corp bros jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu "
    "thurs fri ave blvd rd dept est op cit ph.d"
)
_NUMBERED = "no nos p pp art sec ch"
"""Abbreviations before a number only."""

_SPLIT = {
    "cannot": "can not", "gonna": "gon na", "gotta": "got ta", "wanna": "wan na",
    "lemme": "lem me", "gimme": "gim me", "'tis": "'t is", "'twas": "'t was",
    "d'ye": "d' ye", "more'n": "more 'n", "y'all": "y' all", "y'know": "y' know",
}  # fmt: skip

_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_SAME = str.maketrans({
    "’": "'", "‘": "'", "“": '"', "”": '"', "–": " -- ", "—": " -- ", "…": " ... ",
    "\u00ad": "", "£": "#", "€": "$", "½": "1/2", "¼": "1/4", "¾": "3/4",
})  # fmt: skip


def _any(words: str) -> str:
    return "|".join(re.escape(word) for word in words.split())


_LETTER = r"[^\W\d_]"
_WORD = rf"(?:{_LETTER}|\d|_)+"
_TOKEN = re.compile(
    rf"""
    https?://[^\s"<>]*[^\s"<>.,;:!?)'\]]                     # an address
  | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                             # of electronic mail
  | </?[a-z][^<>\s]*>                                        # a tag
  | &(?:amp|lt|gt|quot);
  | (?:{_any(_STOPPED)})\.(?!\w)
  | (?:{_any(_NUMBERED)})\.(?=\s*\d)
  | (?<![^\W_])(?:{_LETTER}\.)+{_LETTER}\.(?!{_LETTER})      # p.m., u.s.a.
  | (?<![\w'.-]){_LETTER}\.(?![\w.])                         # an initial
  | (?<!\S)[-+]\d+(?:[.,:/-]?\d+)*                           # a number with its sign
  | \d+:\d\d(?=[ap]m\b)                                      # 10:30am
  | '(?:t(?=is\b|was\b)|em\b|cause\b|n'|n\b|\d\ds\b)
  | n't\b
  | '(?:s|m|d|re|ve|ll)\b
  | [#@]{_LETTER}\w*
  | {_LETTER}\+\+|c\#
  | (?:{_LETTER}&{_LETTER}+|at&t)\b
  | (?:(?!n't\b){_WORD}?(?=n't\b))                           # do|n't
  | {_WORD}(?:(?:[-/.!?](?=\w)|(?<=\d)[,:](?=\d)|'(?!(?:s|m|d|re|ve|ll|t|n')\b)(?=\w)|_){_WORD})*
  | \.\.+|--+|[!?]+|\*+
  | \S
    """,
    re.VERBOSE,
)


def ptb_words(text: str) -> list[str]:
    """The tokens of a caption that the COCO tools compare."""
    found: list[str] = []
    for token in _TOKEN.findall(text.lower().translate(_SAME)):
        for one in _SPLIT.get(token, token).split():
            word = _mark(one)
            if word and word not in _DROPPED:
                found.append(word)
    return found


def _mark(token: str) -> str:
    """A mark under the name that the tool gives it; a word as it is."""
    if token in _BRACKETS:
        return _BRACKETS[token]
    if re.fullmatch(r"\.\.+|--+|\"", token):
        return ""
    return {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": ""}.get(token, token)
