"""Pretrained weights of harken-tiny's language model, trained on the questions as text.

As a large audio-language model starts from a pretrained language model, so does the tiny one. Its
two layers were trained on text only, with made-up names in place of clips: they name, choose, and
tell the order and whether two are the same. "Which clip" and "how many" are learned later, by the
drill on a corpus's own labels. `harken.recipes.pretrain_tiny_lm` makes the file again. For a
corpus, `apply_lm_init` copies the layers and the embeddings of the question texts, and gives every
label the embedding of a made-up name: the layers match embeddings, whatever the names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from harken.files import write_json, write_whole
from harken.parsing import load_json

TENSORS = "lm_init.safetensors"
TABLE = "lm_init.json"
FOLDER = Path(__file__).parent / "data"


def export_lm_init(learner: Any, names: Iterable[str], folder: Path, about: dict[str, Any]) -> None:
    """Write the files of `apply_lm_init`: layers, embeddings of tokens and of `names`, float16."""
    from safetensors.torch import save

    tokenizer: Any = learner.tokenizer
    lm: Any = learner.net.lm
    rows = lm.get_input_embeddings().weight.detach()
    own = sorted({tokenizer.encode(name)[0] for name in names if len(tokenizer.encode(name)) == 1})
    common = [i for i in range(tokenizer.size) if i not in set(own)]
    tensors = {
        f"lm.{name}": tensor.detach().half().contiguous()
        for name, tensor in lm.model.named_parameters()
        if not name.startswith("embed_tokens")
    }
    tensors["names"] = rows[own].half().contiguous()
    tensors["common"] = rows[common].half().contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / TENSORS, save(tensors))
    table = [tokenizer.token(i) for i in common]
    write_json(folder / TABLE, {"about": about, "common": table})


def apply_lm_init(learner: Any, texts: Iterable[str], folder: Path = FOLDER) -> bool:
    """Initialise `learner`'s language model from the file; False if the shapes differ.

    Args:
        learner: a model with fresh weights.
        texts: its training texts; a text that is one token and not in the table is a name.
        folder: where the file is.
    """
    from safetensors.torch import load

    if not (folder / TENSORS).is_file():
        return False
    tensors = load((folder / TENSORS).read_bytes())
    common = load_json(folder / TABLE)["common"]
    tokenizer: Any = learner.tokenizer
    lm: Any = learner.net.lm
    own = dict(lm.model.named_parameters())
    layers = {name[3:]: value for name, value in tensors.items() if name.startswith("lm.")}
    rows = own["embed_tokens.weight"]
    fits = set(layers) | {"embed_tokens.weight"} == set(own) and all(
        own[name].shape == value.shape for name, value in layers.items()
    )
    if not fits or rows.shape[1] != tensors["common"].shape[1]:
        return False
    place = {token: row for row, token in enumerate(common)}
    named = sorted(
        {tokenizer.encode(text)[0] for text in set(texts) if len(tokenizer.encode(text)) == 1}
    )
    with torch.no_grad():
        for name, value in layers.items():
            own[name].copy_(value.float())
        for i in range(tokenizer.size):
            if tokenizer.token(i) in place:
                rows[i] = tensors["common"][place[tokenizer.token(i)]].float()
        new = [i for i in named if tokenizer.token(i) not in place]
        for turn, i in enumerate(new):
            rows[i] = tensors["names"][turn % len(tensors["names"])].float()
    return True
