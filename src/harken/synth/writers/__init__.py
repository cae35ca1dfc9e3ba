"""Writers of texts, one module each: ``grammar``, ``model`` and ``replay`` (see `load`)."""
