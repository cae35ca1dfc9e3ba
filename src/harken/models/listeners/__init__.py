"""Models that write transcripts or captions of clips, and cascades of one and a text model."""
