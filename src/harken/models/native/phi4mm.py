"""Phi-4-multimodal (Abouelenin et al. 2025, arXiv 2503.01743): a Conformer, and a LoRA to hear by.

12.5 tokens a second. The tower sees a clip whole up to 40 s and cuts a longer one itself. Its mask
does not mask (a 1 is added where a frame may be read, and a 0 where not), so beside a longer clip a
short one would hear the padding: each clip is encoded by itself.

- The text model hears by the adapter in ``speech-lora`` and answers texts without it. transformers
  loads it only when it is told to. A folder without one is refused, unless its file
  ``config.json`` says ``"speech_lora": "merged"``.
- The class reads up to 4096 tokens with one set of rotary frequencies and more with another, the
  longest row deciding for its batch. Here every row has its own; when a reply crosses the turn, all
  that was said before is read again, as the class's ``generate`` does. (The choices of one question
  are read together, and the longest decides for them.)
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
from harken.models.engine.features import Array
from harken.models.native.adapter import CONFIG_FILE, WEIGHTS_FILE, AdapterFamily, AudioAdapter
from harken.models.native.base import Window, flat

FOLDER = "speech-lora"


class Phi4Multimodal(AdapterFamily):
    """``Phi4MultimodalForCausalLM``."""

    name = "Phi-4-multimodal"
    types = ("phi4_multimodal",)
    opens = "Phi4MultimodalForCausalLM"
    extracts = "Phi4MultimodalFeatureExtractor"
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

    def settle(self, folder: Path, hf_tokenizer: Any) -> None:
        """Read how the folder spells the placeholder, and put the adapter beside the text model.

        Raises:
            ModelError: there is no adapter.
        """
        self.placeholder = hf_tokenizer.convert_ids_to_tokens(self.audio_id)
        if (folder / FOLDER).is_dir():
            self.adapter = AudioAdapter.read(folder / FOLDER)
            self.adapter.attach(self.decoder)
        elif getattr(self.model.config, "speech_lora", None) != "merged":
            raise ModelError(
                "the model hears by an adapter, and the folder brings none",
                where=str(folder / FOLDER / WEIGHTS_FILE),
                hint=f"Copy {FOLDER} from the model's page; if it is merged into the weights, "
                'write "speech_lora": "merged" into config.json.',
            )

    def save(self, folder: Path, state: dict[str, Tensor] | None = None) -> None:
        """Model, extractor and adapter."""
        super().save(folder, state)
        if self.adapter is not None:
            self.adapter.save(folder / FOLDER)

    def messages(self, system: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Its templates know texts only: the placeholder stands in them."""
        return flat(super().messages(system, blocks), self.placeholder)

    def window(self, wave: Array, place: int) -> Window:
        """Log-mel (T, 80) of frames of 25 ms every 10 ms; what fills no frame is left out."""
        made = self.extractor(np.array(wave), sampling_rate=RATE_HZ, return_tensors="np")
        features = np.asarray(made["audio_input_features"][0], np.float32)
        return Window(features, len(features), place)

    def tokens_of(self, samples: int) -> int:
        """One for every begun eight frames."""
        frames = (samples - self.extractor.win_length) // self.extractor.hop_length + 1
        return int(-(-frames // self.extractor.audio_compression_rate))

    def encode_windows(self, windows: Sequence[Window]) -> Tensor:
        """Each window by itself, by the half of the projector that is for sound alone."""
        between: Any = self.projector
        rows = []
        for window in windows:
            features = torch.from_numpy(window.features).to(between.up_proj_for_speech.weight)
            frames = between.up_proj_for_speech(between.encoder(features[None], None))
            rows.append(between.down_proj_for_speech(nn.functional.gelu(frames))[0])
        return torch.cat(rows)

    def embed(self, ids: Tensor) -> Tensor:
        """As `AdapterFamily.embed`, with one number in front: 1 if the row is beyond the turn."""
        length = (ids != self.model.config.pad_token_id).sum(-1, keepdim=True)
        far = (length > self.rotary.turn).expand(ids.shape)
        embedded = super().embed(ids)
        return torch.cat([far[..., None].to(embedded), embedded], -1)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """As `AdapterFamily.encode`, with a 0 in front."""
        tokens = super().encode(windows)
        return torch.cat([tokens.new_zeros(len(tokens), 1), tokens], -1)

    def decode(self, inputs: Tensor, **reading: Any) -> Any:
        """As `AdapterFamily.decode`, each row by its own set of frequencies."""
        past = reading.get("past_key_values")
        mask = reading.get("attention_mask")
        told = [inputs]
        if past is None or not past.get_seq_length():
            self.rotary.far = inputs[..., 0].amax(1) > 0
        elif mask is not None:
            told = [*past.told, inputs]
            self.rotary.far = mask.sum(1) > self.rotary.turn
            if bool((self.rotary.far != past.far).any()):
                reading["past_key_values"] = None
                reading["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
                inputs = torch.cat(told, 1)
        out = super().decode(inputs[..., 1:], **reading)
        if out.past_key_values is not None:
            out.past_key_values.told = told
            out.past_key_values.far = self.rotary.far
        return out


class Rotary(nn.Module):
    """Rotary angles (Su et al. 2021, arXiv 2104.09864) of which each row has its own set.

    The class's own module takes one set for a whole batch, by its longest row, and writes it into a
    buffer, so that the weights look changed after every line.

    Attributes:
        turn: tokens up to which the first set is used.
        far: which rows (B,) are beyond it.
    """

    def __init__(self, theirs: Any, config: Any) -> None:
        super().__init__()
        self.turn = sys.maxsize
        self.far = torch.zeros(1, dtype=torch.bool)
        self._scaling = theirs.attention_scaling
        self._near = self._far = theirs.original_inv_freq.detach().clone()
        if theirs.rope_type == "longrope":
            from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

            self.turn = int(config.rope_parameters["original_max_position_embeddings"])
            made = ROPE_INIT_FUNCTIONS["longrope"]
            self._far, _ = made(config, self._near.device, seq_len=self.turn + 1)

    def forward(self, x: Tensor, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (B, L, width of a head) in the type of `x`."""
        far = self.far.to(x.device)[:, None, None]
        steps = torch.where(far, self._far.to(x.device), self._near.to(x.device))
        angles = position_ids[..., None].float() * steps
        whole = torch.cat([angles, angles], -1)
        return (whole.cos() * self._scaling).to(x), (whole.sin() * self._scaling).to(x)
