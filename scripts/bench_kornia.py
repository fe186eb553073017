"""Our operations beside Kornia's: how much their results differ, and how long each takes, measured in turn.

    python scripts/bench_kornia.py [--rounds 15]

64 pictures of 64 x 64, forward and, where a search goes through it, backward. The times are medians; the difference
is the largest over all values, in units of 1/255 for pictures.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import kornia
import torch
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks.digital.transforms import transformed
from physadv.attacks.recipes.stadv import Flow
from physadv.core.color import linear_to_srgb, srgb_to_linear
from physadv.core.jpeg import jpeg
from physadv.defenses.defense import build_defense
from physadv.scenes import load_scene
from physadv.scenes.camera import geometry, sensor, texture
from physadv.scenes.camera.lens import Lens
from physadv.signs import load_sign

COUNT, PX = 64, 64


@dataclass
class Pair:
    """An operation in both ways, of the same inputs."""

    name: str
    ours: Callable[[Tensor], Tensor]
    kornias: Callable[[Tensor], Tensor]
    start: Tensor
    backward: bool = True
    inner: int = 0
    """Pixels of the border that are not compared: the two treat it in different ways."""


def pictures() -> Tensor:
    """Smooth random pictures."""
    coarse = torch.rand(COUNT, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, size=(PX, PX), mode="bilinear") * 0.8 + 0.1


def pairs() -> list[Pair]:
    """Of everything that both have."""
    base = pictures()
    ones, deviation = torch.ones(COUNT), torch.linspace(0.6, 2.0, COUNT)
    quality = torch.linspace(40.0, 95.0, COUNT)
    still = Lens.of(PX, PX, deviation[:, None].expand(-1, 2), torch.zeros(COUNT, 2))
    long = Lens.of(PX, PX, torch.full((COUNT, 2), 0.3), torch.tensor([[9.0, 0.0]]).expand(COUNT, -1))
    blank = torch.zeros(COUNT)
    median = build_defense("median:window=3")
    flow = Flow(0.0)
    shifts = torch.randn(COUNT, 2, PX, PX, generator=torch.Generator().manual_seed(1))
    grid = torch.stack(torch.meshgrid(torch.arange(PX), torch.arange(PX), indexing="xy")).float()
    drawn = torch.rand(COUNT, 5, generator=torch.Generator().manual_seed(2)) * 2 - 1
    drawn[:, 4] = 0.0
    one = base[:1]
    sign, scene = load_sign("us/stop"), load_scene("daylight")
    conditions = scene.sample(COUNT, seed=3)
    to_frame = scene.homographies(sign, conditions, size=(PX, PX))
    face = F.interpolate(base[:1], size=(256, 256), mode="bilinear")[0]
    to_face = torch.diag(torch.tensor([256 / sign.extent_mm] * 2 + [1.0], dtype=torch.float64))
    to_face[:2, 2] = 128.0
    half = torch.eye(3, dtype=torch.float64)
    half[:2, 2] = 0.5
    face_to_frame = (torch.linalg.inv(half) @ to_frame @ torch.linalg.inv(to_face) @ half).float()

    def sampled(picture: Tensor) -> Tensor:
        inverse = torch.linalg.inv(to_frame)
        steps = torch.arange(PX, dtype=torch.float64) + 0.5
        points = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).reshape(1, -1, 2)
        at = kornia.geometry.linalg.transform_points(inverse, points.expand(COUNT, -1, -1))
        x, y = (at / sign.extent_mm + 0.5).float().reshape(COUNT, PX, PX, 2).unbind(-1)
        least = torch.full((COUNT,), 1e-9)
        return texture.place(x, y, least, least, px=256)(texture.build_atlas(picture))

    def affine(picture: Tensor) -> Tensor:
        right, down, scale, turn, _ = drawn.unbind(1)
        angle = torch.deg2rad(5.0 * turn)
        cosine, sine = (1.0 + 0.05 * scale) * angle.cos(), (1.0 + 0.05 * scale) * angle.sin()
        rows = [cosine, -sine, 0.08 * right, sine, cosine, 0.08 * down, 0 * sine, 0 * sine, 0 * sine + 1]
        back = torch.stack(rows, dim=1).reshape(-1, 3, 3)
        every = picture.expand(COUNT, -1, -1, -1)
        return kornia.geometry.homography_warp(every, back, (PX, PX), padding_mode="border", align_corners=False)

    def projected(start: Tensor) -> Tensor:
        rays = torch.cat([start, torch.zeros_like(start[..., :1])], dim=-1)
        turned = geometry.sign_rotation(conditions) @ (rays * torch.tensor([1.0, -1.0, 1.0]).double()).mT / 1000.0
        camera = geometry.camera_rotation(conditions, aim="sign")
        seen = camera @ (turned - geometry.camera_position_m(conditions)[..., None])
        intrinsics = torch.eye(3, dtype=torch.float64).repeat(COUNT, 1, 1)
        intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = geometry.focal_px(conditions)
        return kornia.geometry.project_points(seen.mT, intrinsics[:, None].expand(-1, start.shape[1], -1, -1))

    outline = torch.tensor(sign.outline_mm, dtype=torch.float64).expand(COUNT, -1, -1)
    sides = torch.full((COUNT, 1), float(PX))
    matrix = sensor.resize_matrix(sides[:, 0], PX, PX // 2)
    return [
        Pair("sRGB to linear", srgb_to_linear, kornia.color.rgb_to_linear_rgb, base),
        Pair("linear to sRGB", linear_to_srgb, kornia.color.linear_rgb_to_rgb, base),
        Pair("tone curve", lambda x: sensor.tone(x, ones), kornia.color.linear_rgb_to_rgb, base),
        Pair(
            "lens blur",
            still,
            lambda x: kornia.filters.gaussian_blur2d(x, (17, 17), deviation[:, None].expand(-1, 2)),
            base,
            inner=8,
        ),
        Pair("motion streak", long, lambda x: kornia.filters.motion_blur(x, 9, blank, blank), base, inner=8),
        Pair(
            "JPEG",
            lambda x: jpeg(x, quality, ones),
            lambda x: kornia.enhance.jpeg_codec_differentiable(x, quality),
            base,
        ),
        Pair(
            "resize to half",
            lambda x: sensor.resize(x, matrix, matrix),
            lambda x: kornia.geometry.resize(x, (PX // 2, PX // 2), antialias=True, align_corners=False),
            base,
        ),
        Pair(
            "views of one texture",
            sampled,
            lambda x: kornia.geometry.warp_perspective(
                x.expand(COUNT, -1, -1, -1), face_to_frame, (PX, PX), align_corners=False
            ),
            face,
        ),
        Pair(
            "plane to camera",
            lambda x: kornia.geometry.linalg.transform_points(geometry.homography(conditions, aim="sign"), x),
            projected,
            outline,
            backward=False,
        ),
        Pair(
            "median 3 x 3",
            median.clean,
            lambda x: kornia.filters.median_blur(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3)[..., 1:-1, 1:-1],
            base,
        ),
        Pair("small turns and shifts", lambda x: transformed(x, drawn)[:, 0], affine, one),
        Pair(
            "flow (stAdv)",
            lambda x: flow.apply(base, x),
            lambda x: kornia.geometry.remap(
                base, grid[0] + x[:, 0], grid[1] + x[:, 1], padding_mode="border", align_corners=True
            ),
            shifts,
        ),
    ]


def timed(run: Callable[[Tensor], Tensor], start: Tensor, *, backward: bool) -> tuple[float, Tensor]:
    """Seconds, and the result."""
    leaf = start.clone().requires_grad_(backward)
    began = time.perf_counter()
    seen = run(leaf)
    if backward:
        seen.sum().backward()  # type: ignore[no-untyped-call]
    return time.perf_counter() - began, seen.detach()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print("| operation | ours, ms | Kornia's, ms | largest difference, /255 |\n|---|---|---|---|")
    for pair in pairs():
        times: tuple[list[float], list[float]] = ([], [])
        results: list[Tensor] = []
        for number in range(options.rounds + 2):
            results = []
            for run, spent in zip((pair.ours, pair.kornias), times, strict=True):
                seconds, seen = timed(run, pair.start, backward=pair.backward)
                results.append(seen)
                if number > 1:
                    spent.append(seconds)
        edge = slice(pair.inner, -pair.inner or None)
        difference = float((results[0] - results[1]).abs()[..., edge, edge].max()) * 255
        ours, kornias = (1000 * statistics.median(spent) for spent in times)
        print(f"| {pair.name} | {ours:.2f} | {kornias:.2f} | {difference:.2g} |")


if __name__ == "__main__":
    main()
