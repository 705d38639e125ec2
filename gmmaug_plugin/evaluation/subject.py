"""What of a model is judged: the images that it is meant to be used for."""

from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gmmaug_plugin.evaluation.copies import CopyDetector
from gmmaug_plugin.images import PhotoSet
from gmmaug_plugin.models.image_model import ImageModel, Label
from gmmaug_plugin.models.multiscale import MultiscaleMixture
from gmmaug_plugin.models.noise import Seed

Subject = TypeVar("Subject")

N_JUDGED = 500
"""Images that a model is judged by."""

VARIED = (
    "Measured are photos that the model varied with strength {:g}, which is what it is for: it keeps no "
    "templates, and its fresh draws have the texture of photos but no shapes."
)


@dataclass(frozen=True, eq=False)
class VariedPhotos:
    """Photos at random, varied: what a model that varies photos gives.

    Attributes:
        model: The model.
        photos: The photos, of its size.
        strength: How far they are moved.
        only: Positions of the photos that may be varied, at least one of each class; None takes all.
    """

    model: ImageModel
    photos: PhotoSet
    strength: float
    only: NDArray[np.intp] | None = None

    @property
    def image_size(self) -> int:
        """Height and width of its images in pixels."""
        return self.model.image_size

    def sample(
        self, n: int, *, label: Label | None = None, seed: Seed = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32] | None]:
        """Vary ``n`` photos, of one class or of all: images, and labels if there are any."""
        labels = self.photos.labels
        among = np.arange(len(self.photos.images))
        if label is not None and labels is not None:
            among = among[labels == self.model.label_of(label)]
        entropy = None if seed is None else np.random.SeedSequence(seed).generate_state(1)
        rng = np.random.default_rng(entropy)
        chosen = among[rng.integers(0, len(among), n)]
        if self.only is not None:
            chosen = _others_of_the_class(chosen, self.only, labels, rng)
        classes = None if labels is None else labels[chosen]
        images = self.photos.images[chosen]
        varied = self.model.vary(images, strength=self.strength, label=classes, seed=seed)
        return varied, None if classes is None else classes.astype(np.int32)

    def score_samples(self, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Log-density of images under the model."""
        return self.model.score_samples(images)


def _others_of_the_class(
    chosen: NDArray[np.intp],
    only: NDArray[np.intp],
    labels: NDArray[np.int32] | None,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Put others of its class in the place of a photo that may not be chosen: classes keep their share."""
    codes, own = (np.zeros(len(one), np.int32) if labels is None else labels[one] for one in (chosen, only))
    chosen, missing = chosen.copy(), ~np.isin(chosen, only)
    for code in np.unique(codes[missing]):
        places = np.flatnonzero(missing & (codes == code))
        chosen[places] = rng.choice(only[own == code], len(places))
    return chosen


def as_compared(subject: Subject, detector: CopyDetector | None) -> Subject:
    """Vary photos that a detector compares with, where these are not all: it sees no copies of the others.

    Args:
        subject: What is judged; all but :class:`VariedPhotos` are given back as they are.
        detector: Of the photos that are varied.
    """
    if detector is None or detector.compared is None or not isinstance(subject, VariedPhotos):
        return subject
    return replace(subject, only=detector.compared)


def with_templates(
    detector: CopyDetector, model: ImageModel, *, n_samples: int = N_JUDGED, random_state: int = 0
) -> CopyDetector:
    """Compare with the photos behind a model's templates, where a detector does not compare with all photos.

    Args:
        detector: Of the photos that the model was fitted on.
        model: Any model. Without templates the detector is given back as it is.
        n_samples: Images the model will be judged by: with so many of this seed come the templates.
        random_state: Their seed.
    """
    if detector.compared is None or not model.n_templates:
        return detector
    return detector.including(*model.sample(n_samples, strength=0.0, seed=random_state))


def describe_subject(subject: Any) -> str:
    """What is judged, in a few words."""
    if isinstance(subject, VariedPhotos):
        return f"Training photos varied by the model with strength {subject.strength:g}"
    return "New images drawn from the model"


def subject_of(model: ImageModel, photos: PhotoSet, strength: float | None = None) -> Any:
    """What is to be judged: a model's samples, or the photos that it varies.

    A multi-scale mixture without templates is for varying photos. It is judged at the strength from which
    varied photos are no copies, so that it cannot look good by giving the photos back.

    Args:
        model: The model.
        photos: Those it was fitted on, of its size.
        strength: Of variation; None takes the one that its info tells.

    Returns:
        The model itself, or :class:`VariedPhotos`: what has ``sample``, ``score_samples`` and ``image_size``.
    """
    if not isinstance(model, MultiscaleMixture) or model.templates is not None:
        return model
    if strength is None:
        told = model.info.get("variation_strength") or {}
        strength = float(told.get("strength", model.strengths.variation))
    return VariedPhotos(model, photos, strength)
