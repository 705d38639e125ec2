"""Mixtures: what images are drawn from. They know arrays only."""
