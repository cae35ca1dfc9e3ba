"""Models that write down what they hear, and cascades of such a listener and a text model."""
