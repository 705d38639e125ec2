"""Long checks of bad input, interruptions and leaks; each script counts what it tried and the outcomes."""
