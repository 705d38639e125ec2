"""The picture of the README: drawn flowers, and below them images drawn from them.

python examples/picture.py docs/pictures/drawn-flowers.png
"""

import sys
from pathlib import Path

import numpy as np
from drawn_flowers import make_flowers

from gmmaug_plugin import fit
from gmmaug_plugin.pictures import grid, save_png

ROWS = 4


def main() -> None:
    flowers, labels, _ = make_flowers(300, image_size=96, n_classes=5, random_state=0)
    pool = fit(flowers, labels, n_images=2 * ROWS)
    shown = [flowers[labels == label][:2] for label in range(5)]
    rows = [np.concatenate(shown)]
    for row in range(ROWS):
        rows.append(
            np.concatenate([pool.images[pool.labels == label][2 * row : 2 * row + 2] for label in range(5)])
        )
    save_png(grid(np.concatenate(rows), columns=10), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
