"""Training sets of other programs, read as items: one file for each format."""
