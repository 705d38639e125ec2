"""Stand-ins: names that would break a careless page, and models that can do little."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.models.strengths import Strengths

HOSTILE_TEXT = "<script>document.title='owned'</script><img src=x onerror=\"alert(1)\">"
HOSTILE_NAMES = (
    HOSTILE_TEXT,
    "\"quoted' & &amp; {{ 7 * 7 }} {% raw %}\nsecond line\u202e",
    "🌸" * 3 + " $x^{$ _\udcff",
    "_" + "long" * 50,
    "</style></script><!-- ]]>",
)


class BareModel:
    """Can do what every model can, and tells nothing of itself."""

    kind = "bare"
    class_names = ()
    strengths = Strengths()
    image_size = 16

    def __init__(self, n: int = 12) -> None:
        self.info: dict[str, Any] = {}
        self.images = np.random.default_rng(0).integers(0, 255, (n, 16, 16), np.uint8)

    def sample(self, n: int, **_: Any) -> tuple[NDArray[np.uint8], None]:
        return self.images[np.arange(n) % len(self.images)], None

    def vary(self, images: NDArray[np.uint8], *, strength: float, **_: Any) -> NDArray[np.uint8]:
        return np.rint((1 - strength) * images).astype(np.uint8)


class Copier(BareModel):
    """Its samples are its photos, every one turned by a quarter."""

    def sample(self, n: int, **_: Any) -> tuple[NDArray[np.uint8], None]:
        return np.rot90(super().sample(n)[0], axes=(1, 2)).copy(), None
