"""Stories of stages, each about a hundred lines, told by name."""
