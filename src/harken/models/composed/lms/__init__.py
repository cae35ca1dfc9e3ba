"""Language models, one file each; `base` has the interface."""
