"""One question step by step: item, condition, prompt, reply, score.

Run: ``python examples/ask_one_question.py`` (no audio is read, no model is needed).
"""

from __future__ import annotations

from harken.ask.conditions.load import conditioned
from harken.ask.prompt import make_prompt, prompt_text
from harken.ask.score import score
from harken.audio.clip import Clip
from harken.item import Item
from harken.models.base import PromptStyle, Reply

item = Item(
    question="Which sound is this?",
    answer="rain",
    choices=("dog", "rain", "clock"),
    clips=(Clip(path="rain.wav", duration_s=5.0),),
    task="identify",
)

for condition in ("audio", "none", "silence"):
    ((_, changed),) = conditioned([item], condition)
    assert changed is not None
    prompt = make_prompt(changed, PromptStyle(letters=True), rotation=1)
    print(f"--- {condition}: {len(prompt.clips)} clip(s)\n{prompt_text(prompt)}")

prompt = make_prompt(item, PromptStyle(letters=True), rotation=1)
for text in ("A", "(a) rain", "I hear rain.", "dog", "rain or dog", "I don't know.", "Hmm"):
    found = score(item, prompt, Reply(text))
    print(
        f"{text!r:18} {found.outcome:11} value {found.value}  parsed {found.parsed}  ({found.rule})"
    )
failed = score(item, prompt, Reply("", stop="failed", error="timeout"))
print(f"{'(no reply)':18} {failed.outcome:11} value {failed.value}: counted apart, not wrong")
