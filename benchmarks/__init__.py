"""Measurements of speed, size, memory and quality, beside peers and the machine's limits."""

import os

# Before TensorFlow and albumentations are imported: neither has anything to say that a table should hold.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
