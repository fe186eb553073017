"""Press: what a printed color reflects, by sRGB's definition or as one printer and camera were measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from pydantic import Field, model_validator
from torch import Tensor

from physadv.core.color import srgb_to_linear
from physadv.core.config import Config, validate
from physadv.core.errors import PhysadvError
from physadv.core.files import read_json, write_json
from physadv.core.spelling import american

Ink: TypeAlias = Callable[[Tensor], Tensor]
"""From colors as sent to the printer, sRGB-encoded ``[3, ...]`` in [0,1], to linear reflectance ``[3, ...]``."""

as_sent: Ink = srgb_to_linear
"""The ideal press: the sheet looks as the file says."""

_PALETTE_STEPS = 9


class Calibration(Config):
    """One printer and one camera, as ``physadv calibrate`` has measured them; a JSON file.

    The table holds how colors on a regular grid of sRGB values come out, as this camera sees them beside a perfect
    white diffuser: sRGB-encoded, so that an ideal press's table is its own grid. Between nodes it is trilinear.
    """

    schema_version: Literal[1] = 1
    name: str = ""
    """Of printer, paper and camera, in the user's words."""
    created: str = ""
    """ISO 8601, or empty."""
    nodes: int = Field(ge=2, le=33)
    """Of the grid along an axis."""
    colors: tuple[tuple[float, float, float], ...]
    """``nodes ** 3`` rows, blue fastest."""
    measured: dict[str, Any] = Field(default_factory=dict)
    """How well it fits: color differences on the patches it was fitted to and on held-out ones, photographs."""

    @model_validator(mode="after")
    def _check(self) -> Calibration:
        if len(self.colors) != self.nodes**3:
            raise ValueError(f"colors: holds {len(self.colors)} rows; nodes = {self.nodes} asks for its cube")
        if not all(0.0 <= value <= 1.0 and math.isfinite(value) for row in self.colors for value in row):
            raise ValueError("colors: every value should be a number from 0 to 1")
        return self

    @property
    def press(self) -> Press:
        """The table as a function of colors."""
        table = torch.tensor(self.colors, dtype=torch.float32)
        return Press(table.reshape(self.nodes, self.nodes, self.nodes, 3))


class Press:
    """A measured press: an :data:`Ink` by trilinear interpolation, differentiable in the colors.

    Args:
        table: sRGB-encoded colors ``[G, G, G, 3]`` that come out at the nodes of a regular grid of red, green, blue.
    """

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def __call__(self, encoded: Tensor) -> Tensor:
        """Linear reflectance ``[3, ...]`` in [0,1] of sRGB-encoded colors ``[3, ...]``; beyond [0,1] the border's."""
        flat = encoded.reshape(3, -1)
        return srgb_to_linear(interpolate(self.table.to(flat), flat)).reshape(encoded.shape)

    def palette(self, steps: int = _PALETTE_STEPS) -> Tensor:
        """Colors that the press makes, ``[steps ** 3, 3]``, sRGB-encoded as a camera sees them in neutral light."""
        line = torch.linspace(0.0, 1.0, steps)
        sent = torch.stack(torch.meshgrid(line, line, line, indexing="ij")).flatten(1)
        return interpolate(self.table, sent).T.contiguous()


def interpolate(table: Tensor, colors: Tensor) -> Tensor:
    """Trilinear interpolation of ``table [G, G, G, C]`` at ``colors [3, n]`` in [0,1], ``[C, n]``; differentiable."""
    nodes = table.shape[0]
    place = colors.clamp(0.0, 1.0) * (nodes - 1)
    low = place.detach().floor().clamp(max=nodes - 2).long()
    part = place - low
    rows = table.reshape(-1, table.shape[-1])
    total = torch.zeros(table.shape[-1], colors.shape[1], dtype=table.dtype, device=table.device)
    for corner in range(8):
        up = [(corner >> axis) & 1 for axis in (2, 1, 0)]
        index = ((low[0] + up[0]) * nodes + low[1] + up[1]) * nodes + low[2] + up[2]
        weight = torch.ones_like(part[0])
        for axis in range(3):
            weight = weight * (part[axis] if up[axis] else 1.0 - part[axis])
        total = total + rows[index].T * weight
    return total


def grid(nodes: int) -> Tensor:
    """The grid's sRGB values ``[nodes ** 3, 3]``, blue fastest."""
    line = torch.linspace(0.0, 1.0, nodes)
    return torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)


def load_calibration(path: str | Path) -> Calibration:
    """Reads what ``physadv calibrate`` wrote.

    Raises:
        PhysadvError: the file is missing, not JSON, or not a calibration.
    """
    data = read_json(Path(path))
    if not isinstance(data, dict) or "colors" not in map(american, data):
        raise PhysadvError(f"{path}: is not a calibration; give the file that physadv calibrate wrote")
    return validate(Calibration, data, path)


def save_calibration(calibration: Calibration, path: str | Path) -> None:
    """Writes it as JSON, whole or not at all."""
    write_json(Path(path), calibration.model_dump(mode="json"))


def ink_of(path: str | Path | None) -> Ink:
    """The press of a calibration's file; the ideal one without a file.

    Raises:
        PhysadvError: the file is missing or not a calibration.
    """
    return as_sent if path is None else load_calibration(path).press
