"""Usefulness: whether the model helps a small classifier, which may come out as no.

    python -m benchmarks.usefulness PHOTOS --model multiscale --seeds 3 [--json FILE] [--budget SECONDS]
    python -m benchmarks.usefulness --model multiscale --show FILE

The figures are written to the JSON file after every training, and a run that was stopped goes on from there.
``--show`` prints a finished file's tables in Markdown and draws its learning curves into docs/pictures.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.common import AS_IT_IS, machine, show
from gmmaug_plugin import fit
from gmmaug_plugin.datasets import make_flowers
from gmmaug_plugin.evaluation.usefulness import Usefulness, study_usefulness
from gmmaug_plugin.evaluation.usefulness.study_file import StudyFile
from gmmaug_plugin.fitting.options import MODEL_KINDS
from gmmaug_plugin.images import load_photos

DRAWN_PHOTOS = 600
LINES = {"noise": ":", "variation": "-", "synthesis": "-."}
PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", nargs="?", type=Path, help="folder of class folders; drawn flowers without")
    parser.add_argument("--model", choices=MODEL_KINDS, default="pca", help="the kind that is judged")
    parser.add_argument("--photos-per-class", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.3, 0.5, 0.7])
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.25, 0.5, 0.5])
    parser.add_argument("--synthesis-ratios", type=float, nargs="*", default=[0.25, 0.5])
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
    file = None
    if arguments.json is not None:
        depends_on = {name: asked[name] for name in ("photos_per_class", "steps")}
        # Files of before there were kinds are of the first.
        depends_on |= {} if arguments.model == "pca" else {"model": arguments.model}
        remarks = {"machine": machine()}
        file = StudyFile(arguments.json, images, labels, depends_on=depends_on, remarks=remarks)
    found = study_usefulness(
        images,
        labels,
        names,
        fit_model=lambda photos, classes: fit(photos, classes, model=arguments.model, **AS_IT_IS),
        budget=arguments.budget,
        finished=() if file is None else file.finished(),
        on_run=None if file is None else file.write,
        **asked,
    )
    if file is not None:
        file.write(found)
    return found


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
    figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
    (right, loss), (scaled, frontier) = axes
    for arm in shown:
        means = {
            name: np.mean([one.values(name) for one in found.curves[arm.name].values()], axis=0)
            for name in ("step", "accuracy", "nll", "nll_scaled")
        }
        percent = 100 * means["accuracy"]
        style: dict[str, Any] = {"ls": LINES.get(arm.added, "--"), "lw": 1.2, "label": arm.name}
        if arm.name == "stack":
            style |= {"ls": "-", "lw": 2.4, "color": "black"}
        (line,) = right.plot(means["step"], percent, **style)
        style["color"] = line.get_color()
        loss.plot(means["step"], means["nll"], **style)
        scaled.plot(means["step"], means["nll_scaled"], **style)
        frontier.plot(means["nll"], percent, **style)
    # Without the stack the loss goes far beyond what the others differ in.
    most = max(
        one.values("nll").max() for arm in shown if arm.stack for one in found.curves[arm.name].values()
    )
    loss.set_ylim(top=most)
    frontier.set_xlim(right=most)
    nats = "negative log-likelihood, nats"
    for axis, across, up in (
        (right, "training steps", "accuracy, %"),
        (loss, "training steps", nats),
        (scaled, "training steps", f"{nats}, after temperature scaling"),
        (frontier, nats, "accuracy, %"),
    ):
        axis.set(xlabel=across, ylabel=up)
        axis.grid(alpha=0.3)
    handles, names = right.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
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
    kind = "" if arguments.model == "pca" else f"{arguments.model}-"
    path = draw(found, f"{kind}{found.settings['photos_per_class']}-photos")
    Console(stderr=True).print(f"Drawn: {path}")


if __name__ == "__main__":
    main()
