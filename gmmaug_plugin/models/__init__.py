"""What was learned, and what it can do."""

from gmmaug_plugin.models.pca_mixture import PCAMixture

__all__ = ["PCAMixture"]
