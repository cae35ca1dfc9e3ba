"""Audio encoder -> projector -> causal language model, composed from parts by name."""
