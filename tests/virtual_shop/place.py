"""The car park: a sign on a post before a hedge, path-traced by Mitsuba 3 in the light of sun and sky.

Axes are the sign's: metres, x right as its reader sees it, y up, z out of its face, from its center.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.float32]
Matrix: TypeAlias = npt.NDArray[np.float64]

CENTER_M = 1.75
"""Of the sign over the ground."""


@dataclass(frozen=True)
class Light:
    """A time of day.

    Attributes:
        name: in words.
        elevation_deg, azimuth_deg: of the sun; azimuth from straight before the sign, to its reader's right.
        sun: whether it shines; else the sky is overcast.
        lux: on the sign, about; what the phone's exposure is reckoned from.
    """

    name: str
    elevation_deg: float
    azimuth_deg: float
    sun: bool
    lux: float


LIGHTS = (
    Light("sun before it", 48.0, 25.0, True, 80_000.0),
    Light("low sun from the side", 16.0, -62.0, True, 24_000.0),
    Light("overcast", 90.0, 0.0, False, 9_000.0),
    Light("sun behind it", 35.0, 160.0, True, 11_000.0),
)


@dataclass(frozen=True, eq=False)
class Plane:
    """A flat thing with a picture on it.

    Attributes:
        paint: linear reflectance ``[h, w, 3]``, opacity ``[h, w]``.
        width_m: of the picture.
        pose: from its own axes (center, x right, y up, z out) to the sign's ``[4, 4]``.
    """

    paint: Image
    opacity: Image
    width_m: float
    pose: Matrix


def use(variant: str) -> None:
    """Chooses Mitsuba's engine: ``scalar_rgb`` runs everywhere, ``llvm_ad_rgb`` is four times as fast."""
    import mitsuba

    mitsuba.set_variant(variant)


def build(planes: list[Plane], light: Light) -> Any:
    """Mitsuba's scene."""
    import mitsuba as mi

    transform = mi.ScalarTransform4f
    parts: dict[str, Any] = {"type": "scene", "integrator": {"type": "path", "max_depth": 3}}
    parts["sky"] = _sky(light)
    for number, plane in enumerate(planes):
        height = plane.width_m * plane.paint.shape[0] / plane.paint.shape[1]
        size = [plane.width_m / 2.0, height / 2.0, 1.0]
        parts[f"plane{number}"] = {
            "type": "rectangle",
            "to_world": transform(plane.pose.tolist()) @ transform().scale(size),
            "bsdf": {
                "type": "mask",
                "opacity": _picture(np.repeat(plane.opacity[..., None], 3, -1)),
                "nested": {
                    "type": "twosided",
                    "front": {
                        "type": "principled",
                        "base_color": _picture(plane.paint),
                        "roughness": 0.55,
                        "specular": 0.3,
                    },
                    "back": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.4, 0.4, 0.4]}},
                },
            },
        }
    ground, hedge, wall = _surroundings()
    parts["ground"] = {
        "type": "rectangle",
        "to_world": transform().translate([0, -CENTER_M, 0]).rotate([1, 0, 0], -90).scale(30.0),
        "bsdf": {"type": "diffuse", "reflectance": _picture(ground)},
    }
    parts["hedge"] = {
        "type": "rectangle",
        "to_world": transform().translate([0, -CENTER_M + 1.4, -7.0]).scale([25.0, 1.4, 1.0]),
        "bsdf": {"type": "diffuse", "reflectance": _picture(hedge)},
    }
    parts["house"] = {
        "type": "cube",
        "to_world": transform().translate([9.0, 2.0, -16.0]).scale([7.0, 4.0, 4.0]),
        "bsdf": {"type": "diffuse", "reflectance": _picture(wall)},
    }
    parts["post"] = {
        "type": "cylinder",
        "p0": [0.0, -CENTER_M, -0.05],
        "p1": [0.0, 0.3, -0.05],
        "radius": 0.03,
        "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": [0.35, 0.36, 0.37]}},
    }
    return mi.load_dict(parts)


def _sky(light: Light) -> dict[str, Any]:
    if not light.sun:
        return {"type": "constant", "radiance": {"type": "rgb", "value": [0.92, 0.98, 1.08]}}
    azimuth, elevation = np.radians([light.azimuth_deg, light.elevation_deg])
    towards = [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
    import mitsuba as mi

    upright = mi.ScalarTransform4f().rotate([1, 0, 0], -90)  # the sky's zenith is its own z
    return {
        "type": "sunsky",
        "turbidity": 3.5,
        "albedo": 0.2,
        "to_world": upright,
        "sun_direction": [float(value) for value in towards],
    }


def _picture(values: Image) -> dict[str, Any]:
    import mitsuba as mi

    bitmap = mi.Bitmap(np.ascontiguousarray(values[::-1], np.float32))  # its v runs upwards
    return {"type": "bitmap", "bitmap": bitmap, "raw": True, "filter_type": "bilinear", "wrap_mode": "clamp"}


@lru_cache(maxsize=1)
def _surroundings() -> tuple[Image, Image, Image]:
    """Asphalt with lines, leaves, and a wall with windows."""
    asphalt = 0.13 + 0.05 * _clouds((1024, 1024), 0) + 0.02 * _clouds((1024, 1024), 1, finest=1)
    ground = np.repeat(asphalt[..., None], 3, -1) * [1.0, 0.98, 0.94]
    ground[:, 500:504], ground[480:483] = 0.6, 0.6
    leaves = np.clip(0.55 + 0.35 * _clouds((256, 2048), 2, finest=1) + 0.25 * _clouds((256, 2048), 3), 0.05, 1.2)
    hedge = leaves[..., None] * np.array([0.07, 0.13, 0.035])
    wall = np.full((128, 256, 3), [0.52, 0.42, 0.33])
    for column in range(20, 240, 45):
        wall[30:70, column : column + 22] = 0.06
    return ground.astype(np.float32), hedge.astype(np.float32), wall.astype(np.float32)


def _clouds(shape: tuple[int, int], seed: int, *, finest: int = 3) -> npt.NDArray[np.float64]:
    """Noise of several sizes, deviation about one."""
    generator = np.random.default_rng(seed)
    total = np.zeros(shape)
    for octave in range(finest, 8):
        coarse = generator.normal(size=(max(2, shape[0] >> octave), max(2, shape[1] >> octave)))
        total += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return total / total.std()


def radiance(
    scene: Any,
    to_camera: Matrix,
    focal_px: float,
    size: tuple[int, int],
    window: tuple[int, int, int, int],
    *,
    samples: int,
    seed: int,
) -> Image:
    """Linear radiance ``[h, w, 3]`` of a window (left, top, width, height) of a pinhole camera's picture.

    Args:
        scene: of :func:`build`.
        to_camera: from the sign's axes to the camera's (x right, y down, z forward), ``[4, 4]``.
        focal_px: focal length; the optical axis meets the middle of the picture.
        size: of the whole picture, width and height in pixels.
        window: of it.
        samples: rays a pixel.
        seed: of the rays.
    """
    import mitsuba as mi

    place = np.linalg.inv(to_camera)
    origin, forward, up = place[:3, 3], place[:3, 2], -place[:3, 1]
    sensor = mi.load_dict(
        {
            "type": "perspective",
            "fov_axis": "x",
            "fov": float(np.degrees(2.0 * np.arctan(size[0] / 2.0 / focal_px))),
            "near_clip": 0.05,
            "to_world": mi.ScalarTransform4f().look_at(
                origin=origin.tolist(), target=(origin + forward).tolist(), up=up.tolist()
            ),
            "film": {
                "type": "hdrfilm",
                "width": size[0],
                "height": size[1],
                "crop_offset_x": window[0],
                "crop_offset_y": window[1],
                "crop_width": window[2],
                "crop_height": window[3],
                "rfilter": {"type": "box"},
                "pixel_format": "rgb",
                "component_format": "float32",
            },
            "sampler": {"type": "independent", "sample_count": samples},
        }
    )
    return np.asarray(mi.render(scene, sensor=sensor, spp=samples, seed=seed), np.float32)
