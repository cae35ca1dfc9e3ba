"""Time tokens: one id a time, in tokenizer, embedding and head; saved, opened, trained alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_audioflamingo3
import tiny_qwen2_audio
import tiny_qwen_omni
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import write

from harken.ask.prompt import make_prompt
from harken.errors import ModelError
from harken.item import Item
from harken.models.engine.time_tokens import add_time_tokens, rows_trained
from harken.models.learner import Learner, load_learner
from harken.models.native.families import FAMILIES
from harken.times import TimeGrid
from tiny_audio import mini, sound

GRID = TimeGrid(0.1, 2.0)
NATIVE = {
    "qwen2_audio": tiny_qwen2_audio.TINY,
    "audioflamingo3": tiny_audioflamingo3.TINIES[0],
    "qwen2_5_omni": next(t for t in tiny_qwen_omni.TINIES if t.kind.startswith("qwen2_5_omni")),
}
KINDS = ("composed", *NATIVE)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("learners")
    mini().save(root / "composed")
    found = {"composed": str(root / "composed")}
    for kind, tiny in NATIVE.items():
        write(tiny, root / kind, FAMILIES.get(tiny.kind).template)
        found[kind] = f"native:{root / kind}"
    return found


def asked(folder: Path) -> list[Item]:
    clip = sound(folder, "noise", 0.4)
    return [
        Item("When is it?", "0.1s", choices=("0.1s", "1.2s", "0.4 s"), clips=(clip,)),
        Item(
            "What is there at 0.3s?", "noise", choices=("noise", "at 0.5s, nothing"), clips=(clip,)
        ),
    ]


def logprobs(learner: Learner, folder: Path) -> list[tuple[float, ...] | None]:
    return learner.choice_logprobs([make_prompt(one, learner.style) for one in asked(folder)])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_keeps_them(
    kind: str, dtype: str, folders: dict[str, str], tmp_path: Path
) -> None:
    learner = load_learner(folders[kind], dtype=dtype)
    before = logprobs(learner, tmp_path / "sounds")
    text = "from 0.3s to 1.2 seconds, a dog"
    plain = learner.tokenizer.encode(text)
    assert add_time_tokens(learner, GRID) == GRID.count == 21
    assert add_time_tokens(learner, GRID) == 0
    with pytest.raises(ModelError, match=r"0.1 s up to 2 s, and 0.2 s up to 2 s"):
        add_time_tokens(learner, TimeGrid(0.2, 2.0))
    ids = learner.tokenizer.encode(text)
    assert len(ids) < len(plain)
    assert learner.tokenizer.decode(ids) == "from <|0.3|> to <|1.2|>, a dog"
    assert set(ids) & set(learner.tokenizer.time_ids.values()) == {
        learner.tokenizer.time_ids[name] for name in ("<|0.3|>", "<|1.2|>")
    }
    rows = learner.net.lm.get_input_embeddings().weight
    own = rows[sorted(learner.tokenizer.time_ids.values())].detach().float()
    assert len(own.unique(dim=0)) == GRID.count and own.isfinite().all()
    now = logprobs(learner, tmp_path / "sounds")
    assert now != before and all(one is not None for one in now)
    learner.save(tmp_path / "model")
    again = load_learner(str(tmp_path / "model"), dtype=dtype)
    assert again.tokenizer.times == GRID and again.config["times"] == learner.config["times"]
    assert again.identity() == learner.identity()
    assert logprobs(again, tmp_path / "sounds") == now
    assert logprobs(learner.clone(), tmp_path / "sounds") == now


@pytest.mark.parametrize("kind", KINDS)
def test_their_rows_are_trained_beside_adapters(
    kind: str, folders: dict[str, str], tmp_path: Path
) -> None:
    """The other rows of embedding and head stay what they are, and are frozen again after it."""
    pytest.importorskip("peft")
    learner = load_learner(folders[kind])
    learner.add_lora(rank=2)
    add_time_tokens(learner, GRID)
    numbers = sorted(learner.tokenizer.time_ids.values())
    (item, _) = asked(tmp_path / "sounds")

    def stepped() -> list[str]:
        state = {name: tensor.clone() for name, tensor in learner.state().items()}
        optimiser = torch.optim.AdamW(learner.trainable(("lm",)), lr=0.1, weight_decay=0.0)
        prompt = make_prompt(item, learner.style)
        (-learner.logprobs([prompt], ["0.1s at 0.7s"]).sum()).backward()
        optimiser.step()
        return [n for n, t in learner.state().items() if not torch.equal(t, state[n])]

    plain = {name for name in stepped() if "lora_" not in name}
    assert not plain
    before = learner.net.lm.get_input_embeddings().weight.detach().clone()
    with rows_trained(learner.net, numbers):
        moved = {name for name in stepped() if "lora_" not in name}
    assert 1 <= len(moved) <= 2
    after = learner.net.lm.get_input_embeddings().weight.detach()
    others = [row for row in range(len(after)) if row not in set(numbers)]
    assert torch.equal(after[others], before[others])
    assert not torch.equal(after[numbers], before[numbers])
    assert not {name for name in stepped() if "lora_" not in name}


@given(st.lists(st.integers(0, GRID.count - 1), max_size=4), st.sampled_from([" ", ", ", " to a "]))
def test_text_with_times_survives_the_tokenizer(places: list[int], gap: str) -> None:
    tokenizer = _timed()
    text = ("at " + gap.join(GRID.token(place) for place in places) + " clicks").replace("  ", " ")
    assert tokenizer.decode(tokenizer.encode(text)) == text
    said = ("at " + gap.join(f"{GRID.seconds(place)}s" for place in places) + " clicks").strip()
    assert tokenizer.encode(said.replace("  ", " ")) == tokenizer.encode(text)


_kept = []


def _timed():  # type: ignore[no-untyped-def]
    if not _kept:
        _kept.append(mini().tokenizer)
        _kept[0].use_times(GRID)
    return _kept[0]


def test_tokens_that_the_tokenizer_has_are_used(folders: dict[str, str], tmp_path: Path) -> None:
    """Qwen2-Audio has 3,001 of them, among its special tokens."""
    learner = load_learner(folders["qwen2_audio"])
    backend = learner.tokenizer._tokenizer
    backend.add_special_tokens([GRID.token(place) for place in range(5)])
    known = {GRID.token(place): backend.token_to_id(GRID.token(place)) for place in range(5)}
    learner.tokenizer.special_ids |= known
    assert learner.tokenizer.decode([known["<|0.2|>"]]) == ""
    assert add_time_tokens(learner, GRID) == GRID.count - 5
    assert learner.tokenizer.encode("0.2s") == (known["<|0.2|>"],)
    assert learner.tokenizer.decode([known["<|0.2|>"]]) == "<|0.2|>"
