"""The bundle: a patch as a folder of pictures and a record, written whole, read with validation."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import physadv
from physadv.core.color import from_uint8, linear_to_srgb, srgb_to_linear, to_uint8
from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_folder, read_json, write_json
from physadv.core.images import read_image, write_png
from physadv.patches.mask import Mask, build_mask, parse_mask
from physadv.signs import Sign, load_sign

SCHEMA_VERSION = 1
BUNDLE_PX = 1024
NOTICE = "test artefact, not for public roads"


class VictimNote(Config):
    """Which model a patch was made for."""

    name: str
    sha256: str
    source: str = ""


class PatchRecord(Config):
    """``patch.json``: what a patch is and how it was made."""

    schema_version: Literal[1] = SCHEMA_VERSION
    notice: str = NOTICE
    name: str
    sign: str
    sign_width_mm: float = Field(gt=0)
    sign_height_mm: float = Field(gt=0)
    area_fraction: float = Field(ge=0, le=1)
    """Painted area over the sign's area."""
    mask: dict[str, Any]
    paint: dict[str, Any] | None = None
    attack: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    """The attack's whole configuration: it can be run again from it."""
    goal: str | None = None
    """``untargeted`` or ``targeted:CLASS``, resolved."""
    seed: int | None = None
    victim: VictimNote | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    created: str = ""
    measured: dict[str, Any] = Field(default_factory=dict)
    """What the design saw on its held-out frames, and its flags."""


@lru_cache(maxsize=1)
def package_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    names = ("torch", "torchvision", "kornia", "numpy", "opencv-python-headless", "albumentations")
    found = {"physadv": physadv.__version__, "python": platform.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def compose(sign_rgba: Tensor, mask: Tensor, paint: Tensor) -> Tensor:
    """Opaque ink over a sign, in linear light: ``[4, P, P]`` of ``[4, P, P]``, ``[1, P, P]`` and ``[3, P, P]`` linear."""
    return torch.cat([sign_rgba[:3] + (paint - sign_rgba[:3]) * mask, sign_rgba[3:]])


@dataclass(frozen=True, eq=False)
class Patch:
    """Paint on a sign.

    Attributes:
        sign: what is painted on.
        mask: where.
        paint: ``[3, P, P]`` sRGB-encoded in [0,1]; only what the mask covers matters.
        record: how it came to be.
    """

    sign: Sign
    mask: Mask
    paint: Tensor
    record: PatchRecord

    def painted(self, px: int) -> Tensor:
        """The painted sign ``[4, px, px]``, linear RGB and coverage."""
        return compose(self.sign.texture(px), self.mask.at(px).alpha, srgb_to_linear(_resized(self.paint, px)))

    def sheeting(self, px: int) -> Tensor:
        """How much of the retroreflective sheeting is bare, ``[1, px, px]``."""
        return 1.0 - self.mask.at(px).alpha


def _resized(paint: Tensor, px: int) -> Tensor:
    """A paint at another resolution; texels stay blocks when enlarged, as they were when the paint was designed."""
    size = paint.shape[-1]
    if px == size:
        return paint
    if px % size == 0:
        return paint.repeat_interleave(px // size, -1).repeat_interleave(px // size, -2)
    return F.interpolate(paint[None], size=(px, px), mode="bilinear", antialias=True, align_corners=False)[0].clamp(
        0, 1
    )


def new_patch(sign: Sign, mask: Mask, paint: Tensor, *, name: str, made: Mapping[str, Any] | None = None) -> Patch:
    """A patch with the record that its parts imply; ``made`` holds the other fields of :class:`PatchRecord`."""
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    return Patch(
        sign,
        mask,
        paint,
        PatchRecord(
            name=name,
            sign=sign.name,
            sign_width_mm=sign.width_mm,
            sign_height_mm=sign.height_mm,
            area_fraction=mask.area_fraction,
            mask=mask.config.model_dump(mode="json"),
            versions=package_versions(),
            created=created,
            **(made or {}),
        ),
    )


def patch_from_picture(sign: Sign, mask: Mask, picture: Path, *, name: str) -> Patch:
    """A patch from a ready-made square picture of the paint; its width is the sign's longer side.

    Raises:
        PhysadvError: not a readable picture, or not square.
    """
    pixels = read_image(picture)
    if pixels.shape[0] != pixels.shape[1]:
        raise PhysadvError(f"{picture}: is {pixels.shape[1]} x {pixels.shape[0]} pixels; a paint should be square")
    return new_patch(sign, mask, from_uint8(pixels), name=name)


def _encoded(rgba_linear: Tensor) -> Tensor:
    return torch.cat([linear_to_srgb(rgba_linear[:3].clamp(0.0, 1.0)), rgba_linear[3:]])


def save_patch(patch: Patch, folder: Path, *, replace: bool = False) -> None:
    """Writes ``painted.png``, ``mask.png``, ``paint.png`` (1024 px; the sign's longer side fills them) and ``patch.json``.

    Raises:
        PhysadvError: the folder exists and ``replace`` is false, or it cannot be written.
    """
    mask = patch.mask.at(BUNDLE_PX)
    whole = Patch(patch.sign, mask, from_uint8(to_uint8(_resized(patch.paint, BUNDLE_PX))), patch.record)
    with atomic_folder(folder, replace=replace) as new:
        write_png(new / "painted.png", to_uint8(_encoded(whole.painted(BUNDLE_PX))))
        write_png(new / "mask.png", to_uint8(mask.alpha)[..., 0])
        write_png(new / "paint.png", to_uint8(torch.cat([whole.paint, (mask.alpha > 0).float()])))
        write_json(new / "patch.json", patch.record.model_dump(mode="json"))


def load_patch(folder: str | Path) -> Patch:
    """Reads a bundle.

    Raises:
        PhysadvError: a file is missing, truncated, of the wrong size, or says something else than the others.
    """
    folder = Path(folder)
    if not (folder / "patch.json").is_file():
        raise PhysadvError(
            f"{folder}: holds no patch.json; give the folder of a patch, such as physadv design --out writes"
        )
    data = read_json(folder / "patch.json")
    version = data.get("schema_version") if isinstance(data, Mapping) else None
    if version != SCHEMA_VERSION:
        raise PhysadvError(
            f"{folder / 'patch.json'}: schema_version = {version!r}; this physadv reads {SCHEMA_VERSION}"
        )
    record = validate(PatchRecord, data, folder / "patch.json")
    sign = load_sign(record.sign)
    pictures = {
        name: read_image(folder / f"{name}.png", mode=mode)
        for name, mode in (("painted", "RGBA"), ("mask", "L"), ("paint", "RGBA"))
    }
    for name, pixels in pictures.items():
        if pixels.shape[:2] != (BUNDLE_PX, BUNDLE_PX):
            size = f"{pixels.shape[1]} x {pixels.shape[0]}"
            raise PhysadvError(f"{folder / f'{name}.png'}: is {size} pixels; should be {BUNDLE_PX} x {BUNDLE_PX}")
    mask = build_mask(parse_mask(record.mask), sign, px=BUNDLE_PX)
    if record.area_fraction == 0.0:
        mask = mask.emptied()
    stored = from_uint8(pictures["mask"][..., None])
    if float((stored - mask.alpha).abs().mean()) > 0.002:
        raise PhysadvError(f"{folder / 'mask.png'}: is not the mask that patch.json describes; was one of them edited?")
    return Patch(sign, mask, from_uint8(np.ascontiguousarray(pictures["paint"][..., :3])), record)


__all__ = [
    "BUNDLE_PX",
    "NOTICE",
    "Patch",
    "PatchRecord",
    "VictimNote",
    "compose",
    "load_patch",
    "new_patch",
    "package_versions",
    "patch_from_picture",
    "save_patch",
]
