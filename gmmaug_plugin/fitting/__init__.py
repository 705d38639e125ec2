"""From photos to a pool: reading, choosing options by measurement, drawing, refusing copies, measuring."""

from gmmaug_plugin.fitting.pipeline import fit
from gmmaug_plugin.fitting.rerendering import vary

__all__ = ["fit", "vary"]
