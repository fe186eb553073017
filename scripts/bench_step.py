"""What one optimization step costs, as a multiple of the victim's own forward and backward pass.

Prints a table: the roadside's whole step (render 64 views with all its physics, victim forward and backward, update), a
chain of stock kornia.augmentation modules doing the like, the same with its differentiable JPEG, and, where
adversarial-robustness-toolbox is installed, ART's AdversarialPatchPyTorch. All variants take turns in one run, so that
a busy machine slows them alike; the figure is the median of the rounds' ratios.

    python scripts/bench_step.py [--rounds 15] [--device cpu]
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from physadv.attacks import Adam, DesignConfig, Untargeted
from physadv.attacks.physical.rp2 import prepare_step
from physadv.victims import Victim, wrap_module
from physadv.victims.architectures import LisaCnn
from physadv.victims.fused_network import quickened

VIEWS = 64
Step = Callable[[], None]


def victims() -> dict[str, Victim]:
    """The two victims of the comparison, with random weights: speed does not depend on them."""
    classes = [str(i) for i in range(17)] + ["stop"]
    resnet = torchvision.models.resnet18(num_classes=18)
    return {
        "LISA-CNN, 32 px": wrap_module(LisaCnn(18), name="lisa-cnn", classes=classes, size=32),
        "ResNet-18, 64 px": wrap_module(resnet, name="resnet18", classes=classes, size=64),
    }


def quick(victim: Victim) -> Victim:
    """The victim as it is under attack: the same function, rewritten for speed."""
    victim = copy.deepcopy(victim)
    victim.network = quickened(victim.network)
    return victim


def alone(victim: Victim, device: torch.device) -> Step:
    """The victim's own forward and backward pass to its input."""
    images = torch.rand(VIEWS, 3, *victim.input_size, device=device)
    labels = torch.full((VIEWS,), 17, device=device)

    def step() -> None:
        leaf = images.clone().requires_grad_(True)
        torch.autograd.grad(F.cross_entropy(victim(leaf), labels), leaf)

    return step


def kornia_chain(victim: Victim, device: torch.device, *, jpeg: bool) -> Step:
    """One texture expanded into a batch through stock modules: affine, perspective, color, blur, noise."""
    import kornia.augmentation as K

    px = 4 * victim.input_size[0]
    chain: list[nn.Module] = [
        K.RandomAffine(degrees=10.0, translate=(0.1, 0.1), scale=(0.3, 1.0), p=1.0),
        K.RandomPerspective(0.4, p=1.0),
        K.RandomBrightness((0.5, 1.5), p=1.0),
        K.RandomContrast((0.8, 1.2), p=1.0),
        K.RandomMotionBlur(3, 45.0, 0.5, p=1.0),
        K.RandomGaussianBlur((3, 3), (0.3, 1.0), p=1.0),
        K.RandomGaussianNoise(0.0, 0.02, p=1.0),
    ]
    if jpeg:
        chain.append(K.RandomJPEG((50, 95), p=1.0))
    chain.insert(2, K.Resize(victim.input_size, antialias=True))
    augment = nn.Sequential(*chain).to(device)
    texture = torch.rand(3, px, px, device=device)
    labels = torch.full((VIEWS,), 17, device=device)

    def step() -> None:
        leaf = texture.clone().requires_grad_(True)
        images = augment(leaf.expand(VIEWS, -1, -1, -1)).clamp(0, 1)
        torch.autograd.grad(F.cross_entropy(victim(images), labels), leaf)

    return step


def art_patch(victim: Victim) -> Step | None:
    """ART's robust physical patch, where ART is installed."""
    try:
        from art.attacks.evasion import AdversarialPatchPyTorch
        from art.estimators.classification import PyTorchClassifier
    except ImportError:
        return None
    import numpy as np

    shape = (3, *victim.input_size)
    classifier = PyTorchClassifier(
        victim, nn.CrossEntropyLoss(), shape, len(victim.classes), clip_values=(0.0, 1.0), device_type="cpu"
    )
    attack = AdversarialPatchPyTorch(
        classifier,
        rotation_max=10.0,
        scale_min=0.3,
        scale_max=1.0,
        learning_rate=0.05,
        max_iter=1,
        batch_size=VIEWS,
        patch_shape=shape,
        optimizer="Adam",
        targeted=False,
        verbose=False,
    )
    images = np.random.default_rng(0).random((VIEWS, *shape), dtype=np.float32)
    labels = np.full(VIEWS, 17)

    def step() -> None:
        attack.generate(x=images, y=labels)

    return step


def roadside(victim: Victim, device: torch.device, scene: str) -> Step:
    """The product's own step, as physadv design takes it: on a victim under attack."""
    config = DesignConfig(victim="given", steps=1, scenes=(scene,), device=device.type)  # type: ignore[arg-type]
    return prepare_step(config, quick(victim), goal=Untargeted(17), search=Adam())


def measure(steps: dict[str, Step], rounds: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of every round of every variant, taken in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 2):
        for name, step in steps.items():
            started = time.perf_counter()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            if number >= 2:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scene", default="wide")
    options = parser.parse_args()
    device = torch.device(options.device)
    print(
        f"{VIEWS} views a step, scene {options.scene}, {device}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}"
    )
    for title, victim in victims().items():
        victim = victim.to(device).eval().requires_grad_(False)
        variants: dict[str, Step | None] = {
            "victim alone": alone(victim, device),
            "victim alone, quickened": alone(quick(victim), device),
            "physadv roadside": roadside(victim, device, options.scene),
            "kornia chain": kornia_chain(victim, device, jpeg=False),
            "kornia chain with JPEG": kornia_chain(victim, device, jpeg=True),
            "ART AdversarialPatchPyTorch": art_patch(victim) if device.type == "cpu" else None,
        }
        seconds = measure({name: step for name, step in variants.items() if step}, options.rounds, device)
        base = seconds["victim alone"]
        print(f"\n{title}")
        for name in variants:
            if name not in seconds:
                print(f"  {name:30} not installed")
                continue
            ratio = statistics.median(s / b for s, b in zip(seconds[name], base, strict=True))
            print(f"  {name:30} {ratio:5.2f} x   {1000 * statistics.median(seconds[name]):8.1f} ms")


if __name__ == "__main__":
    main()
