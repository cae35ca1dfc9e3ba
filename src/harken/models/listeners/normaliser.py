"""Whisper's normaliser of English transcripts, from a library that has it.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv 2212.04356,
appendix C: lower case; no brackets, fillers and punctuation; contractions opened; numbers in
digits; American spelling.
"""

from __future__ import annotations

from collections.abc import Callable


def whisper_english() -> tuple[str, Callable[[str], str]] | None:
    """Whisper's English normaliser and its name; None where no library with it is installed."""
    try:
        from whisper_normalizer.english import EnglishTextNormalizer

        return "Whisper's, English (whisper_normalizer)", EnglishTextNormalizer()
    except ImportError:
        pass
    try:
        from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

        name = "Whisper's, English (transformers; without its list of British spellings)"
        return name, EnglishTextNormalizer({})
    except ImportError:
        return None
