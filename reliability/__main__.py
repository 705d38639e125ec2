"""Run every long check in a process of its own; write all counts to one file.

    python -m reliability [--quick] [--json FILE]

All checks take hours, with ``--quick`` some minutes. The exit status is 1 after a failure.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

QUICK = {
    "fuzz": ["--executions", "4000"],
    "faults": ["--kills", "5", "--interrupts", "3", "--saves", "20", "--disks", "2"],
    "soak": ["--batches", "1000"],
}


def main() -> int:
    """Run the checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few of each")
    parser.add_argument("--json", type=Path, default=Path("reliability.json"), metavar="FILE")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    failed = []
    for name, options in QUICK.items():
        command = ["-m", f"reliability.{name}", *(options if given.quick else [])]
        with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
            counts = Path(folder) / "counts.json"
            if subprocess.run([sys.executable, *command, "--json", str(counts)], check=False).returncode:
                failed.append(" ".join(["python", *command]))
            found[name] = json.loads(counts.read_text(encoding="utf-8")) if counts.exists() else []
        # After each check, since they take hours.
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for command_line in failed:
        sys.stdout.write(f"Failed: {command_line}\n")
    sys.stdout.write(f"Written: {given.json}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
