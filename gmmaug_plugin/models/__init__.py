"""What was learned, and what it can do."""

from gmmaug_plugin.models.image_model import ImageModel, Label
from gmmaug_plugin.models.pca_mixture import PCAMixture

__all__ = ["ImageModel", "Label", "PCAMixture"]
