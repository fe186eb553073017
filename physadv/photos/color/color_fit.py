"""From photographs of a printed color chart to a table of how colors come out, as the camera sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from scipy.sparse.linalg import lsqr
from scipy.spatial import ConvexHull

from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.core.errors import PhysadvError
from physadv.patches.printer_colors import Calibration, grid

Matrix: TypeAlias = npt.NDArray[np.float64]

DARKEST, BRIGHTEST = 0.02, 0.98
"""Encoded values beyond which a camera has clipped, or shows noise and flare rather than the patch."""
_LEAST_PATCHES = 24
_EXACT = {"atol": 1e-10, "btol": 1e-10, "iter_lim": 4000}
_ROUNDS = 50
_STIFFNESS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Of the table, tried; the one that predicts held-out patches best is taken."""
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Readings:
    """What N photographs show of P patches of a chart.

    Attributes:
        sent: sRGB-encoded values that were sent to the printer, ``[P, 3]`` in [0,1]; one of them is white paper.
        seen: the camera's sRGB-encoded values, ``[N, P, 3]`` in [0,1]; not a number where a patch was not seen.
    """

    sent: Matrix
    seen: Matrix

    def __post_init__(self) -> None:
        if self.seen.ndim != 3 or self.seen.shape[1:] != self.sent.shape or self.sent.shape[-1] != 3:
            raise PhysadvError(
                f"chart: readings {list(self.seen.shape)} of patches {list(self.sent.shape)}; "
                "they should be [N, P, 3] of [P, 3]"
            )


@dataclass(frozen=True, eq=False)
class Reflectances:
    """What the patches reflect, however bright and of whatever color the light of each photograph was.

    Attributes:
        linear: ``[P, 3]``, relative to a perfect white; not a number where no photograph shows the patch unclipped.
        spread: standard deviation over the photographs, as a share, ``[P, 3]``.
        light: of each photograph, ``[N, 3]``: linear value that a perfect white would have.
    """

    linear: Matrix
    spread: Matrix
    light: Matrix


def reflectances(readings: Readings, *, paper: float = 0.87) -> Reflectances:
    """Takes the photographs' lights out of their readings.

    A reading is light times reflectance, each channel by itself, so that its logarithm is a sum of one number of the
    photograph and one of the patch: found by medians in turn (Tukey 1977, median polish), which a glint or a shadow on
    some patches does not move. The paper, which is neutral by definition, fixes the scale.

    Args:
        readings: of the chart.
        paper: reflectance of the unprinted paper; 0.87 is common for matt office and photo paper.

    Raises:
        PhysadvError: no photograph shows the paper or enough patches unclipped.
    """
    usable = np.where((readings.seen > DARKEST) & (readings.seen < BRIGHTEST), readings.seen, np.nan)
    whole = np.asarray(np.isfinite(usable).all(2))  # a patch that clips in one channel may have lost hue in the others
    kept = whole.sum(1) >= _LEAST_PATCHES
    if not kept.any():
        raise PhysadvError(
            f"chart: none of {len(usable)} photographs shows at least {_LEAST_PATCHES} patches neither too dark nor "
            "too bright; expose so that the paper is just not white"
        )
    logs = np.where(whole[..., None], np.log(decoded(usable)), np.nan)
    logs[~kept] = np.nan
    light, patch = _polished(logs)
    white = int(readings.sent.sum(1).argmax())
    if not np.isfinite(patch[white]).all():
        raise PhysadvError("chart: its white paper is clipped in every photograph; expose a little darker")
    offset = np.log(paper) - patch[white]
    rest = logs - light[:, None] - patch
    return Reflectances(linear=np.exp(patch + offset), spread=_spread(rest), light=np.exp(light - offset))


def _polished(logs: Matrix) -> tuple[Matrix, Matrix]:
    """Rows' and columns' parts of ``[N, P, 3]``: ``[N, 3]`` and ``[P, 3]``."""
    count, patches, _ = logs.shape
    light, patch = np.zeros((count, 3)), np.zeros((patches, 3))
    for _ in range(_ROUNDS):
        before = patch
        light = _median(logs - patch, axis=1)
        patch = _median(logs - light[:, None], axis=0)
        if np.nanmax(np.abs(patch - before)) < 1e-6:
            break
    return light, patch


def _spread(rest: Matrix) -> Matrix:
    return 1.4826 * _median(np.abs(rest), axis=0)


def _median(values: Matrix, axis: int) -> Matrix:
    """Of what is a number; not a number where nothing is."""
    found = np.ma.median(np.ma.masked_invalid(values), axis=axis)  # type: ignore[no-untyped-call]
    return np.asarray(np.ma.filled(found, np.nan), np.float64)


def fit(readings: Readings, *, nodes: int = 5, paper: float = 0.87, seed: int = 0) -> Calibration:
    """A table that predicts what colors reflect, with its errors on patches that it was not fitted to.

    The table is the smoothest that fits: least squares of the sRGB-encoded colors, which the eye sees about evenly,
    plus the second differences of what it adds to the ideal press. How stiff it is, is chosen by cross-validation on
    one half of the patches; the errors of that fit on the other half are reported, and the table is fitted to all.

    Args:
        readings: of the chart.
        nodes: of the table along an axis.
        paper: reflectance of the unprinted paper.
        seed: of the halves.

    Raises:
        PhysadvError: too few patches could be read.
    """
    measured = reflectances(readings, paper=paper)
    good = np.asarray(np.isfinite(measured.linear).all(1))
    sent, linear = readings.sent[good], measured.linear[good]
    if len(sent) < 2 * _LEAST_PATCHES:
        raise PhysadvError(
            f"chart: {len(sent)} of {len(good)} patches could be read; a table needs {2 * _LEAST_PATCHES}"
        )
    order = np.random.default_rng(seed).permutation(len(sent))
    half, other = order[::2], order[1::2]
    stiffness = _stiffness(sent[half], linear[half], nodes)
    tried = _table(sent[half], linear[half], nodes, stiffness)
    table = _table(sent, linear, nodes, stiffness)
    ideal = decoded(sent)
    errors = {
        "before": _errors(ideal, linear),
        "fitted": _errors(_predicted(table, sent, nodes), linear),
        "held_out_before": _errors(ideal[other], linear[other]),
        "held_out": _errors(_predicted(tried, sent[other], nodes), linear[other]),
    }
    made = Calibration(nodes=nodes, colors=tuple((float(r), float(g), float(b)) for r, g, b in table))
    return made.model_copy(
        update={
            "measured": {
                "delta_e_2000": errors,
                "patches": len(sent),
                "patches_unread": int((~good).sum()),
                "photographs": len(readings.seen),
                "paper": paper,
                "stiffness": stiffness,
                "spread_over_photographs": round(float(np.nanmedian(measured.spread[good])), 4),
                "seed": seed,
                "gamut_of_srgb": round(gamut_share(decoded(made.press.palette().double().numpy())), 3),
            }
        }
    )


def _weights(sent: Matrix, nodes: int) -> sparse.csr_matrix:
    """Trilinear weights ``[P, nodes ** 3]`` of the table's nodes at colors ``[P, 3]``."""
    place = sent.clip(0.0, 1.0) * (nodes - 1)
    low = np.minimum(place.astype(int), nodes - 2)
    part = place - low
    rows, columns, values = [], [], []
    for corner in np.ndindex(2, 2, 2):
        index = ((low[:, 0] + corner[0]) * nodes + low[:, 1] + corner[1]) * nodes + low[:, 2] + corner[2]
        rows.append(np.arange(len(sent)))
        columns.append(index)
        values.append(np.where(corner, part, 1.0 - part).prod(1))
    shape = (len(sent), nodes**3)
    return sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape)


def _bending(nodes: int) -> sparse.csr_matrix:
    """Second differences along the axes of a table, and mixed ones, by rows."""
    one = sparse.identity(nodes)
    first = sparse.diags([-1.0, 1.0], [0, 1], (nodes - 1, nodes))
    second = sparse.diags([1.0, -2.0, 1.0], [0, 1, 2], (nodes - 2, nodes)) if nodes > 2 else None
    parts = []
    for axis in range(3):
        if second is not None:
            parts.append(_along([second if a == axis else one for a in range(3)]))
        parts.append(_along([one if a == axis else first for a in range(3)]) * np.sqrt(2.0))
    return sparse.vstack(parts).tocsr() * (nodes - 1) ** 2 / np.sqrt(nodes**3)


def _along(parts: list[sparse.spmatrix]) -> sparse.spmatrix:
    return sparse.kron(sparse.kron(parts[0], parts[1]), parts[2])


def _table(sent: Matrix, linear: Matrix, nodes: int, stiffness: float) -> Matrix:
    """Encoded colors of the nodes ``[nodes ** 3, 3]``."""
    weights, bending = _weights(sent, nodes), _bending(nodes) * stiffness
    system = sparse.vstack([weights / np.sqrt(len(sent)), bending]).tocsr()
    added = encoded(linear) - sent
    found: list[Matrix] = [
        lsqr(system, np.concatenate([one / np.sqrt(len(sent)), np.zeros(bending.shape[0])]), **_EXACT)[0]
        for one in added.T
    ]
    regular: Matrix = grid(nodes).double().numpy()
    return np.clip(regular + np.stack(found, 1), 0.0, 1.0)


def decoded(values: Matrix) -> Matrix:
    """sRGB-encoded values to linear ones."""
    return np.asarray(srgb_to_linear(torch.from_numpy(values)).numpy(), np.float64)


def encoded(linear: Matrix) -> Matrix:
    """Linear values to sRGB-encoded ones, within [0,1]."""
    return np.asarray(linear_to_srgb(torch.from_numpy(linear.clip(0.0, 1.0))).numpy(), np.float64)


def _predicted(table: Matrix, sent: Matrix, nodes: int) -> Matrix:
    return decoded(np.asarray(_weights(sent, nodes) @ table, np.float64))


def _stiffness(sent: Matrix, linear: Matrix, nodes: int) -> float:
    """Of those tried, the one that predicts best what each fold leaves out."""
    fold = np.arange(len(sent)) % _FOLDS
    scores = []
    for stiffness in _STIFFNESS:
        errors = [
            delta_e(_predicted(_table(sent[rest], linear[rest], nodes, stiffness), sent[~rest], nodes), linear[~rest])
            for rest in (fold != number for number in range(_FOLDS))
        ]
        scores.append(float(np.concatenate(errors).mean()))
    return _STIFFNESS[int(np.argmin(scores))]


def _errors(predicted: Matrix, linear: Matrix) -> dict[str, float]:
    error = delta_e(predicted, linear)
    return {
        "mean": round(float(error.mean()), 3),
        "p95": round(float(np.quantile(error, 0.95)), 3),
        "max": round(float(error.max()), 3),
    }


def delta_e(one: Matrix, other: Matrix) -> Matrix:
    """CIE DE2000 between linear sRGB reflectances ``[..., 3]`` under D65 (CIE 142-2001)."""
    import colour

    return np.asarray(colour.delta_E(cielab(one), cielab(other), method="CIE 2000"), np.float64)


def gamut_share(linear: Matrix) -> float:
    """Volume that colors ``[n, 3]`` span in CIELAB, as a share of all of sRGB's: of the convex hulls."""
    levels = np.linspace(0.0, 1.0, 9)
    cube = decoded(np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3))
    return float(ConvexHull(cielab(linear)).volume / ConvexHull(cielab(cube)).volume)


def cielab(linear: Matrix) -> Matrix:
    """CIELAB ``[..., 3]`` of linear sRGB reflectances under D65."""
    import colour

    xyz = colour.RGB_to_XYZ(linear, "sRGB", apply_cctf_decoding=False)
    white = colour.CCS_ILLUMINANTS["CIE 1931 2 Degree Standard Observer"]["D65"]
    return np.asarray(colour.XYZ_to_Lab(xyz, white), np.float64)
