"""How a fit is carried out. Nothing of it changes the model."""

from dataclasses import dataclass

from gmmaug_plugin.fitting.parts import NO_PARTS, Parts
from gmmaug_plugin.fitting.workers import Client


@dataclass(frozen=True)
class Execution:
    """Where a fit is carried out, and what is kept of it meanwhile.

    Attributes:
        client: A ``distributed.Client`` of a Dask cluster that fits; None fits here.
        parts: Finished parts.
    """

    client: Client = None
    parts: Parts = NO_PARTS

    def under(self, name: str) -> "Execution":
        """The same for a part of the fit that has parts in its turn."""
        return Execution(self.client, self.parts.under(name))


HERE = Execution()
"""In this process, keeping nothing."""
