"""Clips as references to audio, and the only code that uses a codec.

`clip` has the types, `load` turns a clip into samples. Below them: `source` (files and shard rows),
`codec`, `container`, `mp3`, `probe` (is a file usable, and if not, why), `formats` (which formats
this installation decodes) and `fingerprint`.
"""
