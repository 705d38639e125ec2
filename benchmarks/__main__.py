"""Run all benchmarks of speed and size, each in a process of its own; print one table.

    python -m benchmarks [PHOTOS] [--quick] [--beside FOLDER] [--json FILE]

``PHOTOS`` holds photos of one class; default: drawn flowers. ``--quick`` only shows that everything runs.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import Row, row_parser, show_rows

NAMES = ("drawing", "artifact", "adapters", "scan")


def main() -> int:
    """Print the table; the exit status is 1 if a benchmark failed."""
    options = row_parser(__doc__)
    options.add_argument("--beside", type=Path, metavar="FOLDER", help="folder of the drawing's prototype")
    arguments = options.parse_args()
    shared = ([str(arguments.photos)] if arguments.photos else []) + ["--quick"] * arguments.quick
    rows: list[Row] = []
    failed = []
    for name in NAMES:
        own = ["--beside", str(arguments.beside)] if name == "drawing" and arguments.beside else []
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.json"
            command = [sys.executable, "-m", f"benchmarks.{name}", *shared, *own, "--json", str(file)]
            if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
                failed.append(name)
                continue
            for one in json.loads(file.read_text(encoding="utf-8")):
                one.pop("ratio")
                rows.append(Row(**one))
        # After each benchmark, since all of them take long.
        show_rows(f"Speed and size, after {name}", rows, arguments.json)
    for name in failed:
        print(f"Failed: python -m benchmarks.{name}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
