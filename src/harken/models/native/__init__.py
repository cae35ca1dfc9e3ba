"""Audio language model classes of transformers, asked in this process; see `base` for the shape."""

from __future__ import annotations

from harken.registry import Registry

FAMILIES: Registry[type] = Registry(
    "native family",
    {
        "qwen2_audio": "harken.models.native.qwen2_audio:Qwen2Audio",
    },
)
"""``model_type`` of a folder's configuration -> the family that serves it."""
