"""What goes wrong with photos."""


class PhotoError(ValueError):
    """Photos that cannot be used: an unusable source, too few of them, or a bad one in a strict read."""
