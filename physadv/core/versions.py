"""Versions of physadv, of Python and of the packages that a result depends on."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import lru_cache

import physadv

_PACKAGES = (
    "torch",
    "torchvision",
    "kornia",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "albumentations",
    "shapely",
    "resvg_py",
    "tinycss2",
    "pyarrow",
    "safetensors",
    "onnxruntime",
    "timm",
    "pillow-heif",
)


@lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """Name to version; a package that is not installed is left out."""
    found = {"physadv": physadv.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
