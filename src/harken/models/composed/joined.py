"""Audio encoders, a projector and a language model, joined with transformers and peft alone.

    python joined.py clip.wav "What do you hear?"

Each audio token stands for some frames of the encoder and takes the place of a placeholder among
the embeddings of the words. The clip is mono at 16 kHz. Files: ``export.json`` (settings),
``encoder-0/`` …, ``projector.safetensors``, ``tokenizer/``, and ``lm/`` or the language model that
the settings name, with its adapter in ``lm_adapter/``.
"""

from __future__ import annotations

import json
import math
import re
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import (
    AutoFeatureExtractor,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
)

functional = nn.functional


class JoinedEncoder:
    """One audio encoder: samples (n,) -> frames (1, T, layers · width)."""

    def __init__(self, folder: Path, settings: dict[str, Any], dtype: torch.dtype) -> None:
        module, _, name = settings["class"].partition(":")
        if not module.startswith("transformers."):
            raise ValueError(f"{module} is no module of transformers")
        loaded = getattr(import_module(module), name).from_pretrained(
            folder, dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
        self.model, self.settings, self.dtype = loaded.eval(), settings, dtype
        extracts = (folder / "preprocessor_config.json").is_file()
        self.extract = (
            AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=False)
            if extracts
            else None
        )

    def __call__(self, wave: Any) -> Tensor:
        """The frames of a clip, up to its end.

        Raises:
            ValueError: the clip is too long.
        """
        kind, config, limit = self.settings["kind"], self.model.config, self.settings["limit_s"]
        if limit and len(wave) > 16000 * (limit + 1e-3):
            raise ValueError(f"{len(wave) / 16000:.1f} s of audio; the model takes {limit:g} s")
        if kind == "waveform":
            wave = np.pad(wave, (0, max(0, self.settings["shortest"] - len(wave))))
            normed = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
            return self.run(torch.from_numpy(normed.astype(np.float32))[None])
        assert self.extract is not None
        if kind == "ast":
            wave = np.pad(wave, (0, max(0, 400 - len(wave))))
        made = self.extract(wave, sampling_rate=16000, return_tensors="pt")
        if kind == "whisper":
            mel = made["input_features"]
            length = min(2 * config.max_source_positions, len(wave) // 160 + 2)
            count = -(-length // 2)
            return self.own_length(mel[:, :, :length]) if self.settings["own_length"] else (
                self.run(mel)[:, :count])  # fmt: skip
        if kind == "ast":
            values = made["input_values"]
            length = min(config.max_length, max(1, (len(wave) - 400) // 160 + 1))
            count = max(0, -(-(length - config.patch_size) // config.time_stride)) + 1
            rows = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
            patches = self.run(values)[:, 2:]  # without the class and distillation tokens
            return patches.reshape(1, rows, -1, patches.shape[-1]).mean(1)[:, :count]
        valid = int(made["attention_mask"].sum())
        return self.run(made["input_features"][:, :valid])

    def run(self, features: Tensor) -> Tensor:
        """The chosen hidden states side by side."""
        out = self.model(features.to(self.dtype), output_hidden_states=True)
        return self.chosen(out.last_hidden_state, out.hidden_states)

    def chosen(self, last: Tensor, states: Any) -> Tensor:
        """The last state, or those of the setting ``layers``."""
        layers = self.settings["layers"]
        return torch.cat([states[i] for i in layers], -1) if layers else last

    def own_length(self, mel: Tensor) -> Tensor:
        """Whisper without padding to 30 s: positions beyond the end of the clip are cut off."""
        model, length = self.model, mel.shape[2]
        mel = functional.pad(mel, (0, length % 2)).to(self.dtype)
        inside = (torch.arange(mel.shape[2]) < length).to(self.dtype)
        hidden = functional.gelu(model.conv1(mel)) * inside
        hidden = functional.gelu(model.conv2(hidden)).transpose(1, 2)
        hidden = hidden + model.embed_positions.weight[: hidden.shape[1]]
        states = [hidden]
        for layer in model.layers:
            hidden = layer(hidden, None)
            states.append(hidden)
        states[-1] = model.layer_norm(hidden)
        return self.chosen(states[-1], states)


class JoinedProjector:
    """Frames (1, T, width of all encoders) -> audio tokens (tokens, width of the LM)."""

    def __init__(self, settings: dict[str, Any], weights: dict[str, Tensor]) -> None:
        self.settings, self.w = settings, weights
        if settings["kind"] == "mapping":
            self.layers = self.transformer(weights, settings["heads"])
        if "query" in weights:
            from transformers import Blip2QFormerConfig, Blip2QFormerModel

            self.former = Blip2QFormerModel(Blip2QFormerConfig(**settings["former"])).eval()
            own = {n[7:]: t for n, t in weights.items() if n.startswith("former.")}
            self.former.to(weights["query"].dtype).load_state_dict(own)

    def __call__(self, parts: list[Tensor]) -> Tensor:
        """The frames of each encoder -> tokens."""
        w, count = self.w, max(part.shape[1] for part in parts)
        columns = []
        for number, (part, (layers, width)) in enumerate(
            zip(parts, self.settings["layer_shape"], strict=True)
        ):
            own = part.shape[1]  # the frames of a slower encoder are repeated
            part = part[:, (2 * torch.arange(count) + 1) * own // (2 * count)]
            if layers > 1:  # a learned mix of layers
                each = part.reshape(1, count, layers, width)
                share = w[f"mix.weights.{number}"].softmax(0).to(each.dtype)
                normed = functional.layer_norm(each, (width,))
                part = torch.einsum("btlw,l->btw", normed, share)
            columns.append(part)
        frames = self.norm(torch.cat(columns, -1), "norm_in")
        if self.settings["kind"] == "merging":
            return self.merged(frames)
        tokens = self.norm(self.kind(frames), "norm_out")[0]
        return tokens + self.times(len(tokens), tokens)

    def norm(self, x: Tensor, name: str) -> Tensor:
        """RMS norm, if the projector has it."""
        weight = self.w.get(f"{name}.weight")
        return x if weight is None else functional.rms_norm(x, x.shape[-1:], weight, 1e-6)

    def linear(self, x: Tensor, name: str) -> Tensor:
        """One linear layer."""
        return functional.linear(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"))

    def two(self, x: Tensor) -> Tensor:
        """Two linear layers."""
        return self.linear(functional.gelu(self.linear(x, "first")), "second")

    def kind(self, x: Tensor) -> Tensor:
        """What the projector is named after."""
        kind, count = self.settings["kind"], x.shape[1]
        if kind == "qformer":
            return self.attend(x, torch.ones(x.shape[:2]))
        if kind == "mapping":
            constants = self.w["constants"]
            mapped = self.linear(x.mean(1), "first").reshape(1, *constants.shape)
            made: Tensor = self.layers(torch.cat([mapped, constants[None]], 1))
            return made[:, len(constants) :]
        size = self.settings["window" if kind == "window-qformer" else "pool"]
        x = functional.pad(x, (0, 0, 0, -count % size))
        cut = x.reshape(1, -1, size, x.shape[-1])
        valid = (torch.arange(x.shape[1]) < count).reshape(-1, size)
        if kind == "window-qformer":
            tokens = self.attend(cut[0], valid)
            return tokens.reshape(1, -1, tokens.shape[-1])
        if kind in ("pooling", "pooled-mlp"):
            mean = cut.sum(2) / valid.sum(1, keepdim=True)[None]
            return self.linear(mean, "only") if kind == "pooling" else self.two(mean)
        if kind == "linear":
            return self.linear(cut.flatten(2), "only")
        if kind == "gated-mlp":
            gate, up = (self.linear(cut.flatten(2), f"mlp.{name}") for name in ("gate", "up"))
            return self.linear(functional.silu(gate) * up, "mlp.down")
        return self.two(cut.flatten(2))

    def merged(self, frames: Tensor) -> Tensor:
        """Means of frames, of which neighbours that are alike become one token."""
        size, count = self.settings["pool"], frames.shape[1]
        x = functional.pad(frames, (0, 0, 0, -count % size)).reshape(-1, size, frames.shape[-1])
        valid = (torch.arange(len(x) * size) < count).reshape(-1, size)
        x = x.sum(1) / valid.sum(1, keepdim=True)
        edges = runs(x.double().numpy(), self.settings["keep"])
        weights = torch.stack([
            ((torch.arange(len(x)) >= start) & (torch.arange(len(x)) < end)) / (end - start)
            for start, end in pairwise(edges)
        ]).to(x.dtype)  # fmt: skip
        tokens = self.norm(self.two(weights @ x), "norm_out")
        return tokens + weights @ self.times(len(x), tokens)

    def times(self, count: int, like: Tensor) -> Tensor:
        """The embeddings of so many places in a clip; 0 where the projector has none."""
        table = self.w.get("times.weight")
        if table is None:
            return like.new_zeros(count, like.shape[-1])
        return table[torch.arange(count).clamp(max=len(table) - 1)]

    @staticmethod
    def transformer(weights: dict[str, Tensor], heads: int) -> Any:
        """The layers of the projector ``mapping``."""
        own = {n[7:]: t for n, t in weights.items() if n.startswith("layers.")}
        hidden, width = own["layers.0.linear1.weight"].shape
        layer = nn.TransformerEncoderLayer(
            width, heads, hidden, 0.0, batch_first=True, norm_first=True
        )
        depth = 1 + max(int(name.split(".")[1]) for name in own)
        whole = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        whole.to(weights["constants"].dtype).load_state_dict(own)
        return whole.eval()

    def attend(self, x: Tensor, valid: Tensor) -> Tensor:
        """Learned queries attend to frames (N, T, width)."""
        seen = self.former(
            query_embeds=self.w["query"].expand(len(x), -1, -1),
            encoder_hidden_states=x,
            encoder_attention_mask=valid.long(),
        )
        return self.linear(seen.last_hidden_state, "out")


def runs(vectors: Any, keep: float) -> list[int]:
    """Where the runs of (n, width) vectors begin, and the end: a share `keep` of n remains.

    Again and again those two neighbours become one whose joining raises the squared error of their
    members least (Ward 1963): by a · b / (a + b) · |x - y|².
    """
    goal = max(1, math.ceil(round(keep * len(vectors), 9)))
    sums = np.pad(vectors.cumsum(0), ((1, 0), (0, 0)))
    size = max(float(np.square(vectors).sum(1).mean()), np.finfo(float).tiny)
    edges = list(range(len(vectors) + 1))
    while len(edges) - 1 > goal:
        e = np.array(edges)
        own = np.diff(e)
        means = np.diff(sums[e], axis=0) / own[:, None]
        apart = np.square(np.diff(means, axis=0)).sum(1)
        lost = np.round(own[:-1] * own[1:] / (own[:-1] + own[1:]) * apart / size, 6)
        del edges[int(np.argmin(lost)) + 1]
    return edges


class Joined:
    """The whole model, from the folder of this file."""

    def __init__(self, folder: Path) -> None:
        self.settings = s = json.loads((folder / "export.json").read_text(encoding="utf-8"))
        dtype = getattr(torch, s["dtype"])
        self.encoders = [JoinedEncoder(folder / f"encoder-{i}", one, dtype)
                         for i, one in enumerate(s["encoders"])]  # fmt: skip
        self.projector = JoinedProjector(
            s["projector"], load_file(folder / "projector.safetensors")
        )
        self.tokenizer = AutoTokenizer.from_pretrained(
            folder / "tokenizer", trust_remote_code=False
        )
        lm: Any = AutoModelForCausalLM.from_pretrained(
            s["lm"] or folder / "lm", dtype=dtype, use_safetensors=True, trust_remote_code=False
        )
        lm.generation_config = GenerationConfig()  # no penalties: the most probable word, always
        if (folder / "lm_adapter").is_dir():
            from peft import PeftModel

            lm = PeftModel.from_pretrained(lm, str(folder / "lm_adapter"), use_safetensors=True)
        self.lm = lm.eval()

    def prompt(self, *parts: str | None) -> list[int]:
        """Ids of a question, in which each None is a clip: one placeholder.

        Control tokens in a text are plain characters; only the template writes them.
        """
        s = self.settings
        if s["plain"]:
            begin, start, end, answer = s["plain"]
            inner = [self.plain(part) if part is not None
                     else [start, s["placeholder"], end] for part in parts]  # fmt: skip
            return [begin, *(number for ids in inner for number in ids), answer]
        clip = self.tokenizer.convert_ids_to_tokens(s["placeholder"])
        content, texts = "", list[str]()
        for at, part in enumerate(parts):
            if part is not None:
                texts.append(("\n" if at else "") + part)
            content += clip if part is None else f"\ue000{len(texts) - 1}\ue001"
        chat = [{"role": "user", "content": content}]
        whole = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return self.split(whole, texts)

    def split(self, whole: str, texts: list[str]) -> list[int]:
        """Ids of a rendered chat, in which stand-ins are replaced by texts."""
        known = {str(token): number for number, token in self.tokenizer.added_tokens_decoder.items()
                 if token.special or number == self.settings["placeholder"]}  # fmt: skip
        names = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
        ids: list[int] = []
        text, strip = "", False
        for part in [*re.split(f"({names})", whole), None]:
            token = None if part is None else known.get(part)
            if part is not None and token is None:
                own = re.sub("\ue000(\\d+)\ue001", lambda at: texts[int(at[1])], part)
                text += own.lstrip() if strip and not text else own
                continue
            kind = None if token is None else self.tokenizer.added_tokens_decoder[token]
            ids += self.plain(text.rstrip() if kind is not None and kind.lstrip else text)
            ids += [] if token is None else [token]
            text, strip = "", kind is not None and bool(kind.rstrip)
        return ids

    def plain(self, text: str) -> list[int]:
        """Ids of a text in which control tokens are plain characters."""
        clip = self.tokenizer.convert_ids_to_tokens(self.settings["placeholder"])
        found: list[int] = []
        for number, part in enumerate(text.split(clip)):
            for piece in ([clip[:1], clip[1:]] if number else []) + [part]:
                found += self.tokenizer.encode(
                    piece, add_special_tokens=False, split_special_tokens=True
                )
        return found

    def asked(self, question: str, clips: int) -> list[str | None]:
        """A question about so many clips in parts, each None a clip: as it was trained."""
        style = self.settings["style"]
        text = "\n".join(filter(None, [question, style["instruction"]]))
        marked = clips > 1 and style["mark_clips"]
        heard = [part for n in range(clips)
                 for part in ([f"clip {n + 1}:", None] if marked else [None])]  # fmt: skip
        asked = [text] if text else []
        return [*asked, *heard] if style["question_first"] else [*heard, *asked]

    def embed(self, ids: list[int], waves: list[Any]) -> Tensor:
        """Embeddings (1, L, width): of the words, and audio tokens for each placeholder."""
        found, clip = [], 0
        table = self.projector.w.get("clip_numbers.weight")
        for number in ids:
            if number == self.settings["placeholder"]:
                tokens = self.projector([encoder(waves[clip]) for encoder in self.encoders])
                clip += 1
                found.append(tokens if table is None else tokens + table[min(clip, len(table) - 1)])
            else:
                found.append(self.lm.get_input_embeddings()(torch.tensor([number])))
        return torch.cat(found)[None]

    @torch.no_grad()
    def logits(self, ids: list[int], waves: list[Any]) -> Tensor:
        """(L, V)."""
        logits: Tensor = self.lm(inputs_embeds=self.embed(ids, waves)).logits[0]
        return logits

    @torch.no_grad()
    def answer(self, question: str, *waves: Any, tokens: int = 64) -> str:
        """A reply to a question about clips (samples at 16 kHz, mono)."""
        ids = self.prompt(*self.asked(question, len(waves)))
        out = self.lm.generate(inputs_embeds=self.embed(ids, [*waves]), max_new_tokens=tokens,
                               do_sample=False, eos_token_id=self.settings["ends"],
                               pad_token_id=self.settings["ends"][0])  # fmt: skip
        return str(self.tokenizer.decode(out[0], skip_special_tokens=True))


if __name__ == "__main__":
    import wave as wav

    with wav.open(sys.argv[1]) as file:
        assert file.getparams()[:3] == (1, 2, 16000), "the clip must be mono, 16 bit, 16 kHz"
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16) / np.float32(32768)
    print(Joined(Path(__file__).parent).answer(sys.argv[2], samples))
