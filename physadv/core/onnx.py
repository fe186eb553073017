"""ONNX graphs on the CPU: opened, run within a time, and with all the files that they consist of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from physadv.core.errors import PhysadvError, shown
from physadv.core.files import check_regular

LONGEST_S = 60.0
"""Seconds that a run may take, where nothing is known of the graph: loops may never end."""


def open_onnx(path: Path) -> Any:
    """A session of ONNX Runtime.

    Raises:
        PhysadvError: ONNX Runtime is not installed, or the file is missing, not a graph that it can run, or one whose
            weights lie in other files that are missing.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise _not_installed(path) from error
    external_files(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # of its own classes and of Python's, as it happens
        raise PhysadvError(
            f"{path}: not an ONNX file that ONNX Runtime can run ({_reason(error)}); is it complete?"
        ) from error


def external_files(path: Path) -> list[Path]:
    """The files beside an ONNX graph that hold weights of its own (external data), sorted.

    Raises:
        PhysadvError: the graph or one of these files is missing, or the graph is no ONNX file.
    """
    try:
        import onnx
    except ImportError as error:
        raise _not_installed(path) from error
    check_regular(path, what="file of weights")
    try:
        model = onnx.load(str(path), load_external_data=False)
        names = sorted(
            {
                entry.value
                for tensor in _tensors(model)
                if tensor.data_location == onnx.TensorProto.EXTERNAL
                for entry in tensor.external_data
                if entry.key == "location"
            }
        )
    except Exception as error:  # protobuf's and onnx's, and what garbage makes of them
        raise PhysadvError(f"{path}: not an ONNX file ({_reason(error)}); is it complete?") from error
    if not model.HasField("graph"):
        raise PhysadvError(f"{path}: not an ONNX file (it holds no graph); is it complete?")
    files = [path.parent / name for name in names]
    for file, name in zip(files, names, strict=True):
        if not _lies_in(file, path.parent):
            raise PhysadvError(f"{path}: keeps weights in {shown(name)}, outside of its own folder, which is refused")
        try:
            check_regular(file)
        except PhysadvError as error:
            raise PhysadvError(
                f"{path}: keeps weights in {shown(name)}, and there is no such file beside it; copy it there"
            ) from error
    return files


def _lies_in(file: Path, folder: Path) -> bool:
    try:
        return file.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, a loop of links
        return False


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor in a message of ONNX, however deep: initializers, constants, the bodies of loops and functions."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "DESCRIPTOR") else value:
                yield from _tensors(part)


class TimedRuns:
    """Runs of a session that end: after a time, or when the user interrupts.

    Args:
        session: of ONNX Runtime.
        path: of its file, for messages.
    """

    def __init__(self, session: Any, path: Path) -> None:
        self.session, self.path = session, path

    def run(self, outputs: list[str] | None, feeds: dict[str, Any], *, limit_s: float = LONGEST_S) -> list[Any]:
        """What the graph gives.

        Raises:
            PhysadvError: it fails, or takes longer than ``limit_s`` seconds.
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        given: list[Any] = []
        failed: list[Exception] = []

        def work() -> None:
            try:
                given.extend(self.session.run(outputs, feeds, options))
            except Exception as error:
                failed.append(error)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        try:
            worker.join(limit_s)
        finally:
            late = worker.is_alive()
            if late:
                options.terminate = True
                worker.join(5.0)
        if late:
            raise PhysadvError(f"{self.path}: has not answered within {limit_s:.0f} s, as where a loop never ends")
        if failed:
            raise PhysadvError(f"{self.path}: cannot be run ({_reason(failed[0])})") from failed[0]
        return given


def _reason(error: Exception) -> str:
    """Kind and first line of an error of ONNX Runtime."""
    line = (str(error).strip().split("\n")[0] or "no reason given")[:240]
    return f"{type(error).__name__}: {line}"


def _not_installed(path: Path) -> PhysadvError:
    return PhysadvError(f"{path}: ONNX files need the packages onnxruntime and onnx: pip install 'physadv[onnx]'")
