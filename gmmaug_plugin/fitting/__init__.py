"""From photos to a pool: read, choose options by measurement, draw, refuse copies, measure."""

from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.fitting.pipeline import fit
from gmmaug_plugin.fitting.rerendering import vary

__all__ = ["FitOptions", "fit", "vary"]
