"""Which family of language models a model belongs to: judges favour replies of their own family.

Panickssery et al., "LLM Evaluators Recognize and Favor Their Own Generations", arXiv 2404.13076. A
family is recognised by words in a model's name and by ``model_type`` in the config of a saved
model. A model built on another (Audio Flamingo 3 on Qwen2.5) is of both families.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harken.parsing import load_json

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
"""Family -> words of a model's name that belong to it, digits at their end aside."""

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
"""Part of a name -> families of the language model it is built on."""

_WORD_OF = {word: family for family, words in _NAMES.items() for word in words}
_ADAPTERS = ("openai", "hf", "native", "lalm", "asr", "written")


def families(name: str) -> frozenset[str]:
    """The families named by a model's name, id or folder; empty if none is known.

    harken's adapter name (``openai:``) and the address of a server do not tell the family and are
    ignored; of a cascade, both models count. For a folder, ``model_type`` in its ``config.json`` or
    ``harken-model.json`` counts too.
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
    """A warning in one sentence if two models share a known family, else ``""``.

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
    """The model names in a specification, without adapters and addresses."""
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
    """Families by ``model_type``, at any depth of the configuration of a saved model."""
    found: set[str] = set()
    for file in ("config.json", "harken-model.json"):
        try:
            config = load_json(folder / file)
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
