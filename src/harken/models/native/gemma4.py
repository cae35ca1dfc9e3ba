"""Gemma 4 with audio (google/gemma-4-E2B-it, -E4B-it): a Conformer, 25 tokens a second.

Its extractor silently truncates a clip at 30 s. Here a longer clip becomes several windows, each
between its own begin and end tokens; the larger checkpoints have no audio tower and are refused. As
in Gemma 3n each layer of the text model may take a vector of its own for a token's id: they are
concatenated to the embedding, and those of audio are those of padding. The image tower is not
loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from harken.errors import ModelError
from harken.models.native.base import Window
from harken.models.native.gemma3n import GemmaFamily


class Gemma4(GemmaFamily):
    """``Gemma4ForConditionalGeneration`` without its image tower."""

    name = "Gemma 4"
    types = ("gemma4",)
    model_name = "Gemma4ForConditionalGeneration"
    extractor_name = "Gemma4AudioFeatureExtractor"
    placeholder = "<|audio|>"
    turn_end = "<turn|>"
    unused: ClassVar[tuple[str, ...]] = ("model.vision_tower", "model.embed_vision")
    template = (
        "{{ '<bos>' }}"
        "{%- for message in messages -%}"
        "{{ '<|turn>' + message.role.replace('assistant', 'model') + '\n' }}"
        "{%- if message.content is string -%}{{ message.content }}"
        "{%- else -%}{%- for part in message.content -%}"
        "{%- if part.type == 'audio' -%}{{ '<|audio|>' }}"
        "{%- else -%}{{ part.text }}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}"
        "{{ '<turn|>\n' }}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|turn>model\n' }}{%- endif -%}"
    )

    @classmethod
    def config(cls, whole: Any) -> Any:
        """Without the image tower.

        Raises:
            ModelError: there is no audio tower either.
        """
        if whole.audio_config is None:
            raise ModelError(
                "this checkpoint has no audio tower",
                hint="Use a smaller one (E2B, E4B), which has one.",
            )
        whole.vision_config = None
        return whole

    def after_open(self, folder: Path, hf_tokenizer: Any) -> None:
        """Read the tokens that the folder's processor puts before and after a clip."""
        whole = self.model.config
        ends = hf_tokenizer.convert_ids_to_tokens([whole.boa_token_id, whole.eoa_token_index])
        self.around = (ends[0], ends[1])

    def tokens_of(self, samples: int) -> int:
        """Two convolutions of stride 2 over the frames that are entirely inside the clip."""
        frames = (samples - 1) // self.extractor.hop_length
        return int(-(-frames // 4))

    def encode_window(self, window: Window) -> Tensor:
        """The tower masks frames past the end of the clip."""
        like = self.decoder.get_input_embeddings().weight
        features = torch.from_numpy(window.features).to(like)[None]
        mask = torch.arange(features.shape[1], device=features.device)[None] < window.frames
        out = self.model.model.get_audio_features(features, mask)
        tokens: Tensor = out.pooler_output[out.attention_mask]
        return tokens

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (…) -> (…, width + layers * width of a layer's own vector)."""
        whole = self.model.config
        known = ids.masked_fill(ids == whole.audio_token_id, whole.text_config.pad_token_id)
        embedded: Tensor = self.decoder.get_input_embeddings()(known)
        if not self.layers[1]:
            return embedded
        layered = self.decoder.get_per_layer_inputs(known).flatten(-2)
        return torch.cat([embedded, layered], -1)
