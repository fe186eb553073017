"""Numbers as every sentence, log line and report writes them."""

from __future__ import annotations


def percent(value: float, decimals: int = 0) -> str:
    """A share as a percentage; what is not quite 0 or 1 is never rounded to it.

    >>> percent(0.872), percent(0.001), percent(0.9996, 1), percent(1.0), percent(0.55, 1)
    ('87 %', '<1 %', '>99.9 %', '100 %', '55.0 %')
    """
    step = 10.0**-decimals
    shown = round(value * 100.0, decimals)
    if value > 0.0 and shown <= 0.0:
        return f"<{step:.{decimals}f} %"
    if value < 1.0 and shown >= 100.0:
        return f">{100.0 - step:.{decimals}f} %"
    return f"{plain_number(value * 100.0, decimals)} %"


def with_interval(value: float, low: float, high: float) -> str:
    """``87.2 % (83.0 to 90.1)``: a share with the limits of its interval."""
    return f"{percent(value, 1)} ({low * 100:.1f} to {high * 100:.1f})"


def metres(value: float) -> str:
    """``7.5 m`` below ten metres, whole metres above."""
    return f"{value:.1f} m" if value < 10 else f"{value:.0f} m"


def plain_number(value: float, decimals: int) -> str:
    """A number with that many decimals; 0 and 100 without, and never a minus before a zero."""
    text = f"{value:.{decimals}f}"
    return f"{float(text):.0f}" if float(text) in (0.0, 100.0) else text
