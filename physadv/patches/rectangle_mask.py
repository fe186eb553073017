"""Where stickers pay most: RP2's first stage, from a map of how much each place matters to a few rectangles.

RP2 (Eykholt et al. 2018, section 3.2) first solves for a perturbation of the whole face under an L1 penalty, which
leaves paint only where the classifier is vulnerable, and then draws stickers over what is left. Here the second half
is an optimization of its own: the rectangles that cover most of the map, under limits on number, side and area.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import shapely
from scipy.ndimage import minimum_filter1d
from shapely.geometry import Polygon
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.patches.mask import Mask, build_mask
from physadv.patches.mask_kinds.rectangles import Sticker, Stickers
from physadv.signs.sign import Sign

Floats = npt.NDArray[np.float64]
Boxes = npt.NDArray[np.int64]
"""``[..., 4]``: left, top, right, bottom in texels, the last two exclusive."""

COARSE_PX = 64
PRICES = 12
REFINED = 3
ROUNDING_MM = 1e-6
_MOVES: Boxes = np.array(list(product((-1, 0, 1), repeat=4)), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Field:
    """The map and the limits on one grid, with sums over any rectangle in constant time (summed-area tables)."""

    value: Floats
    """``[P, P]``, what a sticker on each texel is worth; negative where it would hinder."""
    forbidden: npt.NDArray[np.bool_]
    """``[P, P]``, where no sticker may lie."""
    min_side: int
    max_area: int
    """Of all stickers together, in texels."""

    def covered(self, boxes: Boxes) -> Floats:
        """The map's sum in each of ``boxes`` ``[..., 4]``."""
        return _box_sums(_summed(self.value), boxes)

    def coarser(self, factor: int) -> _Field:
        """The same on a grid ``factor`` times coarser; whatever fits there fits here."""
        pad = -len(self.value) % factor
        value = np.pad(self.value, (0, pad))
        forbidden = np.pad(self.forbidden, (0, pad), constant_values=True)
        side = len(value) // factor
        blocked = np.asarray(forbidden.reshape(side, factor, side, factor).any((1, 3)), dtype=np.bool_)
        return _Field(
            value.reshape(side, factor, side, factor).sum((1, 3)),
            blocked,
            -(-self.min_side // factor),
            self.max_area // factor**2,
        )


def discover_mask(
    saliency: Tensor,
    sign: Sign,
    *,
    max_stickers: int,
    min_side_mm: float,
    max_area_fraction: float,
    exclude: Tensor | None = None,
) -> Mask:
    """The upright rectangular stickers that cover the most of ``saliency``.

    The limits always hold; the optimum is exact for one sticker up to the coarse grid (64 texels a side), then every
    sticker's edges, and those of every pair, are moved while that covers more.

    Args:
        saliency: ``[P, P]`` or ``[1, P, P]``: how much paint at a texel matters, such as the magnitude of the
            L1-penalised perturbation; negative where it hinders. The square of the sign's longer side.
        sign: where the stickers go; they lie within its outline and do not overlap.
        max_stickers: at most this many.
        min_side_mm: no side is shorter.
        max_area_fraction: of the sign's area, of all stickers together.
        exclude: as ``saliency``; no sticker touches a texel where it is positive (the legend, say).

    Returns:
        A mask of kind ``stickers`` at the resolution of ``saliency``.

    Raises:
        PhysadvError: the map is not square or not finite, nothing in it is worth a sticker, or none fits.
    """
    value = _square(saliency, "saliency")
    px = len(value)
    mm_per_px = sign.extent_mm / px
    field = _limits(value, sign, max_stickers, min_side_mm, max_area_fraction, exclude)
    boxes = _best_boxes(field, max_stickers)
    if not len(boxes):
        raise _none_fits(sign, min_side_mm, max_area_fraction, " where the saliency is positive")
    half = sign.extent_mm / 2.0
    stickers = tuple(
        Sticker(
            left_mm=left * mm_per_px - half,
            top_mm=top * mm_per_px - half,
            width_mm=(right - left) * mm_per_px,
            height_mm=(bottom - top) * mm_per_px,
        )
        for left, top, right, bottom in sorted(boxes.tolist(), key=lambda box: (box[1], box[0]))
    )
    return build_mask(Stickers(stickers=stickers, drawn_for_mm=sign.extent_mm), sign, px=px)


def check_fits(sign: Sign, *, px: int, min_side_mm: float, max_area_fraction: float) -> None:
    """Refuses limits that no sticker of :func:`discover_mask` can keep, before the work of finding it a place.

    Raises:
        PhysadvError: there is no room for the smallest one, wherever it is.
    """
    field = _limits(np.ones((px, px)), sign, 1, min_side_mm, max_area_fraction, None)
    smallest = field.min_side**2
    if smallest > field.max_area or _best_box(field.value, field.forbidden, field.min_side, smallest) is None:
        raise _none_fits(sign, min_side_mm, max_area_fraction)


def _none_fits(sign: Sign, min_side_mm: float, max_area_fraction: float, where: str = "") -> PhysadvError:
    return PhysadvError(
        f"no sticker of min_side_mm = {min_side_mm:g} and max_area_fraction = {max_area_fraction:g} fits on sign "
        f"{sign.name}{where}; allow more area, smaller stickers or more of the sign"
    )


def _square(values: Tensor, name: str) -> Floats:
    shape = values.shape[1:] if values.ndim == 3 and len(values) == 1 else values.shape
    if len(shape) != 2 or shape[0] != shape[1]:
        raise PhysadvError(f"{name} has shape {list(values.shape)}; it should be [P, P] or [1, P, P]")
    grid = values.detach().reshape(shape).double().cpu().numpy()
    if not np.isfinite(grid).all():
        raise PhysadvError(f"{name} has values that are not finite")
    return grid


def _limits(
    value: Floats, sign: Sign, max_stickers: int, min_side_mm: float, max_area_fraction: float, exclude: Tensor | None
) -> _Field:
    if max_stickers < 1:
        raise PhysadvError(f"max_stickers = {max_stickers}: at least 1 sticker is needed")
    if not 0.0 < max_area_fraction <= 1.0:
        raise PhysadvError(f"max_area_fraction = {max_area_fraction:g}: it should be above 0 and at most 1")
    if not 0.0 < min_side_mm <= sign.extent_mm:
        raise PhysadvError(f"min_side_mm = {min_side_mm:g}: it should be above 0 and at most {sign.extent_mm:g}")
    px = len(value)
    forbidden = ~_wholly_inside(sign, px)
    if exclude is not None:
        kept = _square(exclude, "exclude")
        if kept.shape != value.shape:
            raise PhysadvError(f"exclude has {len(kept)} texels a side and saliency {px}; they should be the same")
        forbidden = forbidden | (kept > 0.0)
    mm_per_px = sign.extent_mm / px
    min_side = max(1, int(np.ceil(min_side_mm / mm_per_px - 1e-9)))
    max_area = int(np.floor(max_area_fraction * sign.area_mm2 / mm_per_px**2 + 1e-9))
    return _Field(np.where(forbidden, 0.0, value), forbidden, min_side, max_area)


def _wholly_inside(sign: Sign, px: int) -> npt.NDArray[np.bool_]:
    """``[px, px]``, the texels with no part outside of the outline."""
    edges = (np.arange(px + 1) / px - 0.5) * sign.extent_mm
    left, top = np.meshgrid(edges[:-1], edges[:-1])
    right, bottom = np.meshgrid(edges[1:], edges[1:])
    outline = Polygon(sign.outline_mm).buffer(ROUNDING_MM)
    shapely.prepare(outline)
    return np.asarray(shapely.covers(outline, shapely.box(left, top, right, bottom)), dtype=np.bool_)


def _best_boxes(field: _Field, max_stickers: int) -> Boxes:
    """The best stickers ``[k, 4]``, k from 0 to ``max_stickers``."""
    if not (field.value > 0.0).any():
        return np.empty((0, 4), dtype=np.int64)
    factor = -(-len(field.value) // COARSE_PX)
    starts: list[Boxes] = []
    if factor > 1:
        starts = [boxes * factor for boxes in _starts(field.coarser(factor), max_stickers)]
    starts = starts or _starts(field, max_stickers)
    starts.sort(key=lambda boxes: -field.covered(boxes).sum())
    refined = [_refine(field, boxes) for boxes in starts[:REFINED]]
    refined = [boxes[field.covered(boxes) > 0.0] for boxes in refined]
    return max(refined, key=lambda boxes: float(field.covered(boxes).sum()), default=np.empty((0, 4), dtype=np.int64))


def _starts(field: _Field, max_stickers: int) -> list[Boxes]:
    """Greedy choices at several prices of area: the higher the price, the smaller and the more the stickers.

    The price is the Lagrange multiplier of the limit on area: at price p a rectangle is worth its sum of (value - p).
    """
    worthwhile = field.value[field.value > 0.0]
    prices = [0.0, *np.quantile(worthwhile, np.linspace(0.05, 0.995, PRICES))] if worthwhile.size else []
    choices = [_greedy(field, max_stickers, price) for price in dict.fromkeys(prices)]
    shares = [_greedy(field, max_stickers, 0.0, share=1.0 / count) for count in range(2, max_stickers + 1)]
    return [boxes for boxes in choices + shares if len(boxes)]


def _greedy(field: _Field, max_stickers: int, price: float, *, share: float = 1.0) -> Boxes:
    """One sticker after another, each the best that still fits; none takes more than ``share`` of the area."""
    forbidden = field.forbidden.copy()
    left = field.max_area
    boxes: list[tuple[int, int, int, int]] = []
    for _ in range(max_stickers):
        found = _best_box(field.value - price, forbidden, field.min_side, min(left, int(share * field.max_area)))
        if found is None or (boxes and found[1] <= 0.0):
            break
        box = found[0]
        boxes.append(box)
        forbidden[box[1] : box[3], box[0] : box[2]] = True
        left -= (box[2] - box[0]) * (box[3] - box[1])
    return np.array(boxes, dtype=np.int64).reshape(-1, 4)


def _best_box(
    worth: Floats, forbidden: npt.NDArray[np.bool_], min_side: int, max_area: int
) -> tuple[tuple[int, int, int, int], float] | None:
    """The rectangle of the greatest sum of ``worth`` that avoids ``forbidden``, and that sum; exact.

    For every height, all pairs of rows at once: the best run of columns ends anywhere and begins where the running sum
    was least within the widths allowed.
    """
    px = len(worth)
    most = float(np.abs(worth).sum())
    table = _summed(np.where(forbidden, -2.0 * most - 1.0, worth))
    best: tuple[tuple[int, int, int, int], float] | None = None
    for height in range(min_side, px + 1):
        widest = min(px, max_area // height)
        if widest < min_side:
            break
        running = table[height:] - table[:-height]
        begins = widest - min_side + 1
        padded = np.pad(running[:, : px + 1 - min_side], ((0, 0), (begins - 1, 0)), constant_values=np.inf)
        least = minimum_filter1d(padded, begins, axis=1, mode="nearest", origin=(begins - 1) // 2 - (begins - 1))
        sums = running[:, min_side:] - least[:, : px + 1 - min_side]
        top, column = np.unravel_index(int(np.argmax(sums)), sums.shape)
        total = float(sums[top, column])
        if total > -most - 0.5 and (best is None or total > best[1]):
            right = int(column) + min_side
            first = max(0, right - widest)
            left = first + int(np.argmin(running[top, first : right - min_side + 1]))
            best = (left, int(top), right, int(top) + height), total
    return best


def _refine(field: _Field, boxes: Boxes) -> Boxes:
    """Moves, grows and shrinks single stickers, and pairs that trade area, while the map's covered sum rises."""
    table, walls = _summed(field.value), _summed(field.forbidden.astype(np.float64))
    boxes = boxes.copy()
    step = max(1, len(field.value) // 16)
    while step:
        improved = False
        for members in [*((i,) for i in range(len(boxes))), *combinations(range(len(boxes)), 2)]:
            improved |= _improve(field, table, walls, boxes, members, step)
        if not improved:
            step //= 2
    return boxes


def _improve(field: _Field, table: Floats, walls: Floats, boxes: Boxes, members: tuple[int, ...], step: int) -> bool:
    """The best move of one or two stickers, written into ``boxes``; whether there was one that covers more."""
    others = np.delete(boxes, members, axis=0)
    room = field.max_area - int(_areas(others).sum())
    choices = [_admissible(boxes[member] + step * _MOVES, field, walls, others) for member in members]
    if not all(len(choice) for choice in choices):
        return False
    sums = [_box_sums(table, choice) for choice in choices]
    areas = [_areas(choice) for choice in choices]
    if len(members) == 1:
        total, allowed = sums[0], areas[0] <= room
    else:
        total = sums[0][:, None] + sums[1][None]
        apart = ~_overlap(choices[0][:, None], choices[1][None])
        allowed = (areas[0][:, None] + areas[1][None] <= room) & apart
    now = float(_box_sums(table, boxes[list(members)]).sum())
    best = np.unravel_index(int(np.argmax(np.where(allowed, total, -np.inf))), total.shape)
    if not total[best] > now + 1e-12 * float(np.abs(field.value).sum()) or not allowed[best]:
        return False
    for member, choice, which in zip(members, choices, best, strict=True):
        boxes[member] = choice[which]
    return True


def _admissible(boxes: Boxes, field: _Field, walls: Floats, others: Boxes) -> Boxes:
    """Those of ``boxes`` that are large enough, on the grid, clear of what is forbidden and of ``others``."""
    sides = boxes[:, 2:] - boxes[:, :2]
    boxes = boxes[(sides >= field.min_side).all(1) & (boxes >= 0).all(1) & (boxes <= len(field.value)).all(1)]
    boxes = boxes[_box_sums(walls, boxes) < 0.5]
    return boxes[~_overlap(boxes[:, None], others[None]).any(1)]


def _summed(values: Floats) -> Floats:
    return np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))


def _box_sums(table: Floats, boxes: Boxes) -> Floats:
    left, top, right, bottom = np.moveaxis(boxes, -1, 0)
    return np.asarray(table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left])


def _areas(boxes: Boxes) -> Boxes:
    return np.asarray((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))


def _overlap(a: Boxes, b: Boxes) -> npt.NDArray[np.bool_]:
    meet = (a[..., :2] < b[..., 2:]) & (b[..., :2] < a[..., 2:])
    return np.asarray(meet.all(-1))
