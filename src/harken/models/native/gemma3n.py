"""Gemma 3n (google/gemma-3n-E2B-it, -E4B-it): a USM Conformer, 188 soft tokens a window.

Every window becomes 188 tokens, however short it is: 6.25 tokens a second, then the class's
embedding of silence. 188 tokens are 30 s, where its extractor silently truncates. Here a longer
clip becomes several windows of 188 tokens, each between its own begin and end tokens:
``<start_of_audio> … <end_of_audio><start_of_audio> … <end_of_audio>``.

- The class is opened without its image tower, which needs timm and pillow.
- A token's input is more than its embedding: each layer of the text model adds a vector of its own
  for the token's id. They are concatenated to the embedding.
- Ids above the text vocabulary (``<end_of_audio>`` is one) are embedded by the audio part.
- In a batch with a longer clip the tower's first convolutions would reach into the padding: each
  clip is encoded alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from harken.models.engine.features import Array
from harken.models.native.base import NativeFamily, Scaled, Window
from harken.models.pretrained import build_model

_TOKEN_S = 0.16  # two convolutions of stride 2 over frames of 10 ms, then every fourth frame


class GemmaFamily(NativeFamily):
    """A family whose text model takes a vector for each layer beside a token's embedding.

    Its windows are 30 s long, each between its own begin and end tokens.
    """

    extractor_name = "Gemma3nAudioFeatureExtractor"
    after_clip = ""
    by_mask = False  # some layers have a sliding window
    min_samples = 640

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        inner = model.model
        self.tower = inner.audio_tower
        self.projector = inner.embed_audio
        self.decoder = inner.language_model
        config = self.decoder.config
        self.head = Scaled(model.lm_head, cap=config.final_logit_softcapping)
        self.width = config.hidden_size
        self.layers = (config.num_hidden_layers, config.hidden_size_per_layer_input)

    def window(self, wave: Array, index: int) -> Window:
        """Log-mel (T, 128), a frame every 10 ms; the last may reach past the end of the clip."""
        made = self.extractor([wave], truncation=False, return_tensors="np")
        features = np.asarray(made["input_features"][0], np.float32)
        return Window(features, int(made["input_features_mask"][0].sum()), index)

    def tokens(self, samples: int) -> int:
        """Those of all windows, and an end and a begin token between two windows."""
        return super().tokens(samples) + 2 * (len(self.bounds(samples)) - 1)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Each window alone, end and begin tokens between them, and the per-layer vectors."""
        whole = self.model.config
        end = getattr(whole, "eoa_token_id", None) or whole.eoa_token_index
        ids = torch.tensor([end, whole.boa_token_id, whole.audio_token_id], device=self.device)
        special = self.embed(ids)
        rows: list[Tensor] = []
        for window in windows:
            tokens = self.encode_window(window).to(special)
            rows += [special[:2]] if rows else []
            rows.append(torch.cat([tokens, special[2:, self.width :].expand(len(tokens), -1)], 1))
        return torch.cat(rows)

    def encode_window(self, window: Window) -> Tensor:
        """Embeddings (tokens, width) of one window, from tower and projector."""
        raise NotImplementedError

    def decode(self, inputs: Tensor, **options: Any) -> Any:
        """`NativeFamily.decode` after splitting embedding and per-layer vectors."""
        layered = inputs[..., self.width :]
        if layered.shape[-1]:
            options["per_layer_inputs"] = layered.reshape(*layered.shape[:-1], *self.layers)
        return self.decoder(inputs_embeds=inputs[..., : self.width], **options)


class Gemma3n(GemmaFamily):
    """``Gemma3nForConditionalGeneration`` without its image tower."""

    name = "Gemma 3n"
    types = ("gemma3n",)
    model_name = "Gemma3nForConditionalGeneration"
    placeholder = "<audio_soft_token>"
    turn_end = "<end_of_turn>"
    around = ("\n\n<start_of_audio>", "<end_of_audio>\n\n")
    template = (
        "{{ '<bos>' }}"
        "{%- set lead = namespace(text='') -%}"
        "{%- for message in messages -%}"
        "{%- if message.role == 'system' -%}"
        "{%- set lead.text = message.content + '\n\n' -%}"
        "{%- else -%}"
        "{{ '<start_of_turn>' + message.role.replace('assistant', 'model') + '\n' + lead.text }}"
        "{%- set lead.text = '' -%}"
        "{%- if message.content is string -%}{{ message.content }}"
        "{%- else -%}{%- for part in message.content -%}"
        "{%- if part.type == 'audio' -%}{{ '<audio_soft_token>' }}"
        "{%- else -%}{{ part.text }}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}"
        "{{ '<end_of_turn>\n' }}"
        "{%- endif -%}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
    )

    def __init__(self, model: Any, extractor: Any) -> None:
        super().__init__(model, extractor)
        self._soft = model.config.audio_soft_tokens_per_image
        self.window_s = float(int(self._soft * _TOKEN_S))

    @classmethod
    def model_class(cls) -> Any:
        """The class without image tower; its ``forward`` is unchanged."""
        return _without_image_tower()

    def tokens_of(self, samples: int) -> int:
        """The same number for every window of up to 30 s."""
        return int(self._soft)

    def encode_window(self, window: Window) -> Tensor:
        """Padded with the class's own embedding of silence."""
        silence_id = torch.tensor([[self.model.model.vocab_size - 1]], device=self.device)
        silence = self.projector(input_ids=silence_id)[0]  # type: ignore[misc]
        features = torch.from_numpy(window.features).to(silence)[None]
        padding = torch.zeros(features.shape[:2], dtype=torch.bool, device=features.device)
        padding[:, window.frames :] = True
        out = self.model.model.get_audio_features(features, padding)
        tokens = torch.where(out.audio_mel_mask[0, :, None], silence, out.pooler_output[0])
        return torch.cat([tokens, silence.expand(self._soft - len(tokens), -1)])

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (…) -> (…, width + layers * width of a layer's own vector)."""
        audio: Any = self.projector
        embedded = self.decoder.get_input_embeddings()(ids)
        last = audio.vocab_offset + audio.vocab_size - 1
        is_audio = ids >= audio.vocab_offset
        own = audio(input_ids=torch.where(is_audio, ids, last)).to(embedded)
        layered = self.decoder.get_per_layer_inputs(ids).flatten(-2)
        return torch.cat([torch.where(is_audio[..., None], own, embedded), layered], -1)


def _without_image_tower() -> Any:
    """``Gemma3nForConditionalGeneration`` whose inner model has no image tower."""
    from transformers import AutoModel
    from transformers.models.gemma3n import modeling_gemma3n as its

    class AudioTextModel(its.Gemma3nModel):  # type: ignore[misc]
        def __init__(self, config: Any) -> None:
            its.Gemma3nPreTrainedModel.__init__(self, config)
            text = config.text_config
            self.vocab_size = text.vocab_size
            self.vocab_size_per_layer_input = text.vocab_size_per_layer_input
            self.language_model = build_model(AutoModel, text)
            self.audio_tower = build_model(AutoModel, config.audio_config)
            self.embed_vision = its.Gemma3nMultimodalEmbedder(config.vision_config, text)
            self.embed_audio = its.Gemma3nMultimodalEmbedder(config.audio_config, text)
            self.post_init()

    class Gemma3nForConditionalGeneration(its.Gemma3nForConditionalGeneration):  # type: ignore[misc]
        _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"vision_tower\."]

        def __init__(self, config: Any) -> None:
            its.Gemma3nPreTrainedModel.__init__(self, config)
            self.model = AudioTextModel(config)
            text = config.text_config
            self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
            self.post_init()

    return Gemma3nForConditionalGeneration
