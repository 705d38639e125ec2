"""The ``.safetensors`` file of a pool: its bytes, its encoded images, its fields."""

from gmmaug_plugin.artifact.container import ArtifactError
from gmmaug_plugin.artifact.pool_fields import MAX_IMAGE_SIZE, describe, read_pool, write_pool

__all__ = ["MAX_IMAGE_SIZE", "ArtifactError", "describe", "read_pool", "write_pool"]
