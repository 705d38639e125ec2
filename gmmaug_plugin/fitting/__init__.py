"""Offline: photos to model."""

from gmmaug_plugin.fitting.fitter import fit

__all__ = ["fit"]
