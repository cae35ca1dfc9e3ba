"""Gemma 3n (google/gemma-3n-E2B-it, -E4B-it): a USM Conformer, 188 soft tokens a window.

Every window becomes 188 tokens, however short the sound in it: 6.25 tokens a second, and behind
them the embedding that the class keeps for silence. 30 s is what 188 tokens hold; its extractor
cuts there without a word. Here a longer clip becomes several windows of 188 tokens, each between
its own marks: ``<start_of_audio> … <end_of_audio><start_of_audio> … <end_of_audio>``.

- The class is opened without its image tower, which wants timm and pillow; nothing else is missing.
- A token's input is more than its embedding: each layer of the text model adds a vector of its own
  for the token's id. They ride along behind the embedding.
- Ids behind the text vocabulary (``<end_of_audio>`` is one) are embedded by the audio part.
- Beside a longer clip the tower's first convolutions would see the padding: each clip is encoded by
  itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from harken.models.engine.features import Array
from harken.models.native.base import NativeFamily, Scaled, Window

_TOKEN_S = 0.16  # two convolutions of stride 2 over frames of 10 ms, and every fourth is kept


class GemmaFamily(NativeFamily):
    """A family whose text model takes a vector for each of its layers beside a token's embedding.

    Its windows hold 30 s, and each stands between marks of its own.
    """

    extracts = "Gemma3nAudioFeatureExtractor"
    after_clip = ""
    by_mask = False  # some layers read through a sliding window
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

    def window(self, wave: Array, place: int) -> Window:
        """Log-mel (T, 128) of a frame every 10 ms; the last may reach past the sound."""
        made = self.extractor([wave], truncation=False, return_tensors="np")
        features = np.asarray(made["input_features"][0], np.float32)
        return Window(features, int(made["input_features_mask"][0].sum()), place)

    def tokens(self, samples: int) -> int:
        """Those of all windows, and two marks between each two of them."""
        return super().tokens(samples) + 2 * (len(self.cut(samples)) - 1)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Each window by itself, the marks between them, and what each layer is given."""
        whole = self.model.config
        end = getattr(whole, "eoa_token_id", None) or whole.eoa_token_index
        ids = torch.tensor([end, whole.boa_token_id, whole.audio_token_id], device=self.device)
        marks = self.embed(ids)
        rows: list[Tensor] = []
        for window in windows:
            tokens = self.encode_windows(window).to(marks)
            rows += [marks[:2]] if rows else []
            rows.append(torch.cat([tokens, marks[2:, self.width :].expand(len(tokens), -1)], 1))
        return torch.cat(rows)

    def encode_windows(self, window: Window) -> Tensor:
        """Embeddings (tokens, width) of one window, by tower and projector."""
        raise NotImplementedError

    def decode(self, inputs: Tensor, **reading: Any) -> Any:
        """Takes apart again what `embed` put together; see `NativeFamily.decode`."""
        layered = inputs[..., self.width :]
        if layered.shape[-1]:
            reading["per_layer_inputs"] = layered.reshape(*layered.shape[:-1], *self.layers)
        return self.decoder(inputs_embeds=inputs[..., : self.width], **reading)


class Gemma3n(GemmaFamily):
    """``Gemma3nForConditionalGeneration`` without its image tower."""

    name = "Gemma 3n"
    types = ("gemma3n",)
    opens = "Gemma3nForConditionalGeneration"
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
    def built(cls) -> Any:
        """The class with no image tower: its ``forward`` is as it was."""
        return _without_eyes()

    def tokens_of(self, samples: int) -> int:
        """As many for a moment as for 30 s."""
        return int(self._soft)

    def encode_windows(self, window: Window) -> Tensor:
        """Filled up with the class's own embedding of silence."""
        quiet = torch.tensor([[self.model.model.vocab_size - 1]], device=self.device)
        silence = self.projector(input_ids=quiet)[0]  # type: ignore[misc]
        features = torch.from_numpy(window.features).to(silence)[None]
        hidden = torch.zeros(features.shape[:2], dtype=torch.bool, device=features.device)
        hidden[:, window.frames :] = True
        heard = self.model.model.get_audio_features(features, hidden)
        tokens = torch.where(heard.audio_mel_mask[0, :, None], silence, heard.pooler_output[0])
        return torch.cat([tokens, silence.expand(self._soft - len(tokens), -1)])

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (…) -> (…, width + layers * width of a layer's own vector)."""
        audio: Any = self.projector
        embedded = self.decoder.get_input_embeddings()(ids)
        last = audio.vocab_offset + audio.vocab_size - 1
        heard = ids >= audio.vocab_offset
        hard = audio(input_ids=torch.where(heard, ids, last)).to(embedded)
        layered = self.decoder.get_per_layer_inputs(ids).flatten(-2)
        return torch.cat([torch.where(heard[..., None], hard, embedded), layered], -1)


def _without_eyes() -> Any:
    """``Gemma3nForConditionalGeneration`` whose inner model is made without its image tower."""
    from transformers import AutoModel
    from transformers.models.gemma3n import modeling_gemma3n as its

    class Ears(its.Gemma3nModel):  # type: ignore[misc]
        def __init__(self, config: Any) -> None:
            its.Gemma3nPreTrainedModel.__init__(self, config)
            text = config.text_config
            self.vocab_size = text.vocab_size
            self.vocab_size_per_layer_input = text.vocab_size_per_layer_input
            self.language_model = AutoModel.from_config(text)
            self.audio_tower = AutoModel.from_config(config.audio_config)
            self.embed_vision = its.Gemma3nMultimodalEmbedder(config.vision_config, text)
            self.embed_audio = its.Gemma3nMultimodalEmbedder(config.audio_config, text)
            self.post_init()

    class Gemma3nForConditionalGeneration(its.Gemma3nForConditionalGeneration):  # type: ignore[misc]
        _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"vision_tower\."]

        def __init__(self, config: Any) -> None:
            its.Gemma3nPreTrainedModel.__init__(self, config)
            self.model = Ears(config)
            text = config.text_config
            self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
            self.post_init()

    return Gemma3nForConditionalGeneration
