"""Fuzzing of loading: a changed file is loaded, or refused with the error that is documented.

``python -m reliability.fuzz [--executions N] [--seed N] [--json FILE]``

Files of small pools go to ``load_model``, which may raise ``ArtifactError``. Photo files of every format and
mode go to ``read_photo``, which may raise ``PhotoError``. Pools are changed in fields and tensors and signed
anew, so that changes get past the checksum. Any other error, a crash or a hang ends the run and leaves the
file as ``fuzzed.safetensors`` in this folder. With atheris installed, coverage guides the changes; otherwise
they are random.
"""

import argparse
import random
import re
import signal
import sys
import tempfile
import warnings
from contextlib import nullcontext
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from reliability.photo_files import UNUSABLE, USABLE, encoded, turned
from reliability.tally import Tally, add_json, finish

VALUES = (None, True, 0, -1, 1, 3, 4, 2**31, 10**400, 0.5, 1e308, "", "png", "\ud800", [], ["a"], [1.0], {})
"""Values for a field of a pool's document."""

SECONDS = 60
"""Time limit of one file."""

_LARGEST_SEED = 5000


def pool_files() -> list[bytes]:
    """Return files of pools with and without classes, each in PNG and JPEG."""
    from gmmaug_plugin.pool import Pool

    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    labels, arrays = np.array([0, 1, 1], np.int32), {"mean": np.ones((2, 2), np.float32)}
    classes = Pool(images[..., 0], labels, ("a", "b"), class_shares=(0.5, 0.5), arrays=arrays)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pool.safetensors"
        for number, pool in enumerate([Pool(images), classes] * 2):
            pool.save(path, lossless=number < 2)
            found.append(path.read_bytes())
    return found


def photo_files() -> list[bytes]:
    """Return small photo files of every format, mode and orientation, and unusable ones."""
    files = [encoded(image, file_format, **options) for _, image, file_format, options in USABLE]
    files += [turned(orientation, "JPEG") for orientation in range(1, 9)]
    files += [contents for contents, _ in UNUSABLE.values()]
    return [contents for contents in files if len(contents) <= _LARGEST_SEED]


def is_pool(contents: bytes) -> bool:
    """Return whether a file begins as safetensors files do: with a size of 8 bytes and a JSON object."""
    return contents[8:9] == b"{"


def change_pool(contents: bytes, rng: random.Random) -> bytes:
    """Change fields and tensors of a pool's file, and sign it anew. Unreadable files stay unchanged."""
    from gmmaug_plugin.artifact.container import ArtifactError, read_bytes, write_bytes

    try:
        document, tensors = read_bytes(contents)
    except ArtifactError:
        return contents
    tensors = {name: array.copy() for name, array in tensors.items()}
    del document["sha256"]
    for _ in range(rng.randint(1, 4)):
        name = rng.choice([*sorted(tensors), "images", "document"])
        if name == "document":
            fields = rng.choice([part for part in (document, document["record"]) if isinstance(part, dict)])
            fields[rng.choice([*fields, "new"])] = rng.choice(VALUES)
        elif tensors[name].size and rng.random() < 0.95:
            raw = tensors[name].reshape(-1).view(np.uint8)
            raw[rng.randrange(raw.size)] = rng.choice([0, 1, 127, 255, rng.randrange(256)])
        else:
            tensors[name] = tensors[name].reshape(-1)[:-1]
    return write_bytes(document, tensors)


def change_bytes(contents: bytes, rng: random.Random) -> bytes:
    """Cut a file, or replace, remove and repeat pieces of it."""
    changed = bytearray(contents)
    if rng.random() < 0.2:
        return bytes(changed[: rng.randrange(len(changed) + 1)])
    for _ in range(rng.randint(1, 3)):
        # Half of the changes are made in the header, which decides most.
        begin = rng.randrange(min(len(changed), rng.choice([128, len(changed)])) + 1)
        piece = changed[begin : begin + int(2 ** rng.uniform(0, 9))]
        extreme = rng.choice([b"\xff", b"\0", b"\x7f\xff", b"\x80\0"])
        new = rng.choice([b"", piece * 2, rng.randbytes(len(piece)), extreme * len(piece)])
        changed[begin : begin + len(piece)] = new
    return bytes(changed)


def load(path: Path) -> str:
    """Load a file, and return the outcome."""
    from gmmaug_plugin.artifact import ArtifactError
    from gmmaug_plugin.photos import PhotoError, read_photo
    from gmmaug_plugin.pool import load_model

    try:
        if is_pool(path.read_bytes()):
            kind = "pool"
            pool = load_model(path)
            pool.take(*(part[:2] for part in pool.order(0)))
        else:
            kind = "photo"
            if read_photo(path, image_size=8).shape != (8, 8):
                raise AssertionError("A photo of another size")
    except (ArtifactError, PhotoError) as error:
        reason = str(error).removeprefix("The photo cannot be read: ").partition(". Received")[0]
        if not reason.isprintable():
            raise
        return f"{kind} refused: {re.split('[:.] ', re.sub('[0-9]+', '#', reason))[0][:60]}"
    return f"{kind} loaded"


def main() -> None:
    """Fuzz; libFuzzer ends the process after the last execution."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--executions", type=int, default=100_000, metavar="N", help="how many (100000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all changes (1)")
    add_json(parser)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    tally = Tally("loading of changed pools and photos", "executions")
    atheris = __import__("atheris") if find_spec("atheris") else None
    with atheris.instrument_imports(include=["gmmaug_plugin"]) if atheris else nullcontext():
        import_module("gmmaug_plugin.photos")
        pools, photos = pool_files(), photo_files()
    file = Path("fuzzed.safetensors")

    def execute(contents: bytes) -> None:
        file.write_bytes(contents)
        signal.alarm(SECONDS)  # not handled: it ends the process inside a decoder, too
        tally.count(load(file))
        if tally.tried == given.executions:
            file.unlink()
            finish([tally], given.json)

    if atheris is None:
        rng = random.Random(given.seed)
        for number in range(given.executions):
            change, seeds = ((change_pool, pools), (change_bytes, photos))[number % 2]
            execute(change(rng.choice(seeds), rng))
        return

    def mutate(contents: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        # From a seed again and again, since changes of a broken file reach nothing new.
        contents = rng.choice([contents, rng.choice(pools), rng.choice(photos)])
        return change_pool(contents, rng)[:most] if is_pool(contents) else atheris.Mutate(contents, most)

    with tempfile.TemporaryDirectory() as corpus:
        for number, contents in enumerate(pools + photos):
            Path(corpus, str(number)).write_bytes(contents)
        options = [f"-runs={given.executions}", f"-seed={given.seed}", "-max_len=100000", "-len_control=0"]
        atheris.Setup([sys.argv[0], *options, corpus], execute, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
