"""Paths where there is no file, or none that stays as it is."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gmmaug_plugin import load_model
from gmmaug_plugin.artifact import ArtifactError
from gmmaug_plugin.artifact.tensor_file import MAX_FILE_BYTES, TensorFile, open_tensors
from tests.artifact.hostile import MODELS, parts_of, refused, same_contents, write

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")


@posix
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    refused(tmp_path / "pipe.safetensors", "must be a file. Received: a device, pipe or socket")


@posix
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_devices_are_refused(device: str) -> None:
    if not Path(device).exists():
        pytest.skip(f"no {device}")
    refused(Path(device), "must be a file")


@posix
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("model.safetensors")
        refused(Path("model.safetensors"), "must be a file")


@pytest.mark.parametrize("path", ["", ".", "/"])
def test_folders_are_refused(path: str) -> None:
    with pytest.raises(ArtifactError, match="a folder"):
        load_model(path)


def test_a_path_with_a_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no NUL.*Received: "):
        load_model(f"{tmp_path}/a\0b.safetensors")


def test_what_the_system_cannot_open_is_told_as_it_tells_it(tmp_path: Path) -> None:
    loop = tmp_path / "loop.safetensors"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="symbolic links"):
        load_model(loop)
    with pytest.raises(OSError, match="too long"):
        load_model(tmp_path / ("x" * 5000))
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none.safetensors")
    with pytest.raises(NotADirectoryError):
        load_model(Path(__file__) / "model.safetensors")


@posix
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write("pca", path)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PermissionError):
        load_model(path)


def test_a_link_to_a_file_is_the_file(tmp_path: Path) -> None:
    write("pca", tmp_path / "model.safetensors")
    link = tmp_path / "link.safetensors"
    link.symlink_to(tmp_path / "model.safetensors")
    assert same_contents(load_model(link), MODELS["pca"])


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    """A file mapped into memory would end the process here."""
    path = tmp_path / "model.safetensors"
    whole = write("multiscale", path)
    with open_tensors(path) as file:
        os.truncate(path, len(whole) // 2)
        with pytest.raises(ArtifactError, match=r"it ended at byte \d+ while it was read"):
            read_all(file)


def read_all(file: TensorFile) -> dict[str, np.ndarray]:
    return {name: file.read(name) for name in file.entries}


def test_a_file_that_grows_or_goes_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write("multiscale", path)
    with open_tensors(path) as file:
        with path.open("ab") as longer:
            longer.write(bytes(1000))
        path.unlink()
        found = read_all(file)
    expected = parts_of("multiscale").tensors
    assert all(np.array_equal(found[name], array) for name, array in expected.items())


def test_a_model_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write("multiscale", path)
    model = load_model(path)
    path.write_bytes(b"")
    assert same_contents(model, MODELS["multiscale"])


def test_a_huge_file_of_holes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    whole = write("pca", path)
    for size in (len(whole) + 2**30, MAX_FILE_BYTES + 1):
        try:
            os.truncate(path, size)
        except OSError:
            pytest.skip("no files with holes here")
        refused(path, "Not a whole safetensors file|at most 4294967296 bytes")


IN_LITTLE_MEMORY = """
import resource, sys
from gmmaug_plugin import load_model
from gmmaug_plugin.artifact import ArtifactError
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**29,) * 2)
for path in sys.argv[1:]:
    try:
        load_model(path)
    except ArtifactError as error:
        print("refused", str(error)[:200])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to tell memory by")
def test_huge_shapes_and_long_documents_take_little_memory(tmp_path: Path) -> None:
    """Half a gigabyte more than an idle process has is enough to refuse them."""
    header = b'{"weights":{"dtype":"F64","shape":[1099511627776],"data_offsets":[0,8796093022208]}}'
    many = b'{"__metadata__":{"gmmaug":"' + b"[]," * 2**22 + b'"}}'
    long = b'{"a":[' + b"[]," * 2**21 + b"[]]}"
    paths = []
    for number, text in enumerate([header, many, long]):
        paths.append(tmp_path / f"{number}.safetensors")
        paths[-1].write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(paths[0], 2**31)
    command = [sys.executable, "-c", IN_LITTLE_MEMORY, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.stdout.count("refused") == len(paths), done.stdout + done.stderr
