"""Long checks of what must never happen: each script counts what it tried and what came of it."""
