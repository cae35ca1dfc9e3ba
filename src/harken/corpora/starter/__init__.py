"""The starter corpus, synthesised without data or network: sounds, music, speech."""
