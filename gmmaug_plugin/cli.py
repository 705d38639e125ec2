"""The commands: ``gmmaug-fit``, and ``gmmaug fit | sample | vary | inspect``."""

import json
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gmmaug_plugin import __version__
from gmmaug_plugin.artifact import describe_artifact, load_model
from gmmaug_plugin.fitting.fitter import MIN_PHOTOS, fit_photo_set
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.images import PhotoSet, load_photos, read_photo
from gmmaug_plugin.models.pca_mixture import PCAMixture
from gmmaug_plugin.pictures import grid, save_png

_INTERRUPTED = 130
_UNSAFE = r"[^\w.-]+"
"""What a class or a photo may be called but not every file."""

app = typer.Typer(
    help="Training images out of Gaussian mixtures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
fit_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="Artifact written by gmmaug-fit.")]
SeedOption = Annotated[int | None, typer.Option(help="Seed; without one, every run is fresh.")]
LabelOption = Annotated[str | None, typer.Option(help="Class, by name or number.")]


def main() -> None:
    """Run ``gmmaug``."""
    _run(app)


def main_fit() -> None:
    """Run ``gmmaug-fit``."""
    _run(fit_app)


def _run(command: Callable[[], Any]) -> None:
    """Run a command; what a user can mend is told in a line, without a traceback."""
    signal.signal(signal.SIGINT, _interrupt)
    try:
        command()
    except _Interrupted:
        _fail("Interrupted; nothing was written.", _INTERRUPTED)
    except (ValueError, OSError) as error:
        _fail(f"Error: {error}", 1)


class _Interrupted(BaseException):
    """Ctrl-C: no KeyboardInterrupt, which typer would answer before we can."""


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise _Interrupted


def _fail(message: str, status: int) -> NoReturn:
    sys.stderr.write(message + "\n")
    raise SystemExit(status)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _show_version(wanted: bool) -> None:
    if wanted:
        _say(__version__)
        raise typer.Exit


@app.callback()
def _gmmaug(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Training images out of Gaussian mixtures."""


@fit_app.command()
@app.command("fit")
def fit_command(
    photos: Annotated[
        Path, typer.Argument(metavar="PHOTOS", help="Folder (a sub-folder per class, or flat), .npy or .npz.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The artifact, NAME.safetensors.")],
    model: Annotated[str, typer.Option(metavar="pca", help="Kind of model.")] = "pca",
    recipe: Annotated[
        str | None,
        typer.Option(metavar="seed", help="Fit as the original notebook did, with scikit-learn, to compare."),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Height and width to fit at; 128 unless arrays are square already.")
    ] = None,
    variance: Annotated[
        float, typer.Option(help="Share of the variance the basis keeps, or its number of dimensions.")
    ] = 0.99,
    whiten: Annotated[bool, typer.Option("--whiten", help="Compare codes at unit variance.")] = False,
    symmetry: Annotated[
        str, typer.Option(metavar="none|flip|d4", help="Take photos also mirrored, or in all 8 positions.")
    ] = "flip",
    n_components: Annotated[
        str,
        typer.Option(metavar="auto|10|1:600:10", help="Components per class, or candidates to choose from."),
    ] = "auto",
    criterion: Annotated[
        str, typer.Option(metavar="aic|bic|heldout", help="How to choose among candidates.")
    ] = "aic",
    covariance_type: Annotated[
        str, typer.Option(metavar="full|tied|diag|spherical", help="Shape of the components.")
    ] = "diag",
    max_iter: Annotated[int, typer.Option(help="Most steps of expectation maximisation.")] = 100,
    tol: Annotated[
        float, typer.Option(help="Stop when the mean log-likelihood rises by less (nats).")
    ] = 1e-3,
    n_init: Annotated[int, typer.Option(help="Number of starts; the likeliest is kept.")] = 1,
    resize: Annotated[
        str, typer.Option(metavar="stretch|crop", help="Stretch photos to a square, or crop one out.")
    ] = "stretch",
    random_state: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at a photo that cannot be used.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress and no summary.")] = False,
) -> None:
    """Learn a mixture model from photos and write it to one file."""
    began = time.perf_counter()
    _check_target(output)
    options = FitOptions(
        model=model,  # type: ignore[arg-type]
        recipe=recipe,  # type: ignore[arg-type]
        variance=variance,
        whiten=whiten,
        symmetry=symmetry,  # type: ignore[arg-type]
        n_components=n_components,
        criterion=criterion,  # type: ignore[arg-type]
        covariance_type=covariance_type,  # type: ignore[arg-type]
        max_iter=max_iter,
        tol=tol,
        n_init=n_init,
        random_state=random_state,
    )
    photo_set = load_photos(
        photos,
        image_size=image_size,
        resize=resize,  # type: ignore[arg-type]
        strict=strict,
        min_photos=MIN_PHOTOS,
        quiet=quiet,
    )
    for skipped in photo_set.skipped:
        sys.stderr.write(f"Skipped {skipped}\n")
    fitted = fit_photo_set(photo_set, options, quiet=quiet)
    fitted.save(output)
    if not quiet:
        _say(_summary(fitted, photo_set, output, time.perf_counter() - began))


@app.command("sample")
def sample_command(
    model: ModelFile,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A PNG file for a grid, or a folder for single images.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, help="Number of images.")] = 32,
    label: LabelOption = None,
    seed: SeedOption = None,
) -> None:
    """Draw new images."""
    loaded = load_model(model)
    images, labels = loaded.sample(n, label=_label(loaded, label), seed=seed)
    names = [f"{index:05d}" for index in range(n)]
    if labels is not None:
        names = [f"{name}_{loaded.class_names[k]}" for name, k in zip(names, labels, strict=True)]
    _write_pictures(images, names, output)


@app.command("vary")
def vary_command(
    model: ModelFile,
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo to vary.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A PNG file (a grid for several), or a folder.")
    ],
    strength: Annotated[float, typer.Option(help="0 gives the photo back, 1 a fresh draw.")] = 0.5,
    n: Annotated[int, typer.Option("-n", min=1, help="Number of variations.")] = 1,
    label: LabelOption = None,
    seed: SeedOption = None,
) -> None:
    """Vary a photo; the result has the photo's own size."""
    loaded = load_model(model)
    original = read_photo(photo)
    copies = np.repeat(original[None], n, axis=0)
    varied = loaded.vary(copies, strength=strength, label=_label(loaded, label), seed=seed)
    _write_pictures(varied, [f"{photo.stem}_{index:05d}" for index in range(n)], output)


@app.command("inspect")
def inspect_command(
    model: ModelFile,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Tell what is in a file."""
    description = describe_artifact(model)
    if as_json:
        _say(json.dumps(description, indent=2, sort_keys=True))
        return
    console = Console(file=sys.stdout, highlight=False)
    for table in _inspection(description):
        console.print(table)


def _inspection(description: dict[str, Any]) -> list[Table]:
    document, tensors = description["document"], description["tensors"]
    info = {name: part if isinstance(part, dict) else {} for name, part in document["info"].items()}
    about = Table("what", "value", title="Model")
    about.add_row("kind", f"{document['kind']}, format version {document['format_version']}")
    about.add_row("image size", f"{document['image_size']} x {document['image_size']}, grey 0..255")
    about.add_row("symmetry", document["symmetry"])
    about.add_row("noise outside the subspace", f"{document['noise_variance']:.1f} grey levels squared")
    for name, count in info.get("photos_per_class", {}).items():
        components = info.get("n_components_per_class", {}).get(name, "?")
        title = escape(f"class {name}") if name else "no classes"
        about.add_row(title, escape(f"{count} photos, {components} components"))
    for name, value in info.get("options", {}).items():
        about.add_row(escape(name), escape(str(value)))
    parts = Table("part", "shape", "kB", title=f"File, {description['file_bytes'] / 1e6:.2f} MB")
    for name, tensor in tensors.items():
        parts.add_row(name, " x ".join(map(str, tensor["shape"])), f"{tensor['bytes'] / 1e3:,.1f}")
    return [about, parts]


def _summary(model: PCAMixture, photo_set: PhotoSet, output: Path, seconds: float) -> str:
    info = model.info
    chosen = []
    for name, curve in info["criterion_curves"].items():
        of_class = f"{name}: " if name else ""
        count = info["n_components_per_class"][name]
        tried = curve["n_components"]
        how = f" by {curve['criterion'].upper()} of {tried[0]}..{tried[-1]}" if len(tried) > 1 else ""
        chosen.append(f"{of_class}{count} component{'s' if count > 1 else ''}{how}")
    skipped = f" ({len(photo_set.skipped)} skipped)" if photo_set.skipped else ""
    return (
        f"{len(photo_set.images)} photos{skipped}, {model.basis.n_dimensions} dimensions; "
        f"{'; '.join(chosen)}\n"
        f"Wrote {output} ({output.stat().st_size / 1e6:.1f} MB) in {seconds:.1f} s"
    )


def _label(model: PCAMixture, text: str | None) -> int | str | None:
    """A class by name, or by number where no class has that name."""
    if text is None or text in model.class_names or not text.isdecimal():
        return text
    return int(text)


def _check_target(output: Path) -> None:
    """Refuse a target that could not be written after minutes of fitting."""
    if output.suffix != ".safetensors":
        raise ValueError(f"The output must be named NAME.safetensors. Received: {output}")
    _check_folder(output)


def _check_folder(output: Path) -> None:
    if not output.parent.is_dir():
        raise ValueError(f"The output's folder must exist. Received: {output}")


def _write_pictures(images: NDArray[np.uint8], names: list[str], output: Path) -> None:
    """Write one PNG, or a folder of them when the output is a folder or has no .png name."""
    if output.suffix.lower() == ".png" and not output.is_dir():
        _check_folder(output)
        save_png(images[0] if len(images) == 1 else grid(images), output)
        _say(f"Wrote {output}: {len(images)} image{'s' if len(images) > 1 else ''}")
        return
    if output.suffix and not output.is_dir():
        raise ValueError(f"The output must be a .png file or a folder. Received: {output}")
    output.mkdir(parents=True, exist_ok=True)
    for image, name in zip(images, names, strict=True):
        save_png(image, output / f"{re.sub(_UNSAFE, '_', name)}.png")
    _say(f"Wrote {len(images)} images to {output}")
