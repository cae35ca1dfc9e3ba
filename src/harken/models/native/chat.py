"""Prompts as a class's own chat: template rendered, texts put in, placeholders counted out.

The template is rendered with a mark in place of each text. So nothing that stands in a question can
become a control token: literal stretches and texts are tokenised with special tokens spelt out, and
only the template's own special tokens become ids. For texts without such tokens the ids are those
that transformers gives for the whole rendered prompt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harken.audio.clip import Clip
from harken.errors import ModelError
from harken.models.base import Earlier, Prompt
from harken.models.engine.batch import AudioInput, PromptTokenizer, TokenizedPrompt
from harken.models.native.base import NativeFamily, flat

_TEXT = "\ue000{}\ue001"  # private characters: no template knows them
_TEXTS = re.compile("\ue000(\\d+)\ue001")


@dataclass(slots=True)
class ChatTokenizer(PromptTokenizer):
    """Writes lines in a family's own chat format.

    Attributes:
        family: gives the placeholder and what stands after a clip.
        tokenizer: of transformers; renders the template.
        template: jinja.
    """

    family: NativeFamily = field(kw_only=True)
    hf_tokenizer: Any = field(kw_only=True)
    template: str = field(kw_only=True)
    _marks: dict[str, Any] = field(init=False)
    _split: re.Pattern[str] = field(init=False)
    _known: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Find the control tokens that the template may write."""
        added = self.hf_tokenizer.added_tokens_decoder.values()
        self._marks = {
            str(token.content): token
            for token in added
            if token.special or token.content == self.family.placeholder
        }
        names = sorted(self._marks, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(map(re.escape, names)) + ")")

    def tokenize(
        self,
        prompt: Prompt,
        answer: str | None = None,
        audio_inputs: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """Write `prompt`, and `answer` behind it; see `PromptTokenizer.tokenized`.

        Raises:
            ModelError: the line is longer than the model reads, a clip too long, or the chat
                template has no place for the clips.
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
                ids += self._spelt(piece)
            elif piece == self.tokenizer.audio:
                number += 1
                count = inputs[number - 1].tokens if number <= len(inputs) else 0
                ids += [piece] * count
                clip_numbers += [0] * (len(ids) - count - len(clip_numbers)) + [number] * count
            else:
                ids.append(piece)
        if number != len(inputs):
            raise ModelError(
                f"the chat template has places for {number} clips and the prompt has {len(inputs)}",
                hint="Use the chat template that belongs to this model's processor.",
            )
        clip_numbers += [0] * (len(ids) - len(clip_numbers))
        answer_ids = [] if answer is None else [*self.tokenizer.encode(answer), self.tokenizer.eos]
        self._check(len(ids) + len(answer_ids))
        return TokenizedPrompt(
            (*ids, *answer_ids), tuple(clip_numbers), tuple(inputs), len(answer_ids)
        )

    def tokenize_turns(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[str],
        audio_inputs: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """One question a line is all there is here.

        Raises:
            ModelError: more than one prompt.
        """
        if len(prompts) > 1:
            raise ModelError(
                "a native model takes one question in a line", hint="Teach it one at a time."
            )
        return self.tokenize(prompts[0], answers[0], audio_inputs)

    def pieces(self, prompt: Prompt) -> list[str | int]:
        """The chat as stretches of text and ids of control tokens; one placeholder a clip."""
        texts, forms = self._messages(prompt)
        found: list[str | int] = []
        text = ""
        strip = False  # a token may swallow the spaces beside it
        for stretch in self._skeleton(forms):
            token = self._marks.get(stretch)
            if token is None:
                words = _TEXTS.sub(lambda at: texts[int(at[1])], stretch)
                text += words.lstrip() if strip and not text else words
                continue
            text = text.rstrip() if token.lstrip else text
            found += [text] if text else []
            found.append(int(self.hf_tokenizer.convert_tokens_to_ids(stretch)))
            text, strip = "", bool(token.rstrip)
        return [*found, text] if text else found

    def render(self, prompt: Prompt) -> str:
        """The chat as one text, one placeholder a clip: what transformers would tokenise."""
        texts, forms = self._messages(prompt)
        skeleton = "".join(self._skeleton(forms))
        return _TEXTS.sub(lambda at: texts[int(at[1])], skeleton)

    def _messages(self, prompt: Prompt) -> tuple[list[str], list[list[dict[str, Any]]]]:
        """The texts, and messages in which they are marked by number, in the forms to try."""
        texts = [prompt.system]
        turns: list[list[dict[str, Any]]] = [[]]
        replies: list[str] = []
        for part in prompt.parts:
            blocks = turns[-1]
            if isinstance(part, Clip):
                blocks.append({"type": "audio", "audio": "clip"})
                continue
            after = blocks[-1]["type"] if blocks else ""
            lead = {"audio": self.family.after_clip, "text": "\n"}.get(after, "")
            texts.append(str(part) if isinstance(part, Earlier) else lead + str(part))
            mark = _TEXT.format(len(texts) - 1)
            if isinstance(part, Earlier):
                replies.append(mark)
                turns.append([])
            else:
                blocks.append({"type": "text", "text": mark})
        system = _TEXT.format(0) if prompt.system else ""
        own = _talk(self.family.messages, system, turns, replies)
        usual = _talk(partial(NativeFamily.messages, self.family), system, turns, replies)
        forms = [own, usual, flat(usual, self.family.placeholder)]
        if replies:  # some templates take blocks only, from the assistant too
            forms.insert(2, [{**message, "content": _blocks(message)} for message in usual])
        return texts, forms

    def _skeleton(self, forms: list[list[dict[str, Any]]]) -> tuple[str, ...]:
        """The rendered template, cut at its control tokens; one for all prompts of a shape.

        Templates of one class differ: some take texts only and some blocks only. The first form
        of which nothing is left out is taken.
        """
        key = repr(forms[0])
        if key not in self._known:
            self._known[key] = self._rendered(forms)
        return self._known[key]

    def _rendered(self, forms: list[list[dict[str, Any]]]) -> tuple[str, ...]:
        mark = self.family.placeholder
        whole = "".join(message["content"] for message in forms[-1])
        texts, clips = sorted(_TEXTS.findall(whole)), whole.count(mark)
        wrong = ""
        for messages in forms:
            try:
                text = self.hf_tokenizer.apply_chat_template(
                    messages,
                    chat_template=self.template,
                    tokenize=False,
                    add_generation_prompt=True,
                )
            except Exception as error:  # templates raise whatever they like
                wrong = wrong or f"the chat template cannot be rendered: {error}"
                continue
            places = text.count(mark)
            if places == clips and sorted(_TEXTS.findall(text)) == texts:
                break
            wrong = wrong or (
                "the chat template leaves out texts of the prompt, or repeats them"
                if places == clips
                else f"the chat template has places for {places} clips and the prompt has {clips}"
            )
        else:
            raise ModelError(
                wrong, hint="Use the chat template that belongs to this model's processor."
            )
        text = text.replace(mark, mark.join(self.family.around))
        return tuple(part for part in self._split.split(text) if part)

    def _spelt(self, text: str) -> list[int]:
        """Ids of a text in which even the placeholder is only letters."""
        ids = list(self.tokenizer.encode(text))
        if self.tokenizer.audio not in ids:
            return ids
        mark = self.family.placeholder
        whole: list[int] = []
        for number, part in enumerate(text.split(mark)):
            if number:
                whole += [*self.tokenizer.encode(mark[:1]), *self.tokenizer.encode(mark[1:])]
            whole += self.tokenizer.encode(part)
        return whole


def _blocks(message: dict[str, Any]) -> Any:
    """The content of the assistant's message as a block; of others as it is."""
    content = message["content"]
    return [{"type": "text", "text": content}] if message["role"] == "assistant" else content


def _talk(
    messages: Callable[[str, list[dict[str, Any]]], list[dict[str, Any]]],
    system: str,
    turns: Sequence[list[dict[str, Any]]],
    replies: Sequence[str],
) -> list[dict[str, Any]]:
    """All turns as one chat; the system message stands before the first only."""
    found = messages(system, turns[0])
    for reply, blocks in zip(replies, turns[1:], strict=True):
        found += [{"role": "assistant", "content": reply}, messages("", blocks)[-1]]
    return found
