from importlib.metadata import version
from pathlib import Path

import pytest

from gmmaug_plugin.cli.common import check_output
from tests.cli.conftest import run

FIT = ("fit", "{folder}", "-o", "{tmp}/m.safetensors")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fit", "{folder}", "-o", "model.pkl"), "named NAME.safetensors. Received: model.pkl"),
        ((*FIT, "--symmetry", "d4"), "symmetry must be one of"),
        ((*FIT, "--variance", "0.9"), 'option of model="pca"'),
        ((*FIT, "--images", "few"), "n_images must be"),
        ((*FIT, "--strict"), "daisy/broken.jpg"),
        ((*FIT, "--report", "{file}"), "is a file. Received: "),
        (("fit", "{folder}/none", "-o", "{tmp}/m.safetensors"), "Received: "),
        ((*FIT, "--scheduler", "tcp://127.0.0.1:9"), "start one with: dask scheduler"),
        ((*FIT, "--scheduler", "here"), "must be like tcp://HOST:PORT. Received: here"),
        (("sample", "{file}", "-o", "{tmp}/x.png", "--label", "rose"), "Received: 'rose'"),
        (("sample", "{tmp}/none.safetensors", "-o", "{tmp}/x.png"), "none.safetensors"),
        (("export", "{file}", "{tmp}/out", "--format", "tif"), "['png', 'jpg', 'webp']"),
        (("vary", "{file}", "--photos", "{folder}", "-o", "{tmp}/x.png"), "Received: "),
        (("evaluate", "{folder}", "--ratio", "2"), "ratios must be"),
        (("evaluate", "{folder}/daisy"), "Received: "),
    ],
)
def test_an_error_that_users_can_correct_is_one_line(
    arguments: tuple[str, ...], message: str, folder: Path, file: Path, tmp_path: Path
) -> None:
    done = run("gmmaug", *(one.format(folder=folder, file=file, tmp=tmp_path) for one in arguments))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["fit", "sample", "export", "vary", "inspect", "report", "evaluate"])
def test_each_command_has_help(command: str) -> None:
    done = run("gmmaug", command, "--help")
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_version() -> None:
    assert run("gmmaug", "--version").stdout.strip() == version("gmmaug-plugin")


def test_outputs_may_be_in_new_folders_but_not_below_files(tmp_path: Path) -> None:
    (tmp_path / "file.png").touch()
    (tmp_path / "folder.png").mkdir()
    assert check_output(tmp_path / "new" / "a.png", suffix=".png") == tmp_path / "new" / "a.png"
    assert check_output(tmp_path / "new" / "report") == tmp_path / "new" / "report"
    assert check_output(tmp_path / "file.png", suffix=".png") == tmp_path / "file.png"
    for path, suffix in (
        ("a.jpg", ".png"),
        ("folder.png", ".png"),
        ("file.png/a.png", ".png"),
        ("file.png", None),
    ):
        with pytest.raises(ValueError, match="Received: "):
            check_output(tmp_path / path, suffix=suffix)


def test_an_output_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows' access lists are seen only by writing."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(PermissionError, match=r"can write to\. Received: .*Access is denied"):
        check_output(tmp_path / "grid.png", suffix=".png")
