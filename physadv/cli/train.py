"""``train`` hardens a victim; ``train-advgan`` trains a generator of attacks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from physadv.cli.options import (
    DataOption,
    DatasetOption,
    DefenseOption,
    DeviceOption,
    GoalOption,
    LimitOption,
    ScenesOption,
    SeedOption,
    SetOption,
    SplitOption,
    VictimOption,
    behind,
    out_folder,
)
from physadv.cli.streams import say
from physadv.cli.words import joined
from physadv.core.limits import MAX_STEPS


def train(
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="How: pgd, doa, roadside and others; see physadv list trainings.")
    ],
    out: Annotated[Path, out_folder("Folder of the new victim.")],
    victim: VictimOption = "gtsrb-cnn",
    name: Annotated[str, typer.Option(help="Name of the new victim. [default: VICTIM-METHOD]")] = "",
    attack: Annotated[str | None, typer.Option(help="Attack on the pictures, in place of the method's own.")] = None,
    option: SetOption = None,
    steps: Annotated[int, typer.Option(min=1, max=MAX_STEPS, help="Training steps.")] = 2000,
    scene: ScenesOption = None,
    dataset: DatasetOption = "gtsrb",
    split: SplitOption = None,
    data: DataOption = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write the learning curves for TensorBoard too.")
    ] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Harden a victim by adversarial training.

    Training begins with the victim's weights. Signs are shown in the scene wide if none is given. --set also gives
    learning_rate=0.001, attack.eps=0.03 or stickers.frames=64; card.attacked=100 makes a quicker model card, card=null
    one without figures. What is written is a victim: card, weights and model card. If it was stopped, the same command
    resumes.
    """
    from physadv.cli.progress import progress_bar
    from physadv.core.progress import Progress
    from physadv.training import train as trained
    from physadv.training import training_config
    from physadv.training.plots import tensorboard_listener

    words: dict[str, Any] = {"victim": victim, "name": name, "dataset": dataset, "split": split, "steps": steps}
    words |= {"method": method, "scenes": scene, "attack": attack, "seed": seed, "device": device}
    told = joined(words, option, into={"attack": "attack_options"})
    told = {key: value for key, value in told.items() if value is not None or key not in ("scenes", "attack")}
    config = training_config(**told)
    also = tensorboard_listener(out) if tensorboard else None
    with progress_bar() as bar:

        def listen(progress: Progress) -> None:
            bar(progress)
            if also:
                also(progress)

        made = trained(config, out, data=data, listener=listen)
    say(f"victim card: {out / made.name}.yaml")
    say(f"model card: {out / made.name}.md")


def train_generator(
    out: Annotated[Path, out_folder("Folder of the generator.")],
    victim: VictimOption = "gtsrb-cnn",
    defense: DefenseOption = None,
    goal: GoalOption = "untargeted",
    distilled: Annotated[
        bool,
        typer.Option("--distilled", help="Black box: take gradients from a student that learns the victim's scores."),
    ] = False,
    option: SetOption = None,
    dataset: DatasetOption = "gtsrb",
    split: SplitOption = None,
    limit: LimitOption = 4000,
    data: DataOption = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
) -> None:
    """Train AdvGAN's generator against a victim.

    physadv attack advgan --set generator=FOLDER applies it. --set also gives steps=2000 or student.every=100. If it was
    stopped, the same command resumes.
    """
    from physadv.attacks.advgan import AdvGanConfig
    from physadv.cli.progress import progress_bar
    from physadv.core.config import validate
    from physadv.evaluation.matrix.advgan_data import train_generator

    words = joined({"goal": goal, "distilled": distilled, "seed": seed, "device": device}, option)
    config = validate(AdvGanConfig, words, "physadv train-advgan")
    with progress_bar() as listener:
        train_generator(
            behind([victim], defense)[0],
            out,
            config=config,
            dataset=dataset,
            split=split,
            limit=limit,
            data=data,
            listener=listener,
        )
    say(f"next: physadv attack advgan --set generator={out} --victim {victim} --out results")
