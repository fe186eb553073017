"""Malformed files: changes of a valid example of each form, and the one property that every loader is held to.

A form takes an example's bytes and a source of random numbers and gives bytes that are nearly right: its own grammar
is kept, so that the change reaches what lies behind the parser, and now and then the bytes themselves are damaged.
"""

from __future__ import annotations

import copy
import faulthandler
import io
import json
import math
import os
import pickle
import re
import resource
import signal
import struct
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from physadv.core.errors import PhysadvError
from physadv.core.yaml_text import parse_yaml

Form: TypeAlias = Callable[[bytes, Random], bytes]

LONGEST_S = 60
MOST_BYTES = 2_000_000_000
LONGEST_MESSAGE = 1500


# ---- the property --------------------------------------------------------------------------------------------------


class TookTooLong(BaseException):
    """Not an ``Exception``, so that no reader takes it for its own."""


def right_or_refused(load: Callable[[Path], object], path: Path) -> str | None:
    """Loads ``path``: None if that gives a result, else the message of the refusal, which is one sentence.

    Raises:
        AssertionError: the message is none that a user can read, or does not name the file.
        BaseException: whatever else the loader lets through; an hour's work and all the memory are cut short.
    """
    try:
        with _within_limits(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load(path)
        return None
    except PhysadvError as error:
        message = str(error)
    assert message.strip(), "an empty message"
    assert "\n" not in message, f"several lines: {message}"
    assert len(message) <= LONGEST_MESSAGE, f"{len(message)} characters: {message}"
    named = path.name in message or re.search(r"(^|[\s'\"])/\w", message)  # it, or the other file that is at fault
    assert named, f"does not name {path.name}: {message}"
    return message


@contextmanager
def _within_limits() -> Iterator[None]:
    """At most so much time, and so much memory more than there is."""

    def late(*_: object) -> None:
        raise TookTooLong(f"more than {LONGEST_S} s")

    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    handler = signal.signal(signal.SIGALRM, late)
    faulthandler.dump_traceback_later(2 * LONGEST_S, exit=True)  # where it hangs outside of Python
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, handler)


# ---- what stands at the place --------------------------------------------------------------------------------------


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


PLACES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "folder": _folder,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "loop": _loop,
}
"""What may stand in place of a file."""


# ---- bytes and text ------------------------------------------------------------------------------------------------

_EXTREME = (0, 1, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 0x7F800000, 0x7FC00000)


def as_bytes(data: bytes, random: Random) -> bytes:
    """One change that knows nothing of what the bytes mean."""
    size = len(data)
    at, to = sorted((random.randint(0, size), random.randint(0, size)))
    to = min(to, at + random.choice((1, 4, 16, 64, size)))
    changes: list[Callable[[], bytes]] = [
        lambda: data[:at],
        lambda: data[:-1],
        lambda: data[at:],
        lambda: data[:at] + data[to:],
        lambda: data[:to] + data[at:],
        lambda: data[:at] + data[to : 2 * to - at] + data[at:to] + data[2 * to - at :],
        lambda: data[:at] + random.randbytes(to - at) + data[to:],
        lambda: data[:at] + struct.pack(random.choice("<>") + "I", random.choice(_EXTREME)) + data[at + 4 :],
        lambda: data + data,
        lambda: data + random.randbytes(64),
        lambda: random.randbytes(min(size, 512)),
        lambda: bytes(size),
    ]
    if random.random() < 0.3:
        flipped = bytearray(data or b"\0")
        for _ in range(random.choice((1, 3, 20))):
            flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
        return bytes(flipped)
    return random.choice(changes)()


def as_text(data: bytes, random: Random) -> bytes:
    """Another encoding, or lines that are damaged, swapped, given twice."""
    text = data.decode("utf-8")
    encodings: list[Callable[[], bytes]] = [
        lambda: b"\xef\xbb\xbf" + data,
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-32"),
        lambda: text.replace("e", "é").encode("latin-1", "replace"),
        lambda: text.replace("\n", "\r\n").encode(),
        lambda: text.replace("\n", "\r").encode(),
        lambda: text.replace("\n", "\u2028", 1).encode(),
        lambda: text.replace(" ", "\0", 1).encode(),
        lambda: text.replace(" ", "\t").encode(),
        lambda: text.replace("1", "١").encode(),
    ]
    if random.random() < 0.4:
        return random.choice(encodings)()
    lines = text.splitlines(keepends=True) or [""]
    one, two = random.randrange(len(lines)), random.randrange(len(lines))
    change = random.randrange(5)
    if change == 0:
        lines.insert(two, lines[one])
    elif change == 1:
        del lines[one]
    elif change == 2:
        lines[one], lines[two] = lines[two], lines[one]
    elif change == 3:
        lines[one] = lines[one][: random.randint(0, len(lines[one]))]
    else:
        lines[one] = "  " + lines[one]
    return "".join(lines).encode()


# ---- trees: JSON, YAML ---------------------------------------------------------------------------------------------


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


_SCALARS: tuple[Any, ...] = (
        None, True, False, 0, 1, -1, 2, 0.5, -0.0, 3.7, 255, 1e-300, 1e30, 1e308, -1e308, 10**18, 2**63, -(2**63),
        10**40,
        math.nan, math.inf, -math.inf, "", " ", "nan", "1", "-1", "1e999", "off", "null", "0x1F", "2024-01-01",
        "a\nb",
        "\0", "\x1b[31m", "[/b]", "=1+1", "{0}%s%n", "é", "止まれ", "\u202e", "\ud800", "..", "../../etc/passwd",
        "/dev/zero", "/etc/passwd", "~", "~nobody-x", ".", "a" * 300, "x" * 5000, "untargeted", "targeted:", "gtsrb",
        "de/stop", "drive-by",
)  # fmt: skip
_VALUES: tuple[Callable[[], Any], ...] = (
    *((lambda value=value: value) for value in _SCALARS),
    list, dict, lambda: [[]], lambda: [None], lambda: [True], lambda: {"": None}, lambda: {"kind": None},
    lambda: {"a": {}},
    lambda: _nested(60), lambda: [0] * 500, lambda: ["a", "a"], lambda: [math.nan] * 3, lambda: [1e308, -1e308, 0],
)  # fmt: skip


def edited(tree: Any, random: Random) -> Any:
    """A tree of mappings, lists and scalars with one to three changes."""
    tree = copy.deepcopy(tree)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        tree = _edit(tree, random)
    return tree


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree, of which a list's many alike items stand for all."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        keys: Any = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys if len(keys) <= 20 else [*keys[:3], *keys[-3:]]:
            found.append((one, key))
            waiting.append(one[key])
    return found


def _edit(tree: Any, random: Random) -> Any:
    places = _places(tree)
    if not places or random.random() < 0.02:
        return random.choice(_VALUES)()
    holder, key = random.choice(places)
    value, change = holder[key], random.randrange(10)
    if change <= 4:
        holder[key] = random.choice(_VALUES)()
    elif change == 5 and isinstance(value, (int, float)) and not isinstance(value, bool):
        holder[key] = random.choice((-value, value * 1000, value / 1000, value + 1, float(value), str(value), [value]))
    elif change == 6:
        del holder[key]
    elif change == 7:
        other, place = random.choice(places)
        try:
            holder[key] = copy.deepcopy(other[place])
        except (KeyError, IndexError):  # taken out by an earlier change
            holder[key] = None
    elif change == 8 and isinstance(holder, dict):
        holder[random.choice((f"{key} ", str(key).upper(), "kind", "name", "", "x", "\0", "classes"))] = holder.pop(key)
    elif isinstance(value, list):
        holder[key] = random.choice((value * 2, value[:-1], value[::-1], [value], dict(enumerate(map(str, value)))))
    else:
        holder[key] = random.choice(([value], {"value": value}, str(value), [value, value]))
    return tree


def as_json(data: bytes, random: Random) -> bytes:
    """JSON, with changes of its values; now and then of its text."""
    chance = random.random()
    if chance < 0.1:
        return as_bytes(data, random)
    if chance < 0.2:
        return as_text(data, random)
    if chance < 0.25:  # a key twice
        text = data.decode()
        keys = list(re.finditer(r'"\w+": ', text))
        one = random.choice(keys)
        return (text[: one.start()] + f"{one[0]}null, " + text[one.start() :]).encode()
    if chance < 0.28:
        return b"[" * 100_000 + b"]" * 100_000
    return json.dumps(edited(json.loads(data), random)).encode("utf-8", "surrogatepass")


RAW = (
    "!!timestamp foo", "!!int ''", "!!binary =", "!!python/object/apply:os.system ['touch ran']", "!x y", "*x",
    "&a [*a]",
    "&a {b: *a}", "{{{", "[", "'", '"\\q"', "|", ">", "- a", "? a", "off", "1:30", "0o17", ".nan", "-.inf", "1e999",
    "1_000", "2024-01-01", "~", "null", "<<: {a: 1}", "@", "`", "%", "\x07", "\u0085", "9" * 400,
    "[" * 300 + "]" * 300,
    "{a: 1, a: 2}", "\U0001f6d1", "a: b: c",
)  # fmt: skip


def as_yaml(data: bytes, random: Random) -> bytes:
    """YAML, with changes of its values and its text."""
    chance = random.random()
    if chance < 0.08:
        return as_bytes(data, random)
    if chance < 0.2:
        return as_text(data, random)
    if chance < 0.4:  # a value as only YAML can write it
        text = data.decode()
        values = list(re.finditer(r"(?<=: )[^\n,\]}]+", text))
        one = random.choice(values)
        return (text[: one.start()] + random.choice(RAW) + text[one.end() :]).encode()
    if chance < 0.43:
        return b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
            f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(f'*{chr(97 + n)}' for _ in range(9))}]\n".encode()
            for n in range(9)
        )
    tree = edited(_plain(parse_yaml(data.decode())), random)
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    """What :func:`parse_yaml` gives, as plain data."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return getattr(value, "value", str(value)) if value is not None else None


# ---- tables in text, XML -------------------------------------------------------------------------------------------

CELLS = (
    "", " ", "nan", "inf", "-inf", "1e308", "-1", "0", "1.5", "1,5", "9" * 30, "0x1F", '"', '""', 'a"b', "a\nb",
    "=1+1",
    "..\\..\\x.png", "../x.png", "/etc/passwd", "é", "\0", "x" * 140_000, "\ufeff", "NULL", "true", "1e-400", "٣",
)  # fmt: skip


def as_csv(data: bytes, random: Random) -> bytes:
    """A table in text, with changes of cells, rows and columns."""
    chance = random.random()
    if chance < 0.15:
        return as_bytes(data, random)
    if chance < 0.35:
        return as_text(data, random)
    text = data.decode()
    delimiter = ";" if text.count(";") > text.count(",") else ","
    rows = [line.split(delimiter) for line in text.splitlines()]
    for _ in range(random.choice((1, 1, 2, 4))):
        row = random.choice(rows)
        place = random.randrange(len(row))
        change = random.randrange(8)
        if change <= 3:
            row[place] = random.choice(CELLS)
        elif change == 4:
            del row[place:]
            row.append("")
        elif change == 5:
            row.insert(place, row[place])
        elif change == 6:
            rows.insert(random.randrange(len(rows)), list(row))
        else:
            other = random.choice(rows)
            row[place] = other[random.randrange(len(other))]
    return "\n".join(delimiter.join(row) for row in rows).encode()


_ATTRIBUTES = (
    "", "0", "-1", "nan", "1e308", "-1e308", "1e-320", "1e9", "100%", "1e5mm", "none", "url(#x)",
    "url(file:///etc/passwd)",
    "matrix(1e30 0 0 1e30 0 0)", "matrix(0 0 0 0 0 0)", "rotate(1e300)", "0 0 0 0", "0 0 1e30 1e30", "-1 -1 -1 -1",
    "M0 0", "M0 0L1e308 1e308z", "M" + "0 0 " * 3000, "javascript:x", "#" + "f" * 40, "x" * 5000, "\x1b",
    "&amp;" * 500,
)  # fmt: skip
_ELEMENTS = (
    "<image href='/etc/passwd'/>", "<script>1</script>", "<text>a</text>", "<use href='#a'/>",
    "<g id='a'><use href='#a'/></g>",
    "<filter id='f'><feTurbulence numOctaves='9999'/></filter>", "<style>*{fill:url(http://x/)}</style>", "<!--",
    "<![CDATA[",
    "<g>" * 3000, "<g>" * 200 + "</g>" * 200, "<!DOCTYPE a [<!ENTITY x SYSTEM '/etc/passwd'>]>", "&x;", "</svg>",
    "<svg/>",
    "<rect width='1' height='1' opacity='nan'/>", "<circle r='1e30'/>", "<path d='M0 0 A 1 1 0 0 0'/>", "\0",
    "<?xml?>",
)  # fmt: skip


def as_svg(data: bytes, random: Random) -> bytes:
    """XML, with changes of attributes and elements."""
    chance = random.random()
    if chance < 0.1:
        return as_bytes(data, random)
    if chance < 0.2:
        return as_text(data, random)
    text = data.decode()
    for _ in range(random.choice((1, 1, 2))):
        kind = random.choice(("attribute", "attribute", "element", "name", "double"))
        if kind == "attribute" and (found := list(re.finditer(r'(?<==")[^"]*(?=")', text))):
            one = random.choice(found)
            text = text[: one.start()] + random.choice(_ATTRIBUTES) + text[one.end() :]
        elif kind == "name" and (found := list(re.finditer(r"(?<=<)[a-zA-Z]+", text))):
            one = random.choice(found)
            text = text[: one.start()] + random.choice(("image", "x", "g", "defs", "a:b", "")) + text[one.end() :]
        elif kind == "double" and (found := list(re.finditer(r"<[^>]*>", text))):
            one = random.choice(found)
            text = text[: one.start()] + one[0] + text[one.start() :]
        else:
            one = random.choice(list(re.finditer(r">", text)) or [re.match("", text)])  # type: ignore[list-item]
            text = text[: one.end()] + random.choice(_ELEMENTS) + text[one.end() :]
    return text.encode()


# ---- binary forms --------------------------------------------------------------------------------------------------


def as_png(data: bytes, random: Random) -> bytes:
    """A PNG whose chunks have the right checksums, whatever is in them."""
    if random.random() < 0.25:
        return as_bytes(data, random)
    chunks, at = [], 8
    while at + 8 <= len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    place = random.randrange(len(chunks))
    name, body = chunks[place]
    change = random.randrange(6)
    if change == 0:
        del chunks[place]
    elif change == 1:
        chunks.insert(random.randrange(len(chunks)), (name, body))
    elif change == 2:
        chunks[place] = (name, as_bytes(body, random))
    elif change == 3:
        head = list(struct.unpack(">2I5B", chunks[0][1]))
        field = random.randrange(7)
        head[field] = random.choice(_EXTREME if field < 2 else (0, 1, 2, 3, 4, 6, 7, 16, 255))
        chunks[0] = (b"IHDR", struct.pack(">2I5B", *head))
    elif change == 4:
        chunks.insert(1, random.choice(_CHUNKS))
    else:
        chunks = [(one, zlib.compress(random.randbytes(100)) if one == b"IDAT" else body) for one, body in chunks]
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


_CHUNKS = (
    (b"gAMA", bytes(4)), (b"gAMA", b"\xff" * 4), (b"cHRM", bytes(32)), (b"cHRM", b"\xff" * 32), (b"cICP",
    b"\x09\x10\0\1"),
    (b"cICP", b"\xff"), (b"tRNS", b"\0"), (b"acTL", bytes(8)), (b"eXIf", b"II*\0\x08\0\0\0\xff\xff"), (b"eXIf", b""),
    (b"iCCP", b"x\0\0" + zlib.compress(b"y" * 200)), (b"iCCP", b"x\0\0" + zlib.compress(bytes(8_000_000))),
    (b"zTXt", b"x\0\0" + zlib.compress(bytes(8_000_000))), (b"sRGB", b"\xff"), (b"PLTE", b"\0"), (b"sBIT", b"\xff"),
    (b"IEND", b""), (b"aaaa", b"x" * 1000),
)  # fmt: skip


def as_tiff(data: bytes, random: Random) -> bytes:
    """A little-endian TIFF with changes of its directory's entries."""
    if random.random() < 0.25:
        return as_bytes(data, random)
    made = bytearray(data)
    start = struct.unpack_from("<I", made, 4)[0]
    entries = struct.unpack_from("<H", made, start)[0]
    for _ in range(random.choice((1, 1, 2))):
        at = start + 2 + 12 * random.randrange(entries)
        field, code = random.choice(((0, "<H"), (2, "<H"), (4, "<I"), (8, "<I"), (8, "<I")))
        value = random.choice(
            (0, 1, 2, 3, 5, 7, 8, 12, 16, 254, 259, 262, 330, 34665, 34675, 2**16 - 1, 2**31, 2**32 - 1)
        )
        struct.pack_into(code, made, at + field, value & (0xFFFF if code == "<H" else 0xFFFFFFFF))
    return bytes(made)


def as_icc(data: bytes, random: Random) -> bytes:
    """An ICC profile with changes of its head and its table of tags."""
    if random.random() < 0.35:
        return as_bytes(data, random)
    made = bytearray(data)
    count = struct.unpack_from(">I", made, 128)[0]
    for _ in range(random.choice((1, 1, 2))):
        if random.random() < 0.4:
            words = (b"CMYK", b"RGB ", b"GRAY", b"Lab ", b"XYZ ", b"prtr", b"mntr", b"link", b"nmcl", b"MCH6", bytes(4))
            at = random.choice((12, 16, 20, 36))
            made[at : at + 4] = random.choice(words)
        else:
            at = 132 + 12 * random.randrange(count) + random.choice((0, 4, 8))
            struct.pack_into(">I", made, at, random.choice((0, 1, 128, len(data) - 4, *_EXTREME)))
    return bytes(made)


def as_safetensors(data: bytes, random: Random) -> bytes:
    """A file of safetensors with changes of its head, whose length stays right."""
    if random.random() < 0.3:
        return as_bytes(data, random)
    length = struct.unpack("<Q", data[:8])[0]
    head = json.dumps(edited(json.loads(data[8 : 8 + length]), random)).encode("utf-8", "replace")
    return struct.pack("<Q", len(head)) + head + data[8 + length :]


class Hostile:
    """Unpickled, it leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


MARK = Path(tempfile.gettempdir()) / f"physadv-unpickled-{os.getpid()}"
"""A folder that is there if one of our pickles has run."""


def as_checkpoint(data: bytes, random: Random) -> bytes:
    """A checkpoint of ``torch.save``, with what should not be in it; unpickled, some would make :data:`MARK`."""

    def saved(value: Any, random: Random) -> bytes:
        buffer = io.BytesIO()
        torch.save(value, buffer, _use_new_zipfile_serialization=random.random() < 0.7)
        return buffer.getvalue()

    chance = random.random()
    if chance < 0.2:
        return as_bytes(data, random)
    if chance < 0.4 and zipfile.is_zipfile(io.BytesIO(data)):
        return _repacked(data, random, pickle.dumps({"a": Hostile(MARK)}))
    state: Any = _state(data)
    if chance < 0.5:
        return random.choice((pickle.dumps(Hostile(MARK)), saved({**state, "x": Hostile(MARK)}, random)))
    holder: Any = state
    name = random.choice([key for key in holder if isinstance(holder[key], torch.Tensor)] or [""])
    tensor = holder.get(name, torch.zeros(2, 2))
    others: list[Callable[[], Any]] = [
        lambda: tensor.to_sparse(), lambda: tensor.to("meta"), lambda: tensor.to(torch.complex64),
        lambda: tensor.bool(),
        lambda: tensor.int(), lambda: tensor.half(), lambda: tensor.double(), lambda: tensor.flatten(),
        lambda: tensor[..., None], lambda: torch.full_like(tensor.float(), math.nan),
        lambda: tensor.float() * math.inf,
        lambda: torch.zeros(0), lambda: torch.tensor(1.0), lambda: None, lambda: "x", lambda: [1],
        lambda: {"a": tensor},
        lambda: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8), lambda: tensor.float().expand(2,
        *tensor.shape),
        lambda: torch.nn.Parameter(tensor.float()), lambda: tensor.to(torch.bfloat16),
        lambda: tensor.float().to(torch.float8_e4m3fn),
    ]  # fmt: skip
    whole: list[Callable[[], Any]] = [
        lambda: None, lambda: [state], lambda: {"state_dict": state}, lambda: {"a": state, "b": state}, dict,
        lambda: {1: tensor}, lambda: {(1, 2): state}, lambda: {f"module.{k}": v for k, v in state.items()},
        lambda: tensor,
        lambda: {"a": {"b": {"c": {"d": {"e": {"f": state}}}}}},
        lambda: {k: v for k, v in state.items() if k != name},
        lambda: {**state, "": tensor}, lambda: {**state, "x" * 4000: tensor},
        lambda: {k.upper(): v for k, v in state.items()},
        lambda: {**state, "other": tensor},
    ]  # fmt: skip
    if random.random() < 0.6:
        return saved({**state, name: random.choice(others)()}, random)
    return saved(random.choice(whole)(), random)


def _state(data: bytes) -> Any:
    try:
        return torch.load(io.BytesIO(data), weights_only=True)
    except RuntimeError:  # PyTorch checks, once more, the sparse tensors of the damaged file before
        return torch.load(io.BytesIO(data), weights_only=True)


def _repacked(data: bytes, random: Random, hostile: bytes) -> bytes:
    """A zip archive with one member damaged, missing, or another pickle."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        chosen, change = random.choice(names), random.randrange(4)
        for name in names:
            body = old.read(name)
            if change == 0 and name.endswith("data.pkl"):
                body = hostile
            elif change == 1 and name == chosen:
                body = as_bytes(body, random)
            elif change == 2 and name == chosen:
                continue
            elif change == 3 and name.endswith("data.pkl"):
                body = as_bytes(body, random)
            new.writestr(name, body)
    return buffer.getvalue()


def as_onnx(data: bytes, random: Random) -> bytes:
    """An ONNX graph, a message of protobuf, with changes of its fields."""
    import onnx

    if random.random() < 0.25:
        return as_bytes(data, random)
    model = onnx.load_from_string(data)
    for _ in range(random.choice((1, 1, 2))):
        messages = list(_messages(model))
        _change_field(random.choice(messages), random)
    return model.SerializeToString()


def _messages(message: Any) -> Iterator[Any]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if hasattr(value, "DESCRIPTOR") else list(value):
                yield from _messages(part)


def _change_field(message: Any, random: Random) -> None:
    fields = message.ListFields()
    if not fields:
        return
    field, value = random.choice(fields)
    several = not (isinstance(value, (int, float, str, bytes)) or hasattr(value, "DESCRIPTOR"))
    if random.random() < 0.3 or (field.message_type is not None and not several):
        message.ClearField(field.name)
    elif several and field.message_type is not None:
        one = random.choice(value)
        value.add().CopyFrom(one) if random.random() < 0.6 else value.remove(one)
    else:
        new = {
            str: ("", "x", "Loop", "Relu", "/etc/passwd", "../x", "\x01", "com.x"),
            bytes: (b"", b"x", bytes(8), b"\xff" * 64),
            int: (0, 1, -1, 2, 7, 10, 64, 2**31 - 1),
            float: (0.0, math.nan, math.inf, -1e30),
        }
        kind: Any = type(value[0]) if several else type(value)
        chosen = random.choice(new.get(kind, (0,)))
        try:
            if several:
                value[random.randrange(len(value))] = chosen
            else:
                setattr(message, field.name, chosen)
        except ValueError:  # an enumeration that has no such value
            message.ClearField(field.name)


def as_parquet(data: bytes, random: Random) -> bytes:
    """A table with changes of its rows and columns, written again; now and then of its bytes."""
    if random.random() < 0.3:
        return as_bytes(data, random)
    table = pq.read_table(io.BytesIO(data))
    metadata, column = table.schema.metadata, random.choice(table.column_names)
    change = random.randrange(6)
    if change == 0:
        table = table.drop_columns([column])
    elif change == 1:
        table = table.append_column("x" if random.random() < 0.5 else column, table.column(column))
    elif change == 2:
        table = random.choice((table.slice(0, 0), pa.concat_tables([table, table]), table.slice(1)))
    elif change == 3:
        nulls = pa.nulls(len(table), random.choice((table.column(column).type, pa.null())))
        table = table.set_column(table.column_names.index(column), column, nulls)
    else:
        rows = table.to_pylist()
        for row in rows if change == 4 else rows[:1]:
            row[column] = random.choice(_VALUES)() if random.random() < 0.5 else edited(row[column], random)
        try:
            table = pa.Table.from_pylist(rows, table.schema if change == 4 else None)
        except (pa.ArrowException, OverflowError, TypeError, ValueError, UnicodeError):
            table = table.rename_columns([f"{name}_" if name == column else name for name in table.column_names])
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata if random.random() < 0.9 else None), buffer)
    return buffer.getvalue()
