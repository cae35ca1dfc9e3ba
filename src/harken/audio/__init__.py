"""Clips as references to audio, and the only code that uses a codec.

`clip` has the types, `load` turns a clip into samples. Below them: `source` (files and shard rows),
`probe` (is a file usable, and if not, why), `codec`, `container` with `header`, `chunked` and `mp3`
(what headers claim, and whether it is true), `view` (a file as a decoder is to see it), `foreign`
(formats of FFmpeg), `formats` (which formats this installation decodes) and `fingerprint`.
"""
