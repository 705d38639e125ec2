"""The loads by name; a framework is imported when its load is."""

import importlib
import importlib.util

from reliability.loads.setting import Load

_LOADS = {
    "gmm_dataset": ("tf_data", "Synthesised"),
    "mix": ("tf_data", "TfData"),
    "mix-vary": ("tf_data", "Varied"),
    "mix-multiscale": ("tf_data", "MixedMultiscale"),
    "mix-service": ("tf_data", "Service"),
    "keras-threads": ("keras_fit", "Fit"),
    "keras-processes": ("keras_fit", "FitOfProcesses"),
    "executor-fork": ("pipelines", "Executor"),
    "executor-spawn": ("pipelines", "SpawnedExecutor"),
    "torch-fork": ("pipelines", "DataLoader"),
    "torch-fork-persistent": ("pipelines", "PersistentDataLoader"),
    "torch-spawn": ("pipelines", "SpawnedDataLoader"),
    "torch-spawn-persistent": ("pipelines", "PersistentSpawnedDataLoader"),
}


def names() -> list[str]:
    """Loads that can run here."""
    torch = importlib.util.find_spec("torch") is not None
    return [name for name in _LOADS if torch or not name.startswith("torch")]


def load_class(name: str) -> type[Load]:
    """A load, by its name."""
    module, attribute = _LOADS[name]
    found: type[Load] = getattr(importlib.import_module(f"reliability.loads.{module}"), attribute)
    return found
