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
from harken.audio import Clip, canonical, digest
from harken.errors import HarkenError, ModelError
from harken.models import MODEL_FILE
from harken.models import lalm_make as make
from harken.models.base import Prompt, PromptStyle, Reply, Sampling
from harken.models.features import FeatureCache
from harken.models.first_words import take
from harken.models.lalm_ask import MEMORY, Voice, asking
from harken.models.lalm_batch import Line, Sound, Writer
from harken.models.lalm_parts import Net, set_trainable
from harken.models.lalm_reply import Said, batches
from harken.models.tokenizer import FILE as TOKENIZER_FILE
from harken.models.tokenizer import Coder

WEIGHTS_FILE = "model.safetensors"
FORMAT = 1
MOST_CLIPS = 64
"""Clips in one prompt. The context of the language model sets the true limit, loudly."""

TINY_STYLE = PromptStyle(letters=False, mark_clips=True, hide_implied=True)

_features = FeatureCache()


class Lalm:
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

    hears = MOST_CLIPS
    converses = True

    def __init__(self, net: Net, coder: Coder, config: Mapping[str, Any]) -> None:
        """Use `preset`, `compose`, `compose_pretrained` or `load`."""
        self.net = net.eval()
        self.coder = coder
        self.config = dict(config)
        self.name = str(config["name"])
        self.style = PromptStyle(**config["style"])
        self.voice = Voice(net, coder)
        self._mark: tuple[int, str] = (-1, "")
        ear = net.ear
        self._kind = f"{ear.kind} {digest(canonical(config['encoder']))}"
        lm: Any = net.lm
        self.writer = Writer(
            coder,
            self.sound,
            int(getattr(lm.config, "max_position_embeddings", 0) or 1 << 20),
            config["projector"].get("places", 0),
        )

    @staticmethod
    def preset(name: str, texts: Iterable[str] = (), seed: int = 0, **changes: Any) -> Lalm:
        """A fresh model of a known shape.

        Args:
            name: ``harken-tiny`` (or ``harken-mini``, for tests).
            texts: what the tokenizer is trained on: questions, choices and answers.
            seed: of the first weights.
            changes: values of `harken.models.lalm_make.Shape` to use instead.
        """
        shape = make.shape_of(name, changes)
        usual = [f"clip {i}:" for i in range(1, 9)] + ["- yes", "- no", "0 1 2 3 4 5 6 7 8"]
        known = sorted({*texts})
        coder = Coder.train([*known, *usual], shape.vocabulary)
        style = replace(TINY_STYLE, question_first=shape.question_first)
        config = make.preset_config(shape, coder) | {"name": name, "style": asdict(style)}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fresh = Lalm(make.build_net(config), coder, config)
        if shape.mimetic and shape.lm in ("llama", "qwen3"):
            make.look_for_alike(fresh.net.lm, shape.mimetic)
        if shape.first_words:
            take(fresh, known)
        return fresh

    @staticmethod
    def compose(
        encoder: nn.Module,
        lm: nn.Module,
        coder: Coder,
        *,
        pool: int = 4,
        name: str = "lalm",
        style: PromptStyle | None = None,
        limit_s: float | None = None,
        seed: int = 0,
    ) -> Lalm:
        """Join any known audio encoder and any causal language model of transformers.

        Args:
            encoder: Whisper's encoder, AST, Parakeet's encoder, wav2vec 2.0 or its like.
            lm: a causal language model; its embeddings are enlarged for the marks if need be.
            coder: its tokenizer.
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
            if coder.size > speaker.get_input_embeddings().num_embeddings:
                speaker.resize_token_embeddings(coder.size)
            config = {
                "name": name,
                "style": asdict(style or PromptStyle()),
                "encoder": {"config": make.plain_config(hearer.config), "limit_s": limit_s},
                "projector": {"pool": pool, "places": 0},
                "lm": {"config": make.plain_config(speaker.config)},
                "lora": None,
            }
            return Lalm(make.join(hearer, speaker, config), coder, config)

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

    def sound(self, clip: Clip) -> Sound:
        """What is heard of a clip: prepared features, and how many tokens they become.

        A clip that was encoded needs no features: they are made only if it was forgotten since.
        """
        tokens = self.voice.known(clip.key)
        if tokens:
            return Sound(lambda: self._sound(clip).features, tokens, clip.key)
        return self._sound(clip)

    def _sound(self, clip: Clip) -> Sound:
        """What is heard of a clip, its features with it."""
        return self.prepared(self.features(clip), clip.key)

    def features(self, clip: Clip) -> Any:
        """The features of a clip before augmentation and `prepared`; read-only."""
        ear = self.net.ear
        return _features.get(clip, self._kind, ear.features, ear.limit_s)

    def prepared(self, features: Any, key: str = "") -> Sound:
        """Features -> Sound; without a key it is not remembered."""
        ear = self.net.ear
        return Sound(
            ear.prepare(features), self.net.projector.tokens(ear.frames(len(features))), key
        )

    def line(
        self, prompt: Prompt, answer: str | None = None, sounds: Sequence[Sound] | None = None
    ) -> Line:
        """A prompt, and an answer if given, as tokens; see `Writer.line`."""
        return self.writer.line(prompt, answer, sounds)

    def turns(
        self,
        prompts: Sequence[Prompt],
        answers: Sequence[str],
        sounds: Sequence[Sound] | None = None,
    ) -> Line:
        """Several questions about the same clips in one line; see `Writer.turns`."""
        return self.writer.turns(prompts, answers, sounds)

    def generate(self, prompts: Sequence[Prompt], sampling: Sampling) -> list[Reply]:
        """Answer each prompt in words; a reply depends on its prompt and the seed only."""
        seeds = [[sampling.seed, _number(prompt)] for prompt in prompts]

        replies: list[Reply] = [Reply("", "failed")] * len(prompts)
        lines: dict[int, Line] = {}
        for i, prompt in enumerate(prompts):
            try:
                lines[i] = self.line(prompt)
            except HarkenError as error:
                replies[i] = Reply("", "failed", str(error))
        for i, said in self.sample(lines, sampling, seeds).items():
            replies[i] = Reply(said.text, "end" if said.ended else "length")
        return replies

    def sample(
        self, lines: Mapping[int, Line], sampling: Sampling, seeds: Sequence[Sequence[int]]
    ) -> dict[int, Said]:
        """What is said behind each line; line i is drawn from ``default_rng(seeds[i])``."""
        found: dict[int, Said] = {}
        with asking(self.net):
            for group in batches(lines, sampling.max_tokens):
                draws = [np.random.default_rng(list(seeds[i])) for i in group]
                said = self.voice.reply([lines[i] for i in group], sampling, draws)
                found |= dict(zip(group, said, strict=True))
        return found

    def choice_logprobs(self, prompts: Sequence[Prompt]) -> list[tuple[float, ...] | None]:
        """The log p(choice | prompt) normalised over the shown choices: log-softmax of the sums.

        Prompts that begin alike, such as the rotations of one question, are read together. None for
        open questions and for prompts that fail.
        """
        found: list[tuple[float, ...] | None] = [None] * len(prompts)
        asked: dict[int, tuple[Line, list[tuple[int, ...]]]] = {}
        for i, prompt in enumerate(prompts):
            with suppress(HarkenError):
                answers = [(*self.coder.encode(t), self.coder.eos) for t in prompt.targets]
                if answers:
                    asked[i] = self.line(prompt), answers
        with asking(self.net):
            sums = self.voice.choices(list(asked.values()))
        for i, values in zip(asked, sums, strict=True):
            shifted = np.array(values) - max(values)
            found[i] = tuple(float(v) for v in shifted - np.log(np.exp(shifted).sum()))
        return found

    def logprobs(self, prompts: Sequence[Prompt], answers: Sequence[str]) -> Tensor:
        """Summed answer log-probabilities (nats), differentiable, shape (B,)."""
        lines = [self.line(p, answer) for p, answer in zip(prompts, answers, strict=True)]
        return self.voice.logprobs(lines)

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
                mend="Load the weights into the model they were saved from.",
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(state[name])
        self._mark = (-1, "")
        self.voice.forget()

    def identity(self) -> str:
        """Hash of the configuration, the tokenizer and all weights."""
        version = self.voice.version()
        if self._mark[0] != version:
            whole = [canonical(self.config), digest(self.coder.to_json())]
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
        files.write_whole(folder / TOKENIZER_FILE, self.coder.to_json())
        files.write_whole(folder / WEIGHTS_FILE, data)
        kept = {"kind": "lalm", "format": FORMAT, **self.config, "marks": self.coder.marks}
        files.write_json(
            folder / MODEL_FILE,
            {**kept, "identity": self.identity(), "weights": digest(data, 64)},
        )

    @staticmethod
    def load(folder: Path | str, device: str = "cpu", remember_mb: int = MEMORY >> 20) -> Lalm:
        """Open a saved model; encoded clips are remembered in up to `remember_mb` MiB.

        Raises:
            ModelError: the folder holds no finished model, a newer format, or damaged files.
        """
        lalm = _load(Path(folder), device)
        lalm.voice.remember(remember_mb << 20)
        return lalm


def compose_pretrained(
    encoder_path: Path | str, lm_path: Path | str, *, lora_rank: int = 0, **options: Any
) -> Lalm:
    """Join an audio encoder and a language model from folders on this disk.

    Only safetensors are read, no code, and nothing is fetched.

    Args:
        encoder_path: folder of a Whisper, AST or wav2vec-like model.
        lm_path: folder of a causal language model with its ``tokenizer.json``.
        lora_rank: if above 0, the language model is taught by adapters of this rank only.
        options: those of `Lalm.compose`.
    """
    lm = make.open_lm(Path(lm_path))
    eos = lm.config.eos_token_id
    end = eos[0] if isinstance(eos, list) else eos
    marks = {} if end is None else {"<eos>": int(end)}
    coder = Coder.open(Path(lm_path), marks)
    lalm = Lalm.compose(make.open_encoder(Path(encoder_path)), lm, coder, **options)
    if lora_rank:
        lalm.add_lora(lora_rank, 2 * lora_rank)
    return lalm


def build(target: str, **options: Any) -> Lalm:
    """The registry's factory: `target` is a saved model's folder."""
    return Lalm.load(target, **options)


def _load(folder: Path, device: str) -> Lalm:
    import json

    from safetensors.torch import load as from_bytes

    try:
        config = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
        data = (folder / WEIGHTS_FILE).read_bytes()
        if config["kind"] != "lalm" or config["format"] > FORMAT:
            raise ModelError(
                f"the model has kind {config['kind']!r}, format {config['format']}",
                where=str(folder),
                mend="Open it with the release it was saved by.",
            )
        if digest(data, 64) != config.pop("weights"):
            raise ModelError("the weights are not those that were saved", where=str(folder))
        for name in ("kind", "format", "identity"):
            config.pop(name)
        coder = Coder.open(folder, config.pop("marks"))
        with torch.random.fork_rng(devices=[]):
            lalm = Lalm(make.build_net(config), coder, config)
        lalm.load_state(from_bytes(data))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the saved model cannot be opened: {error}",
            where=str(folder),
            mend="Copy the folder again, or train again.",
        ) from error
    lalm.net.to(device)
    return lalm


def _number(prompt: Prompt) -> int:
    """A number for the prompt's content, the same in every process."""
    parts = [part.key if isinstance(part, Clip) else part for part in prompt.parts]
    return int(digest(canonical([prompt.system, parts])), 16)
