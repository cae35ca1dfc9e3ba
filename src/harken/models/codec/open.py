"""Codecs by name: a saved one, or ``name:FOLDER`` for those of transformers."""

from __future__ import annotations

from pathlib import Path

from harken.errors import ConfigError
from harken.models.base import MODEL_FILE
from harken.models.codec.base import AudioTokenizer
from harken.models.codec.own import OWN_KINDS, kind_of_saved
from harken.models.released import released_name
from harken.registry import Registry
from harken.threads import fix_products

_HERE = "harken.models.codec"

CODECS: Registry[type[AudioTokenizer]] = Registry(
    "codec",
    {
        "conv": f"{_HERE}.conv:ConvCodec",
        "spectral": f"{_HERE}.spectral:SpectralCodec",
        "encodec": f"{_HERE}.encodec:EncodecTokenizer",
        "dac": f"{_HERE}.dac:DacTokenizer",
        "mimi": f"{_HERE}.mimi:MimiTokenizer",
        "xcodec": f"{_HERE}.xcodec:XcodecTokenizer",
        "wavtokenizer": f"{_HERE}.wavtokenizer:WavTokenizerCodec",
    },
    shape="harken.models.codec.base:AudioTokenizer",
)


def open_codec(spec: str) -> AudioTokenizer:
    """The codec that `spec` names.

    Args:
        spec: folder of a saved codec or its name below ``$HARKEN_MODELS``; or ``encodec:FOLDER``,
            ``dac:FOLDER``, ``mimi:FOLDER``, ``xcodec:FOLDER`` or ``wavtokenizer:FOLDER`` with a
            folder or hub id in the layout of transformers.

    Raises:
        ModelError: there is no such folder, or what is in it is another kind of model.
        ConfigError: no codec has this name.
    """
    fix_products()
    if (Path(spec) / MODEL_FILE).is_file() or released_name(spec):
        return CODECS.get(kind_of_saved(spec)).open(spec)
    name, colon, target = spec.partition(":")
    if not colon:
        raise ConfigError(
            f"there is no codec {spec!r}",
            hint="Name the folder of a trained codec (harken train-codec), or "
            f"{', '.join(f'{one}:FOLDER' for one in CODECS if one not in OWN_KINDS)}.",
        )
    return CODECS.get(name).open(target)
