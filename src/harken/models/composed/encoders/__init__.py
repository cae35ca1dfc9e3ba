"""Audio encoders, one file each; `base` has the interface."""
