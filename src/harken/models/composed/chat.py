"""The chat template of a composed model's language model.

The prompt is rendered by the LM's own template, and only the template writes control tokens
(`harken.models.engine.chat`). A clip is a run of placeholders in the user's message. Its token is
new where the LM's embedding matrix has unused rows, as in Qwen's; else it is a special token that
the template does not use, since the embedding of a placeholder is never read; only where there is
none the matrix is enlarged.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harken.errors import ConfigError, ModelError
from harken.models.engine.chat import ChatFormat, ChatTokenizer, flat
from harken.models.engine.tokenizer import AUDIO, EOS, FILE, PAD, SPECIAL_TOKENS, TextTokenizer
from harken.parsing import load_json

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Without the system message that SmolLM2's and Qwen2.5's own templates put first."""

_NAMED = ("bos_token", "eos_token", "pad_token", "unk_token")


class ComposedChat(ChatFormat):
    """Messages of text in which a clip is one placeholder, for the templates of text models."""

    def __init__(self, placeholder: str) -> None:
        self.placeholder = placeholder

    def messages(self, system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """See `ChatFormat.messages`."""
        return flat(super().messages(system, blocks), self.placeholder)


def template_of(folder: Path, chat: str) -> str:
    """The chat template for the language model in `folder`; empty: prompts are plain text.

    Args:
        folder: of the language model.
        chat: ``auto`` (the folder's own, if it has one), ``none``, ``chatml``, or a jinja file.

    Raises:
        ConfigError: no such choice, and no such file.
    """
    if chat in ("none", "chatml"):
        return CHATML if chat == "chatml" else ""
    if chat == "auto":
        own = folder / "chat_template.jinja"
        if own.is_file():
            return own.read_text(encoding="utf-8")
        template = _json(folder / "tokenizer_config.json").get("chat_template")
        return template if isinstance(template, str) else ""
    try:
        return Path(chat).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise ConfigError(
            f"there is no chat template {chat!r}",
            hint="Use auto, chatml, none, or the path of a jinja file.",
        ) from None


def open_chat(folder: Path, config: Any, template: str) -> tuple[TextTokenizer, dict[str, Any]]:
    """The tokenizer of a chat model, and the settings of its chat as JSON values.

    Args:
        folder: of the language model.
        config: its transformers configuration.
        template: jinja.

    Raises:
        ModelError: there is no readable tokenizer, or no end of a turn.
    """
    named = _named_tokens(folder, config)
    try:
        from tokenizers import Tokenizer

        raw = Tokenizer.from_file(str(folder / FILE))
    except Exception as error:  # the library raises bare exceptions
        raise ModelError(f"{FILE} cannot be read: {error}", where=str(folder)) from error
    end = raw.token_to_id(named.get("eos_token", ""))
    if end is None:
        raise ModelError(
            "the tokenizer has no end-of-turn token",
            where=str(folder),
            hint="Name eos_token in tokenizer_config.json, or compose with --chat none.",
        )
    pad = raw.token_to_id(named.get("pad_token", ""))
    special = dict.fromkeys(SPECIAL_TOKENS, int(end))  # the template writes them, not the tokenizer
    special |= {EOS: int(end), PAD: int(end if pad is None else pad)}
    rows = int(getattr(config, "vocab_size", 0))
    placeholder = _placeholder(raw, template, {*named.values()}, rows)
    if placeholder != AUDIO:
        special[AUDIO] = int(raw.token_to_id(placeholder) or 0)
    else:
        del special[AUDIO]  # added by `TextTokenizer.open`
    tokenizer = TextTokenizer.open(folder, special)
    return tokenizer, {"template": template, "tokens": named, "placeholder": placeholder}


def chat_tokenizer(
    tokenizer: TextTokenizer, chat: Mapping[str, Any], **options: Any
) -> ChatTokenizer:
    """The `ChatTokenizer` for settings of `open_chat`; `options`: of `PromptTokenizer`."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    hf = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(tokenizer.to_json()), **chat["tokens"]
    )
    return ChatTokenizer(
        tokenizer,
        format=ComposedChat(chat["placeholder"]),
        hf_tokenizer=hf,
        template=chat["template"],
        **options,
    )


def _placeholder(raw: Any, template: str, named: set[str], rows: int) -> str:
    """The token in place of an audio embedding; see the top of this file."""
    if raw.get_vocab_size(with_added_tokens=True) < rows:
        return AUDIO
    spare = [
        token.content
        for _, token in sorted(raw.get_added_tokens_decoder().items())
        if token.special and token.content not in named and token.content not in template
    ]
    return spare[-1] if spare else AUDIO  # reserved tokens come last


def _named_tokens(folder: Path, config: Any) -> dict[str, str]:
    """``bos_token`` and others, by name, as text."""
    from tokenizers import Tokenizer

    found: dict[str, str] = {}
    values = _json(folder / "tokenizer_config.json")
    for name in _NAMED:
        value = values.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str) and text:
            found[name] = text
    end = getattr(config, "eos_token_id", None)
    end = end[0] if isinstance(end, list) and end else end
    if "eos_token" not in found and isinstance(end, int):
        token = Tokenizer.from_file(str(folder / FILE)).id_to_token(end)
        found |= {"eos_token": token} if token else {}
    return found


def _json(path: Path) -> dict[str, Any]:
    try:
        values = load_json(path)
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
