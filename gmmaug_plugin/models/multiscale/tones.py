"""The scale of brightness that the model works on: grey levels, drawn out towards black and white.

    tone = 127.5 + s ln((x + d) / (255 - x + d)),   s = (127.5 + d) / 2

is a logit (J. Aitchison and S. M. Shen, *Biometrika* 67, 1980, section 2) with a little room beyond black and
white: d = 4 grey levels. In the middle tones are grey levels. Varied on this scale, dark places stay dark and
bright ones bright; on that of grey levels a tenth of all pixels would be moved beyond black or white and
clipped, which costs a tenth of the contrast.
"""

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.engine import Array, Engine

WHITE = 255.0
ROOM = 4.0
MIDDLE = WHITE / 2
SCALE = (MIDDLE + ROOM) / 2

TONE_STEP = 2.0**-8
"""Tones are rounded to this, where they come from images and where details are put together: so what one
level hands to the next is the same number in every engine."""


FARTHEST_TONE = 2.0**15
"""Tones and details end here. White is at 402, so no fit draws any as far; but a file may hold a mixture
whose details grow from level to level until float32 cannot hold them."""


def to_tones(engine: Engine, grey: Array) -> Array:
    """Tones of grey levels 0..255, float32, multiples of ``TONE_STEP``."""
    return round_tones(engine, exact_tones(engine, grey))


def exact_tones(engine: Engine, grey: Array) -> Array:
    """Tones of grey levels 0..255, float64."""
    precise = engine.cast(grey, "float64")
    return engine.log((precise + ROOM) / (WHITE + ROOM - precise)) * SCALE + MIDDLE


def to_grey(engine: Engine, tones: Array) -> Array:
    """Grey levels of tones, float32, between -4 and 259: the inverse of :func:`to_tones`."""
    share = 1.0 / (1.0 + engine.exp((MIDDLE - engine.cast(tones, "float64")) * (1.0 / SCALE)))
    return engine.cast(share * (WHITE + 2 * ROOM) - ROOM, "float32")


def round_tones(engine: Engine, tones: Array) -> Array:
    """Round float64 tones to multiples of ``TONE_STEP`` within ``FARTHEST_TONE``, as float32."""
    near = engine.clip(tones, -FARTHEST_TONE, FARTHEST_TONE)
    return engine.cast(engine.round(near * (1.0 / TONE_STEP)) * TONE_STEP, "float32")


def log_slope(grey: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log of the derivative of tones by grey levels, for every pixel."""
    x = grey.astype(np.float64)
    return np.asarray(np.log(SCALE * (1.0 / (x + ROOM) + 1.0 / (WHITE + ROOM - x))))
