"""Effects: what papers claim, tried at a small scale, as studies of several arms and seeds."""
