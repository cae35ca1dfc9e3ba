"""Lalm: audio encoder -> projector -> causal language model, composed, asked, taught and saved.

The audio's tokens enter the language model as embeddings in place of placeholders, any number of
clips anywhere in the prompt (as in LTU, SALMONN, Qwen-Audio). A saved model is a folder::

    tokenizer.json      the tokenizer, marks included
    model.safetensors   all tensors by name (audio_encoder.…, projector.…, lm.…)
    harken-model.json   last: the configuration, and the hash of the weights
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harken import files
from harken.audio.clip import Clip
from harken.errors import HarkenError, ModelError
from harken.hashing import canonical, digest
from harken.models.base import MODEL_FILE, Prompt, PromptStyle, Reply, Sampling
from harken.models.composed import build as make
from harken.models.composed.lm_init import apply_lm_init
from harken.models.composed.net import Net, set_trainable
from harken.models.engine.batch import AudioInput, PromptTokenizer, TokenizedPrompt
from harken.models.engine.engine import CACHE_BYTES, Engine, eval_mode
from harken.models.engine.features import FeatureCache
from harken.models.engine.generate import GeneratedReply, length_batches, prompt_seed
from harken.models.engine.tokenizer import FILE as TOKENIZER_FILE
from harken.models.engine.tokenizer import TextTokenizer

WEIGHTS_FILE = "model.safetensors"
FORMAT = 1
MOST_CLIPS = 64
"""Clips in one prompt. The context of the language model sets the true limit, loudly."""

TINY_STYLE = PromptStyle(letters=False, mark_clips=True, hide_implied=True)

_features = FeatureCache()


class ComposedModel:
    """A Learner made of a net, a tokenizer and a configuration.

    Attributes:
        name: for people.
        hears: clips it takes in one prompt.
        converses: whether a prompt may hold earlier turns.
        style: how it likes to be asked.
        net: the modules ``audio_encoder``, ``projector`` and ``lm``.
        coder: the tokenizer.
        voice: computes logits and replies.
    """

    max_clips = MOST_CLIPS
    multi_turn = True

    def __init__(self, net: Net, tokenizer: TextTokenizer, config: Mapping[str, Any]) -> None:
        """Use `preset`, `compose`, `compose_pretrained` or `load`."""
        self.net = net.eval()
        self.tokenizer = tokenizer
        self.config = dict(config)
        self.name = str(config["name"])
        self.style = PromptStyle(**config["style"])
        self.engine = Engine(net, tokenizer)
        self._mark: tuple[int, str] = (-1, "")
        audio_encoder = net.audio_encoder
        self._kind = f"{audio_encoder.kind} {digest(canonical(config['encoder']))}"
        lm: Any = net.lm
        self.writer = PromptTokenizer(
            tokenizer,
            self.sound,
            int(getattr(lm.config, "max_position_embeddings", 0) or 1 << 20),
            config["projector"].get("places", 0),
        )

    @staticmethod
    def preset(
        name: str, texts: Iterable[str] = (), seed: int = 0, **changes: Any
    ) -> ComposedModel:
        """A fresh model of a known shape.

        Args:
            name: ``harken-tiny`` (or ``harken-mini``, for tests).
            texts: what the tokenizer is trained on: questions, choices and answers.
            seed: of the first weights.
            changes: values of `harken.models.composed.build.PresetShape` to use instead.
        """
        shape = make.preset_shape(name, changes)
        usual = [f"clip {i}:" for i in range(1, 9)] + ["- yes", "- no", "0 1 2 3 4 5 6 7 8"]
        known = sorted({*texts})
        tokenizer = TextTokenizer.train([*known, *usual], shape.vocabulary)
        style = replace(TINY_STYLE, question_first=shape.question_first)
        config = make.preset_config(shape, tokenizer) | {"name": name, "style": asdict(style)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = ComposedModel(make.build_net(config), tokenizer, config)
        if shape.mimetic and shape.lm in ("llama", "qwen3"):
            make.mimetic_init(fresh.net.lm, shape.mimetic)
        if shape.first_words:
            apply_lm_init(fresh, known)
        return fresh

    @staticmethod
    def compose(
        encoder: nn.Module,
        lm: nn.Module,
        tokenizer: TextTokenizer,
        *,
        pool: int = 4,
        name: str = "lalm",
        style: PromptStyle | None = None,
        limit_s: float | None = None,
        seed: int = 0,
    ) -> ComposedModel:
        """Join any known audio encoder and any causal language model of transformers.

        Args:
            encoder: Whisper's encoder, AST, Parakeet's encoder, wav2vec 2.0 or its like.
            lm: a causal language model; its embeddings are enlarged for the marks if need be.
            tokenizer: its tokenizer.
            pool: encoder frames in one token.
            name: for people.
            style: how it is asked; letters after the clips if not given.
            limit_s: longest clip; the encoder's own limit if not given.
            seed: of the projector's first weights.
        """
        speaker: Any = lm
        hearer: Any = encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if tokenizer.size > speaker.get_input_embeddings().num_embeddings:
                speaker.resize_token_embeddings(tokenizer.size)
            config = {
                "name": name,
                "style": asdict(style or PromptStyle()),
                "encoder": {"config": make.plain_config(hearer.config), "limit_s": limit_s},
                "projector": {"pool": pool, "places": 0},
                "lm": {"config": make.plain_config(speaker.config)},
                "lora": None,
            }
            return ComposedModel(make.join(hearer, speaker, config), tokenizer, config)

    def add_lora(self, rank: int = 8, alpha: int = 16, targets: Sequence[str] = ()) -> None:
        """Freeze the language model's own weights and put low-rank adapters beside them.

        Args:
            rank: of the adapters; alpha: their scale is alpha / rank.
            alpha: see rank.
            targets: names of the linear layers; the attention's if not given.
        """
        settings = {
            "rank": rank,
            "alpha": alpha,
            "targets": list(targets) or ["q_proj", "k_proj", "v_proj", "o_proj"],
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            make.add_lora(self.net, settings)
        self.config["lora"] = settings

    def sound(self, clip: Clip) -> AudioInput:
        """What is heard of a clip: prepared features, and how many tokens they become.

        A clip that was encoded needs no features: they are made only if it was forgotten since.
        """
        tokens = self.engine.cached_tokens(clip.key)
        if tokens:
            return AudioInput(lambda: self._sound(clip).features, tokens, clip.key)
        return self._sound(clip)

    def _sound(self, clip: Clip) -> AudioInput:
        """What is heard of a clip, its features with it."""
        return self.prepared(self.features(clip), clip.key)

    def features(self, clip: Clip) -> Any:
        """The features of a clip before augmentation and `prepared`; read-only."""
        audio_encoder = self.net.audio_encoder
        return _features.get(clip, self._kind, audio_encoder.features, audio_encoder.limit_s)

    def prepared(self, features: Any, key: str = "") -> AudioInput:
        """Features -> Sound; without a key it is not remembered."""
        audio_encoder = self.net.audio_encoder
        return AudioInput(
            audio_encoder.prepare(features),
            self.net.projector.tokens(audio_encoder.frames(len(features))),
            key,
        )

    def line(
        self, prompt: Prompt, answer: str | None = None, sounds: Sequence[AudioInput] | None = None
    ) -> TokenizedPrompt:
        """A prompt, and an answer if given, as tokens; see `PromptTokenizer.line`."""
        return self.writer.line(prompt, answer, sounds)

    def turns(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[str],
        sounds: Sequence[AudioInput] | None = None,
    ) -> TokenizedPrompt:
        """Several questions about the same clips in one line; see `PromptTokenizer.turns`."""
        return self.writer.turns(prompts, answers, sounds)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """Answer each prompt in words; a reply depends on its prompt and the seed only."""
        seeds = [[sampling.seed, prompt_seed(prompt)] for prompt in prompts]

        replies: list[Reply] = [Reply("", "failed")] * len(prompts)
        lines: dict[int, TokenizedPrompt] = {}
        for i, prompt in enumerate(prompts):
            try:
                lines[i] = self.line(prompt)
            except HarkenError as error:
                replies[i] = Reply("", "failed", str(error))
        for i, said in self.sample(lines, sampling, seeds).items():
            replies[i] = Reply(said.text, "end" if said.ended else "length")
        return replies

    def sample(
        self,
        lines: Mapping[int, TokenizedPrompt],
        sampling: Sampling,
        seeds: Sequence[Sequence[int]],
    ) -> dict[int, GeneratedReply]:
        """What is said behind each line; line i is drawn from ``default_rng(seeds[i])``."""
        found: dict[int, GeneratedReply] = {}
        with eval_mode(self.net):
            for group in length_batches(lines, sampling.max_tokens):
                draws = [np.random.default_rng(list(seeds[i])) for i in group]
                said = self.engine.generate_replies([lines[i] for i in group], sampling, draws)
                found |= dict(zip(group, said, strict=True))
        return found

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The log p(choice | prompt) normalised over the shown choices: log-softmax of the sums.

        Prompts that begin alike, such as the rotations of one question, are read together. None for
        open questions and for prompts that fail.
        """
        found: list[tuple[float, ...] | None] = [None] * len(prompts)
        asked: dict[int, tuple[TokenizedPrompt, list[tuple[int, ...]]]] = {}
        for i, prompt in enumerate(prompts):
            with suppress(HarkenError):
                answers = [(*self.tokenizer.encode(t), self.tokenizer.eos) for t in prompt.targets]
                if answers:
                    asked[i] = self.line(prompt), answers
        with eval_mode(self.net):
            sums = self.engine.choices(list(asked.values()))
        for i, values in zip(asked, sums, strict=True):
            shifted = np.array(values) - max(values)
            found[i] = tuple(float(v) for v in shifted - np.log(np.exp(shifted).sum()))
        return found

    def logprobs(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> Tensor:
        """Summed answer log-probabilities (nats), differentiable, shape (B,)."""
        lines = [self.line(p, answer) for p, answer in zip(prompts, answers, strict=True)]
        return self.engine.logprobs(lines)

    def parameters(self) -> list[nn.Parameter]:
        """The trainable tensors."""
        return [parameter for parameter in self.net.parameters() if parameter.requires_grad]

    def trainable(self, groups: Sequence[str]) -> list[nn.Parameter]:
        """Freeze all but the module groups given; returns their tensors."""
        return set_trainable(self.net, groups)

    def state(self) -> dict[str, Tensor]:
        """All tensors by name, shared ones (tied embeddings) under their first name only."""
        held: dict[int, str] = {}
        found: dict[str, Tensor] = {}
        for name, tensor in self.net.state_dict().items():
            if tensor.data_ptr() not in held or not tensor.numel():
                held[tensor.data_ptr()] = name
                found[name] = tensor.detach()
        return found

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over all tensors by name; raises ModelError where names or shapes do not fit."""
        own = self.state()
        odd = sorted({*own} ^ {*state})
        odd += [n for n in own if n in state and own[n].shape != state[n].shape]
        if odd:
            raise ModelError(
                f"{len(odd)} tensors do not fit the model: {', '.join(odd[:5])}",
                hint="Load the weights into the model they were saved from.",
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(state[name])
        self._mark = (-1, "")
        self.engine.clear_cache()

    def identity(self) -> str:
        """Hash of the configuration, the tokenizer and all weights."""
        version = self.engine.version()
        if self._mark[0] != version:
            whole = [canonical(self.config), digest(self.tokenizer.to_json())]
            for name, tensor in sorted(self.state().items()):
                data = tensor.cpu().contiguous().numpy().tobytes()
                whole.append(f"{name} {tuple(tensor.shape)} {digest(data, 32)}")
            self._mark = (version, digest("\n".join(whole)))
        return self._mark[1]

    def save(self, folder: Path) -> None:
        """Write the folder that `load` opens; the file that makes it a model comes last."""
        from safetensors.torch import save as to_bytes

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MODEL_FILE).unlink(missing_ok=True)  # not a model while it is being written
        data = to_bytes({n: t.cpu().contiguous() for n, t in sorted(self.state().items())})
        files.write_whole(folder / TOKENIZER_FILE, self.tokenizer.to_json())
        files.write_whole(folder / WEIGHTS_FILE, data)
        kept = {"kind": "lalm", "format": FORMAT, **self.config, "marks": self.tokenizer.marks}
        files.write_json(
            folder / MODEL_FILE,
            {**kept, "identity": self.identity(), "weights": digest(data, 64)},
        )

    @staticmethod
    def load(
        folder: Path | str, device: str = "cpu", remember_mb: int = CACHE_BYTES >> 20
    ) -> ComposedModel:
        """Open a saved model; encoded clips are remembered in up to `remember_mb` MiB.

        Raises:
            ModelError: the folder holds no finished model, a newer format, or damaged files.
        """
        lalm = _load(Path(folder), device)
        lalm.engine.set_cache_bytes(remember_mb << 20)
        return lalm


def compose_pretrained(
    encoder_path: Path | str, lm_path: Path | str, *, lora_rank: int = 0, **options: Any
) -> ComposedModel:
    """Join an audio encoder and a language model from folders on this disk.

    Only safetensors are read, no code, and nothing is fetched.

    Args:
        encoder_path: folder of a Whisper, AST or wav2vec-like model.
        lm_path: folder of a causal language model with its ``tokenizer.json``.
        lora_rank: if above 0, the language model is taught by adapters of this rank only.
        options: those of `ComposedModel.compose`.
    """
    lm = make.open_lm(Path(lm_path))
    eos = lm.config.eos_token_id
    end = eos[0] if isinstance(eos, list) else eos
    marks = {} if end is None else {"<eos>": int(end)}
    tokenizer = TextTokenizer.open(Path(lm_path), marks)
    lalm = ComposedModel.compose(make.open_encoder(Path(encoder_path)), lm, tokenizer, **options)
    if lora_rank:
        lalm.add_lora(lora_rank, 2 * lora_rank)
    return lalm


def build(target: str, **options: Any) -> ComposedModel:
    """The registry's factory: `target` is a saved model's folder."""
    return ComposedModel.load(target, **options)


def _load(folder: Path, device: str) -> ComposedModel:
    import json

    from safetensors.torch import load as from_bytes

    try:
        config = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        data = (folder / WEIGHTS_FILE).read_bytes()
        if config["kind"] != "lalm" or config["format"] > FORMAT:
            raise ModelError(
                f"the model has kind {config['kind']!r}, format {config['format']}",
                where=str(folder),
                hint="Open it with the release it was saved by.",
            )
        if digest(data, 64) != config.pop("weights"):
            raise ModelError("the weights are not those that were saved", where=str(folder))
        for name in ("kind", "format", "identity"):
            config.pop(name)
        tokenizer = TextTokenizer.open(folder, config.pop("marks"))
        with torch.random.fork_rng(devices=[]):
            lalm = ComposedModel(make.build_net(config), tokenizer, config)
        lalm.load_state(from_bytes(data))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the saved model cannot be opened: {error}",
            where=str(folder),
            hint="Copy the folder again, or train again.",
        ) from error
    lalm.net.to(device)
    return lalm
