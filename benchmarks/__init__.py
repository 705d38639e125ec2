"""Measurements that the documentation quotes; ``python -m benchmarks`` runs those of speed and size."""
