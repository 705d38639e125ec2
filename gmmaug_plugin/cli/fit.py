"""``gmmaug-fit`` and ``gmmaug fit``: photos to a file."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from gmmaug_plugin.cli.report import check_report, write_trial_report
from gmmaug_plugin.cli.running import (
    CacheOption,
    PhotosPath,
    QuietOption,
    StrictOption,
    check_folder,
    read_photos,
    say,
    tell,
)
from gmmaug_plugin.fitting.cluster import connect
from gmmaug_plugin.fitting.execution import Execution
from gmmaug_plugin.fitting.fitter import check_image_size, enlarge_to_fit, try_photo_set
from gmmaug_plugin.fitting.options import DEFAULT_MODEL, options_for
from gmmaug_plugin.fitting.parts import Parts, kept_parts
from gmmaug_plugin.fitting.trial import Trial
from gmmaug_plugin.fitting.workers import Client
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.images.files import printable
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.pca_mixture import PCAMixture


def fit_command(
    photos: PhotosPath,
    output: Annotated[Path, typer.Option("--output", "-o", help="The artifact, NAME.safetensors.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="multiscale|pca", help=f"Kind of model; {DEFAULT_MODEL} if not given."),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="seed", help="Fit as the original notebook did, with scikit-learn, to compare."),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Height and width to fit at; 128 unless arrays are square already.")
    ] = None,
    n_components: Annotated[
        str,
        typer.Option(metavar="auto|10|1:600:10", help="Components per level (pca: class), or candidates."),
    ] = "auto",
    criterion: Annotated[
        str | None,
        typer.Option(
            metavar="aic|bic|heldout", help="How to choose among candidates; bic if not given (pca: aic)."
        ),
    ] = None,
    sharing: Annotated[
        str | None,
        typer.Option(
            metavar="details|none|all", help="What classes share: the details (if not given), nothing, all."
        ),
    ] = None,
    variance: Annotated[
        float | None,
        typer.Option(help="pca: share of the variance the basis keeps (0.99), or its number of dimensions."),
    ] = None,
    whiten: Annotated[
        bool | None, typer.Option("--whiten", help="pca: compare codes at unit variance.")
    ] = None,
    symmetry: Annotated[
        str | None,
        typer.Option(
            metavar="none|flip|d4", help="pca: take photos also mirrored (flip), or in all 8 positions."
        ),
    ] = None,
    covariance_type: Annotated[
        str | None,
        typer.Option(metavar="full|tied|diag|spherical", help="pca: shape of the components; diag."),
    ] = None,
    max_iter: Annotated[int, typer.Option(help="Most steps of expectation maximisation.")] = 100,
    tol: Annotated[
        float, typer.Option(help="Stop when the mean log-likelihood rises by less (nats).")
    ] = 1e-3,
    n_init: Annotated[
        int | None, typer.Option(help="pca: number of starts, 1; the likeliest is kept.")
    ] = None,
    block_size: Annotated[
        int | None,
        typer.Option(help="pca: photos in a block, 8192; of a larger set, all are never in memory."),
    ] = None,
    templates: Annotated[
        int, typer.Option(help="Photos whose codes are kept in the file, for synthesis to start from.")
    ] = 0,
    strength: Annotated[
        str, typer.Option(metavar="auto|0..1", help="How far synthesis moves from a template.")
    ] = "auto",
    holdout: Annotated[
        float, typer.Option(help="Share of photos to choose and measure on, 0 to 0.5; told by content.")
    ] = 0.15,
    refit: Annotated[
        bool, typer.Option("--refit/--no-refit", help="Fit again on all photos after measuring.")
    ] = True,
    allow_copies: Annotated[
        bool, typer.Option("--allow-copies", help="Keep a model whose samples copy photos.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write a report there, index.html and report.json.")
    ] = None,
    resize: Annotated[
        str, typer.Option(metavar="stretch|crop", help="Stretch photos to a square, or crop one out.")
    ] = "stretch",
    random_state: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Fit on the Dask cluster of this scheduler."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the same fit where it was stopped.")
    ] = False,
    strict: StrictOption = False,
    cache: CacheOption = True,
    quiet: QuietOption = False,
) -> None:
    """Learn a mixture model from photos and write it to one file."""
    began = time.perf_counter()
    _check_target(output)
    if report is not None:
        check_report(report)
    options = options_for(
        model,  # type: ignore[arg-type]
        recipe,  # type: ignore[arg-type]
        n_components=n_components,
        criterion=criterion,
        sharing=sharing,
        variance=variance,
        whiten=whiten,
        symmetry=symmetry,
        covariance_type=covariance_type,
        max_iter=max_iter,
        tol=tol,
        n_init=n_init,
        block_size=block_size,
        templates=templates,
        strength=strength,
        holdout=holdout,
        refit=refit,
        allow_copies=allow_copies,
        random_state=random_state,
    )
    check_image_size(image_size, options)
    with _cluster(scheduler) as client:
        photo_set = read_photos(
            photos, image_size=image_size, resize=resize, strict=strict, quiet=quiet, cache=cache
        )
        if image_size is None:
            photo_set = enlarge_to_fit(photo_set, options)
        with (
            kept_parts(photo_set, options, elsewhere=client is not None, keep=cache, resume=resume) as parts,
            _telling_of(parts, quiet=quiet),
        ):
            trial = try_photo_set(
                photo_set,
                options,
                features=None if report is not None else False,
                execution=Execution(client, parts),
                quiet=quiet,
            )
            trial.model.save(output)
            if report is not None:
                write_trial_report(report, trial, photo_set.skipped, output.name, random_state=random_state)
    if not quiet:
        say(_summary(trial, photo_set, output, time.perf_counter() - began))
        if report is not None:
            say(f"Wrote {report / 'index.html'}")


@contextmanager
def _telling_of(parts: Parts, *, quiet: bool) -> Iterator[None]:
    """Tell from where a fit goes on, and where one that is stopped can."""
    if parts.resume and not quiet:
        n_kept = parts.n_kept
        tell(f"Going on from {n_kept} finished parts" if n_kept else "Nothing to go on from: fitting anew")
    try:
        yield
    except ValueError:
        raise  # the same fit would end the same way: nothing is kept
    except BaseException:
        if parts.n_kept:
            tell(f"{parts.n_kept} finished parts are kept: the same command with --resume goes on from there")
        raise


@contextmanager
def _cluster(scheduler: str | None) -> Iterator[Client]:
    """A client of the cluster, closed at the end; None without a scheduler.

    It is there before photos are read, so that a wrong address shows at once.
    """
    if scheduler is None:
        yield None
        return
    with connect(scheduler) as client:
        yield client


def _summary(trial: Trial, photo_set: PhotoSet, output: Path, seconds: float) -> str:
    """What was chosen and why, what it is worth, and where it is."""
    info = trial.model.info
    skipped = f" ({len(photo_set.skipped)} skipped)" if photo_set.skipped else ""
    held_back = ""
    if info["n_held_back"]:
        held_back = f", {info['n_held_back']} held back to measure on"
    elif info["options"]["holdout"]:
        held_back = ", too few to hold some back"
    refitted = ", then fitted again on all" if trial.model is not trial.tried else ""
    size = _size(trial.model)
    lines = [f"{len(photo_set.images)} photos{skipped}{held_back}{refitted}{size}"]
    choices = info.get("choices", {})
    for raw_name, choice in choices.items():
        name = printable(raw_name)
        for refused in info.get("refused_candidates", {}).get(raw_name, ()):
            lines.append(f"{name}: " * bool(name) + f"{refused['n_components']} refused: {refused['reason']}")
        lines.append(f"{name}: {choice}" if name else choice)
    if trial.measurements.copying is not None:
        told = trial.measurements.copying.describe()
        if info.get("variation_strength"):
            lines += _variation_lines(info["variation_strength"], told, trial.model)
        elif len(choices) == 1:
            lines[-1] += f"; {told}"
        else:
            lines.append(f"All: {told}")
    else:
        lines.append("Copies are not measured: no two photos of a class differ")
    if info.get("synthesis_strength"):
        lines.append(_strength_line(info["synthesis_strength"]))
    lines.append(f"Wrote {output} ({output.stat().st_size / 1e6:.1f} MB) in {seconds:.1f} s")
    return "\n".join(lines)


def _size(model: ImageModel) -> str:
    """How much there is of the model, for kinds that one number tells of."""
    return f"; {model.basis.n_dimensions} dimensions" if isinstance(model, PCAMixture) else ""


def _strength_line(measured: dict[str, Any]) -> str:
    if measured["within"]:
        return f"Synthesis moves templates by strength {measured['strength']:g}: the least that is no copying"
    return (
        "At no strength is synthesis from templates as far from photos as photos are from each other; "
        "it moves them by 1, as far as can be"
    )


def _variation_lines(measured: dict[str, Any], told: str, model: ImageModel) -> list[str]:
    strength = f"{measured['strength']:g}"
    least = ": the least that is no copying" if measured["within"] else ", which is as far as can be"
    return [
        f"Photos varied by strength {strength}{least}: {told}",
        f"In training photos are varied by {model.strengths.variation:g}; "
        "for synthesis from nothing, keep templates (--templates 200)",
    ]


def _check_target(output: Path) -> None:
    """Refuse a target that could not be written after minutes of fitting."""
    if output.suffix != ".safetensors":
        raise ValueError(f"The output must be named NAME.safetensors. Received: {output}")
    check_folder(output)
    if output.is_dir():
        raise ValueError(f"The output must be a file. Received: a folder, {output}")
    if not os.access(output.parent, os.W_OK | os.X_OK):
        raise PermissionError(f"The output's folder must be one to write in. Received: {output}")
