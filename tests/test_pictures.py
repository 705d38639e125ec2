import numpy as np
import pytest

from gmmaug_plugin.pictures import grid


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (6, 3), (24, 6), (32, 8), (50, 10)])
def test_grids_are_wider_than_high_and_full_where_they_can_be(n: int, columns: int) -> None:
    images = np.arange(n * 16).astype(np.uint8).reshape(n, 4, 4)
    sheet = grid(images)
    assert sheet.shape == (-(-n // columns) * 6 + 2, columns * 6 + 2)
    for index in range(n):
        row, column = divmod(index, columns)
        top, left = 2 + 6 * row, 2 + 6 * column
        np.testing.assert_array_equal(sheet[top : top + 4, left : left + 4], images[index])


def test_empty_places_and_gaps_are_white() -> None:
    sheet = grid(np.zeros((5, 4, 4), np.uint8), columns=3)
    assert (sheet[8:12, 14:18] == 255).all()
    assert (sheet[:2] == 255).all()
