"""The bundle: a patch as a folder of pictures and a record, written whole, read with validation."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field, field_validator
from torch import Tensor

from physadv.core.color import from_uint8, linear_to_srgb, to_uint8
from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_folder, bundled, check_writable, foreign_entries, read_json, write_json
from physadv.core.identity import as_json, digest_of, digest_of_files, first_difference
from physadv.core.images import read_image, write_png
from physadv.core.notebooks import html_picture, html_table, one_line, png_bytes
from physadv.core.number_format import percent
from physadv.core.run_folder import BOOKKEEPING, claim
from physadv.core.versions import package_versions
from physadv.patches.compose import compose
from physadv.patches.mask import Mask, build_mask, parse_mask
from physadv.patches.printer_colors import Ink, as_sent
from physadv.patches.resample import resample
from physadv.signs import Sign, keep_sign, kept_sign

SCHEMA_VERSION: Literal[1] = 1
BUNDLE_PX = 1024
"""Side of a bundle's pictures; the sign's longer side (flat to flat, for the octagon) fills it."""
NOTICE = "test artefact, not for public roads"

CHECKPOINT = "design.checkpoint"
"""A design in the making; the bundle takes its place."""
_FILES = ("patch.json", "painted.png", "mask.png", "paint.png", "sign.yaml", "sign.svg")
_SHOWN_PX = 256
"""Side of the picture that notebooks show."""
_WRITTEN = "sha256"
"""Key of ``patch.json``: digest of its other values and of the bundle's other files, as physadv wrote them."""
_MASK_TOLERANCE = 0.002
_PAINTED_TOLERANCE = 0.01
"""Mean difference of pictures that show the same; renderers of SVG differ along edges."""


class VictimNote(Config):
    """Which model a patch was made for."""

    name: str
    sha256: str
    source: str = ""


class PatchRecord(Config):
    """``patch.json``: what a patch is and how it was made."""

    schema_version: Literal[1] = SCHEMA_VERSION
    notice: str = NOTICE
    name: str = Field(min_length=1)
    sign: str
    sign_width_mm: float = Field(gt=0, allow_inf_nan=False)
    sign_height_mm: float = Field(gt=0, allow_inf_nan=False)
    area_fraction: float = Field(ge=0, le=1)
    """Painted area over the sign's area."""
    mask: dict[str, Any]
    """The mask's configuration, from which it is built again."""
    paint: dict[str, Any] | None = None
    """The paint's configuration; None where the paint was not designed (a picture, a control)."""
    attack: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    """The attack's whole configuration: it can be run again from it."""
    goal: str | None = None
    """In words, ``untargeted`` or ``targeted:CLASS`` for instance, resolved."""
    seed: int | None = None
    victim: VictimNote | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    created: str = ""
    """ISO 8601, or empty."""
    measured: dict[str, Any] = Field(default_factory=dict)
    """What the design saw on its held-out frames, its flags, and digests of the photographs that its scenes show."""
    identity: dict[str, Any] | None = None
    """All that decided the patch, by content; None where it was not designed."""

    @field_validator("created")
    @classmethod
    def _is_a_time(cls, created: str) -> str:
        if created:
            datetime.datetime.fromisoformat(created)
        return created


@dataclass(frozen=True, eq=False)
class Patch:
    """Paint on a sign.

    Attributes:
        sign: what is painted on.
        mask: where.
        paint: ``[3, P, P]`` sRGB-encoded in [0,1], on the square of the sign's longer side; only what the mask covers
            matters.
        record: how it came to be.
    """

    sign: Sign
    mask: Mask
    paint: Tensor
    record: PatchRecord
    edited: bool = False
    """Whether a file of its bundle has changed since physadv wrote it."""
    unchecked: bool = False
    """Whether that cannot be told: its bundle is of an older physadv, which kept no digest of it."""

    @property
    def name(self) -> str:
        """How tables and reports call it."""
        return self.record.name

    def paint_at(self, px: int) -> Tensor:
        """The paint ``[3, px, px]`` sRGB-encoded (see :func:`~physadv.patches.resample.resample`)."""
        size = self.paint.shape[-1]
        weight = self.mask.at(size).alpha.to(self.paint) if px < size else self.paint.new_ones(1, size, size)
        return resample(self.paint, weight, px)

    def painted(self, px: int, ink: Ink = as_sent) -> Tensor:
        """The painted sign ``[4, px, px]``, linear RGB and straight alpha, which is the sign's outline.

        Args:
            px: texels a side.
            ink: what the paint's colors reflect, once they are printed.
        """
        paint = ink(self.paint_at(px))
        return compose(self.sign.texture(px).to(paint), self.mask.at(px).alpha.to(paint), paint)

    def __repr__(self) -> str:
        """In one line: name, mask and sign, goal, victim of the design and its success on frames held out."""
        record, measured = self.record, self.record.measured
        success, frames = measured.get("held_out_success"), measured.get("held_out_frames")
        return one_line(
            self,
            self.name,
            f"{self.mask.config.kind} on {record.sign}, {percent(record.area_fraction, 1)} of it",
            record.goal,
            f"designed against {record.victim.name}" if record.victim else None,
            None if success is None or frames is None else f"success {percent(success, 1)} of {frames} frames held out",
            "edited" if self.edited else None,
        )

    def _repr_png_(self) -> bytes:
        """The painted sign, as notebooks show it."""
        rgba = self.painted(_SHOWN_PX)
        return png_bytes(to_uint8(torch.cat([linear_to_srgb(rgba[:3]), rgba[3:]])))

    def _repr_html_(self) -> str:
        """The painted sign and its record in short, as notebooks show them."""
        record = self.record
        rows = [
            ("sign", record.sign),
            ("goal", record.goal or "–"),
            ("area", f"{percent(record.area_fraction, 1)} of the sign"),
            ("attack", record.attack or "–"),
            ("victim", record.victim.name if record.victim else "–"),
        ]
        return html_picture(self._repr_png_(), f"{self.name} on {record.sign}") + html_table(self.name, ("", ""), rows)

    def sheeting(self, px: int) -> Tensor:
        """How much of the retroreflective sheeting is bare, ``[1, px, px]``."""
        return 1.0 - self.mask.at(px).alpha


def new_patch(sign: Sign, mask: Mask, paint: Tensor, *, name: str, made: Mapping[str, Any] | None = None) -> Patch:
    """A patch with the record that its parts imply.

    Args:
        sign: what is painted on.
        mask: where.
        paint: ``[3, P, P]`` sRGB-encoded in [0,1].
        name: of the patch.
        made: the other fields of :class:`PatchRecord`: attack, config, goal, seed, victim, paint, measured.

    Raises:
        PhysadvError: ``paint`` has another shape or values outside of [0,1].
    """
    if paint.ndim != 3 or paint.shape[0] != 3 or paint.shape[1] != paint.shape[2]:
        raise PhysadvError(f"patch {name!r}: its paint has shape {list(paint.shape)}; it should be [3, P, P]")
    if not bool(((paint >= 0.0) & (paint <= 1.0)).all()):
        raise PhysadvError(f"patch {name!r}: its paint has values outside of 0 to 1; they should be sRGB colors")
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    fields = {
        "name": name,
        "sign": sign.name,
        "sign_width_mm": sign.width_mm,
        "sign_height_mm": sign.height_mm,
        "area_fraction": mask.area_fraction,
        "mask": mask.config.model_dump(mode="json"),
        "versions": package_versions(),
        "created": created,
    }
    return Patch(sign, mask, paint, validate(PatchRecord, {**fields, **(made or {})}, f"patch {name!r}"))


def save_patch(patch: Patch, folder: str | Path, *, replace: bool = False) -> None:
    """Writes a bundle, whole or not at all.

    ``painted.png`` is the picture to look at and to compare with: the sign with its paint (RGBA, alpha is the outline).
    ``mask.png`` (gray) and ``paint.png`` (RGBA, clear beside the mask) with ``patch.json`` are what :func:`load_patch`
    rebuilds it from, exact to 8 bits. All pictures are 1024 px, sRGB-encoded. A user's own sign is kept in the bundle.

    Raises:
        PhysadvError: the folder exists and ``replace`` is false, it holds what does not belong to a bundle, or it
            cannot be written.
    """
    folder = Path(folder)
    if replace:
        check_replaceable(folder)
    mask = patch.mask.at(BUNDLE_PX)
    shown = (mask.alpha > 0.0).to(patch.paint)
    stored = Patch(patch.sign, mask, from_uint8(to_uint8(patch.paint_at(BUNDLE_PX).cpu() * shown.cpu())), patch.record)
    painted = stored.painted(BUNDLE_PX)
    pictures = {
        "painted.png": to_uint8(torch.cat([linear_to_srgb(painted[:3]), painted[3:]])),
        "mask.png": to_uint8(mask.alpha)[..., 0],
        "paint.png": to_uint8(torch.cat([stored.paint, mask.alpha])),
    }
    with atomic_folder(folder, replace=replace) as new:
        for name, pixels in pictures.items():
            write_png(new / name, pixels)
        keep_sign(patch.sign, new)
        values = patch.record.model_dump(mode="json")
        write_json(new / "patch.json", {**values, _WRITTEN: _digest(new, values)})


def _digest(folder: Path, values: Mapping[str, Any]) -> str:
    """Of a record's values but the digest itself, and of the files beside it."""
    files = [folder / name for name in _FILES if name != "patch.json" and (folder / name).exists()]
    return digest_of([{key: value for key, value in values.items() if key != _WRITTEN}, digest_of_files(files)])


@contextmanager
def bundle_of(
    folder: Path, identity: Mapping[str, Any], *, command: str, overwrite: bool = False
) -> Iterator[Patch | None]:
    """Claims a folder for the bundle of a piece of work; gives the patch if that is done already.

    Args:
        folder: of the bundle.
        identity: all that decides the patch.
        command: in whose name.
        overwrite: let other work take the place of the patch that is there.

    Raises:
        PhysadvError: another process works there; the folder holds another patch, other work in progress or something
            else.
    """
    if (folder / "patch.json").exists():
        found = _read_record(folder / "patch.json").get("identity")
        if found == as_json(identity) and not overwrite:
            yield load_patch(folder)
            return
        if not overwrite:
            how = f" ({first_difference(found, identity)})" if found else ""
            raise PhysadvError(
                f"{folder}: holds another patch already{how}; choose another --out, or remove it "
                "(physadv design: --replace)"
            )
    with claim(folder, identity, command=command, own=(*_FILES, CHECKPOINT)):
        yield None


def check_replaceable(folder: Path) -> None:
    """Refuses to put a bundle in the place of a folder with other things in it than a bundle, or one in the making.

    Raises:
        PhysadvError: ``folder`` is a file, holds something else, or may not be written.
    """
    check_writable(folder)
    check_writable(folder.resolve().parent)  # a new folder is made beside the old one, and takes its place
    other = foreign_entries(folder, (*_FILES, CHECKPOINT, *BOOKKEEPING))
    if other:
        raise PhysadvError(
            f"{folder}: holds {other[0]}, which does not belong to a patch and would be lost; choose another --out"
        )


def find_bundle(folder: str | Path) -> Path:
    """The folder of a patch: as given, or the shipped patch of that name.

    Raises:
        PhysadvError: there is none.
    """
    given, shipped = Path(folder), bundled("patches") / str(folder)
    for candidate in (given, shipped):
        if (candidate / "patch.json").is_file():
            return candidate
    shipped_names = ", ".join(sorted(path.parent.name for path in bundled("patches").glob("*/patch.json"))) or "none"
    raise PhysadvError(
        f"{folder}: no patch there (no patch.json); give a folder that physadv design wrote, "
        f"or one of the patches that come with physadv: {shipped_names}"
    )


def load_patch(folder: str | Path) -> Patch:
    """Reads a bundle.

    Args:
        folder: of the bundle, or the name of a patch that comes with physadv.

    Raises:
        PhysadvError: a file is missing, truncated, of the wrong size or version, or two of them disagree.
    """
    folder = find_bundle(folder)
    source = folder / "patch.json"
    data = _read_record(source)
    record = validate(PatchRecord, {key: value for key, value in data.items() if key != _WRITTEN}, source)
    sign = kept_sign(folder, record.sign)
    if (record.sign_width_mm, record.sign_height_mm) != (sign.width_mm, sign.height_mm):
        raise PhysadvError(
            f"{source}: was made for a sign {sign.name} of {record.sign_width_mm:g} x {record.sign_height_mm:g} mm; "
            f"the sign of that name is {sign.width_mm:g} x {sign.height_mm:g} mm"
        )
    shown = from_uint8(_read_picture(folder / "painted.png", "RGBA"))
    paint = from_uint8(_read_picture(folder / "paint.png", "RGBA")[..., :3])
    unchecked = _WRITTEN not in data
    edited = not unchecked and data[_WRITTEN] != _digest(folder, data)
    patch = Patch(sign, _read_mask(folder, record, sign), paint, record, edited, unchecked)
    painted = patch.painted(BUNDLE_PX)
    seen = (painted[3:] * shown[3:]).bool()
    colors, outline = (shown[:3] - linear_to_srgb(painted[:3])) * seen, shown[3:] - painted[3:]
    if max(float(apart.abs().mean()) for apart in (colors, outline)) > _PAINTED_TOLERANCE:
        raise PhysadvError(
            f"{folder / 'painted.png'}: does not show sign {sign.name} with {folder / 'paint.png'} on it; "
            "was one of them edited?"
        )
    return patch


def _read_record(source: Path) -> Mapping[str, Any]:
    data = read_json(source)
    if not isinstance(data, Mapping):
        raise PhysadvError(f"{source}: holds {type(data).__name__}; a patch's record is an object of keys and values")
    version = data.get("schema_version")
    if version != SCHEMA_VERSION:
        raise PhysadvError(f"{source}: schema_version = {version!r}; this physadv reads version {SCHEMA_VERSION}")
    return data


def _read_picture(path: Path, mode: str) -> npt.NDArray[np.uint8]:
    pixels = read_image(path, mode=mode, with_alpha=mode == "RGBA")
    if pixels.shape[:2] != (BUNDLE_PX, BUNDLE_PX):
        raise PhysadvError(
            f"{path}: is {pixels.shape[1]} x {pixels.shape[0]} pixels; "
            f"a bundle's pictures are {BUNDLE_PX} x {BUNDLE_PX}"
        )
    return pixels


def _read_mask(folder: Path, record: PatchRecord, sign: Sign) -> Mask:
    """The mask that the record describes, which is the one in ``mask.png``."""
    try:
        mask = build_mask(parse_mask(record.mask), sign, px=BUNDLE_PX)
    except PhysadvError as error:
        raise PhysadvError(f"{folder / 'patch.json'}: {error}") from error
    if record.area_fraction == 0.0:
        mask = mask.emptied()
    stored = from_uint8(_read_picture(folder / "mask.png", "L")[..., None])
    if float((stored - mask.alpha).abs().mean()) > _MASK_TOLERANCE:
        raise PhysadvError(
            f"{folder / 'mask.png'}: is not the mask that {folder / 'patch.json'} describes; was one of them edited?"
        )
    if abs(mask.area_fraction - record.area_fraction) > _MASK_TOLERANCE:
        raise PhysadvError(
            f"{folder / 'patch.json'}: area_fraction = {record.area_fraction:g}, but its mask covers "
            f"{mask.area_fraction:.4f} of the sign; was it edited?"
        )
    return mask
