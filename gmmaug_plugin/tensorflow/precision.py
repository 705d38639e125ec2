"""Whether images are multiplied in bfloat16: where the processor does so faster, and nobody forbids it.

Basis rows are int8, which bfloat16 holds exactly; codes and products are rounded to its 8 bits. On three
sizes of basis that moved no pixel by more than one grey level, and one in twenty by one.
"""

import os
from functools import cache
from pathlib import Path

SWITCH = "GMMAUG_BFLOAT16"
"""Environment variable: 1 always, 0 never, auto (the default) where it is faster."""

FEWEST_ROWS = 128
"""Rows of a part of the basis from which the product takes longer than the conversions."""

_FLAGS = ("amx_bf16", "avx512_bf16")
_CPU_INFO = Path("/proc/cpuinfo")


def in_bfloat16(n_rows: int) -> bool:
    """Whether to multiply with so many rows in bfloat16.

    Raises:
        ValueError: ``GMMAUG_BFLOAT16`` is none of 0, 1 and auto.
    """
    switch = os.environ.get(SWITCH, "auto")
    if switch not in ("0", "1", "auto"):
        raise ValueError(f"{SWITCH} must be 0, 1 or auto. Received: {switch!r}")
    return switch == "1" or (switch == "auto" and n_rows >= FEWEST_ROWS and _processor_is_faster())


@cache
def _processor_is_faster() -> bool:
    try:
        flags = next(line for line in _CPU_INFO.read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return False
    return not set(_FLAGS).isdisjoint(flags.split())
