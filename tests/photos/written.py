"""Photos written to a folder, and the photos that a read skips."""

from pathlib import Path

from PIL import Image

from gmmaug_plugin.photos import load_photos


def write_photos(folder: Path, *names: str) -> list[Path]:
    """Write photos of 6 x 4 pixels, of gray levels 10, 20, … in the order of their names."""
    paths = [folder / name for name in names]
    for number, path in enumerate(paths, 1):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 4), 10 * number).save(path, "PNG")
    return paths


def reasons(folder: Path) -> dict[str, str]:
    return {photo.path: photo.reason for photo in load_photos(folder, image_size=8, quiet=True).skipped}
