"""The probability of given texts: against plain forward passes, and all alignments by hand."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from harken.models.listeners.given_texts import (
    added,
    ctc_logprobs,
    seq2seq_logprobs,
    whisper_prompt,
)

START, END, TASK, NO_STAMPS = 1, 0, 2, 5
LANGUAGES = {"<|en|>": 3, "<|de|>": 4}


@pytest.fixture(scope="module")
def whisper() -> Any:
    torch = pytest.importorskip("torch")
    transformers: Any = pytest.importorskip("transformers")
    config = transformers.WhisperConfig(
        vocab_size=20, d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_mel_bins=4,
        max_source_positions=10, max_target_positions=16, pad_token_id=END, bos_token_id=END,
        eos_token_id=END, decoder_start_token_id=START, suppress_tokens=None,
        begin_suppress_tokens=None,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.proj_out.weight.mul_(50)
    own = model.generation_config
    own.decoder_start_token_id, own.no_timestamps_token_id = START, NO_STAMPS
    own.lang_to_id, own.task_to_id = LANGUAGES, {"transcribe": TASK}
    return model


def encoded(model: Any, seed: int = 0) -> Any:
    import torch

    mel = torch.randn(1, 4, 20, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return model.get_encoder()(mel)


def test_forms_are_as_probable_as_in_passes_of_their_own(whisper: Any) -> None:
    import torch

    heard, prompt = encoded(whisper), (START, 3, TASK, NO_STAMPS)
    forms = [(7,), (7, 8), (7, 8, 9), (12, 7), (15, 16, 17, 18), (7,)]
    with torch.no_grad():
        found = seq2seq_logprobs(whisper, heard, prompt, END, forms)
        for form, own in zip(forms, found, strict=True):
            ids = torch.tensor([[*prompt, *form]])
            logs = whisper(encoder_outputs=heard, decoder_input_ids=ids).logits[0].log_softmax(-1)
            said = [logs[len(prompt) - 1 + i, t] for i, t in enumerate((*form, END))]
            assert own == pytest.approx(float(sum(said)), abs=1e-4)
        other = seq2seq_logprobs(whisper, encoded(whisper, 1), prompt, END, forms)
    assert found != other, "the clip is heard"


def test_the_texts_of_one_token_and_the_empty_one_are_at_most_all(whisper: Any) -> None:
    import torch

    heard, prompt = encoded(whisper), (START, 3, TASK, NO_STAMPS)
    with torch.no_grad():
        found = seq2seq_logprobs(whisper, heard, prompt, END, [(t,) for t in range(1, 20)])
    assert 0 < np.exp(added(found)) < 1


def test_the_prompt_of_whisper_names_language_and_task(whisper: Any) -> None:
    import torch

    heard = encoded(whisper)
    with torch.no_grad():
        assert whisper_prompt(whisper, heard, "german", "transcribe") == (START, 4, TASK, NO_STAMPS)
        detected = whisper_prompt(whisper, heard, "", "transcribe")
    assert detected[1] in LANGUAGES.values()
    assert whisper_prompt(whisper, heard, "", "") == (START, NO_STAMPS)


def test_ctc_adds_all_alignments() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    logs = logits.log_softmax(-1)

    def read(path: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(token for token, _ in itertools.groupby(path) if token)

    forms = [(1,), (1, 1), (2, 1)]
    by_hand = {form: [] for form in forms}
    for path in itertools.product(range(3), repeat=4):
        if read(path) in by_hand:
            by_hand[read(path)].append(float(sum(logs[i, t] for i, t in enumerate(path))))
    found = ctc_logprobs(logits, 0, [*forms, (1, 1, 1)])
    assert found[:3] == pytest.approx([added(by_hand[form]) for form in forms], abs=1e-5)
    assert found[3] == -np.inf, "three equal ones need five frames"


def test_probabilities_are_added() -> None:
    assert added([np.log(0.25), np.log(0.5)]) == pytest.approx(np.log(0.75))
    assert added([]) == -np.inf
