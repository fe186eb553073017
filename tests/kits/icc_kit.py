"""ICC profiles of a printer whose inks are known, of displays and of grays, written byte by byte (ICC.1:2001-04)."""

from __future__ import annotations

import struct
from itertools import product

import numpy as np

TO_XYZ = np.array([[0.43607, 0.38506, 0.14308], [0.22250, 0.71688, 0.06062], [0.01393, 0.09710, 0.71417]])
"""Linear sRGB to XYZ of D50 (Bradford)."""
D50 = np.array([0.9642, 1.0, 0.8249])
_DEVICE_NODES, _LAB_NODES = 5, 33


def printed(cmyk: np.ndarray) -> np.ndarray:
    """Linear RGB ``[..., 3]`` of shares of ink ``[..., 4]``: each takes one third of the spectrum, black takes all."""
    return (1.0 - cmyk[..., :3]) * (1.0 - cmyk[..., 3:])


def inks(linear: np.ndarray) -> np.ndarray:
    """The inverse of :func:`printed`, with as much black as there can be."""
    light = np.clip(linear, 0.0, 1.0)
    most = light.max(-1, keepdims=True)
    return np.concatenate([1.0 - light / np.maximum(most, 1e-6), 1.0 - most], -1)


def cmyk_profile(kind: bytes = b"prtr", *, without: bytes = b"") -> bytes:
    """The profile of a CMYK printer; of another class, or without one of its tags."""
    device = np.array(list(product(np.linspace(0.0, 1.0, _DEVICE_NODES), repeat=4)))
    steps = np.linspace(0.0, 1.0, _LAB_NODES)
    values = np.array(list(product(steps, repeat=3))) * 65535.0 / 65280.0
    lab = values * [100.0, 255.0, 255.0] - [0.0, 128.0, 128.0]
    tags = {
        b"desc": b"desc" + struct.pack(">4xI", 10) + b"four inks\0" + bytes(8 + 3 + 67),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + _fixed(D50),
        b"A2B0": _table(4, 3, _DEVICE_NODES, _encoded(_lab(printed(device)))),
        b"B2A0": _table(3, 4, _LAB_NODES, inks(_linear(lab))),
    }
    return _file(kind, {name: data for name, data in tags.items() if name != without})


def _fixed(numbers: np.ndarray) -> bytes:
    return struct.pack(f">{numbers.size}i", *np.round(numbers.reshape(-1) * 65536).astype(int).tolist())


def _table(inputs: int, outputs: int, nodes: int, values: np.ndarray) -> bytes:
    """``lut16Type`` with straight curves (section 6.5.7)."""
    head = b"mft2" + struct.pack(">4x4B", inputs, outputs, nodes, 0) + _fixed(np.eye(3)) + struct.pack(">2H", 2, 2)
    line = struct.pack(">2H", 0, 65535)
    return head + line * inputs + np.round(values.clip(0, 1) * 65535).astype(">u2").tobytes() + line * outputs


def _file(kind: bytes, tags: dict[bytes, bytes], *, space: bytes = b"CMYKLab ", version: int = 0x02400000) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    listed, body = b"", b""
    for name, data in tags.items():
        listed += name + struct.pack(">2I", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI", start + len(body), version) + kind + space + struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    head += b"acsp" + bytes(28) + _fixed(D50) + bytes(48)
    return head + struct.pack(">I", len(tags)) + listed + body


def _lab(linear: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* of D50."""
    ratio = linear @ TO_XYZ.T / D50
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = root[:, 0], root[:, 1], root[:, 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def _linear(lab: np.ndarray) -> np.ndarray:
    y = (lab[:, 0] + 16) / 116
    root = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], 1)
    ratio = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29))
    return (ratio * D50) @ np.linalg.inv(TO_XYZ).T


def _encoded(lab: np.ndarray) -> np.ndarray:
    """16 bits as version 2 has them (section 6.5.7): 100 is FF00, not FFFF."""
    return (lab + np.array([0.0, 128.0, 128.0])) / [100.0, 255.0, 255.0] * 65280.0 / 65535.0


COLORANTS = {
    "Display P3": [[0.51512, 0.24120, -0.00105], [0.29198, 0.69225, 0.04189], [0.15710, 0.06657, 0.78407]],
    "Adobe RGB": [[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]],
    "sRGB": TO_XYZ.T.tolist(),
}
"""XYZ of D50 of red, green and blue, as these spaces' own profiles have them."""
CURVES = {
    "sRGB": b"para" + struct.pack(">4xHxx", 3) + _fixed(np.array([2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045])),
    "Adobe": b"curv" + struct.pack(">4xIHxx", 1, 563),
    "linear": b"curv" + struct.pack(">4xI", 0),
}


def matrix_profile(colorants: str, curve: str) -> bytes:
    """The profile of a display by three colorants and one curve."""
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(D50)}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), COLORANTS[colorants], strict=True):
        tags[name] = b"XYZ " + bytes(4) + _fixed(np.array(column))
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), CURVES[curve])
    return _file(b"mntr", tags, space=b"RGB XYZ ", version=0x04300000)


def linear_table_profile(kind: bytes = b"mntr") -> bytes:
    """A profile by a table, of values that are linear sRGB; exact at multiples of 17."""
    device = np.array(list(product(np.linspace(0.0, 1.0, 16), repeat=3)))
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(D50), b"A2B0": _table(3, 3, 16, _encoded(_lab(device)))}
    return _file(kind, tags, space=b"RGB Lab ")


def gray_profile(curve: str = "linear") -> bytes:
    """The profile of grays."""
    tags = {b"wtpt": b"XYZ " + bytes(4) + _fixed(D50), b"kTRC": CURVES[curve]}
    return _file(b"mntr", tags, space=b"GRAYXYZ ")
