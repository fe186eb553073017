"""The conditions under which a frame is seen: one named tensor a quantity, one entry a frame."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.core.notebooks import one_line
from physadv.victims import Box


@dataclass(frozen=True, eq=False)
class Conditions:
    """Everything that makes a frame, ``[N]`` each; ``scene.render(painted, conditions)`` replays it exactly.

    The sign's center is the origin, x to the right and y up as the sign's reader sees them, z out of the sign's face.
    The camera stands at ``(lateral_m, height_m, distance_m)`` when the sign is not turned.
    """

    index: Tensor
    """Number of the frame in its scene and seed, int64."""
    approach: Tensor
    """Number of the drive-by that the frame belongs to, or of the station it is taken from, int64."""
    time_s: Tensor
    """Seconds since the approach began; 0 for still frames."""
    light: Tensor
    """Index into the scene's ``lights``, int64."""

    distance_m: Tensor
    """Along the camera's road axis."""
    lateral_m: Tensor
    """Of the camera, positive to the right of the sign (as its reader sees it)."""
    height_m: Tensor
    """Of the camera over the sign's center; negative is below."""
    yaw_deg: Tensor
    """The sign turned about its vertical axis."""
    pitch_deg: Tensor
    """The sign leaning back (positive) or forth."""
    roll_deg: Tensor
    """The sign turned in its plane, clockwise."""

    image_width_px: Tensor
    """Of the whole camera picture."""
    hfov_deg: Tensor
    """Horizontal field of view of that picture."""

    exposure_ev: Tensor
    """Over (positive) or under the metered exposure, in stops."""
    temperature_k: Tensor
    """Color temperature of the light under a daylight-balanced camera."""
    sun_fraction: Tensor
    """Share of the light that comes straight from the sun, 0 to 1."""
    sun_azimuth_deg: Tensor
    """Of the sun, from the sign's normal, positive to the right."""
    sun_elevation_deg: Tensor
    """Of the sun over the horizon."""
    shadow_strength: Tensor
    """Share of the light that the cast shadow takes away, 0 to 1."""
    shadow_angle_deg: Tensor
    """Direction of the shadow band in the sign's plane."""
    shadow_offset_mm: Tensor
    """Of the band's middle from the sign's center."""
    shadow_width_mm: Tensor
    """Of the band."""
    shadow_softness_mm: Tensor
    """Width of its edge's ramp (penumbra)."""
    headlight: Tensor
    """Light returned by bare retroreflective sheeting under the car's own headlights, relative to the daylight term."""
    visibility_m: Tensor
    """Meteorological visibility (Koschmieder, 2 % contrast)."""

    defocus_px: Tensor
    """Standard deviation of the lens blur, in camera pixels."""
    speed_kmh: Tensor
    """Of the camera towards the sign."""
    shutter_s: Tensor
    """Exposure time."""
    shake_deg_s: Tensor
    """Angular speed of the camera's shake."""
    shake_angle_deg: Tensor
    """Direction of the shake in the picture."""
    full_well_e: Tensor
    """Electrons at full scale: the shot noise's scale."""
    read_noise_e: Tensor
    """Standard deviation of the read noise in electrons."""
    contrast: Tensor
    """Slope of the tone curve at middle gray over that of sRGB; 1 is plain sRGB."""
    jpeg_quality: Tensor
    """1 to 100 as in libjpeg; above 100 is no compression."""

    crop_margin: Tensor
    """Room around the sign's box on every side, as a share of the box's size."""
    crop_shift_x: Tensor
    """Of the detector's box, as a share of its width."""
    crop_shift_y: Tensor
    """Of the detector's box, as a share of its height."""
    crop_scale: Tensor
    """Of the detector's box, 1 is exact."""
    crop_square: Tensor
    """1: the shorter side is widened to a square before resizing; 0: the box is squashed. What a scene draws is for
    victims that take either; see :meth:`with_box`."""

    background: Tensor
    """Which backdrop, int64, modulo how many there are."""
    backdrop_x: Tensor
    """Where the sign stands in the backdrop, 0 to 1."""
    backdrop_y: Tensor
    """Where the sign stands in the backdrop, 0 to 1."""
    noise_seed: Tensor
    """Of the sensor's noise, int64."""

    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """What a kind of scene adds to all this by names of its own, ``[N, ...]`` each; a table keeps it as JSON."""

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        count = len(self.index)
        if not count:
            return one_line(self, "of no frames")
        ranges = ((self.distance_m, "m"), (self.yaw_deg, "deg of yaw"))
        spans = (f"{float(values.min()):.3g} to {float(values.max()):.3g} {unit}" for values, unit in ranges)
        return one_line(self, f"of {count} frames", *spans)

    def __getitem__(self, which: slice | Tensor) -> Conditions:
        extra = {name: value[which] for name, value in self.extra.items()}
        return Conditions(**{name: value[which] for name, value in self.items()}, extra=extra)

    def items(self) -> Iterable[tuple[str, Tensor]]:
        """``(column, tensor)`` pairs in declaration order, without :attr:`extra`."""
        return ((name, getattr(self, name)) for name in _NUMBERS)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Conditions:
        """On another device, and the real-valued columns in another precision."""
        here = torch.device(device) if device is not None else self.index.device
        if here == self.index.device and dtype in (None, self.distance_m.dtype):
            return self

        def moved(value: Tensor) -> Tensor:
            return value.to(device=device, dtype=dtype if value.is_floating_point() else None)

        extra = {name: moved(value) for name, value in self.extra.items()}
        return Conditions(**{name: moved(value) for name, value in self.items()}, extra=extra)

    def with_box(self, box: Box) -> Conditions:
        """As a victim is shown them that takes boxes in one way: squashed, or widened to squares; all else stays."""
        if box == "either":
            return self
        return replace(self, crop_square=torch.full_like(self.crop_square, float(box == "square")))

    def to_columns(self) -> dict[str, npt.NDArray[Any]]:
        """Columns for a table: float64 for quantities (exact for what float32 holds), int64 for counts, JSON texts."""
        columns: dict[str, npt.NDArray[Any]] = {
            name: (value.double() if value.is_floating_point() else value).cpu().numpy() for name, value in self.items()
        }
        return {**columns, "extra": _texts(self.extra, len(self))}

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any]) -> Conditions:
        """The inverse of :meth:`to_columns`; other columns are ignored.

        Raises:
            PhysadvError: ``extra`` is not what :meth:`to_columns` writes.
        """
        values = {name: _tensor(np.array(columns[name])) for name in _NUMBERS}
        return cls(**values, extra=_from_texts(list(columns.get("extra", ()))))

    @classmethod
    def cat(cls, parts: Iterable[Conditions]) -> Conditions:
        """Several batches as one."""
        batches = list(parts)
        extra = {name: torch.cat([part.extra[name] for part in batches]) for name in batches[0].extra}
        return cls(
            **{name: torch.cat([getattr(part, name) for part in batches]) for name in _NUMBERS},
            extra=extra,
        )


def _texts(extra: Mapping[str, Tensor], count: int) -> npt.NDArray[Any]:
    """A JSON object a frame, None where there is nothing to say."""
    texts = np.full(count, None, dtype=object)
    if extra:
        columns = {name: _shortest(value.cpu().numpy()) for name, value in extra.items()}
        for row in range(count):
            texts[row] = json.dumps({name: values[row] for name, values in columns.items()})
    return texts


def _shortest(values: npt.NDArray[Any]) -> list[Any]:
    """Numbers as nested lists, with no more digits than float32 needs to be read back."""
    if values.dtype == np.float32:
        values = np.array([float(str(value)) for value in values.ravel()]).reshape(values.shape)
    numbers: list[Any] = values.tolist()
    return numbers


def _from_texts(texts: list[str | None]) -> dict[str, Tensor]:
    if all(text is None for text in texts):
        return {}
    try:
        rows = [json.loads(text) for text in texts]  # type: ignore[arg-type]  # None is a TypeError, as it should be
        return {name: _tensor(np.array([row[name] for row in rows])) for name in rows[0]}
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise PhysadvError(f"a table's column extra does not hold the same numbers for all frames ({error})") from error


def _tensor(values: npt.NDArray[Any]) -> Tensor:
    dtypes = {"f": torch.float32, "b": torch.bool}
    return torch.as_tensor(values, dtype=dtypes.get(values.dtype.kind, torch.int64))


COLUMNS: tuple[str, ...] = tuple(one.name for one in fields(Conditions))
"""Of a table, in order; the last one, ``extra``, is text and may lack."""
_NUMBERS = tuple(name for name in COLUMNS if name != "extra")
QUANTITIES: tuple[str, ...] = tuple(name for name in _NUMBERS if name not in {"index", "approach", "time_s", "light"})
"""Columns whose distribution a scene declares."""
INTEGERS = frozenset({"index", "approach", "light", "background", "noise_seed"})
"""Columns that count."""
