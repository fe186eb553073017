"""Sizes of changes as options: real numbers or fractions such as 8/255, of pictures in [0,1]."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

_FRACTION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*")


def _number(value: object) -> object:
    """The number that a fraction in words stands for; anything else as it is."""
    found = _FRACTION.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) / float(found[2]) if found and float(found[2]) else value


def check_in_range(value: float, named: str = "") -> float:
    """A largest change of a value of pictures in [0,1], as it is.

    Raises:
        ValueError: it is more than pictures can change by; the message begins with ``named``.
    """
    if value > 1.0:
        meant = f"; did you mean {value:g}/255?" if value <= 255 else ""
        raise ValueError(f"{named}should be in [0,1], as pictures are{meant}")
    return value


Size: TypeAlias = Annotated[float, BeforeValidator(_number), Field(ge=0)]
"""A length in pixel space, in units of pictures in [0,1]: 0.03, or a fraction such as 8/255."""
Step: TypeAlias = Annotated[float, BeforeValidator(_number), Field(gt=0)]
"""A length above 0."""


LargestChange: TypeAlias = Annotated[float, BeforeValidator(_number), Field(gt=0), AfterValidator(check_in_range)]
"""The largest change of a value of pictures in [0,1], above 0."""
