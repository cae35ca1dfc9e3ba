"""The starter corpus, generated without data or network: sounds, music, speech."""
