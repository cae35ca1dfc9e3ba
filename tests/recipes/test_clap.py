"""Contrastive models from the command line: captions, training, tags, search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harken.audio.clip import Clip
from harken.errors import ConfigError, DataError, ModelError
from harken.facts import ClipFacts, SourceFacts
from harken.models.contrastive.model import ContrastiveModel
from harken.models.load import load_model
from harken.recipes.clap import captions_of, search, tag, train
from harken.runs import Run
from harken.train.clap import CaptionedClip, ClapTraining, train_clap
from tones import tones

STEPS = ["clap.steps=25", "clap.batch=16", "clap.dim=32", "clap.lr=0.005"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    tones(root / "corpus")
    return root / "corpus"


@pytest.fixture(scope="module")
def model(corpus: Path) -> Path:
    made = train([corpus], corpus.parent / "clap", overrides=STEPS)
    return Path(made["model"])


def scene(*sources: tuple[str, float, float | None]) -> ClipFacts:
    own = [
        SourceFacts("sound", label=label, onset_s=onset, azimuth_deg=azimuth)
        for label, onset, azimuth in sources
    ]
    return ClipFacts(tuple(own))


def test_captions_tell_the_order_and_the_false_ones_another() -> None:
    true, false = captions_of(scene(("rain", 2.0, None), ("dog", 0.5, None)))
    assert (true, false) == (("dog, then rain",), ("rain, then dog",))
    _, false = captions_of(scene(("a", 0.0, None), ("b", 1.0, None), ("c", 2.0, None)))
    assert len(false) == 5 and "a, then b, then c" not in false
    four = scene(("a", 0.0, None), ("b", 1.0, None), ("c", 2.0, None), ("d", 3.0, None))
    assert captions_of(four)[1] == ("d, then c, then b, then a",)


def test_captions_tell_the_sides() -> None:
    true, false = captions_of(scene(("dog", 0.0, -40.0), ("rain", 1.0, 60.0)))
    assert true[1] == "rain on the left and dog on the right"
    assert false[1] == "dog on the left and rain on the right"
    assert len(captions_of(scene(("dog", 0.0, 40.0), ("rain", 1.0, 60.0)))[0]) == 1


def test_captions_tell_what_is_loud() -> None:
    def levels(first: float, other: float) -> ClipFacts:
        return ClipFacts((
            SourceFacts("sound", label="dog", onset_s=1.0, snr_db=first),
            SourceFacts("sound", label="rain", onset_s=0.0, snr_db=other),
            SourceFacts("background", label="wind"),
        ))  # fmt: skip

    true, false = captions_of(levels(20.0, 9.0))
    assert true == ("rain, then dog", "loud dog and quiet rain")
    assert false == ("dog, then rain", "loud rain and quiet dog")
    assert captions_of(levels(9.0, 20.0))[0][1] == "loud rain and quiet dog"
    assert captions_of(levels(20.0, 11.0))[0] == ("rain, then dog",)


def test_captions_tell_what_is_high() -> None:
    """Both were changed, and not by nearly the same."""

    def pitches(first: float | None, other: float | None) -> ClipFacts:
        return ClipFacts((
            SourceFacts("sound", label="dog", onset_s=1.0, pitch_semitones=first),
            SourceFacts("sound", label="rain", onset_s=0.0, pitch_semitones=other),
        ))  # fmt: skip

    true, false = captions_of(pitches(5.0, -5.0))
    assert true == ("rain, then dog", "high-pitched dog and low-pitched rain")
    assert false == ("dog, then rain", "high-pitched rain and low-pitched dog")
    assert captions_of(pitches(-4.0, 4.0))[0][1] == "high-pitched rain and low-pitched dog"
    plain = captions_of(pitches(None, None))[0]
    assert captions_of(pitches(9.0, None))[0] == captions_of(pitches(3.0, -3.0))[0] == plain


def test_one_sound_has_the_captions_of_a_label() -> None:
    true, false = captions_of(scene(("dog", 0.0, None)))
    assert true == ("the sound of dog", "dog", "a recording of dog") and false == ()


def test_what_cannot_be_false_has_no_negatives() -> None:
    assert captions_of(scene(("dog", 0.0, None), ("dog", 1.0, None)))[1] == ()
    assert captions_of(scene(("dog", 1.0, None), ("rain", 1.0, None)))[1] == ()
    assert captions_of(ClipFacts()) == ((), ())


def test_a_trained_model_names_and_finds_what_it_was_trained_on(corpus: Path, model: Path) -> None:
    found = tag(str(model), [corpus], [], split="train")
    assert found["accuracy"]["n"] == len(found["clips"]) and len(found["labels"]) == 5
    low, high = found["accuracy"]["interval"]
    assert low < found["accuracy"]["share"] <= high
    assert found["accuracy"]["share"] > 0.5  # chance is 0.2
    heard = search(str(model), "the sound of whistle", [corpus], top=3)
    assert len(heard["clips"]) == 3 and heard["searched"] == 40
    assert heard["exam"]["queries"] == 5 and heard["exam"]["mAP@10"] > 0.3
    cosines = [row["cosine"] for row in heard["clips"]]
    assert cosines == sorted(cosines, reverse=True)


def test_a_file_is_tagged_among_given_labels(corpus: Path, model: Path) -> None:
    found = tag(str(model), [corpus / "hum" / "0.wav"], ["hum", "whistle"], top=2)
    (row,) = found["clips"]
    assert found["accuracy"] is None and {label for label, _ in row["labels"]} == {"hum", "whistle"}
    with pytest.raises(ConfigError, match="fewer than two labels"):
        tag(str(model), [corpus / "hum" / "0.wav"], ["hum"])
    with pytest.raises(DataError, match="no such file"):
        tag(str(model), [corpus / "nothing.wav"], ["hum", "whistle"])


def test_the_same_seed_gives_the_same_model_and_it_opens_as_saved(
    corpus: Path, model: Path, tmp_path: Path
) -> None:
    again = train([corpus], tmp_path / "again", overrides=STEPS)
    opened = ContrastiveModel.open(str(model))
    assert again["identity"] == opened.identity()
    clips = [Clip("file", str(corpus / "tone" / f"{number}.wav")) for number in range(3)]
    vectors = opened.embed_audio(clips)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    other = ContrastiveModel.open(again["model"])
    assert np.array_equal(other.embed_audio(clips), vectors)
    assert np.allclose(other.embed_audio(clips[1:2])[0], vectors[1], atol=1e-5)
    with pytest.raises(ModelError, match="answers no questions"):
        load_model(str(model))


def test_hard_negatives_are_pushed_away(corpus: Path, tmp_path: Path) -> None:
    names = ["hum", "tone", "whistle", "low tone"]
    pairs = [
        CaptionedClip(
            Clip("file", str(corpus / name / f"{number}.wav")),
            (f"{name} first",),
            (f"{name} second",),
        )
        for name in names
        for number in range(3)
    ]

    def margin(hard_negatives: int) -> float:
        model = ContrastiveModel.build(dim=16)
        settings = ClapTraining(steps=15, batch=8, dim=16, lr=5e-3, hard_negatives=hard_negatives)
        with Run.open(tmp_path / f"{hard_negatives}", {"a": 1}) as run:
            train_clap(model, pairs, settings, run)
        audio = model.embed_audio([pair.clip for pair in pairs])
        true = model.embed_text([pair.captions[0] for pair in pairs])
        false = model.embed_text([pair.negatives[0] for pair in pairs])
        return float(((true - false) * audio).sum(1).mean())

    assert margin(1) > margin(0) + 0.1


def test_a_text_tower_that_cannot_tell_the_false_captions_is_refused(
    corpus: Path, tmp_path: Path
) -> None:
    """n-grams of words have no order of words."""
    sounds = [corpus / "hum" / f"{number}.wav" for number in range(2)]
    pairs = [
        CaptionedClip(Clip("file", str(sound)), ("a, then b",), ("b, then a",)) for sound in sounds
    ]
    with (
        Run.open(tmp_path, {"a": 1}) as run,
        pytest.raises(ConfigError, match="ngrams gives false captions"),
    ):
        train_clap(ContrastiveModel.build(), pairs, ClapTraining(hard_negatives=1), run)


def test_hard_negatives_need_some(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="false in order or side"):
        train([corpus], tmp_path, overrides=[*STEPS, "clap.hard_negatives=1"])


def test_a_pretrained_encoder_is_frozen_and_found_again(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.ASTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_length=128, num_mel_bins=32,
    )  # fmt: skip
    transformers.ASTModel(config).save_pretrained(tmp_path / "weights" / "ast-tiny")
    extractor = transformers.ASTFeatureExtractor(max_length=128, num_mel_bins=32)
    extractor.save_pretrained(tmp_path / "weights" / "ast-tiny")
    monkeypatch.setenv("HARKEN_WEIGHTS", str(tmp_path / "weights"))
    model = ContrastiveModel.build("ast-tiny", dim=8)
    before = {name: tensor.clone() for name, tensor in model.net.state_dict().items()}
    pairs = [
        CaptionedClip(Clip("file", str(corpus / name / "0.wav")), (name,))
        for name in ("hum", "tone")
    ]
    with Run.open(tmp_path / "run", {"a": 1}) as run:
        train_clap(model, pairs, ClapTraining(steps=2, batch=2, dim=8), run)
    changed = [n for n, t in model.net.state_dict().items() if not torch.equal(t, before[n])]
    assert changed and not [name for name in changed if name.startswith("audio_encoder.")]
    model.save(tmp_path / "model")
    size = sum(path.stat().st_size for path in (tmp_path / "model").iterdir())
    assert size < 1_000_000  # the encoder is named, not copied
    opened = ContrastiveModel.open(str(tmp_path / "model"))
    clips = [pair.clip for pair in pairs]
    assert np.array_equal(opened.embed_audio(clips), model.embed_audio(clips))


def test_a_preset_sets_its_hard_negatives(corpus: Path, tmp_path: Path) -> None:
    """Labelled sounds have no order, so what compa-clap asks for is refused; clap trains."""
    with pytest.raises(DataError, match="could be false in order"):
        train([corpus], tmp_path / "compa", overrides=STEPS, preset="compa-clap")
    few = [*STEPS[1:], "clap.steps=1"]
    assert train([corpus], tmp_path / "clap", overrides=few, preset="clap")["steps"] == 1
