"""Every measurement of speed, size and memory, beside peers and the machine's limits.

    python -m benchmarks [PHOTOS] [--json FILE] [--only NAME ...] [--quick] [--whole-scan]

Each measurement runs in a process of its own; one table is printed and one file written. "x" is how many
times as good as what stands beside it: above 1 this package is faster, or smaller.
"""

import argparse
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Setting, add_setting
from benchmarks.machine import facts, machine
from benchmarks.rows import print_rows
from benchmarks.running import Outcome, launcher, run_all

MEASUREMENTS = (
    "limits",
    "fitting",
    "scan",
    "sampling",
    "tf_data",
    "peers",
    "variation",
    "artifact",
    "adapters",
    "memory",
    "decoding",
)
TIMEOUT_S = 1200.0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_setting(parser)
    parser.add_argument("--json", type=Path, default=Path("benchmarks.json"), metavar="FILE")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=MEASUREMENTS, metavar="NAME")
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_S,
        metavar="SECONDS",
        help="most that one measurement may take",
    )
    return parser.parse_args()


def tell(outcome: Outcome) -> None:
    told = f"failed, {outcome.error}" if outcome.error else f"{len(outcome.rows)} rows"
    print(f"{outcome.name}: {told}, {outcome.seconds:.0f} s", file=sys.stderr, flush=True)


def measure(arguments: argparse.Namespace, photos: np.ndarray, found: dict[str, Any]) -> list[Outcome]:
    """Run the measurements asked for; the file is written anew after each, so that none is lost."""
    document = {
        **found,
        "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
        "photos": {"n": len(photos), "image_size": photos.shape[1], "drawn": arguments.photos is None},
        "quick": arguments.quick,
        "measurements": [],
    }

    def record(outcome: Outcome) -> None:
        tell(outcome)
        document["measurements"].append(outcome.as_json())
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        folder = Path(temporary)
        loaded = folder / "photos.npy"
        np.save(loaded, photos)
        setting = Setting(arguments.photos, loaded, arguments.quick, arguments.whole_scan)
        return run_all(arguments.only, launcher(setting), folder, timeout=arguments.timeout, tell=record)


def main() -> int:
    arguments = parse()
    found = facts()
    photos = Setting(arguments.photos, None, arguments.quick).photos()
    outcomes = measure(arguments, photos, found)
    kind, size = "photos" if arguments.photos else "drawn flowers", photos.shape[1]
    print_rows(
        {outcome.name: outcome.rows for outcome in outcomes},
        title=f"{len(photos)} {kind}, {size} x {size}; {found['processor']}; {machine()}; {found['date']}",
    )
    failed = [outcome for outcome in outcomes if outcome.error]
    for outcome in failed:
        print(f"{outcome.name} failed: {outcome.error}")
    print(f"Written: {arguments.json}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
