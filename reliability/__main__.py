"""Every long check, one after the other, each in a process of its own; what they counted in one file.

    python -m reliability [--quick] [--only NAME ...] [--json FILE]

All of it takes hours, --quick some minutes. Fails if anything unexplained was found.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WHOLE = {
    "photos": [["--n", "200000"]],
    "fuzz": [["--executions", "1000000", "--workers", "2"]],
    "faults": [[]],
    "threads": [[]],
    "machines": [[]],
    "statistics": [[]],
    "loads": [[]],
}
"""By check, the options of each of its runs."""

QUICK = {
    "photos": [["--n", "2000"]],
    "fuzz": [["--executions", "4000"]],
    "faults": [["--kills", "5", "--interrupts", "3", "--saves", "50", "--pairs", "2", "--disks", "3"]],
    "threads": [["--seconds", "5"]],
    "machines": [["--quick"]],
    "statistics": [["--seeds", "5", "--models-only"]],
    "loads": [["--load", "mix", "--batches", "1000", "--stops", "5", "--interrupts", "1", "--kills", "0"]],
}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m reliability",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a little of everything")
    parser.add_argument("--only", nargs="+", choices=list(WHOLE), default=list(WHOLE), metavar="NAME")
    parser.add_argument("--json", type=Path, default=Path("reliability.json"), metavar="FILE")
    return parser.parse_args()


def run_check(name: str, options: Sequence[str]) -> dict[str, Any]:
    """Run one check; it prints its counts itself."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        counts = Path(folder) / "counts.json"
        command = [sys.executable, "-m", f"reliability.{name}", *options, "--json", str(counts)]
        status = subprocess.run(command, check=False).returncode
        tallies = json.loads(counts.read_text(encoding="utf-8")) if counts.exists() else []
    return {
        "check": name,
        "command": " ".join(["python", "-m", f"reliability.{name}", *options]),
        "status": status,
        "seconds": round(time.perf_counter() - began, 1),
        "tallies": tallies,
    }


def main() -> int:
    arguments = parse()
    options = QUICK if arguments.quick else WHOLE
    found: list[dict[str, Any]] = []
    for name in arguments.only:
        for one in options[name]:
            found.append(run_check(name, one))
            # After each, so that none is lost.
            arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    failed = [one["command"] for one in found if one["status"]]
    for command in failed:
        sys.stdout.write(f"Something unexplained: {command}\n")
    sys.stdout.write(f"Written: {arguments.json}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
