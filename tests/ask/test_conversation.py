"""A conversation: where clips stand in the prompt, what is kept, and the question without them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from harken.ask.conversation import Conversation
from harken.ask.prompt import prompt_text
from harken.audio.clip import Clip
from harken.errors import AudioError, ConfigError, ModelError
from harken.models.base import Earlier, Prompt, PromptStyle, Reply, Sampling
from harken.models.load import load_model
from tiny_audio import sound


class Parrot:
    """Says how many clips it got and which question was the last."""

    name = "parrot"
    max_clips = 3
    multi_turn = True
    style = PromptStyle()

    def __init__(self, **facts: object) -> None:
        self.seen: list[Prompt] = []
        for name, value in facts.items():
            setattr(self, name, value)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        self.seen += prompts
        if "fail" in prompts[-1].question:
            return [Reply("", "failed", "no reason")]
        if "raise" in prompts[-1].question:
            raise ModelError("broken")
        return [Reply(f"{len(p.clips)} clips, {p.question}") for p in prompts]

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[None]:
        return [None] * len(prompts)

    def identity(self) -> str:
        return "parrot"


def talk(tmp_path: Path, *names: str, **facts: object) -> tuple[Parrot, Conversation]:
    parrot = Parrot(**facts)
    conversation = Conversation(parrot, Sampling(8))
    for name in names:
        conversation.add(sound(tmp_path, name).path)
    return parrot, conversation


def shown(prompt: Prompt) -> list[str]:
    return prompt_text(prompt).splitlines()


def test_clips_stand_before_the_question_they_were_first_sent_with(tmp_path: Path) -> None:
    parrot, own = talk(tmp_path, "noise")
    assert own.ask("what is it?").reply.text == "1 clips, what is it?"
    assert shown(parrot.seen[0]) == ["<clip 1>", "what is it?"]
    own.add(sound(tmp_path, "clicks").path)
    own.ask("and this?")
    assert shown(parrot.seen[1]) == [
        "clip 1:", "<clip 1>", "what is it?", "<reply> 1 clips, what is it?",
        "clip 2:", "<clip 2>", "and this?",
    ]  # fmt: skip
    assert isinstance(parrot.seen[1].parts[3], Earlier)
    own.ask("sure?")
    assert shown(parrot.seen[2])[-2:] == ["<reply> 2 clips, and this?", "sure?"]


@pytest.mark.parametrize(
    ("style", "expected"),
    [(PromptStyle(question_first=True), ["q", "clip 1:", "<clip 1>", "clip 2:", "<clip 2>"]),
     (PromptStyle(mark_clips=False), ["<clip 1>", "<clip 2>", "q"]),
     (PromptStyle(letters=True), ["clip 1:", "<clip 1>", "clip 2:", "<clip 2>", "q"])],
)  # fmt: skip
def test_the_style_of_the_model_is_used(
    style: PromptStyle, expected: list[str], tmp_path: Path
) -> None:
    _, own = talk(tmp_path, "noise", "clicks", style=style)
    assert shown(own.prompt("q")) == expected


def test_dropped_clips_leave_the_whole_conversation(tmp_path: Path) -> None:
    _, own = talk(tmp_path, "noise", "clicks", "low tone")
    own.ask("first?")
    assert own.drop(2).path.endswith("clicks-0.5-0.wav")
    assert shown(own.prompt("q"))[:4] == ["clip 1:", "<clip 1>", "clip 2:", "<clip 2>"]
    own.drop(1)
    assert shown(own.prompt("q"))[0] == "<clip 1>" and len(own.prompt("q").clips) == 1
    for number in (0, 2, -1):
        with pytest.raises(ConfigError, match=f"there is no clip {number}"):
            own.drop(number)


def test_reset_keeps_the_clips(tmp_path: Path) -> None:
    _, own = talk(tmp_path, "noise")
    own.ask("first?")
    own.add(sound(tmp_path, "clicks").path)
    own.reset()
    assert own.turns == []
    assert shown(own.prompt("q")) == ["clip 1:", "<clip 1>", "clip 2:", "<clip 2>", "q"]


@pytest.mark.parametrize("question", ["fail", "raise"])
def test_a_failed_request_is_no_turn(question: str, tmp_path: Path) -> None:
    parrot, own = talk(tmp_path, "noise")
    assert own.ask(question).reply.stop == "failed"
    assert own.turns == []
    own.ask("again?")
    assert shown(parrot.seen[-1]) == ["<clip 1>", "again?"]  # the clip was not used up


def test_without_asks_the_same_without_any_clip(tmp_path: Path) -> None:
    parrot, own = talk(tmp_path, "noise", "clicks")
    own.ask("first?")
    own.ask("second?")
    turn = own.ask_without()
    assert turn.without is not None and turn.without.text == "0 clips, second?"
    assert turn.reply.text == "2 clips, second?"
    assert shown(parrot.seen[-1]) == ["first?", "<reply> 2 clips, first?", "second?"]
    assert [one.question for one in own.turns] == ["first?", "second?"]
    own.ask("third?")  # goes on with the reply to the audio
    assert "<reply> 2 clips, second?" in shown(parrot.seen[-1])


def test_without_needs_a_question_and_a_clip(tmp_path: Path) -> None:
    parrot, own = talk(tmp_path)
    with pytest.raises(ConfigError, match="nothing was asked"):
        own.ask_without()
    own.ask("how are you?")
    own.add(sound(tmp_path, "noise").path)  # sent with the next question only
    with pytest.raises(ConfigError, match="without a clip"):
        own.ask_without()
    assert len(own.turns) == 1 and len(parrot.seen) == 1


def test_a_failed_request_without_the_audio_keeps_the_turn(tmp_path: Path) -> None:
    parrot, own = talk(tmp_path, "noise")
    own.ask("first?")
    parrot.generate = lambda *_: [Reply("", "failed", "no")]  # type: ignore[method-assign]
    assert own.ask_without().without == Reply("", "failed", "no")
    assert [turn.reply.text for turn in own.turns] == ["1 clips, first?"]


def test_one_question_models_get_all_clips_and_the_question(tmp_path: Path) -> None:
    parrot, own = talk(tmp_path, "noise", multi_turn=False)
    own.ask("first?")
    own.add(sound(tmp_path, "clicks").path)
    own.ask("second?")
    assert shown(parrot.seen[-1]) == ["clip 1:", "<clip 1>", "clip 2:", "<clip 2>", "second?"]


def test_no_more_clips_than_the_model_takes(tmp_path: Path) -> None:
    _, own = talk(tmp_path, "noise", max_clips=1)
    with pytest.raises(ConfigError, match="takes 1 clip in"):
        own.add(sound(tmp_path, "clicks").path)
    _, deaf = talk(tmp_path, max_clips=0)
    with pytest.raises(ConfigError, match="takes no audio"):
        deaf.add(sound(tmp_path, "clicks").path)


@pytest.mark.parametrize("content", [None, b"", b"no sound", b"RIFF" + b"\0" * 40])
def test_a_file_that_cannot_be_used_is_no_clip(content: bytes | None, tmp_path: Path) -> None:
    _, own = talk(tmp_path)
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioError):
        own.add(path)
    assert own.clips == ()


@pytest.mark.parametrize("name", ["random", "longest", "constant:0"])
def test_baselines_that_pick_choices_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be talked to"):
        Conversation(load_model(name), Sampling())


def test_a_clip_is_known_by_its_content(tmp_path: Path) -> None:
    _, own = talk(tmp_path, "noise")
    (clip,) = own.clips
    assert isinstance(clip, Clip) and clip.sha256 == sound(tmp_path, "noise").sha256
    assert clip.duration_s == 0.5
