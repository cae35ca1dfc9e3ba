"""Is a test set in the training data? By sound, by source, by words (`harken leaks`)."""
