"""Clips as references, and the only code that touches a codec.

`clip` holds the types, `load` turns a clip into samples; below them `source` (files and shard
rows), `codec`, `container`, `mp3`, `probe` (is this file usable, and if not why), `formats` (what
decodes here) and `fingerprint`.
"""
