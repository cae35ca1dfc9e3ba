"""Tasks of writing by name."""

from __future__ import annotations

from harken.registry import Registry
from harken.synth.writing.base import WritingTask

TASKS: Registry[WritingTask] = Registry(
    "writing task",
    {
        "reword": "harken.synth.writing.tasks.reword:TASK",
        "caption-short": "harken.synth.writing.tasks.caption_short:TASK",
        "caption-dense": "harken.synth.writing.tasks.caption_dense:TASK",
        "caption-tags": "harken.synth.writing.tasks.caption_tags:TASK",
        "reasoning": "harken.synth.writing.tasks.reasoning:TASK",
        "answer": "harken.synth.writing.tasks.answer:TASK",
    },
    shape="harken.synth.writing.base:WritingTask",
)
