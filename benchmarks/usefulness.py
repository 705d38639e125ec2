"""Usefulness: whether the model helps a small classifier, which may come out as no.

    python -m benchmarks.usefulness PHOTOS --photos-per-class 50 --seeds 3 [--json FILE] [--budget SECONDS]
    python -m benchmarks.usefulness --show FILE

The figures are written to the JSON file after every training, and a run that was stopped goes on from there.
``--show`` prints a finished file's tables in Markdown and draws its learning curves into docs/pictures.
"""

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.common import AS_IT_IS, machine, show
from gmmaug_plugin import fit
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.usefulness import Usefulness, study_usefulness
from gmmaug_plugin.images import load_photos

DRAWN_PHOTOS = 600
PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="?", type=Path, help="folder of class folders; drawn flowers without")
    parser.add_argument("--photos-per-class", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.3, 0.5, 0.7])
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.25, 0.5, 0.5])
    parser.add_argument("--synthesis-ratios", type=float, nargs="+", default=[0.25, 0.5])
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--budget", type=float, help="seconds")
    parser.add_argument("--json", type=Path, help="where the figures are written and read from")
    parser.add_argument("--show", type=Path, metavar="FILE", help="tables and pictures of such a file")
    return parser.parse_args()


def study(arguments: argparse.Namespace) -> Usefulness:
    size = arguments.image_size
    if arguments.photos is None:
        images, labels, names = make_flowers(DRAWN_PHOTOS, image_size=size, n_classes=3)
    else:
        photo_set = load_photos(arguments.photos, image_size=size, quiet=True)
        images, labels, names = photo_set.images, photo_set.labels, photo_set.class_names
    asked: dict[str, Any] = {
        "photos_per_class": arguments.photos_per_class,
        "n_seeds": arguments.seeds,
        "steps": arguments.steps,
        "strengths": arguments.strengths,
        "ratios": arguments.ratios,
        "synthesis_ratios": arguments.synthesis_ratios,
        "image_size": size,
    }
    # What runs depend on; seeds and arms can be added later.
    key = {name: asked[name] for name in ("photos_per_class", "steps", "image_size")}
    key["photos"] = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    path = arguments.json

    known = finished_runs(path, key)

    def keep(found: Usefulness) -> None:
        if path is not None:
            made = {"key": key, "machine": machine(), **found.as_json()}
            part = path.with_suffix(".part")
            part.write_text(json.dumps(made, indent=1), encoding="utf-8")
            part.replace(path)

    found = study_usefulness(
        images,
        labels,
        names,
        fit_model=lambda photos, classes: fit(photos, classes, **AS_IT_IS),
        budget=arguments.budget,
        finished=known,
        on_run=keep,
        **asked,
    )
    keep(found)
    return found


def finished_runs(path: Path | None, key: dict[str, Any]) -> tuple[Any, ...]:
    if path is None or not path.exists():
        return ()
    values = json.loads(path.read_text(encoding="utf-8"))
    if values["key"] != key:
        raise SystemExit(f"{path} holds a study with other options or photos: name another file")
    return Usefulness.from_json(values).runs


def print_tables(found: Usefulness) -> None:
    for table in found.tables():
        show(table.title, list(table.headings), [list(row) for row in table.rows])
    for line in (*found.reductions, found.verdict):
        print(line)


def print_markdown(found: Usefulness) -> None:
    for table in found.tables():
        print(f"**{table.title}**\n\n{table.markdown()}\n")
    for line in (*found.reductions, found.verdict):
        print(f"{line}\n")


def draw(found: Usefulness, name: str) -> Path:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = name
    from matplotlib import pyplot as plt

    shown = [arm for arm in found.comparison.arms.values() if arm.stack or arm.name == "nothing"]
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    for arm in shown:
        curves = list(found.curves[arm.name].values())
        steps = curves[0].values("step")
        right = 100 * np.mean([one.values("accuracy") for one in curves], axis=0)
        loss = np.mean([one.values("nll") for one in curves], axis=0)
        dash = {"noise": ":", "variation": "-", "synthesis": "-."}.get(arm.added, "--")
        width = 2.2 if arm.name == "stack" else 1.1
        color = "black" if arm.name == "stack" else None
        axes[0].plot(steps, right, dash, lw=width, color=color, label=arm.name)
        color = axes[0].lines[-1].get_color()
        axes[1].plot(steps, loss, dash, lw=width, color=color)
        axes[2].plot(loss, right, dash, lw=width, color=color)
    for axis, across, up in zip(
        axes,
        ("training steps", "training steps", "negative log-likelihood, nats"),
        ("accuracy, %", "negative log-likelihood, nats", "accuracy, %"),
        strict=True,
    ):
        axis.set(xlabel=across, ylabel=up)
        axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    path = PICTURES / f"usefulness-{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path


def main() -> None:
    arguments = parse()
    if arguments.show is None:
        print_tables(study(arguments))
        return
    found = Usefulness.from_json(json.loads(arguments.show.read_text(encoding="utf-8")))
    print_markdown(found)
    path = draw(found, f"{found.settings['photos_per_class']}-photos")
    Console(stderr=True).print(f"Drawn: {path}")


if __name__ == "__main__":
    main()
