"""Photos to a multi-scale mixture."""

from gmmaug_plugin.fitting.multiscale.multiscale_fitter import fit_multiscale_mixture

__all__ = ["fit_multiscale_mixture"]
