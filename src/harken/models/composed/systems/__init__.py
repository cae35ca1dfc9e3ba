"""Published audio-language models by name: parts, recipe, size; `base` has the shape."""
