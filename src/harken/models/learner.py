"""Learner: the base of every model that can be trained, composed or native.

A learner is a net, a tokenizer, an engine that runs the net, and what training needs: audio inputs,
tokenized prompts, log-probabilities, trainable groups, LoRA, a frozen reference copy, an identity,
and a folder that `harken.models.load.load_model` opens again. `train` and `recipes` use this class
only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from harken import files
from harken.audio.clip import Clip
from harken.errors import ConfigError, HarkenError, ModelError
from harken.hashing import SEAL, canonical, digest, seal_fits, sealed
from harken.listed import listed
from harken.models.base import MODEL_FILE, Prompt, PromptStyle, Reply, Sampling
from harken.models.bases import Base
from harken.models.device import require_device
from harken.models.engine.adapters import AdaptedModel
from harken.models.engine.batch import AudioInput, PromptTokenizer, TokenizedPrompt
from harken.models.engine.engine import Engine
from harken.models.engine.generate import GeneratedReply, length_batches, prompt_seed
from harken.models.engine.net import LearnerNet, eval_mode, set_trainable
from harken.models.engine.time_tokens import restore_times
from harken.models.engine.tokenizer import TextTokenizer
from harken.models.load import load_model
from harken.models.released import located
from harken.models.target import with_settings
from harken.parsing import load_json

FORMAT = 2
"""Format of saved models; increased when an older release could not open them."""

MAX_CLIPS = 64
"""Clips in one prompt. The context of the language model is the real limit: beyond it, an error."""


class Learner(AdaptedModel, ABC):
    """A model that can be trained.

    Attributes:
        name: for display.
        style: how its prompts are written.
        net: the modules ``audio_encoder``, ``projector`` and ``lm``.
        tokenizer: text to ids.
        prompt_tokenizer: prompts to ids, with placeholders for audio.
        engine: computes log-probabilities and replies.
        config: JSON values that define the model, beside its weights.
        bases: the pretrained parts that a saved model names instead of holding their unchanged
            tensors; set to ``()`` it holds everything.
        max_clips: clips it takes in one prompt.
        multi_turn: whether a prompt may hold earlier turns.
        augmentable: whether `features` are log-mel frames that training may augment.
        packs_questions: whether several questions about the same clips fit into one prompt.
        saved_kind: ``kind`` in `MODEL_FILE` of its saved folders.
    """

    bases: tuple[Base, ...] = ()
    max_clips: int = MAX_CLIPS
    multi_turn: bool = True
    augmentable: bool = False
    packs_questions: bool = False
    saved_kind: ClassVar[str]
    prompt_tokenizer: PromptTokenizer

    def __init__(
        self,
        net: LearnerNet,
        tokenizer: TextTokenizer,
        config: Mapping[str, Any],
        *,
        name: str,
        style: PromptStyle,
    ) -> None:
        self.net = net.eval()
        self.tokenizer = tokenizer
        self.config = dict(config)
        restore_times(tokenizer, self.config.get("times"))
        self.name = name
        self.style = style
        self.engine = Engine(net, tokenizer)
        self._identity: tuple[int, str] = (-1, "")

    # What a subclass implements ---------------------------------------------------------------

    @abstractmethod
    def load_audio(self, clip: Clip) -> AudioInput:
        """A clip's features and their number of audio tokens; see `audio_input`."""

    @abstractmethod
    def clone(self) -> Self:
        """A frozen copy with the same weights, in evaluation mode."""

    @abstractmethod
    def write(self, folder: Path) -> dict[str, Any]:
        """Write all files but `MODEL_FILE` into `folder`; returns the content of `MODEL_FILE`."""

    def features(self, clip: Clip) -> Any:
        """The features of a clip before augmentation and `prepare`; read-only.

        Raises:
            ModelError: the model is not `augmentable`.
        """
        raise ModelError(f"{self.name} has no features that training could augment")

    def prepare(self, features: Any, key: str = "") -> AudioInput:
        """Features -> encoder input; without a key its audio tokens are not cached.

        Raises:
            ModelError: the model is not `augmentable`.
        """
        raise ModelError(f"{self.name} has no features that training could augment")

    # Prompts ----------------------------------------------------------------------------------

    def audio_input(self, clip: Clip) -> AudioInput:
        """The encoder input of a clip, and its number of audio tokens.

        For a clip whose audio tokens are cached, features are computed only if they leave the
        cache before they are used; a clip whose frames are kept on disk is not loaded.
        """
        kept, tokens = self.engine.kept, self.engine.cached_tokens(clip.key)
        if kept is not None:
            known = kept.audio_input(clip, lambda: self.load_audio(clip))
        elif tokens:
            known = AudioInput(lambda: self.load_audio(clip).features, tokens, clip.key)
        else:
            known = self.load_audio(clip)
        return replace(known, name=clip.name)

    def tokenize(
        self,
        prompt: Prompt,
        answer: str | None = None,
        audio: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """A prompt, and an answer if given, as ids; see `PromptTokenizer.tokenize`."""
        return self.prompt_tokenizer.tokenize(prompt, answer, audio)

    def tokenize_turns(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[str],
        audio: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """Several questions about the same clips; see `PromptTokenizer.tokenize_turns`."""
        return self.prompt_tokenizer.tokenize_turns(prompts, answers, audio)

    # Answers ----------------------------------------------------------------------------------

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """A reply to each prompt; it depends on its prompt and the seed only."""
        seeds = [[sampling.seed, prompt_seed(prompt)] for prompt in prompts]
        replies: list[Reply] = [Reply("", "failed")] * len(prompts)
        tokenized: dict[int, TokenizedPrompt] = {}
        for i, prompt in enumerate(prompts):
            try:
                tokenized[i] = self.tokenize(prompt)
            except HarkenError as error:
                replies[i] = Reply("", "failed", str(error))
        free = sampling.thinking_tokens > 0  # what is thought before the object has no form
        schemas = ["" if free else prompt.schema for prompt in prompts]
        for i, reply in self._sampled(tokenized, sampling, seeds, schemas=schemas).items():
            whole = Reply(reply.text, "end" if reply.ended else "length")
            replies[i] = Reply("", "failed", reply.fault) if reply.fault else whole
        return replies

    def sample(
        self,
        prompts: Mapping[int, TokenizedPrompt],
        sampling: Sampling,
        seeds: Sequence[Sequence[int]],
        *,
        logprobs: bool = False,
        schemas: Sequence[str] = (),
    ) -> dict[int, GeneratedReply]:
        """A reply to each prompt; prompt i is sampled with ``default_rng(seeds[i])``.

        A reply is cut where its room ends, or the context of the language model. With `logprobs` it
        has the log-probability of each of its ids. `schemas` has the JSON schema of each prompt's
        reply, empty for free texts; () for none at all.

        Nothing is used of a pass over choices before: a stage that is resumed has had none, and its
        log-probabilities would differ in the last digits.
        """
        self.engine.clear_prefixes()
        return self._sampled(prompts, sampling, seeds, logprobs, schemas)

    def _sampled(
        self,
        prompts: Mapping[int, TokenizedPrompt],
        sampling: Sampling,
        seeds: Sequence[Sequence[int]],
        logprobs: bool = False,
        schemas: Sequence[str] = (),
    ) -> dict[int, GeneratedReply]:
        """See `sample`; the prefixes of a pass over choices of the same prompts are used."""
        found: dict[int, GeneratedReply] = {}
        context = self.prompt_tokenizer.context
        with eval_mode(self.net):
            for group in length_batches(prompts, min(sampling.room, context)):
                rngs = [np.random.default_rng(list(seeds[i])) for i in group]
                own = [prompts[i] for i in group]
                rooms = [max(1, min(sampling.room, context - len(one.ids))) for one in own]
                forms = [schemas[i] for i in group] if schemas else []
                replies = self.engine.generate(
                    own, sampling, rngs, rooms, logprobs=logprobs, schemas=forms
                )
                found |= dict(zip(group, replies, strict=True))
        return found

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The log p(choice | prompt) normalised over the shown choices: log-softmax of the sums.

        Prompts with a shared prefix, such as the rotations of one question, share a forward pass.
        None for open-ended questions and for prompts that fail.
        """
        found: list[tuple[float, ...] | None] = [None] * len(prompts)
        asked: dict[int, tuple[TokenizedPrompt, list[tuple[int, ...]]]] = {}
        for i, prompt in enumerate(prompts):
            with suppress(HarkenError):
                answers = [
                    (*self.tokenizer.encode(text), self.tokenizer.eos) for text in prompt.targets
                ]
                if answers:
                    asked[i] = self.tokenize(prompt), answers
        with eval_mode(self.net):
            sums = self.engine.choices(list(asked.values()))
        for i, values in zip(asked, sums, strict=True):
            shifted = np.array(values) - max(values)
            found[i] = tuple(float(v) for v in shifted - np.log(np.exp(shifted).sum()))
        return found

    def logprobs(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> Tensor:
        """Summed answer log-probabilities (nats), differentiable, shape (B,)."""
        pairs = zip(prompts, answers, strict=True)
        return self.engine.logprobs([self.tokenize(prompt, answer) for prompt, answer in pairs])

    def clear_cache(self) -> None:
        """Drop what is cached of clips and prompts."""
        self.engine.clear_cache()

    # Weights ----------------------------------------------------------------------------------

    def to(self, device: str = "", dtype: str = "") -> Self:
        """Move the weights; an empty argument leaves device or dtype as it is.

        Raises:
            ConfigError: a dtype other than float32, bfloat16, float16; an unknown device.
        """
        if dtype not in ("", "float32", "bfloat16", "float16"):
            raise ConfigError(f"dtype is {dtype!r}", hint="Use float32, bfloat16 or float16.")
        if device:
            require_device(device)
            self.net.to(device)
        if dtype:
            cast(self.net, getattr(torch, dtype))
        self._weights_changed()
        return self

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the language model's weights."""
        return next(self.net.lm.parameters()).dtype

    def parameters(self) -> list[nn.Parameter]:
        """The trainable tensors."""
        return [parameter for parameter in self.net.parameters() if parameter.requires_grad]

    @property
    def fresh_encoder(self) -> bool:
        """Whether the audio encoder began with fresh weights, so that it must be trained."""
        return False

    def trainable(self, groups: Sequence[str]) -> list[nn.Parameter]:
        """Freeze all module groups but the given ones; returns the trainable tensors."""
        return set_trainable(self.net, groups)

    def state(self) -> dict[str, Tensor]:
        """All tensors by name, shared ones (tied embeddings) under their first name only."""
        seen: set[int] = set()
        found: dict[str, Tensor] = {}
        for name, tensor in self.net.state_dict().items():
            if tensor.data_ptr() not in seen or not tensor.numel():
                seen.add(tensor.data_ptr())
                found[name] = tensor.detach()
        return found

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Copy all tensors by name; raises ModelError where names or shapes differ."""
        own = self.state()
        wrong = sorted({*own} ^ {*state})
        wrong += [n for n in own if n in state and own[n].shape != state[n].shape]
        if wrong:
            raise ModelError(
                f"{len(wrong)} tensors do not fit the model: {listed(wrong, 5)}",
                hint="Load the weights into the model they were saved from.",
            )
        with torch.no_grad():
            for name, tensor in own.items():
                # Equal tensors are not written: caches and identity depend on tensor versions.
                if not torch.equal(tensor, state[name].to(tensor)):
                    tensor.copy_(state[name])

    def identity(self) -> str:
        """Hash of the configuration, the tokenizer and all weights."""
        version = self.engine.version()
        if self._identity[0] != version:
            parts = [canonical(self.config), digest(self.tokenizer.to_json())]
            for name, tensor in sorted(self.state().items()):
                parts.append(f"{name} {tuple(tensor.shape)} {digest(tensor_bytes(tensor), 32)}")
            self._identity = (version, digest("\n".join(parts)))
        return self._identity[1]

    def save(self, folder: Path) -> None:
        """Write the folder that `load_model` opens; `MODEL_FILE` is written last."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL_FILE).unlink(missing_ok=True)  # not a model while it is being written
        content = {"kind": self.saved_kind, "format": FORMAT, **self.write(folder)}
        content = {**content, "identity": self.identity()}
        files.write_json(folder / MODEL_FILE, sealed(content))


def cast(net: nn.Module, dtype: torch.dtype) -> None:
    """Cast weights to `dtype`; non-persistent buffers, such as rotary frequencies, stay exact."""
    for module in net.modules():
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is None or not tensor.is_floating_point():
                continue
            if name not in module._non_persistent_buffers_set:
                tensor.data = tensor.data.to(dtype)


def tensor_bytes(tensor: Tensor) -> bytes:
    """The bytes of a tensor in row-major order, of any dtype (numpy has no bfloat16)."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def read_saved(folder: Path) -> dict[str, Any]:
    """The content of `MODEL_FILE`, without its checksum.

    Raises:
        ModelError: it is damaged.
        OSError, ValueError: it cannot be read, or is not JSON.
    """
    found = load_json(folder / MODEL_FILE)
    if not isinstance(found, dict) or not seal_fits(found):
        raise ModelError(
            f"{MODEL_FILE} is damaged: the content is not what was written",
            where=str(folder),
            hint="Copy the folder again, or train again.",
        )
    return {key: value for key, value in found.items() if key != SEAL}


def saved_dtype(spec: str) -> str:
    """The dtype that the saved model `spec` was saved in; empty if that is not known."""
    try:
        dtype = read_saved(Path(located(spec).partition("?")[0])).get("dtype", "")
    except (OSError, ValueError, HarkenError):
        return ""
    return str(dtype or "").removeprefix("torch.")


def load_learner(spec: str, *, device: str = "", dtype: str = "") -> Learner:
    """The model that `spec` names, on a device and in a dtype if these are given.

    Raises:
        ConfigError: a model that cannot be trained, such as a text-only baseline or one over HTTP.
    """
    found = load_model(with_settings(spec, device=device, dtype=dtype))
    if not isinstance(found, Learner):
        raise ConfigError(
            f"{spec!r} cannot be trained",
            hint="Name a saved model, a released one (harken models), native:FOLDER, or a preset "
            "such as harken-tiny.",
        )
    return found
