"""ONNX files as networks, for scoring and for attacks that need no gradient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from physadv.core.errors import PhysadvError
from physadv.core.onnx import open_onnx
from physadv.victims.preprocess import InputConfig

DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
"""Input types of ONNX Runtime that pictures come in."""


class OnnxNetwork(nn.Module):
    """The first output of an ONNX graph of one input, on the CPU.

    Args:
        path: of the file.
        config: what it takes; compared with the shape that the graph declares.

    Raises:
        PhysadvError: ONNX Runtime is not installed, the file is missing or not a graph, or its input is another.
    """

    differentiable = False

    def __init__(self, path: Path, config: InputConfig) -> None:
        super().__init__()
        self.session = open_onnx(path)
        inputs = self.session.get_inputs()
        if len(inputs) != 1:
            raise PhysadvError(f"{path}: takes {len(inputs)} inputs; a classifier of pictures takes one")
        self.input_name, self.output_name = inputs[0].name, self.session.get_outputs()[0].name
        if inputs[0].type not in DTYPES:
            raise PhysadvError(f"{path}: takes {inputs[0].type}; expected one of {', '.join(DTYPES)}")
        self.dtype = np.dtype(DTYPES[inputs[0].type])
        _check_shape(path, inputs[0].shape, config)
        batch = inputs[0].shape[0]
        self.batch = batch if isinstance(batch, int) and batch > 0 else None
        """Pictures that the graph takes at once, where it is fixed."""

    def forward(self, prepared: Tensor) -> Tensor:
        """Raw outputs ``[N, K]``, float32, on the device of ``prepared``."""
        pixels = prepared.detach().cpu().numpy()
        pixels = (
            np.rint(pixels).clip(0, 255).astype(self.dtype) if self.dtype == np.uint8 else pixels.astype(self.dtype)
        )
        step = self.batch or max(len(pixels), 1)
        parts = [self._run(pixels[start : start + step], step) for start in range(0, len(pixels), step)]
        return torch.from_numpy(np.concatenate(parts).astype(np.float32)).to(prepared.device)

    def _run(self, pixels: npt.NDArray[Any], batch: int) -> npt.NDArray[Any]:
        """Outputs of at most ``batch`` pictures; a fixed batch is filled up with the first one."""
        count = len(pixels)
        if self.batch and count < batch:
            pixels = np.concatenate([pixels, np.repeat(pixels[:1], batch - count, axis=0)])
        output: npt.NDArray[Any] = self.session.run([self.output_name], {self.input_name: pixels})[0]
        return output[:count]


def _check_shape(path: Path, shape: list[Any], config: InputConfig) -> None:
    """Compares the graph's declared input with the card's; names in place of numbers are free."""
    height, width = config.height_width
    picture = [height, width, config.channel_count]
    wanted = picture if config.layout == "nhwc" else [picture[2], *picture[:2]]
    fits = len(shape) == 4 and all(
        not isinstance(has, int) or has == want for has, want in zip(shape[1:], wanted, strict=True)
    )
    if not fits:
        raise PhysadvError(
            f"{path}: takes {shape}, but the card's input (size, grayscale, layout) makes {['N', *wanted]}"
        )
