"""Audio language model classes of transformers, asked in this process; see `base` for the shape."""
