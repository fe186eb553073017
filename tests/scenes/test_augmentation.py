"""Our steps as Kornia augmentations: they keep the promises that Kornia's own keep, and are the scenes' physics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kornia
import kornia.augmentation as K
import pytest
import torch
from kornia.geometry.linalg import transform_points
from kornia.geometry.transform import warp_perspective
from photograph_kit import bare
from torch import Tensor, nn

import physadv.augmentation as own
from physadv.core.color import illuminant_rgb, linear_to_srgb, srgb_to_linear
from physadv.scenes import Conditions, PaintedSign, load_scene
from physadv.signs import load_sign

PX = 32
MODULES: dict[str, Callable[..., nn.Module]] = {
    **{name: getattr(own, name) for name in own.__all__ if name != "RandomScene"},
    "RandomScene": lambda p=1.0, **given: own.RandomScene("daylight", size=(PX, PX), **given),
}
GEOMETRIC = {"RandomPlacement", "RandomScene"}
NO_GRADIENT = {"RandomWeather"}
INEXACT = {"RandomSensor", "RandomQuickJPEG", "RandomScene", "RandomWeather"}
"""Whose gradient leaves something out, by design: the noise's dependence on the light, the rounding of JPEG."""


def pictures(count: int, *, px: int = PX, dtype: torch.dtype = torch.float32) -> Tensor:
    smooth = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(count))
    wide = nn.functional.interpolate(smooth, size=(px, px), mode="bilinear")
    return (wide * 0.7 + 0.15).to(dtype)


@pytest.fixture(params=sorted(MODULES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_module_is_in_the_list() -> None:
    assert set(own.__all__) == set(MODULES)


def test_it_is_shown_with_its_parameters(name: str) -> None:
    assert repr(MODULES[name]()).startswith(f"{name}(")
    assert "p=1.0" in repr(MODULES[name]())


@pytest.mark.parametrize("shape", [(1, 3, PX, PX), (4, 3, PX, PX), (3, PX, PX)])
def test_shapes_are_kornias(name: str, shape: tuple[int, ...]) -> None:
    pixels = pictures(4)[: shape[0]] if len(shape) == 4 else pictures(1)[0]
    made = MODULES[name]()(pixels)
    assert made.shape == (shape if len(shape) == 4 else (1, *shape))
    assert made.dtype == torch.float32
    assert bool(((made >= 0.0) & (made <= 1.0)).all())
    assert MODULES[name](keepdim=True)(pixels).shape == shape
    assert torch.equal(pixels, pictures(4)[: shape[0]] if len(shape) == 4 else pictures(1)[0]), "the input stays"


def test_it_differs_from_picture_to_picture_unless_told_otherwise(name: str) -> None:
    torch.manual_seed(0)
    same = pictures(1).expand(3, -1, -1, -1)
    module = MODULES[name]()
    first = module(same)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(module(same), first)
    alike = MODULES[name](same_on_batch=True)(same)
    torch.testing.assert_close(alike[0], alike[1], rtol=0, atol=1e-6)


def test_it_replays_by_its_parameters(name: str) -> None:
    module, other = MODULES[name](), MODULES[name]()
    made = module(pictures(3))
    assert torch.equal(module(pictures(3), params=module._params), made)
    assert torch.equal(other(pictures(3), params=module._params), made)
    torch.manual_seed(3)
    first = module(pictures(3))
    torch.manual_seed(3)
    assert torch.equal(module(pictures(3)), first)


def test_a_picture_that_is_left_out_stays_as_it_is(name: str) -> None:
    if name == "RandomScene":
        pytest.skip("a frame is not a picture of a sign's face: there is none to leave out")
    assert torch.equal(MODULES[name](p=0.0)(pictures(3)), pictures(3))
    torch.manual_seed(1)
    module = MODULES[name](p=0.5)
    made = module(pictures(12))
    stays = module._params["batch_prob"] < 0.5
    assert 0 < int(stays.sum()) < 12
    assert torch.equal(made[stays], pictures(12)[stays])


def test_its_gradient_reaches_the_pictures(name: str) -> None:
    leaf = pictures(2).requires_grad_(True)
    made = MODULES[name]()(leaf)
    if name in NO_GRADIENT:
        assert not made.requires_grad
        return
    (slope,) = torch.autograd.grad(made.sum(), leaf)
    assert bool(slope.isfinite().all())
    assert float(slope.abs().sum()) > 0


def test_its_gradient_is_that_of_finite_differences(name: str) -> None:
    if name in INEXACT:
        pytest.skip("by design it leaves something out")
    calm = {"RandomIllumination": {"exposure_ev": (-1.0, -0.5)}}.get(name, {})
    module = MODULES[name](**calm)
    leaf = pictures(1, px=6, dtype=torch.float64).requires_grad_(True)
    params = module.forward_parameters(leaf.shape)
    assert torch.autograd.gradcheck(lambda one: module(one, params=params), (leaf,), atol=1e-4, rtol=1e-3)


def test_everything_moves_together(name: str) -> None:
    """Image, mask, box and keypoints through Kornia's container."""
    augment = K.AugmentationSequential(MODULES[name](), data_keys=["input", "mask", "bbox_xyxy", "keypoints"])
    face = torch.zeros(3, 3, PX, PX)
    face[:, :, 10:20, 12:18] = 1.0
    mask = face[:, :1].clone()
    box = torch.tensor([[[12.0, 10.0, 17.0, 19.0]]]).expand(3, 1, 4).clone()
    corners = torch.tensor([[[11.5, 9.5], [17.5, 9.5], [17.5, 19.5], [11.5, 19.5]]]).expand(3, 4, 2).clone()
    _, moved_mask, moved_box, moved_corners = augment(face, mask, box, corners)
    if name not in GEOMETRIC:
        assert torch.equal(moved_mask, mask)
        torch.testing.assert_close(moved_box, box)
        torch.testing.assert_close(moved_corners, corners)
        return
    rows, columns = torch.meshgrid(torch.arange(PX), torch.arange(PX), indexing="ij")
    for one, points, around in zip(moved_mask, moved_corners, moved_box[:, 0], strict=True):
        inside = one[0] > 0.5
        assert int(inside.sum()) > 4
        found = torch.stack([columns[inside].float().mean(), rows[inside].float().mean()])
        assert float((found - points.mean(0)).abs().max()) < 1.0
        low, high = points.amin(0), points.amax(0)
        assert float((around[:2] - low).abs().max()) < 1.5
        assert float((around[2:] - high).abs().max()) < 1.5


def test_it_works_in_plain_torch(name: str) -> None:
    made = nn.Sequential(MODULES[name](), nn.AvgPool2d(2))(pictures(2))
    assert made.shape == (2, 3, PX // 2, PX // 2)


@pytest.mark.parametrize(
    ("module", "given"),
    [
        ("RandomIllumination", {"exposure_ev": (1.0, -1.0)}),
        ("RandomIllumination", {"temperature_k": (100.0, 9000.0)}),
        ("RandomCastShadow", {"strength": (0.0, 1.5)}),
        ("RandomLens", {"defocus_px": 3.0}),
        ("RandomSensor", {"full_well_e": (0.0, 10.0)}),
        ("RandomQuickJPEG", {"jpeg_quality": (-5.0, 50.0)}),
        ("RandomPlacement", {"yaw_deg": (-120.0, 120.0)}),
        ("RandomPlacement", {"board_m": 0.0}),
        ("RandomPlacement", {"padding_mode": "grass"}),
        ("RandomWeather", {"kinds": ["locusts"]}),
        ("RandomScene", {"size": (0, 5)}),
    ],
)
def test_nonsense_is_refused_by_name(module: str, given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(given)).rstrip("s")):
        getattr(own, module)(**given)
    with pytest.raises(ValueError, match=r"\[B, 3, P, P\]"):
        own.RandomScene("daylight")(torch.rand(2, 3, 20, 30))


# ---- the physics ---------------------------------------------------------------------------------------------------


def test_light_is_that_of_the_scenes() -> None:
    module = own.RandomIllumination((-1.0, -1.0), (4500.0, 4500.0))
    expected = srgb_to_linear(pictures(2)) * 0.5 * illuminant_rgb(torch.tensor([4500.0]))[:, :, None, None]
    torch.testing.assert_close(module(pictures(2)), linear_to_srgb(expected.clamp(max=1.0)), rtol=0, atol=1e-5)


def test_a_shadow_takes_its_share_where_its_band_is() -> None:
    gray = torch.full((1, 3, 40, 40), 0.5)
    module = own.RandomCastShadow((0.6, 0.6), (0.25, 0.25), (0.2, 0.2), (0.001, 0.001), (0.0, 0.0))
    left = (srgb_to_linear(module(gray)) / srgb_to_linear(gray))[0, 0, 20]
    middle = 40 * (0.5 + 0.2)
    inside = (torch.arange(40) + 0.5 - middle).abs() < 4
    outside = (torch.arange(40) + 0.5 - middle).abs() > 6
    torch.testing.assert_close(left[inside], torch.full_like(left[inside], 0.4), rtol=0, atol=1e-3)
    torch.testing.assert_close(left[outside], torch.ones_like(left[outside]), rtol=0, atol=1e-3)


def test_haze_leaves_two_percent_of_the_contrast_at_the_visibility() -> None:
    black_and_white = torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)])
    seen = srgb_to_linear(own.RandomHaze((200.0, 200.0), (200.0, 200.0))(black_and_white))
    assert float((seen[1] - seen[0]).mean()) == pytest.approx(0.02, abs=1e-4)


def test_a_lens_without_streak_is_kornias_gaussian() -> None:
    pixels = pictures(2)
    module = own.RandomLens((1.2, 1.2), (0.0, 0.0))
    deviation = (1.2**2 + 0.45**2) ** 0.5  # the pixels' own blur comes to it
    linear = srgb_to_linear(pixels)
    expected = kornia.filters.gaussian_blur2d(linear, (17, 17), (deviation, deviation), border_type="constant")
    whole = kornia.filters.gaussian_blur2d(torch.ones_like(linear), (17, 17), (deviation,) * 2, border_type="constant")
    torch.testing.assert_close(module(pixels), linear_to_srgb(expected / whole), rtol=0, atol=2e-3)


def test_a_streak_lies_along_its_angle() -> None:
    spot = torch.zeros(1, 3, 33, 33)
    spot[:, :, 16, 16] = 1.0
    seen = srgb_to_linear(own.RandomLens((0.0, 0.0), (9.0, 9.0), (0.0, 0.0))(spot))[0, 0]
    across, along = seen.sum(1), seen.sum(0)
    places = torch.arange(33.0) - 16
    spread = [float((one / one.sum() * places**2).sum()) for one in (along, across)]
    assert spread[0] == pytest.approx(9.0**2 / 12 + 0.45**2, rel=0.2)
    assert spread[1] == pytest.approx(0.45**2, abs=0.1)


def test_a_sensor_is_as_noisy_as_its_electrons_say() -> None:
    gray = torch.full((1, 3, 200, 200), 0.5)
    module = own.RandomSensor((1000.0, 1000.0), (20.0, 20.0), (1.0, 1.0))
    linear = srgb_to_linear(gray)[0, 0, 0, 0].item()
    noise = (srgb_to_linear(module(gray)) - linear).std().item()
    assert noise == pytest.approx((linear / 1000 + (20 / 1000) ** 2) ** 0.5, rel=0.03)
    bent = own.RandomSensor((1e6, 1e6), (0.0, 0.0), (1.3, 1.3))
    high, low = (bent(torch.full((1, 3, 8, 8), 0.5 + step)).mean().item() for step in (0.01, -0.01))
    assert (high - low) / 0.02 == pytest.approx(1.3, rel=0.02)


def test_the_quick_jpeg_is_kornias_within_rounding() -> None:
    """In its luma; chroma is repeated here where Kornia blends it."""
    pixels = pictures(2, px=64).mean(1, keepdim=True).expand(-1, 3, -1, -1).contiguous()
    made = own.RandomQuickJPEG((60.0, 60.0))(pixels)
    expected = kornia.enhance.jpeg_codec_differentiable(pixels, torch.tensor([60.0, 60.0]))
    assert float((made - expected).abs().mean()) < 1 / 255


def test_a_board_seen_from_the_front_is_the_picture() -> None:
    still = dict.fromkeys(("lateral_m", "height_m", "yaw_deg", "pitch_deg", "roll_deg", "margin"), (0.0, 0.0))
    module = own.RandomPlacement((8.0, 8.0), **still)  # type: ignore[arg-type]
    torch.testing.assert_close(module(pictures(2)), pictures(2), rtol=0, atol=1e-4)
    turned = own.RandomPlacement((8.0, 8.0), **{**still, "yaw_deg": (40.0, 40.0)})  # type: ignore[arg-type]
    made = turned(pictures(1))
    matrix = turned.transform_matrix
    assert matrix is not None
    torch.testing.assert_close(made, warp_perspective(pictures(1), matrix, (PX, PX), align_corners=False))
    back = turned.inverse(made)
    assert float((back - pictures(1)).abs()[..., 6:-6, 6:-6].mean()) < 0.02


def test_a_board_is_where_the_roadside_puts_the_sign() -> None:
    """The same pose through the roadside's own camera and crop."""
    scene, sign = load_scene("daylight"), load_sign("us/stop")
    conditions = scene.sample(6, seed=3)
    pose = {name: getattr(conditions, name) for name in ("distance_m", "lateral_m", "height_m")}
    pose |= {name: getattr(conditions, name) for name in ("yaw_deg", "pitch_deg", "roll_deg")}
    module = own.RandomPlacement(board_m=sign.extent_mm / 1000)
    params = module.forward_parameters(torch.Size((6, 3, PX, PX))) | pose | {"margin": torch.zeros(6)}
    module(torch.zeros(6, 3, PX, PX), params=params)
    points = torch.rand(1, 5, 2, generator=torch.Generator().manual_seed(0)).expand(6, -1, -1) * (PX - 1)
    found = transform_points(module.transform_matrix.double(), points.double())  # type: ignore[union-attr]
    to_frame = scene.homographies(sign, conditions, size=(PX, PX))
    on_sign = ((points.double() + 0.5) / PX - 0.5) * sign.extent_mm
    expected = transform_points(to_frame, on_sign)
    # the roadside cuts another box out of the same picture: what is left is a stretch and a shift along each axis
    for one, other in zip(found, expected, strict=True):
        for axis in (0, 1):
            design = torch.stack([one[:, axis], torch.ones(5, dtype=torch.float64)], dim=1)
            fit = torch.linalg.lstsq(design, other[:, axis, None]).solution
            assert float((design @ fit - other[:, axis, None]).abs().max()) < 0.02


def test_a_scene_in_a_module_is_the_scene() -> None:
    module = own.RandomScene("drive-by", size=(24, 32))
    face = pictures(1, px=48)
    made = module(face.expand(4, -1, -1, -1))
    params = module._params
    conditions = Conditions(**{name: params[name] for name, _ in load_scene("drive-by").sample(1, seed=0).items()})
    cover = load_sign("us/stop").texture(48)[3:]
    painted = PaintedSign(load_sign("us/stop"), torch.cat([srgb_to_linear(face[0]), cover]), torch.ones_like(cover))
    expected = load_scene("drive-by").render(painted, conditions, size=(24, 32))
    assert torch.equal(made, expected)
    apart = module(face.repeat(4, 1, 1, 1), params=params)
    torch.testing.assert_close(apart, expected, rtol=0, atol=1e-5)


def test_any_scene_goes_into_a_module_and_own_modules_into_a_scene() -> None:
    chain = {
        "kind": "kornia",
        "name": "ours",
        "transforms": [{"RandomCastShadow": {"strength": [0.5, 0.9]}}, "RandomSensor"],
    }
    scene = load_scene({**chain, "px": PX})
    frames = scene.render(bare(load_sign("us/stop"), px=64), scene.sample(3, seed=0), size=(PX, PX))
    assert frames.shape == (3, 3, PX, PX)
    assert scene.differentiable
    made = own.RandomScene(scene, size=(PX, PX))(pictures(2, px=64))
    assert made.shape == (2, 3, PX, PX)
    rain = {"kind": "kornia", "name": "rain", "transforms": [{"RandomWeather": {"kinds": ["rain"]}}], "px": PX}
    assert not load_scene(rain).differentiable
    assert load_scene(rain).why_no_gradient == "RandomWeather passes none"
