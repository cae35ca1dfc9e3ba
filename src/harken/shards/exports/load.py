"""Formats of exports by name."""

from __future__ import annotations

from harken.registry import Registry
from harken.shards.exports.base import ExportFormat

EXPORTS: Registry[ExportFormat] = Registry(
    "export format",
    {
        "ms-swift": "harken.shards.exports.ms_swift:FORMAT",
        "llama-factory": "harken.shards.exports.llama_factory:FORMAT",
        "audio-flamingo-3": "harken.shards.exports.audio_flamingo3:FORMAT",
        "audiomcq": "harken.shards.exports.audiomcq:FORMAT",
        "nemo": "harken.shards.exports.nemo:FORMAT",
        "verl": "harken.shards.exports.verl:FORMAT",
        "hf-datasets": "harken.shards.exports.hf_datasets:FORMAT",
        "lhotse": "harken.shards.exports.lhotse:FORMAT",
        "webdataset": "harken.shards.exports.webdataset:FORMAT",
        "spatial-omni": "harken.shards.exports.spatial_omni:FORMAT",
    },
    group="exports",
    shape="harken.shards.exports.base:ExportFormat",
)
