"""Measurements anyone can repeat, beside what a user would pick instead; ratios within one run."""
