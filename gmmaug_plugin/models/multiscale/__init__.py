"""Gaussian mixtures on the bands of a Haar pyramid."""

from gmmaug_plugin.models.multiscale.conditional import ConditionalMixture
from gmmaug_plugin.models.multiscale.multiscale_mixture import SHARINGS, MultiscaleMixture, Sharing
from gmmaug_plugin.models.multiscale.templates import PhotoTemplates

__all__ = ["SHARINGS", "ConditionalMixture", "MultiscaleMixture", "PhotoTemplates", "Sharing"]
