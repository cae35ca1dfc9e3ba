"""Codec language models: one language model over text tokens and the codes of a codec."""
