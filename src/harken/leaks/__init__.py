"""Is a test set in the training data? By audio, by source, by text (`harken leaks`)."""
