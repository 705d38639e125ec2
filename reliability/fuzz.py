"""Fuzzing of ``load_model``: a changed file is refused with ``ArtifactError``, or makes a pool that works.

``python -m reliability.fuzz [--executions N] [--seed N] [--json FILE]``

Files of small pools are changed: bytes anywhere, or fields and tensors with the checksum made anew, so that
the checks behind it are reached too. Any other error ends the run and leaves ``failing.safetensors`` in this
folder. With atheris installed, changes are guided by the branches that files reach; otherwise by chance.
"""

import argparse
import json
import random
import re
import sys
import tempfile
import warnings
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from reliability.tally import Tally, add_json, finish

VALUES = (None, True, 0, -1, 1, 3, 4, 2**31, 10**400, 0.5, 1e308, "", "png", "\ud800", [], ["a"], [1.0], {})
"""Values for a field of the document."""


def seed_files(folder: Path) -> list[bytes]:
    """Files of pools in gray and color, JPEG and PNG, with and without classes, and of an old format."""
    from safetensors.numpy import save

    from gmmaug_plugin.artifact import save_pool
    from gmmaug_plugin.pool import Pool

    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    labels, arrays = np.array([0, 1, 1], np.int32), {"mean": np.ones((2, 2), np.float32)}
    classes = Pool(images[..., 0], labels, ("a", "b"), class_shares=(0.5, 0.5), arrays=arrays)
    found = [save(arrays, {"gmmaug": json.dumps({"format": "gmmaug", "format_version": 3})})]
    for number, pool in enumerate([Pool(images), classes] * 2):
        save_pool(pool, folder / "seed.safetensors", lossless=number < 2)
        found.append((folder / "seed.safetensors").read_bytes())
    return found


def change(contents: bytes, rng: random.Random) -> bytes:
    """Change fields and tensors of a file, and sign it; or bytes, if it is no file any more."""
    from gmmaug_plugin.artifact.container import ArtifactError, read_document, read_tensors, write_bytes

    try:
        document = read_document(contents)
        tensors = {name: array.copy() for name, array in read_tensors(contents, document).items()}
    except ArtifactError:
        document = tensors = {}
    if "record" not in document or not tensors or rng.random() < 0.1:
        changed = bytearray(contents)
        for _ in range(rng.randint(1, 9)):
            place = rng.randrange(len(changed) + 1)
            changed[place : place + 1] = bytes([rng.randrange(256)])
        return bytes(changed)
    del document["sha256"]
    for _ in range(rng.randint(1, 4)):
        name = rng.choice([*sorted(tensors), "images", "document"])
        if name == "document":
            fields = rng.choice([one for one in (document, document["record"]) if isinstance(one, dict)])
            fields[rng.choice([*fields, "new"])] = rng.choice(VALUES)
        elif tensors[name].size and rng.random() < 0.95:
            raw = tensors[name].reshape(-1).view(np.uint8)
            raw[rng.randrange(raw.size)] = rng.choice([0, 1, 127, 255, rng.randrange(256)])
        else:
            tensors[name] = tensors[name].reshape(-1)[:-1]
    return write_bytes(document, tensors)


def load(path: Path) -> str:
    """Load a file, and say what came of it."""
    from gmmaug_plugin.artifact import ArtifactError, load_model

    try:
        pool = load_model(path)
        pool.take(*(part[:2] for part in pool.order(0)))
    except ArtifactError as error:
        return "refused: " + re.sub(r"\d+", "#", str(error).split(". Received")[0])[:50]
    return "a pool"


def main() -> None:
    """Fuzz; libFuzzer ends the process after the last execution."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--executions", type=int, default=100_000, metavar="N", help="how many (100000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all changes (1)")
    add_json(parser)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    tally = Tally("load_model of changed files", "executions")
    atheris = __import__("atheris") if find_spec("atheris") else None
    with tempfile.TemporaryDirectory() as name:
        corpus, scratch = Path(name) / "corpus", Path(name) / "file.safetensors"
        corpus.mkdir()
        with atheris.instrument_imports(include=["gmmaug_plugin"]) if atheris else nullcontext():
            seeds = seed_files(Path(name))

        def execute(contents: bytes) -> None:
            scratch.write_bytes(contents)
            try:
                tally.outcomes[load(scratch)] += 1
            except BaseException:
                Path("failing.safetensors").write_bytes(contents)
                raise
            if tally.tried == given.executions:
                finish([tally], given.json)

        if atheris is None:
            rng = random.Random(given.seed)
            for _ in range(given.executions):
                execute(change(rng.choice(seeds), rng))
            return
        for number, contents in enumerate(seeds):
            (corpus / str(number)).write_bytes(contents)

        def mutate(contents: bytes, most: int, seed: int) -> bytes:
            rng = random.Random(seed)
            # Changes of what is broken already reach nothing new.
            return change(rng.choice([contents, *seeds]), rng)[:most]

        options = [f"-runs={given.executions}", f"-seed={given.seed}", "-max_len=100000", "-len_control=0"]
        atheris.Setup([sys.argv[0], *options, str(corpus)], execute, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
