"""``turns:MODEL``: speech is cut into turns, tagged with speakers, before a model hears it.

``turns:asr:openai/whisper-base``, ``turns:FOLDER?ask=tagged&speakers=2``,
``turns:harken-tiny-trained?request=Transcribe the speech in the clip.``. The turns of a clip are
found whatever the model: by pauses and voices (`harken.audio.voices`), or with ``by=direction`` by
where the voices come from (`harken.audio.space.talkers`), in recordings that tell it. Two who speak
at once are one turn by their voices; by direction each is heard alone. Then, by `ask`:

- ``each``: the model is asked the same, or `request`, about each turn alone, and its words are
  written down with the number of the speaker and the times: a transcript with speakers, as for the
  family `meeting`. Models that take one clip will do, recognisers too. Of a model that names
  speakers itself only the words are taken.
- ``tagged``: the model is asked once, and gets the turns in order in the place of the clip, each
  after its tag, ``speaker 1 (0.00 to 1.20 s):`` (serialised turns). It must take several clips.

Only open questions about one clip are asked so with ``each``; others go to the model as they are.
Settings that are not of turns are the model's:
``turns:asr:openai/whisper-base?language=en&speakers=2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from harken.audio.clip import Clip
from harken.audio.load import load, write_wav
from harken.audio.single import duration_s, span
from harken.audio.space.talkers import TALKERS, Talker, talkers
from harken.audio.voices import DEFAULT, PAUSE_S, RATE_HZ, VoiceTurn, read_voices, voice_turns
from harken.cache import LruCache
from harken.errors import AudioError, ConfigError, ModelError
from harken.files import sha256_of
from harken.hashing import canonical, digest
from harken.models.base import Model, Prompt, Reply, Sampling, capabilities
from harken.models.composed.encoders.channels import Channels, all_channels, layout_setting
from harken.models.target import read_wrapper
from harken.models.wrapper import ModelWrapper

ASK = ("each", "tagged")
BY = ("voice", "direction")
LONGEST_S = 600.0
"""The longest recording (s) that is taken apart by direction: all of it is held at once."""

MARGIN_S = 0.1
"""What a model hears of a turn before its beginning and after its end: plosives and breath."""

_REMEMBERED = 4096  # clips whose turns are known
_COLON = re.compile(r"\b((?:speaker|spk)[\s_]*\w+)\s*:", re.I)
_NAMED = re.compile(
    r"(?:^|(?<=[\n.!?]))[ \t*]*\b(?:speaker|spk)[\s_]*(?:\d+|[a-z])\b\s*"
    r"(?:[\[(][^\])]*[\])])?\s*:[\s*]*",
    re.I,
)


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How a clip is cut, and how the model is asked.

    Attributes:
        ask: ``each`` or ``tagged``.
        request: what it is asked about each turn; empty: the question itself.
        speakers: at most; 0: as many as are told apart.
        pause_s: shorter pauses do not end a turn, in seconds.
        voices: a file of `harken.audio.voices.VoiceSpace`; empty: that of harken.
        by: ``voice``, or ``direction``: three speakers at most, who stay where they are. A clip
            that tells no direction is cut by voices.
        layout: with ``by=direction``, what recordings are; empty: by the number of channels.
    """

    ask: str = "each"
    request: str = ""
    speakers: int = 0
    pause_s: float = PAUSE_S
    voices: str = ""
    by: str = "voice"
    layout: str = ""


class HeardTurn(NamedTuple):
    """A turn, and what the model hears of it."""

    turn: VoiceTurn
    clip: Clip


def build(target: str, **options: Any) -> Turns:
    """The registry's factory; `target` is ``MODEL?settings``, the model by its name.

    Raises:
        ConfigError: no model, a setting that is wrong, or no voices.
    """
    from harken.models.load import load_model

    inner, settings = read_wrapper("turns", target, TurnSettings, options)
    return Turns(load_model(inner), settings)


class Turns(ModelWrapper):
    """A model that is asked about turns.

    Attributes:
        name: ``turns:`` and that of the model.
        max_clips: that of the model; of one that is given tagged turns, 1.
        batch, keep, clear_cache: those of the model.
        heard: turns asked about so far.
    """

    def __init__(self, model: Model, settings: TurnSettings | None = None) -> None:
        """Wrap `model`.

        Raises:
            ConfigError: an unknown way to ask, a setting out of range, a model without audio.
        """
        self.model, self.settings = model, settings or TurnSettings()
        own = self.settings
        if own.ask not in ASK:
            raise ConfigError(f"ask is {own.ask!r}", hint=f"Use {' or '.join(ASK)}.")
        if own.by not in BY:
            raise ConfigError(f"by is {own.by!r}", hint=f"Use {' or '.join(BY)}.")
        if own.by == "voice" and own.layout:
            raise ConfigError("layout is for by=direction", hint="Add by=direction.")
        if own.by == "direction" and own.speakers > TALKERS:
            raise ConfigError(
                f"speakers is {own.speakers}: by direction {TALKERS} are told apart at most"
            )
        layout_setting({"layout": own.layout})
        if own.speakers < 0 or not 0 < own.pause_s < 10:
            raise ConfigError(
                f"speakers is {own.speakers}, pause_s {own.pause_s:g}",
                hint="Use 0 speakers or more, and a pause above 0 and below 10 s.",
            )
        if model.max_clips < (2 if own.ask == "tagged" else 1):
            raise ConfigError(
                f"{model.name} takes {model.max_clips} clips",
                hint="ask=each needs a model that hears, ask=tagged one of several clips.",
            )
        file = Path(own.voices) if own.voices else DEFAULT
        self._space = read_voices(file)
        self.name = f"turns:{model.name}"
        self.max_clips = 1 if own.ask == "tagged" else model.max_clips
        has = capabilities(model)
        self.batch = has.batch
        self.keep, self.clear_cache = has.keep, has.clear_cache
        self.heard = 0
        self._known: LruCache[tuple[VoiceTurn, ...]] = LruCache(_REMEMBERED)
        told = {**asdict(own), "voices": sha256_of(file)}
        if own.by == "voice":  # as before there was another way
            del told["by"], told["layout"]
        self._identity = digest(canonical([model.identity(), told]))

    def identity(self) -> str:
        """Hash of the model, of the settings and of the voices."""
        return self._identity

    def report(self) -> dict[str, Any]:
        """Turns asked about, and what the model reports."""
        return self.reported({"turns": self.heard})

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """Those of the model; None where tagged turns cannot be given to it."""
        with self._folder() as folder:
            asked = [self._tagged(prompt, folder) for prompt in prompts]
            good = [prompt for prompt in asked if isinstance(prompt, Prompt)]
            found = iter(self.model.choice_logprobs(good) if good else ())
            return [next(found) if isinstance(prompt, Prompt) else None for prompt in asked]

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """A transcript with speakers for each open question, or the model's reply to the turns."""
        each = self.settings.ask == "each"
        apart = [each and len(p.clips) == 1 and not p.choices for p in prompts]
        with self._folder() as folder:
            whole = [
                self._tagged(p, folder) for p, own in zip(prompts, apart, strict=True) if not own
            ]
            good = [prompt for prompt in whole if isinstance(prompt, Prompt)]
            found = iter(self.model.generate(good, sampling) if good else ())
            replies = iter([next(found) if isinstance(own, Prompt) else own for own in whole])
            return [self._written(p, sampling, folder) if own else next(replies)
                    for p, own in zip(prompts, apart, strict=True)]  # fmt: skip

    def turns(self, clip: Clip) -> tuple[VoiceTurn, ...]:
        """The turns of a clip.

        Raises:
            AudioError: it cannot be read.
            ModelError: it has another number of channels than `layout`.
        """
        heard = self._channels(clip)
        if heard is None:
            return self._by_voice(clip)
        return tuple(sorted(turn for talker in self._talkers(heard) for turn in talker.turns))

    def _spoken(self, clip: Clip, folder: Path) -> list[HeardTurn]:
        """The turns of a clip in order of time; talkers that are taken apart go to `folder`."""
        heard = self._channels(clip)
        if heard is None:
            return [HeardTurn(turn, _cut(clip, turn)) for turn in self._by_voice(clip)]
        found = []
        for talker in self._talkers(heard):
            path = folder / f"{digest(clip.key)}-{talker.number}.wav"
            write_wav(path, talker.samples, RATE_HZ)
            length_s = len(talker.samples) / RATE_HZ
            alone = Clip(path=str(path), duration_s=length_s, sha256=sha256_of(path))
            found += [HeardTurn(turn, _cut(alone, turn)) for turn in talker.turns]
        return sorted(found, key=lambda one: one.turn)

    def _channels(self, clip: Clip) -> Channels | None:
        """The channels of a clip that tell directions; None where turns are found by voices."""
        if self.settings.by == "voice":
            return None
        heard = all_channels(clip, self.settings.layout, LONGEST_S)
        return None if heard.layout == "mono" else heard

    def _talkers(self, heard: Channels) -> list[Talker]:
        own = self.settings
        return talkers(*heard, pause_s=own.pause_s, most=own.speakers)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        """A folder for what is taken apart, as long as the model is asked about it."""
        if self.settings.by == "voice":
            yield Path()
            return
        with TemporaryDirectory(prefix="harken-turns-") as name:
            yield Path(name)

    def _by_voice(self, clip: Clip) -> tuple[VoiceTurn, ...]:
        known = self._known.get(clip.key)
        if known is None:
            samples = load(clip, RATE_HZ)
            own = self.settings
            known = tuple(voice_turns(samples, self._space, own.pause_s, own.speakers))
            self._known.put(clip.key, known, 1)
        return known

    def _written(self, prompt: Prompt, sampling: Sampling, folder: Path) -> Reply:
        """The words of each turn, a line a turn; failed if one has failed."""
        try:
            spoken = self._spoken(prompt.clips[0], folder)
        except (AudioError, ModelError) as error:
            return _unread(error)
        own = _about(prompt, self.settings.request)
        place = next(i for i, part in enumerate(own.parts) if isinstance(part, Clip))
        asked = []
        for one in spoken:
            parts = list(own.parts)
            parts[place] = one.clip
            asked.append(replace(own, parts=tuple(parts)))
        self.heard += len(asked)
        step = max(1, capabilities(self.model).batch)
        replies = [
            reply
            for at in range(0, len(asked), step)
            for reply in self.model.generate(asked[at : at + step], sampling)
        ]
        for number, reply in enumerate(replies, 1):
            if reply.stop == "failed":
                return Reply("", "failed", f"{reply.error} ({self.name}, turn {number})")
        lines = [_tag(one.turn) + " " + _words(reply.text)
                 for one, reply in zip(spoken, replies, strict=True)]  # fmt: skip
        cut = any(reply.stop == "length" for reply in replies)
        return Reply("\n".join(lines), "length" if cut else "end")

    def _tagged(self, prompt: Prompt, folder: Path) -> Prompt | Reply:
        """The prompt with tagged turns in the place of its clip; as it is if asked about each."""
        if self.settings.ask == "each" or len(prompt.clips) != 1:
            return prompt
        parts: list[str | Clip] = []
        for part in prompt.parts:
            if not isinstance(part, Clip):
                parts.append(part)
                continue
            try:
                spoken = self._spoken(part, folder)
            except (AudioError, ModelError) as error:
                return _unread(error)
            if len(spoken) > self.model.max_clips:
                why = f"{len(spoken)} turns, and {self.model.name} takes {self.model.max_clips}"
                return Reply("", "failed", f"{self.name}: {why}")
            self.heard += len(spoken)
            if not spoken:  # what is not heard as speech is heard whole
                parts.append(part)
            for one in spoken:
                parts += [_tag(one.turn), one.clip]
        return replace(prompt, parts=tuple(parts))


def _unread(error: AudioError | ModelError) -> Reply:
    reason = f"{error.reason}: " if isinstance(error, AudioError) else ""
    return Reply("", "failed", f"audio: {reason}{error.found}")


def _about(prompt: Prompt, request: str) -> Prompt:
    """The prompt with another question, if there is one."""
    if not request:
        return prompt
    return replace(prompt, parts=(*prompt.clips, f"\n{request}"), question=request)


def _cut(clip: Clip, turn: VoiceTurn) -> Clip:
    start = max(0.0, turn.start_s - MARGIN_S)
    return span(clip, start, min(duration_s(clip), turn.end_s + MARGIN_S) - start)


def _tag(turn: VoiceTurn) -> str:
    """As `harken.ask.speaker_turns` reads it."""
    return f"speaker {turn.speaker} ({turn.start_s:.2f} to {turn.end_s:.2f} s):"


def _words(text: str) -> str:
    """What is said in one turn, in one line, without the speakers that the model names.

    What would be read as another turn (``the speaker said: no``) loses its colon.
    """
    while (without := _NAMED.sub(" ", text)) != text:
        text = without
    return _COLON.sub(r"\1,", " ".join(text.split()))
