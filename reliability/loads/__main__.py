"""The command: see the package."""

import argparse
import sys

from reliability import loads
from reliability.loads.checks import IN_PROCESS, check_batches, check_interrupts, check_stops, check_workers
from reliability.loads.loads import names
from reliability.tally import Tally, add_json, finish


def main() -> int:
    """Run what is asked for; return the exit status."""
    form = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(
        "python -m reliability.loads", description=loads.__doc__, formatter_class=form
    )
    parser.add_argument("--load", nargs="+", choices=names(), default=names(), help="all that can run here")
    for name, n in (("batches", 100_000), ("stops", 200), ("interrupts", 20), ("kills", 4)):
        parser.add_argument(
            f"--{name}", type=int, default=n, metavar="N", help=f"{n:,} by default; 0 for none"
        )
    parser.add_argument(
        "--per-epoch", type=int, default=50, metavar="N", help="batches of an epoch that is left"
    )
    add_json(parser)
    options = parser.parse_args()
    checks = [
        (check_batches, options.batches, {}),
        (check_stops, options.stops, {"per_epoch": options.per_epoch}),
        (check_interrupts, options.interrupts, {}),
        (check_workers, options.kills, {}),
    ]
    tallies: list[Tally] = []
    for load in options.load:
        for check, n, extra in checks:
            if n and not (check is check_workers and load in IN_PROCESS):
                tallies.append(check(load, n, **extra))
                sys.stderr.write(f"{tallies[-1]}\n")
    return finish(tallies, options.json)


if __name__ == "__main__":
    sys.exit(main())
