"""What loading a file may end with."""


class ArtifactError(ValueError):
    """A file is no artifact, a damaged one, or one this version cannot read."""
