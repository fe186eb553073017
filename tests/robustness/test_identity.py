"""A result belongs to exactly what was asked.

Each command is run to its end once. Asked again, it computes nothing. With any one input changed - a file's bytes, not
its time - it computes anew or refuses, and says what changed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from photo_kit import photograph, sign_board
from safetensors.torch import load_file, save_file

import physadv
from physadv.attacks import DesignConfig, SignAttackConfig, design
from physadv.attacks.advgan import AdvGanConfig, train_advgan
from physadv.attacks.physical.sign_attack import attack_sign
from physadv.core import versions
from physadv.core.color import linear_to_srgb, to_uint8
from physadv.core.config import validate
from physadv.core.errors import PhysadvError
from physadv.core.files import bundled, sha256
from physadv.core.images import write_png
from physadv.defenses import load_victim
from physadv.evaluation import evaluate
from physadv.evaluation.experiment import load_experiment, run_experiment
from physadv.evaluation.matrix.certification import CertificationPlan, run_certification
from physadv.evaluation.matrix.matrix import RobustnessPlan, pictures_for, run_robustness
from physadv.evaluation.photographs.score import evaluate_photographs
from physadv.patches.printer_colors import Calibration, save_calibration
from physadv.photos.camera import Camera, save_camera
from physadv.photos.ingest import ingest
from physadv.photos.rig.rig import default_rig, save_rig
from physadv.signs import keep_sign, load_sign
from physadv.signs.datasets import load_dataset
from physadv.training import train, training_config
from physadv.victims.library import SHIPPED

SIGNS = ("de/stop", "de/yield")
PHONE = Camera(width_px=640, height_px=480, fx_px=560.0, fy_px=560.0, cx_px=320.0, cy_px=240.0)


def write_victim(folder: Path) -> None:
    card = yaml.safe_load((SHIPPED / "gtsrb-cnn.yaml").read_text())
    (folder / "victim.yaml").write_text(yaml.safe_dump(card | {"name": "mine"}))
    shutil.copy(SHIPPED / "gtsrb-cnn.safetensors", folder / "gtsrb-cnn.safetensors")


def write_pictures(folder: Path) -> None:
    random = np.random.default_rng(0)
    for name in SIGNS:
        (folder / "data" / name.split("/")[1]).mkdir(parents=True)
        texture = load_sign(name).texture(40)
        face = to_uint8(linear_to_srgb(texture[:3] * texture[3:] + 0.2 * (1 - texture[3:])))
        for number in range(20):
            noise = random.integers(-12, 12, face.shape)
            write_png(folder / "data" / name.split("/")[1] / f"{number}.png", np.uint8(np.clip(face + noise, 0, 255)))
    (folder / "streets").mkdir()
    for number in range(2):
        write_png(folder / "streets" / f"{number}.png", random.integers(0, 255, (48, 64, 3), np.uint8))


def write_photographs(folder: Path) -> None:
    rig = default_rig(load_sign("us/stop"))
    save_rig(rig, folder / "rig.json")
    save_camera(PHONE, folder / "camera.json")
    flat, center = sign_board(rig, px_per_mm=1.0)
    (folder / "photographs" / "clean").mkdir(parents=True)
    for number, distance in enumerate((1300.0, 1500.0)):
        shown = photograph(flat, center, 1.0, PHONE, np.radians([3.0, 8.0, 1.0]), np.array([20.0, -10.0, distance]))
        cv2.imwrite(str(folder / "photographs" / "clean" / f"{number}.png"), shown[..., ::-1])


def write_graph(folder: Path) -> None:
    """A linear classifier of 3 x 8 x 8 whose weights lie in a file beside its graph, and its card."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.random.default_rng(0).normal(size=(192, 2)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["x"], ["r"]), helper.make_node("MatMul", ["r", "w"], ["y"])]
    pictures, logits = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", ["n", 3, 8, 8]), ("y", ["n", 2]))
    )
    graph = helper.make_graph(nodes, "g", [pictures], [logits], [numpy_helper.from_array(matrix, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, folder / "graph.onnx", save_as_external_data=True, location="graph.bin", size_threshold=0)
    card = {"name": "graph", "adapter": "onnx", "weights": "graph.onnx", "classes": ["stop", "yield"]}
    (folder / "graph.yaml").write_text(yaml.safe_dump({**card, "input": {"size": 8}}))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a command here can be given, as files in one folder."""
    folder = tmp_path_factory.mktemp("inputs")
    write_victim(folder)
    write_pictures(folder)
    write_photographs(folder)
    write_graph(folder)
    train_generator(folder, folder / "generator")
    press = Calibration(name="press", nodes=2, colors=((0.9, 0.1, 0.1),) * 4 + ((0.1, 0.1, 0.9),) * 4)
    save_calibration(press, folder / "press.json")
    (folder / "mask.yaml").write_text(
        "kind: rectangles\nrectangles: [{x_mm: -80, y_mm: -60, width_mm: 160, height_mm: 50}]\n"
    )
    scene = {"name": "street", "lights": ["noon"], "conditions": {"distance_m": 5.0}, "backdrops": "streets"}
    (folder / "scene.yaml").write_text(yaml.safe_dump(scene))
    battery = {"name": "short", "entries": [{"scene": "scene.yaml", "frames": 12, "seed": 3}]}
    (folder / "battery.yaml").write_text(yaml.safe_dump(battery))
    sign = load_sign("de/stop")
    keep_sign(replace(sign, name="my/stop"), folder)
    experiment = {
        "name": "trial",
        "design": {
            "victim": "victim.yaml",
            "sign": "sign.yaml",
            "mask": "mask.yaml",
            "scenes": ["scene.yaml"],
            "steps": 2,
            "views": 4,
            "held_out_frames": 16,
            "texture_px": 64,
        },
        "evaluate": {"batteries": ["battery.yaml"]},
    }
    (folder / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    return folder


def design_words(folder: Path) -> dict[str, Any]:
    words = yaml.safe_load((folder / "experiment.yaml").read_text())["design"]
    paths = {"victim", "sign", "mask"}
    found = {key: str(folder / value) if key in paths else value for key, value in words.items()}
    return {**found, "scenes": [str(folder / "scene.yaml")]}


# what each command is asked; it works on a folder of inputs and leaves its results in ``out`` there


def run_design(folder: Path) -> None:
    design(validate(DesignConfig, design_words(folder), "design"), out=folder / "out")


def run_sign_attack(folder: Path) -> None:
    words = {key: value for key, value in design_words(folder).items() if key in {"victim", "sign", "scenes"}}
    more = {"attack": "pgd", "options": {"steps": 2, "eps": 0.3}, "views": 4, "held_out_frames": 16, "texture_px": 64}
    attack_sign(validate(SignAttackConfig, {**words, **more}, "attack"), out=folder / "out")


def run_evaluate(folder: Path, **more: Any) -> None:
    evaluate(
        [bundled("patches") / "de-stop-bars"],
        [folder / "victim.yaml"],
        [folder / "battery.yaml"],
        folder / "out",
        **(more or {"datasets": [load_dataset("image-folder", folder / "data")]}),
    )


def run_whole(folder: Path) -> None:
    run_experiment(load_experiment(folder / "experiment.yaml"), folder / "out")


def run_attack(folder: Path) -> None:
    words = {
        "victims": [str(folder / "victim.yaml")],
        "attacks": [
            {"attack": "fgsm"},
            {
                "attack": "rp2",
                "options": {"steps": 2},
                "on_signs": {"frames": 8, "views": 4, "scenes": [str(folder / "scene.yaml")]},
            },
        ],
        "dataset": "image-folder",
        "limit": None,
    }
    run_robustness(validate(RobustnessPlan, words, "attack"), folder / "out", data=folder / "data")


def run_train(folder: Path) -> None:
    config = training_config(
        "fgsm",
        victim=str(folder / "victim.yaml"),
        dataset="image-folder",
        steps=2,
        batch=4,
        frames=2,
        held_out=16,
        scenes=[str(folder / "scene.yaml")],
    )
    train(config, folder / "out", data=folder / "data")


def train_generator(folder: Path, out: Path) -> None:
    victim = load_victim(folder / "victim.yaml")
    pictures, labels = pictures_for(victim, load_dataset("image-folder", folder / "data"))
    train_advgan(victim, pictures, labels, out, config=AdvGanConfig(steps=2, batch=8, check_every=1))


def run_train_advgan(folder: Path) -> None:
    train_generator(folder, folder / "out")


def run_certify(folder: Path) -> None:
    words = {"victim": str(folder / "victim.yaml"), "defense": "patch-cleanser:patch_px=6"}
    plan = validate(CertificationPlan, {**words, "dataset": "image-folder"}, "certify")
    run_certification(plan, folder / "out", data=folder / "data")


def run_calibrated_design(folder: Path) -> None:
    words = {**design_words(folder), "calibration": str(folder / "press.json")}
    design(validate(DesignConfig, words, "design"), out=folder / "out")


def run_calibrated_evaluate(folder: Path) -> None:
    run_evaluate(folder, calibration=folder / "press.json")


def run_attack_on_graph(folder: Path) -> None:
    pytest.importorskip("onnxruntime")
    words = {
        "victims": [str(folder / "graph.yaml")],
        "attacks": [{"attack": "square", "options": {"max_queries": 20}}],
        "dataset": "image-folder",
    }
    run_robustness(validate(RobustnessPlan, words, "attack"), folder / "out", data=folder / "data")


def run_attack_of_generator(folder: Path) -> None:
    words = {
        "victims": [str(folder / "victim.yaml")],
        "attacks": [{"attack": "advgan", "options": {"generator": str(folder / "generator")}}],
        "dataset": "image-folder",
    }
    run_robustness(validate(RobustnessPlan, words, "attack"), folder / "out", data=folder / "data")


def run_sign_attack_of_generator(folder: Path) -> None:
    words = {key: value for key, value in design_words(folder).items() if key in {"victim", "sign", "scenes"}}
    more = {"attack": "advgan", "views": 4, "held_out_frames": 16, "texture_px": 32}
    more["options"] = {"generator": str(folder / "generator")}
    attack_sign(validate(SignAttackConfig, {**words, **more}, "attack"), out=folder / "out")


def run_ingest(folder: Path) -> None:
    ingest(folder / "photographs", folder / "out", rig=folder / "rig.json", camera=folder / "camera.json")


def run_photographs(folder: Path, **more: Any) -> None:
    session = folder / "session"
    if not session.exists():
        ingest(folder / "photographs", session, rig=folder / "rig.json", camera=folder / "camera.json")
    evaluate_photographs(session, [folder / "victim.yaml"], folder / "out", draws=2, **more)


def run_calibrated_photographs(folder: Path) -> None:
    run_photographs(folder, calibration=folder / "press.json")


# what may change


def other_weights(folder: Path) -> None:
    path = folder / "gtsrb-cnn.safetensors"
    tensors = load_file(path)
    tensors["fc.bias"][0] += 0.25
    save_file(tensors, path)


def other_generator(folder: Path) -> None:
    """Another one that is whole: its weights, and a record that knows them."""
    weights, record = folder / "generator" / "generator.safetensors", folder / "generator" / "generator.yaml"
    tensors, before = load_file(weights), sha256(weights)
    name = next(iter(tensors))
    tensors[name] = tensors[name] + 0.25
    save_file(tensors, weights)
    record.write_text(record.read_text().replace(before, sha256(weights)))


def other_graph(folder: Path) -> None:
    import onnx

    model = onnx.load(folder / "graph.onnx", load_external_data=False)
    model.graph.name = "other"
    (folder / "graph.onnx").write_bytes(model.SerializeToString())


def other_weights_of_graph(folder: Path) -> None:
    weights = np.fromfile(folder / "graph.bin", np.float32)
    weights[0] += 1.0
    weights.tofile(folder / "graph.bin")


def other_picture(path: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        picture = cv2.imread(str(folder / path))
        picture[0, 0] = 255 - picture[0, 0]
        cv2.imwrite(str(folder / path), picture)

    return change


def other_text(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new, 1))

    return change


def other_name(path: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / path).rename((folder / path).parent / new)

    return change


def other_version(folder: Path) -> None:
    versions.package_versions.cache_clear()
    physadv.__version__ = "9.9.9"


WEIGHTS = ("weights", other_weights)
CARD = ("class order", other_text("victim.yaml", "- speedLimit20\n- speedLimit30", "- speedLimit30\n- speedLimit20"))
SCENE = ("scene", other_text("scene.yaml", "5.0", "6.0"))
STREET = ("backdrop", other_picture("streets/1.png"))
SIGN = ("artwork", other_text("sign.svg", "<svg", "<svg "))
MASK = ("mask", other_text("mask.yaml", "160", "150"))
PICTURE = ("picture", other_picture("data/stop/3.png"))
LABEL = ("label", other_name("data/yield/3.png", "../stop/99.png"))
CALIBRATION = ("calibration", other_text("press.json", "0.9", "0.8"))
GENERATOR = ("generator", other_generator)
VERSION = ("version", other_version)


@dataclass(frozen=True)
class Case:
    """A command, and the inputs that decide its result."""

    run: Callable[[Path], None]
    changes: tuple[tuple[str, Callable[[Path], None]], ...] = field(default=())


CASES = {
    "design": Case(run_design, (WEIGHTS, CARD, SCENE, STREET, SIGN, MASK, VERSION)),
    "attack --scene": Case(run_sign_attack, (WEIGHTS, CARD, SCENE, STREET, SIGN, VERSION)),
    "evaluate": Case(run_evaluate, (WEIGHTS, CARD, SCENE, STREET, PICTURE, LABEL, VERSION)),
    "run": Case(run_whole, (WEIGHTS, CARD, SCENE, STREET, SIGN, MASK, VERSION)),
    "attack": Case(run_attack, (WEIGHTS, CARD, SCENE, STREET, PICTURE, LABEL, VERSION)),
    "train": Case(run_train, (WEIGHTS, CARD, SCENE, STREET, PICTURE, LABEL, VERSION)),
    "train-advgan": Case(run_train_advgan, (WEIGHTS, CARD, PICTURE, LABEL, VERSION)),
    "certify": Case(run_certify, (WEIGHTS, CARD, PICTURE, LABEL, VERSION)),
    "design --calibration": Case(run_calibrated_design, (CALIBRATION,)),
    "evaluate --calibration": Case(run_calibrated_evaluate, (CALIBRATION,)),
    "evaluate --photos --calibration": Case(run_calibrated_photographs, (CALIBRATION,)),
    "attack on ONNX": Case(
        run_attack_on_graph,
        (
            ("weights beside the graph", other_weights_of_graph),
            ("graph", other_graph),
            ("class order", other_text("graph.yaml", "- stop\n- yield", "- yield\n- stop")),
            PICTURE,
            LABEL,
            VERSION,
        ),
    ),
    "attack advgan": Case(run_attack_of_generator, (GENERATOR, WEIGHTS, CARD, PICTURE, LABEL, VERSION)),
    "attack advgan --scene": Case(run_sign_attack_of_generator, (GENERATOR, WEIGHTS, SCENE, VERSION)),
    "photos ingest": Case(
        run_ingest,
        (
            ("photograph", other_picture("photographs/clean/1.png")),
            ("its folder", other_name("photographs/clean", "gray")),
            ("rig", other_text("rig.json", '"size_mm": ', '"size_mm": 1')),
            ("camera", other_text("camera.json", "560.0", "561.0")),
            VERSION,
        ),
    ),
    "evaluate --photos": Case(
        run_photographs,
        (
            WEIGHTS,
            CARD,
            (
                "crop",
                lambda folder: other_picture(f"session/crops/{next((folder / 'session' / 'crops').iterdir()).name}")(
                    folder
                ),
            ),
            VERSION,
        ),
    ),
}


@pytest.fixture(scope="module", params=CASES)
def finished(
    request: pytest.FixtureRequest, inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A command's name, and a folder of inputs with its results."""
    folder = tmp_path_factory.mktemp("finished") / "work"
    shutil.copytree(inputs, folder)
    CASES[request.param].run(folder)
    return request.param, folder


def results(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Each result's time and content; what is kept to resume is none."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted((folder / "out").rglob("*"))
        if path.is_file() and path.name not in {"run.json", "experiment.json"}
    }


def refusal(run: Callable[[Path], None], folder: Path) -> str | None:
    """What a command says against its folder; None if it does its work."""
    try:
        run(folder)
    except PhysadvError as error:
        return str(error)
    return None


@pytest.fixture
def this_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Goes back to physadv's own version after a change of it."""

    def back() -> None:
        monkeypatch.undo()
        versions.package_versions.cache_clear()
        monkeypatch.setattr(physadv, "__version__", physadv.__version__)

    back()
    yield back
    back()


def changed_copy(done: Path, folder: Path, change: Callable[[Path], None]) -> dict[str, tuple[int, bytes]]:
    """Copies inputs and results, changes one input but none of the times, and tells the results."""
    shutil.copytree(done, folder)
    before = results(folder)
    stamps = {path: path.stat() for path in folder.rglob("*") if path.is_file()}
    change(folder)
    for path, stamp in stamps.items():
        if path.exists():
            os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    return before


@pytest.mark.slow
def test_a_result_belongs_to_what_was_asked(
    finished: tuple[str, Path], tmp_path: Path, this_version: Callable[[], None]
) -> None:
    name, done = finished
    case = CASES[name]
    before = changed_copy(done, tmp_path / "again", lambda folder: None)
    case.run(tmp_path / "again")
    assert results(tmp_path / "again") == before, "asked again, something was computed twice"
    for what, change in case.changes:
        folder = tmp_path / what
        before = changed_copy(done, folder, change)
        said = refusal(case.run, folder)
        this_version()
        if said is None:
            assert results(folder) != before, f"{what} changed, and the result did not"
        else:
            assert any(word in said for word in ("has changed", " was ", " is new", " is missing")), f"{what}: {said}"
            assert results(folder) == before, f"{what} changed, which was refused and still changed the result"
