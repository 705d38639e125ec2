"""The machine and the software that figures belong to."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")
"""Instruction sets that decide what a matrix product costs."""

PACKAGES = (
    "gmmaug-plugin",
    "numpy",
    "scipy",
    "scikit-learn",
    "pillow",
    "tensorflow",
    "keras",
    "albumentations",
    "tensorflow-probability",
    "pomegranate",
    "torch",
    "imbalanced-learn",
)


def machine() -> str:
    """The machine in a line."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def facts() -> dict[str, Any]:
    """Machine, instruction sets, threads, versions and date, as plain JSON values."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": machine(),
        "processor": _first(Path("/proc/cpuinfo"), r"model name\s*:\s*(.+)") or platform.processor(),
        "cpu_flags": _flags(),
        "memory_gb": _memory_gb(),
        "load_average": list(os.getloadavg()),
        "blas": [_library(one) for one in threadpool_info()],
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _flags() -> dict[str, bool | None]:
    """Which instruction sets of interest there are; None where the system does not say."""
    line = _first(Path("/proc/cpuinfo"), r"flags\s*:\s*(.+)")
    known = None if line is None else set(line.split())
    return {flag: None if known is None else flag in known for flag in FLAGS}


def _memory_gb() -> float | None:
    kilobytes = _first(Path("/proc/meminfo"), r"MemTotal:\s*(\d+) kB")
    return None if kilobytes is None else round(int(kilobytes) / 1e6, 1)


def _first(path: Path, pattern: str) -> str | None:
    """The first match in a file of the system; None where there is no such file or line."""
    try:
        found = re.search(pattern, path.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[1].strip() if found else None


def _library(one: dict[str, Any]) -> dict[str, Any]:
    return {key: one.get(key) for key in ("internal_api", "version", "num_threads")}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
