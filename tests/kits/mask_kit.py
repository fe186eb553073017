"""An octagon of one size, to draw masks on."""

from __future__ import annotations

import math

from physadv.signs import Sign


def octagon(width_mm: float) -> tuple[tuple[float, float], ...]:
    flat, corner = width_mm / 2.0, width_mm / 2.0 * math.tan(math.pi / 8.0)
    return (
        *((-corner, -flat), (corner, -flat), (flat, -corner), (flat, corner)),
        *((corner, flat), (-corner, flat), (-flat, corner), (-flat, -corner)),
    )


def stop_sign(width_mm: float = 762.0) -> Sign:
    return Sign("test/stop", "Stop", width_mm, width_mm, octagon(width_mm), "III", "test")


SIGN = stop_sign()
