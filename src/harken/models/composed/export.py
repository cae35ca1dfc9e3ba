"""A composed model as folders of transformers and peft, and a file that joins them.

::

    encoder-0/ …            the audio encoders, with their feature extractors; adapters merged
    projector.safetensors   its tensors; adapters merged
    lm/                     the language model, if more than adapters was trained, or on request
    lm_adapter/             its adapters in peft's format
    tokenizer/              with the chat template
    export.json, joined.py  settings, and the code that needs transformers and peft only
    README.md
"""

from __future__ import annotations

import shutil
from copy import deepcopy
from math import isfinite
from pathlib import Path
from typing import Any

from torch import Tensor

from harken import files
from harken.errors import ModelError
from harken.files import real_path
from harken.models.bases import changed
from harken.models.composed import joined
from harken.models.composed.base_tensors import base_tensors
from harken.models.composed.encoders.base import AudioEncoder
from harken.models.composed.model import ComposedModel
from harken.models.engine.chat import ChatTokenizer
from harken.models.engine.lora import adapted_groups, base_state, merge_lora
from harken.models.peft_folder import write_peft

ENCODERS = ("whisper", "waveform", "ast", "parakeet")
PROJECTORS = (
    *("mlp", "linear", "pooling", "qformer", "window-qformer"),
    *("gated-mlp", "pooled-mlp", "mapping", "merging"),
)
"""What `joined.py` can compute."""

_TENSORS = (
    *("norm_in", "norm_out", "mix", "times", "clip_numbers", "first", "second", "only", "mlp"),
    *("query", "former", "out", "constants", "layers"),
)
"""What `joined.py` reads of a projector; it would leave out any other tensor without a word."""


def export_composed(
    model: ComposedModel, folder: Path, *, copy_bases: bool = False
) -> dict[str, Any]:
    """Write the files at the top of this page.

    Args:
        model: opened; it is not changed.
        folder: where they are written.
        copy_bases: write the language model in any case; else it is named where only its adapters
            were trained.

    Returns:
        What was written: ``model`` (the LM's folder, empty if not written), ``adapter``, ``base``.

    Raises:
        ModelError: an encoder or a projector that `joined.py` cannot compute.
    """
    _require_known(model)
    folder.mkdir(parents=True, exist_ok=True)
    encoders = _write_encoders(model, folder)
    former = _write_projector(model, folder)
    base = "" if copy_bases else _unchanged_lm(model)
    adapter = _write_lm(model, folder, base)
    _write_tokenizer(model, folder / "tokenizer")
    shutil.copyfile(joined.__file__, folder / "joined.py")
    tokenizer, chat = model.tokenizer, isinstance(model.prompt_tokenizer, ChatTokenizer)
    plain = [tokenizer.bos, tokenizer.clip_begin, tokenizer.clip_end, tokenizer.answer]
    settings = model.config["projector"]
    written = {
        "dtype": str(model.dtype).removeprefix("torch."),
        "encoders": encoders,
        "projector": {
            "kind": settings.get("kind", "mlp"),
            "pool": int(settings.get("pool", 1)),
            "window": int(settings.get("window") or 17),
            "heads": int(settings.get("heads") or 8),
            "keep": float(settings.get("keep", 0.25)),
            "layer_shape": [list(shape) for shape in model.net.audio_encoder.layer_shape],
            "former": former,
        },
        "lm": base,
        "placeholder": tokenizer.audio,
        "ends": sorted(tokenizer.ends),
        "style": {
            name: getattr(model.style, name)
            for name in ("mark_clips", "question_first", "instruction")
        },
        "plain": [] if chat else plain,
    }
    files.write_json(folder / "export.json", written)
    files.write_whole(folder / "README.md", _readme(model, base, adapter))
    return {
        "model": "" if base else str(folder / "lm"),
        "adapter": str(folder / "lm_adapter") if adapter else "",
        "base": base,
    }


def _parts(model: ComposedModel) -> list[AudioEncoder]:
    encoder: Any = model.net.audio_encoder
    return list(encoder.parts) if encoder.name == "concat" else [encoder]


def _require_known(model: ComposedModel) -> None:
    unknown = [part.name for part in _parts(model) if part.name not in ENCODERS]
    kind = model.config["projector"].get("kind", "mlp")
    unknown += [f"the projector {kind}"] * (kind not in PROJECTORS)
    unknown += ["clip numbers of the vocabulary"] * bool(model.net.projector.number_ids)
    own = {name.partition(".")[0] for name, _ in model.net.projector.named_parameters()}
    unknown += [f"{name} of the projector {kind}" for name in sorted(own - {*_TENSORS})]
    if unknown:
        raise ModelError(
            f"{', '.join(unknown)}: not in the code that joins the parts without harken",
            where=model.name,
            hint=f"Encoders that can be exported: {', '.join(ENCODERS)}; "
            f"projectors: {', '.join(PROJECTORS)}.",
        )


def _write_encoders(model: ComposedModel, folder: Path) -> list[dict[str, Any]]:
    """Write every encoder as a folder; returns what `joined.py` must know of each."""
    found = []
    for number, part in enumerate(_parts(model)):
        plain = deepcopy(part)
        merge_lora(plain)
        here = folder / f"encoder-{number}"
        inner: Any = plain.encoder
        inner.save_pretrained(here)
        extractor = getattr(plain, "_extract", None)
        if extractor is not None:
            extractor.save_pretrained(here)
        own = type(inner)
        shortest = plain._shortest() if part.name == "waveform" else 0  # type: ignore[operator]
        found.append(
            {
                "kind": part.name,
                "class": f"{own.__module__}:{own.__name__}",
                "layers": list(part.layers),
                "own_length": bool(part.settings.get("own_length")),
                "limit_s": part.limit_s if isfinite(part.limit_s) else 0,
                "shortest": shortest,
            }
        )
    return found


def _write_projector(model: ComposedModel, folder: Path) -> dict[str, Any]:
    """Write the projector's tensors; returns the configuration of a Q-Former, if it is one."""
    from safetensors.torch import save as to_bytes

    plain: Any = deepcopy(model.net.projector)
    merge_lora(plain)
    tensors = {n: t.detach().cpu().contiguous() for n, t in sorted(plain.state_dict().items())}
    files.write_whole(folder / "projector.safetensors", to_bytes(tensors))
    former = getattr(plain, "former", None)
    return dict(former.config.to_diff_dict()) if former is not None else {}


def _unchanged_lm(model: ComposedModel) -> str:
    """The folder or hub id of the language model, if only its adapters were trained."""
    bases = [base for base in model.bases if base.prefix == "lm."]
    own = {n: t for n, t in model.state().items() if n.startswith("lm.") and "lora_" not in n}
    return bases[0].plain_source() if bases and not changed(own, bases, base_tensors) else ""


def _write_lm(model: ComposedModel, folder: Path, base: str) -> bool:
    """Write the language model unless it is named, and its adapters; whether it has any."""
    lm: Any = model.net.lm
    adapted = "lm" in adapted_groups(model.net)
    if not base:
        state: dict[str, Tensor] | None = base_state(lm.state_dict()) if adapted else None
        lm.save_pretrained(folder / "lm", **({"state_dict": state} if state else {}))
    if adapted:
        place = base or str(real_path(folder / "lm"))
        write_peft(lm, folder / "lm_adapter", base=place)
    return adapted


def _write_tokenizer(model: ComposedModel, folder: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    chat = model.config.get("chat") or {}
    made: Any = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(model.tokenizer.to_json()), **chat.get("tokens", {})
    )
    made.chat_template = chat.get("template")
    made.save_pretrained(folder)


def _readme(model: ComposedModel, base: str, adapter: bool) -> str:
    """What was written, and how it is opened."""
    import peft
    import transformers

    lm = f"`{base}`, unchanged" if base else "`lm/`"
    lines = [
        f"# {model.name}",
        "",
        f"Language model: {lm}" + (", with the adapters in `lm_adapter/`" if adapter else "")
        + ". The audio encoders are in `encoder-*/`, the projector in `projector.safetensors`. "
        f"Written for transformers {transformers.__version__} and peft {peft.__version__}.",
        "",
        "```python",
        "from pathlib import Path",
        "",
        "import soundfile",
        "",
        "from joined import Joined",
        "",
        'samples, rate = soundfile.read("clip.wav", dtype="float32")  # mono, 16 kHz',
        'print(Joined(Path(".")).answer("What do you hear?", samples))',
        "```",
        "",
    ]  # fmt: skip
    return "\n".join(lines)
