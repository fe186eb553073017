"""Every registered kind of scene keeps the promises that designs, batteries and replays rest on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from kornia.geometry.linalg import transform_points
from photograph_kit import bare, street
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.scenes import SCENE_KINDS, Conditions, PaintedSign, Scene, load_scene
from physadv.signs import load_sign

SIZE = (40, 32)
SOLVED = {"kornia": 1e-3}
"""Kornia solves for homographies in single precision, by LAPACK: its last digits depend on where the numbers lie."""
COARSE = {"weather": 2.5 / 255, "albumentations": 2.5 / 255}
"""Kinds whose pixels are rounded to 8 bits on the way."""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return street(tmp_path_factory.mktemp("street"), 6)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import albumentations as A

    path = tmp_path_factory.mktemp("pipeline") / "pipeline.yaml"
    A.save(A.Compose([A.Perspective((0.05, 0.1), p=1.0), A.RandomGamma(p=1.0)]), path, data_format="yaml")
    return path


@pytest.fixture(params=[kind for kind in SCENE_KINDS if SCENE_KINDS[kind].__module__ != "evaluation_kit"])
def scene(request: pytest.FixtureRequest, photographs: Path, pipeline: Path) -> Scene:
    """A scene of the kind, with as little said of it as it takes."""
    takes: dict[str, dict[str, Any]] = {
        "weather": {"base": "daylight"},
        "albumentations": {"pipeline": str(pipeline)},
        "kornia": {
            "transforms": [
                {"RandomPerspective": {"distortion_scale": 0.4, "p": 1.0}},
                {"ColorJiggle": {"brightness": 0.2, "p": 1.0}},
                {"RandomGaussianNoise": {"std": 0.02}},
            ]
        },
        "photographs": {"folder": str(photographs), "variation": {"exposure_ev": [-0.5, 0.5]}},
    }
    said = {"kind": request.param, **takes.get(request.param, {})}
    if "name" in SCENE_KINDS[request.param].configuration.model_fields:
        said["name"] = "a scene"
    return load_scene(said)


def painted(seed: int = 0, *, paint: Tensor | None = None) -> PaintedSign:
    """The stop sign with a large sticker of random colors, or of those given."""
    sign = bare(load_sign("us/stop"), px=64)
    noise = torch.rand(3, 24, 40, generator=torch.Generator().manual_seed(seed)) if paint is None else paint
    around = (12, 12, 20, 20)
    where = torch.nn.functional.pad(torch.ones_like(noise), around)
    rgb = sign.rgba[:3] * (1.0 - where) + torch.nn.functional.pad(noise, around)
    return PaintedSign(sign.sign, torch.cat([rgb, sign.rgba[3:]]), 1.0 - where[:1].detach())


def test_its_declaration_is_the_scene(scene: Scene) -> None:
    again = load_scene(scene.declaration)
    assert again.fingerprint == scene.fingerprint
    assert again.name == scene.name
    assert scene.kind in SCENE_KINDS
    assert (type(scene).__doc__ or "").strip()


def test_every_number_of_its_declaration_is_part_of_its_identity(scene: Scene) -> None:
    """Else the same command would give yesterday's result after its file has changed."""
    config = getattr(scene, "config", None)
    if config is None:
        assert load_scene({**dict(scene.declaration), "name": "another"}).fingerprint != scene.fingerprint  # type: ignore[arg-type]
        return
    said = scene.declaration
    assert isinstance(said, dict)
    for name, value in config.model_dump().items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            changed = load_scene({**said, name: value + (1 if isinstance(value, int) else 0.01)})
            assert changed.fingerprint != scene.fingerprint, name


def test_a_frame_depends_on_its_seed_and_number_alone(scene: Scene) -> None:
    all_, some = scene.sample(12, seed=7), scene.sample(4, seed=7, start=5)
    for name, values in {**dict(some.items()), **some.extra}.items():
        assert torch.equal(values, {**dict(all_[5:9].items()), **all_[5:9].extra}[name]), name
    assert set(all_.light.tolist()) <= set(range(len(scene.lights)))
    other = scene.sample(12, seed=8)
    assert any(not torch.equal(values, dict(other.items())[name]) for name, values in all_.items()) or any(
        not torch.equal(values, other.extra[name]) for name, values in all_.extra.items()
    )


def test_a_frame_is_the_same_whatever_the_batch(scene: Scene) -> None:
    conditions = scene.sample(9, seed=3)
    frames = scene.render(painted(), conditions, size=SIZE)
    assert frames.shape == (9, 3, *SIZE)
    assert 0.0 <= float(frames.min()) <= float(frames.max()) <= 1.0
    torch.testing.assert_close(
        frames, scene.render(painted(), conditions, size=SIZE), rtol=0, atol=SOLVED.get(scene.kind, 0.0)
    )
    few = torch.cat([scene.render(painted(), conditions[at : at + 3], size=SIZE) for at in (0, 3, 6)])
    torch.testing.assert_close(few, frames, rtol=0, atol=COARSE.get(scene.kind, SOLVED.get(scene.kind, 1e-5)))
    assert not torch.equal(frames[0], frames[1]), "conditions are to be seen"


def test_it_is_drawn_again_from_what_a_table_keeps(scene: Scene) -> None:
    conditions = scene.sample(5, seed=4)
    kept = Conditions.from_columns(conditions.to_columns())
    again, first = (scene.render(painted(), one, size=SIZE) for one in (kept, conditions))
    torch.testing.assert_close(again, first, rtol=0, atol=SOLVED.get(scene.kind, 0.0))


def test_what_is_prepared_is_shown_as_it_is_rendered(scene: Scene) -> None:
    conditions = scene.sample(4, seed=5)
    prepared = scene.prepare(painted(0), conditions, size=SIZE)
    shown = scene.show(painted(1), prepared)
    torch.testing.assert_close(
        shown, scene.render(painted(1), conditions, size=SIZE), rtol=0, atol=SOLVED.get(scene.kind, 1e-5)
    )


def test_paint_is_seen(scene: Scene) -> None:
    conditions = scene.sample(4, seed=6)
    one, other = (scene.render(painted(seed), conditions, size=SIZE) for seed in (0, 1))
    assert bool(((one - other).abs().flatten(1).amax(1) > 2 / 255).all())


def test_its_gradient_is_that_of_finite_differences(scene: Scene) -> None:
    conditions = scene.sample(2, seed=2)
    paint = (0.3 + 0.4 * torch.rand(3, 24, 40, generator=torch.Generator().manual_seed(9))).requires_grad_(True)
    frames = scene.render(painted(paint=paint), conditions, size=SIZE)
    if not scene.differentiable:
        assert not frames.requires_grad
        return
    weights = torch.randn(frames.shape, generator=torch.Generator().manual_seed(1))
    (slope,) = torch.autograd.grad((frames * weights).sum(), paint)
    assert torch.isfinite(slope).all()
    way = torch.nn.functional.avg_pool2d(torch.randn(1, 3, 24, 40, generator=torch.Generator().manual_seed(2)), 5, 1, 2)
    with torch.no_grad():
        step = 2e-2
        ahead, behind = (
            (scene.render(painted(paint=paint + sign * step * way[0]), conditions, size=SIZE) * weights).sum()
            for sign in (1.0, -1.0)
        )
    expected = float((ahead - behind) / (2 * step))
    assert float((slope * way[0]).sum()) == pytest.approx(expected, rel=0.05, abs=0.05 * float(slope.abs().sum()) / 100)


def test_a_slip_in_its_declaration_is_one_sentence(scene: Scene) -> None:
    said = scene.declaration
    assert isinstance(said, dict)
    with pytest.raises(PhysadvError, match="unknown key 'color_of_moon'") as caught:
        load_scene({**said, "color_of_moon": 1})
    assert "\n" not in str(caught.value)


def test_captured_frames_are_those_that_are_rendered(scene: Scene) -> None:
    conditions = scene.sample(5, seed=8)
    frames = scene.capture(painted(), conditions, size=SIZE)
    again = scene.render(painted(), conditions, size=SIZE)
    torch.testing.assert_close(frames.pictures, again, rtol=0, atol=SOLVED.get(scene.kind, 0.0))
    assert frames.outline_px.shape == (5, 8, 2)
    assert frames.corners_px.shape == (5, 4, 2)
    low, high = frames.corners_px.amin(1), frames.corners_px.amax(1)
    assert bool((frames.box_px[:, :2] >= low - 1e-6).all())
    assert bool((frames.box_px[:, 2:] <= high + 1e-6).all())


def test_the_sign_is_where_its_homography_says(scene: Scene) -> None:
    """A black sign with one white spot, and the same without: what differs has its center where the spot should be."""
    sign, px, size = load_sign("us/stop"), 64, (96, 80)
    conditions = scene.sample(4, seed=9)
    seen = []
    spot = torch.zeros(1, px, px)
    spot[:, 38:44, 20:26] = 1.0
    for level in (0.0, 1.0):
        rgba = torch.cat([(spot * level).expand(3, px, px), sign.texture(px)[3:]])
        seen.append(scene.render(PaintedSign(sign, rgba, torch.zeros(1, px, px)), conditions, size=size))
    change = (seen[1] - seen[0]).abs().sum(1)
    change = torch.where(change > 0.25 * change.amax((1, 2), keepdim=True), change, torch.zeros_like(change))
    total = change.sum((1, 2))
    columns, rows = (torch.arange(side) + 0.5 for side in (size[1], size[0]))
    found = torch.stack([(change.sum(1) * columns).sum(1), (change.sum(2) * rows).sum(1)], 1) / total[:, None]
    at_mm = torch.tensor([[23.0 / px - 0.5, 41.0 / px - 0.5]], dtype=torch.float64) * sign.extent_mm
    places = transform_points(scene.homographies(sign, conditions, size=size), at_mm.expand(4, 1, 2))[:, 0]
    assert float((found - places).abs().max()) < 1.0, (found, places)
