"""model: any model by name is prompted with the task's template and replies with JSON.

``model:NAME``, or the name alone: a folder, ``openai:MODEL@URL`` … (`harken.models.load`). Replies
are stored by content, so a rerun asks nothing; requests to servers have further caps in their
address: ``?max_requests=…&max_tokens=…&max_cost=…&price_in=…`` (`harken.models.http.settings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harken.ask.parse import answer_text, is_refusal
from harken.ask.thinking import without_thinking
from harken.errors import ConfigError
from harken.files import write_json
from harken.models.base import Model, Prompt, Reply
from harken.models.load import load_model
from harken.models.reply_cache import ReplyCache
from harken.parsing import object_schema, object_within
from harken.synth.writing.base import (
    Draft,
    Fields,
    Writer,
    WriteRequest,
    WriterKind,
    WriterSettings,
    WritingTask,
)
from harken.synth.writing.templates import read_template

IDENTITY = "model.json"
"""File beside stored replies that says which model gave them."""

BUDGET = "budget: no more requests are allowed"


class ModelWriter:
    """A model with a store of its replies.

    Attributes:
        name: the model's.
    """

    def __init__(self, model: Model, settings: WriterSettings) -> None:
        """Open the store.

        Raises:
            ConfigError: there is no folder for the replies.
            ModelError: another process writes to it.
        """
        if settings.folder is None:
            raise ConfigError("a model that writes needs a folder for its replies")
        self.name = model.name
        self.cache = ReplyCache(model, settings.folder)
        self._settings = settings
        write_json(settings.folder / IDENTITY, {"name": self.name, "identity": self.identity()})

    def identity(self) -> str:
        """The model's."""
        return self.cache.identity()

    def write(self, task: WritingTask, requests: Sequence[WriteRequest]) -> list[Draft]:
        """One draft a request, read from the model's JSON."""
        prompts = prompts_of(task, requests)
        replies = self.ask(prompts)
        template = read_template(task.template).id
        return [
            replace(draft_of(reply, task), request=self.request_of(prompt), template=template)
            for prompt, reply in zip(prompts, replies, strict=True)
        ]

    def request_of(self, prompt: Prompt) -> str:
        """Hash of all that the reply to a prompt depends on."""
        return self.cache.key(prompt, self._settings.sampling)

    def ask(self, prompts: Sequence[Prompt]) -> list[Reply]:
        """Replies to prompts; those beyond the limit of requests fail, and are not sent."""
        sampling, most = self._settings.sampling, self._settings.max_requests
        room = most - self.cache.asked if most else len(prompts)
        sent: dict[str, Prompt] = {}
        allowed = []
        for prompt in prompts:
            key = self.cache.key(prompt, sampling)
            fits = key in sent or self.cache.holds(prompt, sampling) or len(sent) < room
            allowed.append(fits)
            if fits and not self.cache.holds(prompt, sampling):
                sent[key] = prompt
        asked = [prompt for prompt, fits in zip(prompts, allowed, strict=True) if fits]
        replies = iter(self.cache.generate(asked, sampling) if asked else [])
        failed = Reply("", stop="failed", error=BUDGET)
        return [next(replies) if fits else failed for fits in allowed]

    def stored(self, task: WritingTask, requests: Sequence[WriteRequest]) -> int:
        """How many replies are in the store."""
        sampling = self._settings.sampling
        return sum(self.cache.holds(prompt, sampling) for prompt in prompts_of(task, requests))

    def report(self) -> dict[str, Any]:
        """Counts of requests: asked, cached, failed, and those of the model."""
        return self.cache.report()

    def close(self) -> None:
        """Release the store."""
        self.cache.close()


def prompts_of(task: WritingTask, requests: Sequence[WriteRequest]) -> list[Prompt]:
    """The prompts of requests, from the template of the task."""
    template, schema = read_template(task.template), schema_of(task)
    return [template.prompt(task.material(one.item), one, schema) for one in requests]


def schema_of(task: WritingTask) -> str:
    """The JSON schema of a reply: an object with the fields of the task."""
    lists = {"type": "array", "items": {"type": "string"}}
    return object_schema(
        {name: {"type": "string"} for name in task.texts} | dict.fromkeys(task.lists, lists)
    )


def draft_of(reply: Reply, task: WritingTask) -> Draft:
    """The draft of a reply: its fields, or why there are none."""
    if reply.stop == "failed" or reply.error is not None:
        return Draft(outcome="failed", note=reply.error or "the request failed")
    found = reply_object(reply.text)
    if found is None:
        if is_refusal(answer_text(reply.text)):
            return Draft(outcome="refused", note="declined", text=reply.text)
        why = "the reply was cut" if reply.stop == "length" else "there is no JSON object"
        return Draft(outcome="unparsed", note=why, text=reply.text)
    fields, fault = fields_of(found, task)
    outcome: Any = "unparsed" if fault else "written"
    return Draft(fields, outcome, fault, reply.text)


def reply_object(text: str) -> dict[str, Any] | None:
    """The JSON object of a reply, after its reasoning.

    The whole object, which `answer_text` would take for its field ``answer`` or ``selection``.
    """
    found = without_thinking(text)
    return object_within(found.parts[-1] if found.parts else found.rest)


def fields_of(found: dict[str, Any], task: WritingTask) -> tuple[Fields, str]:
    """The fields of a task in an object, and what is wrong with them; a lone number is a text."""
    fields: Fields = {}
    for name in task.texts:
        if not isinstance(found.get(name), str):
            return {}, f"the object has no text {name!r}"
        fields[name] = found[name]
    for name in task.lists:
        values = found.get(name, [])
        if not isinstance(values, list) or not all(isinstance(v, str | int) for v in values):
            return {}, f"{name!r} is no list of texts"
        fields[name] = [str(value) for value in values]
    return fields, ""


def build(target: str, settings: WriterSettings) -> Writer:
    """The model of that name as a writer.

    Raises:
        ConfigError: an unknown name.
        ModelError: it cannot be opened.
    """
    return ModelWriter(load_model(target), settings)


WRITER = WriterKind("model", "any model by name, prompted with a template", build)


def identity_file(folder: Path) -> Path:
    """The file beside stored replies that says which model gave them."""
    return folder / IDENTITY
