"""Fits that are killed, interrupted, or out of room: the old artifact is intact or the new one complete.

    python -m reliability.faults [--kills N] [--interrupts N] [--saves N] [--pairs N] [--disks N] [--seed S]

Disks are small tmpfs, which only root may mount; without that right those checks say so and fail.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from reliability.faults.disks import fill_caches, fill_targets, refuse_targets
from reliability.faults.kills import interrupt_fits, kill_caches, kill_fits, kill_saves, write_at_once
from reliability.faults.setting import make_setting
from reliability.tally import Tally, add_json, finish


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m reliability.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=50, metavar="N", help="fits that are killed")
    parser.add_argument("--interrupts", type=int, default=20, metavar="N", help="fits that get Ctrl-C")
    parser.add_argument(
        "--saves", type=int, default=500, metavar="N", help="saves, and cache fillings, killed"
    )
    parser.add_argument("--pairs", type=int, default=10, metavar="N", help="pairs of fits at once")
    parser.add_argument("--disks", type=int, default=8, metavar="N", help="sizes of disks")
    parser.add_argument("--seed", type=int, default=0)
    add_json(parser)
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    tallies: list[Tally] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        setting = make_setting(Path(folder))
        checks = (
            lambda: kill_saves(setting, arguments.saves, arguments.seed),
            lambda: kill_caches(setting, arguments.saves, arguments.seed),
            lambda: kill_fits(setting, arguments.kills, arguments.seed),
            lambda: interrupt_fits(setting, arguments.interrupts, arguments.seed),
            lambda: write_at_once(setting, arguments.pairs),
            lambda: fill_targets(setting, arguments.disks),
            lambda: fill_caches(setting, arguments.disks),
            lambda: refuse_targets(setting),
        )
        for check in checks:
            tallies.append(check())
            sys.stderr.write(f"{tallies[-1]}\n")
    return finish(tallies, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
