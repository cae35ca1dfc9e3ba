"""harken: make, curate, train and judge audio-language models, with proof that they listen."""

__version__ = "0.1.0"
