"""Measurements for the documentation; ``python -m benchmarks`` runs those of speed and size."""
