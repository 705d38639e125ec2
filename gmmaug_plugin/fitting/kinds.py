"""What differs between kinds of model when they are fitted: one small class per kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.fitting.execution import HERE, Execution
from gmmaug_plugin.fitting.multiscale import fit_multiscale_mixture
from gmmaug_plugin.fitting.multiscale.templates import choose_photo_templates
from gmmaug_plugin.fitting.options import FitOptions, ModelKind
from gmmaug_plugin.fitting.pca_fitter import (
    describe_curve,
    describe_curves,
    describe_refused,
    fit_pca_mixture,
)
from gmmaug_plugin.fitting.seed_recipe import fit_seed_recipe
from gmmaug_plugin.fitting.selection import Judge, explain_choice
from gmmaug_plugin.fitting.templates import choose_templates
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.models.image_model import ImageModel
from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.pca_mixture import PCAMixture


@dataclass(frozen=True, eq=False)
class Fitting:
    """A fitted model and what is to be told of it.

    Attributes:
        model: The model, without class names, strengths and info.
        chosen: The numbers of components, to fit the same again.
        info: How they were chosen, as plain JSON values; goes into the artifact.
    """

    model: ImageModel
    chosen: tuple[int, ...]
    info: dict[str, Any]


class Kind(Protocol):
    """How one kind of model is fitted."""

    def fit(
        self,
        photo_set: PhotoSet,
        options: FitOptions,
        *,
        judge: Judge | None = None,
        chosen: Sequence[int] | None = None,
        execution: Execution = HERE,
        quiet: bool,
    ) -> Fitting:
        """Fit photos; with ``chosen``, with these numbers of components."""

    def templates(self, model: Any, photo_set: PhotoSet, options: FitOptions) -> Any:
        """Templates of the photos that cover the set best."""


class PCAKind:
    """Fits a :class:`PCAMixture`."""

    def fit(
        self,
        photo_set: PhotoSet,
        options: FitOptions,
        *,
        judge: Judge | None = None,
        chosen: Sequence[int] | None = None,
        execution: Execution = HERE,
        quiet: bool,
    ) -> Fitting:
        """Fit photos; see :func:`gmmaug_plugin.fitting.pca_fitter.fit_pca_mixture`."""
        fitter = fit_seed_recipe if options.recipe == "seed" else fit_pca_mixture
        fitted = fitter(
            photo_set.images,
            labels_of(photo_set),
            options,
            n_components=chosen,
            judge=judge,
            class_names=photo_set.class_names,
            execution=execution,
            quiet=quiet,
        )
        names = photo_set.class_names or ("",)
        counts = np.bincount(fitted.model.mixture.classes).tolist()
        info = {
            "n_components_per_class": dict(zip(names, counts, strict=True)),
            "criterion_curves": describe_curves(fitted.curves, photo_set.class_names),
            "refused_candidates": describe_refused(fitted.refused, photo_set.class_names),
            "choices": {
                name: explain_choice(
                    fitted.curves[label],
                    refused=fitted.refused.get(label, ()),
                    given=options.n_components != "auto",
                )
                for label, name in enumerate(names)
            },
            "explained_variance_ratio": [float(f"{share:.4g}") for share in fitted.explained_variance_ratio],
        }
        return Fitting(fitted.model, tuple(counts), info)

    def templates(self, model: PCAMixture, photo_set: PhotoSet, options: FitOptions) -> Any:
        """Codes of photos."""
        return choose_templates(
            model,
            photo_set.images,
            labels_of(photo_set),
            options.templates,
            random_state=options.random_state,
        )


class MultiscaleKind:
    """Fits a :class:`MultiscaleMixture`."""

    def fit(
        self,
        photo_set: PhotoSet,
        options: FitOptions,
        *,
        judge: Judge | None = None,
        chosen: Sequence[int] | None = None,
        execution: Execution = HERE,
        quiet: bool,
    ) -> Fitting:
        """Fit photos; no judge is asked, since no component of a few pixels can hold a photo."""
        labels = labels_of(photo_set)
        model, curves = fit_multiscale_mixture(
            photo_set.images,
            labels,
            options,
            n_components=chosen,
            class_names=photo_set.class_names,
            execution=execution,
            quiet=quiet,
        )
        names = photo_set.class_names or ("",)
        counts = np.bincount(model.base.classes).tolist()
        info = {
            "n_components_per_class": dict(zip(names, counts, strict=True)),
            "criterion_curves": {
                level: [describe_curve(curve) for curve in found] for level, found in curves.items()
            },
            "choices": {
                level: explain_choice(found, given=options.n_components != "auto")
                for level, found in curves.items()
            },
        }
        return Fitting(model, tuple(found[0].best for found in curves.values()), info)

    def templates(self, model: MultiscaleMixture, photo_set: PhotoSet, options: FitOptions) -> Any:
        """Components and innovations of photos."""
        return choose_photo_templates(
            model,
            photo_set.images,
            labels_of(photo_set),
            options.templates,
            random_state=options.random_state,
        )


KINDS: dict[ModelKind, Kind] = {"pca": PCAKind(), "multiscale": MultiscaleKind()}


def labels_of(photo_set: PhotoSet) -> NDArray[np.int32]:
    """Labels of photos, all zero without classes."""
    return np.zeros(len(photo_set.images), np.int32) if photo_set.labels is None else photo_set.labels
