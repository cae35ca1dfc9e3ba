"""Folders of a tiny language model with a chat template, and of a tiny Whisper."""

from __future__ import annotations

import json
from pathlib import Path

import torch
import transformers as tf

from harken.models.composed.chat import CHATML
from tiny_audio import TEXTS

SPECIAL = ["<|end|>", "<|im_start|>", "<|im_end|>", "<file_name>"]
OWN = "{{ bos_token }}" + CHATML


def lm_folder(folder: Path, *, rows: int = 0, template: str = OWN, spare: bool = True) -> Path:
    """An LM with a chat template; `rows`: unused rows of its embedding matrix."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=320, special_tokens=SPECIAL if spare else SPECIAL[:3],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
        ),
    )  # fmt: skip
    torch.manual_seed(0)
    config = tf.LlamaConfig(
        vocab_size=tokenizer.get_vocab_size() + rows, hidden_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, intermediate_size=32, eos_token_id=2,
        bos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    tf.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    named_tokens = {"bos_token": "<|end|>", "eos_token": "<|im_end|>", "pad_token": "<|end|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(named_tokens))
    (folder / "chat_template.jinja").write_text(template)
    return folder


def encoder_folder(folder: Path) -> Path:
    """A Whisper of two encoder layers, for clips up to 3 s."""
    torch.manual_seed(0)
    tf.WhisperModel(
        tf.WhisperConfig(
            d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
            max_source_positions=150, vocab_size=64, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, decoder_start_token_id=1,
        )
    ).save_pretrained(folder)  # fmt: skip
    return folder
