"""A model that is asked about turns: what it gets, and what is made of its words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from harken.ask.speaker_turns import SpeakerTurn, turns_in
from harken.audio import voices
from harken.audio.clip import Clip, Part, ScenePlan
from harken.audio.load import load, write_wav
from harken.audio.single import span
from harken.audio.space.place import Place
from harken.errors import ConfigError
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.target import read_wrapper
from harken.models.turns import MARGIN_S, Turns, TurnSettings, _words

RATE = 16_000
TONES = (120.0, 240.0, 120.0)
QUESTION = "Who says what?"


class Ear:
    """Says which tone a clip is; fails on what it cannot bear."""

    name = "ear"
    style = PromptStyle()

    def __init__(self, max_clips: int = 1, bears: float = 1000.0) -> None:
        self.max_clips, self.bears = max_clips, bears
        self.asked: list[Prompt] = []

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        self.asked += prompts
        return [self._reply(prompt) for prompt in prompts]

    def _reply(self, prompt: Prompt) -> Reply:
        wave = load(prompt.clips[0], RATE)
        hz = float(np.argmax(np.abs(np.fft.rfft(wave)))) * RATE / len(wave)
        if hz > self.bears:
            return Reply("", "failed", "too high")
        return Reply(f"speaker 9 (0 to 1 s): {round(hz, -1):.0f}\nhertz")

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        self.asked += prompts
        return [(0.0,) * len(prompt.choices) for prompt in prompts]

    def identity(self) -> str:
        return "ear"


@pytest.fixture
def meeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clip:
    """Three tones of half a second, half a second apart; voices are told apart by their pitch."""
    time_s = np.arange(RATE // 2) / RATE
    parts = [np.zeros(RATE // 2)]
    for hz in TONES:
        parts += [0.3 * np.sin(2 * np.pi * hz * time_s), np.zeros(RATE // 2)]
    path = tmp_path / "meeting.wav"
    write_wav(path, np.concatenate(parts).astype(np.float32), RATE)
    by_pitch = np.eye(voices.CEPSTRA + 1)[:, :1]
    own = voices.VoiceSpace(np.zeros(20), np.ones(20), by_pitch, 0.3, 0.0)
    monkeypatch.setattr("harken.models.turns.read_voices", lambda path: own)
    return Clip(path=str(path), duration_s=3.5)


def asked(clip: Clip, **more: Any) -> Prompt:
    return Prompt((clip, f"\n{QUESTION}"), QUESTION, **more)


def test_each_turn_is_asked_about_and_written_down_with_its_speaker(meeting: Clip) -> None:
    model = Turns(ear := Ear())
    (reply,) = model.generate([asked(meeting)], Sampling())
    found = turns_in(reply.text)
    assert [(turn.speaker, turn.words) for turn in found] == [
        ("1", "120 hertz"),
        ("2", "240 hertz"),
        ("1", "120 hertz"),
    ]
    for number, turn in enumerate(found):
        assert turn.span == pytest.approx((0.5 + number, 1.0 + number), abs=0.1)
        clip = ear.asked[number].clips[0]
        assert clip.start_s == pytest.approx(0.5 + number - MARGIN_S, abs=0.03)
        assert ear.asked[number].parts[1] == f"\n{QUESTION}"
    assert (reply.stop, model.report()["turns"]) == ("end", 3)


def test_another_request_takes_the_place_of_the_question(meeting: Clip) -> None:
    model = Turns(ear := Ear(), TurnSettings(request="Transcribe it."))
    model.generate([asked(meeting)], Sampling())
    assert {(prompt.parts[1], prompt.question) for prompt in ear.asked} == {
        ("\nTranscribe it.", "Transcribe it.")
    }


def test_turns_with_tags_stand_in_the_place_of_the_clip(meeting: Clip) -> None:
    model = Turns(ear := Ear(max_clips=4), TurnSettings(ask="tagged"))
    choices = {"choices": ("one", "two"), "order": (0, 1)}
    assert model.choice_logprobs([asked(meeting, **choices)]) == [(0.0, 0.0)]
    parts = ear.asked[0].parts
    tags = [part for part in parts if isinstance(part, str)]
    assert [tag[:9] for tag in tags[:3]] == ["speaker 1", "speaker 2", "speaker 1"]
    assert tags[3] == f"\n{QUESTION}" and len(ear.asked[0].clips) == 3
    few = Turns(Ear(max_clips=2), TurnSettings(ask="tagged"))
    (reply,) = few.generate([asked(meeting)], Sampling())
    assert reply.error == "turns:ear: 3 turns, and ear takes 2"
    assert few.choice_logprobs([asked(meeting, **choices)]) == [None]


def test_a_turn_that_fails_fails_the_whole_and_says_which(meeting: Clip) -> None:
    (reply,) = Turns(Ear(bears=200.0)).generate([asked(meeting)], Sampling())
    assert (reply.stop, reply.error) == ("failed", "too high (turns:ear, turn 2)")


def test_a_turn_that_is_cut_cuts_the_whole(meeting: Clip) -> None:
    class Cut(Ear):
        def _reply(self, prompt: Prompt) -> Reply:
            return Reply("so", "length" if prompt.clips[0].start_s < 1 else "end")

    (reply,) = Turns(Cut(), TurnSettings(speakers=1)).generate([asked(meeting)], Sampling())
    assert reply.stop == "length" and {turn.speaker for turn in turns_in(reply.text)} == {"1"}


def test_margins_stay_within_the_clip(meeting: Clip) -> None:
    inside = span(meeting, 0.55, 0.4)  # all of it sounds
    Turns(ear := Ear()).generate([asked(inside)], Sampling())
    (clip,) = ear.asked[0].clips
    assert (clip.start_s, clip.duration_s) == pytest.approx((0.55, 0.4), abs=0.02)
    Turns(ear := Ear()).generate([asked(meeting)], Sampling())
    assert ear.asked[0].clips[0].duration_s == pytest.approx(0.5 + 2 * MARGIN_S, abs=0.04)


def test_a_long_pause_is_needed_where_one_is_asked_for_and_turns_are_remembered(
    meeting: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = Turns(Ear()).turns(meeting)
    assert second.start_s - first.end_s == pytest.approx(0.5, abs=0.05)
    model = Turns(Ear(), TurnSettings(pause_s=0.8))
    first, second, *_ = model.turns(meeting)
    assert first.end_s == second.start_s  # the voice changes
    monkeypatch.setattr("harken.models.turns.load", None)
    model.turns(meeting)


def test_silence_is_given_to_a_model_of_tagged_turns_as_it_is(
    meeting: Clip, tmp_path: Path
) -> None:
    write_wav(tmp_path / "still.wav", np.zeros(RATE, np.float32), RATE)
    still = Clip(path=str(tmp_path / "still.wav"))
    model = Turns(ear := Ear(max_clips=4), TurnSettings(ask="tagged"))
    model.choice_logprobs([asked(still, choices=("one", "two"), order=(0, 1))])
    assert ear.asked[0].clips == (still,)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("speaker 1: six", "six"),
        ("Speaker B (0 to 1 s): six\nspeaker_2: seven", "six seven"),
        ("**Speaker 1:** hi", "hi"),
        ("speaker 1: speaker 2: hi", "hi"),
        ("speakerphone: on", "speakerphone, on"),
        ("the speaker said: no", "the speaker said, no"),
    ],
)
def test_speakers_that_the_model_names_are_left_out(said: str, words: str) -> None:
    assert _words(said) == words
    assert turns_in(f"speaker 1: {_words(said)}") == [SpeakerTurn("1", words)]


def test_a_reply_of_many_lines_is_read_at_once() -> None:
    assert _words("\n" * 100_000 + "*" * 100_000) == "*" * 100_000


def test_what_cannot_be_read_has_failed_and_silence_says_nothing(
    meeting: Clip, tmp_path: Path
) -> None:
    write_wav(tmp_path / "still.wav", np.zeros(RATE, np.float32), RATE)
    still, gone = Clip(path=str(tmp_path / "still.wav")), Clip(path=str(tmp_path / "gone.wav"))
    silent, missing = Turns(Ear()).generate([asked(still), asked(gone)], Sampling())
    assert (silent.text, silent.stop) == ("", "end")
    assert missing.stop == "failed" and "missing" in str(missing.error)


def test_other_questions_go_to_the_model_as_they_are(meeting: Clip) -> None:
    model = Turns(ear := Ear(max_clips=2))
    closed = asked(meeting, choices=("one", "two"), order=(0, 1))
    two = Prompt((meeting, meeting, "Which?"), "Which?")
    replies = model.generate([closed, asked(meeting), two], Sampling())
    assert ear.asked[0] == closed and ear.asked[1] == two
    assert replies[1].text.startswith("speaker 1") and replies[2].text.startswith("speaker 9")


def test_settings_are_read_and_judged(meeting: Clip, tmp_path: Path) -> None:
    (tmp_path / "v").write_text("{}")
    assert (
        Turns(Ear()).identity() != Turns(Ear(), TurnSettings(voices=str(tmp_path / "v"))).identity()
    )
    styled = Turns(ear := Ear())
    styled.style = PromptStyle(letters=False)
    assert ear.style == styled.style and not styled.style.letters
    assert Turns(Ear(max_clips=4), TurnSettings(ask="tagged")).max_clips == 1
    assert Turns(Ear()).identity() != Turns(Ear(), TurnSettings(speakers=2)).identity()
    for wrong in (TurnSettings(ask="all"), TurnSettings(speakers=-1), TurnSettings(pause_s=0.0)):
        with pytest.raises(ConfigError):
            Turns(Ear(), wrong)
    with pytest.raises(ConfigError, match="takes 1 clips"):
        Turns(Ear(), TurnSettings(ask="tagged"))
    with pytest.raises(ConfigError, match="takes 0 clips"):
        Turns(Ear(max_clips=0))
    inner, read = read_wrapper("turns", "asr:F?language=en&speakers=2", TurnSettings, {})
    assert (inner, read) == ("asr:F?language=en", TurnSettings(speakers=2))
    assert read_wrapper("turns", "F", TurnSettings, {}) == ("F", TurnSettings())


HIGH, LOW = 440.0, 180.0
AZIMUTH = {HIGH: 60.0, LOW: -70.0}
SPANS = ((HIGH, 0.2, 1.0), (LOW, 0.7, 1.5), (HIGH, 1.8, 2.3))
"""Frequency, beginning and end of three turns; the first two overlap."""


def around(folder: Path, layout: str = "foa") -> Clip:
    """Tones with overtones, each from its own direction."""
    parts = []
    for hz, start_s, end_s in SPANS:
        time_s = np.arange(round(RATE * (end_s - start_s))) / RATE
        wave = sum(np.sin(2 * np.pi * hz * n * time_s) / n**2 for n in range(1, 9))
        path = folder / f"{hz}-{start_s}.wav"
        write_wav(path, np.asarray(0.2 * wave, np.float32), RATE)
        clip = Clip(path=str(path), duration_s=end_s - start_s)
        place = Place(AZIMUTH[hz], 0.0, 1.5)
        parts.append(Part(clip, at_s=start_s, path=(place,)))
    plan = ScenePlan(tuple(parts), 2.5, gain_db=-3.0, layout=layout)
    return Clip("plan", duration_s=2.5, plan=plan)


def test_two_who_speak_at_once_are_heard_apart_by_their_directions(tmp_path: Path) -> None:
    model = Turns(ear := Ear(), TurnSettings(by="direction"))
    (reply,) = model.generate([asked(around(tmp_path))], Sampling())
    found = turns_in(reply.text)
    said = [(turn.speaker, turn.words) for turn in found]
    assert said == [("1", "440 hertz"), ("2", "180 hertz"), ("1", "440 hertz")]
    for turn, (_, start_s, end_s) in zip(found, SPANS, strict=True):
        assert turn.span == pytest.approx((start_s, end_s), abs=0.06)
    paths = {prompt.clips[0].path for prompt in ear.asked}
    assert len(paths) == 2 and not any(Path(path).exists() for path in paths), "not left behind"
    assert [turn.speaker for turn in model.turns(around(tmp_path))] == [1, 2, 1]


def test_tagged_turns_are_taken_apart_too(tmp_path: Path) -> None:
    model = Turns(ear := Ear(max_clips=4), TurnSettings(ask="tagged", by="direction"))
    model.generate([asked(around(tmp_path))], Sampling())
    tags = [part[:9] for part in ear.asked[0].parts if isinstance(part, str)]
    assert tags[:3] == ["speaker 1", "speaker 2", "speaker 1"] and len(ear.asked[0].clips) == 3


def test_where_nothing_tells_a_direction_voices_do(meeting: Clip) -> None:
    by_voice, by_direction = Turns(Ear()), Turns(Ear(), TurnSettings(by="direction"))
    assert by_direction.turns(meeting) == by_voice.turns(meeting) != ()
    assert by_direction.identity() != by_voice.identity()


def test_a_wrong_layout_fails_the_reply_and_says_why(tmp_path: Path, meeting: Clip) -> None:
    sound = np.zeros((RATE, 3), np.float32)
    path = tmp_path / "three.wav"
    soundfile.write(path, sound, RATE)
    model = Turns(Ear(), TurnSettings(by="direction", layout="foa"))
    (reply,) = model.generate([asked(Clip(path=str(path), duration_s=1.0))], Sampling())
    assert (reply.stop, reply.error) == ("failed", "audio: foa has 4 channels, and the sound 3")


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"by": "ear"}, "by is 'ear'"),
        ({"layout": "foa"}, "layout is for by=direction"),
        ({"by": "direction", "layout": "square"}, "layout is 'square'"),
        ({"by": "direction", "speakers": 4}, "speakers is 4: by direction 3"),
    ],
)
def test_what_directions_cannot_do_is_told(settings: dict[str, Any], found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        Turns(Ear(), TurnSettings(**settings))
