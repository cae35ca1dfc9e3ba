"""Composed models: audio encoder -> projector -> causal language model, from parts by name.

Audio tokens replace the embeddings of placeholders in the language model's input, for any number of
clips anywhere in the prompt (as in LTU, SALMONN, Qwen-Audio). A saved model is a folder::

    tokenizer.json      the tokenizer, special tokens included
    model.safetensors   tensors by name (audio_encoder.…, projector.…, lm.…); those of pretrained
                        parts only if they were changed (`harken.models.bases`)
    harken-model.json   written last: the configuration, and the hash of the weights
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from harken import files
from harken.audio.clip import Clip
from harken.errors import ConfigError, ModelError
from harken.hashing import canonical, digest
from harken.models.base import PromptStyle
from harken.models.bases import Base, changed, completed
from harken.models.composed.base_samples import found_bases
from harken.models.composed.base_tensors import base_tensors
from harken.models.composed.build import build_net, join
from harken.models.composed.chat import chat_tokenizer, open_chat, template_of
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.encoders.open import (
    inner_encoder,
    is_fresh,
    is_name,
    open_encoder,
    split_encoders,
)
from harken.models.composed.encoders.registry import audio_encoder_for
from harken.models.composed.lm_init import apply_lm_init
from harken.models.composed.lms.registry import LMS
from harken.models.composed.long_audio import WindowedFeatures
from harken.models.composed.net import ComposedNet
from harken.models.composed.presets import PRESETS, mimetic_init, preset_config, preset_shape
from harken.models.composed.projectors.memory import MemoryProjector
from harken.models.composed.projectors.registry import projector_settings
from harken.models.composed.transformers_parts import plain_config
from harken.models.engine.batch import AudioInput, PromptTokenizer
from harken.models.engine.features import FeatureCache
from harken.models.engine.lora_settings import parse_lora
from harken.models.engine.tokenizer import FILE as TOKENIZER_FILE
from harken.models.engine.tokenizer import TextTokenizer
from harken.models.learner import FORMAT, Learner, cast, read_saved
from harken.models.pretrained import find_folder
from harken.models.target import read_target
from harken.parsing import regular_bytes

WEIGHTS_FILE = "model.safetensors"
TINY_STYLE = PromptStyle(letters=False, mark_clips=True, hide_implied=True)

_features = FeatureCache()


@dataclass(frozen=True, slots=True)
class ComposedSettings:
    """How a saved model is opened, as in ``FOLDER?device=cuda&dtype=bfloat16``.

    Attributes:
        device: ``cpu``, ``cuda``, ``cuda:1``, ….
        dtype: ``float32``, ``bfloat16``, ``float16``; as saved if empty.
        remember_mb: size of the cache of audio tokens, in MiB.
        copy_bases: saved again, it holds the unchanged weights of its pretrained parts too.
        lora: adapters to add, as ``lm:16`` (`harken.models.engine.lora_settings`).
    """

    device: str = "cpu"
    dtype: str = ""
    remember_mb: int = 512
    copy_bases: bool = False
    lora: str = ""


class ComposedModel(Learner):
    """A `Learner` joined from parts; use `preset`, `compose`, `compose_pretrained` or `load`."""

    saved_kind = "composed"
    net: ComposedNet

    def __init__(
        self, net: ComposedNet, tokenizer: TextTokenizer, config: Mapping[str, Any]
    ) -> None:
        style = PromptStyle(**config["style"])
        super().__init__(net, tokenizer, config, name=str(config["name"]), style=style)
        encoder, lm, projector = net.audio_encoder, net.lm, net.projector
        self._window_s = projector.window_s if isinstance(projector, MemoryProjector) else 0.0
        if self._window_s > encoder.limit_s:
            raise ConfigError(
                f"window_s is {self._window_s:g} and the encoder takes {encoder.limit_s:g} s",
                hint="Use a shorter window.",
            )
        self.augmentable = encoder.augmentable
        self._kind = f"{encoder.name} {digest(canonical(config['encoder']))}"
        options: dict[str, Any] = {
            "audio_input": self.audio_input,
            "context": int(getattr(lm.config, "max_position_embeddings", 0) or 1 << 20),
            "max_clip_number": config["projector"].get("clip_numbers", 0),
        }
        chat = config.get("chat")
        self.packs_questions = not chat
        self.prompt_tokenizer = (
            chat_tokenizer(tokenizer, chat, **options)
            if chat
            else PromptTokenizer(tokenizer, **options)
        )

    @staticmethod
    def preset(
        name: str, texts: Iterable[str] = (), seed: int = 0, **changes: Any
    ) -> ComposedModel:
        """A preset with fresh weights.

        Args:
            name: ``harken-tiny`` (or ``harken-mini``, for tests).
            texts: questions, choices and answers: the tokenizer is trained on them.
            seed: of the initial weights.
            changes: values of `harken.models.composed.shape.PresetShape` to use instead.
        """
        shape = preset_shape(name, changes)
        usual = [f"clip {i}:" for i in range(1, 9)] + ["- yes", "- no", "0 1 2 3 4 5 6 7 8"]
        known = sorted({*texts})
        tokenizer = TextTokenizer.train([*known, *usual], shape.vocabulary)
        style = replace(TINY_STYLE, question_first=shape.question_first)
        config = preset_config(shape, tokenizer) | {"name": name, "style": asdict(style)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = ComposedModel(build_net(config), tokenizer, config)
        if shape.mimetic and shape.lm in ("llama", "qwen3"):
            mimetic_init(fresh.net.lm, shape.mimetic)
        if shape.pretrained_lm:
            apply_lm_init(fresh, known)
        return fresh

    @staticmethod
    def compose(
        encoder: nn.Module,
        lm: Any,
        tokenizer: TextTokenizer,
        *,
        projector: str = "mlp",
        pool: int = 4,
        name: str = "composed",
        style: PromptStyle | None = None,
        lm_kind: str = "causal",
        chat: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> ComposedModel:
        """Compose any known audio encoder and any causal language model of transformers.

        Args:
            encoder: an `AudioEncoder`, or an encoder of transformers that one of them serves.
            lm: a causal language model; its embedding is enlarged for the special tokens if
                necessary.
            tokenizer: its tokenizer.
            projector: a name in `harken.models.composed.projectors.registry.PROJECTORS`, with
                settings if there are any (``window-qformer?window=17``).
            pool: encoder frames in one token, where the projector has this setting.
            name: for display.
            style: how prompts are written; the defaults of `PromptStyle` if not given.
            lm_kind: a name in `harken.models.composed.lms.registry.LMS`: the class that builds
                `lm` when the model is opened again.
            chat: settings of `harken.models.composed.chat.open_chat`; None: prompts are plain
                text between tokens of harken's own.
            seed: of the projector's initial weights.
        """
        options = projector_settings(projector, pool)
        audio_encoder = audio_encoder_for(encoder)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if tokenizer.size > lm.get_input_embeddings().num_embeddings:
                lm.resize_token_embeddings(tokenizer.size)
            config: dict[str, Any] = {
                "name": name,
                "style": asdict(style or PromptStyle()),
                "encoder": audio_encoder.settings,
                "projector": options,
                "lm": {"kind": lm_kind, "config": plain_config(lm.config)},
                "lora": None,
                "chat": dict(chat) if chat else None,
            }
            return ComposedModel(join(audio_encoder, lm, config["projector"]), tokenizer, config)

    @property
    def fresh_encoder(self) -> bool:
        """Whether a part of the audio encoder began with fresh weights, as that of presets does."""
        return bool(self.config.get("fresh_encoder", self.config["name"] in PRESETS))

    def load_audio(self, clip: Clip) -> AudioInput:
        """A clip's prepared features, and their number of audio tokens."""
        return self.prepare(self.features(clip), clip.key)

    def features(self, clip: Clip) -> Any:
        """The features of a clip before augmentation and `prepare`; read-only.

        Of one that is heard window by window they are made when they are used, and prepared.
        """
        encoder = self.net.audio_encoder
        if self._window_s and (long := WindowedFeatures.of(clip, encoder, self._window_s)):
            return long
        return _features.get(clip, self._kind, encoder.clip_features, encoder.limit_s)

    def prepare(self, features: Any, key: str = "") -> AudioInput:
        """Features -> encoder input; without a key its audio tokens are not cached."""
        encoder, projector = self.net.audio_encoder, self.net.projector
        if isinstance(features, WindowedFeatures) and isinstance(projector, MemoryProjector):
            given: Any = features
            return AudioInput(given, projector.recalled(len(features)), key)
        tokens = projector.tokens(encoder.frames_of(features))
        return AudioInput(encoder.prepare(features), tokens, key)

    def clear_cache(self) -> None:
        """Drop what is cached of clips and prompts, their features included."""
        super().clear_cache()
        _features.clear()

    def clone(self) -> Self:
        """A frozen copy with the same weights, in evaluation mode."""
        copy = type(self)(deepcopy(self.net), self.tokenizer, self.config)
        copy.bases = self.bases
        copy.net.requires_grad_(False)
        return copy

    def write(self, folder: Path) -> dict[str, Any]:
        """Write tokenizer and weights; returns the configuration and the weights' hash."""
        from safetensors.torch import save as to_bytes

        state = self.state()
        dtypes = sorted({str(t.dtype) for t in state.values() if t.is_floating_point()})
        kept = changed(state, self.bases, base_tensors)
        data = to_bytes({n: t.cpu().contiguous() for n, t in sorted(kept.items())})
        files.write_whole(folder / TOKENIZER_FILE, self.tokenizer.to_json())
        files.write_whole(folder / WEIGHTS_FILE, data)
        special = self.tokenizer.special_ids
        sums = files.checksums(folder, [TOKENIZER_FILE, WEIGHTS_FILE])
        named: dict[str, Any] = {
            "special_tokens": special,
            "weights": digest(data, 64),
            "files": sums,
        }
        if self.bases:
            bases = [asdict(base) for base in self.bases]
            named |= {"bases": bases, "dtype": dtypes[0] if len(dtypes) == 1 else ""}
        return {**self.config, **named}

    @staticmethod
    def load(folder: Path | str, settings: ComposedSettings | None = None) -> ComposedModel:
        """Open a saved model.

        Raises:
            ModelError: the folder holds no finished model, a newer format, or damaged files.
            ConfigError: a device or a dtype that cannot be used.
        """
        settings = settings or ComposedSettings()
        model = _load(Path(folder))
        model.engine.set_cache_bytes(settings.remember_mb << 20)
        model.to(settings.device if settings.device != "cpu" else "", settings.dtype)
        if settings.copy_bases:
            model.bases = ()
        model.add_adapters(parse_lora([settings.lora]))
        return model


def compose_pretrained(
    encoder: Path | str | AudioEncoder,
    lm: Path | str,
    *,
    lora: str = "",
    chat: str = "auto",
    copy_bases: bool = False,
    **options: Any,
) -> ComposedModel:
    """Compose an audio encoder and a language model, by folder, hub id or name.

    Only safetensors are read, and no code is run.

    Args:
        encoder: folders or names in `ENCODERS`, with settings (see `open_encoder`), or one that is
            built, whose weights a saved model holds.
        lm: folder or hub id of a causal language model with its ``tokenizer.json``;
            ``KIND:FOLDER`` for a kind in `LMS`.
        lora: adapters to add, as ``lm:16`` (`harken.models.engine.lora_settings`).
        chat: how prompts are written: ``auto`` (the chat template of `lm`, if it has one),
            ``chatml``, ``none``, or a jinja file.
        copy_bases: whether a saved model holds the unchanged weights of `encoder` and `lm` too;
            else it names them, and they must be found when it is opened.
        options: those of `ComposedModel.compose`.
    """
    kind, source = _lm_of(str(lm))
    folder = find_folder(source)
    opened = LMS.get(kind).open(folder)
    template = template_of(folder, chat)
    settings: dict[str, Any] | None = None
    if template:
        tokenizer, settings = open_chat(folder, opened.config, template)
    else:
        eos = opened.config.eos_token_id
        end = eos[0] if isinstance(eos, list) else eos
        tokenizer = TextTokenizer.open(folder, {} if end is None else {"<eos>": int(end)})
    named = "" if isinstance(encoder, AudioEncoder) else str(encoder)
    audio_encoder = encoder if isinstance(encoder, AudioEncoder) else open_encoder(named)
    model = ComposedModel.compose(
        audio_encoder, opened, tokenizer, lm_kind=kind, chat=settings, **options
    )
    if not named or is_fresh(named):
        model.config["fresh_encoder"] = True
    model.add_adapters(parse_lora([lora]))
    if not copy_bases:
        bases = _encoder_bases(named) if named else []
        model.bases = (*bases, Base.of("lm.", f"lm:{kind}", source))
    return model


def _encoder_bases(spec: str) -> list[Base]:
    """The pretrained encoders of `spec`; one that is built from its name has no base."""
    specs = split_encoders(spec)
    found = []
    for place, part in enumerate(specs):
        inner = inner_encoder(part)
        source = (inner or part).partition("?")[0]
        if not is_name(source):
            prefix = "audio_encoder." + (f"encoder.{place}." if len(specs) > 1 else "")
            prefix += "encoder." if inner else ""
            found.append(Base.of(prefix, "encoder", source))
    return found


def _lm_of(spec: str) -> tuple[str, str]:
    """The kind of language model, and its folder or hub id."""
    kind, colon, source = spec.partition(":")
    known = bool(colon) and not Path(spec).is_dir() and kind in LMS
    return (kind, source) if known else ("causal", spec)


def build(target: str, **options: Any) -> ComposedModel:
    """The registry's factory; `target` is ``FOLDER?settings`` of a saved model."""
    folder, settings = read_target("composed", target, ComposedSettings, options)
    return ComposedModel.load(folder, settings)


def _load(folder: Path) -> ComposedModel:
    from safetensors.torch import load as from_bytes

    try:
        config = read_saved(folder)
        data = regular_bytes(folder / WEIGHTS_FILE)
        if config["kind"] != ComposedModel.saved_kind or config["format"] > FORMAT:
            raise ModelError(
                f"the model has kind {config['kind']!r}, format {config['format']}",
                where=str(folder),
                hint="Open it with the release that saved it.",
            )
        if digest(data, 64) != config.pop("weights"):
            raise ModelError("the weights are not those that were saved", where=str(folder))
        if bad := files.damaged(folder, config.pop("files", {})):
            raise ModelError(f"{', '.join(bad)} is not what was saved", where=str(folder))
        for name in ("kind", "format", "identity"):
            config.pop(name)
        bases = found_bases([Base(**base) for base in config.pop("bases", ())], folder)
        dtype_name = config.pop("dtype", "")
        tokenizer = TextTokenizer.open(folder, config.pop("special_tokens"))
        state = from_bytes(data)
        with torch.random.fork_rng(devices=[]):
            model = ComposedModel(build_net(config), tokenizer, config)
        floats = {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}
        (dtype,) = floats if len(floats) == 1 else (torch.float32,)
        if bases or dtype_name:
            dtype = getattr(torch, dtype_name.removeprefix("torch.") or "float32")
        cast(model.net, dtype)
        model.load_state(completed(state, model.state(), bases, base_tensors))
        model.bases = bases
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the saved model cannot be opened: {error}",
            where=str(folder),
            hint="Copy the folder again, or train again.",
        ) from error
    return model
