"""Granite Speech (Saon et al. 2025, arXiv 2505.08699): a Conformer, a Q-Former, a Granite.

10 tokens a second: 15 frames of 20 ms become 3 tokens. The tower has no mask and encodes a clip as
a whole, so each clip is encoded alone; in a batch with a longer one it would attend to padding.

- Its feature extractor needs torchaudio. `GraniteFeatureExtractor` computes the same mel.
- The larger models have a LoRA adapter that is on for prompts with audio only. A folder with
  ``has_lora_adapter`` and no adapter is refused.
- Granite is trained with logits divided by ``logits_scaling``. The class of transformers 5.23 does
  not divide (the order of the tokens is the same, the probabilities are not); here they are
  divided.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harken.audio.clip import RATE_HZ
from harken.errors import ModelError
from harken.hashing import canonical
from harken.models.engine.chat import flat
from harken.models.engine.features import Array
from harken.models.native.adapter import CONFIG_FILE, WEIGHTS_FILE, AdapterFamily, AudioAdapter
from harken.models.native.base import Scaled, Window
from harken.parsing import load_json

_FILE = "preprocessor_config.json"


class GraniteFeatureExtractor:
    """The log-mel of ``GraniteSpeechFeatureExtractor``, without torchaudio.

    Power spectra of `n_fft` points under a periodic Hann window of `win_length`, centred and
    mirrored at the ends; `n_mels` triangles of peak 1 on the HTK scale 2595 log10(1 + f / 700) from
    0 Hz to half the rate; log10 of at least 1e-10, at most 8 decades below the clip's maximum,
    divided by 4, plus 1. Two neighbouring frames are concatenated. In double precision: torchaudio
    differs by about 3e-6 through rounding.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        """Take the content of ``preprocessor_config.json``; defaults are those of the class."""
        self.settings = settings
        inner = settings.get("melspec_kwargs") or settings
        self.rate = int(inner.get("sample_rate", settings.get("sampling_rate", RATE_HZ)))
        self.size = int(inner.get("n_fft", 512))
        self.length = int(inner.get("win_length", 400))
        self.hop = int(inner.get("hop_length", 160))
        self.bins = int(inner.get("n_mels", 80))
        self._window = torch.hann_window(self.length, dtype=torch.float64)
        self._bank = _bank(self.size // 2 + 1, self.bins, self.rate)

    @staticmethod
    def open(folder: Path) -> GraniteFeatureExtractor:
        """Read the folder's ``preprocessor_config.json``, or that of its processor.

        Raises:
            ModelError: the file is damaged.
        """
        try:
            for name, part in ((_FILE, ""), ("processor_config.json", "audio_processor")):
                if (folder / name).is_file():
                    found = load_json(folder / name)
                    return GraniteFeatureExtractor(found.get(part, {}) if part else found)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the preprocessor cannot be read: {error}", where=str(folder)
            ) from error
        return GraniteFeatureExtractor({})

    def save_pretrained(self, folder: Path) -> None:
        """Write the file of `open`."""
        text = json.dumps(self.settings, indent=2, sort_keys=True)
        (Path(folder) / _FILE).write_text(text + "\n", encoding="utf-8")

    def __call__(self, wave: Array) -> Array:
        """Features (T, 2 * bins) of a wave (n,); T = (n // hop + 1) // 2."""
        spectrum = torch.stft(
            torch.tensor(wave, dtype=torch.float64),
            self.size,
            self.hop,
            self.length,
            self._window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        power = spectrum.abs().square()
        mel = (power.T @ self._bank).clamp(min=1e-10).log10()
        mel = torch.maximum(mel, mel.max() - 8.0) / 4 + 1
        made: Array = mel[: len(mel) // 2 * 2].reshape(-1, 2 * self.bins).float().numpy()
        return made


class GraniteSpeech(AdapterFamily):
    """``GraniteSpeechForConditionalGeneration``."""

    name = "Granite Speech"
    types = ("granite_speech",)
    model_name = "GraniteSpeechForConditionalGeneration"
    extractor_name = "GraniteSpeechFeatureExtractor"
    placeholder = "<|audio|>"
    turn_end = "<|end_of_text|>"
    after_clip = ""
    extra_files = (CONFIG_FILE, WEIGHTS_FILE)
    min_samples = 400
    template = (
        "{%- for message in messages -%}"
        "{{ '<|start_of_role|>' + message.role + '<|end_of_role|>' + message.content }}"
        "{{ '<|end_of_text|>\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}"
        "{{ '<|start_of_role|>assistant<|end_of_role|>' }}"
        "{%- endif -%}"
    )
    window_s = math.inf
    max_clip_s = 3600.0

    def __init__(self, model: Any, extractor: GraniteFeatureExtractor) -> None:
        super().__init__(model, extractor)
        inner = model.model
        self.tower = inner.encoder
        self.projector = inner.projector
        self.decoder = inner.language_model
        scaling = float(getattr(self.decoder.config, "logits_scaling", 1.0))
        self.head = Scaled(model.lm_head, scaling)
        self.audio_id = model.config.audio_token_id

    @classmethod
    def load_extractor(cls, folder: Path) -> Any:
        """`GraniteFeatureExtractor` instead of the class that needs torchaudio."""
        return GraniteFeatureExtractor.open(folder)

    def after_open(self, folder: Path, hf_tokenizer: Any) -> None:
        """Attach the adapter to the text model.

        Raises:
            ModelError: the model needs one and there is none.
        """
        if (folder / WEIGHTS_FILE).is_file():
            self.adapter = AudioAdapter.read(folder)
            self.adapter.attach(self.decoder)
        elif self.model.config.has_lora_adapter:
            raise ModelError(
                "the model needs its adapter for audio (has_lora_adapter), and the folder has none",
                where=str(folder / WEIGHTS_FILE),
                hint=f"Copy {CONFIG_FILE} and {WEIGHTS_FILE} from the model's page.",
            )

    def save(self, folder: Path, state: dict[str, Tensor] | None = None) -> None:
        """Write model, extractor and adapter."""
        super().save(folder, state)
        if self.adapter is not None:
            self.adapter.save(folder)

    def messages(self, system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Its templates take text only, with the placeholder in it."""
        return flat(super().messages(system, blocks), self.placeholder)

    def feature_settings(self) -> str:
        """The settings of `GraniteFeatureExtractor`, as canonical JSON."""
        return canonical(self.extractor.settings)

    def window(self, wave: Array, index: int) -> Window:
        """Features (T, 160)."""
        features = self.extractor(wave)
        return Window(features, len(features), index)

    def tokens_of(self, samples: int) -> int:
        """3 tokens for each block of 15 frames, rounded up."""
        frames = (samples // self.extractor.hop + 1) // 2
        config = self.model.config
        blocks = -(-frames // config.window_size)
        return int(blocks * (config.window_size // config.downsample_rate))

    def encode_windows(self, windows: Sequence[Window]) -> Tensor:
        """Each window alone; see `AdapterFamily.encode`."""
        inner = self.model.model
        like = inner.encoder.input_linear.weight
        rows = []
        for window in windows:
            features = torch.from_numpy(window.features).to(like)
            rows.append(inner.get_audio_features(features[None]).pooler_output[0])
        return torch.cat(rows)


class GraniteSpeechPlus(GraniteSpeech):
    """``GraniteSpeechPlusForConditionalGeneration``: the projector also takes inner layers."""

    name = "Granite Speech Plus"
    types = ("granite_speech_plus",)
    model_name = "GraniteSpeechPlusForConditionalGeneration"


def _bank(bins: int, mels: int, rate: int) -> Tensor:
    """Triangular filters (bins, mels) on the HTK mel scale, each with peak 1."""
    hz = torch.linspace(0, rate // 2, bins, dtype=torch.float64)
    top = 2595.0 * math.log10(1.0 + rate / 2 / 700.0)
    places = torch.linspace(0.0, top, mels + 2, dtype=torch.float64)
    edges = 700.0 * (10.0 ** (places / 2595.0) - 1.0)
    distance = edges[None] - hz[:, None]
    steps = edges.diff()
    rows = torch.minimum(-distance[:, :-2] / steps[:-1], distance[:, 2:] / steps[1:])
    return rows.clamp(min=0.0)
