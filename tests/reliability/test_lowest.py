import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from reliability.lowest import lowest_versions

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_every_dependency_of_users_is_bounded_and_installed_within() -> None:
    pinned = [Requirement(line) for line in lowest_versions(PYPROJECT)]
    names = [one.name for one in pinned]
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert {"numpy", "tensorflow", "albumentations", "numba", "distributed", "jinja2"} <= set(names)
    assert len(names) == len(set(names))
    assert len(names) >= len(project["dependencies"])
    for one in pinned:
        (bound,) = one.specifier
        assert Version(version(one.name)) >= Version(bound.version)


@pytest.mark.parametrize("wanted", ["numpy", "numpy>=1.26", "numpy<3", "numpy==1.26", "numpy>1.26,<3"])
def test_what_is_not_bounded_below_and_above_is_an_error(wanted: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\ndependencies = ["{wanted}"]\n[project.optional-dependencies]\ndev = ["anything"]\n'
    )
    with pytest.raises(ValueError, match=r"bounded as in NAME>=1.2,<2. Received: numpy"):
        lowest_versions(tmp_path / "pyproject.toml")
