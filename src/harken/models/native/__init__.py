"""Audio language model classes of transformers, run in this process; see `base`."""
