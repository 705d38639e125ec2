"""Patch sizes and noise levels of the local mixture at each side."""

from typing import NamedTuple

from gmmaug_plugin.mixtures.kernel import AROUND_KEPT


class Stage(NamedTuple):
    """How the patches at one side are placed and compared during some steps.

    Attributes:
        size: Side of a patch in pixels, a multiple of 4.
        stride: Pixels between the positions of neighboring patches; divides the image's side less ``size``.
        centred: Compare patches without their means, which the coarser side has set already.
        search: Candidates: all places within this radius in pixels, or ``kernel.AROUND_KEPT``.
        keep: Number of nearest candidates that become the components of a position.
    """

    size: int
    stride: int
    centred: bool
    search: int
    keep: int


# At side 16 patches shrink as the noise falls: first whole images, then patches of 12 pixels below 2.5 times
# the locality, then patches of 8 below the locality.
COARSE = (Stage(16, 1, False, 0, 16), Stage(12, 2, False, 1, 16), Stage(8, 2, False, 2, 16))
MIDDLE_BELOW = 2.5
COARSE_END = 0.03  # noise before the last step at side 16

# At finer sides: large patches, then patches of 8 below 0.6 times the noise that was added.
AT_32 = (Stage(12, 4, False, AROUND_KEPT, 12), Stage(8, 4, True, AROUND_KEPT, 12))
BEYOND_32 = (Stage(16, 8, True, AROUND_KEPT, 12), Stage(8, 4, True, AROUND_KEPT, 12))
SMALL_BELOW = 0.6
FINE_NOISE = (0.08, 0.06, 0.04)  # added at sides 32, 64, and 128 and above
FINE_STEPS = (5, 5, 4)
FINE_END = 0.012  # noise before the last step
