"""Every loader of a file that users hand over: a valid example, what reads it, and the form of its changes.

A new loader is one entry of :data:`LOADERS`.
"""

from __future__ import annotations

import io
import json
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import malformed_kit as kit
import numpy as np
import pytest
import torch
import yaml
from detector_kit import ANCHORS, graph
from evaluation_kit import ColorVictim, colored_patch, quick_battery
from icc_kit import cmyk_profile, matrix_profile
from PIL import Image
from safetensors.torch import save_file
from session_kit import GOOD

from physadv.attacks.advgan.config import AdvGanConfig
from physadv.attacks.advgan.files import GeneratorRecord, HeldOut, load_generator, save_generator, save_record
from physadv.attacks.advgan.networks import Generator
from physadv.attacks.digital.attack import options_for
from physadv.attacks.physical.rp2 import DesignConfig
from physadv.core.class_lists import read_classes
from physadv.core.config import load_config, read_yaml, settings
from physadv.core.errors import PhysadvError
from physadv.core.files import read_bytes, read_json
from physadv.core.images import read_image, read_photograph, read_size
from physadv.defenses import build_defense, load_victim
from physadv.evaluation import evaluate
from physadv.evaluation.batteries.battery import load_battery
from physadv.evaluation.batteries.compared_frames import read_frames
from physadv.evaluation.batteries.summary import read_summary
from physadv.evaluation.experiment import load_experiment
from physadv.evaluation.matrix.certification import read_certification
from physadv.evaluation.matrix.matrix import RobustnessPlan, read_robustness
from physadv.evaluation.outcomes import Places, check_version, read_batches
from physadv.evaluation.replayed_frame import _looked_at
from physadv.patches import build_mask, load_patch, parse_mask, parse_paint, save_patch
from physadv.patches.printability import load_palette
from physadv.patches.printer_colors import Calibration, grid, load_calibration, save_calibration
from physadv.photos.camera import Camera, load_camera, save_camera
from physadv.photos.finding.clicked_points import COLUMNS, read_sidecar
from physadv.photos.finding.detector import load_detector
from physadv.photos.photo_files import Photo, read_file
from physadv.photos.rig.rig import default_rig, load_rig, save_rig
from physadv.photos.session import (
    Row,
    Session,
    load_session,
    read_crop,
    session_fingerprint,
    write_session,
    write_table,
)
from physadv.printing.printer_profile import conversion
from physadv.reports.page import render_page
from physadv.scenes import PaintedSign, load_scene
from physadv.scenes.photographs.study import read_corners
from physadv.signs import load_sign, read_sign
from physadv.signs.datasets import load_dataset
from physadv.training import training_config
from physadv.victims import VictimCard
from physadv.victims.architectures import LisaCnn
from physadv.victims.parameters import read_parameters

SIGN = load_sign("us/stop")
RNG = np.random.default_rng(20)
PIXELS = RNG.integers(0, 256, (18, 24, 3), dtype=np.uint8)


@dataclass(frozen=True)
class Loader:
    """A loader.

    Attributes:
        make: writes a valid example into an empty folder, and gives the path of the file that is to be changed.
        load: what reads the file, and uses what it gives.
        form: of the changes.
        cost: in hundredths of a second a case, roughly: dear ones get fewer cases.
        is_right: whether the example itself is loaded.
        may_be: what may stand in the file's place (:data:`malformed_kit.PLACES`).
    """

    make: Callable[[Path], Path]
    load: Callable[[Path], object]
    form: kit.Form
    cost: int = 1
    is_right: bool = True
    may_be: frozenset[str] = frozenset()


LOADERS: dict[str, Loader] = {}


def loader(name: str, form: kit.Form, load: Callable[[Path], object], **options: Any) -> Any:
    """Registers a function that writes an example."""

    def register(make: Callable[[Path], Path]) -> Callable[[Path], Path]:
        LOADERS[name] = Loader(make, load, form, **options)
        return make

    return register


def named(path: Path, use: Callable[[], object]) -> object:
    """What comes of a file's content; a refusal of it, which knows nothing of the file, with the file's name."""
    try:
        return use()
    except PhysadvError as error:
        raise PhysadvError(f"{path}: {error}") from error


def text_file(name: str, text: str) -> Callable[[Path], Path]:
    """A maker of one file of text."""

    def make(folder: Path) -> Path:
        (folder / name).write_text(text, encoding="utf-8")
        return folder / name

    return make


def bytes_file(name: str, data: bytes) -> Callable[[Path], Path]:
    """A maker of one file."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


# ---- configuration -------------------------------------------------------------------------------------------------

CARD = {
    "name": "mine", "adapter": "torch", "architecture": "lisa-cnn", "weights": "weights.safetensors",
    "classes": ["stop", "yield", "speedLimit45"], "output": "logits",
    "input": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "box": "square"},
}  # fmt: skip


def _yaml_of(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)


loader("victim card", kit.as_yaml, lambda path: load_config(VictimCard, path))(text_file("card.yaml", _yaml_of(CARD)))


@loader("detector card", kit.as_yaml, lambda path: load_detector(path), cost=2)
def _detector_card(folder: Path) -> Path:
    _detector_graph(folder)
    return folder / "card.yaml"


EXPERIMENT = (Path(load_experiment.__code__.co_filename).parent / "experiments" / "stop-sign.yaml").read_text("utf-8")
loader("experiment", kit.as_yaml, lambda path: load_experiment(path))(text_file("e.yaml", EXPERIMENT))

DESIGN = {
    "sign": "us/stop", "victim": "gtsrb-cnn", "goal": "targeted:yield", "mask": {"kind": "bars"},
    "paint": {"kind": "free"},
    "scenes": ["wide"], "search": {"kind": "adam"}, "steps": 10, "views": 8, "seed": 1, "texture_px": 64,
}  # fmt: skip
loader("design", kit.as_yaml, lambda path: load_config(DesignConfig, path))(text_file("d.yaml", _yaml_of(DESIGN)))

TRAINING = {
    "victim": "gtsrb-cnn", "attack": "pgd", "attack_options": {"eps": 0.03, "steps": 3}, "steps": 5, "seed": 0,
    "learning_rate": 0.001, "scenes": ["wide"],
}  # fmt: skip


def _training(path: Path) -> object:
    words = {key: value for key, value in read_yaml(path).items() if key != "method"}
    return named(path, lambda: training_config("pgd", **words))


loader("training", kit.as_yaml, _training)(text_file("t.yaml", _yaml_of(TRAINING)))

PLAN = {
    "victims": ["gtsrb-cnn"], "dataset": "gtsrb", "limit": 20, "batch": 8, "seed": 1,
    "attacks": [
        {"attack": "pgd", "options": {"eps": 0.03, "steps": 3}, "goal": "untargeted", "title": "one"},
        {"attack": "sticker", "on_signs": {"signs": ["us/stop"], "scenes": ["wide"], "frames": 20}},
    ],
}  # fmt: skip
loader("matrix", kit.as_yaml, lambda path: load_config(RobustnessPlan, path))(text_file("m.yaml", _yaml_of(PLAN)))
loader("advgan", kit.as_yaml, lambda path: load_config(AdvGanConfig, path))(
    text_file("a.yaml", _yaml_of(AdvGanConfig().model_dump(mode="json")))
)

_PRESETS = Path(load_scene.__code__.co_filename).parent / "presets"
for _name in ("wide", "drive-by", "kornia-chain"):
    if (_PRESETS / f"{_name}.yaml").exists():
        loader(f"scene {_name}", kit.as_yaml, lambda path: load_scene(path).sample(4, seed=1))(
            text_file("s.yaml", (_PRESETS / f"{_name}.yaml").read_text("utf-8"))
        )

WEATHER = {"kind": "weather", "name": "wet", "base": "wide", "grid": {"kinds": ["rain", "fog"], "severities": [1, 3]}}


@loader("scene albumentations", kit.as_json, lambda path: _pipeline_scene(path), cost=2)
def _pipeline(folder: Path) -> Path:
    import albumentations as A

    steps = [A.Perspective((0.05, 0.1), p=1.0), A.GaussNoise((0.02, 0.1)), A.OneOf([A.MotionBlur(), A.RandomGamma()])]
    A.save(A.Compose(steps), folder / "pipeline.json")
    return folder / "pipeline.json"


def _pipeline_scene(path: Path) -> object:
    said = {"kind": "albumentations", "name": "a", "pipeline": str(path), "px": 32}
    scene = load_scene(said)
    sign = load_sign("us/stop")
    painted = PaintedSign(sign, sign.texture(32), torch.ones(1, 32, 32))
    return scene.render(painted, scene.sample(3, seed=1), size=(32, 32))


loader("scene weather", kit.as_yaml, lambda path: load_scene(path).sample(4, seed=1))(
    text_file("s.yaml", _yaml_of(WEATHER))
)

BATTERY = {
    "name": "mine", "entries": [
        {"scene": "wide", "frames": 20, "seed": 1}, {"scene": "drive-by", "approaches": 2, "seed": 2},
        {"scene": "wide", "frames": 5, "seed": 3, "weather": {"kinds": ["rain"], "severities": [2]}},
    ],
    "consecutive": {"k": 3, "n": 5}, "thresholds": {"max_asr": 0.5, "min_clean_accuracy": 0.9},
    "bins": {"distance_m": [0, 5, 20], "angle_deg": [0, 20, 60]}, "half_width": 0.05,
}  # fmt: skip
loader("battery", kit.as_yaml, lambda path: load_battery(path))(text_file("b.yaml", _yaml_of(BATTERY)))


def _mask(path: Path) -> object:
    return named(path, lambda: build_mask(parse_mask(path), SIGN, px=64).alpha.sum())


MASKS = {
    "rectangles": {
        "kind": "rectangles",
        "rectangles": [{"x_mm": 0, "y_mm": 200, "width_mm": 300, "height_mm": 60, "angle_deg": 5}],
    },
    "polygons": {"kind": "polygons", "polygons": [[[-200, 100], [100, 100], [100, 200], [-200, 200]]]},
}
for _name, _spec in MASKS.items():
    loader(f"mask {_name}", kit.as_yaml, _mask)(text_file("m.yaml", _yaml_of(_spec)))


loader("paint", kit.as_yaml, parse_paint)(
    text_file("p.yaml", _yaml_of({"kind": "palette", "colors": [[0, 0, 0], [1, 1, 1], [0.5, 0.1, 0.9]]}))
)


ARTWORK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-300 -300 600 600">\n'
    '<defs><linearGradient id="a"><stop offset="0" stop-color="#fff"/></linearGradient>\n'
    '<path id="p" d="M0 0h90v90z"/></defs>\n'
    '<rect x="-300" y="-300" width="600" height="600" rx="20" fill="#c00"/>\n'
    '<g transform="rotate(20)" opacity="0.5" style="fill:#00f"><circle r="50" stroke="#fff" stroke-width="4"/></g>\n'
    '<use href="#p" x="-80"/><path d="M-200 100h300v60h-300z" fill="url(#a)"/></svg>\n'
)


def _own_sign(folder: Path) -> Path:
    outline = {"shape": "rectangle", "width_mm": 600, "height_mm": 600, "corner_radius_mm": 20}
    spec = {"name": "my/sign", "title": "t", "outline": outline, "sheeting": "RA2", "source": "s", "aliases": ["x"]}
    (folder / "sign.yaml").write_text(_yaml_of({**spec, "classes": {"gtsrb": "stop"}}))
    (folder / "sign.svg").write_text(ARTWORK, "utf-8")
    return folder / "sign.yaml"


loader("sign", kit.as_yaml, lambda path: read_sign(path), cost=4)(_own_sign)
loader("sign's artwork", kit.as_svg, lambda path: read_sign(path.with_suffix(".yaml")), cost=6)(
    lambda folder: _own_sign(folder).with_suffix(".svg")
)
loader("mask drawn", kit.as_svg, _mask, cost=6)(
    text_file(
        "mask.svg",
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="-381 -381 762 762">'
        '<g transform="translate(-20 10)"><rect x="-200" y="100" width="300" height="60" fill="#fff"/></g>\n'
        '<path d="M0 0h90v90z" style="fill:#c00"/></svg>',
    )
)


def _words(path: Path) -> object:
    """A line a word, as they would be typed."""
    words = read_bytes(path).decode("utf-8", "surrogateescape").split("\n")

    def parsed() -> object:
        settings(words[:2], "--set")
        options_for(["pgd", "nes"], words[:2])
        return [build_defense(word) for word in words[2:]]

    return named(path, parsed)


def _as_words(data: bytes, random: Any) -> bytes:
    lines = data.decode().split("\n")
    place = random.randrange(len(lines))
    name, mark, value = lines[place].rpartition("=")
    change = random.randrange(6)
    if change <= 2:
        lines[place] = f"{name}{mark}{random.choice((*kit.RAW, *kit.CELLS))}"
    elif change == 3:
        lines[place] = f"{random.choice(('', '.', 'x', 'pgd..eps', 'steps', 'eps ', 'kind', '=', ':'))}{mark}{value}"
    elif change == 4:
        lines[place] = kit.as_bytes(lines[place].encode(), random).decode("utf-8", "surrogateescape")
    else:
        lines.insert(place, lines[place])
    return "\n".join(lines).encode("utf-8", "surrogateescape")


loader("words", _as_words, _words)(
    text_file("words.txt", "pgd.eps=0.03\nsteps=5\njpeg:quality=75\nmedian:window=3\njpeg")
)

for _suffix, _content, _form in (
    ("txt", "stop\nyield\nspeedLimit45\n", kit.as_text),
    ("csv", "ClassId,Name\n0,stop\n1,yield\n2,speedLimit45\n", kit.as_csv),
    ("json", '{"0": "stop", "1": "yield", "2": "speedLimit45"}', kit.as_json),
    ("yaml", "classes: {stop: 0, yield: 1, speedLimit45: 2}\n", kit.as_yaml),
):
    loader(f"class list {_suffix}", _form, read_classes)(text_file(f"classes.{_suffix}", _content))

loader("palette", kit.as_csv, load_palette)(text_file("palette.txt", "0.1,0.2,0.3\n1,1,1\n0,0,0\n"))

# ---- records in JSON -----------------------------------------------------------------------------------------------


def _saved(name: str, save: Callable[[Path], object]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        save(folder / name)
        return folder / name

    return make


PHONE = Camera(
    width_px=1200, height_px=900, fx_px=1000.0, fy_px=1000.0, cx_px=599.5, cy_px=449.5, distortion=(0.1, -0.05, 0, 0, 0)
)


def _camera(path: Path) -> object:
    camera = load_camera(path)
    return named(path, lambda: camera.sized(1200, 900).matrix)


loader("camera", kit.as_json, _camera)(_saved("camera.json", lambda path: save_camera(PHONE, path)))
loader("rig", kit.as_json, load_rig)(_saved("rig.json", lambda path: save_rig(default_rig(SIGN), path)))


def _press(path: Path) -> object:
    made = load_calibration(path).press(grid(3).T)
    assert bool(torch.isfinite(made).all()), "colors that are no numbers"
    return made


loader("calibration", kit.as_json, _press)(
    _saved(
        "printer.json",
        lambda path: save_calibration(
            Calibration(nodes=2, colors=tuple(map(tuple, grid(2).tolist())), measured={"delta_e": 2.0}), path
        ),
    )
)


def _evaluated(folder: Path) -> Path:
    save_patch(colored_patch(), folder / "blue")
    battery = quick_battery(frames=24, drives=1)
    evaluate([folder / "blue"], [ColorVictim()], [battery], folder / "out", device="cpu")
    return folder / "out" / "summary.json"


def _report(path: Path) -> object:
    summary = read_summary(path)
    return named(path, lambda: render_page(summary, path.parent))


loader("summary", kit.as_json, _report, cost=12)(_evaluated)
loader("matrix's summary", kit.as_json, lambda path: read_robustness(path.parent))(lambda folder: _robustness(folder))


RATE = {
    "hits": 3,
    "n": 4,
    "value": 0.75,
    "low": 0.3,
    "high": 0.95,
    "n_effective": 4,
    "clusters": 4,
    "method": "wilson",
}


def _robustness(folder: Path) -> Path:
    cell = {
        "victim": "gtsrb-cnn", "attack": "one", "kind": "pgd", "goal": "untargeted", "knowledge": "gradients",
        "options": {"eps": 0.03}, "clean_accuracy": RATE, "robust_accuracy": RATE, "success": RATE, "examples": "",
        "median_norms": {"linf": 0.03, "l2": None, "l0": 3}, "median_queries": 4, "seconds": 1.5, "flags": [],
    }  # fmt: skip
    made = {
        "plan": PLAN, "pictures": 4, "dataset": "gtsrb test", "victims": {"gtsrb-cnn": "0" * 64},
        "cells": [cell, cell],
        "versions": {"physadv": "0"},
    }  # fmt: skip
    (folder / "robustness.json").write_text(json.dumps(made))
    return folder / "robustness.json"


def _certification(folder: Path) -> Path:
    made = {
        "plan": {"victim": "gtsrb-cnn", "defense": "patch-cleanser:patch_px=6"}, "victim": "gtsrb-cnn",
        "victim_sha256": "0" * 64, "defense": "patch-cleanser", "paper": "p", "unit": "px", "pictures": 4,
        "dataset": "gtsrb test", "notes": ["n"], "clean_accuracy": RATE, "defended_accuracy": RATE, "abstained": None,
        "levels": [{"bound": 0.0, "accuracy": RATE}], "flags": [], "seconds": 1.0, "versions": {"physadv": "0"},
    }  # fmt: skip
    (folder / "certification.json").write_text(json.dumps(made))
    return folder / "certification.json"


loader("certification", kit.as_json, lambda path: read_certification(path.parent))(_certification)
loader("record", kit.as_json, read_json)(text_file("r.json", '{"a": [1, 2.5, "x", null, {"b": true}]}'))

# ---- bundles and sessions ------------------------------------------------------------------------------------------


def _bundle(part: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        patch = colored_patch()
        save_patch(patch, folder / "blue")
        return folder / "blue" / part

    return make


def _kept_sign(part: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        from physadv.patches import new_patch

        sign = read_sign(_own_sign(folder))
        mask = build_mask(MASKS["rectangles"], sign, px=64)
        save_patch(new_patch(sign, mask, torch.rand(3, 64, 64), name="own"), folder / "own")
        return folder / "own" / part

    return make


loader("bundle's record", kit.as_json, lambda path: load_patch(path.parent).paint_at(32), cost=25)(
    _bundle("patch.json")
)
for _part in ("paint", "mask", "painted"):
    loader(f"bundle's {_part}", kit.as_png, lambda path: load_patch(path.parent).paint_at(32), cost=25)(
        _bundle(f"{_part}.png")
    )
loader("bundle's sign", kit.as_yaml, lambda path: load_patch(path.parent), cost=30)(_kept_sign("sign.yaml"))
loader("bundle's artwork", kit.as_svg, lambda path: load_patch(path.parent), cost=30)(_kept_sign("sign.svg"))


def _session(part: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "session" / "crops").mkdir(parents=True)
        rows = [{**GOOD, "crop": f"crops/{name}.png", "file": f"{name}.jpg"} for name in "ab"]
        rows[1]["chart"] = ((0.1, 0.2, 0.3), (0.5, math.nan, 0.2))
        for name in "ab":
            Image.fromarray(PIXELS).save(folder / "session" / "crops" / f"{name}.png")
        write_table(folder / "session", [Row(**row) for row in rows])
        rig = default_rig(SIGN)
        write_session(folder / "session", Session(sign="us/stop", photographs="there", rig=rig, bar_mm=100.0))
        return folder / "session" / part

    return make


def _load_session(path: Path) -> object:
    folder = path if (path / "session.json").exists() else path.parent
    session, rows = load_session(folder)
    session_fingerprint(folder)
    return session, [read_crop(folder, row) for row in rows]


loader("session's record", kit.as_json, _load_session)(_session("session.json"))
loader("session's table", kit.as_parquet, _load_session, cost=2)(_session("photos.parquet"))
loader("session's crop", kit.as_png, lambda path: _load_session(path.parent))(_session("crops/a.png"))


def _outcomes(path: Path) -> object:
    check_version(path)
    places = Places(path)
    frames = read_frames(path, patch="blue", victim="color", battery="quick", places=places)
    list(read_batches(path))
    return len(frames.seen)


loader("outcomes", kit.as_parquet, _outcomes, cost=5)(lambda folder: _evaluated(folder).with_name("outcomes.parquet"))


def _replayed(path: Path) -> object:
    return _looked_at(path, 3, read_summary(path.with_name("summary.json")))


loader("replayed row", kit.as_parquet, _replayed, cost=5)(
    lambda folder: _evaluated(folder).with_name("outcomes.parquet")
)

# ---- tables --------------------------------------------------------------------------------------------------------


def _gtsrb(folder: Path) -> Path:
    images = folder / "gtsrb" / "GTSRB" / "Final_Test" / "Images"
    images.mkdir(parents=True)
    lines = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for number in range(4):
        Image.fromarray(PIXELS).save(images / f"{number:05d}.ppm")
        lines.append(f"{number:05d}.ppm;24;18;2;3;20;15;{number}")
    (folder / "gtsrb" / "GT-final_test.csv").write_text("\n".join(lines) + "\n")
    return folder / "gtsrb" / "GT-final_test.csv"


def _read_all(kind: str, above: int) -> Callable[[Path], object]:
    def load(path: Path) -> object:
        data = load_dataset(kind, path.parents[above])
        return data.fingerprint, [data.read(number, crop="roi") for number in range(len(data))]

    return load


loader("gtsrb", kit.as_csv, _read_all("gtsrb", 1))(_gtsrb)


def _lisa(folder: Path) -> Path:
    lines = ["file,track,label"]
    for name in ("stop", "yield"):
        (folder / "lisa" / "crops" / name).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(PIXELS).save(folder / "lisa" / "crops" / name / f"{number}.png")
            lines.append(f"crops/{name}/{number}.png,t{number},{name}")
    (folder / "lisa" / "index.csv").write_text("\n".join(lines) + "\n")
    return folder / "lisa" / "index.csv"


loader("lisa", kit.as_csv, _read_all("lisa", 1), may_be=frozenset({"nothing"}))(_lisa)
loader("corners", kit.as_csv, lambda path: read_corners(path, SIGN))(
    text_file(
        "c.csv",
        "file,x_px,y_px,x_mm,y_mm\n" + "".join(f"a.png,{x + 400},{y + 380},{x},{y}\n" for x, y in SIGN.outline_mm),
    )
)
loader("homographies", kit.as_csv, lambda path: read_corners(path, SIGN))(
    text_file(
        "h.csv",
        "file," + ",".join(f"h{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)) + "\n"
        "a.png,0.1,0,50,0,0.1,40,0,0,1\nb.png,0.2,0.01,50,0,0.1,40,1e-5,0,1\n",
    )
)
loader("sidecar", kit.as_csv, read_sidecar)(
    text_file("s.csv", ",".join(COLUMNS) + "\na.jpg,10,10,90,12,88,80,12,83\nb.jpg,10,10,90,12,88,80,12,83\n")
)

# ---- pictures, profiles --------------------------------------------------------------------------------------------


def _saved_as(kind: str, pixels: Any = PIXELS, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind, **options)
    return buffer.getvalue()


def _exif() -> bytes:
    exif = Image.Exif()
    exif[274], exif[306], exif[271] = 6, "2024:01:01 10:00:00", "maker"
    exif.get_ifd(0x8769).update({0x829A: 0.01, 0x829D: 1.8, 0x8827: 100, 0xA405: 26})
    return exif.tobytes()


def _picture(path: Path) -> object:
    """As pictures of data sets, of bundles and as photographs are read."""
    width, height = read_size(path)
    pixels = read_image(path)
    assert pixels.shape == (height, width, 3), "another size than the head says"
    read_photograph(path)
    return pixels


def _heic(folder: Path) -> Path:
    pillow_heif = pytest.importorskip("pillow_heif", reason="HEIC needs the extra [heic]")
    pillow_heif.from_pillow(Image.fromarray(np.kron(PIXELS, np.ones((4, 4, 1), np.uint8)))).save(folder / "a.heic")
    return folder / "a.heic"


def _video(suffix: str, code: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"a{suffix}"
        video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), 10.0, (64, 48))
        for number in range(12):
            video.write(np.full((48, 64, 3), 20 * number, np.uint8))
        video.release()
        return path

    return make


def _photographed(path: Path) -> object:
    """As `photos ingest` does: a photograph or frames, each as it should be or refused in a sentence."""
    found = list(read_file(path, path.name, every=2))
    seen = [one for one in found if isinstance(one, Photo)]
    for one in seen:
        assert one.pixels.ndim == 3, "no picture"
        assert one.pixels.dtype == np.uint8
    if not seen:
        raise PhysadvError(f"{path}: {found[0].why if found else 'is passed over'}")
    return seen


PROFILE = matrix_profile("Display P3", "sRGB")
PICTURES: dict[str, tuple[bytes, kit.Form]] = {
    "png": (_saved_as("PNG", icc_profile=PROFILE), kit.as_png),
    "jpg": (_saved_as("JPEG", exif=_exif(), icc_profile=PROFILE), kit.as_bytes),
    "tif": (_saved_as("TIFF", icc_profile=PROFILE), kit.as_tiff),
    "ppm": (_saved_as("PPM"), kit.as_bytes),
    "bmp": (_saved_as("BMP"), kit.as_bytes),
    "webp": (_saved_as("WEBP", exif=_exif()), kit.as_bytes),
    "gif": (_saved_as("GIF"), kit.as_bytes),
}
for _suffix, (_data, _form) in PICTURES.items():
    loader(f"picture {_suffix}", _form, _picture)(bytes_file(f"a.{_suffix}", _data))
loader("picture heic", kit.as_bytes, _picture)(_heic)
loader("video mp4", kit.as_bytes, _photographed, cost=2)(_video(".mp4", "mp4v"))
loader("video avi", kit.as_bytes, _photographed, cost=2)(_video(".avi", "MJPG"))


def _with_profile(path: Path) -> object:
    """The profile as one that is embedded in a picture."""
    picture = path.with_suffix(".png")
    Image.fromarray(PIXELS).save(picture, icc_profile=path.read_bytes() if path.is_file() else b"")
    return named(path, lambda: read_image(picture))


loader("embedded profile", kit.as_icc, _with_profile, may_be=frozenset(kit.PLACES))(bytes_file("p.icc", PROFILE))
loader("printer's profile", kit.as_icc, lambda path: conversion(path)(PIXELS), cost=2)(
    bytes_file("p.icc", cmyk_profile())
)

# ---- models --------------------------------------------------------------------------------------------------------


def _network() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return LisaCnn(3).state_dict()


def _small() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"fc.weight": torch.randn(3, 4), "fc.bias": torch.zeros(3), "steps": torch.tensor(7)}


loader("safetensors", kit.as_safetensors, read_parameters)(
    _saved("w.safetensors", lambda path: save_file(_small(), path))
)
loader("checkpoint", kit.as_checkpoint, read_parameters)(_saved("w.pt", lambda path: torch.save(_small(), path)))
loader("old checkpoint", kit.as_checkpoint, read_parameters)(
    _saved("w.pth", lambda path: torch.save(_small(), path, _use_new_zipfile_serialization=False))
)
loader("pickle", kit.as_bytes, read_parameters, is_right=False)(
    bytes_file("w.pkl", pickle.dumps({"a": [1, 2], "b": "x"}))
)


def _victim(weights: str, save: Callable[[Path], object], **changes: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        card = {key: value for key, value in {**CARD, "weights": weights, **changes}.items() if value is not None}
        (folder / "card.yaml").write_text(_yaml_of(card))
        save(folder / weights)
        return folder / weights

    return make


def _load_victim(path: Path) -> object:
    victim = load_victim(path.parent / "card.yaml")
    size = victim.input_size
    with torch.no_grad():
        logits = victim(torch.rand(2, 3, *size))
    assert logits.shape == (2, len(victim.classes))
    assert bool(torch.isfinite(logits).all()), "answers that are no numbers"
    return victim.fingerprint


loader("victim's checkpoint", kit.as_checkpoint, _load_victim, cost=20)(
    _victim("w.pt", lambda path: torch.save(_network(), path))
)
loader("victim's safetensors", kit.as_safetensors, _load_victim, cost=20)(
    _victim("w.safetensors", lambda path: save_file(_network(), path))
)
loader("victim's card", kit.as_yaml, lambda path: _load_victim(path), cost=10)(
    lambda folder: _victim("weights.safetensors", lambda path: save_file(_network(), path))(folder).with_name(
        "card.yaml"
    )
)


def _onnx_graph(path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(RNG.normal(size=(3, 3)).astype(np.float32), "w")
    axes = numpy_helper.from_array(np.array([2, 3]), "axes")
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["m"], keepdims=0),
        helper.make_node("Gemm", ["m", "w"], ["y"], alpha=4.0),
    ]
    made = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])], [weights, axes],
    )  # fmt: skip
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


loader("onnx", kit.as_onnx, _load_victim, cost=6)(
    _victim("g.onnx", _onnx_graph, adapter="onnx", architecture=None, input={"size": 8})
)


def _detector_graph(folder: Path) -> Path:
    rows = np.zeros((len(ANCHORS), 7))
    rows[3] = [0.2, 0.3, 0.5, 0.4, 0.9, 0.1, 0.95]
    graph(folder / "fixed.onnx", rows)
    card = "weights: fixed.onnx\nsize: 64\nclasses: [car, stop sign]\nwanted: stop sign\nscore: 0.3\nchannels: bgr\n"
    (folder / "card.yaml").write_text(card)
    return folder / "fixed.onnx"


def _detect(path: Path) -> object:
    found = load_detector(path.with_name("card.yaml")).detect(np.full((40, 60, 3), 90, np.uint8))
    assert all(math.isfinite(value) for one in found for value in (*one.box, one.score)), "a box that is no numbers"
    return found


loader("detector's onnx", kit.as_onnx, _detect, cost=3)(_detector_graph)


def _generator(part: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        torch.manual_seed(0)
        config = AdvGanConfig(width=4, eps=0.1)
        digest = save_generator(Generator(config.eps, width=config.width), folder)
        held_out = HeldOut(pictures=10, won=5, success=0.5)
        record = GeneratorRecord(
            config=config, victim="v", victim_sha256="0" * 64, picture_size=(32, 32), held_out=held_out, queries=10,
            gradients=5, identity="0" * 64, weights_sha256=digest,
        )  # fmt: skip
        save_record(record, folder)
        return folder / part

    return make


loader("generator's record", kit.as_yaml, lambda path: load_generator(path.parent), cost=2)(
    _generator("generator.yaml")
)
loader("generator's weights", kit.as_safetensors, lambda path: load_generator(path.parent), cost=2)(
    _generator("generator.safetensors")
)
