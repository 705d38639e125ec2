"""Where the numbers of an image's positions stand in arrays of noise and of templates."""

from dataclasses import dataclass

from gmmaug_plugin.models.engine import Array, Engine
from gmmaug_plugin.models.multiscale.contexts import N_DETAILS, PHASES, n_positions
from gmmaug_plugin.models.multiscale.pyramid import detail_sizes


@dataclass(frozen=True)
class Step:
    """One of the steps that an image is made in: a phase of a level.

    Attributes:
        level: Number of the level, 0 the coarsest.
        phase: The phase.
        size: Height and width of the level.
        begin: The positions of earlier steps.
    """

    level: int
    phase: str
    size: int
    begin: int

    @property
    def count(self) -> int:
        """Number of positions of an image in this step."""
        return n_positions(self.size, self.phase)

    @property
    def end(self) -> int:
        """The positions of earlier steps and this one."""
        return self.begin + self.count

    def columns(self, engine: Engine, per_position: Array) -> Array:
        """This step's part of numbers (n, positions), in the order of its contexts, (N,)."""
        part = per_position[:, self.begin : self.end]
        if self.phase == "third":
            half = self.count // 2
            part = engine.concat([part[:, :half], part[:, half:]], 0)
        return engine.reshape(part, (-1,))

    def rows(self, engine: Engine, columns: Array) -> Array:
        """Numbers in the order of contexts, (N,), back as (n, count); the inverse of :meth:`columns`."""
        if self.phase != "third":
            return engine.reshape(columns, (-1, self.count))
        halves = engine.reshape(columns, (2, -1, self.count // 2))
        return engine.concat([halves[0], halves[1]], 1)

    def repeat(self, engine: Engine, per_image: Array) -> Array:
        """Numbers (n,) of images for each of their positions, in the order of contexts, (N,)."""
        return self.alone.columns(engine, per_image[:, None] * engine.ones((1, self.count), per_image))

    @property
    def alone(self) -> "Step":
        """The same step of numbers that are this step's only."""
        return Step(0, self.phase, self.size, 0)


def steps_of(image_size: int) -> tuple[Step, ...]:
    """All steps in order: level by level from the coarsest, phase by phase.

    Example:
        >>> [(step.size, step.phase, step.begin) for step in steps_of(32)][-2:]
        [(16, 'second', 128), (16, 'third', 192)]
    """
    steps: list[Step] = []
    begin = 0
    for level, size in enumerate(detail_sizes(image_size)):
        for phase in PHASES:
            steps.append(Step(level, phase, size, begin))
            begin = steps[-1].end
    return tuple(steps)


def n_detail_positions(image_size: int) -> int:
    """Positions of an image in all levels.

    Example:
        >>> n_detail_positions(32)
        320
    """
    return steps_of(image_size)[-1].end


def innovations_at(engine: Engine, step: Step, normal: Array) -> Array:
    """A step's part of normal numbers (n, 3 x positions), as innovations (3, N)."""
    part = normal[:, N_DETAILS * step.begin : N_DETAILS * step.end]
    by_detail = (part[:, k * step.count : (k + 1) * step.count] for k in range(N_DETAILS))
    return engine.stack([step.alone.columns(engine, one) for one in by_detail], 0)
