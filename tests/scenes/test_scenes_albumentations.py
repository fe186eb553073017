"""Scenes through a saved pipeline of albumentations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import albumentations as A
import pytest
import torch
from photograph_kit import bare

from physadv.core.errors import PhysadvError
from physadv.scenes import Scene, load_scene
from physadv.signs import load_sign

SIGN = bare(load_sign("us/stop"), px=64)


def saved(path: Path, *transforms: Any, form: str = "yaml") -> Path:
    A.save(A.Compose(list(transforms)), path, data_format=form)  # type: ignore[arg-type]
    return path


def scene(path: Path, **said: Any) -> Scene:
    return load_scene({"kind": "albumentations", "name": "a", "pipeline": str(path), "px": 32, **said})


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_its_frames_are_what_albumentations_makes(form: str, tmp_path: Path) -> None:
    one = scene(saved(tmp_path / f"p.{form}", A.RandomBrightnessContrast(p=1.0), A.MotionBlur(p=0.5), form=form))
    conditions = one.sample(4, seed=2)
    base = load_scene("frontal").render(SIGN, conditions, size=(32, 32))
    frames = one.render(SIGN, conditions, size=(32, 32))
    own = A.Compose([A.RandomBrightnessContrast(p=1.0), A.MotionBlur(p=0.5)], keypoint_params=A.KeypointParams("xy"))
    for number, seed in enumerate(conditions.noise_seed.tolist()):
        own.set_random_seed(seed % 2**32)
        pixels = (base[number] * 255).round().byte().permute(1, 2, 0).numpy()
        expected = torch.from_numpy(own(image=pixels, keypoints=[])["image"]).permute(2, 0, 1) / 255
        torch.testing.assert_close(frames[number], expected, rtol=0, atol=1e-6)


def test_its_identity_is_the_files_content(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.yaml", A.RandomGamma(p=1.0))
    first = scene(path).fingerprint
    assert scene(saved(tmp_path / "b.json", A.RandomGamma(p=1.0), form="json")).fingerprint == first
    saved(path, A.RandomGamma(gamma_limit=(70, 130), p=1.0))
    assert scene(path).fingerprint != first
    assert scene(path, px=48).fingerprint != scene(path).fingerprint
    assert scene(path, base="daylight").fingerprint != scene(path).fingerprint


def test_no_patch_is_designed_through_it(tmp_path: Path) -> None:
    from physadv.attacks.physical.rp2 import DesignConfig
    from physadv.defenses import load_victim

    one = {"kind": "albumentations", "name": "a", "pipeline": str(saved(tmp_path / "a.yaml", A.RandomGamma()))}
    config = DesignConfig(steps=1, scenes=[one])  # type: ignore[arg-type]
    with pytest.raises(PhysadvError, match=r"scene 'a': has no gradient \(albumentations passes none\)"):
        config.check_victim(load_victim("gtsrb-cnn"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"__class_fullname__": "Rainbow"}, "is no pipeline that albumentations .* can load .*Rainbow"),
        ({"gama_limit": [70, 130]}, "is no pipeline that .* can load .*gama_limit"),
        ({"gamma_limit": "much"}, "is no pipeline that .* can load"),
        ({"__class_fullname__": "Normalize"}, "is no pipeline|makes no 8-bit picture of three colors"),
        ({"__class_fullname__": "os.system"}, "is no pipeline that .* can load"),
    ],
)
def test_a_pipeline_that_cannot_be_used_is_one_sentence(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "p.json", A.RandomGamma(p=1.0), form="json")
    content = json.loads(path.read_text())
    content["transform"]["transforms"][0] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(PhysadvError, match=words) as caught:
        scene(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "transform: 3", "{", "__version__: 2.0.8\ntransform: {p: 1}", "a: 1"])
def test_what_is_no_pipeline_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(PhysadvError, match=r"p\.yaml"):
        scene(path)
    with pytest.raises(PhysadvError, match=r"none\.yaml"):
        scene(tmp_path / "none.yaml")


def test_what_makes_no_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhysadvError, match="makes no 8-bit picture of three colors; leave out what prepares"):
        scene(saved(tmp_path / "p.yaml", A.Normalize(p=1.0)))
    with pytest.raises(PhysadvError, match="fails on a picture of 32 x 32"):
        scene(saved(tmp_path / "q.yaml", A.RandomCrop(64, 64, p=1.0)))


@pytest.mark.parametrize(
    "transform",
    [
        A.RandomScale(0.2, p=1.0),
        A.Resize(20, 24, p=0.5),
        A.Rotate(40, crop_border=True, p=1.0),
        A.Perspective(fit_output=True, keep_size=False, p=1.0),
    ],
    ids=lambda one: type(one).__name__,
)
def test_pictures_of_any_size_come_out_at_the_victims(transform: Any, tmp_path: Path) -> None:
    one = scene(saved(tmp_path / "p.yaml", transform))
    conditions = one.sample(5, seed=2)
    assert one.render(SIGN, conditions, size=(28, 36)).shape == (5, 3, 28, 36)
    assert one.homographies(SIGN.sign, conditions, size=(28, 36)).shape == (5, 3, 3)


@pytest.mark.parametrize("transform", [A.OpticalDistortion(p=1.0), A.GridDistortion(p=1.0)])
def test_what_bends_pictures_can_be_scored(transform: Any, tmp_path: Path) -> None:
    one = scene(saved(tmp_path / "p.yaml", transform))
    conditions = one.sample(5, seed=2)
    assert one.render(SIGN, conditions, size=(32, 32)).shape == (5, 3, 32, 32)
    try:
        one.homographies(SIGN.sign, conditions, size=(32, 32))
    except PhysadvError as error:
        assert "does not say where it moves the sign's corners" in str(error)  # noqa: PT017 (not for all draws)
