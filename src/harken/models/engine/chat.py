"""Prompts in a model's own chat format: template, texts, one placeholder for each audio token.

The template is rendered with a stand-in for each text. So no text of a question can become a
control token: texts are tokenized with special tokens as plain characters, and only the template's
own special tokens become ids. For texts without such tokens the ids are those that transformers
gives for the whole rendered prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harken.audio.clip import Clip
from harken.errors import ModelError
from harken.models.base import Earlier, Prompt, Verbatim
from harken.models.engine.batch import AudioInput, PromptTokenizer, TokenizedPrompt

_TEXT = "\ue000{}\ue001"  # private-use characters: no template has them
_TEXTS = re.compile("\ue000(\\d+)\ue001")


class ChatFormat:
    """How clips and texts are put into messages.

    Attributes:
        placeholder: the token (as text) in place of one audio embedding.
        after_clip: inserted between a clip and a text that follows it, as most templates do.
        around: text before and after the placeholder, where templates do not write it.
    """

    placeholder: str
    after_clip: str = "\n"
    around: tuple[str, str] = ("", "")

    def messages(self, system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The chat that the template is rendered with.

        Args:
            system: the system message, or empty.
            blocks: of the question: ``{"type": "text", "text": …}`` and ``{"type": "audio"}``.
        """
        first = [{"role": "system", "content": system}] if system else []
        return [*first, {"role": "user", "content": blocks}]


def flat(messages: list[dict[str, Any]], placeholder: str) -> list[dict[str, Any]]:
    """Messages whose blocks are joined to one text, for templates that take text only."""
    return [
        {
            **message,
            "content": "".join(block.get("text", placeholder) for block in message["content"])
            if isinstance(message["content"], list)
            else message["content"],
        }
        for message in messages
    ]


@dataclass(slots=True)
class ChatTokenizer(PromptTokenizer):
    """Tokenizes prompts in a model's own chat format.

    Attributes:
        format: the placeholder and the form of messages.
        hf_tokenizer: of transformers; renders the template.
        template: jinja.
    """

    format: ChatFormat = field(kw_only=True)
    hf_tokenizer: Any = field(kw_only=True)
    template: str = field(kw_only=True)
    _control: dict[str, Any] = field(init=False)
    _split: re.Pattern[str] = field(init=False)
    _skeletons: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Find the control tokens that the template may contain."""
        added = self.hf_tokenizer.added_tokens_decoder.values()
        self._control = {
            str(token.content): token
            for token in added
            if token.special or token.content == self.format.placeholder
        }
        names = sorted(self._control, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(map(re.escape, names)) + ")")

    @property
    def control_tokens(self) -> frozenset[str]:
        """The placeholder, the end token, and the special tokens that the template may write."""
        always = {self.format.placeholder, self.tokenizer.token(self.tokenizer.eos)}
        return frozenset(t for t in self._control if t in always or t in self.template)

    def tokenize(
        self,
        prompt: Prompt,
        answer: str | None = None,
        audio_inputs: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """Tokenize `prompt`, followed by `answer`; see `PromptTokenizer.tokenize`.

        Raises:
            ModelError: more tokens than the context, a clip too long, or a chat template with
                another number of placeholders than clips.
            AudioError: a clip that cannot be loaded.
        """
        inputs = (
            [self.audio_input(clip) for clip in prompt.clips]
            if audio_inputs is None
            else list(audio_inputs)
        )
        ids: list[int] = []
        clip_numbers: list[int] = []
        number = 0
        for piece in self.pieces(prompt):
            if isinstance(piece, str):
                ids += self._encode_text(piece)
            elif piece == self.tokenizer.audio:
                number += 1
                count = inputs[number - 1].tokens if number <= len(inputs) else 0
                ids += [piece] * count
                shown = min(number, self.max_clip_number or number)
                clip_numbers += [0] * (len(ids) - count - len(clip_numbers)) + [shown] * count
            else:
                ids.append(piece)
        if number != len(inputs):
            raise ModelError(
                f"the chat template has {number} placeholders and the prompt {len(inputs)} clips",
                hint="Use the chat template that belongs to this model's processor.",
            )
        clip_numbers += [0] * (len(ids) - len(clip_numbers))
        return self._followed(ids, clip_numbers, inputs, answer, prompt.item_id)

    def tokenize_turns(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[str],
        audio_inputs: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """See `PromptTokenizer.tokenize_turns`; one question only.

        Raises:
            ModelError: more than one prompt.
        """
        if len(prompts) > 1:
            raise ModelError("a chat takes one question in a prompt", hint="Set turns to 1.")
        return self.tokenize(prompts[0], answers[0], audio_inputs)

    def pieces(self, prompt: Prompt) -> list[str | int]:
        """The chat as text and ids of control tokens; one placeholder for each clip."""
        texts, forms = self._messages(prompt)
        found: list[str | int] = []
        text = ""
        strip = False  # a special token may strip the spaces next to it
        for part in self._skeleton(forms):
            token = self._control.get(part)
            if token is None:
                plain = _TEXTS.sub(lambda at: texts[int(at[1])], part)
                text += plain.lstrip() if strip and not text else plain
                continue
            text = text.rstrip() if token.lstrip else text
            found += [text] if text else []
            found.append(int(self.hf_tokenizer.convert_tokens_to_ids(part)))
            text, strip = "", bool(token.rstrip)
        return [*found, text] if text else found

    def render(self, prompt: Prompt) -> str:
        """The chat as one text with one placeholder for each clip, as transformers renders it."""
        texts, forms = self._messages(prompt)
        skeleton = "".join(self._skeleton(forms))
        return _TEXTS.sub(lambda at: texts[int(at[1])], skeleton)

    def _messages(self, prompt: Prompt) -> tuple[list[str], list[list[dict[str, Any]]]]:
        """The texts, and messages with numbered stand-ins for them, in the forms to try."""
        texts = [prompt.system]
        turns: list[list[dict[str, Any]]] = [[]]
        replies: list[str] = []
        for part in prompt.parts:
            blocks = turns[-1]
            if isinstance(part, Clip):
                blocks.append({"type": "audio", "audio": "clip"})
                continue
            after = blocks[-1]["type"] if blocks else ""
            lead = {"audio": self.format.after_clip, "text": "\n"}.get(after, "")
            as_is = isinstance(part, Earlier | Verbatim)
            texts.append(str(part) if as_is else lead + str(part))
            stand_in = _TEXT.format(len(texts) - 1)
            if isinstance(part, Earlier):
                replies.append(stand_in)
                turns.append([])
            else:
                blocks.append({"type": "text", "text": stand_in})
        system = _TEXT.format(0) if prompt.system else ""
        own = _chat(self.format.messages, system, turns, replies)
        usual = _chat(partial(ChatFormat.messages, self.format), system, turns, replies)
        forms = [own, usual, flat(usual, self.format.placeholder)]
        if replies:  # some templates take blocks only, for the assistant too
            forms.insert(2, [{**message, "content": _blocks(message)} for message in usual])
        return texts, forms

    def _skeleton(self, forms: list[list[dict[str, Any]]]) -> tuple[str, ...]:
        """The rendered template, split at its control tokens; cached for prompts of one form.

        Templates of one class differ: some take text only and some blocks only. The first form
        that is rendered completely is used.
        """
        key = repr(forms[0])
        if key not in self._skeletons:
            self._skeletons[key] = self._rendered(forms)
        return self._skeletons[key]

    def _rendered(self, forms: list[list[dict[str, Any]]]) -> tuple[str, ...]:
        placeholder = self.format.placeholder
        expected = "".join(message["content"] for message in forms[-1])
        texts, clips = sorted(_TEXTS.findall(expected)), expected.count(placeholder)
        wrong = ""
        for messages in forms:
            try:
                text = self.hf_tokenizer.apply_chat_template(
                    messages,
                    chat_template=self.template,
                    tokenize=False,
                    add_generation_prompt=True,
                )
            except Exception as error:  # templates raise any exception
                wrong = wrong or f"the chat template cannot be rendered: {error}"
                continue
            found = text.count(placeholder)
            if found == clips and sorted(_TEXTS.findall(text)) == texts:
                break
            wrong = wrong or (
                "the chat template leaves out texts of the prompt, or repeats them"
                if found == clips
                else f"the chat template has {found} placeholders and the prompt {clips} clips"
            )
        else:
            raise ModelError(
                wrong, hint="Use the chat template that belongs to this model's processor."
            )
        text = text.replace(placeholder, placeholder.join(self.format.around))
        return tuple(part for part in self._split.split(text) if part)

    def _encode_text(self, text: str) -> list[int]:
        """Ids of a text in which even the placeholder is plain characters."""
        ids = list(self.tokenizer.encode(text))
        if self.tokenizer.audio not in ids:
            return ids
        placeholder = self.format.placeholder
        encode = self.tokenizer.encode
        plain: list[int] = []
        for number, part in enumerate(text.split(placeholder)):
            if number:
                plain += [*encode(placeholder[:1]), *encode(placeholder[1:])]
            plain += encode(part)
        return plain


def _blocks(message: dict[str, Any]) -> Any:
    """The content of the assistant's message as a block; of others as it is."""
    content = message["content"]
    return [{"type": "text", "text": content}] if message["role"] == "assistant" else content


def _chat(
    messages: Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]],
    system: str,
    turns: Sequence[list[dict[str, Any]]],
    replies: Sequence[str],
) -> list[dict[str, Any]]:
    """All turns as one chat; the system message is before the first only."""
    found = messages(system, turns[0])
    for reply, blocks in zip(replies, turns[1:], strict=True):
        found += [{"role": "assistant", "content": reply}, messages("", blocks)[-1]]
    return found
