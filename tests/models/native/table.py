"""Measures the table of docs/native.md: ``python tests/models/native/table.py``.

A tiny random model of every family is opened by harken and compared with the class's own forward.
Its processor is tried with a real tokenizer and an extractor of the real size; errors are quoted.
"""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE)]

import numpy as np  # noqa: E402
import transformers as tf  # noqa: E402
from families import TINIES  # noqa: E402
from opened import Both, noise, open_both  # noqa: E402
from tiny import Tiny, tokenizer  # noqa: E402

from harken.audio.clip import RATE_HZ  # noqa: E402
from harken.models.native.families import FAMILIES  # noqa: E402

DOC = HERE.parent.parent.parent / "docs" / "native.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
COLUMNS = (
    "class",
    "window / longest clip",
    "tokens a second",
    "5 s of features, MB: its / here",
    "its processor, tried",
    "several clips: its processor / harken",
    "logits off",
    "long clip off",
    "batch off",
    "mel off",
)

Make = Callable[[Any, Any], Any]


def _omni(name: str) -> Make:
    def make(extractor: Any, words: Any) -> Any:
        return getattr(tf, name)(
            image_processor=tf.Qwen2VLImageProcessor(),
            video_processor=tf.Qwen2VLVideoProcessor(),
            feature_extractor=extractor,
            tokenizer=words,
        )

    return make


def _plain(name: str) -> Make:
    return lambda extractor, words: getattr(tf, name)(feature_extractor=extractor, tokenizer=words)


def _asr(extractor: Any, words: Any) -> Any:
    for name, mark in (("audio", "pad"), ("audio_bos", "start"), ("audio_eos", "end")):
        setattr(words, f"{name}_token", f"<|audio_{mark}|>")
    return tf.Qwen3ASRProcessor(extractor, words)


def _voxtral(extractor: Any, words: Any) -> Any:
    made = tf.VoxtralProcessor(extractor, words)
    made.audio_token = "[AUDIO]"  # it takes id 24, which is this token in its own tokenizer
    return made


PROCESSORS: dict[str, tuple[Make, Callable[[], Any]]] = {
    "qwen2_5_omni": (_omni("Qwen2_5OmniProcessor"), lambda: _whisper(300)),
    "qwen3_omni_moe": (_omni("Qwen3OmniMoeProcessor"), lambda: _whisper(30)),
    "voxtral": (_voxtral, lambda: _whisper(30)),
    "qwen3_asr": (_asr, lambda: tf.Qwen3ASRFeatureExtractor()),
    **dict.fromkeys(
        ("granite_speech", "granite_speech_plus"),
        (
            lambda _, words: tf.GraniteSpeechProcessor(tf.GraniteSpeechFeatureExtractor(), words),
            lambda: None,
        ),
    ),
    "gemma3n": (
        lambda extractor, words: tf.Gemma3nProcessor(extractor, tf.SiglipImageProcessor(), words),
        lambda: tf.Gemma3nAudioFeatureExtractor(),
    ),
    "gemma4": (
        lambda extractor, words: tf.Gemma4Processor(
            extractor, tf.Gemma4ImageProcessor(), words, tf.Gemma4VideoProcessor()
        ),
        lambda: tf.Gemma4AudioFeatureExtractor(),
    ),
    "gemma4_unified": (
        lambda extractor, words: tf.Gemma4UnifiedProcessor(
            extractor, tf.Gemma4UnifiedImageProcessor(), words, tf.Gemma4UnifiedVideoProcessor()
        ),
        lambda: tf.Gemma4UnifiedAudioFeatureExtractor(),
    ),
    "moss_transcribe_diarize": (
        _plain("MossTranscribeDiarizeProcessor"),
        lambda: tf.MossTranscribeDiarizeFeatureExtractor(),
    ),
    "phi4_multimodal": (
        lambda extractor, words: tf.Phi4MultimodalProcessor(
            tf.Phi4MultimodalImageProcessor(), extractor, words
        ),
        lambda: tf.Phi4MultimodalFeatureExtractor(),
    ),
}
"""How a class's processor and its extractor of real size are built, where they need more than an
extractor of 30 s and a tokenizer."""


SIZES = {"voxtral": ("30 s", "12.5"), "gemma3n": ("30 s", "6.27")}
"""Window and tokens a second where they are the tower's, which is small here."""


def _whisper(seconds: int) -> Any:
    return tf.WhisperFeatureExtractor(
        feature_size=128, chunk_length=seconds, return_attention_mask=True
    )


def _mapped(kind: str) -> Make:
    """The processor of transformers for a kind, if it takes audio and text only."""
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    return _plain(PROCESSOR_MAPPING_NAMES[kind])


def row(tiny: Tiny, folder: Path) -> tuple[str, ...]:
    """One row of the table, measured."""
    both = open_both(tiny, folder)
    make, real = PROCESSORS.get(tiny.kind) or (_mapped(tiny.kind), lambda: _whisper(30))
    found, several = tried(tiny, make, real())
    family = _real(both, real())
    window = f"{family.window_s:g} s" if np.isfinite(family.window_s) else "the clip"
    window, rate = SIZES.get(tiny.kind, (window, f"{family.tokens(30 * RATE_HZ) / 30:.4g}"))
    longest = f"{family.max_clip_s:g} s" if np.isfinite(family.max_clip_s) else "the context"
    clips = [both.clip(1.3), both.clip(1.3 if tiny.alone else 1.07, 1)]
    prompts = [both.prompt(*clips[:1]), both.prompt(*clips), both.prompt()]
    size = min(both.model.family.window_s, 4.0)
    long = off(both, [both.prompt(both.wav(noise(2.4 * size, 3)))]) if tiny.long else None
    return (
        f"{family.name} (`{tiny.kind}`)",
        f"{window} / {longest}",
        rate,
        weight(tiny, family, real()),
        found,
        f"{several} / any number",
        number(off(both, prompts)),
        "not official" if long is None else number(long),
        number(in_batch(both)),
        number(mel(both)),
    )


def _real(both: Both, extractor: Any) -> Any:
    """The family with the extractor of a real checkpoint, for its lengths."""
    own = both.model.family
    return type(own)(both.official, extractor) if extractor is not None else own


def weight(tiny: Tiny, family: Any, extractor: Any) -> str:
    """Megabytes of the features of 5 s: the processor's and harken's."""
    wave = noise(5)
    here = sum(window.features.nbytes for window in family.windows(wave)) / 1e6
    if extractor is None or tiny.kind in (*SIZES, "glmasr"):  # the small window would count
        return f"– / {here:.2f}"
    made = tiny.official_inputs(extractor, [wave]).inputs.values()
    whole = sum(t.numel() * t.element_size() for t in made if t.is_floating_point()) / 1e6
    return f"{whole:.2f} / {here:.2f}"


def off(both: Both, prompts: Sequence[Any]) -> float:
    """Largest difference of logits from the class's own forward."""
    found = []
    for prompt in prompts:
        theirs, ids, _ = both.theirs(prompt)
        line = both.model.tokenize(prompt)
        assert list(line.ids) == ids
        found.append(float((both.logits([line])[0] - theirs).abs().max()))
    return max(found)


def in_batch(both: Both) -> float:
    """Largest difference of logits between a prompt alone and in a batch."""
    one, two = both.clip(0.41), both.clip(1.7, 1)
    prompts = [both.prompt(), both.prompt(one), both.prompt(two, one, one), both.prompt(two)]
    lines = [both.model.tokenize(prompt) for prompt in prompts]
    pairs = zip(both.logits(lines), lines, strict=True)
    return max(float((row - both.logits([line])[0]).abs().max()) for row, line in pairs)


def mel(both: Both) -> float:
    """Largest difference of the features from the official ones."""
    found = []
    for samples in (4001, 16_000, 23_999):
        wave = noise(samples / RATE_HZ, samples)
        (window,) = both.model.family.windows(wave)
        sound = np.take(window.features, range(window.frames), axis=both.tiny.time_axis)
        official = both.tiny.mel(both.model.family.extractor, wave)
        found.append(float(np.abs(sound - official).max()))
    return max(found)


def tried(tiny: Tiny, make: Make, extractor: Any) -> tuple[str, str]:
    """Results of the processor: building it, a clip of 40 s; and two clips."""
    words = tokenizer(tiny.specials)
    try:
        made = make(extractor, words)
    except Exception as error:
        return f"cannot be built: {short(error)}", "not tried"
    mark = made.audio_token
    second = 16_000
    try:
        whole = made(text=mark, audio=[noise(40)], sampling_rate=second, return_tensors="pt")
    except Exception as error:
        return f"takes no clip: {short(error)}", "not tried"
    count = int((whole["input_ids"] == words.convert_tokens_to_ids(mark)).sum())
    found = f"40 s become {count} tokens"
    half = made(text=mark, audio=[noise(30)], sampling_rate=second, return_tensors="pt")
    if count == int((half["input_ids"] == words.convert_tokens_to_ids(mark)).sum()):
        found += ", as 30 s do: truncated silently"
    limit = getattr(made, "max_audio_len", 0)
    found += f"; after {limit} s truncated with a line in the log" if limit else ""
    try:
        two = [noise(5), noise(5, 1)]
        made(text=mark * 2, audio=two, sampling_rate=second, return_tensors="pt")
    except Exception as error:
        return found, short(error)
    return found, "allowed"


def short(error: Exception) -> str:
    """An error in few words."""
    text = " ".join(str(error).split())
    wants = re.findall(r"(\w+) requires the (\w+) library", text)
    if wants:
        text = f"{wants[0][0]} requires " + " and ".join(sorted({name for _, name in wants}))
    text = text.replace("`", "'")
    return f"`{type(error).__name__}: {text if len(text) < 80 else text[:79] + '…'}`"


def number(value: float) -> str:
    """A difference with one digit."""
    return "0" if value == 0 else f"{value:.0e}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def about() -> str:
    """The docstrings of the families' modules."""
    parts = []
    for kind in dict.fromkeys(tiny.kind for tiny in TINIES):
        family = FAMILIES.get(kind)
        text = inspect.getdoc(sys.modules[family.__module__]) or ""
        parts.append(f"### {family.name}\n\n{text.replace('``', '`')}")
    return "\n\n".join(dict.fromkeys(parts))


def page(text: str, rows: Sequence[Sequence[str]]) -> str:
    """The page with the text between `BEGIN` and `END` replaced."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table(rows)}\n\n{about()}\n{END}{after}"


def main() -> None:
    """Measure everything, and write it between `BEGIN` and `END` of the page."""
    rows = []
    for tiny in TINIES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row(tiny, Path(folder)))
    DOC.write_text(page(DOC.read_text(encoding="utf-8"), rows), encoding="utf-8")


if __name__ == "__main__":
    main()
