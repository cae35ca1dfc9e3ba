"""Phi-4-multimodal (Abouelenin et al. 2025, arXiv 2503.01743): a Conformer, and a LoRA for audio.

12.5 tokens a second. The tower encodes a clip as a whole up to 40 s and splits a longer one itself.
Its mask does not mask (it adds 1 where attention is allowed, and 0 where not), so in a batch with a
longer clip a short one attends to padding: each clip is encoded alone.

- The adapter in ``speech-lora`` is on for prompts with audio and off for text. transformers loads
  it only on request. A folder without one is refused, unless its file ``config.json`` has
  ``"speech_lora": "merged"``.
- The class has one set of rotary frequencies for up to 4096 tokens and another for more, chosen by
  the longest row of a batch. Here every row has its own; when a reply crosses the limit, the whole
  sequence is prefilled again, as in the class's ``generate``. (The choices of one question share a
  row, and its length decides.)
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harken.audio.clip import RATE_HZ
from harken.errors import ModelError
from harken.models.engine.chat import flat
from harken.models.engine.features import Array
from harken.models.native.adapter import CONFIG_FILE, WEIGHTS_FILE, AdapterFamily, AudioAdapter
from harken.models.native.base import Window

FOLDER = "speech-lora"


class Phi4Multimodal(AdapterFamily):
    """``Phi4MultimodalForCausalLM``."""

    name = "Phi-4-multimodal"
    types = ("phi4_multimodal",)
    model_name = "Phi4MultimodalForCausalLM"
    extractor_name = "Phi4MultimodalFeatureExtractor"
    placeholder = "<|endoftext11|>"
    turn_end = "<|end|>"
    after_clip = ""
    extra_files = (f"{FOLDER}/{CONFIG_FILE}", f"{FOLDER}/{WEIGHTS_FILE}")
    min_samples = 400
    template = (
        "{%- for message in messages -%}"
        "{{ '<|' + message.role + '|>' + message.content + '<|end|>' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
    )
    window_s = math.inf
    max_clip_s = 1800.0

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        self.decoder = model.model
        self.projector = self.decoder.embed_tokens_extend.audio_embed
        self.tower = self.decoder.embed_tokens_extend.audio_embed.encoder
        self.head = model.lm_head
        self.audio_id = model.config.audio_config.audio_token_id
        self.rotary = Rotary(self.decoder.rotary_emb, model.config)
        self.decoder.rotary_emb = self.rotary

    def after_open(self, folder: Path, hf_tokenizer: Any) -> None:
        """Read the folder's placeholder, and attach the adapter to the text model.

        Raises:
            ModelError: there is no adapter.
        """
        self.placeholder = hf_tokenizer.convert_ids_to_tokens(self.audio_id)
        if (folder / FOLDER).is_dir():
            self.adapter = AudioAdapter.read(folder / FOLDER)
            self.adapter.attach(self.decoder)
        elif getattr(self.model.config, "speech_lora", None) != "merged":
            raise ModelError(
                "the model needs its adapter for audio, and the folder has none",
                where=str(folder / FOLDER / WEIGHTS_FILE),
                hint=f"Copy {FOLDER} from the model's page; if it is merged into the weights, "
                'write "speech_lora": "merged" into config.json.',
            )

    def save(self, folder: Path, state: dict[str, Tensor] | None = None) -> None:
        """Write model, extractor and adapter."""
        super().save(folder, state)
        if self.adapter is not None:
            self.adapter.save(folder / FOLDER)

    def messages(self, system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Its templates take text only, with the placeholder in it."""
        return flat(super().messages(system, blocks), self.placeholder)

    def window(self, wave: Array, index: int) -> Window:
        """Log-mel (T, 80) of frames of 25 ms every 10 ms; an incomplete frame is left out."""
        made = self.extractor(np.array(wave), sampling_rate=RATE_HZ, return_tensors="np")
        features = np.asarray(made["audio_input_features"][0], np.float32)
        return Window(features, len(features), index)

    def tokens_of(self, samples: int) -> int:
        """One for every eight frames, rounded up."""
        frames = (samples - self.extractor.win_length) // self.extractor.hop_length + 1
        return int(-(-frames // self.extractor.audio_compression_rate))

    def encode_windows(self, windows: Sequence[Window]) -> Tensor:
        """Each window alone, with the projector's weights for audio without images."""
        projector: Any = self.projector
        rows = []
        for window in windows:
            features = torch.from_numpy(window.features).to(projector.up_proj_for_speech.weight)
            frames = projector.up_proj_for_speech(projector.encoder(features[None], None))
            rows.append(projector.down_proj_for_speech(nn.functional.gelu(frames))[0])
        return torch.cat(rows)

    def embed(self, ids: Tensor) -> Tensor:
        """As `AdapterFamily.embed`, with a number in front: 1 if the row is longer than `limit`."""
        length = (ids != self.model.config.pad_token_id).sum(-1, keepdim=True)
        far = (length > self.rotary.limit).expand(ids.shape)
        embedded = super().embed(ids)
        return torch.cat([far[..., None].to(embedded), embedded], -1)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """As `AdapterFamily.encode`, with a 0 in front."""
        tokens = super().encode(windows)
        return torch.cat([tokens.new_zeros(len(tokens), 1), tokens], -1)

    def decode(self, inputs: Tensor, **options: Any) -> Any:
        """As `AdapterFamily.decode`, each row with its own set of frequencies."""
        past = options.get("past_key_values")
        mask = options.get("attention_mask")
        sequence = [inputs]
        if past is None or not past.get_seq_length():
            self.rotary.far = inputs[..., 0].amax(1) > 0
        elif mask is not None:
            sequence = [*past.sequence, inputs]
            self.rotary.far = mask.sum(1) > self.rotary.limit
            if bool((self.rotary.far != past.far).any()):
                options["past_key_values"] = None
                options["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
                inputs = torch.cat(sequence, 1)
        out = super().decode(inputs[..., 1:], **options)
        if out.past_key_values is not None:
            out.past_key_values.sequence = sequence
            out.past_key_values.far = self.rotary.far
        return out


class Rotary(nn.Module):
    """Rotary position embedding (Su et al. 2021, arXiv 2104.09864), frequencies chosen row by row.

    The class's own module chooses one set for a whole batch, by its longest row, and writes it into
    a buffer, so that the weights look changed after every pass.

    Attributes:
        limit: tokens up to which the first set is used.
        far: which rows (B,) are longer.
    """

    def __init__(self, official: Any, config: Any) -> None:
        super().__init__()
        self.limit = sys.maxsize
        self.far = torch.zeros(1, dtype=torch.bool)
        self._scaling = official.attention_scaling
        self._near = self._far = official.original_inv_freq.detach().clone()
        if official.rope_type == "longrope":
            from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

            self.limit = int(config.rope_parameters["original_max_position_embeddings"])
            init = ROPE_INIT_FUNCTIONS["longrope"]
            self._far, _ = init(config, self._near.device, seq_len=self.limit + 1)

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (B, L, width of a head) in the dtype of `x`."""
        far = self.far.to(x.device)[:, None, None]
        frequencies = torch.where(far, self._far.to(x.device), self._near.to(x.device))
        angles = position_ids[..., None].float() * frequencies
        both = torch.cat([angles, angles], -1)
        return (both.cos() * self._scaling).to(x), (both.sin() * self._scaling).to(x)
