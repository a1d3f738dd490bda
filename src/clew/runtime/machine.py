"""What a measurement was made on and with: figures without it say nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from clew.runtime.load import cores
from clew.runtime.target import host_features, target

TOLD = ("sse2", "avx2", "fma", "avx512f", "avx512vnni", "avx512bf16", "avx512fp16", "amx-int8", "amx-bf16", "neon")
LIBRARIES = ("clew", "numpy", "llvmlite", "onnxruntime", "openvino", "torch")


def machine() -> dict[str, Any]:
    """The processor by name, its cores that may be used, the features that matter, and versions, for JSON.

    `kernels`: what the sparse engine's kernels are made for.
    """
    return {
        "cpu": cpu_name(),
        "cores": cores(),
        "features": [name for name in TOLD if name in host_features()],
        "kernels": target().name,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES if (found := _version(name)) is not None},
    }


def load_average() -> float | None:
    """How many processes want a core, averaged over the last minute; None where the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def cpu_name() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
