"""Items that are part of a conversation, in training: where the loss is, and what is packed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

import numpy as np

from harken.ask.prompt import make_prompt
from harken.item import Dialogue, Exchange, Item
from harken.runs import Run
from harken.train.batch import BatchSettings, grouped, make_example
from harken.train.sft import SftSettings, sft
from tiny_audio import mini, named, sound


def talk(folder: Path) -> Item:
    """The second turn of a conversation about two clips; the first clip is of the first turn."""
    clips = (sound(folder, "noise"), sound(folder, "clicks"))
    around = Dialogue("", (Exchange("Which of these", "yes"),), ((0, 0), (1, 12)))
    return Item("Is the same sound in", "no", clips=clips, dialogue=around)


def test_the_loss_is_on_the_last_reply_and_clips_are_in_their_turns(tmp_path: Path) -> None:
    learner = mini()
    item = talk(tmp_path)
    example, _ = make_example(learner, [item], BatchSettings(), np.random.default_rng(0))[:2]
    tokenizer = learner.tokenizer
    reply = (*tokenizer.encode("no"), tokenizer.eos)
    assert example.answer == len(reply) and tuple(example.ids[-len(reply) :]) == reply
    ids = list(example.ids)
    first_reply = ids.index(tokenizer.answer)
    counts = [audio.tokens for audio in example.audio_inputs]
    assert ids[:first_reply].count(tokenizer.audio) == counts[0]
    assert ids[first_reply:].count(tokenizer.audio) == counts[1]
    heard = ids.index(tokenizer.audio, first_reply)
    before = [i for i in ids[first_reply:heard] if i in tokenizer.encode("Is the same ")]
    assert len(before) >= len(tokenizer.encode("Is the same "))


def test_conversations_about_the_same_clips_are_not_packed_into_one_prompt(tmp_path: Path) -> None:
    plain = [named(tmp_path, "noise"), replace(named(tmp_path, "noise"), question="Which?")]
    spoken = replace(plain[0], dialogue=Dialogue("Be brief."))
    assert [len(group) for group in grouped(plain, 4)] == [2]
    assert [len(group) for group in grouped([plain[0], spoken, plain[1]], 4)] == [2, 1]
    assert [len(group) for group in grouped([spoken, replace(spoken, question="Another?")], 4)] == [
        1,
        1,
    ]


def test_a_conversation_is_trained_on_and_its_context_matters(tmp_path: Path) -> None:
    item = talk(tmp_path)
    other = replace(
        item, dialogue=replace(item.dialogue, earlier=(Exchange("Which of these", "no"),))
    )  # type: ignore[type-var]
    learner = mini()
    one, two = (
        float(learner.logprobs([make_prompt(each, learner.style)], ["no"])[0].detach())
        for each in (item, other)
    )
    assert one != two
    before = one
    with Run.open(tmp_path / "run", {"kind": "train"}) as run:
        sft(learner, [item], SftSettings(steps=3, batch=1, lr=1e-2, threads=1), run)
    after = float(learner.logprobs([make_prompt(item, learner.style)], ["no"])[0].detach())
    assert after > before
