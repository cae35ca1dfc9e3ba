"""One tiny model opened twice: by harken, and by the class itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as tf
from tiny import Tiny, ask, write

from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import load, write_wav
from harken.audio.probe import file_sha256
from harken.hashing import digest
from harken.models.base import Prompt
from harken.models.engine.batch import TokenizedPrompt, collate
from harken.models.load import load_model
from harken.models.native.families import FAMILIES
from harken.models.native.model import NativeModel

QUESTION = "Which of these sounds do you hear?"


@dataclass
class Both:
    """The folder, harken's model, and the official one."""

    tiny: Tiny
    folder: Path
    model: NativeModel
    official: Any

    def clip(self, seconds: float, seed: int = 0) -> Clip:
        """Noise that rises and falls."""
        return self.wav(noise(seconds, seed))

    def wav(self, wave: np.ndarray) -> Clip:
        """A clip of these samples."""
        path = self.folder / "sounds" / f"{digest(wave.tobytes())}.wav"
        path.parent.mkdir(exist_ok=True)
        write_wav(path, wave, RATE_HZ)
        return Clip(path=str(path), sha256=file_sha256(str(path)))

    def prompt(self, *clips: Clip, choices: tuple[str, ...] = ("yes", "no", "noise")) -> Prompt:
        """A question about clips, which come first, numbered if there are several."""
        numbered = [part for i, clip in enumerate(clips, 1) for part in (f"clip {i}:", clip)]
        parts = (*(numbered if len(clips) > 1 else clips), QUESTION)
        return Prompt(parts, QUESTION, choices, tuple(range(len(choices))))

    def logits(self, prompts: list[TokenizedPrompt]) -> list[torch.Tensor]:
        """Logits (L, V) of every token of each prompt, all prompts in one batch."""
        batch = collate(prompts, self.model.tokenizer)
        with torch.no_grad():
            hidden = self.model.engine._forward(batch, prompts)
            logits = self.model.net.lm.get_output_embeddings()(hidden)
        return [row[: len(prompt.ids)] for row, prompt in zip(logits, prompts, strict=True)]

    def ours(self, prompt: Prompt) -> torch.Tensor:
        """harken's logits (L, V) of a prompt."""
        return self.logits([self.model.tokenize(prompt)])[0]

    def theirs(self, prompt: Prompt) -> tuple[torch.Tensor, list[int], list[int]]:
        """Official logits, ids, and the placeholders of each clip."""
        blocks: list[dict[str, Any]] = []
        for part in prompt.parts:
            if isinstance(part, Clip):
                blocks.append({"type": "audio", "audio": "x"})
                continue
            lead = self.model.family.after_clip if blocks and blocks[-1]["type"] == "audio" else ""
            blocks.append({"type": "text", "text": lead + part})
        chat = self.tiny.chat(prompt.system, blocks)
        waves = [load(clip) for clip in prompt.clips]
        placeholder = self.model.family.placeholder
        return ask(self.tiny, self.official, self.folder, chat, waves, placeholder)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise with a slow envelope, float32."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE_HZ)
    envelope = 0.1 + 0.3 * np.sin(np.arange(count) / 3000 + seed) ** 2
    return (rng.standard_normal(count) * envelope).astype(np.float32)


def open_both(tiny: Tiny, folder: Path) -> Both:
    """Write the folder, and open it by harken and by the class."""
    family = FAMILIES.get(tiny.kind)
    write(tiny, folder, family.template)
    model = load_model(f"native:{folder}")
    assert isinstance(model, NativeModel)
    model.family.window_s = tiny.window_s or model.family.window_s
    whole = tf.AutoConfig.from_pretrained(folder)
    official = family.model_class().from_pretrained(folder, config=family.config(whole))
    return Both(tiny, folder, model, official.eval())
