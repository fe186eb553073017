"""What PGD costs, as a multiple of the bare forward and backward passes that it is made of, beside its peers.

Prints a table: 20 bare passes of ``gtsrb-cnn``, this project's PGD-20 as a user calls it (checks and measurement
included), and those of foolbox, ART and CleverHans where they are installed, on the same pictures with the same steps,
each as its own users would call it. The victim is in ``eval`` with its parameters frozen for all of them, which spares
foolbox and ART the gradients of weights. All take turns in one run, so that a busy machine slows them alike; the figure
is the median of the rounds' ratios.

    python scripts/bench_attacks.py [--rounds 7] [--batch 256] [--device cpu]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from physadv.attacks import build_attack
from physadv.core.memory import keep_freed_memory
from physadv.defenses import load_victim
from physadv.victims import Victim

EPS = 8 / 255
STEPS = 20
STEP_SIZE = 2 / 255
Run = Callable[[], Tensor]


def bare(victim: Victim, images: Tensor, labels: Tensor) -> Run:
    """Forward and backward passes to the input, and nothing else."""

    def run() -> Tensor:
        for _ in range(STEPS):
            leaf = images.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(F.cross_entropy(victim(leaf), labels, reduction="sum"), leaf)
        return gradient

    return run


def ours(victim: Victim, images: Tensor, labels: Tensor) -> Run:
    attack = build_attack("pgd", {"eps": EPS, "steps": STEPS, "step_size": STEP_SIZE})
    return lambda: attack(victim, images, labels).adversarial


def foolbox_pgd(victim: Victim, images: Tensor, labels: Tensor) -> Run:
    import foolbox

    model = foolbox.PyTorchModel(victim, bounds=(0, 1), device=images.device)
    attack = foolbox.attacks.LinfProjectedGradientDescentAttack(abs_stepsize=STEP_SIZE, steps=STEPS)
    return lambda: attack(model, images, labels, epsilons=EPS)[1]


def art_pgd(victim: Victim, images: Tensor, labels: Tensor) -> Run:
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    kind = "gpu" if images.is_cuda else "cpu"
    model = PyTorchClassifier(
        victim,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=tuple(images.shape[1:]),
        nb_classes=len(victim.classes),
        clip_values=(0.0, 1.0),
        device_type=kind,
    )
    attack = ProjectedGradientDescentPyTorch(
        model, eps=EPS, eps_step=STEP_SIZE, max_iter=STEPS, num_random_init=1, batch_size=len(images), verbose=False
    )
    pixels, classes = images.cpu().numpy(), labels.cpu().numpy()
    return lambda: torch.from_numpy(attack.generate(pixels, classes))


def cleverhans_pgd(victim: Victim, images: Tensor, labels: Tensor) -> Run:
    from cleverhans.torch.attacks.projected_gradient_descent import projected_gradient_descent

    def run() -> Tensor:
        made: Tensor = projected_gradient_descent(
            victim,
            images,
            EPS,
            STEP_SIZE,
            STEPS,
            float("inf"),
            clip_min=0.0,
            clip_max=1.0,
            y=labels,
            sanity_checks=False,
        )
        return made

    return run


MAKERS = {
    "physadv": ours,
    "foolbox": foolbox_pgd,
    "ART": art_pgd,
    "CleverHans": cleverhans_pgd,
}


def pictures(victim: Victim, count: int, device: str) -> tuple[Tensor, Tensor]:
    """Smooth random pictures under the victim's own answers, so that all of them are attacked."""
    generator = torch.Generator().manual_seed(0)
    images = F.interpolate(torch.rand(count, 3, 5, 5, generator=generator), size=victim.input_size, mode="bilinear")
    images = images.to(device)
    with torch.no_grad():
        return images, victim(images).argmax(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    keep_freed_memory()
    victim = load_victim("gtsrb-cnn", device=args.device)
    images, labels = pictures(victim, args.batch, args.device)
    victim.eval().requires_grad_(False)
    runs: dict[str, Run] = {"bare": bare(victim, images, labels)}
    for name, maker in MAKERS.items():
        try:
            runs[name] = maker(victim, images, labels)
        except ImportError:
            print(f"{name} is not installed")
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    won = {}
    for number in range(args.rounds + 1):
        for name, run in runs.items():
            started = time.perf_counter()
            made = run()
            if images.is_cuda:
                torch.cuda.synchronize()
            if number:
                seconds[name].append(time.perf_counter() - started)
            with torch.no_grad():
                won[name] = float((victim(made.to(images)).argmax(1) != labels).float().mean())
    print(f"PGD-{STEPS}, batch {args.batch}, {args.device}, {torch.get_num_threads()} threads, {args.rounds} rounds")
    print(f"{'':12} {'x bare':>8} {'seconds':>8} {'success':>8}")
    for name, times in seconds.items():
        ratios = [own / base for own, base in zip(times, seconds["bare"], strict=True)]
        share = "" if name == "bare" else f"{won[name]:8.1%}"
        print(f"{name:12} {statistics.median(ratios):8.2f} {statistics.median(times):8.2f} {share}")


if __name__ == "__main__":
    main()
