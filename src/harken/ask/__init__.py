"""The hearth: from an item under a condition to a marked answer."""
