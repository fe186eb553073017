"""A median filter before the picture is read."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

from physadv.defenses.defense import DEFENSES, Adaptive, Purification


@DEFENSES.register("median")
class Median(Purification):
    """Each value becomes the median of its channel in a square window; the border is continued by its last pixel."""

    kind: Literal["median"] = "median"
    paper: ClassVar[str] = "Xu et al. 2018, arXiv:1704.01155"
    adaptive: ClassVar[Adaptive] = "through"
    window: int = Field(default=3, ge=1, le=31)
    """Side of the window in pixels, odd."""

    @field_validator("window")
    @classmethod
    def _odd(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError("should be odd, so that the window has a middle")
        return window

    @property
    def gradient_words(self) -> str:
        """Where it goes."""
        return "the gradient is exact: it goes to the pixel that is the median"

    def clean(self, images: Tensor) -> Tensor:
        """The filtered pictures."""
        padded = F.pad(images, (self.window // 2,) * 4, mode="replicate")
        windows = padded.unfold(2, self.window, 1).unfold(3, self.window, 1)
        return windows.flatten(4).median(4).values
