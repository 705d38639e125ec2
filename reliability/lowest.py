"""The lowest allowed version of every dependency, as constraints for pip.

python -m reliability.lowest > lowest.txt
"""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

FOR_DEVELOPERS = frozenset({"all", "dev", "reliability"})
"""Extras that are not for users, or that only join others."""


def lowest_versions(pyproject: Path) -> list[str]:
    """``NAME==VERSION`` for each dependency of the package and of its extras for users.

    Raises:
        ValueError: A dependency is not bounded below and above.
    """
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for name, extra in project["optional-dependencies"].items():
        if name not in FOR_DEVELOPERS:
            wanted += extra
    return sorted(_lowest(Requirement(one)) for one in wanted)


def _lowest(requirement: Requirement) -> str:
    bounds = {one.operator: one.version for one in requirement.specifier}
    if set(bounds) != {">=", "<"}:
        raise ValueError(f"A dependency must be bounded as in NAME>=1.2,<2. Received: {requirement}")
    return f"{requirement.name}=={bounds['>=']}"


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest_versions(Path("pyproject.toml"))) + "\n")
