"""What looks at the sign: the protocol, cards, adapters, preprocessing, and what users get wrong."""

from __future__ import annotations

import csv
import importlib.util
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from physadv.core.color import from_uint8, to_uint8
from physadv.core.config import validate
from physadv.core.errors import PhysadvError
from physadv.core.files import sha256
from physadv.core.images import read_image
from physadv.defenses import load_victim
from physadv.signs import class_names
from physadv.victims import (
    ADAPTERS,
    ARCHITECTURES,
    InputConfig,
    Victim,
    VictimCard,
    check_logits,
    under_attack,
    victim_names,
    wrap_module,
)
from physadv.victims.architectures import LisaCnn, local_contrast
from physadv.victims.fused_network import SpaceToDepthConv
from physadv.victims.library import SHIPPED
from physadv.victims.preprocess import Preprocess, equalize, luma, resize

CLASSES = ["stop", "yield", "speedLimit30"]
NATIVE = {"lisa-cnn": 32, "gtsrb-cnn": 32}


def write_card(folder: Path, **changes: Any) -> Path:
    """A card of a randomly initialized LISA-CNN of three classes, its weights beside it, with ``changes``."""
    weights = folder / "weights.safetensors"
    if not weights.exists():
        save_file(ARCHITECTURES["lisa-cnn"](len(CLASSES)).state_dict(), weights)
    card = {
        "name": "mine",
        "adapter": "torch",
        "architecture": "lisa-cnn",
        "weights": "weights.safetensors",
        "classes": CLASSES,
        "input": {"size": 32},
    }
    card = {key: value for key, value in {**card, **changes}.items() if value is not None}
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(card), encoding="utf-8")
    return path


def write_onnx(path: Path, *, layout: str = "nchw", batch: int | str = "n", softmax: bool = False) -> None:
    """A graph of three classes that averages each channel of 8 x 8 pictures."""
    import onnx
    from onnx import TensorProto, helper

    shape = [batch, 3, 8, 8] if layout == "nchw" else [batch, 8, 8, 3]
    axes = helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3] if layout == "nchw" else [1, 2])
    mean = helper.make_node("ReduceMean", ["x", "axes"], ["m" if softmax else "y"], keepdims=0)
    nodes = [mean, *([helper.make_node("Softmax", ["m"], ["y"])] if softmax else [])]
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])],
        [axes],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


class Mean(nn.Module):
    """Three logits: the channels' means."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


def _torch(folder: Path) -> Victim:
    return load_victim(write_card(folder))


def _torchvision(folder: Path) -> Victim:
    from torchvision import models

    torch.save(models.squeezenet1_1(num_classes=3).state_dict(), folder / "squeeze.pt")
    card = {"adapter": "torchvision", "architecture": "squeezenet1_1", "weights": "squeeze.pt", "input": {"size": 33}}
    return load_victim(write_card(folder, **card))


def _timm(folder: Path) -> Victim:
    timm = pytest.importorskip("timm")
    save_file(timm.create_model("resnet10t", num_classes=3).state_dict(), folder / "timm.safetensors")
    card = {"adapter": "timm", "architecture": "resnet10t", "weights": "timm.safetensors", "input": {"size": 32}}
    return load_victim(write_card(folder, **card))


def _onnx(folder: Path) -> Victim:
    pytest.importorskip("onnxruntime")
    write_onnx(folder / "mean.onnx")
    card = {"adapter": "onnx", "architecture": None, "weights": "mean.onnx", "input": {"size": 8}}
    return load_victim(write_card(folder, **card))


MAKERS: dict[str, Callable[[Path], Victim]] = {
    "torch": _torch,
    "torchvision": _torchvision,
    "timm": _timm,
    "onnx": _onnx,
}


@pytest.fixture(params=[*(f"adapter:{name}" for name in ADAPTERS), *(f"shipped:{name}" for name in victim_names())])
def victim(request: pytest.FixtureRequest, tmp_path: Path) -> Victim:
    torch.manual_seed(0)  # a few draws of untrained weights give a network that says nothing
    kind, name = request.param.split(":")
    return load_victim(name) if kind == "shipped" else MAKERS[name](tmp_path)


# ---- the protocol --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(16, 16), (57, 41), (128, 128)])
def test_any_picture_size_gives_one_finite_logit_a_class(victim: Victim, size: tuple[int, int]) -> None:
    logits = check_logits(victim, torch.rand(3, 3, *size))
    assert logits.shape == (3, len(victim.classes))
    assert logits.dtype == torch.float32


def test_a_loaded_victim_is_in_eval_mode_and_says_where_it_is_from(victim: Victim) -> None:
    assert not any(module.training for module in victim.modules())
    assert len(victim.sha256) == 64
    assert victim.source
    assert victim.name


def test_frames_do_not_influence_each_other(victim: Victim) -> None:
    images = torch.rand(5, 3, *victim.input_size)
    with torch.no_grad():
        torch.testing.assert_close(victim(images)[2:4], victim(images[2:4]), rtol=1e-4, atol=1e-4)


def test_the_gradient_reaches_every_pixel_or_the_victim_says_that_it_does_not(victim: Victim) -> None:
    images = torch.rand(2, 3, 50, 40, requires_grad=True)
    if not victim.differentiable:
        assert not victim(images).requires_grad
        return
    with under_attack(victim):
        victim(images).square().sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    assert (images.grad.abs().sum((0, 1)) > 0).float().mean() > 0.8
    assert all(parameter.grad is None for parameter in victim.parameters())


def test_under_attack_freezes_and_leaves_as_found(victim: Victim) -> None:
    victim.train()
    parameters = list(victim.parameters())
    if parameters:
        parameters[0].requires_grad_(False)
    before = [parameter.requires_grad for parameter in parameters]

    def interrupted() -> None:
        with under_attack(victim):
            assert not any(module.training for module in victim.modules())
            assert not any(parameter.requires_grad for parameter in parameters)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert all(module.training for module in victim.modules())
    assert [parameter.requires_grad for parameter in parameters] == before


def _normalized(seed: int = 0) -> nn.Module:
    """A residual network with normalization statistics of its own, as a trained one has."""
    from torchvision import models

    torch.manual_seed(seed)
    network = models.resnet18(num_classes=3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0.0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.2)
    return network


def _count(victim: Victim, kind: type[nn.Module]) -> int:
    return sum(isinstance(module, kind) for module in victim.modules())


def _norms(victim: Victim) -> int:
    return _count(victim, nn.BatchNorm2d)


def test_under_attack_a_network_is_the_same_function_without_its_normalization() -> None:
    victim = wrap_module(_normalized(), name="residual", classes=("a", "b", "c"), size=32)
    images = torch.rand(4, 3, 32, 32)

    def slope(leaf: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(victim(leaf).square().sum(), leaf)
        return gradient

    network, norms = victim.network, _norms(victim)
    victim.eval()
    plain, plain_slope = victim(images).detach(), slope(images.clone().requires_grad_(True))
    with under_attack(victim):
        assert norms > 0
        assert _norms(victim) == 0
        assert _count(victim, SpaceToDepthConv) == 1
        assert not any(parameter.requires_grad for parameter in victim.parameters())
        with under_attack(victim):
            torch.testing.assert_close(victim(images), plain, rtol=1e-4, atol=1e-4)
        got = slope(images.clone().requires_grad_(True))
        assert torch.nn.functional.cosine_similarity(got.flatten(), plain_slope.flatten(), dim=0) > 0.9999
    assert victim.network is network
    assert _norms(victim) == norms
    assert _count(victim, SpaceToDepthConv) == 0
    torch.testing.assert_close(victim(images), plain, rtol=0, atol=0)


def test_under_attack_shipped_victims_answer_as_before(victim: Victim) -> None:
    images = torch.rand(8, 3, *victim.input_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = victim(images)
        with under_attack(victim):
            torch.testing.assert_close(victim(images), before, rtol=1e-4, atol=1e-4)


def test_a_network_without_normalization_reads_blocks_under_attack_and_its_weights_are_not_touched() -> None:
    victim = wrap_module(LisaCnn(3), name="lisa-cnn", classes=("a", "b", "c"), size=32)
    before = {name: tensor.clone() for name, tensor in victim.state_dict().items()}
    images = torch.rand(4, 3, 32, 32)
    plain = victim(images).detach()
    with under_attack(victim):
        assert _count(victim, SpaceToDepthConv) == 1
        torch.testing.assert_close(victim(images), plain, rtol=1e-4, atol=1e-5)
    assert _count(victim, SpaceToDepthConv) == 0
    assert all(parameter.requires_grad for parameter in victim.parameters())
    for name, tensor in victim.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


@pytest.mark.parametrize("size", [(32, 32), (31, 38)], ids=str)
@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "padding"),
    [(3, 8, 2, 3), (3, 7, 2, 3), (1, (5, 6), 3, (0, 2)), (3, 11, 4, 2)],
    ids=["lisa", "resnet", "odd", "alexnet"],
)
def test_a_convolution_over_blocks_is_the_strided_one(
    channels: int, kernel: int | tuple[int, int], stride: int, padding: int | tuple[int, int], size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, 4, kernel, stride, padding).double()
    images = torch.rand(2, channels, *size, dtype=torch.float64, requires_grad=True)
    blocks = SpaceToDepthConv(conv)
    assert SpaceToDepthConv.gains(conv)
    want, got = conv(images), blocks(images)
    torch.testing.assert_close(got, want)
    weights = torch.rand_like(want)
    slopes = [torch.autograd.grad((made * weights).sum(), images)[0] for made in (want, got)]
    torch.testing.assert_close(slopes[1], slopes[0])


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3, 2),
        nn.Conv2d(3, 4, 16, 16),
        nn.Conv2d(48, 4, 5, 2),
        nn.Conv2d(3, 4, 5, (1, 2)),
        nn.Conv2d(3, 4, 7, 2, dilation=2),
        nn.Conv2d(3, 3, 7, 2, groups=3),
        nn.Conv2d(3, 4, 7, 2, 3, padding_mode="reflect"),
        nn.Conv2d(3, 4, 7, 2, "valid"),
    ],
    ids=str,
)
def test_other_convolutions_stay_as_they_are(layer: nn.Conv2d) -> None:
    assert not SpaceToDepthConv.gains(layer)


def test_networks_that_are_not_known_to_be_one_function_are_left_whole() -> None:
    class Restless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))

        def forward(self, images: Tensor) -> Tensor:
            return self.layers(images + 0.1 * torch.randn(1)).mean((2, 3))

    restless = wrap_module(Restless(), name="restless", classes=tuple("abcd"), size=8)
    watched = wrap_module(_normalized(), name="residual", classes=("a", "b", "c"), size=32)
    seen: list[int] = []
    watched.network.layer1.register_forward_hook(lambda *_: seen.append(1))
    for victim in (restless, watched):
        with under_attack(victim):
            assert _norms(victim) > 0
            victim(torch.rand(1, 3, *victim.input_size))
    assert seen == [1]


def test_the_native_size_is_not_resampled_and_others_agree_with_resizing_first(victim: Victim) -> None:
    images = torch.rand(2, 3, 70, 70)
    config = victim.preprocess.config  # type: ignore[union-attr]
    native = resize(images, victim.input_size, interpolation=config.interpolation)
    assert resize(native, victim.input_size, interpolation=config.interpolation) is native
    with torch.no_grad():
        torch.testing.assert_close(victim(images), victim(native))


def test_every_adapter_has_a_test() -> None:
    assert set(MAKERS) == set(ADAPTERS)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_architectures_have_as_many_outputs_as_classes(name: str) -> None:
    for classes in (2, 7):
        assert ARCHITECTURES[name](classes).eval()(torch.rand(2, 3, NATIVE[name], NATIVE[name])).shape == (2, classes)


def test_lisa_cnn_is_rp2s() -> None:
    shapes = {name: tuple(value.shape) for name, value in ARCHITECTURES["lisa-cnn"](18).state_dict().items()}
    assert shapes == {
        "conv1.weight": (64, 3, 8, 8),
        "conv1.bias": (64,),
        "conv2.weight": (128, 64, 6, 6),
        "conv2.bias": (128,),
        "conv3.weight": (128, 128, 5, 5),
        "conv3.bias": (128,),
        "fc1.weight": (18, 512),
        "fc1.bias": (18,),
    }


# ---- any module ----------------------------------------------------------------------------------------------------


def test_a_wrapped_module_answers_as_it_does_alone_and_is_left_as_it_is() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(3))
    module(torch.rand(2, 3, 6, 6))
    module.train()
    module[0].requires_grad_(False)
    module[1].eval()
    mean = module[1].running_mean.clone()
    victim = wrap_module(module, name="mine", classes=CLASSES, size=6, mean=0.5, std=[0.1, 0.2, 0.4])
    assert [part.training for part in module] == [True, False, True, True]
    assert [parameter.requires_grad for parameter in module[0].parameters()] == [False, False]
    assert torch.equal(module[1].running_mean, mean)
    images = torch.rand(2, 3, 6, 6)
    prepared = (images - 0.5) / torch.tensor([0.1, 0.2, 0.4]).view(3, 1, 1)
    torch.testing.assert_close(victim.eval()(images), module.eval()(prepared))


def test_the_digest_of_a_module_is_of_its_parameters() -> None:
    def digest(module: nn.Module) -> str:
        return wrap_module(module, name="m", classes=CLASSES, size=4).sha256

    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
    before = digest(module)
    assert digest(module) == before
    with torch.no_grad():
        module[1].bias[0] += 1e-3
    assert digest(module) != before


def test_probabilities_become_logits_whose_softmax_they_are() -> None:
    module = nn.Sequential(Mean(), nn.Softmax(dim=1))
    victim = wrap_module(module, name="m", classes=CLASSES, size=4, output="probabilities")
    images = torch.rand(4, 3, 4, 4)
    torch.testing.assert_close(victim(images).softmax(1), module(images))
    with pytest.raises(PhysadvError, match="output='probabilities'"):
        wrap_module(module, name="m", classes=CLASSES, size=4)


def test_percentages_are_told() -> None:
    softmax = nn.Sequential(Mean(), nn.Softmax(dim=1))
    with pytest.raises(PhysadvError, match="add up to 100 for every picture, as percentages do"):
        wrap_module(lambda images: 100.0 * softmax(images), name="m", classes=CLASSES, size=4)
    wrap_module(lambda images: softmax(images) + Mean()(images).abs(), name="m", classes=CLASSES, size=4)


def test_class_names_are_found_aside_from_case_and_punctuation() -> None:
    victim = wrap_module(Mean(), name="m", classes=["stop", "Speed limit 45", "yield"], size=4)
    assert victim.class_index("speedLimit45") == 1
    assert victim.find_class("nothing", "YIELD") == 2
    with pytest.raises(PhysadvError, match="did you mean stop"):
        victim.class_index("stopp")


# ---- preprocessing -------------------------------------------------------------------------------------------------


def prepared(images: Tensor, **options: Any) -> Tensor:
    return Preprocess(validate(InputConfig, {"size": tuple(images.shape[2:]), **options}, "test"))(images)


def test_each_option_of_the_input_does_what_it_says() -> None:
    images = torch.rand(2, 3, 5, 7)
    assert torch.equal(prepared(images), images)
    assert torch.equal(prepared(images, channels="bgr"), images[:, [2, 1, 0]])
    assert torch.equal(prepared(images, layout="nhwc"), images.permute(0, 2, 3, 1))
    torch.testing.assert_close(
        prepared(images, scale=255, mean=100, std=[1, 2, 4])[:, 2], (images[:, 2] * 255 - 100) / 4
    )
    assert prepared(images, size=9).shape == (2, 3, 9, 9)
    assert prepared(images, size=[4, 6]).shape == (2, 3, 4, 6)


def test_gray_is_opencvs() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    ours = to_uint8(prepared(from_uint8(pixels)[None], grayscale=True))[0, :, :, 0]
    assert np.abs(ours.astype(int) - cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)).max() <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 1.0))
def test_equalization_of_gray_pictures_is_opencvs(seed: int, contrast: float) -> None:
    noise = np.random.default_rng(seed).random((9, 11))
    pixels = np.repeat((100 + contrast * 120 * (noise - 0.5)).astype(np.uint8)[..., None], 3, axis=2)
    ours = to_uint8(equalize(from_uint8(pixels)[None]))[0, :, :, 0]
    assert np.abs(ours.astype(int) - cv2.equalizeHist(np.ascontiguousarray(pixels[:, :, 0]))).max() <= 1


def test_equalization_keeps_flat_pictures_and_lets_the_gradient_through() -> None:
    flat = torch.full((1, 3, 4, 4), 0.3)
    torch.testing.assert_close(equalize(flat), flat)
    images = (0.4 + 0.2 * torch.rand(1, 3, 8, 8)).requires_grad_(True)
    gray = luma(equalize(images))
    assert gray.max() - gray.min() > 0.5
    gray.mean().backward()
    assert images.grad is not None
    assert (images.grad > 0).float().mean() > 0.7


@pytest.mark.parametrize(("interpolation", "pillow"), [("bilinear", 2), ("bicubic", 3)])
def test_resizing_is_pillows(interpolation: str, pillow: int) -> None:
    from PIL import Image

    pixels = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 256, (47, 61, 3), dtype=np.uint8), (0, 0), 2)
    ours = to_uint8(resize(from_uint8(pixels)[None], (30, 32), interpolation=interpolation))[0]
    theirs = np.asarray(Image.fromarray(pixels).resize((32, 30), Image.Resampling(pillow)))
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["bilinear", "bicubic", "area", "nearest"]), st.integers(3, 40), st.integers(3, 40))
def test_resizing_stays_in_range_and_keeps_flat_pictures(interpolation: str, height: int, width: int) -> None:
    images = (torch.rand(1, 3, 17, 23, generator=torch.Generator().manual_seed(height)) > 0.5).float()
    out = resize(images, (height, width), interpolation=interpolation)
    assert out.shape[2:] == (height, width)
    assert out.min() >= -1e-6
    assert out.max() <= 1 + 1e-6
    flat = torch.full((1, 3, 17, 23), 0.25)
    torch.testing.assert_close(
        resize(flat, (height, width), interpolation=interpolation), flat[:, :, :1, :1].expand(1, 3, height, width)
    )


# ---- ONNX ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("batch", ["n", 1, 4])
def test_onnx_in_either_layout_and_any_batch(tmp_path: Path, layout: str, batch: int | str) -> None:
    pytest.importorskip("onnxruntime")
    write_onnx(tmp_path / "m.onnx", layout=layout, batch=batch)
    settings_ = {"architecture": None, "weights": "m.onnx", "input": {"size": 8, "layout": layout}}
    victim = load_victim(write_card(tmp_path, adapter="onnx", **settings_))
    images = torch.rand(6, 3, 8, 8)
    torch.testing.assert_close(victim(images), images.mean((2, 3)))
    assert not victim.differentiable


def test_without_onnx_runtime_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(PhysadvError, match=r"physadv\[onnx\]"):
        load_victim(write_card(tmp_path, adapter="onnx", architecture=None, weights="m.onnx"))


@pytest.mark.parametrize(
    ("make", "changes", "sentence"),
    [
        (lambda path: path.write_bytes(b"\x08\x07junk"), {}, "not an ONNX file"),
        (lambda path: None, {}, "no such file of weights"),
        (write_onnx, {"input": {"size": 9}}, r"makes \['N', 3, 9, 9\]"),
        (write_onnx, {"input": {"size": 8, "layout": "nhwc"}}, r"makes \['N', 8, 8, 3\]"),
        (write_onnx, {"architecture": "lisa-cnn"}, "brings its own"),
        (lambda path: write_onnx(path, softmax=True), {}, "output: probabilities"),
        (write_onnx, {"classes": ["a", "b"]}, r"answers \[8, 3\].*list of classes has 2"),
    ],
)
def test_a_wrong_onnx_file_is_one_sentence(
    tmp_path: Path, make: Callable[[Path], None], changes: dict[str, Any], sentence: str
) -> None:
    pytest.importorskip("onnxruntime")
    make(tmp_path / "m.onnx")
    options = {"adapter": "onnx", "architecture": None, "weights": "m.onnx", "input": {"size": 8}, **changes}
    with pytest.raises(PhysadvError, match=sentence):
        load_victim(write_card(tmp_path, **options))


# ---- cards and weights ---------------------------------------------------------------------------------------------


def test_weights_are_found_beside_the_card_and_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = write_card(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    victim = load_victim(card)
    assert victim.sha256 == sha256(tmp_path / "weights.safetensors")
    assert victim.classes == tuple(CLASSES)
    assert victim.input_size == (32, 32)


def test_a_saved_state_dict_gives_the_same_logits_however_it_is_wrapped(tmp_path: Path) -> None:
    state = ARCHITECTURES["lisa-cnn"](3).state_dict()
    images = torch.rand(2, 3, 32, 32)
    save_file(state, tmp_path / "weights.safetensors")
    expected = load_victim(write_card(tmp_path))(images)
    parallel = {f"module.{name}": value for name, value in state.items()}
    for number, saved in enumerate([state, {"state_dict": state, "epoch": 3}, parallel, {"model": parallel}]):
        torch.save(saved, tmp_path / f"{number}.pt")
        assert torch.equal(load_victim(write_card(tmp_path, weights=f"{number}.pt"))(images), expected)


def test_classes_may_be_numbers_but_python_s_true_is_no_text(tmp_path: Path) -> None:
    assert load_victim(write_card(tmp_path, classes=[0, 1, 2])).classes == ("0", "1", "2")
    with pytest.raises(PhysadvError, match=r"classes.1 = True: should be text"):
        wrap_module(Mean(), name="m", classes=["stop", True, "yield"], size=4)  # type: ignore[list-item]


class Trap:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def _truncated(path: Path) -> None:
    whole = path.parent / "weights.safetensors"
    path.write_bytes(whole.read_bytes()[:5000])


def _cut_state_dict(path: Path) -> None:
    torch.save(ARCHITECTURES["lisa-cnn"](3).state_dict(), path)
    path.write_bytes(path.read_bytes()[:5000])


def _not_a_number(path: Path) -> None:
    state = ARCHITECTURES["lisa-cnn"](3).state_dict()
    save_file({name: torch.full_like(value, float("nan")) for name, value in state.items()}, path)


BAD_WEIGHTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("w.safetensors", lambda path: None, r"w.safetensors: cannot be read \(no such file of weights"),
    "truncated": ("w.safetensors", _truncated, "not a readable safetensors file"),
    "empty": ("w.safetensors", lambda path: path.touch(), "not a readable safetensors file"),
    "cut state dict": ("w.pt", _cut_state_dict, "not a readable state dict"),
    "empty state dict": ("w.pt", lambda path: path.touch(), "neither a state dict nor safetensors"),
    "altered": ("w.pt", lambda path: path.write_bytes(b"\x80\x02altered"), "not a readable state dict"),
    "text": ("w.pt", lambda path: path.write_text("hello"), "neither a state dict nor safetensors"),
    "a list": ("w.pt", lambda path: torch.save([1, 2], path), "holds a list"),
    "no tensors": ("w.pt", lambda path: torch.save({"epoch": 3}, path), "does not hold a state dict"),
    "whole model": ("w.pt", lambda path: torch.save(nn.Linear(2, 2), path), "refused since unpickling runs code"),
    "another network": (
        "w.safetensors",
        lambda path: save_file(ARCHITECTURES["gtsrb-cnn"](3).state_dict(), path),
        "lacks conv1.weight",
    ),
    "more than the network": (
        "w.safetensors",
        lambda path: save_file({**ARCHITECTURES["lisa-cnn"](3).state_dict(), "fc2.bias": torch.zeros(1)}, path),
        "holds fc2.bias, which architecture 'lisa-cnn' with 3 classes does not have",
    ),
    "other classes": (
        "w.safetensors",
        lambda path: save_file(ARCHITECTURES["lisa-cnn"](4).state_dict(), path),
        r"fc1.bias has shape \[4\], but architecture 'lisa-cnn' with 3 classes needs \[3\]",
    ),
    "not a number": ("w.safetensors", _not_a_number, "not finite"),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_wrong_weights_are_one_sentence(tmp_path: Path, case: str) -> None:
    name, make, sentence = BAD_WEIGHTS[case]
    card = write_card(tmp_path, weights=name)
    make(tmp_path / name)
    with pytest.raises(PhysadvError, match=sentence) as caught:
        load_victim(card)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_weights_that_would_run_code_do_not(tmp_path: Path) -> None:
    (tmp_path / "w.pt").write_bytes(pickle.dumps({"a": Trap(tmp_path / "sprung")}))
    with pytest.raises(PhysadvError):
        load_victim(write_card(tmp_path, weights="w.pt"))
    assert not (tmp_path / "sprung").exists()


BAD_CARDS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"color": "red"}, "unknown key 'color'; known keys: adapter, architecture"),
    "unknown key of the input": ({"input": {"size": 32, "padding": 1}}, "unknown key 'input.padding'"),
    "unknown key near a known one": ({"input": {"size": 32, "bx": "square"}}, "'input.bx' (did you mean 'box'?)"),
    "a key mistyped": (
        {"weights": None, "weight": "w"},
        "unknown key 'weight' (did you mean 'weights'?); known keys: ",
    ),
    "unknown adapter": ({"adapter": "torchh"}, "unknown adapter 'torchh': did you mean torch"),
    "unknown architecture": ({"architecture": "lisacnn"}, "unknown architecture 'lisacnn': did you mean lisa-cnn"),
    "no architecture": ({"architecture": None}, "key 'architecture' is missing"),
    "unknown torchvision": (
        {"adapter": "torchvision", "architecture": "resnet19"},
        "unknown torchvision architecture 'resnet19': did you mean resnet",
    ),
    "no classes": ({"classes": None}, "key 'classes' is missing"),
    "twice the same class": ({"classes": ["stop", "yield", "stop"]}, "class 'stop' is listed 2 times"),
    "one class": ({"classes": ["stop"]}, "classes"),
    "no size": ({"input": {}}, "key 'input.size' is missing"),
    "size of zero": ({"input": {"size": 0}}, "input.size"),
    "true for a size": ({"input": {"size": True}}, "input.size = true: should be a whole number"),
    "true for a side": ({"input": {"size": [32, True]}}, "input.size"),
    "true for a mean": ({"input": {"size": 32, "mean": True}}, "input.mean"),
    "true for white": ({"input": {"size": 32, "scale": True}}, "input.scale = true"),
    "absurd size": ({"input": {"size": 100_000}}, "input.size"),
    "too small for the network": ({"input": {"size": 8}}, "cannot take an input of 8 x 8 pixels"),
    "too large for the network": ({"input": {"size": 40}}, "cannot take an input of 40 x 40 pixels"),
    "gray for a color network": ({"input": {"size": 32, "grayscale": True}}, "cannot take an input"),
    "two means": ({"input": {"size": 32, "mean": [0.1, 0.2]}}, "mean has 2 values; expected 1 or 3"),
    "spread of zero": ({"input": {"size": 32, "std": 0}}, "more than 0"),
    "unknown box": ({"input": {"size": 32, "box": "letter"}}, "'squash', 'square' or 'either'"),
    "unknown interpolation": ({"input": {"size": 32, "interpolation": "cubic"}}, "'bilinear', 'bicubic'"),
}


@pytest.mark.parametrize("case", BAD_CARDS)
def test_a_wrong_card_is_one_sentence(tmp_path: Path, case: str) -> None:
    changes, sentence = BAD_CARDS[case]
    with pytest.raises(PhysadvError) as caught:
        load_victim(write_card(tmp_path, **changes))
    assert sentence in str(caught.value)
    assert str(tmp_path / "card.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_name_the_card(tmp_path: Path) -> None:
    state = ARCHITECTURES["lisa-cnn"](len(CLASSES)).state_dict()
    save_file(
        {name: torch.full_like(value, torch.nan) for name, value in state.items()}, tmp_path / "weights.safetensors"
    )
    with pytest.raises(PhysadvError, match=r"card\.yaml: victim 'mine': its logits are not finite"):
        load_victim(write_card(tmp_path))


def test_a_name_that_is_none_lists_those_there_are() -> None:
    with pytest.raises(PhysadvError, match=r"unknown victim 'gtsrb-cn'.*did you mean gtsrb-cnn"):
        load_victim("gtsrb-cn")
    with pytest.raises(PhysadvError, match=r"none\.yaml: cannot be read"):
        load_victim(Path("none.yaml"))


# ---- the shipped victim --------------------------------------------------------------------------------------------


def test_the_shipped_victim_is_as_small_as_promised_and_knows_gtsrbs_classes() -> None:
    victim = load_victim("gtsrb-cnn")
    assert victim.classes == class_names("gtsrb")
    assert len(victim.classes) == 43
    assert sum(parameter.numel() for parameter in victim.parameters()) < 2_000_000
    assert (SHIPPED / "gtsrb-cnn.safetensors").stat().st_size < 5_000_000


@pytest.mark.parametrize("name", victim_names())
def test_shipped_victims_bear_their_cards_name_and_have_a_model_card(name: str) -> None:
    assert load_victim(name).name == name
    text = (SHIPPED / f"{name}.md").read_text(encoding="utf-8")
    assert sha256(SHIPPED / f"{name}.safetensors") in text


@pytest.mark.parametrize("name", victim_names())
@pytest.mark.parametrize("scene", ["stationary-15", "drive-by", "wide"])
def test_shipped_victims_read_the_unpainted_german_stop_sign(scene: str, name: str) -> None:
    from physadv.scenes import PaintedSign, load_scene
    from physadv.signs import load_sign

    victim, sign = load_victim(name), load_sign("de/stop")
    painted = PaintedSign(sign, sign.texture(512), torch.ones(1, 512, 512))
    with torch.no_grad():
        frames = load_scene(scene).view(painted, 450, seed=977, start=0, size=victim.input_size)
        share = (victim(frames).argmax(1) == victim.class_index("stop")).float().mean()
    assert share >= 0.98


# ---- real data -----------------------------------------------------------------------------------------------------


@pytest.fixture
def rp2_lisa_cnn(data_folder: Path, tmp_path: Path) -> Victim:
    about = json.loads((data_folder / "models" / "models.json").read_text())["rp2_lisa_cnn"]
    weights = str(data_folder / "models" / about["file"])
    return load_victim(write_card(tmp_path, name="rp2-lisa-cnn", weights=weights, classes=about["labels"]))


def stop_photographs(data_folder: Path) -> Tensor:
    paths = sorted((data_folder / "rp2" / "victim_32").glob("*.png"))
    return torch.stack([from_uint8(read_image(path)) for path in paths])


def right_on_test(victim: Victim, data_folder: Path, *, every: int = 1) -> tuple[int, int]:
    """Test pictures read rightly, and how many there were; whole frames at their own size."""
    with (data_folder / "gtsrb" / "GT-final_test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))[::every]
    folder = data_folder / "gtsrb" / "GTSRB" / "Final_Test" / "Images"
    resized = [
        resize(
            from_uint8(read_image(folder / row["Filename"]))[None],
            victim.input_size,
            interpolation=victim.preprocess.config.interpolation,  # type: ignore[union-attr]
        )
        for row in rows
    ]
    label = torch.tensor([int(row["ClassId"]) for row in rows])
    with torch.no_grad():
        answers = torch.cat([victim(part).argmax(1) for part in torch.cat(resized).split(256)])
    return int((answers == label).sum()), len(rows)


@pytest.mark.data
def test_rp2s_own_network_reads_its_40_photographs(rp2_lisa_cnn: Victim, data_folder: Path) -> None:
    photographs = stop_photographs(data_folder)
    answers = rp2_lisa_cnn(photographs).argmax(1)
    assert answers.tolist() == [rp2_lisa_cnn.class_index("stop")] * 40


@pytest.mark.data
def test_a_third_partys_onnx_classifier_works_by_card(data_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    card = write_card(
        tmp_path,
        adapter="onnx",
        architecture=None,
        weights=str(data_folder / "models" / "gtsrb_cnn30_dmitry.onnx"),
        classes=list(class_names("gtsrb")),
        output="probabilities",
        input={"size": 30, "layout": "nhwc", "interpolation": "bicubic"},
    )
    right, count = right_on_test(load_victim(card), data_folder, every=4)
    assert right / count > 0.98


@pytest.mark.slow
def test_the_robust_sister_withstands_stickers_better() -> None:
    from physadv.evaluation.matrix.sign_cells import OnSigns, attack_signs

    where = OnSigns(signs=("de/stop",), frames=120)
    options = {"steps": 100, "mask": "bars", "held_out_frames": 64}
    shares = []
    for name in ("gtsrb-cnn", "gtsrb-cnn-robust"):
        found = attack_signs("rp2", options, "untargeted", where, load_victim(name), seed=3)
        shares.append(float((found.result.predicted == found.labels).float().mean()))
    assert shares[1] > shares[0] + 0.1


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("gtsrb-cnn", 0.98), ("gtsrb-cnn-robust", 0.967)])
def test_shipped_victims_keep_their_promise_on_the_test_set(data_folder: Path, name: str, least: float) -> None:
    right, count = right_on_test(load_victim(name), data_folder)
    assert right / count >= least


def test_cards_round_trip_through_their_echo(tmp_path: Path) -> None:
    card = validate(VictimCard, yaml.safe_load(write_card(tmp_path).read_text()), "card")
    assert validate(VictimCard, card.model_dump(mode="json"), "echo") == card


# ---- the script that trains the shipped victim ---------------------------------------------------------------------


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    path = Path(__file__).parents[2] / "scripts" / "train_gtsrb_cnn.py"
    spec = importlib.util.spec_from_file_location("train_gtsrb_cnn", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SAVE_EVERY", 1)
    return module


def write_gtsrb(folder: Path) -> None:
    """Four training and two test pictures of noise in GTSRB's official layout, with a margin around the sign."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 36, 3), dtype=np.uint8)
    header = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"
    for label in (14, 33):
        place = folder / "gtsrb" / "GTSRB" / "Training" / f"{label:05d}"
        place.mkdir(parents=True)
        names = ["00000_00000.ppm", "00000_00001.ppm"]
        rows = [f"{name};36;40;4;5;32;35;{label}\n" for name in names]
        (place / f"GT-{label:05d}.csv").write_text(header + "".join(rows))
        for name in names:
            cv2.imwrite(str(place / name), pixels)
    images = folder / "gtsrb" / "GTSRB" / "Final_Test" / "Images"
    images.mkdir(parents=True)
    for name in ("00000.ppm", "00001.ppm"):
        cv2.imwrite(str(images / name), pixels)
    table = "".join(f"{name};36;40;4;5;32;35;14\n" for name in ("00000.ppm", "00001.ppm"))
    (folder / "gtsrb" / "GT-final_test.csv").write_text(header + table)


@pytest.mark.slow
def test_training_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, trainer: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_gtsrb(tmp_path)
    monkeypatch.setattr(trainer, "sign_names", lambda: ["de/stop", "de/yield"])
    options = ["--steps", "5", "--roadside-from", "3", "--batch", "16", "--frames", "15"]

    def run(out: Path) -> None:
        monkeypatch.setattr(sys, "argv", ["train", "--data", str(tmp_path), "--out", str(out), *options])
        trainer.main()

    straight, stopped = tmp_path / "straight.safetensors", tmp_path / "stopped.safetensors"
    run(straight)
    augment, calls = trainer.augment, []

    def failing(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) in (3, 6):
            raise KeyboardInterrupt
        return augment(*arguments)

    monkeypatch.setattr(trainer, "augment", failing)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(stopped)
        assert not stopped.exists()
    run(stopped)
    assert straight.read_bytes() == stopped.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gtsrb", stopped.name, straight.name]
    printed = capsys.readouterr().out
    assert "| 14 | stop | " in printed
    assert "| de/stop | " in printed


def test_training_pictures_keep_their_class_and_range_through_the_augmentation(trainer: ModuleType) -> None:
    label = torch.tensor([14, 33] * 64)
    box = torch.tensor([[0.1, 0.1, 0.9, 0.9]]).expand(128, 4)
    pictures = trainer.Pictures(torch.full((128, 3, 48, 48), 128, dtype=torch.uint8), box, label)
    picked = torch.arange(128)
    images, classes = trainer.augment(pictures, picked, torch.Generator().manual_seed(0))
    assert images.shape == (128, 3, 32, 32)
    assert images.min() >= 0
    assert images.max() <= 1
    assert (classes[::2] == 14).all()
    assert set(classes[1::2].tolist()) == {33, 34}
    again, _ = trainer.augment(pictures, picked, torch.Generator().manual_seed(0))
    assert torch.equal(images, again)


def test_mirrored_classes_are_each_others_mirror(trainer: ModuleType) -> None:
    table = trainer.mirror_table()
    mirrored = (table >= 0).nonzero()[:, 0]
    assert torch.equal(table[table[mirrored]], mirrored)
    names = class_names("gtsrb")
    for left, right in trainer.MIRRORED.items():
        assert names[left].replace("Left", "Right") == names[right].replace("Left", "Right")
    assert not {names[c] for c in mirrored} & {"stop", "speedLimit30", "noPassing"}


def test_a_data_folder_without_gtsrb_is_one_sentence(tmp_path: Path, trainer: ModuleType) -> None:
    with pytest.raises(PhysadvError, match="expected GTSRB in its official layout"):
        trainer.read_training(tmp_path)


def test_the_local_mean_is_that_of_the_pixels_in_the_window() -> None:
    images = torch.rand(2, 3, 20, 33, generator=torch.Generator().manual_seed(0))
    around = images - torch.nn.functional.avg_pool2d(images, 9, 1, 4, count_include_pad=False)
    variance = (around * around).mean(1, keepdim=True)
    spread = torch.nn.functional.avg_pool2d(variance, 9, 1, 4, count_include_pad=False)
    torch.testing.assert_close(local_contrast(images), around / (spread + 0.04**2).sqrt(), atol=1e-5, rtol=1e-5)
