"""ONNX files as networks, for scoring and for attacks that need no gradient."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from physadv.core.errors import PhysadvError
from physadv.core.onnx import LONGEST_S, TimedRuns, open_onnx
from physadv.victims.outputs import logits_of
from physadv.victims.preprocess import InputConfig

DTYPES: dict[str, Any] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
"""Input types of ONNX Runtime that pictures come in."""
_LARGEST_BATCH = 1024
_PATIENCE = 100.0
"""How many times as long as at its trial a picture may take, before a run counts as one that does not end."""


class OnnxNetwork(nn.Module):
    """The logits of an ONNX graph of one input, on the CPU.

    It is tried with two pictures: a graph whose batch is free by its word alone, and that fails on two, is shown one
    picture at a time.

    Args:
        path: of the file.
        config: what it takes; compared with the shape that the graph declares.
        classes: how many logits it gives.
        output_name: of the output that is the logits; if not given, the one that is called so, or alone fits.

    Raises:
        PhysadvError: ONNX Runtime is not installed, the file is missing or not a graph, its input is another, it has
            several outputs that may be the logits, or it does not answer.
    """

    differentiable = False
    why_not = "an ONNX file is run outside of PyTorch"

    def __init__(self, path: Path, config: InputConfig, *, classes: int, output_name: str | None = None) -> None:
        super().__init__()
        self.path, self.classes, self.output_name = path, classes, output_name
        session = open_onnx(path)
        self.runs = TimedRuns(session, path)
        inputs = session.get_inputs()
        if len(inputs) != 1:
            listed = ", ".join(f"{one.name}: {one.shape}" for one in inputs)
            raise PhysadvError(f"{path}: takes {len(inputs)} inputs ({listed}); a classifier of pictures takes one")
        self.input_name = inputs[0].name
        self.output_names = [one.name for one in session.get_outputs()]
        if inputs[0].type not in DTYPES:
            raise PhysadvError(f"{path}: takes {inputs[0].type}; expected one of {', '.join(DTYPES)}")
        self.dtype = np.dtype(DTYPES[inputs[0].type])
        if self.dtype == np.uint8 and (config.scale != 255 or config.mean or config.std):
            told = "scale: 1 leaves nothing but 0 and 1 of them" if config.scale != 255 else "mean and std are its own"
            raise PhysadvError(
                f"{path}: takes pictures in 8 bits, 0..255, and {told}: set scale: 255 and leave out mean and std"
            )
        shape = inputs[0].shape or []
        if shape:
            _check_shape(path, shape, config)
        batch = shape[0] if shape else None
        self.batch = batch if isinstance(batch, int) and batch > 0 else None
        if self.batch is not None and self.batch > _LARGEST_BATCH:
            raise PhysadvError(
                f"{path}: takes {self.batch} pictures at once; at most {_LARGEST_BATCH} can be shown to it: export it "
                "with a smaller batch"
            )
        """Pictures that the graph takes at once, where it is fixed."""
        self.limit_s = LONGEST_S
        self._try(config)

    def forward(self, prepared: Tensor) -> Tensor:
        """Raw outputs ``[N, K]``, float32, on the device of ``prepared``."""
        pixels = prepared.detach().cpu().numpy()
        pixels = (
            np.rint(pixels).clip(0, 255).astype(self.dtype) if self.dtype == np.uint8 else pixels.astype(self.dtype)
        )
        step = self.batch or max(len(pixels), 1)
        parts = [self._run(pixels[start : start + step], step) for start in range(0, len(pixels), step)]
        return torch.from_numpy(np.concatenate(parts).astype(np.float32)).to(prepared.device)

    def _try(self, config: InputConfig) -> None:
        """Finds out whether it takes two pictures at once, and how long it takes for one."""
        height, width = config.height_width
        shape = (
            (height, width, config.channel_count) if config.layout == "nhwc" else (config.channel_count, height, width)
        )
        probe = np.full((2, *shape), 128 if self.dtype == np.uint8 else 0.5, self.dtype)
        started = time.monotonic()
        if self.batch is None:
            try:
                self._run(probe, 2)
            except PhysadvError:
                self.batch = 1
                started = time.monotonic()
                self._run(probe[:1], 1)
        else:
            self._run(probe[:1], self.batch)
        self.limit_s = max(LONGEST_S, _PATIENCE * (time.monotonic() - started))

    def _run(self, pixels: npt.NDArray[Any], batch: int) -> npt.NDArray[Any]:
        """Outputs of at most ``batch`` pictures; a fixed batch is filled up with the first one."""
        count = len(pixels)
        if self.batch and count < batch:
            pixels = np.concatenate([pixels, np.repeat(pixels[:1], batch - count, axis=0)])
        given = self.runs.run(
            self.output_names, {self.input_name: pixels}, limit_s=self.limit_s * max(1.0, len(pixels) / 64)
        )
        outputs = dict(zip(self.output_names, given, strict=True))
        alone = given[0] if len(given) == 1 and self.output_name is None else outputs
        logits = logits_of(
            alone, pictures=len(pixels), classes=self.classes, named=self.output_name, source=str(self.path)
        )
        if logits.ndim == 0 or len(logits) != len(pixels):
            raise PhysadvError(f"{self.path}: answers {list(logits.shape)} to {len(pixels)} images")
        answered: npt.NDArray[Any] = logits.numpy()[:count]
        return answered


def _check_shape(path: Path, shape: list[Any], config: InputConfig) -> None:
    """Compares the graph's declared input with the card's; names in place of numbers are free."""
    height, width = config.height_width
    picture = {"nchw": [config.channel_count, height, width], "nhwc": [height, width, config.channel_count]}

    def fits(wanted: list[int]) -> bool:
        return len(shape) == 4 and all(
            not isinstance(has, int) or has < 1 or has == want for has, want in zip(shape[1:], wanted, strict=True)
        )

    if fits(picture[config.layout]):
        return
    other = "nhwc" if config.layout == "nchw" else "nchw"
    hint = f"; set layout: {other}" if fits(picture[other]) else ""
    sides = [one for one in shape[2:] if isinstance(one, int)] if config.layout == "nchw" else shape[1:3]
    if not hint and len(shape) == 4 and len(sides) == 2 and all(isinstance(one, int) and one > 0 for one in sides):
        hint = (
            f"; set size: {sides[0] if sides[0] == sides[1] else list(sides)}" if list(sides) != [height, width] else ""
        )
    made = ["N", *picture[config.layout]]
    raise PhysadvError(f"{path}: takes {shape}, but the card's input (size, grayscale, layout) makes {made}{hint}")
