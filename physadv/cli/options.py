"""Options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from physadv.core.files import check_file, check_writable
from physadv.core.number_format import with_interval

VictimOption = Annotated[
    str, typer.Option("--victim", metavar="NAME|CARD", help="A shipped victim's name, or the path of a victim card.")
]
DefenseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--defense", metavar="DEFENSE", help="A defence around every victim, such as jpeg:quality=75; may be repeated."
    ),
]
DeviceOption = Annotated[str, typer.Option(help="auto (a CUDA GPU if there is one), cpu, cuda, cuda:1, gpu or mps.")]
GoalOption = Annotated[
    str, typer.Option(metavar="GOAL", help="untargeted, targeted:CLASS, runner_up ...; see physadv list goals.")
]
SeedOption = Annotated[
    int, typer.Option(min=0, max=2**31 - 1, help="Seed of all that is drawn at random.", show_choices=False)
]

CalibrationOption = Annotated[
    Path | None, typer.Option(help="Colours of a printer and a camera: a file of physadv calibrate.")
]
DataOption = Annotated[Path | None, typer.Option(help="Folder of the data sets. [default: PHYSADV_DATA]")]


def out_folder(text: str) -> Any:
    """``--out`` of a command that writes a folder; one that cannot be written is refused before any work."""
    return typer.Option("--out", help=text, callback=lambda out: _checked(out, check_writable))


def out_file(text: str) -> Any:
    """``--out`` of a command that writes a file; one that cannot be written is refused before any work."""
    return typer.Option("--out", help=text, callback=lambda out: _checked(out, check_file))


def _checked(out: Path | None, check: Callable[[Path], None]) -> Path | None:
    if out is not None:
        check(out)
    return out


def behind(victims: list[str], defenses: list[str] | None) -> list[str]:
    """The victims' names with the defences around them, as :func:`physadv.defenses.load_victim` takes them."""
    if defenses:
        from physadv.defenses import build_defense

        for words in defenses:
            build_defense(words)
    return ["+".join([victim, *(defenses or ())]) for victim in victims]


def held_out(measured: Mapping[str, Any]) -> str:
    """Success on frames held out, as a patch's record has it: ``93.0 % (89.2 to 95.5) of 256``."""
    from physadv.core.statistics import wilson

    success, frames = measured["held_out_success"], measured["held_out_frames"]
    low, high = wilson(success * frames, frames)
    return f"{with_interval(success, low, high)} of {frames}"
