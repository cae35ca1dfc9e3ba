"""Which learners keep the frames of their audio encoder on disk, and under which hash."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from harken.audio.clip import RATE_HZ
from harken.errors import ConfigError, ModelError
from harken.hashing import canonical, digest
from harken.models.code_hash import code_hash
from harken.models.engine.feature_store import FeatureStore, current_store
from harken.models.engine.features import Array
from harken.models.engine.kept import STORAGE, KeptFrames
from harken.models.learner import Learner, tensor_bytes
from harken.models.native.base import NativeFamily
from harken.models.native.model import NativeModel
from harken.models.native.split import projector_input

OFF = "off"
"""Nothing is kept: the encoder runs in every step."""

CHOICES = (*STORAGE, OFF)
"""The values of the setting ``features``."""


def keep_frames(
    learner: Learner, storage: str = "exact", store: FeatureStore | None = None
) -> KeptFrames | None:
    """The kept frames of a learner whose audio encoder is frozen; None where nothing is kept.

    Nothing is kept with `OFF`, of an encoder that is trained, and of the few native classes that
    cannot be split between tower and projector while the projector is trained, or whose audio
    tokens hold values of the text model; nor where adapters would be part of what is kept.

    Args:
        learner: with its modules frozen as they will be.
        storage: one of `CHOICES`.
        store: where; the one of the process if not given.

    Raises:
        ConfigError: no such kind of storage.
    """
    if storage not in CHOICES:
        raise ConfigError(f"features is {storage!r} (accepted: {', '.join(CHOICES)})")
    net = learner.net
    weights = list(net.audio_encoder.parameters())
    if storage == OFF or not weights or not _frozen(net.audio_encoder):
        return None
    native = isinstance(learner, NativeModel)
    projected = native and _frozen(net.projector)
    if isinstance(learner, NativeModel) and not _can_keep(learner, projected):
        return None
    parts = ("audio_encoder.", "projector.") if projected else ("audio_encoder.",)
    names = [name for name, _ in net.named_parameters() if name.startswith(parts)]
    if any("lora_" in name for name in names):  # a reference may be the model without them
        return None
    encoder = partial(encoder_hash, learner, parts)
    return KeptFrames(net, store or current_store(), encoder, storage, projected=projected)


@contextmanager
def frames_kept(learner: Learner, storage: str = "exact") -> Iterator[KeptFrames | None]:
    """For a block, the learner reads the frames of its clips from the store; see `keep_frames`."""
    before = learner.engine.kept
    learner.engine.kept = kept = keep_frames(learner, storage)
    try:
        yield kept
    finally:
        learner.engine.kept = before


def encoder_hash(learner: Learner, parts: tuple[str, ...] = ("audio_encoder.",)) -> str:
    """A hash of the weights whose names begin with `parts`, and of how clips become features.

    The code that does it counts too (`harken.models.code_hash`).
    """
    config = learner.config
    settings = [config.get("encoder"), config.get("family"), config.get("attention")]
    encoder = learner.net.audio_encoder
    found = [type(encoder).__name__, canonical(settings)]
    kinds: list[type] = [type(module) for module in encoder.modules()]
    if isinstance(learner, NativeModel):
        found.append(learner.family.feature_settings())
        kinds.append(type(learner.family))
    found.append(code_hash(*dict.fromkeys(kinds)))
    if window_s := getattr(learner.net.projector, "window_s", 0.0):  # long clips are divided
        found.append(f"windows of {window_s:g} s")
    for name, tensor in sorted(learner.net.state_dict().items()):
        if name.startswith(parts):
            data = digest(tensor_bytes(tensor), 32)
            found.append(f"{name} {tensor.dtype} {tuple(tensor.shape)} {data}")
    return digest("\n".join(found), 40)


def _frozen(part: nn.Module) -> bool:
    return not any(parameter.requires_grad for parameter in part.parameters())


def _can_keep(learner: NativeModel, projected: bool) -> bool:
    """Whether nothing but frozen weights decides what would be kept: tried on a tone.

    It is of 3.2 s, or of one window where that is shorter. Text that a family writes among the
    audio tokens (times, say) need not stand in so short a clip: the family declares it.
    """
    import numpy as np

    family = learner.family
    seconds = min(3.2, family.window_s)
    wave = np.sin(np.arange(int(seconds * RATE_HZ)) * 0.2).astype(np.float32)
    if family.text_in_audio or _looks_up_text(family, wave):
        return False
    if not projected:
        try:
            projector_input(family, family.windows(wave))
        except ModelError:
            return False
        return True
    tokens = learner.net.encode_frames(wave, projected=True)["tokens"]
    return bool((tokens[:, family.like.shape[1] :] == 1).all())


@torch.no_grad()
def _looks_up_text(family: NativeFamily, wave: Array) -> bool:
    """Whether embeddings of the text model are looked up while a clip (n,) is encoded."""
    calls: list[object] = []
    table = family.decoder.get_input_embeddings()
    handle = table.register_forward_hook(lambda *call: calls.append(call[0]))
    try:
        family.encode(family.windows(wave))
    finally:
        handle.remove()
    return bool(calls)
