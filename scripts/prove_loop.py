"""The whole loop of print, photograph, score, calibrate and design again, through a simulated print shop and car park.

    python scripts/prove_loop.py WORK [--victim gtsrb-cnn] [--sign de/stop] [--rounds 1] [--variant scalar_rgb]

Needs the extra ``render`` (Mitsuba 3) and poppler's ``pdftoppm`` and ``pdftotext``. The printer, the person and the
phone are those of ``tests/virtual_shop``, which shares no code with the package; everything else is done by the command
line, as a user does it. WORK keeps every step's result, and a step that is done is not done again. The figures go to
WORK/result.json and, in words, to the terminal.

A round is 60 photographs: RP2's fifteen places, and at each the clean sign, the patch, and its gray and random twins;
the light changes from place to place, and from round to round.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import resvg_py

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from virtual_shop import hands, phone, place
from virtual_shop.press import Press

ROOT = Path(__file__).resolve().parent.parent
FOOT_M = 0.3048
PLACES_FT_DEG = (
    *((5, angle) for angle in (0, 15, 30, 45, 60)),
    *((10, angle) for angle in (0, 15, 30)),
    *((15, angle) for angle in (0, 15)),
    *((20, angle) for angle in (0, 15)),
    *((feet, 0) for feet in (25, 30, 40)),
)
"""RP2, Eykholt et al. 2018, table 1."""
DESIGN = "--mask bars --goal targeted:speedLimit80 --steps 500"
SUBJECTS = ("clean", "patch", "gray", "random")
LOOKS = (
    (0, 0),
    (25, 0),
    (-25, 0),
    (0, 25),
    (0, -25),
    (30, 20),
    (-30, 20),
    (30, -20),
    (-30, -20),
    (0, 0),
    (15, 30),
    (-15, -30),
)
"""From where the board is photographed: degrees to its right and above."""


def physadv(*words: object) -> str:
    """Runs the command line, and gives what it says."""
    line = [sys.executable, "-m", "physadv", *map(str, words)]
    print("$ physadv", *words, flush=True)
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr or done.stdout}")
    return done.stdout


@contextlib.contextmanager
def step(folder: Path) -> Iterator[bool]:
    """Whether a step is still to be done; marks it as done at its end."""
    mark = folder.parent / f".{folder.name}.done"
    if mark.exists():
        yield False
        return
    yield True
    mark.touch()


class Shop:
    """What does not change between the rounds: sign, press, rig, phone."""

    def __init__(self, work: Path, sign: str, victim: str, samples: int) -> None:
        self.work, self.sign, self.victim, self.samples = work, sign, victim, samples
        self.press, self.phone = Press(), phone.Phone()
        artwork = ROOT / "sign_data" / f"{sign}.svg"
        self.art = work / "artwork.png"
        self.art.write_bytes(bytes(resvg_py.svg_to_bytes(svg_path=str(artwork), width=1800)))
        self.rig = work / "rig"
        if not self.rig.exists():
            physadv("print-rig", "--sign", sign, "--out", self.rig)
        self.width_mm = json.loads((self.rig / "rig.json").read_text())["sign_width_mm"]
        self.markers = hands.cut_markers(self.rig / "rig.pdf", self.width_mm, self.press)
        self.chart = hands.sheet_with(self.rig / "rig.pdf", "color chart", self.press)
        self.board = hands.sheet_with(self.rig / "rig.pdf", "board: photograph", self.press)

    def planes(self, stickers: list[hands.Sticker], seed: int, *, rig: bool) -> tuple[list[place.Plane], np.ndarray]:
        """The sign, with the chart beside it where there is a rig, and points around both."""
        paint, opacity, side_mm = hands.mount(
            self.art, self.width_mm, stickers, board=rig, markers=self.markers if rig else [], seed=seed
        )
        planes = [place.Plane(paint, opacity, side_mm / 1000.0, np.eye(4))]
        half, right = side_mm / 2000.0, side_mm / 2000.0
        if rig:
            width = self.chart.shape[1] / hands.PX_PER_MM / 1000.0
            where = np.eye(4)
            where[0, 3] = half + 0.05 + width / 2.0
            planes.append(place.Plane(self.chart, np.ones(self.chart.shape[:2], np.float32), width, where))
            right = half + 0.05 + width
        return planes, np.array([[-half, -half, 0], [right, -half, 0], [right, half, 0], [-half, half, 0.0]])

    def shoot(self, stickers: dict[str, list[hands.Sticker]], out: Path, rounds: int, *, rig: bool, seed: int) -> None:
        """Photographs of a patch and its controls at all places; the true poses beside them."""
        with step(out) as due:
            if not due:
                return
            truths = {}
            for number in range(rounds):
                for light_number, light in enumerate(place.LIGHTS):
                    spots = [k for k in range(len(PLACES_FT_DEG)) if (k + number) % len(place.LIGHTS) == light_number]
                    for kind in SUBJECTS:
                        planes, corners = self.planes(stickers.get(kind, []), seed + SUBJECTS.index(kind), rig=rig)
                        scene = place.build(planes, light)
                        for spot in spots:
                            name = f"{kind}/{number}-{spot:02d}.jpg" if kind != "patch" else f"{number}-{spot:02d}.jpg"
                            draw = seed + 1000 * number + 10 * spot  # the feet do not move between the four
                            pose, stops = stance(spot, draw)
                            shot = draw + 2 * SUBJECTS.index(kind)
                            if not (out / name).exists():
                                phone.photograph(
                                    scene, pose, corners, light, out / name,
                                    phone=self.phone, stops=stops, samples=self.samples, seed=shot,
                                )  # fmt: skip
                            truths[name] = phone.truth(pose) | {"light": light.name}
                            print(f"{out.name}: {name}, {light.name}", flush=True)
            (out.parent / f"{out.name}.json").write_text(json.dumps(truths, indent=1))

    def shoot_board(self, out: Path) -> None:
        """A dozen photographs of the board, on a wall."""
        with step(out) as due:
            if not due:
                return
            width = self.board.shape[1] / hands.PX_PER_MM / 1000.0
            plane = place.Plane(self.board, np.ones(self.board.shape[:2], np.float32), width, np.eye(4))
            half = np.array([width, width * self.board.shape[0] / self.board.shape[1]]) / 2.0
            corners = np.array(
                [[-half[0], -half[1], 0], [half[0], -half[1], 0], [half[0], half[1], 0], [-half[0], half[1], 0.0]]
            )
            scene = place.build([plane], place.LIGHTS[2])
            for number, (across, above) in enumerate(LOOKS):
                a, e = np.radians([across, above])
                at = (0.34 + 0.02 * (number % 4)) * np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
                aim = np.array([0.05 * np.cos(2.1 * number), 0.05 * np.sin(2.1 * number), 0.0])
                roll = (0.0, 4.0, -7.0)[number % 3]
                pose = phone.stand(at, aim, roll)
                file = out / f"{number:02d}.jpg"
                phone.photograph(
                    scene, pose, corners, place.LIGHTS[2], file, phone=self.phone, samples=self.samples, seed=number
                )

    def printed(self, patch: Path) -> dict[str, list[hands.Sticker]]:
        """Sheets of a patch and its controls, printed and cut."""
        sheets = self.work / f"sheets-{patch.name}"
        with step(sheets) as due:
            if due:
                sheets.mkdir(exist_ok=True)
                for suffix in ("pdf", "svg"):
                    physadv("print", patch, "--paper", "A2", "--controls", "--out", sheets / f"sheets.{suffix}")
        cuts = sorted(sheets.glob("*.svg"), key=lambda path: (len(path.name), path.name))
        return hands.cut_out(sheets / "sheets.pdf", cuts, self.press)


def stance(spot: int, seed: int) -> tuple[np.ndarray, float]:
    """Where the phone is held at a place, roughly at eye level, and by how many stops the exposure is off."""
    generator = np.random.default_rng(seed)
    feet, angle = PLACES_FT_DEG[spot]
    side = -1.0 if generator.random() < 0.5 else 1.0
    a = np.radians(side * angle + generator.normal(0.0, 2.0))
    distance = feet * FOOT_M * (1.0 + generator.normal(0.0, 0.02))
    at = np.array([distance * np.sin(a), generator.normal(-0.2, 0.08), distance * np.cos(a)])
    aim = np.array([0.1, 0.0, 0.0]) + generator.normal(0.0, 0.03 * distance, 3) * [1, 1, 0]
    return phone.stand(at, aim, generator.normal(0.0, 2.0)), float(generator.normal(-0.1, 0.15))


def pose_errors(session: Path, truths: dict[str, Any]) -> dict[str, Any]:
    """Share found, and errors of those that were: median and the worst of 95 %."""
    rows = {row["file"]: row for row in pq.read_table(session / "photos.parquet").to_pylist()}
    distance = [
        abs(rows[name]["distance_m"] / true["distance_m"] - 1.0) for name, true in truths.items() if name in rows
    ]
    angles = {
        key: [abs(rows[name][key] - true[key]) for name, true in truths.items() if name in rows]
        for key in ("yaw_deg", "pitch_deg", "roll_deg")
    }
    with (session / "given_up.csv").open() as file:
        given_up = list(csv.DictReader(file))
    found: dict[str, Any] = {
        "photographs": len(truths),
        "found": len(distance),
        "by": {
            how: sum(row["how"] == how for row in rows.values()) for how in sorted({r["how"] for r in rows.values()})
        },
        "doubtful": sum(bool(row["flags"]) for row in rows.values()),
        "given_up": {row["file"]: row["why"] for row in given_up} if given_up and "file" in given_up[0] else given_up,
    }
    for name, errors in {"distance_share": distance, **angles}.items():
        found[name] = {
            "median": float(np.median(errors)),
            "p95": float(np.percentile(errors, 95)),
            "worst": float(max(errors)),
        }
    return found


def shares(run: Path) -> dict[str, Any]:
    """Of a scored session: misread and read as the target, and what the simulation predicted, calibrated and not."""
    summary = json.loads((run / "photographs.json").read_text())
    keys = ("misread", "simulated", "as_sent", "won", "simulated_won", "as_sent_won")
    found = {
        group["subject"]: {key: part[key] for key in keys}
        for group in summary["groups"]
        for part in group["parts"]
        if part["by"] == "all"
    }
    return {"shares": found, **{key: value for key, value in summary.items() if key.startswith(("agreement", "flags"))}}


def main() -> None:
    """Every step in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--sign", default="de/stop")
    parser.add_argument("--victim", default="gtsrb-cnn")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--variant", default="scalar_rgb")
    parser.add_argument("--design", default=DESIGN, help="options of physadv design")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    place.use(options.variant)
    shop = Shop(work, options.sign, options.victim, options.samples)
    design = ["--sign", options.sign, "--victim", options.victim, *options.design.split()]
    result: dict[str, Any] = {"options": vars(options) | {"work": ""}}

    camera = work / "camera.json"
    shop.shoot_board(work / "board")
    if not camera.exists():
        result["camera"] = physadv("photos", "calibrate-camera", work / "board", "--out", camera).splitlines()[-1]

    first = work / "first"
    if not first.exists():
        physadv("design", *design, "--out", first)
    stickers = shop.printed(first)
    shop.shoot(stickers, work / "photographs", options.rounds, rig=True, seed=0)
    rig = shop.rig / "rig.json"
    ingest(shop, work / "photographs", first, work / "session", camera, rig=rig)
    result["markers"] = pose_errors(work / "session", json.loads((work / "photographs.json").read_text()))
    hung = work / "hung.json"
    if not hung.exists():
        where = [work / "photographs", "--rig", shop.rig / "rig.json", "--camera", camera]
        print(physadv("photos", "measure-rig", *where, "--out", hung))
    ingest(shop, work / "photographs", first, work / "session-hung", camera, rig=hung)
    result["markers, rig measured"] = pose_errors(
        work / "session-hung", json.loads((work / "photographs.json").read_text())
    )
    shop.shoot(stickers, work / "without", options.rounds, rig=False, seed=500)
    ingest(shop, work / "without", first, work / "session-without", camera)
    result["outline"] = pose_errors(work / "session-without", json.loads((work / "without.json").read_text()))
    ingest(shop, work / "without", first, work / "session-exif", None)
    result["outline_exif"] = pose_errors(work / "session-exif", json.loads((work / "without.json").read_text()))

    calibration = work / "printer_camera.json"
    if not calibration.exists():
        physadv("calibrate", work / "session", "--name", "virtual press and phone", "--out", calibration)
    result["calibration"] = json.loads(calibration.read_text())["measured"]
    score(shop, "photographed-first", first, work / "session", calibration)
    result["first"] = shares(work / "photographed-first")

    second = work / "second"
    if not second.exists():
        physadv("design", *design, "--calibration", calibration, "--out", second)
    shop.shoot(shop.printed(second), work / "photographs-second", options.rounds, rig=True, seed=0)
    ingest(shop, work / "photographs-second", second, work / "session-second", camera, rig=rig)
    score(shop, "photographed-second", second, work / "session-second", calibration)
    result["second"] = shares(work / "photographed-second")
    (work / "result.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))


def ingest(
    shop: Shop, photographs: Path, patch: Path, session: Path, camera: Path | None, rig: Path | None = None
) -> None:
    """``physadv photos ingest``."""
    words: list[object] = ["--sign", shop.sign, "--patch", patch, "--out", session]
    words += ["--rig", rig] if rig else []
    words += ["--camera", camera] if camera else []
    with step(session) as due:
        if due:
            print(physadv("photos", "ingest", photographs, *words))


def score(shop: Shop, name: str, patch: Path, session: Path, calibration: Path) -> None:
    """``physadv evaluate --photos``."""
    out = shop.work / name
    with step(out) as due:
        if due:
            words = ["--photos", session, "--victim", shop.victim, "--calibration", calibration]
            physadv("evaluate", patch, *words, "--out", out)


if __name__ == "__main__":
    cv2.setNumThreads(2)
    main()
