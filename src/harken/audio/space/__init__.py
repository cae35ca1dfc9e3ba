"""Where sources are heard from: places, rooms, and what channels hold of them."""
