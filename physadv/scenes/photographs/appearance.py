"""What light and lens made of a sign in a photograph: its light's color, its shading and glare, and its blur.

A pixel is ``light * (tone(albedo) * shade + glare)``, with one ``light`` a photograph, and ``shade`` (shadow, uneven
light) and ``glare`` (what surface or air adds, whatever the paint) that vary slowly over the sign. ``tone`` is how the
camera compressed bright colors, told by how bright it made a sign's red next to its white. Only what changes across a
color of the sign is taken for shading.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from physadv.scenes.photographs.sign_outline import Matrix, apply, centered
from physadv.signs import Sign

Plane = npt.NDArray[np.float32]

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Of linear sRGB (ITU-R BT.709)."""
_LEAST_SHARE = 0.01
_SAME_COLOR = 0.12
_BROAD, _FINE = 0.15, 0.03
"""Standard deviations of the windows in which shade and glare are constant, as shares of the sign's size."""
_FIELD_PX = 96.0
"""Pixels across the sign on which shade and glare are worked out."""
_PRIOR_SHADE, _PRIOR_GLARE = 0.03, 0.1
"""Weight of what the broader window says, in pixels; a white pixel weighs about 2."""
_STEEPEST_SHOULDER = 4.0
_SHARPEST_PX, _SOFTEST_PX = 0.3, 6.0


@dataclass(frozen=True, eq=False)
class Appearance:
    """The light on a sign in one photograph, and the photograph's blur.

    Attributes:
        light_rgb: ``[3]``, linear value of a perfectly white matte surface.
        shade: ``[H, W]``, share of that light at each pixel, about 1.
        glare: ``[H, W]``, what is added to the albedo at each pixel, at least 0.
        shoulder: of :func:`tone`: how far the camera's curve was driven; 0 is a straight line.
        blur_px: standard deviation of the photograph's edges, in its pixels.
    """

    light_rgb: npt.NDArray[np.float64]
    shade: Plane
    glare: Plane
    shoulder: float
    blur_px: float


def estimate(linear: Plane, to_photo: Matrix, sign: Sign) -> Appearance:
    """The appearance of ``sign`` in a photograph.

    Args:
        linear: ``[H, W, 3]``, the photograph in linear light.
        to_photo: ``[3, 3]``, mm on the sign to pixels.

    Raises:
        ValueError: the sign is too small for its colors to be told apart.
    """
    art = _Art(sign, to_photo, linear.shape[:2])
    if len(art.palette) == 0:
        raise ValueError("the sign is too small for its colors to be told apart")
    seen = np.array([np.median(linear[art.pure == k], axis=0) for k in range(len(art.palette))], np.float64)
    light, veil, shoulder = _light(art.palette, seen)
    albedo = np.clip(seen / light - veil, 0.0, 1.5)
    shade, glare = _shading(linear, art, light, albedo, veil)
    return Appearance(light, shade, glare, shoulder, _blur_px(linear, art))


def tone(albedo: Matrix, shoulder: float) -> Matrix:
    """What a camera makes of albedos ``[..., 3]``: luminance saturates exponentially, hue and saturation stay.

    White (1, 1, 1) stays as it is; at a ``shoulder`` of 0 everything does. A red is dark enough to escape the
    compression of the white beside it, which is why it glows in bright photographs.
    """
    exposure = max(shoulder, 1e-3)
    exposed = exposure * np.maximum(albedo @ LUMINANCE, 1e-4)
    return np.asarray(albedo * (np.expm1(-exposed) / exposed * (exposure / math.expm1(-exposure)))[..., None])


class _Art:
    """The artwork as it lies in the photograph.

    Attributes:
        palette: ``[K, 3]``, its flat colors that can be seen somewhere in the photograph, linear.
        shares: ``[K, H, W]``, how much of a pixel each covers.
        pure: ``[H, W]``, the color of a pixel well inside one, -1 elsewhere.
        width_px: of the sign.
    """

    def __init__(self, sign: Sign, to_photo: Matrix, shape: tuple[int, int]) -> None:
        corners = apply(to_photo, sign.outline_mm)
        self.width_px = float(math.sqrt(max(1.0, np.prod(corners.max(0) - corners.min(0)))))
        px = int(np.clip(2 ** math.ceil(math.log2(1.5 * self.width_px)), 64, 1024))
        texture = sign.texture(px).numpy()
        colors = _flat_colors(texture)
        distance = np.stack([np.abs(np.sqrt(texture[:3]) - np.sqrt(c)[:, None, None]).sum(0) for c in colors])
        inside = texture[3] > 0.5
        step = sign.extent_mm / px
        to_mm = np.array([[step, 0.0, -sign.extent_mm / 2], [0.0, step, -sign.extent_mm / 2], [0.0, 0.0, 1.0]])
        shares = [_warped((distance.argmin(0) == k) & inside, to_photo @ to_mm, shape) for k in range(len(colors))]
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * max(1, round(self.width_px / 80)) + 1,) * 2)
        pure = [cv2.erode(np.asarray(share > 0.98, np.uint8), kernel, borderValue=0) > 0 for share in shares]
        kept = [k for k in range(len(colors)) if pure[k].sum() >= 8]
        self.palette = np.asarray(colors[kept], np.float64)
        self.shares = np.stack([shares[k] for k in kept]) if kept else np.zeros((0, *shape), np.float32)
        self.pure = np.full(shape, -1, np.int64)
        for number, k in enumerate(kept):
            self.pure[pure[k]] = number


def _warped(plane: npt.NDArray[np.bool_], to_photo: Matrix, shape: tuple[int, int]) -> Plane:
    """A plane of the texture on the photograph's pixels; two texels a pixel are averaged, not skipped."""
    finer = cv2.warpPerspective(
        np.asarray(plane, np.float32), centered(np.diag([2.0, 2.0, 1.0]) @ to_photo), (2 * shape[1], 2 * shape[0])
    )
    return np.asarray(cv2.resize(finer, (shape[1], shape[0]), interpolation=cv2.INTER_AREA), np.float32)


def _flat_colors(texture: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """The artwork's flat colors ``[K, 3]``, linear, largest area first; shades closer than the eye tells are one."""
    inside = texture[3] > 0.99
    levels = np.round(np.sqrt(texture[:3, inside]) * 32.0).astype(np.int64)
    counts = np.bincount(levels[0] * 1089 + levels[1] * 33 + levels[2])
    kept: list[npt.NDArray[np.float64]] = []
    for code in np.argsort(-counts)[: math.ceil(1.0 / _LEAST_SHARE)]:
        color = np.array([code // 1089, code // 33 % 33, code % 33]) / 32.0
        if counts[code] < _LEAST_SHARE * levels.shape[1]:
            break
        if all(np.abs(color - other).sum() > _SAME_COLOR for other in kept):
            kept.append(color)
    if not kept:
        kept = [np.asarray(np.sqrt(texture[:3, inside]).mean(1), np.float64)]
    return np.array(kept, np.float64) ** 2


def _light(palette: Matrix, seen: Matrix) -> tuple[npt.NDArray[np.float64], float, float]:
    """Light ``[3]``, the veil that lies evenly over everything, and the shoulder under which they fit what was seen."""

    def misfit(shoulder: float) -> float:
        toned = tone(palette, shoulder)
        light, veil = _gain(toned, seen)
        return float(((light * (toned + veil) - seen) ** 2).sum())

    shoulder = min(np.linspace(0.0, _STEEPEST_SHOULDER, 65).tolist(), key=misfit)
    return *_gain(tone(palette, shoulder), seen), shoulder


def _gain(palette: Matrix, seen: Matrix) -> tuple[npt.NDArray[np.float64], float]:
    """Light ``[3]`` and veil, from what the camera made of the brightest and the darkest colors."""
    high, low = palette.argmax(0), palette.argmin(0)
    channels = np.arange(3)
    bright, dark = palette[high, channels], palette[low, channels]
    bright_seen, dark_seen = seen[high, channels], seen[low, channels]
    tells = dark < 0.25 * bright
    veil = 0.0
    if tells.any():
        slope = (bright_seen - dark_seen)[tells] / (bright - dark)[tells]
        added = bright_seen[tells] - bright[tells] * slope
        veil = float(np.clip((added / np.maximum(slope, 1e-4)).min(), 0.0, 1.0))
    return np.maximum(bright_seen / (bright + veil), 1e-4), veil


def _shading(
    linear: Plane, art: _Art, light: npt.NDArray[np.float64], albedo: Matrix, veil: float
) -> tuple[Plane, Plane]:
    """Shade and glare ``[H, W]``: least squares of the model over the colors' insides, in Gaussian windows."""
    color = np.tensordot(art.shares.transpose(1, 2, 0), albedo, axes=(2, 0))
    signal = linear / light
    # a clipped channel says only that there was at least so much light
    weight = (art.pure >= 0)[..., None] * np.where(linear > 0.98, 0.2, 1.0)
    terms = (weight * color**2, weight * color, weight, weight * color * signal, weight * signal)
    height, width = art.pure.shape
    share = min(1.0, _FIELD_PX / art.width_px)
    small = (max(1, round(width * share)), max(1, round(height * share)))
    moments = [cv2.resize(term.sum(-1), small, interpolation=cv2.INTER_AREA) for term in terms]
    shade, glare = np.ones(small[::-1]), np.full(small[::-1], veil)
    for window in (_BROAD, _FINE):
        deviation = window * art.width_px * share
        aa, ab, bb, a_signal, b_signal = (cv2.GaussianBlur(moment, (0, 0), deviation) for moment in moments)
        # the broader window's answer is the prior of the finer one
        aa, a_signal = aa + _PRIOR_SHADE, a_signal + _PRIOR_SHADE * shade
        bb, b_signal = bb + _PRIOR_GLARE, b_signal + _PRIOR_GLARE * glare
        glare = np.clip((aa * b_signal - ab * a_signal) / np.maximum(aa * bb - ab**2, 1e-9), 0.0, 2.0)
        shade = np.clip((a_signal - ab * glare) / aa, 0.0, 4.0)
    fields = cv2.resize(np.dstack([shade, glare]), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(fields[..., 0], np.float32), np.asarray(fields[..., 1], np.float32)


def _blur_px(linear: Plane, art: _Art) -> float:
    """Standard deviation of the edges between the artwork's colors.

    Over two pixels an edge with Gaussian blur climbs by the share ``P(|Z| < 1/sigma)`` of its height; the median over
    the artwork's edges is taken, since some have another edge beside them.
    """
    edge = (art.shares.max(0, initial=0.0) < 0.9) & (art.shares.sum(0) > 0.99)
    if edge.sum() < 20:
        return 0.6
    plane = np.ascontiguousarray(linear[..., int(np.ptp(art.palette, axis=0).argmax())])
    across = cv2.Sobel(plane, cv2.CV_32F, 1, 0, ksize=1) / 2.0
    down = cv2.Sobel(plane, cv2.CV_32F, 0, 1, ksize=1) / 2.0
    window = np.ones((2 * max(2, round(art.width_px / 60)) + 1,) * 2, np.uint8)
    height = cv2.dilate(plane, window) - cv2.erode(plane, window)
    steepest = cv2.dilate(np.asarray(np.hypot(across, down), np.float32), np.ones((3, 3), np.uint8))
    real = edge & (height > 0.3 * np.quantile(height[edge], 0.9))
    climb = np.clip(2.0 * steepest[real] / np.maximum(height[real], 1e-6), 0.0, 0.9999)
    sigma = 1.0 / np.maximum(ndtri((1.0 + climb) / 2.0), 1e-3)
    return float(np.clip(np.median(sigma), _SHARPEST_PX, _SOFTEST_PX))
