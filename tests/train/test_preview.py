"""Previews: every token is in one piece, audio spans and losses are those of the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_audioflamingo3
import tiny_qwen2_audio
from tiny import write

from harken.ask.prompt import make_prompt, target
from harken.item import Item
from harken.models.engine.batch import TokenizedPrompt
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.train.preview import Piece, legend, plain_text, preview, style
from tiny_audio import alike, mini, named

NATIVE = {"qwen2_audio": tiny_qwen2_audio.TINY, "audioflamingo3": tiny_audioflamingo3.TINIES[0]}


def opened(kind: str, folder: Path) -> Learner:
    if kind == "composed":
        return mini()
    write(NATIVE[kind], folder / kind, FAMILIES.get(kind).template)
    return load_learner(f"native:{folder / kind}")


def example(learner: Learner, item: Item) -> TokenizedPrompt:
    prompt = make_prompt(item, learner.style)
    return learner.tokenize(prompt, target(item, prompt))


@pytest.mark.parametrize("kind", ["composed", *NATIVE])
def test_spans_and_losses_are_those_of_the_batch(kind: str, tmp_path: Path) -> None:
    learner = opened(kind, tmp_path)
    for item in (named(tmp_path, "noise"), alike(tmp_path, "noise", "clicks")):
        one = example(learner, item)
        shown = preview(learner, one)
        assert sum(piece.tokens for piece in shown.pieces) == len(one.ids) == shown.tokens
        audio = [piece for piece in shown.pieces if piece.kind == "audio"]
        assert [piece.tokens for piece in audio] == [clip.tokens for clip in one.audio_inputs]
        for piece, clip in zip(audio, item.clips, strict=True):
            assert f"<audio: {clip.name}, {piece.tokens} tokens>" == piece.text and not piece.loss
        with_loss = [piece for piece in shown.pieces if piece.loss]
        assert sum(piece.tokens for piece in with_loss) == one.answer_tokens
        taught = target(item, make_prompt(item, learner.style))
        assert with_loss[0].text.strip() == taught
        assert with_loss[-1].kind == "special"  # the end of the answer
        text = plain_text(shown)
        assert text.count("[[") == text.count("]]") == 1 and text.endswith("]]")
        assert f"{len(one.ids)} tokens" in text and item.id in text and item.question in text


def test_a_prompt_without_answer_has_no_loss(tmp_path: Path) -> None:
    learner = mini()
    item = named(tmp_path, "noise")
    shown = preview(learner, learner.tokenize(make_prompt(item, learner.style)))
    assert not any(piece.loss for piece in shown.pieces)
    assert "none with a loss" in plain_text(shown) and "[[" not in plain_text(shown)


def test_several_questions_about_one_clip_have_a_loss_each(tmp_path: Path) -> None:
    learner = mini(question_first=False)
    prompt = make_prompt(named(tmp_path, "noise"), learner.style)
    text = plain_text(preview(learner, learner.tokenize_turns([prompt] * 3, ["a", "b", "c"])))
    assert text.count("[[") == text.count("]]") == 3


def test_styles_tell_losses_audio_and_special_tokens_apart() -> None:
    pieces = [Piece("x", kind, loss, 1) for kind in ("text", "special", "audio")
              for loss in (False, True)]  # fmt: skip
    assert len({style(piece) for piece in pieces}) == 6
    assert all(("underline" in style(piece)) == piece.loss for piece in pieces)
    assert "underlined" in legend(colours=True) and "[[" in legend(colours=False)
