"""Everything: ``python -m benchmarks [PHOTOS]``."""

import subprocess
import sys

for name in ("sampling", "artifact", "copies", "multiscale"):
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *sys.argv[1:]], check=True)
