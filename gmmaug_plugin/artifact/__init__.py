"""Model <-> one ``.safetensors`` file."""

from gmmaug_plugin.artifact.errors import ArtifactError
from gmmaug_plugin.artifact.files import as_model, describe_artifact, load_model, save_model

__all__ = ["ArtifactError", "as_model", "describe_artifact", "load_model", "save_model"]
