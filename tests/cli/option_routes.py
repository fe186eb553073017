"""What the parameters of each command reach: a table for ``test_options_reach.py``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from reach_kit import Find, Route

OUT: list[object] = ["--out", "out"]


def option(name: str, value: object, place: str, expected: Any = None) -> Find:
    """An option of one value, which arrives as it is unless ``expected`` is given."""
    return [f"--{name}", value], place, value if expected is None else expected


def flag(name: str, place: str, expected: bool = True) -> Find:
    return [f"--{name}"], place, expected


def path(name: str, place: str) -> Find:
    return option(name, f"other-{name}", place, Path(f"other-{name}"))


RUN = Route(
    "run",
    "physadv.evaluation.experiment:run_experiment",
    {},
    {
        "experiment": (["mine.yaml"], "plan.name", "mine"),
        "out": path("out", "out"),
        "option": [
            option("set", "design.seconds=5", "plan.design.seconds", 5.0),
            option("set", "evaluate.frames=30", "plan.evaluate.frames", 30),
            option("set", "design.search.learning_rate=0.1", "plan.design.search.learning_rate", 0.1),
        ],
        "device": option("device", "cpu", "device"),
    },
)
DESIGN = Route(
    "design",
    "physadv.attacks:design",
    {"out": OUT},
    {
        "out": path("out", "out"),
        "victim": option("victim", "lisa-cnn", "config.victim"),
        "defense": (["--defense", "median", "--defense", "jpeg"], "config.victim", "gtsrb-cnn+median+jpeg"),
        "sign": option("sign", "de/stop", "config.sign"),
        "goal": option("goal", "runner_up", "config.goal"),
        "mask": option("mask", "graffiti", "config.mask.kind"),
        "paint": option("paint", "gray", "config.paint.kind"),
        "scene": (["--scene", "daylight", "--scene", "dusk"], "config.scenes", ["daylight", "dusk"]),
        "search": option("search", "sign", "config.search.kind"),
        "seconds": option("seconds", 7.5, "config.seconds"),
        "steps": option("steps", 9, "config.steps"),
        "restarts": option("restarts", 3, "config.restarts"),
        "seed": option("seed", 4, "config.seed"),
        "views": option("views", 8, "config.views"),
        "true_class": option("true-class", "stop", "config.true_class"),
        "calibration": option("calibration", "colors.json", "config.calibration"),
        "option": [
            option("set", "held_out_frames=32", "config.held_out_frames", 32),
            option("set", "mask.clearance=0.1", "config.mask.clearance", 0.1),
            option("set", "search.learning_rate=0.1", "config.search.learning_rate", 0.1),
        ],
        "device": option("device", "cpu", "config.device"),
        "replace": flag("replace", "overwrite"),
    },
)
EVALUATE = Route(
    "evaluate",
    "physadv.evaluation:evaluate",
    {"patches": ["one"], "out": OUT, "victim": ["--victim", "gtsrb-cnn"]},
    {
        "patches": (["two", "three"], "patches", [Path("two"), Path("three")]),
        "out": path("out", "out"),
        "victim": (["--victim", "lisa-cnn", "--victim", "gtsrb-cnn"], "victims", ["lisa-cnn", "gtsrb-cnn"]),
        "defense": (["--defense", "median"], "victims", ["gtsrb-cnn+median"]),
        "battery": (["--battery", "wide", "--battery", "dusk"], "batteries", ["wide", "dusk"]),
        "frames": option("frames", 30, "frames"),
        "max_asr": option("max-asr", 0.25, "max_asr"),
        "max_targeted_asr": option("max-targeted-asr", 0.125, "max_targeted_asr"),
        "true_class": option("true-class", "stop", "true_class"),
        "calibration": path("calibration", "calibration"),
        "dataset": (["--dataset", "lisa", "--dataset", "gtsrb"], "datasets", [["lisa", None], ["gtsrb", None]]),
        "data": (["--dataset", "lisa", "--data", "there"], "datasets", [["lisa", Path("there")]]),
        "device": option("device", "cpu", "device"),
        "batch": option("batch", 8, "batch"),
    },
    refused={"data": ["--data", "there"]},
    elsewhere=frozenset({"photos"}),
    stubs={"physadv.signs.datasets:load_dataset": lambda name, data: (name, data)},
)
PHOTOGRAPHS = Route(
    "evaluate",
    "physadv.evaluation.photographs.score:evaluate_photographs",
    {"out": OUT, "victim": ["--victim", "gtsrb-cnn"], "photos": ["--photos", "session"]},
    {
        "patches": (["two", "three"], "patches", [Path("two"), Path("three")]),
        "out": path("out", "out"),
        "victim": (["--victim", "lisa-cnn", "--victim", "gtsrb-cnn"], "victims", ["lisa-cnn", "gtsrb-cnn"]),
        "defense": (["--defense", "median"], "victims", ["gtsrb-cnn+median"]),
        "max_asr": option("max-asr", 0.25, "max_asr"),
        "max_targeted_asr": option("max-targeted-asr", 0.125, "max_targeted_asr"),
        "true_class": option("true-class", "stop", "true_class"),
        "calibration": path("calibration", "calibration"),
        "photos": path("photos", "session"),
        "device": option("device", "cpu", "device"),
    },
    refused={
        "battery": ["--battery", "wide"],
        "frames": ["--frames", 30],
        "batch": ["--batch", 8],
        "dataset": ["--dataset", "lisa"],
        "data": ["--data", "there"],
    },
)
ATTACK = Route(
    "attack",
    "physadv.evaluation.matrix.matrix:run_robustness",
    {"attacks": ["pgd"], "out": OUT, "victim": ["--victim", "gtsrb-cnn"]},
    {
        "attacks": (["fgsm", "pgd"], lambda given: [one.attack for one in given["plan"].attacks], ["fgsm", "pgd"]),
        "out": path("out", "out"),
        "victim": (["--victim", "lisa-cnn", "--victim", "gtsrb-cnn"], "plan.victims", ["lisa-cnn", "gtsrb-cnn"]),
        "defense": (["--defense", "median"], "plan.victims", ["gtsrb-cnn+median"]),
        "goal": option("goal", "runner_up", "plan.attacks.0.goal"),
        "option": option("set", "eps=0.25", "plan.attacks.0.options.eps", 0.25),
        "dataset": option("dataset", "lisa", "plan.dataset"),
        "split": option("split", "train", "plan.split"),
        "limit": option("limit", 7, "plan.limit"),
        "data": path("data", "data"),
        "batch": option("batch", 8, "plan.batch"),
        "seed": option("seed", 4, "plan.seed"),
        "device": option("device", "cpu", "device"),
    },
    refused={"sign": ["--sign", "de/stop"], "views": ["--views", 8], "true_class": ["--true-class", "stop"]},
    elsewhere=frozenset({"scene"}),
)
ATTACK_ON_SIGN = Route(
    "attack",
    "physadv.attacks:attack_sign",
    {"attacks": ["pgd"], "out": OUT, "victim": ["--victim", "gtsrb-cnn"], "scene": ["--scene", "wide"]},
    {
        "attacks": (["fgsm"], "config.attack", "fgsm"),
        "out": path("out", "out"),
        "victim": option("victim", "lisa-cnn", "config.victim"),
        "defense": option("defense", "median", "config.victim", "gtsrb-cnn+median"),
        "goal": option("goal", "runner_up", "config.goal"),
        "option": [
            option("set", "eps=0.25", "config.options.eps", 0.25),
            option("set", "texture_px=64", "config.texture_px", 64),
            option("set", "held_out_frames=32", "config.held_out_frames", 32),
        ],
        "scene": (["--scene", "daylight", "--scene", "dusk"], "config.scenes", ["daylight", "dusk"]),
        "sign": option("sign", "de/stop", "config.sign"),
        "views": option("views", 8, "config.views"),
        "true_class": option("true-class", "stop", "config.true_class"),
        "seed": option("seed", 4, "config.seed"),
        "device": option("device", "cpu", "config.device"),
    },
    refused={
        "dataset": ["--dataset", "lisa"],
        "split": ["--split", "train"],
        "limit": ["--limit", 7],
        "data": ["--data", "there"],
        "batch": ["--batch", 8],
    },
)
_CERTIFY: dict[str, list[object]] = {"victim": ["gtsrb-cnn"], "out": OUT}
_CERTIFIED: dict[str, Find | list[Find]] = {
    "victim": (["lisa-cnn"], "plan.victim", "lisa-cnn"),
    "out": path("out", "out"),
    "dataset": option("dataset", "lisa", "plan.dataset"),
    "split": option("split", "train", "plan.split"),
    "limit": option("limit", 7, "plan.limit"),
    "data": path("data", "data"),
    "seed": option("seed", 4, "plan.seed"),
    "device": option("device", "cpu", "device"),
}
CERTIFY = Route(
    "certify",
    "physadv.evaluation.matrix.certification:run_certification",
    {**_CERTIFY, "defense": ["--defense", "randomized-smoothing:sigma=0.25"]},
    {
        **_CERTIFIED,
        "defense": [
            option("defense", "randomized-smoothing:sigma=0.5", "plan.defense"),
            (["--defense", "median", "--defense", "randomized-smoothing"], "plan.victim", "gtsrb-cnn+median"),
        ],
        "samples": option("samples", 2000, "plan.n"),
        "alpha": option("alpha", 0.01, "plan.alpha"),
        "option": option("set", "n0=50", "plan.n0", 50),
    },
)
CERTIFY_MASKED = Route(
    "certify",
    CERTIFY.callee,
    {**_CERTIFY, "defense": ["--defense", "patch-cleanser"]},
    {**_CERTIFIED, "defense": option("defense", "patch-cleanser:patch_px=4", "plan.defense")},
    refused={"samples": ["--samples", 2000], "alpha": ["--alpha", 0.01], "option": ["--set", "n0=50"]},
)
TRAIN = Route(
    "train",
    "physadv.training:train",
    {"method": ["pgd"], "out": OUT},
    {
        "method": (["roadside"], "config.method", "roadside"),
        "out": path("out", "out"),
        "victim": option("victim", "lisa-cnn", "config.victim"),
        "name": option("name", "hard", "config.name"),
        "attack": option("attack", "fgsm", "config.attack"),
        "option": [
            option("set", "learning_rate=0.125", "config.learning_rate", 0.125),
            option("set", "attack.eps=0.25", "config.attack_options.eps", 0.25),
            option("set", "card=null", lambda given: str(given["config"].card), "None"),
        ],
        "steps": option("steps", 9, "config.steps"),
        "scene": (["--scene", "daylight", "--scene", "dusk"], "config.scenes", ["daylight", "dusk"]),
        "dataset": option("dataset", "lisa", "config.dataset"),
        "split": option("split", "test", "config.split"),
        "data": path("data", "data"),
        "seed": option("seed", 4, "config.seed"),
        "device": option("device", "cpu", "config.device"),
    },
)
TRAIN_ADVGAN = Route(
    "train-advgan",
    "physadv.evaluation.matrix.advgan_data:train_generator",
    {"out": OUT},
    {
        "out": path("out", "out"),
        "victim": option("victim", "lisa-cnn", "victim"),
        "defense": option("defense", "median", "victim", "gtsrb-cnn+median"),
        "goal": option("goal", "targeted:stop", "config.goal"),
        "distilled": flag("distilled", "config.distilled"),
        "option": [
            option("set", "eps=0.25", "config.eps", 0.25),
            option("set", "student.every=100", "config.student.every", 100),
        ],
        "dataset": option("dataset", "lisa", "dataset"),
        "split": option("split", "test", "split"),
        "limit": option("limit", 7, "limit"),
        "data": path("data", "data"),
        "seed": option("seed", 4, "config.seed"),
        "device": option("device", "cpu", "config.device"),
    },
)
_PROFILED: dict[str, list[object]] = {"intent": ["--intent", "absolute"]}
PRINT = Route(
    "print",
    "physadv.printing.sheets:print_patch",
    {"patch": ["one"], "out": ["--out", "s.pdf"], "icc": ["--icc", "p.icc"]},
    {
        "patch": (["two"], "folder", Path("two")),
        "out": path("out", "out"),
        "paper": option("paper", "A3", "options.paper"),
        "poster": flag("poster", "options.poster"),
        "controls": flag("controls", "options.controls"),
        "join_mm": option("join-mm", 5.5, "options.join_mm"),
        "bleed_mm": option("bleed-mm", 3.5, "options.bleed_mm"),
        "overlap_mm": option("overlap-mm", 20.5, "options.overlap_mm"),
        "margin_mm": option("margin-mm", 5.5, "options.margin_mm"),
        "dpi": option("dpi", 150, "options.dpi"),
        "bar_mm": option("bar-mm", 98.5, "options.bar_mm"),
        "icc": path("icc", "options.icc"),
        "intent": option("intent", "absolute", "options.intent"),
    },
)
PRINT_RIG = Route(
    "print-rig",
    "physadv.printing.rig_sheets:print_rig",
    {"out": OUT, "icc": ["--icc", "p.icc"]},
    {
        "out": path("out", "out"),
        "sign": option("sign", "de/stop", "sign"),
        "paper": option("paper", "A3", "paper"),
        "marker_mm": option("marker-mm", 60.5, "marker_mm"),
        "around": [flag("around", "around"), flag("corners", "around", False)],
        "margin_mm": option("margin-mm", 5.5, "margin_mm"),
        "bar_mm": option("bar-mm", 98.5, "bar_mm"),
        "icc": path("icc", "icc"),
        "intent": option("intent", "absolute", "intent"),
    },
)
PRINT_WITHOUT_PROFILE = Route(
    "print", PRINT.callee, {"patch": ["one"], "out": ["--out", "s.pdf"]}, {}, refused=_PROFILED, whole=False
)
RIG_WITHOUT_PROFILE = Route("print-rig", PRINT_RIG.callee, {"out": OUT}, {}, refused=_PROFILED, whole=False)
INGEST = Route(
    "photos ingest",
    "physadv.photos.ingest:ingest",
    {"photographs": ["photographs"], "out": OUT, "rig": ["--rig", "rig.json"]},
    {
        "photographs": (["others"], "photographs", Path("others")),
        "out": path("out", "out"),
        "sign": option("sign", "de/stop", "sign"),
        "patch": path("patch", "patch"),
        "clean": path("clean", "clean"),
        "rig": path("rig", "rig"),
        "camera": path("camera", "camera"),
        "corners": path("corners", "corners"),
        "detector": path("detector", "detector"),
        "bar_mm": option("bar-mm", 98.5, "bar_mm"),
        "every": option("every", 4, "every"),
    },
)
INGEST_WITHOUT_RIG = Route(
    "photos ingest",
    INGEST.callee,
    {"photographs": ["photographs"], "out": OUT},
    {},
    refused={"bar_mm": ["--bar-mm", 98.5]},
    whole=False,
)
CAMERA = Route(
    "photos calibrate-camera",
    "physadv.photos.calibrate:camera_from_photographs",
    {"photographs": ["photographs"], "out": OUT},
    {
        "photographs": (["others"], "folder", Path("others")),
        "columns": option("columns", 7, "board.columns"),
        "rows": option("rows", 9, "board.rows"),
        "square_mm": option("square-mm", 25.5, "board.square_mm"),
        "marker_mm": option("marker-mm", 12.5, "board.marker_mm"),
    },
    whole=False,
)
CAMERA_SAVED = Route(
    "photos calibrate-camera",
    "physadv.photos.camera:save_camera",
    CAMERA.base,
    {"out": path("out", "path")},
    stubs={CAMERA.callee: lambda *args, **options: (object(), [])},
    whole=False,
)
MEASURE_RIG = Route(
    "photos measure-rig",
    "physadv.photos.rig.survey:survey_photographs",
    {"photographs": ["photographs"], "rig": ["--rig", "rig.json"], "out": OUT},
    {
        "photographs": (["others"], "folder", Path("others")),
        "rig": path("rig", "rig"),
        "camera": path("camera", "camera"),
        "every": option("every", 4, "every"),
    },
    stubs={"physadv.photos.rig.rig:load_rig": lambda given: given},
    whole=False,
)
RIG_SAVED = Route(
    "photos measure-rig",
    "physadv.photos.rig.rig:save_rig",
    MEASURE_RIG.base,
    {"out": path("out", "path")},
    stubs={**MEASURE_RIG.stubs, MEASURE_RIG.callee: lambda *args, **options: (SimpleNamespace(rig=None), [])},
    whole=False,
)
CALIBRATE = Route(
    "calibrate",
    "physadv.photos.calibrate:calibrate",
    {"session": ["session"], "out": OUT},
    {
        "session": (["other"], "folder", Path("other")),
        "name": option("name", "laser", "name"),
        "paper": option("paper", 0.75, "paper"),
        "nodes": option("nodes", 7, "nodes"),
        "seed": option("seed", 4, "seed"),
    },
    whole=False,
)
CALIBRATION_SAVED = Route(
    "calibrate",
    "physadv.patches:save_calibration",
    CALIBRATE.base,
    {"out": path("out", "path")},
    stubs={CALIBRATE.callee: lambda *args, **options: object()},
    whole=False,
)
REPORT = Route(
    "report", "physadv.reports:report_from", {"folder": ["one"]}, {"folder": (["two"], "place", Path("two"))}
)
REPLAY = Route(
    "replay",
    "physadv.evaluation.replayed_frame:replay",
    {"folder": ["one"], "row": ["--row", 1]},
    {
        "folder": (["two"], "folder", Path("two")),
        "row": option("row", 7, "row"),
        "patch": path("patch", "patch"),
        "px": option("px", 96, "px"),
        "device": option("device", "cpu", "device"),
    },
)
REPLAY_SEEN = Route(
    "replay", REPLAY.callee, {**REPLAY.base, "seen": ["--seen"]}, {}, refused={"px": ["--px", 96]}, whole=False
)
PREVIEW = Route(
    "preview",
    "physadv.scenes.contact_sheet:write_contact_sheet",
    {},
    {
        "scene": option("scene", "dusk", "scene"),
        "out": path("out", "out"),
        "sign": option("sign", "de/stop", "sign"),
        "patch": path("patch", "patch"),
        "frames": option("frames", 4, "frames"),
        "px": option("px", 96, "px"),
        "seed": option("seed", 4, "seed"),
    },
)
SIGNS = Route(
    "signs", "physadv.signs:draw_sheet", {"out": ["--out", "signs.png"]}, {"px": option("px", 96, "px")}, whole=False
)
SIGNS_IN_WORDS = Route("signs", SIGNS.callee, {}, {}, refused={"px": ["--px", 96]}, whole=False)
LIST = Route("list", "physadv.catalogue:catalogue", {}, {"section": (["attacks"], "section", "attacks")}, whole=False)

ROUTES = tuple(one for one in list(globals().values()) if isinstance(one, Route))
