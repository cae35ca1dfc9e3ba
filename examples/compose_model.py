"""Compose a Whisper encoder and a Llama into one audio-language model.

Run: ``python examples/compose_model.py`` (some seconds; extra ``train``; nothing is downloaded).

Both are tiny and random here, so the reply means nothing. With pretrained folders on your disk
use ``harken.models.composed.model.compose_pretrained(encoder_folder, lm_folder, lora="lm:8")``
instead.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from harken.ask.prompt import make_prompt
from harken.audio.clip import RATE_HZ, Clip
from harken.audio.load import write_wav
from harken.item import Item
from harken.models.base import Sampling
from harken.models.composed.model import ComposedModel
from harken.models.engine.tokenizer import TextTokenizer
from harken.models.load import load_model

torch.manual_seed(0)
torch.set_num_threads(1)
tokenizer = TextTokenizer.train(["Which sound is this?", "rain", "dog bark"], size=300)
encoder = WhisperConfig(d_model=32, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=64)
lm = LlamaConfig(
    vocab_size=tokenizer.size, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
    num_attention_heads=2, max_position_embeddings=512,
)  # fmt: skip
model = ComposedModel.compose(
    WhisperEncoder(encoder), LlamaForCausalLM(lm), tokenizer, pool=8, name="my-model"
)

with tempfile.TemporaryDirectory() as name:
    path = Path(name, "noise.wav")
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)
    write_wav(path, noise, RATE_HZ)
    clip = Clip(path=str(path), duration_s=2.0)
    item = Item("Which sound is this?", "rain", ("rain", "dog bark"), (clip,))
    prompt = make_prompt(item, model.style)
    print("log p of each choice:", model.choice_logprobs([prompt])[0])
    print("reply:", repr(model.generate([prompt], Sampling(max_tokens=4))[0].text))
    model.save(Path(name, "saved"))
    again = load_model(str(Path(name, "saved")))
    print("identity after saving and loading:", again.identity() == model.identity())
