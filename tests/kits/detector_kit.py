"""ONNX graphs of detectors whose output is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

SIDE = 64
ANCHORS = [(stride, x, y) for stride in (8, 16, 32) for y in range(SIDE // stride) for x in range(SIDE // stride)]


def graph(path: Path, rows: np.ndarray, *, side: int = SIDE) -> Path:
    """An ONNX file that gives these rows for every picture."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    value = onnx.numpy_helper.from_array(rows[None].astype(np.float32), "rows")
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["rows", "nothing"], ["output"]),
    ]
    zero = onnx.numpy_helper.from_array(np.array(0, np.float32), "zero")
    taken = helper.make_tensor_value_info("images", kind, [1, 3, side, side])
    given_out = helper.make_tensor_value_info("output", kind, [1, *rows.shape])
    made = helper.make_model(
        helper.make_graph(nodes, "fixed", [taken], [given_out], [value, zero]),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    onnx.save(made, str(path))
    return path
