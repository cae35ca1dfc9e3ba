"""The times among the audio tokens of MOSS Transcribe Diarize."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_moss
import torch
from opened import Both, noise, open_both

from harken.errors import ModelError
from harken.models.load import load_model


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Both:
    return open_both(tiny_moss.TINY, tmp_path_factory.mktemp("moss"))


@pytest.mark.parametrize("seconds", [1.9, 2.0, 3.97, 4.0, 4.1, 11.3])
def test_times_stand_among_the_tokens_as_the_processor_writes_them(
    both: Both, seconds: float
) -> None:
    """Windows are 4 s here: the longer clips are several, each with tokens of its own."""
    prompt = both.prompt(both.wav(noise(seconds, 3)))
    theirs, ids, counts = both.theirs(prompt)
    tokenized = both.model.tokenize(prompt)
    audio = both.model.tokenizer.audio
    assert len(ids) == len(tokenized.ids)
    marked = [own for own, is_ in zip(ids, tokenized.ids, strict=True) if own != is_]
    assert both.model.tokenizer.decode(marked) == "".join(
        map(str, range(2, int(sum(counts) / 12.5) + 1, 2))
    )
    assert all(own == audio for own, is_ in zip(tokenized.ids, ids, strict=True) if own != is_)
    torch.testing.assert_close(both.logits([tokenized])[0], theirs, atol=1e-4, rtol=0)


def test_the_interval_is_read_from_the_folder(both: Both, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in both.folder.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    settings = folder / "processor_config.json"
    wave = 16_000 * 4
    known = both.model.family.tokens(wave)
    for every, digits in ((0, 0), (1, 4), (2, 2), (4, 1)):
        settings.write_text(json.dumps({"time_marker_every_seconds": every}))
        opened = load_model(f"native:{folder}")
        assert opened.family.tokens(wave) == known - 2 + digits
    settings.write_text('{"time_marker_every_seconds": "often"}')
    with pytest.raises(ModelError, match="processor cannot be read"):
        load_model(f"native:{folder}")
