"""Weather as a Kornia augmentation; albumentations paints it, so that it passes no gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from physadv.core.color import from_uint8, to_uint8
from physadv.scenes.kornia.augmentation.parameters import Flags, Params, Photometric
from physadv.scenes.weather.weather import WeatherGrid, annotation, apply_weather


class RandomWeather(Photometric):
    """Rain, fog, snow, sun and more on 8-bit pictures, by severity; no gradient.

    Args:
        kinds: of weather, one of which is drawn for each picture; all that come with physadv if not given.
        severities: 1 (hardly there) to 5, one of which is drawn.
        p, same_on_batch, keepdim: as in Kornia.

    Raises:
        ValueError: no such weather or severity.
    """

    def __init__(
        self,
        kinds: Sequence[str] = (),
        severities: Sequence[int] = (1, 2, 3, 4, 5),
        *,
        p: float = 1.0,
        same_on_batch: bool = False,
        keepdim: bool = False,
    ) -> None:
        super().__init__({"cell": (0.0, 1.0)}, p=p, same_on_batch=same_on_batch, keepdim=keepdim, seeded=True)
        self.grid = WeatherGrid(kinds=tuple(kinds), severities=tuple(severities))

    def apply_transform(self, input: Tensor, params: Params, flags: Flags, transform: Tensor | None = None) -> Tensor:
        """Pictures in their weather."""
        cells = self.grid.cells
        numbers = (params["cell"] * len(cells)).long().clamp(max=len(cells) - 1).tolist()
        made = [
            apply_weather(pixels, annotation(*cells[number], noise_seed=seed))
            for pixels, number, seed in zip(to_uint8(input), numbers, params["noise_seed"].tolist(), strict=True)
        ]
        return from_uint8(np.stack(made)).to(input) if made else torch.empty_like(input)
