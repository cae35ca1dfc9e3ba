"""Audio and text in one space: two towers, projection heads, similarity."""
