"""Frames of a frozen audio encoder, computed once for each clip and kept.

A clip is encoded alone and in evaluation mode, so its frames depend on nothing but the clip and the
encoder: whether they are read or computed again, the bytes are the same. The key of an entry holds
all they depend on (`KeptFrames.key`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from harken.audio.clip import Clip
from harken.audio.content import content_key
from harken.errors import ModelError
from harken.hashing import canonical, digest
from harken.models.engine.batch import AudioInput
from harken.models.engine.feature_store import FeatureStore
from harken.models.engine.net import LearnerNet

FORMAT = 1
"""Raised when the same weights give other frames: entries of another format are not read."""

STORAGE = {"exact": None, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""How frames are kept: as they are computed, or rounded to half the size of float32."""

Entry = Mapping[str, Tensor]


class KeptFrames:
    """The frames of one encoder in a store.

    Attributes:
        store: where they are.
        made: number of clips that this object has encoded.
        looked_up, missing: keys that `audio_input` looked for, and those that it did not find.
    """

    def __init__(
        self,
        net: LearnerNet,
        store: FeatureStore,
        encoder: Callable[[], str],
        storage: str,
        *,
        projected: bool,
    ) -> None:
        """For as long as the weights of the encoder are unchanged.

        Args:
            net: its encoder is frozen.
            store: where frames are kept.
            encoder: gives the hash of the weights and settings that decide the frames; called
                when the first clip is used.
            storage: a name in `STORAGE`.
            projected: keep what the projector makes of the frames; it is frozen too.
        """
        import transformers

        self.store = store
        self.made = 0
        self.looked_up: set[str] = set()
        self.missing: set[str] = set()
        self._net = net
        self._projected = projected
        self._storage = STORAGE[storage]
        self._name = storage
        device = net.device.type
        # Read here and not in `key`: a thread of the loader has a number of its own.
        threads = torch.get_num_threads() if device == "cpu" else 0
        self._versions = [torch.__version__, transformers.__version__]
        self._device, self._threads = device, threads
        self._encoder = encoder
        self._made_by = [FORMAT, storage, projected, self._versions, device, threads]

    def key(self, clip: Clip) -> str:
        """The key of a clip's entry.

        A hash of the clip's content, the encoder's weights, settings and code, the kind of storage,
        and of what rounds differently: the releases of torch and transformers, the kind of device,
        and the number of threads.
        """
        return digest(canonical([content_key(clip), self._encoder_hash, *self._made_by]), 40)

    def missing_text(self) -> str:
        """How many clips were looked for in vain, and what kept frames must agree in."""
        threads, (of_torch, of_transformers) = self._threads, self._versions
        cpu = f", {threads} thread{'s' * (threads != 1)} (OMP_NUM_THREADS)" if threads else ""
        return (
            f"the frames of {len(self.missing):,} of {len(self.looked_up):,} clips are not kept: "
            "each is encoded by the step that needs it first. They are found where all of this is "
            f"the same: encoder and its code, {self._name}, torch {of_torch}, "
            f"transformers {of_transformers}, {self._device}{cpu}"
        )

    @cached_property
    def _encoder_hash(self) -> str:
        return self._encoder()

    def audio_input(self, clip: Clip, load: Callable[[], AudioInput]) -> AudioInput:
        """The encoder input of a clip. One whose frames are kept is not loaded.

        Args:
            clip: the clip.
            load: loads its features.
        """
        key = self.key(clip)
        found = self.store.get(key)
        self.looked_up.add(key)
        if found is None:
            self.missing.add(key)
            return replace(load(), kept=key)
        tokens = self._net.tokens_of_frames(found)
        return AudioInput(lambda: load().features, tokens, clip.key, kept=key)

    def entry(self, audio_input: AudioInput) -> Entry:
        """The frames of a clip with a key, read or computed and kept, on the device of the net."""
        found = self.store.get(audio_input.kept)
        if found is None:
            made = self._stored(encoded_alone(self._net, audio_input, self._projected))
            self.store.put(audio_input.kept, made)
            self.made += 1
            found = made
        like = self._net.frames_like()
        return {
            name: tensor.to(like) if tensor.is_floating_point() else tensor.to(like.device)
            for name, tensor in found.items()
        }

    def tokens(self, audio_inputs: Sequence[AudioInput]) -> list[Tensor]:
        """Audio tokens (n, width of the LM) of each clip, with the gradient of the projector.

        Inputs without a key, such as augmented ones, go through the encoder.
        """
        kept = [i for i, one in enumerate(audio_inputs) if one.kept]
        others = [i for i, one in enumerate(audio_inputs) if not one.kept]
        found: dict[int, Tensor] = {}
        if kept:
            entries = [self.entry(audio_inputs[i]) for i in kept]
            found |= zip(kept, self._net.project_frames(entries), strict=True)
        if others:
            features = [audio_inputs[i].features for i in others]
            found |= zip(others, self._net.encode(features), strict=True)
        return [found[i] for i in range(len(audio_inputs))]

    def _stored(self, frames: Entry) -> dict[str, Tensor]:
        """`frames` rounded as they are kept."""
        return {name: self._rounded(tensor) for name, tensor in frames.items()}

    def _rounded(self, tensor: Tensor) -> Tensor:
        if self._storage is None or not tensor.is_floating_point():
            return tensor
        rounded = tensor.to(self._storage)
        if bool(torch.isfinite(tensor).all()) and not bool(torch.isfinite(rounded).all()):
            largest = float(tensor.abs().max())
            raise ModelError(
                f"frames of the audio encoder reach {largest:.3g}, which {self._name} cannot hold",
                hint="Keep them as bfloat16, or exact.",
            )
        return rounded


@torch.no_grad()
def encoded_alone(net: LearnerNet, audio_input: AudioInput, projected: bool) -> dict[str, Tensor]:
    """The entry of one clip, by the encoder in evaluation mode (and the projector, if kept too)."""
    parts: list[Any] = [net.audio_encoder, net.projector] if projected else [net.audio_encoder]
    before = [(module, module.training) for part in parts for module in part.modules()]
    for part in parts:
        part.eval()
    try:
        return net.encode_frames(audio_input.features, projected=projected)
    finally:
        for module, training in before:
            module.training = training
