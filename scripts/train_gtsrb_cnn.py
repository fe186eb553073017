"""Train the shipped victim ``gtsrb-cnn`` on the German Traffic Sign Recognition Benchmark (Stallkamp et al. 2012).

    python scripts/train_gtsrb_cnn.py --data FOLDER

FOLDER (or PHYSADV_DATA) holds GTSRB as torchvision lays it out: ``gtsrb/GTSRB/Training/000cc/*.ppm`` with ``GT-*.csv``,
``gtsrb/GTSRB/Final_Test/Images`` and ``gtsrb/GT-final_test.csv``. Learns from photographs alone at first, then from
photographs mixed with frames of the shipped signs, unpainted, in the simulated roadside. Stopped at any moment, the
same command resumes from its last checkpoint. Writes the weights, and prints the model card's tables; ``--measure``
prints those of weights that exist. Half an hour on one core.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import sys
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from physadv.core import tables
from physadv.core.color import illuminant_rgb
from physadv.core.errors import PhysadvError
from physadv.core.files import atomic_path
from physadv.core.images import read_image
from physadv.core.number_format import percent
from physadv.core.statistics import wilson
from physadv.scenes import PaintedSign, load_scene
from physadv.signs import class_names, load_sign, sign_names
from physadv.signs.datasets import GTSRB_COLUMNS
from physadv.victims.architectures import GtsrbCnn
from physadv.victims.library import SHIPPED
from physadv.victims.parameters import fill, read_parameters

CANVAS = 48
SIZE = 32
CLASSES = 43
TEXTURE = 512
WARM_UP = 200
SAVE_EVERY = 100
WEIGHTS = SHIPPED / "gtsrb-cnn.safetensors"
SYMMETRIC = (11, 12, 13, 15, 17, 18, 22, 26, 30, 35)
"""Classes whose mirror image is the same sign."""
MIRRORED = {19: 20, 33: 34, 36: 37, 38: 39}
"""Classes whose mirror image is another one."""


@dataclass(frozen=True)
class Pictures:
    """Training pictures, all of one size."""

    pixels: Tensor
    """``[N, 3, CANVAS, CANVAS]`` uint8."""
    box: Tensor
    """``[N, 4]``, where the sign is: x1, y1, x2, y2 as shares of the picture."""
    label: Tensor
    """``[N]``, GTSRB's class numbers."""

    def __len__(self) -> int:
        return len(self.label)


# ---- reading -------------------------------------------------------------------------------------------------------


def squash(picture: Image.Image, side: int) -> np.ndarray:
    return np.asarray(picture.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def read_table(table: Path, folder: Path, side: int) -> tuple[list[np.ndarray], list[list[float]], list[int]]:
    """Pictures, boxes and classes that an annotation file of GTSRB lists."""
    pixels, boxes, labels = [], [], []
    for row in tables.read_table(table, GTSRB_COLUMNS).whole():
        picture = Image.fromarray(read_image(folder / row.text("Filename")))
        width, height = picture.size
        pixels.append(squash(picture, side))
        x1, y1, x2, y2, label = (row.whole(name) for name in GTSRB_COLUMNS[1:])
        boxes.append([x1 / width, y1 / height, x2 / width, y2 / height])
        labels.append(label)
    return pixels, boxes, labels


def read_training(data: Path) -> Pictures:
    """The official training set, pictures with or without a margin around the sign."""
    found = sorted((data / "gtsrb" / "GTSRB" / "Training").glob("*/GT-*.csv"))
    if not found:
        raise PhysadvError(f"{data}: no gtsrb/GTSRB/Training/*/GT-*.csv; expected GTSRB in its official layout")
    parts = [read_table(table, table.parent, CANVAS) for table in found]
    pixels, boxes, labels = ([item for part in parts for item in part[k]] for k in range(3))
    return Pictures(torch.from_numpy(np.stack(pixels)), torch.tensor(boxes), torch.tensor(labels))


def read_test(data: Path) -> tuple[Tensor, Tensor]:
    """Official test pictures, full frame, squashed to the network's size: ``[N, 3, SIZE, SIZE]`` in [0,1], ``[N]``."""
    folder = data / "gtsrb" / "GTSRB" / "Final_Test" / "Images"
    pixels, _, labels = read_table(data / "gtsrb" / "GT-final_test.csv", folder, SIZE)
    return torch.from_numpy(np.stack(pixels)).float() / 255, torch.tensor(labels)


def read_packed(path: Path) -> Pictures:
    """Further pictures with their margins: `jpeg` (bytes in a row), `offset` [N+1], `label` [N], `roi_xyxy` [N, 4].

    The box is in pixels of the uncropped original, whose sign is in its middle, so that x1 + x2 is its width.
    """
    packed = np.load(path)
    jpeg, offset, roi = packed["jpeg"], packed["offset"], packed["roi_xyxy"].astype(np.float32)
    pixels = []
    for first, last in pairwise(offset):
        with Image.open(io.BytesIO(jpeg[first:last].tobytes())) as picture:
            pixels.append(squash(picture, CANVAS))
    size = np.stack([roi[:, 0] + roi[:, 2], roi[:, 1] + roi[:, 3]], axis=1)
    box = torch.from_numpy(roi / np.concatenate([size, size], axis=1))
    return Pictures(torch.from_numpy(np.stack(pixels)), box, torch.from_numpy(packed["label"].astype(np.int64)))


def joined(first: Pictures, second: Pictures) -> Pictures:
    parts = ((getattr(first, name), getattr(second, name)) for name in ("pixels", "box", "label"))
    return Pictures(*(torch.cat(pair) for pair in parts))


# ---- augmentation: every step on the whole batch -------------------------------------------------------------------


class Draw:
    """Random columns ``[N]`` of one batch, from one generator."""

    def __init__(self, count: int, generator: torch.Generator) -> None:
        self.count, self.generator = count, generator

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.count, generator=self.generator)

    def normal(self, sigma: float) -> Tensor:
        return sigma * torch.randn(self.count, generator=self.generator)

    def chance(self, share: float) -> Tensor:
        return torch.rand(self.count, generator=self.generator) < share


def column(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def tilt(yaw: Tensor, pitch: Tensor, roll: Tensor, distance: Tensor) -> Tensor:
    """Homography ``[N, 3, 3]`` of a plane turned by these angles (radians), seen from ``distance`` half-widths."""
    cy, sy, cp, sp, cr, sr = yaw.cos(), yaw.sin(), pitch.cos(), pitch.sin(), roll.cos(), roll.sin()
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    first = torch.stack([cy * cr + sy * sp * sr, cp * sr, (-sy * cr + cy * sp * sr) / distance], -1)
    second = torch.stack([-cy * sr + sy * sp * cr, cp * cr, (sy * sr + cy * sp * cr) / distance], -1)
    return torch.stack([first, second, torch.stack([zero, zero, one], -1)], -1)


def window(homography: Tensor, draw: Draw) -> tuple[Tensor, Tensor]:
    """Middle and half size ``[N, 2]`` of the crop around the tilted box: margin, jitter, squashed or square."""
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]).T
    seen = homography @ corners
    seen = seen[:, :2] / seen[:, 2:]
    low, high = seen.amin(-1), seen.amax(-1)
    half = (high - low) / 2
    half = torch.where(draw.chance(0.5)[:, None], half, half.amax(1, keepdim=True))
    stretch = torch.stack([draw.normal(0.05).exp(), draw.normal(0.05).exp()], -1)
    margin = torch.where(draw.chance(0.7), draw.uniform(0.05, 0.25), draw.uniform(-0.06, 0.40))
    shift = torch.stack([draw.normal(0.06), draw.normal(0.06)], -1).clamp(-0.15, 0.15)
    return (low + high) / 2 + shift * half, half * stretch * (1 + 2 * margin[:, None])


def mirror_table() -> Tensor:
    """The class of each class's mirror image, -1 where there is none."""
    table = torch.full((CLASSES,), -1)
    table[list(SYMMETRIC)] = torch.tensor(SYMMETRIC)
    for left, right in MIRRORED.items():
        table[left], table[right] = right, left
    return table


def place(pictures: Tensor, box: Tensor, mirrored: Tensor, side: int, draw: Draw) -> Tensor:
    """Pictures re-seen from elsewhere as ``[N, 3, side, side]``; what lies outside is mirrored or a backdrop."""
    strong = draw.chance(0.4)
    yaw = torch.where(strong, draw.uniform(-62, 62), draw.normal(10)).deg2rad()
    pitch = torch.where(strong, draw.normal(14), draw.normal(5)).clamp(-40, 40).deg2rad()
    roll = draw.normal(5.0).clamp(-14, 14).deg2rad()
    homography = tilt(yaw, pitch, roll, draw.uniform(3.5, 20))
    middle, half = window(homography, draw)

    ticks = (torch.arange(side) + 0.5) / side * 2 - 1
    y, x = torch.meshgrid(ticks, ticks, indexing="ij")
    out = torch.stack([x, y], -1).reshape(1, -1, 2)
    image = middle[:, None] + half[:, None] * out
    plane = torch.linalg.inv(homography) @ torch.cat([image, torch.ones_like(image[..., :1])], -1).mT
    plane = (plane[:, :2] / plane[:, 2:].clamp(min=1e-3)).mT
    plane = plane * torch.stack([1.0 - 2.0 * mirrored, torch.ones(draw.count)], -1)[:, None]
    center, extent = box[:, :2] + box[:, 2:] - 1, box[:, 2:] - box[:, :2]
    grid = (center[:, None] + extent[:, None] * plane).reshape(-1, side, side, 2)
    warped = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)

    outside = ((grid.abs() > 0.97).any(-1) & draw.chance(0.75)[:, None, None]).unsqueeze(1)
    return torch.where(outside, backdrop(pictures, side, draw), warped)


def backdrop(pictures: Tensor, side: int, draw: Draw) -> Tensor:
    """Blurry surroundings: a small corner of another picture of the batch, blown up, with its light changed."""
    zoom = draw.uniform(0.05, 0.6)
    theta = torch.zeros(draw.count, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = zoom
    theta[:, 0, 2], theta[:, 1, 2] = draw.uniform(-0.9, 0.9), draw.uniform(-0.9, 0.9)
    grid = F.affine_grid(theta, [draw.count, 3, side, side], align_corners=False)
    other = F.grid_sample(pictures.roll(1, 0), grid, padding_mode="reflection", align_corners=False)
    return (other * column(draw.uniform(0.5, 1.6)) + column(draw.normal(0.08))).clamp(0, 1)


def relight(linear: Tensor, draw: Draw) -> Tensor:
    """Shadow, exposure, color temperature and haze, in linear light."""
    ticks = torch.linspace(-1, 1, linear.shape[-1])
    angle = draw.uniform(0, math.pi)
    across = column(angle.cos()) * ticks + column(angle.sin()) * ticks[:, None] - column(draw.uniform(-1, 1))
    wide, soft = column(draw.uniform(0.2, 1.5)), column(draw.uniform(0.02, 0.4))
    band = torch.sigmoid((wide - across.abs()) / soft)
    strength = column(draw.uniform(0.2, 0.8) * draw.chance(0.25))
    level = linear.mean((1, 2, 3)).clamp(min=1e-3)
    wanted = torch.where(draw.chance(0.5), draw.normal(1.1), draw.normal(0.4)).clamp(-2, 2).exp2()
    gain = (level * wanted).clamp(0.012, 0.55) / level
    tint = illuminant_rgb(draw.uniform(3500, 12000)) ** draw.uniform(0, 1)[:, None]
    tint = tint * torch.stack([draw.normal(0.12).exp() for _ in range(3)], -1)
    veil = column(draw.uniform(0, 0.4) * draw.chance(0.15))
    lit = linear * (1 - strength * band) * column(gain) * tint[:, :, None, None]
    return lit * (1 - veil) + veil * column(draw.uniform(0.05, 0.8))


def blur(images: Tensor, sharp: bool, draw: Draw) -> Tensor:
    """An oriented Gaussian each (defocus its short axis, motion its long one), or the sharpening of a camera."""
    short = (
        draw.uniform(0.05, 0.6)
        if sharp
        else torch.where(draw.chance(0.5), draw.uniform(0.1, 0.6), draw.uniform(0.4, 2))
    )
    long = short + draw.uniform(0, 1.5 if sharp else 2.5) * draw.chance(0.2)
    angle = draw.uniform(0, math.pi)
    ticks = torch.arange(-4.0, 5.0)
    along = column(angle.cos()) * ticks + column(angle.sin()) * ticks[:, None]
    across = -column(angle.sin()) * ticks + column(angle.cos()) * ticks[:, None]
    kernel = torch.exp(-0.5 * ((along / column(long)) ** 2 + (across / column(short)) ** 2))
    kernel = kernel / kernel.sum((2, 3), keepdim=True)
    delta = torch.zeros(9, 9)
    delta[4, 4] = 1.0
    amount = column(draw.uniform(0, 1.2) * draw.chance(0.3 if sharp else 0.0))
    kernel = torch.where(amount > 0, delta + amount * (delta - kernel), kernel).repeat_interleave(3, 0)
    flat = F.pad(images, (4, 4, 4, 4), mode="replicate")
    flat = flat.reshape(1, -1, *flat.shape[2:])
    return F.conv2d(flat, kernel, groups=len(kernel)).reshape(images.shape)


def sense(linear: Tensor, side: int, draw: Draw) -> Tensor:
    """The sensor's pixels (``side`` across the crop), noise, tone curve, and the resize to the network's size."""
    coarse = linear
    if side != linear.shape[-1]:
        coarse = F.interpolate(linear, size=(side, side), mode="bilinear", antialias=True)
    noise = torch.randn(coarse.shape, generator=draw.generator)
    shot, read = (
        column(draw.uniform(0, 0.05) ** 2 * draw.chance(0.7)),
        column(draw.uniform(0, 0.008) * draw.chance(0.6)),
    )
    coarse = (coarse + noise * (shot * coarse.clamp(min=0) + read**2).sqrt()).clamp(0, 1)
    encoded = coarse.clamp(min=1e-6) ** (1 / 2.2)
    contrast, pivot = column(draw.normal(0.25).exp().clamp(0.5, 1.8)), encoded.mean((1, 2, 3), keepdim=True)
    encoded = ((encoded - pivot) * contrast + pivot).clamp(0, 1)
    gray = encoded.mean(1, keepdim=True)
    encoded = gray + (encoded - gray) * column(draw.uniform(0.6, 1.25))
    if side != SIZE:
        encoded = F.interpolate(encoded, size=(SIZE, SIZE), mode="bilinear", antialias=True)
    return encoded.clamp(0, 1)


def dct_matrix() -> Tensor:
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)[None]
    matrix = torch.cos(math.pi * (2 * n + 1) * k / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix


def compress(images: Tensor, draw: Draw) -> Tensor:
    """Coarser DCT coefficients in blocks of 8, the coarser the higher their frequency, as JPEG has them, on some."""
    basis = dct_matrix()
    blocks = images.unfold(2, 8, 8).unfold(3, 8, 8)
    coefficients = basis @ blocks @ basis.T
    frequency = torch.arange(8.0)[:, None] + torch.arange(8.0)
    step = column(draw.uniform(0.01, 0.08))[..., None, None] * (1 + 0.6 * frequency)
    back = basis.T @ ((coefficients / step).round() * step) @ basis
    whole = back.permute(0, 1, 2, 4, 3, 5).reshape(images.shape)
    return torch.where(column(draw.chance(0.35)), whole, images).clamp(0, 1)


def cut_out(images: Tensor, draw: Draw) -> Tensor:
    """A small rectangle of one color on some of the batch."""
    pixel = torch.arange(SIZE)
    left, top = draw.uniform(0, SIZE - 4), draw.uniform(0, SIZE - 4)
    wide, high = draw.uniform(2, 9), draw.uniform(2, 9)
    columns = (pixel >= left[:, None]) & (pixel < (left + wide)[:, None])
    rows = (pixel >= top[:, None]) & (pixel < (top + high)[:, None])
    hole = columns[:, None, None, :] & rows[:, None, :, None] & draw.chance(0.25)[:, None, None, None]
    color = torch.rand(draw.count, 3, 1, 1, generator=draw.generator)
    return torch.where(hole, color, images)


def augment(pictures: Pictures, picked: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A training batch ``[N, 3, SIZE, SIZE]`` of the pictures ``picked``, and its classes ``[N]``.

    Three eighths are as sharp as the network's input can be; each of the other eighths has its own resolution.
    """
    mirror = mirror_table()[pictures.label[picked]]
    mirrored = (mirror >= 0) & (torch.rand(len(picked), generator=generator) < 0.5)
    frames = []
    for number, (which, flip) in enumerate(zip(picked.chunk(8), mirrored.chunk(8), strict=True)):
        draw, sharp = Draw(len(which), generator), number < 3
        low, high = [(SIZE, SIZE + 1), (8, 16), (12, 28), (24, CANVAS + 1)][max(0, number - 2) % 4]
        seen = place(pictures.pixels[which].float() / 255, pictures.box[which], flip, SIZE if sharp else CANVAS, draw)
        lit = blur(relight(seen.clamp(min=1e-4) ** 2.2, draw), sharp, draw)
        frames.append(sense(lit, int(torch.randint(low, high, (), generator=generator)), draw))
    draw = Draw(len(picked), generator)
    return cut_out(compress(torch.cat(frames), draw), draw), torch.where(mirrored, mirror, pictures.label[picked])


# ---- roadside frames -----------------------------------------------------------------------------------------------


@cache
def bare(name: str) -> PaintedSign:
    """A shipped sign without paint."""
    sign = load_sign(name)
    return PaintedSign(sign, sign.texture(TEXTURE), torch.ones(1, TEXTURE, TEXTURE))


def known_signs() -> dict[str, int]:
    """Names of the shipped signs that GTSRB has, and its numbers for them."""
    names = class_names("gtsrb")
    classes = {name: load_sign(name).classes for name in sign_names()}
    return {name: names.index(known["gtsrb"]) for name, known in classes.items() if "gtsrb" in known}


class RoadsideFrames:
    """Frames of those signs, unpainted, through a scene."""

    def __init__(self, scene: str, *, seed: int) -> None:
        self.signs = list(known_signs().items())
        self.scene, self.seed = load_scene(scene), seed

    def draw(self, count: int, call: int, *, kinds: int = 2) -> tuple[Tensor, Tensor]:
        """``count`` frames of ``kinds`` signs and their classes; new ones for each ``call``, always the same."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + call)
        chosen = torch.randperm(len(self.signs), generator=generator)[:kinds].tolist()
        images, labels = [], []
        for number, part in zip(chosen, torch.arange(count).tensor_split(len(chosen)), strict=True):
            name, label = self.signs[number]
            start = call * count + int(part[0])
            images.append(self.scene.view(bare(name), len(part), seed=self.seed, start=start, size=(SIZE, SIZE)))
            labels.append(torch.full((len(part),), label))
        return torch.cat(images), torch.cat(labels)


# ---- training ------------------------------------------------------------------------------------------------------


class Training:
    """The network, its running average and its optimizer, as they stand after so many steps."""

    def __init__(self, seed: int, *, start: Path | None = None) -> None:
        torch.manual_seed(seed)
        self.network: nn.Module = GtsrbCnn(CLASSES)
        if start:
            fill(self.network, read_parameters(start), source=start, what="gtsrb-cnn")
        self.averaged = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1.0, weight_decay=0.05)
        self.generator = torch.Generator().manual_seed(seed)
        self.step = 0

    def save(self, path: Path) -> None:
        parts = {name: getattr(self, name).state_dict() for name in ("network", "averaged", "optimizer")}
        random = {"generator": self.generator.get_state(), "torch": torch.get_rng_state()}
        with atomic_path(path) as temporary:
            torch.save({**parts, **random, "step": self.step}, temporary)

    def load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        for name in ("network", "averaged", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
        self.step = state["step"]


def class_balanced(label: Tensor) -> Tensor:
    """Weight of each picture in the draw: rarer classes oftener, by the square root of their size."""
    return torch.bincount(label, minlength=CLASSES).float().rsqrt()[label]


def learn(training: Training, pictures: Pictures, args: argparse.Namespace, checkpoint: Path) -> None:
    """Goes on to the last step; the learning rate rises for ``WARM_UP`` steps and falls as a cosine."""
    weight = class_balanced(pictures.label)
    roadside = RoadsideFrames("wide", seed=args.seed + 1)
    columns = TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]:.3f}")
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn()) as bars:
        bar = bars.add_task("", total=args.steps, completed=training.step, loss=math.nan)
        while training.step < args.steps:
            simulated = round(args.batch * args.roadside_share) if training.step >= args.roadside_from else 0
            picked = torch.multinomial(weight, args.batch - simulated, replacement=True, generator=training.generator)
            images, label = augment(pictures, picked, training.generator)
            if simulated:
                frames, classes = roadside.draw(simulated, training.step)
                images, label = torch.cat([images, frames]), torch.cat([label, classes])
            rate = args.rate * min(1.0, (training.step + 1) / WARM_UP)
            for group in training.optimizer.param_groups:
                group["lr"] = rate * (0.5 + 0.5 * math.cos(math.pi * training.step / args.steps))
            training.network.train()
            with torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16):
                logits = training.network(images)
            loss = F.cross_entropy(logits.float(), label, label_smoothing=0.05)
            training.optimizer.zero_grad()
            loss.backward()
            training.optimizer.step()
            training.averaged.update_parameters(training.network)
            training.step += 1
            bars.update(bar, completed=training.step, loss=loss.item())
            if training.step % SAVE_EVERY == 0:
                training.save(checkpoint)


# ---- measuring -----------------------------------------------------------------------------------------------------


def answers(network: nn.Module, images: Tensor) -> Tensor:
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part).argmax(1) for part in images.split(256)])


def measure_photographs(network: nn.Module, data: Path) -> None:
    """Prints the accuracy on the test pictures, over all of them and by class."""
    images, label = read_test(data)
    right = answers(network, images) == label
    hits = [(int(right[label == c].sum()), int((label == c).sum())) for c in range(CLASSES)]
    low, high = wilson(float(right.sum()), len(right))
    mean = sum(hit / count for hit, count in hits if count) / sum(count > 0 for _, count in hits)
    total = f"{int(right.sum())}/{len(right)} = {percent(float(right.float().mean()), 2)}"
    print(f"\n{total} (95 %: {percent(low, 2)} to {percent(high, 2)}); mean over classes {percent(mean, 2)}")
    print("\n| id | class | right | of | accuracy |\n| ---: | --- | ---: | ---: | ---: |")
    for c, (name, (hit, count)) in enumerate(zip(class_names("gtsrb"), hits, strict=True)):
        print(f"| {c} | {name} | {hit} | {count} | {percent(hit / max(count, 1), 1)} |")


def measure_roadside(network: nn.Module, *, frames: int, seed: int) -> None:
    """Prints the accuracy on unpainted shipped signs, on frames that training never saw."""
    scenes = ("stationary-15", "drive-by", "wide")
    print(f"\n| sign | {' | '.join(scenes)} |\n| --- | {' | '.join('---:' for _ in scenes)} |")
    for name, label in known_signs().items():
        shares = []
        for scene in scenes:
            images = load_scene(scene).view(bare(name), frames, seed=seed, start=0, size=(SIZE, SIZE))
            shares.append((answers(network, images) == label).float().mean().item())
        print(f"| {name} | {' | '.join(percent(share, 1) for share in shares)} |", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("PHYSADV_DATA"), help="data folder [PHYSADV_DATA]")
    parser.add_argument("--extra-npz", type=Path, help="further training pictures, packed; see read_packed")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="weights to write [those that are shipped]")
    parser.add_argument("--steps", type=int, default=2800)
    parser.add_argument("--roadside-from", type=int, default=1800, help="the step at which roadside frames join in")
    parser.add_argument(
        "--roadside-share", type=float, default=0.2, help="of a batch, from then on; 0: photographs alone"
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3, help="the highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bfloat16", action="store_true", help="faster on processors with AVX512-BF16 or AMX")
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--measure", action="store_true", help="train nothing, measure the weights --out")
    parser.add_argument("--frames", type=int, default=450, help="roadside frames a sign and scene to measure on")
    args = parser.parse_args()
    if args.data is None:
        parser.error("no data folder: give --data or set PHYSADV_DATA")
    return args


def train(args: argparse.Namespace) -> None:
    """Trains, going on from the checkpoint if there is one, and writes the weights."""
    checkpoint = args.out.with_suffix(".checkpoint.pt")
    pictures = read_training(args.data)
    if args.extra_npz:
        pictures = joined(pictures, read_packed(args.extra_npz))
    training = Training(args.seed, start=args.start)
    if checkpoint.exists():
        training.load(checkpoint)
    learn(training, pictures, args, checkpoint)
    with atomic_path(args.out) as temporary:
        save_file(training.averaged.module.state_dict(), temporary)
    checkpoint.unlink(missing_ok=True)


def main() -> None:
    args = arguments()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if not args.measure:
        train(args)
    network = GtsrbCnn(CLASSES)
    fill(network, read_parameters(args.out), source=args.out, what="gtsrb-cnn")
    measure_photographs(network, args.data)
    measure_roadside(network, frames=args.frames, seed=args.seed + 1001)


if __name__ == "__main__":
    try:
        main()
    except PhysadvError as error:
        sys.exit(f"error: {error}")
