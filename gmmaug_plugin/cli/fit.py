"""``gmmaug-fit`` and ``gmmaug fit``: photos to a file."""

import time
from pathlib import Path
from typing import Annotated

import typer

from gmmaug_plugin.cli.running import PhotosPath, QuietOption, StrictOption, check_folder, say, tell
from gmmaug_plugin.fitting.fitter import MIN_PHOTOS, fit_photo_set
from gmmaug_plugin.fitting.options import FitOptions
from gmmaug_plugin.images import PhotoSet, load_photos
from gmmaug_plugin.models.pca_mixture import PCAMixture


def fit_command(
    photos: PhotosPath,
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
    strict: StrictOption = False,
    quiet: QuietOption = False,
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
        tell(f"Skipped {skipped}")
    fitted = fit_photo_set(photo_set, options, quiet=quiet)
    fitted.save(output)
    if not quiet:
        say(_summary(fitted, photo_set, output, time.perf_counter() - began))


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


def _check_target(output: Path) -> None:
    """Refuse a target that could not be written after minutes of fitting."""
    if output.suffix != ".safetensors":
        raise ValueError(f"The output must be named NAME.safetensors. Received: {output}")
    check_folder(output)
