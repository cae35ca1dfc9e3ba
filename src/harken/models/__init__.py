"""What can be asked and, some of them, taught. Names first; libraries when a model is built."""
