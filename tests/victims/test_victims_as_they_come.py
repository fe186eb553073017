"""Models as people have them: outputs, numbers, checkpoints, ONNX files, and inputs that do not fit the weights."""

from __future__ import annotations

import argparse
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from attack_kit import CLASSES as FIVE
from attack_kit import QUICK, SIZE, labeled, pictures, small_victim
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from physadv.attacks import ATTACKS, build_attack
from physadv.core.errors import PhysadvError, PhysadvWarning
from physadv.core.files import sha256
from physadv.defenses import DEFENSES, certify, certify_patch, defended, load_victim
from physadv.signs import class_names
from physadv.victims import ARCHITECTURES, Victim, under_attack, victim_names, wrap_module
from physadv.victims.library import SHIPPED
from physadv.victims.trial import trial_pictures

GTSRB = list(class_names("gtsrb"))
THREE = ["stop", "yield", "speedLimit45"]
pytestmark = pytest.mark.filterwarnings("ignore::physadv.core.errors.PhysadvWarning")


class Wrapped(nn.Module):
    """A network whose output is made into something else."""

    def __init__(self, inner: nn.Module, make: Callable[[Tensor], Any] = lambda logits: logits) -> None:
        super().__init__()
        self.inner, self.make = inner, make

    def forward(self, images: Tensor) -> Any:
        return self.make(self.inner(images))


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 8, 5, stride=2, padding=2), nn.GELU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.GELU()]
    made = nn.Sequential(*layers, nn.Flatten(), nn.Linear(144, len(FIVE)))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3.0)
    return made.eval()


def wrapped(module: Any, **options: Any) -> Victim:
    return wrap_module(module, **{"name": "it", "classes": FIVE, "size": SIZE, **options})


# ---- networks that write into their input ---------------------------------------------------------------------------


class Behaved(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, images: Tensor) -> Tensor:
        return self.inner((images - 0.25).clamp(0.0, 0.6) * 1.5)


class Writing(Behaved):
    def forward(self, images: Tensor) -> Tensor:
        images.sub_(0.25).clamp_(0.0, 0.6).mul_(1.5)
        return self.inner(images)


@pytest.fixture(params=[{}, {"mean": 0.1}, {"layout": "nhwc"}, {"size": 16}], ids=str)
def twins(request: pytest.FixtureRequest) -> tuple[Victim, Victim]:
    if request.param.get("layout"):

        class Turned(nn.Module):
            def __init__(self, inner: nn.Module) -> None:
                super().__init__()
                self.inner = inner

            def forward(self, images: Tensor) -> Tensor:
                return self.inner(images.permute(0, 3, 1, 2))

        return tuple(wrapped(Turned(kind()), **request.param).eval() for kind in (Behaved, Writing))  # type: ignore
    if request.param.get("size"):

        def resized(kind: Callable[[], nn.Module]) -> nn.Module:
            return nn.Sequential(nn.Upsample(SIZE), kind())

        return tuple(wrapped(resized(kind), **request.param).eval() for kind in (Behaved, Writing))  # type: ignore
    return tuple(wrapped(kind(), **request.param).eval() for kind in (Behaved, Writing))  # type: ignore


def test_what_a_network_writes_into_its_input_reaches_nobody(twins: tuple[Victim, Victim]) -> None:
    images = pictures(4)
    for memory in (torch.contiguous_format, torch.channels_last):
        shown = images.to(memory_format=memory)
        before, answers = shown.clone(), []
        for victim in twins:
            leaf = shown.clone(memory_format=torch.preserve_format).requires_grad_(True)
            logits = victim(leaf)
            (slope,) = torch.autograd.grad(logits.square().sum(), leaf)
            with torch.no_grad():
                assert torch.equal(victim(shown), logits)
            answers.append((logits, slope))
        assert torch.equal(shown, before)
        for mine, other in zip(*answers, strict=True):
            assert torch.equal(mine, other)


@pytest.mark.parametrize("name", list(ATTACKS))
def test_every_attack_does_the_same_to_a_network_that_writes_into_its_input(name: str) -> None:
    behaved, writing = (wrapped(kind()).eval() for kind in (Behaved, Writing))
    images = pictures(3)
    labels = labeled(behaved, images)
    attack = build_attack(name, QUICK.get(name, {}))
    one, other = (attack(victim, images.clone(), labels, seed=3) for victim in (behaved, writing))
    assert torch.equal(one.adversarial, other.adversarial)
    assert torch.equal(one.predicted, other.predicted)
    assert torch.equal(one.queries, other.queries)


@pytest.mark.parametrize("name", list(DEFENSES))
def test_every_defense_sees_the_same(name: str) -> None:
    images = pictures(3)
    one, other = (defended(wrapped(kind()).eval(), [name])(images) for kind in (Behaved, Writing))
    assert torch.equal(one, other)


def test_certificates_are_the_same() -> None:
    images, behaved = pictures(2), wrapped(Behaved()).eval()
    labels = labeled(behaved, images)
    found = [
        (
            certify(victim, images, labels, sigma=0.1, n0=10, n=40, alpha=0.1, seed=1).radius_l2,
            certify_patch(victim, images, labels, patch_px=2, masks=3).certified,
        )
        for victim in (behaved, wrapped(Writing()).eval())
    ]
    for mine, other in zip(*found, strict=True):
        assert torch.equal(mine, other)


def test_training_learns_the_same() -> None:
    def learned(kind: Callable[[], nn.Module]) -> dict[str, Tensor]:
        victim, images = wrapped(kind()).train(), pictures(8)
        optimizer = torch.optim.SGD(victim.parameters(), lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            F.cross_entropy(victim(images), torch.arange(8) % len(FIVE)).backward()
            optimizer.step()
        return victim.state_dict()

    one, other = learned(Behaved), learned(Writing)
    assert all(torch.equal(one[name], other[name]) for name in one)


# ---- outputs ---------------------------------------------------------------------------------------------------------


@dataclass
class Output:
    logits: Tensor
    hidden: Tensor | None = None


@dataclass
class Unnamed:
    features: Tensor
    scores: Tensor


Pair = namedtuple("Pair", ["first", "logits"])

FORMS: dict[str, tuple[Callable[[Tensor], Any], dict[str, Any]]] = {
    "tensor": (lambda x: x, {}),
    "tuple of one": (lambda x: (x,), {}),
    "list with features": (lambda x: [torch.zeros(len(x), 9), x], {}),
    "tuple with a loss": (lambda x: (x, None), {}),
    "mapping": (lambda x: {"logits": x, "aux": 2 * x}, {}),
    "ordered mapping by another name": (lambda x: OrderedDict(features=torch.zeros(len(x), 9), out=x), {}),
    "dataclass": (lambda x: Output(x), {}),
    "dataclass without logits": (lambda x: Unnamed(torch.zeros(len(x), 9), x), {}),
    "named tuple": (lambda x: Pair(2 * x, x), {}),
    "object": (lambda x: argparse.Namespace(logits=x), {}),
    "chosen by name": (lambda x: {"a": 2 * x, "b": x}, {"output_name": "b"}),
    "chosen by number": (lambda x: (2 * x, x), {"output_name": 1}),
    "maps of one pixel": (lambda x: x[:, :, None, None], {}),
    "double": (lambda x: x.double(), {}),
    "half": (lambda x: x.half(), {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_outputs_in_every_form_are_the_logits(form: str) -> None:
    make, options = FORMS[form]
    images = pictures(4)
    victim = wrapped(Wrapped(network(), make), **options).eval()
    logits = victim(images)
    assert logits.dtype == torch.float32
    tolerance = 2e-3 if form == "half" else 0.0
    torch.testing.assert_close(logits, network()(images), rtol=tolerance, atol=tolerance)
    assert victim.differentiable
    result = build_attack("pgd", {"steps": 2})(victim, images, labeled(victim, images))
    assert result.adversarial.dtype == torch.float32


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda x: (x, 2 * x), r"0 and 1 could each be the logits; say which of them with output_name"),
        (lambda x: {"a": x[:, :2], "b": x[:, :3]}, r"a: \[\d+, 2\], b: \[\d+, 3\]\) and none is the logits \[N, 5\]"),
        (lambda x: "stop", r"gives a str, not the logits"),
        (lambda x: None, r"gives a NoneType"),
        (lambda x: x.argmax(1), r"answers \[8\] to 8 images"),
        (lambda x: x.argmax(), r"answers \[\] to 8 images"),
        (lambda x: x[:, :4], r"answers \[8, 4\] to 8 images, but its list of classes has 5"),
        (lambda x: x > 0, r"answers in bool; logits should be real numbers"),
        (lambda x: x.to(torch.complex64), r"answers in complex64; logits should be real numbers"),
    ],
)
def test_outputs_that_are_no_logits_are_one_sentence(make: Callable[[Tensor], Any], sentence: str) -> None:
    with pytest.raises(PhysadvError, match=sentence) as caught:
        wrapped(Wrapped(network(), make))
    assert "\n" not in str(caught.value)


def test_a_name_that_no_output_has_is_one_sentence() -> None:
    with pytest.raises(PhysadvError, match=r"output_name = 'scores': its network gives a: \[8, 5\]"):
        wrapped(Wrapped(network(), lambda x: {"a": x}), output_name="scores")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_networks_in_other_precisions_take_pictures_as_they_are(dtype: torch.dtype) -> None:
    images = pictures(4)
    victim = wrapped(network().to(dtype), mean=0.1).eval()
    logits = victim(images)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, network()(images - 0.1), rtol=0.1, atol=0.1)
    assert victim(images.double()).dtype == torch.float64
    assert build_attack("pgd", {"steps": 2})(victim, images, labeled(victim, images)).adversarial.dtype == images.dtype


DETACHED: dict[str, Callable[[], Any]] = {
    "detached": lambda: Wrapped(network(), lambda logits: logits.detach()),
    "without gradient": lambda: torch.no_grad()(Wrapped(network()).forward),
    "numpy": lambda: lambda images, net=network(): net(images).detach().numpy(),
    "a copy of the picture": lambda: lambda images, net=network(): net(torch.tensor(images.tolist())),
}


@pytest.mark.parametrize("kind", DETACHED)
def test_outputs_that_are_detached_are_scored_and_attacked_without_gradients(kind: str) -> None:
    victim, images = wrapped(DETACHED[kind]()).eval(), pictures(3)
    assert not victim.differentiable
    torch.testing.assert_close(victim(images), network()(images))
    labels = labeled(victim, images)
    assert len(build_attack("square", {"max_queries": 20})(victim, images, labels).success) == 3
    with pytest.raises(PhysadvError, match=r"no gradient reaches the picture .*'it' \(.*need none: .*square") as caught:
        build_attack("pgd")(victim, images, labels)
    free = [name for name, part in ATTACKS.items() if part.knowledge != "gradients"]
    assert all(name in str(caught.value) for name in free)


def test_a_victim_of_ones_own_that_detaches_is_one_sentence() -> None:
    class Own(Victim):
        def forward(self, images: Tensor) -> Tensor:
            return network()(images).detach()

    victim = Own(name="own", classes=FIVE, input_size=(SIZE, SIZE))
    with pytest.raises(PhysadvError, match="no gradient reaches the picture"):
        build_attack("pgd", {"steps": 2})(victim, pictures(2), torch.tensor([0, 1]))


def test_functions_are_told_apart_by_what_they_answer() -> None:
    one, same, other = (wrapped(lambda images, net=net: net(images)) for net in (network(), network(), network(seed=1)))
    assert one.fingerprint == same.fingerprint
    assert one.fingerprint != other.fingerprint


# ---- inputs that do not fit the weights ------------------------------------------------------------------------------


def card(folder: Path, **changes: Any) -> Path:
    about = {
        "name": "mine",
        "architecture": "gtsrb-cnn",
        "weights": str(SHIPPED / "gtsrb-cnn.safetensors"),
        "classes": GTSRB,
        "input": {"size": 32},
    }
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in {**about, **changes}.items() if value is not None}))
    return path


IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"mean": 123.7}, "mean 123.7 belongs to pictures in 0..255: set scale: 255"),
        ({"mean": [123.7, 116.3, 103.5]}, "mean 123.7 belongs to pictures in 0..255: set scale: 255"),
        ({"mean": 127.5, "std": 127.5}, "mean 127.5 belongs to pictures in 0..255: set scale: 255"),
        ({"scale": 255}, "set scale: 1: it then reads 4 of 4 signs"),
        ({"scale": 255, **IMAGENET}, "mean 0.485 belongs to pictures in 0..1: set scale: 1"),
        ({"std": 255}, "set scale: 255: it then reads 4 of 4 signs"),
        ({"channels": "bgr"}, "set channels: rgb: it then reads 4 of 4 signs"),
    ],
    ids=str,
)
def test_an_input_that_does_not_fit_is_found_with_its_cause(tmp_path: Path, wrong: dict[str, Any], cause: str) -> None:
    victim = load_victim(card(tmp_path, input={"size": 32, **wrong}))
    (doubt,) = victim.doubts
    assert cause in doubt
    with pytest.warns(PhysadvWarning, match="victim 'mine'"):
        build_attack("fgsm")(victim, torch.rand(1, 3, 32, 32), [0])


@pytest.mark.parametrize("name", victim_names())
def test_shipped_victims_raise_no_doubt(name: str) -> None:
    assert load_victim(name).doubts == ()


@pytest.mark.data
def test_victims_of_others_raise_no_doubt(data_folder: Path, tmp_path: Path) -> None:
    import json

    pytest.importorskip("onnxruntime")
    labels = json.loads((data_folder / "models" / "models.json").read_text())["rp2_lisa_cnn"]["labels"]
    weights = str(data_folder / "models" / "rp2_lisa_cnn.safetensors")
    assert load_victim(card(tmp_path, architecture="lisa-cnn", weights=weights, classes=labels)).doubts == ()
    graph = {"weights": str(data_folder / "models" / "gtsrb_cnn30_dmitry.onnx"), "output": "probabilities"}
    shown = {"size": 30, "layout": "nhwc", "interpolation": "bicubic"}
    assert load_victim(card(tmp_path, adapter="onnx", architecture=None, input=shown, **graph)).doubts == ()


def test_a_network_of_two_classes_that_goes_by_the_picture_raises_no_doubt() -> None:
    class Red(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            red = (images[:, 0] - images[:, 1:].mean(1)).mean((1, 2)) * 20
            return torch.stack([red, 2.0 - red], 1)

    assert wrap_module(Red(), classes=["stop", "anything else"], size=32).doubts == ()


def test_weights_of_zero_are_doubtful(tmp_path: Path) -> None:
    state = {name: 0 * value for name, value in ARCHITECTURES["gtsrb-cnn"](43).state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    doubt, *_ = load_victim(card(tmp_path, weights="w.safetensors")).doubts
    assert "answers every picture alike, signs and noise" in doubt


def test_a_module_that_answers_the_same_is_doubtful() -> None:
    class Same(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.tensor([[1.0, 2.0, 0.0, 0.0, 0.0]]).expand(len(images), -1) + 0 * images.sum()

    assert "answers every picture alike" in wrapped(Same()).doubts[0]


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    state = ARCHITECTURES["gtsrb-cnn"](43).state_dict()
    state["fc.weight"][3, 5] = torch.nan
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(PhysadvError, match=r"not finite, for its weights are not: fc.weight"):
        load_victim(card(tmp_path, weights="w.safetensors"))


class FailsLater(nn.Module):
    """Answers NaN from the call on that is set as ``after``."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.calls, self.after = network(), 0, 10**9

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        answers: Tensor = self.network(images)
        return answers * torch.nan if self.calls > self.after else answers


@pytest.mark.parametrize("looks", range(4))
def test_an_answer_that_is_no_number_never_counts_as_a_class(looks: int) -> None:
    images, model = pictures(4), FailsLater()
    victim = wrapped(model)
    labels = labeled(victim, images)
    model.after = model.calls + looks
    attack = build_attack("pgd", {"steps": 2})
    with pytest.raises(PhysadvError, match="not finite"):
        attack(victim, images, labels)
    victim.train()(images)


def test_answers_that_depend_on_the_batch_are_refused() -> None:
    normalized = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), network())
    with pytest.raises(PhysadvError, match=r"changes with the pictures beside it .*BatchNorm2d without running"):
        wrapped(normalized)


def test_answers_that_change_from_look_to_look_are_flagged_and_cost_no_random_numbers() -> None:
    dropping = Wrapped(network(), lambda logits: F.dropout(logits, 0.3, training=True))
    noisy = Wrapped(network(), lambda logits: logits + torch.randn_like(logits))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    victim = wrapped(dropping)
    assert any("it is random" in doubt for doubt in victim.doubts)
    torch.manual_seed(5)
    assert any("it is random" in doubt for doubt in wrapped(noisy).doubts)
    assert torch.equal(torch.rand(3), expected)


def test_a_staircase_has_no_slope_and_says_so() -> None:
    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network()

        def forward(self, images: Tensor) -> Tensor:
            return self.inner((images * 64).round() / 64)

    assert any("gradient of its logits is zero" in doubt for doubt in wrapped(Steps()).doubts)


def test_a_trial_is_quick_and_leaves_a_network_as_it_was() -> None:
    module = network().train()
    wrapped(module)
    assert all(part.training for part in module.modules())
    assert trial_pictures((32, 32), torch.device("cpu")).shape[1:] == (3, 32, 32)


# ---- checkpoints -----------------------------------------------------------------------------------------------------


def state_of(seed: int = 0) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return dict(ARCHITECTURES["lisa-cnn"](3).state_dict())


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value for name, value in state.items()}


def checkpoint(folder: Path, saved: Any, **changes: Any) -> Victim:
    torch.save(saved, folder / "w.pt")
    return load_victim(card(folder, architecture="lisa-cnn", weights="w.pt", classes=THREE, **changes))


CHECKPOINTS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "plain": lambda state: state,
    **{
        prefix: lambda state, prefix=prefix: prefixed(prefix, state)  # type: ignore[misc]
        for prefix in (
            "module.",
            "_orig_mod.",
            "model.",
            "net.",
            "network.",
            "backbone.",
            "module._orig_mod.",
            "model.net.",
        )
    },
    **{
        f"under {key}": lambda state, key=key: {key: state, "epoch": 3}  # type: ignore[misc]
        for key in ("state_dict", "model", "net", "ema", "model_state_dict", "params", "weights")
    },
    "lightning": lambda state: {
        "state_dict": {**prefixed("model.", state), "criterion.weight": torch.ones(3)},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}],
        "hyper_parameters": {"lr": 0.1},
    },
    "compiled in the middle": lambda state: prefixed("net._orig_mod.", state),
    "deep": lambda state: {"model": {"ema": {"module": prefixed("module.", state)}}},
    "beside other things": lambda state: {**state, "epoch": 3, "best": 0.9},
    "the same twice": lambda state: {"model": state, "ema": {name: value.clone() for name, value in state.items()}},
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoints_as_they_come_are_read(tmp_path: Path, kind: str) -> None:
    state = state_of()
    victim = checkpoint(tmp_path, CHECKPOINTS[kind](state))
    loaded = victim.network.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())


@pytest.mark.parametrize(
    "beside",
    [{"0.mean": torch.zeros(3), "0.std": torch.ones(3)}, {"head.weight": torch.ones(2, 2)}, {"mu": torch.tensor(0.5)}],
    ids=["normalization", "head", "scalar"],
)
def test_a_layer_beside_the_weights_is_not_left_out_in_silence(tmp_path: Path, beside: dict[str, Tensor]) -> None:
    """Such as the normalization in front of a network that was saved with it: without it, the answers are others."""
    saved = {**prefixed("1.", state_of()), **beside}
    with pytest.raises(PhysadvError, match=f"holds {next(iter(beside))}.* beside the weights .* weights_key: 1 in"):
        checkpoint(tmp_path, saved)
    assert checkpoint(tmp_path, saved, weights_key="1") is not None
    counted = {**prefixed("module.", state_of()), "n_averaged": torch.tensor(7)}
    assert checkpoint(tmp_path, counted) is not None


def test_two_sets_of_weights_that_differ_need_a_word(tmp_path: Path) -> None:
    saved = {"model": state_of(), "ema": {"module": prefixed("module.", state_of(1))}}
    with pytest.raises(PhysadvError, match=r"'model' and 'ema.module.module'; say which is meant with weights_key"):
        checkpoint(tmp_path, saved)
    victim = checkpoint(tmp_path, saved, weights_key="ema.module.module")
    assert torch.equal(victim.network.fc1.bias, state_of(1)["fc1.bias"])
    with pytest.raises(PhysadvError, match=r"nothing under weights_key = 'best'; there is: model, ema.module.module"):
        checkpoint(tmp_path, saved, weights_key="best")
    with pytest.raises(PhysadvError, match="'student' and 'teacher'"):
        checkpoint(tmp_path, {**prefixed("student.", state_of()), **prefixed("teacher.", state_of(1))})


STRANGE: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "sparse": (lambda value: value.to_sparse(), "fc1.bias is sparse"),
    "quantized": (lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8), "fc1.bias is quantized"),
    "meta": (lambda value: value.to("meta"), "fc1.bias is a meta tensor"),
    "complex": (lambda value: value.to(torch.complex64), "fc1.bias is complex64, but .* needs float32"),
    "whole numbers": (lambda value: value.to(torch.int64), "fc1.bias is int64, but .* needs float32"),
    "true and false": (lambda value: value > 0, "fc1.bias is bool, but .* needs float32"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", STRANGE)
def test_weights_of_another_kind_are_one_sentence(tmp_path: Path, kind: str) -> None:
    make, sentence = STRANGE[kind]
    state = state_of()
    with pytest.raises(PhysadvError, match=sentence) as caught:
        checkpoint(tmp_path, {**state, "fc1.bias": make(state["fc1.bias"])})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_weights_keep_their_numbers(tmp_path: Path, dtype: torch.dtype) -> None:
    state = {name: value.to(dtype) for name, value in state_of().items()}
    victim = checkpoint(tmp_path, state)
    assert all(torch.equal(value.to(dtype), state[name]) for name, value in victim.network.state_dict().items())
    assert victim.network.fc1.weight.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert victim(torch.rand(1, 3, 32, 32)).dtype == torch.float32


def test_every_fault_of_a_card_is_told_at_once(tmp_path: Path) -> None:
    about = {"adapter": "torchh", "weights": "none.pt", "classes": ["stop", "stop"], "input": {"size": 0}, "nmae": "x"}
    path = card(tmp_path, **about)
    with pytest.raises(PhysadvError) as caught:
        load_victim(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: 5 faults: ")
    for words in (
        "unknown key 'nmae' (did you mean 'name'?)",
        "unknown adapter 'torchh': did you mean torch",
        f"weights = 'none.pt': {tmp_path / 'none.pt'}: cannot be read (no such file of weights)",
        "class 'stop' is listed 2 times",
        "input.size = 0: should be",
    ):
        assert words in said
    with pytest.raises(PhysadvError, match=r"2 faults: .*unknown architecture 'gtsrb-cn': .*no such file of weights"):
        load_victim(card(tmp_path, architecture="gtsrb-cn", weights="none.pt"))


# ---- ONNX ------------------------------------------------------------------------------------------------------------


def graph_of(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any] = []) -> None:  # noqa: B006
    import onnx
    from onnx import helper

    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


def floats(name: str, shape: Any, kind: int = 1) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, kind, shape)


def linear_graph(
    path: Path, *, batch: Any = "n", reshape: Any = (0, -1), shape: Any = None, kind: int = 1, **more: Any
) -> None:
    """A graph of one linear layer on 3 x 8 x 8, by way of a reshape."""
    from onnx import TensorProto, helper, numpy_helper

    matrix = np.random.default_rng(0).normal(size=(192, 3)).astype(np.float32)
    weights = [
        numpy_helper.from_array(matrix, "w"),
        helper.make_tensor("to", TensorProto.INT64, [len(reshape)], list(reshape)),
    ]
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["f", "to"], ["r"]),
        helper.make_node("MatMul", ["r", "w"], ["y"]),
        *more.get("nodes", []),
    ]
    inputs = [floats("x", [batch, 3, 8, 8] if shape is None else shape, kind), *more.get("inputs", [])]
    graph_of(path, nodes, inputs, [*more.get("outputs", [floats("y", None)])], weights)


def onnx_victim(folder: Path, **changes: Any) -> Victim:
    pytest.importorskip("onnxruntime")
    options = {"adapter": "onnx", "architecture": None, "weights": "m.onnx", "classes": THREE, "input": {"size": 8}}
    return load_victim(card(folder, **{**options, **changes}))


def expected(images: Tensor) -> Tensor:
    matrix = np.random.default_rng(0).normal(size=(192, 3)).astype(np.float32)
    return images.flatten(1) @ torch.from_numpy(matrix)


@pytest.mark.parametrize(
    "options",
    [{}, {"reshape": (1, 192)}, {"shape": ["n", 3, "h", "w"]}, {"shape": ["n", -1, -1, -1]}, {"reshape": (-1, 192)}],
    ids=str,
)
def test_graphs_of_any_batch_are_read_one_by_one_where_they_must(tmp_path: Path, options: dict[str, Any]) -> None:
    linear_graph(tmp_path / "m.onnx", **options)
    images = torch.rand(5, 3, 8, 8)
    torch.testing.assert_close(onnx_victim(tmp_path)(images), expected(images), rtol=1e-4, atol=1e-4)


def test_a_graph_of_unknown_rank_is_tried(tmp_path: Path) -> None:
    from onnx import helper

    linear_graph(tmp_path / "m.onnx", shape=())
    import onnx

    model = onnx.load(tmp_path / "m.onnx")
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", 1, None))
    onnx.save(model, tmp_path / "m.onnx")
    images = torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(onnx_victim(tmp_path)(images), expected(images), rtol=1e-4, atol=1e-4)


def test_pictures_in_eight_bits_need_a_scale_of_255(tmp_path: Path) -> None:
    linear_graph(tmp_path / "m.onnx", kind=2)
    for wrong in ({"size": 8}, {"size": 8, "scale": 255, "mean": 127}):
        with pytest.raises(PhysadvError, match=r"8 bits.*set scale: 255"):
            onnx_victim(tmp_path, input=wrong)
    images = torch.randint(0, 256, (2, 3, 8, 8)) / 255
    got = onnx_victim(tmp_path, input={"size": 8, "scale": 255})(images)
    torch.testing.assert_close(got, expected(images * 255), rtol=1e-4, atol=1e-2)


def _two_outputs(path: Path) -> None:
    from onnx import helper

    twice = helper.make_node("Add", ["y", "y"], ["z"])
    linear_graph(path, nodes=[twice], outputs=[floats("y", None), floats("z", None)])


def test_one_of_several_outputs_is_named_or_alone_fits(tmp_path: Path) -> None:
    from onnx import helper

    images = torch.rand(2, 3, 8, 8)
    _two_outputs(tmp_path / "m.onnx")
    with pytest.raises(PhysadvError, match="y and z could each be the logits; say which of them with output_name"):
        onnx_victim(tmp_path)
    torch.testing.assert_close(onnx_victim(tmp_path, output_name="z")(images), 2 * expected(images))
    pooled = helper.make_node("ReduceSum", ["y"], ["s"], keepdims=1)
    linear_graph(tmp_path / "m.onnx", nodes=[pooled], outputs=[floats("s", None), floats("y", None)])
    torch.testing.assert_close(onnx_victim(tmp_path)(images), expected(images))


def _two_inputs(path: Path) -> None:
    linear_graph(path, inputs=[floats("side", [1])])


def _endless(path: Path) -> None:
    from onnx import TensorProto, helper

    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Sin", ["v"], ["v2"])],
        "body",
        [floats("i", [], TensorProto.INT64), floats("go", [], TensorProto.BOOL), floats("v", None)],
        [floats("on", [], TensorProto.BOOL), floats("v2", None)],
    )
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["m"], keepdims=0),
        helper.make_node("Loop", ["", "true", "m"], ["y"], body=body),
    ]
    weights = [
        helper.make_tensor("axes", TensorProto.INT64, [2], [2, 3]),
        helper.make_tensor("true", TensorProto.BOOL, [], [True]),
    ]
    graph_of(path, nodes, [floats("x", ["n", 3, 8, 8])], [floats("y", None)], weights)


def _words(path: Path) -> None:
    from onnx import TensorProto, helper

    told = helper.make_node("Cast", ["y"], ["t"], to=TensorProto.STRING)
    linear_graph(path, nodes=[told], outputs=[floats("t", None, TensorProto.STRING)])


ONNX: dict[str, tuple[Callable[[Path], None], dict[str, Any], str]] = {
    "two inputs": (_two_inputs, {}, r"takes 2 inputs \(x: .*, side: \[1\]\)"),
    "another layout": (lambda path: linear_graph(path, shape=["n", 8, 8, 3]), {}, "set layout: nhwc"),
    "another size": (linear_graph, {"input": {"size": 9}}, "set size: 8"),
    "empty": (lambda path: path.write_bytes(b""), {}, "not an ONNX file"),
    "text": (lambda path: path.write_text("hello"), {}, "not an ONNX file"),
    "words for weights": (lambda path: linear_graph(path, kind=8), {}, r"takes tensor\(string\)"),
    "answers in words": (_words, {}, r"answers in text; logits should be real numbers"),
    "a reshape that never fits": (
        lambda path: linear_graph(path, shape=["n", 3, "h", "w"], reshape=(1, 100)),
        {},
        "ONNX Runtime can run",
    ),
}


@pytest.mark.parametrize("case", ONNX)
def test_onnx_files_that_cannot_be_victims_are_one_sentence(tmp_path: Path, case: str) -> None:
    make, changes, sentence = ONNX[case]
    make(tmp_path / "m.onnx")
    with pytest.raises(PhysadvError, match=sentence) as caught:
        onnx_victim(tmp_path, **changes)
    assert "\n" not in str(caught.value)


def test_a_loop_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("physadv.victims.onnx_network.LONGEST_S", 0.5)
    _endless(tmp_path / "m.onnx")
    with pytest.raises(PhysadvError, match="has not answered within"):
        onnx_victim(tmp_path)


def external(folder: Path, seed: int) -> None:
    import onnx

    linear_graph(folder / "m.onnx")
    model = onnx.load(folder / "m.onnx")
    matrix = np.random.default_rng(seed).normal(size=(192, 3)).astype(np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(matrix, "w"))
    (folder / "m.bin").unlink(missing_ok=True)
    onnx.save(model, folder / "m.onnx", save_as_external_data=True, location="m.bin", size_threshold=0)


def test_weights_beside_a_graph_are_part_of_what_it_is(tmp_path: Path) -> None:
    external(tmp_path, 0)
    one, graph = onnx_victim(tmp_path), sha256(tmp_path / "m.onnx")
    external(tmp_path, 1)
    other = onnx_victim(tmp_path)
    assert sha256(tmp_path / "m.onnx") == graph
    assert one.sha256 != other.sha256
    assert one.fingerprint != other.fingerprint
    (tmp_path / "m.bin").unlink()
    with pytest.raises(PhysadvError, match=r"keeps weights in 'm.bin', and there is no such file beside it"):
        onnx_victim(tmp_path)


def test_weights_outside_of_a_graphs_folder_are_refused(tmp_path: Path) -> None:
    import onnx

    external(tmp_path, 0)
    model = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../secret"
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(PhysadvError, match=r"'\.\./secret', outside of its own folder"):
        onnx_victim(tmp_path)


def test_without_a_gradient_an_onnx_victim_names_what_needs_none(tmp_path: Path) -> None:
    linear_graph(tmp_path / "m.onnx")
    with pytest.raises(PhysadvError, match=r"run outside of PyTorch\).*need none: .*square"):
        build_attack("pgd")(onnx_victim(tmp_path), torch.rand(2, 3, 8, 8), torch.tensor([0, 1]))


def test_of_several_attacks_it_is_told_which_may_stay(tmp_path: Path) -> None:
    from physadv.evaluation.matrix.matrix import RobustnessPlan, run_robustness

    linear_graph(tmp_path / "m.onnx")
    onnx_victim(tmp_path)
    victims = (str(tmp_path / "card.yaml"),)

    def refusal(*names: str) -> str:
        plan = RobustnessPlan(victims=victims, attacks=tuple({"attack": name} for name in names))  # type: ignore[misc]
        with pytest.raises(PhysadvError) as caught:
            run_robustness(plan, tmp_path / "out", data=tmp_path)
        return str(caught.value)

    said = refusal("square", "pgd", "nes", "fgsm")
    assert said.startswith("attacks 'pgd', 'fgsm' need gradients, and no gradient reaches the picture through")
    assert "leave them out ('square', 'nes' may stay); these attacks need none: " in said
    assert refusal("pgd", "square").startswith("attack 'pgd' needs gradients")
    assert "leave it out ('square' may stay)" in refusal("pgd", "square")
    assert "may stay" not in refusal("pgd", "fgsm")


def detector_graph(path: Path, *outputs: tuple[str, list[int]], size: int = 416) -> None:
    """A graph with a picture's mean in outputs of these shapes, as detectors have them."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=0)]
    weights = []
    for name, shape in outputs:
        weights.append(helper.make_tensor(f"{name}_shape", TensorProto.INT64, [len(shape)], shape))
        nodes.append(helper.make_node("Expand", ["m", f"{name}_shape"], [name]))
    made = [floats(name, shape) for name, shape in outputs]
    graph_of(path, nodes, [floats("x", [1, 3, size, size])], made, weights)


@pytest.mark.parametrize(
    ("outputs", "classes"),
    [
        ([("output", [1, 3549, 85])], "coco"),  # YOLOX
        ([("output", [1, 3549, 85])], GTSRB),
        ([("output0", [1, 84, 8400])], THREE),  # YOLOv8
        ([("out", [1, 300, 6])], THREE),  # RT-DETR, YOLOv10
        ([("boxes", [1, 100, 4]), ("scores", [1, 100, 91])], THREE),
        ([("dets", [100, 5]), ("labels", [100])], THREE),
    ],
)
def test_a_detector_is_told_to_be_one(tmp_path: Path, outputs: list[tuple[str, list[int]]], classes: Any) -> None:
    detector_graph(tmp_path / "m.onnx", *outputs)
    with pytest.raises(PhysadvError, match=r"looks like a detector .*only classifiers .*ingest --detector"):
        onnx_victim(tmp_path, classes=classes, input={"size": 416})


@pytest.mark.parametrize("shape", [[1, 197, 768], [1, 5], [1, 7, 7, 64], [1, 2, 1]])
def test_what_is_no_classifier_need_not_be_a_detector(shape: list[int], tmp_path: Path) -> None:
    detector_graph(tmp_path / "m.onnx", ("y", shape), size=8)
    with pytest.raises(PhysadvError) as caught:
        onnx_victim(tmp_path)
    assert "detector" not in str(caught.value)


# ---- modules handed in -----------------------------------------------------------------------------------------------


class Constant(nn.Module):
    """The same logits for every picture, whatever they come from."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.bias = how, nn.Parameter(torch.tensor([0.1, 0.4, -0.2, 1.0, 0.3]))

    def forward(self, images: Tensor) -> Tensor:
        same = self.bias.expand(len(images), -1)
        return {"parameters": same, "zero": same + 0.0 * images.mean((1, 2, 3))[:, None]}[self.how]


def test_a_module_of_one_answer_has_no_gradient_for_that() -> None:
    with pytest.warns(PhysadvWarning, match="answers every picture alike"):
        victim = wrapped(Constant("parameters"))
    assert not victim.differentiable
    assert victim.why_not == "its answer is the same whatever the picture, so that there is nothing to differentiate"
    with pytest.warns(PhysadvWarning, match="answers every picture alike"):
        victim = wrapped(Constant("zero"))
    assert [doubt for doubt in victim.doubts if "gradient" in doubt] == [
        "the gradient of its logits is zero at every pixel of the trial: gradients will not find much"
    ]


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda x: x.softmax(1), {}, "say output='probabilities'"),
        (lambda x: x, {"output": "probabilities"}, "say output='logits'"),
        (lambda x: x[:, :4], {}, "its list of classes has 5"),
        (lambda x: (x, 2 * x), {}, "say which of them with output_name"),
        (lambda x: (x, 2 * x), {"output_name": "z"}, "output_name = 'z'"),
    ],
)
def test_what_is_wrong_with_a_module_is_said_of_its_arguments(
    change: Callable[[Tensor], Any], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(PhysadvError) as caught:
        wrapped(Wrapped(network(), change), **options)
    assert words in str(caught.value)
    assert "card" not in str(caught.value)


def test_doubts_of_a_module_speak_of_its_arguments() -> None:
    shipped = load_victim("gtsrb-cnn")
    for options, words in (
        ({"scale": 255}, "say scale=1: it then reads 4 of 4 signs"),
        ({"channels": "bgr"}, "say channels='rgb': it then reads 4 of 4 signs"),
        ({"mean": 127.5, "std": 127.5}, "mean 127.5 belongs to pictures in 0..255: say scale=255"),
    ):
        given = {**shipped.card.input.model_dump(exclude_defaults=True), **options}
        with pytest.warns(PhysadvWarning) as warned:
            wrap_module(shipped.network, classes=GTSRB, **given)
        assert words in str(warned[0].message)
        assert "card" not in str(warned[0].message)


def test_the_size_is_found_out_where_a_network_takes_one_alone() -> None:
    assert wrap_module(nn.Sequential(nn.Flatten(), nn.Linear(3 * 48 * 48, 5)), classes=FIVE).input_size == (48, 48)
    anywhere = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(
        PhysadvError, match=r"takes pictures of many sizes .*say which it was trained on, such as size="
    ):
        wrap_module(anywhere, classes=FIVE)
    with pytest.raises(PhysadvError, match="takes none of the usual sizes"):
        wrap_module(nn.Sequential(nn.Flatten(), nn.Linear(7, 5)), classes=FIVE)


def test_a_frozen_copy_is_not_made_of_a_victim() -> None:
    victim = small_victim()
    with under_attack(victim):
        assert torch.equal(victim(pictures(2)), victim(pictures(2)))
