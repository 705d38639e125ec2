"""Loads through ``GMMSequence`` in a real ``fit``."""

import contextlib
import math
from typing import Any, ClassVar

import keras

from gmmaug_plugin.keras import GMMSequence
from reliability.loads.setting import (
    BATCH,
    MODELS,
    RATIO,
    SIZE,
    EnoughError,
    Load,
    Tick,
    digest,
    photos,
    raise_after,
)

N_REAL = round(BATCH * (1 - RATIO))


class Plain(keras.utils.PyDataset):
    """The control: real images alone."""

    def __init__(self, x: Any, y: Any, **options: Any) -> None:
        super().__init__(**options)
        self.x, self.y = x, y

    def __len__(self) -> int:
        return math.ceil(len(self.x) / N_REAL)

    def __getitem__(self, index: int) -> Any:
        rows = slice(index * N_REAL, (index + 1) * N_REAL)
        return self.x[rows], self.y[rows]


class Counted(GMMSequence):
    """Tells how often an epoch has ended."""

    ended = 0

    def on_epoch_end(self) -> None:
        self.ended += 1
        super().on_epoch_end()


class Classifier(keras.Sequential):
    """As small as can be; where it runs eagerly it keeps what it was trained on."""

    def __init__(self) -> None:
        super().__init__([keras.Input((SIZE, SIZE, 1)), keras.layers.Flatten(), keras.layers.Dense(2)])
        self.seen: list[bytes] = []

    def train_step(self, data: Any) -> Any:
        if self.run_eagerly:
            self.seen.append(digest(data[0].numpy()))
        return super().train_step(data)


class Ticking(keras.callbacks.Callback):
    """Calls after every batch."""

    def __init__(self, tick: Tick) -> None:
        super().__init__()
        self._tick = tick

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._tick(batch)


class Stopping(keras.callbacks.Callback):
    """Stops the training as callbacks of Keras do."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.model.stop_training = batch + 1 >= self._after


class Fit(Load):
    """A real ``fit`` with worker threads or processes."""

    ways = ("stop_training", "exception")
    per_epoch = 2000
    options: ClassVar[dict[str, Any]] = {"workers": 4}

    def __init__(self, plain: bool, per_epoch: int) -> None:
        super().__init__(plain, per_epoch)
        self.model = MODELS["pca"]()
        self.batches = self._batches()
        self.classifier = self._classifier()

    def _batches(self, **options: Any) -> Any:
        x, y = photos(self.steps * N_REAL)
        if self.plain:
            return Plain(x, y, **options or self.options)
        return Counted(x, y, model=self.model, ratio=RATIO, batch_size=BATCH, **options or self.options)

    def _classifier(self, *, eager: bool = False) -> Classifier:
        classifier = Classifier()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        classifier.compile("sgd", loss, run_eagerly=eager, jit_compile=False)
        return classifier

    def train(self, epochs: int, tick: Tick) -> None:
        self.classifier.fit(self.batches, epochs=epochs, verbose=0, shuffle=False, callbacks=[Ticking(tick)])

    def abandon(self, way: str, after: int) -> None:
        if way == "stop_training":
            self.classifier.fit(self.batches, verbose=0, shuffle=False, callbacks=[Stopping(after)])
            return
        with contextlib.suppress(EnoughError):
            self.train(1, raise_after(after))

    def fault(self) -> str | None:
        batches, classifier = self._batches(), self._classifier(eager=True)
        classifier.fit(batches, verbose=0, shuffle=False, callbacks=[Stopping(self.steps // 2)])
        classifier.seen.clear()
        classifier.fit(batches, verbose=0, shuffle=False)
        twin = self._batches(workers=1)
        for _ in range(0 if self.plain else batches.ended - 1):
            twin.on_epoch_end()
        expected = [digest(twin[index][0]) for index in range(len(twin))]
        given = classifier.seen
        same = expected == given
        return None if same else f"{len(given)} batches after a stopped epoch are not the {len(expected)} due"


class FitOfProcesses(Fit):
    """With worker processes."""

    options: ClassVar[dict[str, Any]] = {"workers": 2, "use_multiprocessing": True}
