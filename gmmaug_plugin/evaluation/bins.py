"""Number of statistically different bins: do all kinds of photo come up as often as they should?

Reference photos are clustered into bins; a bin differs if the share of samples that fall into it differs from
the photos' by more than chance explains. Missing modes leave bins empty, favoured ones overfill theirs.
E. Richardson and Y. Weiss, "On GANs and GMMs", NeurIPS 2018, section 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm
from sklearn.cluster import KMeans

from gmmaug_plugin.checks import whole_number
from gmmaug_plugin.evaluation.measures import Measure, check_stack
from gmmaug_plugin.resizing import resize_images
from gmmaug_plugin.threads import one_openmp_thread

SOURCE = "Richardson & Weiss, NeurIPS 2018, section 2 (NDB)"
MOST_BINS = 30
PHOTOS_PER_BIN = 8
"""Photos per bin at least, on average: the test takes shares for normally distributed."""
LEVEL = 0.05
"""Of the test: so many bins differ by chance alone."""

_SIZE = 32


@dataclass(frozen=True)
class BinCounts:
    """How many bins differ.

    Attributes:
        n_bins: Number of bins.
        z: Test figure per bin, (n_bins,): positive where the images fill a bin more than the reference does.
    """

    n_bins: int
    z: NDArray[np.float64]

    @property
    def n_overfull(self) -> int:
        """Bins that images fill more often than the reference."""
        return int((self.z > norm.ppf(1 - LEVEL / 2)).sum())

    @property
    def n_lacking(self) -> int:
        """Bins that images fill less often than the reference, or never."""
        return int((self.z < norm.ppf(LEVEL / 2)).sum())

    @property
    def n_different(self) -> int:
        """Both together, the paper's NDB."""
        return self.n_overfull + self.n_lacking


def n_bins_for(n_photos: int) -> int:
    """30 bins from 240 photos on; of fewer, one per eight photos, but never fewer than two."""
    return int(np.clip(n_photos // PHOTOS_PER_BIN, 2, MOST_BINS))


class BinReference:
    """Kinds of reference photo, by k-means on the pixels of 32 x 32 images.

    Args:
        reference: uint8 (n, h, w), at least 2.
        n_bins: Number of bins; by default :func:`n_bins_for` the number of photos.
        random_state: Seed of k-means.

    Example:
        >>> flowers = np.random.default_rng(0).integers(0, 256, (40, 16, 16), np.uint8)
        >>> BinReference(flowers[:20]).compare(flowers[20:]).n_bins
        2
    """

    def __init__(
        self, reference: NDArray[np.uint8], *, n_bins: int | None = None, random_state: int = 0
    ) -> None:
        check_stack("reference", reference)
        self.n_bins = whole_number(
            "n_bins", n_bins_for(len(reference)) if n_bins is None else n_bins, 1, len(reference)
        )
        whole_number("random_state", random_state, 0, 2**32 - 1)
        self.n_reference = len(reference)
        pixels = _pixels(reference)
        # Equal photos cannot fill more bins than there are of them.
        distinct = len(np.unique(pixels, axis=0))
        self.n_bins = min(self.n_bins, distinct)
        with one_openmp_thread():
            self._clusters = KMeans(self.n_bins, n_init=3, random_state=random_state).fit(pixels)
        self._counts = np.bincount(self._clusters.labels_, minlength=self.n_bins)

    def compare(self, images: NDArray[np.uint8]) -> BinCounts:
        """Test every bin's share of the images, uint8 (n, h, w), against its share of the reference."""
        with one_openmp_thread():
            found = self._clusters.predict(_pixels(check_stack("images", images)))
        counts = np.bincount(found, minlength=self.n_bins)
        return BinCounts(self.n_bins, proportion_z(counts, len(images), self._counts, self.n_reference))


def proportion_z(
    counts: NDArray[np.integer], n: int, reference_counts: NDArray[np.integer], n_reference: int
) -> NDArray[np.float64]:
    """Two-proportion z-test with pooled variance: z per bin, zero where both counts are.

    Example:
        >>> proportion_z(np.array([30]), 100, np.array([20]), 100).round(2).tolist()
        [1.63]
    """
    pooled = (counts + reference_counts) / (n + n_reference)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / n_reference))
    difference = counts / n - reference_counts / n_reference
    return np.asarray(np.divide(difference, error, out=np.zeros(len(counts)), where=error > 0))


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = resize_images(images.astype(np.float32), (_SIZE, _SIZE))
    return small.reshape(len(small), -1)


def measure_bins(
    samples: NDArray[np.uint8],
    photos: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    *,
    random_state: int = 0,
) -> Measure:
    """Compare samples and other photos with the same reference photos.

    Good is at most what chance gives equal sets in 19 of 20 cases (4 of 30 bins), or what the photos have,
    if that is more.

    Args:
        samples: uint8 (n, h, w).
        photos: Real photos, as many as there are samples.
        reference: Other real photos, as many again.
        random_state: Seed of k-means.
    """
    bins = BinReference(reference, random_state=random_state)
    value, real = bins.compare(samples), bins.compare(photos)
    by_chance = int(binom.ppf(0.95, bins.n_bins, LEVEL))
    good = value.n_different <= max(by_chance, real.n_different)
    return Measure(
        name="different_bins",
        title=f"Kinds of photo that come up too often or too rarely, of {bins.n_bins}",
        value=float(value.n_different),
        real=float(real.n_different),
        unit="",
        good=good,
        verdict=_verdict(value, good=good),
        source=SOURCE,
    )


def _verdict(value: BinCounts, *, good: bool) -> str:
    expected = f"{LEVEL * value.n_bins:.2g} would by chance alone"
    told = (
        f"Of {value.n_bins} kinds of photo {value.n_different} come up more or less often among the samples"
    )
    if good:
        return f"{told} than among the photos, where {expected}: no kind is missing or favoured."
    return (
        f"{told} than among the photos, where {expected}: {value.n_lacking} too rarely or never, "
        f"{value.n_overfull} too often."
    )
