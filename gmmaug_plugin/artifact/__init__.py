"""Pools to one ``.safetensors`` file and back."""

from gmmaug_plugin.artifact.container import ArtifactError
from gmmaug_plugin.artifact.pools import as_pool, describe, load_model, save_pool

__all__ = ["ArtifactError", "as_pool", "describe", "load_model", "save_pool"]
