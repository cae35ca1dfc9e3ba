"""Which family of language models a model belongs to: judges favour replies of their own kind.

Panickssery et al., "LLM Evaluators Recognize and Favor Their Own Generations", arXiv 2404.13076. A
family is told by words in a model's name and by ``model_type`` in the configuration of a saved
model. A model built on another (Audio Flamingo 3 on Qwen2.5) is of both families.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_NAMES: dict[str, tuple[str, ...]] = {
    "qwen": ("qwen", "qwq", "qvq"),
    "llama": ("llama", "vicuna", "alpaca"),
    "gpt": ("gpt", "chatgpt", "davinci", "o1", "o3", "o4"),
    "gemini": ("gemini", "gemma", "palm", "medgemma"),
    "claude": ("claude",),
    "mistral": ("mistral", "mixtral", "ministral", "magistral", "codestral", "pixtral", "voxtral"),
    "deepseek": ("deepseek",),
    "phi": ("phi", "phi3", "phi4", "phi4mm"),
    "granite": ("granite",),
    "glm": ("glm", "chatglm", "glmasr"),
    "grok": ("grok",),
    "kimi": ("kimi", "moonshot", "moonlight"),
    "minicpm": ("minicpm",),
    "internlm": ("internlm", "internvl"),
    "command": ("command", "cohere", "aya"),
    "nova": ("nova",),
    "olmo": ("olmo",),
    "smollm": ("smollm", "smollm2", "smollm3"),
    "step": ("stepfun", "stepaudio"),
    "ernie": ("ernie",),
    "yi": ("yi",),
    "baichuan": ("baichuan",),
    "lfm": ("lfm", "lfm2"),
    "harken": ("harken",),
}
"""Family -> words that stand for it, at the head of a word of the name."""

_BUILT_ON: dict[str, tuple[str, ...]] = {
    "audio-flamingo": ("qwen",),
    "audioflamingo": ("qwen",),
    "music-flamingo": ("qwen",),
    "musicflamingo": ("qwen",),
    "kimi-audio": ("qwen",),
    "salmonn": ("llama",),
    "ltu": ("llama",),
    "gama": ("llama",),
    "ultravox": ("llama",),
    "step-audio": ("step",),
}
"""What stands in a name -> the family its language model is of."""

_WORD_OF = {word: family for family, words in _NAMES.items() for word in words}
_ADAPTERS = ("openai", "hf", "native", "lalm", "asr", "written")


def families(name: str) -> frozenset[str]:
    """The families named by a model's name, id or folder; empty if none is known.

    harken's own adapter (``openai:``) and the address a model is reached at say nothing of its
    family and are left out; of a cascade, both models count. For a folder, ``model_type`` in its
    ``config.json`` or ``harken-model.json`` counts too.
    """
    found: set[str] = set()
    for part in _models(name):
        folder = Path(part)
        bare = (folder.name if folder.is_dir() else part).casefold().replace("_", "-")
        found |= {family for key, own in _BUILT_ON.items() if key in bare for family in own}
        for word in re.findall(r"[a-z]+\d*", bare):
            family = _WORD_OF.get(word) or _WORD_OF.get(word.rstrip("0123456789"))
            found |= {family} if family else set()
        found |= _saved(folder)
    return frozenset(found)


def same_family(a: str, b: str) -> str:
    """A warning in one sentence if two models share a family; empty if none that is known.

    Args:
        a: name, id or folder of the model that was judged.
        b: the same of the judge.
    """
    shared = sorted(families(a) & families(b))
    if not shared:
        return ""
    return (
        f"the judge {b} is of the same family ({', '.join(shared)}) as {a}: judges favour their own"
    )


def _models(name: str) -> Iterator[str]:
    """The names in a model's specification, adapters and addresses taken off."""
    if name.startswith("cascade:"):
        for part in name.removeprefix("cascade:").split("+"):
            yield from _models(part)
        return
    head, colon, rest = name.partition(":")
    if colon and head in _ADAPTERS:
        yield from _models(rest)
        return
    yield re.split(r"@(?=\w+://)", name)[0]


def _saved(folder: Path) -> set[str]:
    """Families by ``model_type``, wherever it stands in the configuration of a saved model."""
    found: set[str] = set()
    for file in ("config.json", "harken-model.json"):
        try:
            config = json.loads((folder / file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for kind in _kinds(config):
            word = re.match(r"[a-z]+", kind.casefold())
            family = _WORD_OF.get(kind.casefold()) or (_WORD_OF.get(word[0]) if word else None)
            built = [own for key, own in _BUILT_ON.items() if key in kind.casefold()]
            found |= {family} if family else set()
            found |= {one for own in built for one in own}
    return found


def _kinds(config: Any) -> Iterator[str]:
    if isinstance(config, dict):
        kind = config.get("model_type")
        if isinstance(kind, str):
            yield kind
        for value in config.values():
            yield from _kinds(value)
