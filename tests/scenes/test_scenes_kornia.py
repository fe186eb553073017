"""Scenes through Kornia's augmentations: every module frame by frame, its parameters kept, and where points go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kornia.augmentation as K
import pytest
import torch
from evaluation_kit import ColorVictim, colored_patch
from kornia.geometry.linalg import transform_points
from photograph_kit import bare
from torch import Tensor

from physadv.core.errors import PhysadvError
from physadv.evaluation import evaluate, replay
from physadv.scenes import Conditions, load_scene
from physadv.scenes.kornia.chain import BLOCK, Chain
from physadv.scenes.kornia.kornia_scene import KorniaScene
from physadv.scenes.kornia.modules import augmentations, sequence
from physadv.signs import load_sign

PX = 32
SOLVED = 1e-3
"""Kornia solves for homographies in single precision, by LAPACK: its last digits depend on where the numbers lie."""
TAKES: dict[str, dict[str, Any]] = {
    "CenterCrop": {"size": 24},
    "ColorJiggle": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1},
    "ColorJitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.1},
    "Denormalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "LongestMaxSize": {"max_size": 24},
    "Normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "PadTo": {"size": [40, 36]},
    "RandomAffine": {"degrees": 15, "translate": [0.1, 0.1], "scale": [0.8, 1.1], "shear": 10},
    "RandomBrightness": {"brightness": [0.6, 1.4]},
    "RandomContrast": {"contrast": [0.6, 1.4]},
    "RandomCrop": {"size": [24, 20]},
    "RandomErasing": {"scale": [0.05, 0.2]},
    "RandomGamma": {"gamma": [0.5, 2.0]},
    "RandomGaussianBlur": {"kernel_size": [3, 3], "sigma": [0.2, 1.5]},
    "RandomGrayscale": {"p": 0.5},
    "RandomHue": {"hue": [-0.2, 0.2]},
    "RandomMotionBlur": {"kernel_size": [3, 7], "angle": 40, "direction": 0.5},
    "RandomPerspective": {"distortion_scale": 0.5},
    "RandomResizedCrop": {"size": [24, 24], "scale": [0.85, 1.0], "ratio": [1.0, 1.0]},
    "RandomRotation": {"degrees": 20},
    "RandomRotation90": {"times": [1, 3]},
    "RandomSaturation": {"saturation": [0.4, 1.6]},
    "RandomShear": {"shear": 15},
    "RandomTranslate": {"translate_x": [-0.2, 0.2], "translate_y": [-0.2, 0.2]},
    "Resize": {"size": [20, 24]},
    "SmallestMaxSize": {"max_size": 24},
}
"""Parameters that a class does not go without, or is not seen without."""
NO_GRADIENT = {"RandomClahe", "RandomEqualize", "RandomPosterize", "RandomWeather"}
ELSEWHERE = {"RandomDissolving"}
"""Needs a package of its own, and weights to be fetched."""
NAMES = sorted(set(augmentations()) - ELSEWHERE)
GEOMETRIC = [name for name in NAMES if issubclass(augmentations()[name], K.GeometricAugmentationBase2D)]


def chain(name: str, **more: Any) -> Chain:
    return Chain(sequence([{name: {**TAKES.get(name, {}), **more}}], px=PX), px=PX)


def pictures(count: int) -> Tensor:
    smooth = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(smooth, size=(PX, PX), mode="bilinear") * 0.8 + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_every_module_changes_a_frame_by_its_own_parameters_alone(name: str) -> None:
    one = chain(name)
    assert bool(one.without_gradient) is (name in NO_GRADIENT)
    assert set(TAKES) <= set(augmentations())
    index = torch.arange(BLOCK - 5, BLOCK + 6)
    kept = one.draw(index, seed=3)
    whole = one(pictures(11), index, kept)
    assert whole.shape == (11, 3, *one.size)
    if one.size == (PX, PX):
        assert not torch.equal(whole, pictures(11)), "it does something"
    order = torch.tensor([10, 0, 7, 3])
    for which in (order, order[:1]):
        few = one(pictures(11)[which], index[which], {key: value[which] for key, value in kept.items()})
        torch.testing.assert_close(few, whole[which], rtol=0, atol=SOLVED)
    again = chain(name)
    assert all(torch.equal(value, again.draw(index[2:9], seed=3)[key]) for key, value in _rows(kept, 2, 9).items())
    torch.testing.assert_close(again(pictures(11), index, kept), whole, rtol=0, atol=SOLVED)


def _rows(kept: dict[str, Tensor], start: int, stop: int) -> dict[str, Tensor]:
    return {key: value[start:stop] for key, value in kept.items()}


def test_torchs_own_random_numbers_are_left_as_they_were() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = chain("RandomAffine")
    index = torch.arange(4)
    one(pictures(4), index, one.draw(index, seed=0))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["RandomAffine", "RandomPerspective", "ColorJiggle", "RandomGamma"])
def test_what_is_kept_decides_the_frame(name: str) -> None:
    """Whatever a later release of Kornia draws from the same seed."""
    one = chain(name, p=1.0)
    index = torch.arange(3)
    kept = one.draw(index, seed=1)
    other = {key: value if key == "seed" else one.draw(index, seed=2)[key] for key, value in kept.items()}
    assert len(other) > 1
    changed = one(pictures(3), index, other)
    assert float((changed - one(pictures(3), index, kept)).abs().max()) > 0.01
    if name != "ColorJiggle":  # whose order of steps is one for all frames of a block, and comes from the seed
        torch.testing.assert_close(changed, one(pictures(3), index, one.draw(index, seed=2)), rtol=0, atol=SOLVED)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_points_go_where_the_matrix_says(name: str) -> None:
    one = chain(name)
    spot = torch.zeros(6, 3, PX, PX)
    spot[:, :, 13:17, 14:18] = 1.0
    index = torch.arange(6)
    kept = one.draw(index, seed=4)
    seen = one(spot, index, kept).mean(1)
    columns, rows = (torch.arange(side) + 0.5 for side in (one.size[1], one.size[0]))
    mass = seen.sum((1, 2))
    found = torch.stack([(seen.sum(1) * columns).sum(1), (seen.sum(2) * rows).sum(1)], 1) / mass[:, None]
    middle = torch.tensor([[[16.0, 15.0]]], dtype=torch.float64).expand(6, 1, 2)
    places = transform_points(one.matrices(index, kept), middle)[:, 0]
    whole = mass > 4.0  # a crop may cut the spot off
    assert bool(whole.any())
    assert float((found - places).abs()[whole].max()) < 0.6, (found, places)


def test_a_users_own_sequence_is_a_scene() -> None:
    """With branches that are taken by chance, whose parameters differ from frame to frame."""
    own = K.AugmentationSequential(
        K.ImageSequential(K.RandomGrayscale(p=0.5), K.RandomInvert(p=0.5), random_apply=1),
        K.RandomAffine(10.0, p=0.5),
        data_keys=["input", "mask"],
        random_apply=1,
    )
    scene = KorniaScene(own, name="own", px=PX)
    assert (scene.name, scene.base.name, scene.differentiable) == ("own", "frontal", True)
    assert scene.declaration == "own"
    conditions = scene.sample(70, seed=2)
    assert set(conditions.extra) == {"seed"}
    sign = bare(load_sign("us/stop"), px=64)
    frames = scene.render(sign, conditions, size=(PX, PX))
    torch.testing.assert_close(scene.render(sign, conditions[66:68], size=(PX, PX)), frames[66:68], rtol=0, atol=SOLVED)
    assert KorniaScene(own, name="own", px=PX).fingerprint == scene.fingerprint
    wider = K.AugmentationSequential(K.RandomAffine(11.0, p=0.5))
    assert KorniaScene(wider, name="own", px=PX).fingerprint != scene.fingerprint


@pytest.mark.parametrize(
    "pair",
    [
        (K.RandomThinPlateSpline(0.05, p=1.0), K.RandomThinPlateSpline(0.9, p=1.0)),
        (K.RandomPerspective(0.5), K.RandomPerspective(0.5, sampling_method="area_preserving")),
        (K.RandomChannelDropout(fill_value=0.0), K.RandomChannelDropout(fill_value=0.5)),
        (K.RandomGamma((0.5, 1.0)), K.RandomGamma((0.5, 1.5))),
    ],
    ids=lambda pair: type(pair[0]).__name__,
)
def test_every_parameter_of_a_users_modules_is_part_of_the_identity(pair: tuple[Any, Any]) -> None:
    one, other = (KorniaScene(K.AugmentationSequential(module), name="own", px=PX) for module in pair)
    assert one.fingerprint != other.fingerprint
    again = KorniaScene(K.AugmentationSequential(pair[0]), name="own", px=PX)
    one.sample(3, seed=1)
    assert again.fingerprint == one.fingerprint


def test_the_same_list_is_the_same_scene_however_it_is_written() -> None:
    one = {"kind": "kornia", "name": "a", "transforms": ["RandomHorizontalFlip", {"RandomAffine": {"degrees": 5}}]}
    other = {**one, "transforms": [{"RandomHorizontalFlip": None}, {"RandomAffine": {"degrees": 5}}]}
    assert load_scene(one).fingerprint == load_scene(other).fingerprint
    turned = {**one, "transforms": ["RandomHorizontalFlip", {"RandomAffine": {"degrees": 6}}]}
    assert load_scene(one).fingerprint != load_scene(turned).fingerprint
    assert load_scene({**one, "base": "daylight"}).fingerprint != load_scene(one).fingerprint


def test_it_may_start_from_any_scene_and_keeps_its_conditions() -> None:
    base = load_scene("drive-by")
    scene = KorniaScene(["RandomGamma"], name="drive", base="drive-by", px=PX)
    conditions, expected = scene.sample(5, seed=3), base.sample(5, seed=3)
    assert torch.equal(conditions.distance_m, expected.distance_m)
    assert (scene.frames_per_approach, scene.lights) == (base.frames_per_approach, base.lights)
    sign = bare(load_sign("us/stop"), px=64)
    plain = KorniaScene([{"RandomGamma": {"p": 0.0}}], name="drive", base="drive-by", px=PX)
    same = plain.render(sign, plain.sample(5, seed=3), size=(PX, PX))
    torch.testing.assert_close(same, base.render(sign, expected, size=(PX, PX)))


@pytest.mark.parametrize(
    ("transforms", "words"),
    [
        (["RandomPerspectiv"], "transforms[0]: unknown augmentation of Kornia 'RandomPerspectiv': did you mean"),
        (["RandomMosaic"], "transforms[0]: RandomMosaic is no intensity or geometric augmentation of single pictures"),
        (["RandomInvert", {"RandomAffine": {"degree": 3}}], "transforms[1]: RandomAffine: unknown parameter 'degree'"),
        ([{"RandomAffine": {}}], "transforms[0]: RandomAffine: "),
        ([{"RandomAffine": {"degrees": 3, "same_on_batch": True}}], "same_on_batch has no meaning here"),
        ([{"RandomAffine": {"degrees": "wide"}}], "transforms[0]: RandomAffine: "),
        ([{"RandomInvert": {}, "RandomHue": {}}], "names 2 transforms; each has an entry of its own"),
        ([{"RandomGaussianBlur": {"kernel_size": [99, 99], "sigma": [1, 2]}}], "RandomGaussianBlur_0: "),
        (
            [{"Resize": {"size": [100000, 100000]}}],
            "Resize: size = [100000, 100000]: is too large for pictures of 32 x 32",
        ),
        ([{"ColorJiggle": {"p": 7}}], "ColorJiggle: p = 7: should be a probability"),
        ([{"ColorJiggle": {"p": -1}}], "ColorJiggle: p = -1: should be a probability"),
        ([{"CenterCrop": {"size": 24, "p": 0.5}}], "CenterCrop_0: changes the size of pictures, so that all need it"),
        (["Normalize"], "transforms[0]: Normalize: "),
        ([{"RandomInvert": 3}], "transforms[0]"),
        ([], "transforms"),
    ],
)
def test_a_slip_in_the_list_is_one_sentence(transforms: list[Any], words: str) -> None:
    with pytest.raises(PhysadvError) as caught:
        load_scene({"kind": "kornia", "name": "a", "transforms": transforms, "px": PX})
    message = str(caught.value)
    assert words in message or "should be" in message, message
    assert "\n" not in message
    assert len(message) < 1200


def test_a_scene_through_kornia_is_no_base_of_another() -> None:
    inner = {"kind": "kornia", "name": "a", "transforms": ["RandomInvert"]}
    with pytest.raises(PhysadvError, match="'a' is a scene through Kornia itself; join the transforms"):
        load_scene({**inner, "name": "b", "base": inner})


def test_conditions_of_another_chain_are_refused() -> None:
    one, other = (KorniaScene([name], name="a", px=PX) for name in ("RandomGamma", "RandomHue"))
    with pytest.raises(PhysadvError, match="are not those of these transforms"):
        other.render(bare(load_sign("us/stop"), px=64), one.sample(2, seed=0), size=(PX, PX))


def test_a_battery_keeps_the_parameters_and_replays_a_frame_by_them(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    scene = {"kind": "kornia", "name": "jiggle", "px": 32, "base": "daylight"}
    scene["transforms"] = [{"RandomAffine": {"degrees": 10, "p": 1.0}}, {"ColorJiggle": {"brightness": 0.2, "p": 1.0}}]
    battery = {"name": "chain", "entries": [{"scene": scene, "frames": 70, "seed": 1}]}
    out = tmp_path / "run"
    patch = colored_patch()
    evaluate([patch], [ColorVictim()], [battery], out)
    rows = pq.read_table(out / "outcomes.parquet").to_pylist()
    expected = load_scene(scene).sample(70, seed=1).to_columns()["extra"]
    assert {row["index"]: row["extra"] for row in rows} == dict(enumerate(expected))
    assert set(json.loads(rows[0]["extra"])) >= {"seed", "RandomAffine_0.angle", "ColorJiggle_1.brightness_factor"}
    number = next(at for at, row in enumerate(rows) if row["index"] == 67 and row["subject"] == "patch")
    made = replay(out, number, patch=patch)
    kept = Conditions.from_columns({name: [row[name] for row in rows[number : number + 1]] for name in rows[0]})
    again = load_scene(scene).render(bare(load_sign("us/stop")), kept, size=made.frame.shape[1:])  # type: ignore[arg-type]
    assert again.shape[1:] == made.frame.shape


def test_a_table_with_other_parameters_is_one_sentence() -> None:
    columns = load_scene("daylight").sample(2, seed=0).to_columns()
    for texts in (["{", "{}"], ['{"a": 1}', "{}"], ['{"a": 1}', None], ["[1]", "[2]"], ['{"a": [1]}', '{"a": [1, 2]}']):
        with pytest.raises(PhysadvError, match="column extra does not hold the same numbers"):
            Conditions.from_columns({**columns, "extra": texts})
