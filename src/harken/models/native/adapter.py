"""LoRA adapters (Hu et al. 2021, arXiv 2106.09685) that are active only for prompts with audio.

Some classes were trained for audio with an adapter of their text model that is off for prompts
without audio. transformers loads it only with peft, switches it for a whole batch, and continues
silently where it is missing. Here it is read from its own files and applied by forward hooks, row
by row: the result of a prompt does not depend on its batch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harken.errors import ModelError
from harken.listed import listed
from harken.models.native.base import NativeFamily, Window
from harken.parsing import load_json

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"

_PLAIN = {"bias": "none", "use_dora": False, "modules_to_save": None, "fan_in_fan_out": False}
_FACTOR = re.compile(r"(?:.*\.)?(layers\.\d+\..*)\.lora_([AB])(?:\.[^.]+)?\.weight")


class AudioAdapter:
    """Adapters of the linear layers of one text model.

    Attributes:
        rows: rows of the batch for which it is on, (B,) of 0 and 1; None: off for all.
        layers: name of the layer -> A (rank, in) and B (out, rank).
        settings: content of ``adapter_config.json``.
    """

    def __init__(self, layers: dict[str, tuple[Tensor, Tensor]], settings: dict[str, Any]) -> None:
        """Use `read`."""
        self.rows: Tensor | None = None
        self.layers = layers
        self.settings = settings

    @staticmethod
    def read(folder: Path) -> AudioAdapter:
        """Read ``adapter_config.json`` and ``adapter_model.safetensors`` in peft's format.

        Raises:
            ModelError: a file is missing or damaged, or the adapter does more than add B A x.
        """
        from safetensors.torch import load_file

        try:
            settings = load_json(folder / CONFIG_FILE)
            tensors = load_file(folder / WEIGHTS_FILE)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"the adapter cannot be read: {error}",
                where=str(folder),
                hint=f"Copy {CONFIG_FILE} and {WEIGHTS_FILE} from the model's page.",
            ) from error
        unexpected = [
            key for key, value in _PLAIN.items() if settings.get(key, value) not in (value, [])
        ]
        halves: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            found = _FACTOR.fullmatch(name)
            if found is None:
                unexpected.append(name)
                continue
            halves.setdefault(found[1], {})[found[2]] = tensor
        unexpected += [name for name, pair in halves.items() if len(pair) < 2]
        if unexpected or not halves:
            names = listed(sorted(unexpected), 5) or "no layers"
            raise ModelError(
                f"the adapter has unsupported settings or tensors: {names}",
                where=str(folder),
                hint="Merge the adapter into the model with peft, and save the model.",
            )
        return AudioAdapter(
            {name: (pair["A"], pair["B"]) for name, pair in halves.items()}, settings
        )

    def attach(self, decoder: nn.Module) -> None:
        """Apply the adapters to the layers of `decoder`, in their device and dtype.

        Raises:
            ModelError: a layer is missing or has another size.
        """
        known = {n: part for n, part in decoder.named_modules() if isinstance(part, nn.Linear)}
        missing = [
            name
            for name, (down, up) in self.layers.items()
            if name not in known or known[name].weight.shape != (up.shape[0], down.shape[1])
        ]
        if missing:
            raise ModelError(
                f"the adapter is for other layers: {listed(sorted(missing), 5)}",
                hint="Use the adapter that belongs to this model.",
            )
        for name, (down, up) in self.layers.items():
            layer = known[name]
            pair = (down.to(layer.weight), up.to(layer.weight))
            self.layers[name] = pair
            layer.register_forward_hook(partial(self._add, name, self._scale(name, len(down))))

    def save(self, folder: Path) -> None:
        """Write the files of `read`."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"base_model.model.model.{name}.lora_{half}.weight": tensor.detach().contiguous()
            for name, pair in self.layers.items()
            for half, tensor in zip("AB", pair, strict=True)
        }
        save_file(tensors, folder / WEIGHTS_FILE)
        text = json.dumps(self.settings, indent=2, sort_keys=True)
        (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")

    def _scale(self, name: str, rank: int) -> float:
        """Alpha / rank, or alpha / sqrt(rank) (Kalajdzievski 2023, arXiv 2312.03732)."""
        own: Mapping[str, float] = self.settings.get("alpha_pattern") or {}
        alphas = [value for key, value in own.items() if re.fullmatch(rf"(.*\.)?{key}", name)]
        alpha = float(alphas[0] if alphas else self.settings["lora_alpha"])
        return alpha / (rank**0.5 if self.settings.get("use_rslora") else rank)

    def _add(
        self, name: str, scale: float, _: nn.Module, given: tuple[Tensor, ...], out: Tensor
    ) -> Tensor:
        """The output of the layer `name`, plus scale * B A x in the rows for which it is on.

        A method and not a closure, so that a deep copy of the model has an adapter of its own.
        """
        if self.rows is None:
            return out
        down, up = self.layers[name]
        more = nn.functional.linear(nn.functional.linear(given[0], down), up) * scale
        return out + more * self.rows.to(out).view(-1, *[1] * (out.ndim - 1))


class AdapterFamily(NativeFamily):
    """A family whose text model has an `AudioAdapter` for prompts with clips.

    The inputs are one wider than the text model: the last number of each token is 1 if its prompt
    has a clip. For decode steps it is stored on the KV cache.

    Attributes:
        adapter: None where it is merged into the weights, or not needed.
        audio_id: id of the placeholder.
    """

    adapter: AudioAdapter | None = None
    audio_id: int
    by_row = True

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (B, L) -> (B, L, width + 1): the embedding, and whether its row has a clip."""
        embedded = super().embed(ids)
        with_audio = (ids == self.audio_id).any(-1, keepdim=True).expand(ids.shape)
        return torch.cat([embedded, with_audio[..., None].to(embedded)], -1)

    def encode(self, windows: Sequence[Window]) -> Tensor:
        """Embeddings of `encode_windows` (tokens, width) as (tokens, width + 1)."""
        tokens = self.encode_windows(windows).to(self.like)
        return torch.cat([tokens, tokens.new_ones(len(tokens), 1)], -1)

    def encode_windows(self, windows: Sequence[Window]) -> Tensor:
        """Embeddings (tokens, width) of the windows of one clip, from tower and projector."""
        raise NotImplementedError

    def decode(self, inputs: Tensor, **options: Any) -> Any:
        """`NativeFamily.decode` with the adapter on in the rows that have a clip."""
        rows = inputs[..., -1].amax(1)
        past = options.get("past_key_values")
        if past is not None and past.get_seq_length():
            rows = torch.maximum(rows, past.with_audio)
        if self.adapter is not None:
            self.adapter.rows = rows if bool(rows.any()) else None
        out = super().decode(inputs[..., :-1], **options)
        if self.adapter is not None:
            self.adapter.rows = None
        if out.past_key_values is not None:
            out.past_key_values.with_audio = rows
        return out
