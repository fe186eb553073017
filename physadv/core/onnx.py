"""ONNX graphs on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from physadv.core.errors import PhysadvError


def open_onnx(path: Path) -> Any:
    """A session of ONNX Runtime.

    Raises:
        PhysadvError: ONNX Runtime is not installed, or the file is missing or not a graph that it can run.
    """
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as refusals
    except ImportError as error:
        raise PhysadvError(f"{path}: ONNX files need the package onnxruntime: pip install 'physadv[onnx]'") from error
    if not path.is_file():
        raise PhysadvError(f"{path}: no such file of weights; a card's paths are relative to it")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    kinds = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except tuple(getattr(refusals, kind) for kind in kinds) as error:
        raise PhysadvError(
            f"{path}: not an ONNX file that ONNX Runtime can run ({type(error).__name__}); is it complete?"
        ) from error
